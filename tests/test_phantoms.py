"""The phantoms keep the promises of the table they implement, judged by pydicom and SimpleITK."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.phantoms import PET_SHAPE, PET_SUV_FACTOR, RAMP_CASES, pet_affine, pet_suv, write_pet, write_ramp

if TYPE_CHECKING:
    from pathlib import Path


def read(folder: Path) -> list[Any]:
    return [pydicom.dcmread(path) for path in sorted(folder.iterdir())]


def sorted_stack(folder: Path) -> list[Any]:
    """Slices along the normal of the first, by the formula of PS3.3 C.7.6.2.1.1."""
    slices = read(folder)
    axes = np.array(slices[0].ImageOrientationPatient, float)
    normal = np.cross(axes[:3], axes[3:])
    return sorted(slices, key=lambda s: float(normal @ np.array(s.ImagePositionPatient, float)))


ORIGINS_AND_FIRST_VALUES = {
    "G1": ((-10, -20, -30), 0),
    "G2": ((2, -20, -30), 4000),
    "G3": ((-10, -20, -30), 0),
    "G4": ((-10, -20, -30), 0),
    "G5": ((-10, -20, -30), 0),
    "G6": ((-10, -20, -30), 0),
    "G6b": ((-10, -20, -42), 4000),
    "G7": ((-10, -20, -30), 0),
    "G8": ((-10, -20, -30), 0),
    "G9": ((-10, -20, -30), 0),
    "G10": ((-10, -20, -30), 0),
    "G11": ((-10, -20, -30), 0),
}


@pytest.mark.parametrize("case", RAMP_CASES)
def test_that_every_ramp_case_has_the_origin_and_first_value_of_the_table(tmp_path: Path, case: str) -> None:
    first = sorted_stack(write_ramp(tmp_path, case))[0]
    origin, value = ORIGINS_AND_FIRST_VALUES[case]
    assert np.allclose(np.array(first.ImagePositionPatient, float), origin, atol=1e-9)
    assert first.pixel_array[0, 0] == value


def test_that_order_and_thickness_of_the_ramp_mislead_who_trusts_them(tmp_path: Path) -> None:
    stack = sorted_stack(write_ramp(tmp_path))
    assert [s.InstanceNumber for s in stack] == [5, 4, 3, 2, 1]
    assert {float(s.SliceThickness) for s in stack} == {5.0}
    assert stack[1].pixel_array[2, 3] == 1230


@pytest.mark.parametrize("case", ["G1", "G2", "G4", "G9"])
def test_that_rows_are_two_and_columns_one_millimetre_apart(tmp_path: Path, case: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    write_ramp(tmp_path, case)
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(tmp_path)))
    image = reader.Execute()
    assert np.allclose(image.GetSpacing(), (1, 2, 3))
    # G1's corner is the table's; the other reader computes it from its own geometry.
    if case == "G1":
        assert np.allclose(image.TransformIndexToPhysicalPoint((7, 5, 4)), (-3, -10, -18))
    if case == "G4":
        corner = image.TransformIndexToPhysicalPoint((7, 5, 4))
        assert np.allclose(corner, (-4.02541, -13.57219, -15.30349), atol=1e-5)


def test_that_the_tilted_ramp_has_the_tabled_gaps_and_corner(tmp_path: Path) -> None:
    stack = sorted_stack(write_ramp(tmp_path, "G5"))
    axes = np.array(stack[0].ImageOrientationPatient, float)
    step = np.subtract(stack[1].ImagePositionPatient, stack[0].ImagePositionPatient).astype(float)
    assert np.cross(axes[:3], axes[3:]) @ step == pytest.approx(2.8978, abs=1e-4)
    assert axes[3:] @ step == pytest.approx(-0.7765, abs=1e-4)
    corner = np.array(stack[4].ImagePositionPatient, float) + 7 * 1 * axes[:3] + 5 * 2 * axes[3:]
    assert np.allclose(corner, (-3.0, -10.3407, -20.5882), atol=1e-4)


def test_that_the_head_ramp_has_three_spacings_and_the_oblique_one_its_normal(tmp_path: Path) -> None:
    stack = sorted_stack(write_ramp(tmp_path / "a", "G11"))
    axes = np.array(stack[0].ImageOrientationPatient, float)
    normal = np.cross(axes[:3], axes[3:])
    gaps = np.diff([normal @ np.array(s.ImagePositionPatient, float) for s in stack])
    assert np.allclose(gaps, [4.002] * 13 + [1.081] + [6.999] * 13, atol=1e-3)
    axes = np.array(sorted_stack(write_ramp(tmp_path / "b", "G4"))[0].ImageOrientationPatient, float)
    assert np.allclose(np.cross(axes[:3], axes[3:]), (0.0594, -0.3368, 0.9397), atol=1e-4)


@pytest.mark.parametrize(
    "syntax",
    [
        ImplicitVRLittleEndian,
        ExplicitVRBigEndian,
        DeflatedExplicitVRLittleEndian,
        RLELossless,
        JPEGLosslessSV1,
        JPEGLSLossless,
        JPEG2000Lossless,
    ],
)
def test_that_every_transfer_syntax_holds_the_same_values(tmp_path: Path, syntax: str) -> None:
    sitk = pytest.importorskip("SimpleITK")
    write_ramp(tmp_path, transfer_syntax=syntax)
    image = sitk.ReadImage(str(tmp_path / "im0004.dcm"))  # k = 1
    assert pydicom.dcmread(tmp_path / "im0004.dcm").file_meta.TransferSyntaxUID == syntax
    assert sitk.GetArrayFromImage(image)[0, 2, 3] == 1230


def test_that_the_enhanced_ramp_holds_the_tabled_values_out_of_order(tmp_path: Path) -> None:
    (enhanced,) = read(write_ramp(tmp_path, "E1"))
    values = {}
    for frame, pixels in zip(
        enhanced.PerFrameFunctionalGroupsSequence, enhanced.pixel_array.astype(int), strict=True
    ):
        transform = frame.PixelValueTransformationSequence[0]
        z = float(frame.PlanePositionSequence[0].ImagePositionPatient[2])
        values[z] = pixels[0, 0] * float(transform.RescaleSlope) + float(transform.RescaleIntercept)
    assert list(values) != sorted(values)
    assert [values[z] for z in sorted(values)] == [-1000, 1000, 3000, 5000, 7000]


def test_that_the_pet_gives_its_suv_back_with_a_slope_per_slice(tmp_path: Path) -> None:
    stack = sorted_stack(write_pet(tmp_path))
    assert len({float(s.RescaleSlope) for s in stack}) == PET_SHAPE[0]
    # The closed form, from the header alone: W / (D 2^(-t/T)).
    item = stack[0].RadiopharmaceuticalInformationSequence[0]
    dose = float(item.RadionuclideTotalDose) * 2 ** (-3600 / float(item.RadionuclideHalfLife))
    assert float(stack[0].PatientWeight) * 1000 / dose == pytest.approx(PET_SUV_FACTOR, rel=1e-7)
    x, y, z = (pet_affine() @ (3, 4, 5, 1))[:3]
    stored = int(stack[3].pixel_array[4, 5])
    assert stored * float(stack[3].RescaleSlope) * PET_SUV_FACTOR == pytest.approx(pet_suv(x, y, z), abs=4e-4)


def test_that_the_pet_shares_the_frame_of_reference_and_covers_the_ramp(tmp_path: Path) -> None:
    ct, pet = (read(write(tmp_path / name))[0] for name, write in (("ct", write_ramp), ("pet", write_pet)))
    assert (ct.FrameOfReferenceUID, ct.StudyInstanceUID) == (pet.FrameOfReferenceUID, pet.StudyInstanceUID)
    assert ct.SeriesInstanceUID != pet.SeriesInstanceUID
    last = pet_affine() @ (*np.subtract(PET_SHAPE, 1), 1)
    assert (pet_affine()[:3, 3] < (-10, -20, -30)).all()
    assert (last[:3] > (-3, -10, -18)).all()


def test_that_attributes_can_be_replaced_removed_and_given_per_slice(tmp_path: Path) -> None:
    folder = write_pet(
        tmp_path, RadionuclideTotalDose=1.0, PatientWeight=None, AcquisitionTime=lambda k: f"1100{k:02d}"
    )
    stack = sorted_stack(folder)
    assert stack[0].RadiopharmaceuticalInformationSequence[0].RadionuclideTotalDose == 1
    assert "PatientWeight" not in stack[0]
    assert [s.AcquisitionTime for s in stack][:2] == ["110000", "110001"]
