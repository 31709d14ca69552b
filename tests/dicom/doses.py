"""Dose grids written by plain pydicom, for tests and as input of other programs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ImplicitVRLittleEndian, RTDoseStorage

from tests.phantoms import uid_of


def write_dose(
    path: Path,
    stored: npt.NDArray[Any],
    *,
    origin_mm: Sequence[float] = (-10.0, -20.0, -30.0),
    spacing_mm: tuple[float, float] = (2.0, 1.0),
    offsets_mm: Sequence[float],
    scaling: float | None = 0.0005,
    orientation: Sequence[float] = (1, 0, 0, 0, 1, 0),
    frame_of_reference: str = "",
    **attributes: Any,
) -> Path:
    """Write a dose; stored is (k, j, i) uint16 or uint32, offsets are the Grid Frame Offset Vector."""
    dataset = Dataset()
    dataset.SOPClassUID, dataset.SOPInstanceUID = RTDoseStorage, uid_of(path.name)
    dataset.StudyInstanceUID = uid_of("ramp", "study")
    dataset.SeriesInstanceUID = uid_of(path.name, "series")
    dataset.Modality, dataset.PatientID, dataset.PatientName = "RTDOSE", "PHANTOM", "Phantom"
    dataset.FrameOfReferenceUID = frame_of_reference or uid_of("ramp", "frame")
    dataset.ImagePositionPatient, dataset.ImageOrientationPatient = list(origin_mm), list(orientation)
    dataset.PixelSpacing = list(spacing_mm)
    dataset.SliceThickness = ""
    dataset.NumberOfFrames, dataset.Rows, dataset.Columns = stored.shape
    dataset.FrameIncrementPointer = 0x3004000C
    dataset.GridFrameOffsetVector = list(offsets_mm)
    bits = stored.dtype.itemsize * 8
    dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
    dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit = bits, bits, bits - 1
    dataset.PixelRepresentation = 0
    dataset.DoseUnits, dataset.DoseType, dataset.DoseSummationType = "GY", "PHYSICAL", "PLAN"
    if scaling is not None:
        dataset.DoseGridScaling = scaling
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.PixelData = np.ascontiguousarray(stored).tobytes()
    dataset["PixelData"].VR = "OW"
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = ImplicitVRLittleEndian
    dataset.file_meta.MediaStorageSOPClassUID = RTDoseStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
    dataset.save_as(path, enforce_file_format=True)
    return path
