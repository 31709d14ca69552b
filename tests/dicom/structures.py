"""Segmentations and structure sets written by other programs' rules: highdicom for SEG, plain pydicom for RTSTRUCT."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTStructureSetStorage

from tests.needs import library
from tests.phantoms import uid_of


def source_images(folder: Path) -> list[Dataset]:
    """Data sets of a series, sorted along z."""
    found = [pydicom.dcmread(path) for path in folder.rglob("*") if path.is_file()]
    for image in found:
        for keyword in ("AccessionNumber", "StudyID", "StudyDate", "StudyTime", "ReferringPhysicianName"):
            image.setdefault(keyword, "")
    return sorted(found, key=lambda image: float(image.ImagePositionPatient[2]))


def write_seg(
    path: Path, source: Sequence[Dataset], masks: npt.NDArray[Any], kind: str = "BINARY", **options: Any
) -> Path:
    """Write a segmentation by highdicom; masks are (k, j, i, segment), or (k, j, i) labels of a LABELMAP."""
    highdicom = library("highdicom")
    sr = library("highdicom.sr.coding")
    count = masks.shape[3] if masks.ndim == 4 else int(masks.max())
    described = [
        highdicom.seg.SegmentDescription(
            n + 1,
            f"part {n + 1}",
            sr.CodedConcept("85756007", "SCT", "Tissue"),
            sr.CodedConcept("10200004", "SCT", "Liver"),
            highdicom.seg.SegmentAlgorithmTypeValues.MANUAL,
            display_color=highdicom.color.CIELabColor.from_rgb(200, 30 + 100 * n, 60),
        )
        for n in range(count)
    ]
    written = highdicom.seg.Segmentation(
        source_images=list(source),
        pixel_array=masks,
        segmentation_type=kind,
        segment_descriptions=described,
        series_instance_uid=uid_of(path.name, "series"),
        series_number=9,
        sop_instance_uid=uid_of(path.name),
        instance_number=1,
        manufacturer="Test",
        manufacturer_model_name="Test",
        software_versions="1",
        device_serial_number="1",
        **options,
    )
    written.save_as(path)
    return path


def write_structures(
    path: Path,
    regions: dict[str, Sequence[npt.ArrayLike]],
    *,
    frame_of_reference: str,
    study: str = "",
    series: str = "",
    kinds: dict[str, str] | None = None,
) -> Path:
    """Write a structure set: name to its contours, each (n, 3) mm; all closed unless `kinds` says otherwise."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = RTStructureSetStorage, uid_of(path.name)
    dataset.StudyInstanceUID = study or uid_of("ramp", "study")
    dataset.SeriesInstanceUID = uid_of(path.name, "series")
    dataset.Modality, dataset.StructureSetLabel = "RTSTRUCT", "plan"
    dataset.PatientID, dataset.PatientName = "PHANTOM", "Phantom"
    reference, rt_study, rt_series = Dataset(), Dataset(), Dataset()
    reference.FrameOfReferenceUID = frame_of_reference
    rt_series.SeriesInstanceUID = series
    rt_study.RTReferencedSeriesSequence = [rt_series]
    reference.RTReferencedStudySequence = [rt_study]
    dataset.ReferencedFrameOfReferenceSequence = [reference]
    dataset.StructureSetROISequence, dataset.ROIContourSequence = [], []
    dataset.RTROIObservationsSequence = []
    for number, (name, contours) in enumerate(regions.items(), 1):
        roi, drawn, observed = Dataset(), Dataset(), Dataset()
        roi.ROINumber, roi.ROIName, roi.ReferencedFrameOfReferenceUID = number, name, frame_of_reference
        drawn.ReferencedROINumber, drawn.ROIDisplayColor = number, [10, 200, 30]
        drawn.ContourSequence = []
        for contour in contours:
            points = np.asarray(contour, dtype=float)
            item = Dataset()
            item.ContourGeometricType = (kinds or {}).get(name, "CLOSED_PLANAR")
            item.NumberOfContourPoints = len(points)
            # Written as raw text: a decimal string object for each number of a million takes minutes.
            whole = np.array_equal(points, np.rint(points))
            values = points.astype(int).ravel().tolist() if whole else np.round(points, 4).ravel().tolist()
            text = "\\".join(map(str, values)).encode()
            text += b" " * (len(text) % 2)
            item.add_new(0x30060050, "UN", text)
            drawn.ContourSequence.append(item)
        observed.ObservationNumber = observed.ReferencedROINumber = number
        observed.RTROIInterpretedType = "GTV"
        dataset.StructureSetROISequence.append(roi)
        dataset.ROIContourSequence.append(drawn)
        dataset.RTROIObservationsSequence.append(observed)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = RTStructureSetStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path
