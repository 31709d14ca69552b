"""Writing structures as DICOM structure sets, and what they have in common with segmentations (rules I06, I11).

Patient, study and frame of reference are copied from the images the structures belong to; an image or a file that was
read is never written over.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from viewer.atomic import written_aside
from viewer.dicom.careful import careful_pydicom, quiet_pydicom
from viewer.dicom.evidence import check_target, evidence_header, patient_and_study
from viewer.dicom.model import Stack
from viewer.dicom.structure_facts import UNKNOWN, Colour, SegmentIdentity
from viewer.errors import ExportError
from viewer.imaging.contours import ContourSet
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.labelmap import Mask
from viewer.imaging.outlines import outlines

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

NAME = "Triptych"
NO_IMAGES = (
    "The images are not DICOM files, so nothing DICOM can refer to them. Save the labels as NIfTI instead."
)
SERIES_NUMBER = 9200
LABEL_LENGTH = 64
_DECIMALS = 3


@dataclass(frozen=True, eq=False)
class SavedStructure:
    """One structure to be written.

    Parameters
    ----------
    name, colour
        As shown.
    body
        Voxels or contours in the space of the images.
    identity
        What it is and what made it.
    """

    name: str
    colour: Colour
    body: Mask | ContourSet
    identity: SegmentIdentity = UNKNOWN


def write_structure_set(
    target: Path, structures: Sequence[SavedStructure], stack: Stack, description: str = "Structures"
) -> None:
    """Write an RT structure set; voxels become contours along their edges, so that they keep their area.

    Parameters
    ----------
    target
        File to make.
    structures
        At least one.
    stack
        The images, DICOM files.
    description
        SeriesDescription (0008,103E).

    Raises
    ------
    ExportError
        There is nothing to write, the images cannot be read, or the file cannot be written.
    """
    check_target(target, (frame.path for frame in stack.frames))
    sources = source_headers(stack)
    contours = [_contours_of(structure.body) for structure in structures]
    if not any(contours):
        raise ExportError("The structures have no contour; nothing was written.")
    with careful_pydicom("The structure set"):
        dataset = _structure_set(structures, contours, stack, sources, description)
    with written_aside(target) as aside, quiet_pydicom():
        dataset.save_as(aside, enforce_file_format=True)


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


def source_headers(stack: Stack) -> list[Dataset]:
    """Headers of the images, each file once, in the order of the stack.

    Raises
    ------
    ExportError
        They are not DICOM files, cannot be read any more, or name no frame of reference.
    """
    if stack.source is not None or not stack.frames:
        raise ExportError(NO_IMAGES)
    found = [evidence_header(path) for path in dict.fromkeys(frame.path for frame in stack.frames)]
    if not all(dataset.get("FrameOfReferenceUID") for dataset in found):
        raise ExportError(
            "The images name no frame of reference, so DICOM has no place for their structures."
        )
    return found


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
    dataset = patient_and_study(first)
    for keyword in ("FrameOfReferenceUID", "PositionReferenceIndicator"):
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
        roi.ROINumber, roi.ROIName = number, structure.name[:LABEL_LENGTH] or f"Structure {number}"
        roi.ReferencedFrameOfReferenceUID = first.FrameOfReferenceUID
        roi.ROIGenerationAlgorithm = structure.identity.algorithm_type or "MANUAL"
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
