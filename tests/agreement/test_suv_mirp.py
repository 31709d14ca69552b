"""SUV factors against mirp, a library for image features that converts PET units by rules of its own."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import RealData
from tests.dicom.reading import catalogue_of
from tests.needs import library
from tests.phantoms import uid_of, write_pet
from viewer.dicom.model import Series, Stack

NOT_CORRECTED = ["NORM", "DTIM", "ATTN", "SCAT", "RAN"]
MEAN_MS = 149_605.3
"""Milliseconds into a frame of 5 minutes at which F-18 has its mean activity."""
CASES: Mapping[str, dict[str, Any]] = {
    "START": {},
    "START, a bed 18 minutes later": {
        "AcquisitionTime": "111800",
        "FrameReferenceTime": 18 * 60_000 + MEAN_MS,
    },
    "START, injected before midnight": {
        "RadiopharmaceuticalStartTime": "233000",
        "RadiopharmaceuticalStartDateTime": "20241231233000",
        "SeriesTime": "003000",
        "AcquisitionTime": "003000",
    },
    "ADMIN": {"DecayCorrection": "ADMIN"},
    "NONE": {"DecayCorrection": "NONE", "CorrectedImage": NOT_CORRECTED},
    "SUV already": {"Units": "GML", "SUVType": "BW"},
    "another weight, dose and nuclide": {
        "PatientWeight": 92.5,
        "RadionuclideTotalDose": 151e6,
        "RadionuclideHalfLife": 4057.7,
        "RadionuclideCodeSequence": None,
    },
}


def mirp_factor(path: Path) -> float:
    """What mirp multiplies the rescaled values of a slice with to get g/mL by body weight."""
    library("mirp")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from mirp._data_import.dicom_file_pet import ImageDicomFilePT

        image = ImageDicomFilePT(file_path=str(path))
        image.load_metadata()
        return float(image._to_gml_conversion_factor())


def our_factors(stack: Stack) -> list[float]:
    assert stack.suv is not None, stack.suv_note
    return list(stack.suv.slice_factors)


def pet_of(folder: Path) -> Series:
    (series,) = [s for study in catalogue_of(folder).studies for s in study.series if s.modality == "PT"]
    return series


@pytest.mark.parametrize("case", CASES)
def test_that_D02_D03_D04_D05_mirp_has_the_same_factor(case: str, tmp_path: Path) -> None:
    (stack,) = pet_of(write_pet(tmp_path, **CASES[case])).stacks
    for frame, factor in zip(stack.frames, our_factors(stack), strict=True):
        assert factor == pytest.approx(mirp_factor(frame.path), rel=1e-6)


def test_that_D05_mirp_has_the_same_factor_for_every_time_of_a_dynamic_pet(tmp_path: Path) -> None:
    for n, minutes in enumerate((0, 20, 45)):
        write_pet(
            tmp_path / str(n),
            SOPInstanceUID=lambda k, n=n: uid_of("dynamic", n, k),
            AcquisitionTime=f"11{minutes:02d}00",
            FrameReferenceTime=minutes * 60_000 + MEAN_MS,
        )
    stacks = pet_of(tmp_path).stacks
    assert len(stacks) == 3
    for stack in stacks:
        for frame, factor in zip(stack.frames, our_factors(stack), strict=True):
            assert factor == pytest.approx(mirp_factor(frame.path), rel=1e-6)


def test_that_D05_mirp_has_the_same_factor_for_a_real_pet(real_data: RealData) -> None:
    catalogue = catalogue_of(real_data("petct-acrin"))
    (series,) = [s for study in catalogue.studies for s in study.series if s.description == "PET AC"]
    (stack,) = series.stacks
    for k in (0, len(stack.frames) // 2, len(stack.frames) - 1):
        assert our_factors(stack)[k] == pytest.approx(mirp_factor(stack.frames[k].path), rel=1e-4)
