"""Writing structures as DICOM: segmentations by highdicom, structure sets by pydicom alone (rules I06, I11).

Patient, study and frame of reference are copied from the images the structures belong to; an image or a file that was
read is never written over.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from viewer.atomic import written_aside
from viewer.dicom.careful import careful_pydicom, quiet_pydicom
from viewer.dicom.model import Stack
from viewer.dicom.structure_facts import Colour
from viewer.errors import ExportError, ViewerError
from viewer.imaging.contours import ContourSet
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.labelmap import Mask
from viewer.imaging.outlines import outlines

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

NAME = "Triptych"
NO_HIGHDICOM = (
    "Segmentations are written with the Python package highdicom, which is not installed "
    "(pip install highdicom; it needs Python 3.13 or older). A structure set or NIfTI file needs nothing more."
)
NO_IMAGES = (
    "The images are not DICOM files, so nothing DICOM can refer to them. Save the labels as NIfTI instead."
)
SERIES_NUMBER = 9200
_LABEL_LENGTH = 64
_DECIMALS = 3
_TISSUE = ("85756007", "SCT", "Tissue")
_TRIAL_GROUP, _TRIAL_LAST = 0x0012, 0x0042
"""Clinical Trial Subject module (PS3.3 C.7.1.3): its group, and its last element."""
_COPIED = (
    "SpecificCharacterSet",
    "PatientName",
    "PatientID",
    "IssuerOfPatientID",
    "PatientBirthDate",
    "PatientSex",
    "PatientAge",
    "StudyInstanceUID",
    "StudyID",
    "StudyDate",
    "StudyTime",
    "StudyDescription",
    "AccessionNumber",
    "ReferringPhysicianName",
    "FrameOfReferenceUID",
    "PositionReferenceIndicator",
)


@dataclass(frozen=True, eq=False)
class SavedStructure:
    """One structure to be written.

    Parameters
    ----------
    name, colour
        As shown.
    body
        Voxels or contours in the space of the images.
    algorithm
        Name of the model that made it; empty for one made by hand.
    """

    name: str
    colour: Colour
    body: Mask | ContourSet
    algorithm: str = ""


def write_segmentation(
    target: Path, structures: Sequence[SavedStructure], stack: Stack, description: str = "Segmentation"
) -> None:
    """Write a DICOM segmentation: one binary segment a structure, which may overlap.

    Parameters
    ----------
    target
        File to make.
    structures
        At least one. When all are voxels of one grid that grid is kept, else they are put on the grid of the images.
    stack
        The images, DICOM files.
    description
        SeriesDescription (0008,103E).

    Raises
    ------
    ExportError
        highdicom is missing, there is nothing to write, the images cannot be read, or the file cannot be written.
    """
    try:
        import highdicom  # noqa: F401
    except ImportError as error:
        raise ExportError(NO_HIGHDICOM) from error
    check_target(target, (frame.path for frame in stack.frames))
    sources = _sources(stack)
    geometry, masks = on_one_grid(structures, stack.geometry)
    if not any(mask.voxels for mask in masks):
        raise ExportError("The structures have no voxel on these images; nothing was written.")
    try:
        with quiet_pydicom():
            dataset = _segmentation(structures, masks, geometry, sources, description)
    except (AttributeError, TypeError, ValueError, KeyError, IndexError) as error:
        raise ExportError("The segmentation cannot be put together from these images.") from error
    with written_aside(target) as aside, quiet_pydicom():
        dataset.save_as(aside, enforce_file_format=True)


def write_structure_set(
    target: Path, structures: Sequence[SavedStructure], stack: Stack, description: str = "Structures"
) -> None:
    """Write an RT structure set; voxels become contours along their edges, so that they keep their area.

    Parameters
    ----------
    target, structures, stack, description
        As for `write_segmentation`.

    Raises
    ------
    ExportError
        There is nothing to write, the images cannot be read, or the file cannot be written.
    """
    check_target(target, (frame.path for frame in stack.frames))
    sources = _sources(stack)
    contours = [_contours_of(structure.body) for structure in structures]
    if not any(contours):
        raise ExportError("The structures have no contour; nothing was written.")
    with careful_pydicom("The structure set"):
        dataset = _structure_set(structures, contours, stack, sources, description)
    with written_aside(target) as aside, quiet_pydicom():
        dataset.save_as(aside, enforce_file_format=True)


def check_target(target: Path, inputs: Iterable[Path]) -> None:
    """Refuse a target that is one of the files that were read (rule I11).

    Raises
    ------
    ExportError
        It is.
    """
    if target.exists() and any(path.exists() and target.samefile(path) for path in inputs):
        raise ExportError("A file that was opened is never written over. Choose another name.")


def on_one_grid(
    structures: Sequence[SavedStructure], images: VolumeGeometry
) -> tuple[VolumeGeometry, list[Mask]]:
    """The structures as masks of one grid: their own when they share it, else that of the images."""
    bodies = [structure.body for structure in structures]
    grids = {id(body.geometry): body.geometry for body in bodies if isinstance(body, Mask)}
    if len(grids) == 1 and all(isinstance(body, Mask) for body in bodies):
        geometry = next(iter(grids.values()))
    else:
        geometry = images
    return geometry, [
        body.on(geometry)
        if isinstance(body, Mask)
        else body.with_spacing(images.spacing_mm[0]).mask(geometry)
        for body in bodies
    ]


def _sources(stack: Stack) -> list[Dataset]:
    """Headers of the images, each file once, in the order of the stack."""
    from pydicom import dcmread

    if stack.source is not None or not stack.frames:
        raise ExportError(NO_IMAGES)
    found: list[Dataset] = []
    try:
        for path in dict.fromkeys(frame.path for frame in stack.frames):
            with careful_pydicom("The image"):
                found.append(dcmread(path, stop_before_pixels=True))
    except (OSError, ViewerError) as error:
        raise ExportError("An image of the series cannot be read any more; nothing was written.") from error
    for dataset in found:
        if not dataset.get("ClinicalTrialSponsorName"):
            # De-identified images keep an empty module, which is not allowed and would be copied.
            for element in tuple(dataset.group_dataset(_TRIAL_GROUP)):
                if element.tag.element <= _TRIAL_LAST:
                    del dataset[element.tag]
        # Files without them still have a place to be written at.
        for keyword in (
            "PatientID",
            "PatientName",
            "PatientBirthDate",
            "PatientSex",
            "StudyID",
            "StudyDate",
            "StudyTime",
            "AccessionNumber",
            "ReferringPhysicianName",
        ):
            if keyword not in dataset:
                setattr(dataset, keyword, None)
        if not dataset.get("FrameOfReferenceUID"):
            raise ExportError(
                "The images name no frame of reference, so DICOM has no place for their structures."
            )
    return found


# --- Segmentation ------------------------------------------------------------------------------------------------


def _segmentation(
    structures: Sequence[SavedStructure],
    masks: Sequence[Mask],
    geometry: VolumeGeometry,
    sources: list[Dataset],
    description: str,
) -> Any:
    import highdicom as hd
    from pydicom.uid import generate_uid

    first = min(mask.corner[0] for mask in masks if mask.voxels)
    last = max(mask.corner[0] + mask.block.shape[0] for mask in masks if mask.voxels)
    pixels = np.zeros((last - first, *geometry.shape[1:], len(masks)), np.uint8)
    for n, mask in enumerate(masks):
        k, j, i = mask.slices
        if mask.voxels:
            pixels[k.start - first : k.stop - first, j, i, n] = mask.block
    columns = geometry.patient_from_index[:3, 2] / geometry.spacing_mm[2]
    rows = geometry.patient_from_index[:3, 1] / geometry.spacing_mm[1]
    positions = [
        hd.PlanePositionSequence(
            "PATIENT", [round(float(x), 6) for x in geometry.to_patient(np.array([k, 0.0, 0.0]))]
        )
        for k in range(first, last)
    ]
    spacing = geometry.spacing_mm[0]
    result = hd.seg.Segmentation(
        source_images=sources,
        pixel_array=pixels,
        segmentation_type="BINARY",
        segment_descriptions=[_segment(n, structure) for n, structure in enumerate(structures, 1)],
        series_instance_uid=generate_uid(prefix=None),
        series_number=SERIES_NUMBER,
        sop_instance_uid=generate_uid(prefix=None),
        instance_number=1,
        manufacturer=NAME,
        manufacturer_model_name=NAME,
        software_versions=NAME,
        device_serial_number="1",
        content_label="SEGMENTATION",
        pixel_measures=hd.PixelMeasuresSequence(
            (geometry.spacing_mm[1], geometry.spacing_mm[2]),
            slice_thickness=spacing,
            spacing_between_slices=spacing if geometry.uniform else None,
        ),
        plane_orientation=hd.PlaneOrientationSequence("PATIENT", [float(x) for x in (*columns, *rows)]),
        plane_positions=positions,
    )
    result.SeriesDescription = description
    return result


def _segment(number: int, structure: SavedStructure) -> Any:
    import highdicom as hd

    tissue = hd.sr.CodedConcept(*_TISSUE)
    identification = None
    if structure.algorithm:
        identification = hd.AlgorithmIdentificationSequence(
            structure.algorithm[:_LABEL_LENGTH],
            hd.sr.CodedConcept("123110", "DCM", "Artificial Intelligence"),
            "1",
        )
    return hd.seg.SegmentDescription(
        number,
        structure.name[:_LABEL_LENGTH] or f"Structure {number}",
        tissue,
        tissue,
        "AUTOMATIC" if structure.algorithm else "MANUAL",
        algorithm_identification=identification,
        tracking_uid=_uid(),
        tracking_id=(structure.name or f"Structure {number}")[:_LABEL_LENGTH],
        display_color=hd.color.CIELabColor.from_rgb(*structure.colour),
    )


def _uid() -> str:
    from pydicom.uid import generate_uid

    return str(generate_uid(prefix=None))


# --- Structure set -----------------------------------------------------------------------------------------------


def _contours_of(body: Mask | ContourSet) -> list[FloatArray]:
    """(n, 3) LPS contours."""
    if isinstance(body, ContourSet):
        return [contour for plane in body.planes for contour in body.in_patient(plane)]
    found = []
    for n, plane in enumerate(body.block):
        for outline in outlines(plane):
            index = np.column_stack([np.full(len(outline), n, np.float64), outline]) + body.corner
            found.append(body.geometry.to_patient(index))
    return found


def _structure_set(
    structures: Sequence[SavedStructure],
    contours: Sequence[Sequence[FloatArray]],
    stack: Stack,
    sources: Sequence[Dataset],
    description: str,
) -> Dataset:
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.uid import PYDICOM_IMPLEMENTATION_UID, ImplicitVRLittleEndian, RTStructureSetStorage

    first = sources[0]
    dataset = Dataset()
    for keyword in _COPIED:
        if keyword in first:
            dataset[keyword] = first[keyword]
    dataset.SOPClassUID, dataset.SOPInstanceUID = RTStructureSetStorage, _uid()
    dataset.SeriesInstanceUID, dataset.SeriesNumber, dataset.InstanceNumber = _uid(), SERIES_NUMBER, 1
    dataset.Modality, dataset.SeriesDescription = "RTSTRUCT", description
    dataset.Manufacturer = dataset.ManufacturerModelName = dataset.SoftwareVersions = NAME
    dataset.OperatorsName = ""
    date, time = _now()
    dataset.SeriesDate = dataset.InstanceCreationDate = dataset.StructureSetDate = date
    dataset.SeriesTime = dataset.InstanceCreationTime = dataset.StructureSetTime = time
    dataset.StructureSetLabel, dataset.ApprovalStatus = description[:16], "UNAPPROVED"
    dataset.ReferencedFrameOfReferenceSequence = [_referenced(first, sources)]
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    dataset.RTROIObservationsSequence = []
    for number, (structure, own) in enumerate(zip(structures, contours, strict=True), 1):
        roi, drawn, observed = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName = number, structure.name[:_LABEL_LENGTH] or f"Structure {number}"
        roi.ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
        roi.ROIGenerationAlgorithm = "AUTOMATIC" if structure.algorithm else "MANUAL"
        drawn.ReferencedROINumber, drawn.ROIDisplayColor = number, list(structure.colour)
        if own:
            drawn.ContourSequence = [_contour(points, stack, sources) for points in own]
        observed.ObservationNumber = observed.ReferencedROINumber = number
        observed.RTROIInterpretedType, observed.ROIInterpreter = "", ""
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(drawn)
        dataset.RTROIObservationsSequence.append(observed)
    dataset.file_meta = FileMetaDataset()
    # Explicit value representations have no room for contours of more than 64 KiB.
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.file_meta.ImplementationClassUID = PYDICOM_IMPLEMENTATION_UID
    return dataset


def _referenced(first: Dataset, sources: Sequence[Dataset]) -> Dataset:
    from pydicom.dataset import Dataset

    frame, study, series = Dataset(), Dataset(), Dataset()
    series.SeriesInstanceUID = first.SeriesInstanceUID
    series.ContourImageSequence = [_image(source) for source in sources]
    study.ReferencedSOPClassUID = "1.2.840.10008.3.1.2.3.1"
    study.ReferencedSOPInstanceUID = first.StudyInstanceUID
    study.RTReferencedSeriesSequence = [series]
    frame.FrameOfReferenceUID = first.FrameOfReferenceUID
    frame.RTReferencedStudySequence = [study]
    return frame


def _image(source: Dataset) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    item.ReferencedSOPClassUID, item.ReferencedSOPInstanceUID = source.SOPClassUID, source.SOPInstanceUID
    return item


def _contour(points: FloatArray, stack: Stack, sources: Sequence[Dataset]) -> Dataset:
    from pydicom.dataset import Dataset

    item = Dataset()
    if len(sources) == len(stack.frames):
        k = int(np.clip(np.rint(stack.geometry.to_index(points.mean(axis=0))[0]), 0, len(sources) - 1))
        item.ContourImageSequence = [_image(sources[k])]
    item.ContourGeometricType, item.NumberOfContourPoints = "CLOSED_PLANAR", len(points)
    item.ContourData = [f"{value:.{_DECIMALS}f}" for value in points.ravel().tolist()]
    return item


def _now() -> tuple[str, str]:
    from datetime import datetime

    moment = datetime.now().astimezone()
    return moment.strftime("%Y%m%d"), moment.strftime("%H%M%S")
