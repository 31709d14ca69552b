"""The comparison itself: it must agree where we are right, explain only what is known, and catch every fault of ours.

The other programs are the oracles; what is tested is that their word reaches the verdict. Faults are put into our own
reading on purpose, also into stacks where a difference is expected, so that no explanation can cover one.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import RealData
from tests.dicom.reading import filled, only_stack, stacks_of
from tests.phantoms import ramp_affine, ramp_array, write_pet, write_ramp, write_series
from viewer.dicom.index import Indexer
from viewer.dicom.model import Stack
from viewer.dicom.value_maps import ValueMap
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Volume
from viewer.verification.checks import Check, Verdict, compare_values
from viewer.verification.itk import itk_checks
from viewer.verification.niix import niix_checks
from viewer.verification.subject import Subject
from viewer.verification.suv_objects import suv_checks
from viewer.verification.tools import ToolError, available, run

pytestmark = pytest.mark.skipif(
    any(tool.missing for tool in available()), reason="SimpleITK or dcm2niix is missing"
)

BOTH = {"SimpleITK": itk_checks, "dcm2niix": niix_checks}


def subject_of(folder: Path) -> Subject:
    stack = only_stack(folder)
    return Subject(stack, filled(stack))


def ask(subject: Subject, tool: str) -> dict[str, Check]:
    return {check.name: check for check in BOTH[tool](subject, subject.stack.frames)}


def odd(checks: dict[str, Check]) -> dict[str, Verdict]:
    """Verdicts of the checks that are not plain agreement."""
    return {name: check.verdict for name, check in checks.items() if check.verdict is not Verdict.AGREE}


# --- Agreement and explanation -----------------------------------------------------------------------------------


@pytest.mark.parametrize("tool", BOTH)
@pytest.mark.parametrize("case", ["G1", "G2", "G4", "G6b", "G9"])
def test_that_A07_A19_stacks_in_any_orientation_agree(case: str, tool: str, tmp_path: Path) -> None:
    checks = ask(subject_of(write_ramp(tmp_path, case)), tool)
    assert not odd(checks)
    wanted = {"slices", "voxel centres", "value range", "values"}
    assert set(checks) == (wanted | {"slice order", "grid"} if tool == "SimpleITK" else wanted)
    assert checks["values"].ours == "240 voxels"
    assert checks["values"].theirs == "all equal"


@pytest.mark.parametrize("tool", BOTH)
def test_that_A14_a_single_slice_agrees(tool: str, tmp_path: Path) -> None:
    assert not odd(ask(subject_of(write_ramp(tmp_path, "G8")), tool))


def test_that_A17_the_rectangular_grid_of_a_tilted_stack_is_explained(tmp_path: Path) -> None:
    checks = ask(subject_of(write_ramp(tmp_path, "G5")), "SimpleITK")
    assert odd(checks) == {"grid": Verdict.EXPLAINED}
    assert "shear of 15.0 degrees" in checks["grid"].reason
    # After four steps of 3 mm: 12 * 2 * sin(7.5 deg) from the normal.
    assert checks["grid"].difference == pytest.approx(24 * np.sin(np.radians(7.5)), abs=0.01)


@pytest.mark.parametrize("case, words", [("G5", "no shear"), ("G7", "one spacing"), ("G11", "no shear")])
def test_that_A12_A15_the_single_step_of_a_nifti_volume_is_explained(
    case: str, words: str, tmp_path: Path
) -> None:
    checks = ask(subject_of(write_ramp(tmp_path, case)), "dcm2niix")
    assert odd(checks) == {"voxel centres": Verdict.EXPLAINED}
    assert words in checks["voxel centres"].reason


def test_that_A12_slices_that_are_spread_evenly_are_explained(tmp_path: Path) -> None:
    checks = ask(subject_of(write_ramp(tmp_path, "G7")), "SimpleITK")
    assert odd(checks) == {"grid": Verdict.EXPLAINED}
    # Positions 0, 3, 6, 12 against 0, 4, 8, 12.
    assert checks["grid"].difference == pytest.approx(2.0)


def test_that_A24_unsorted_frames_are_explained(tmp_path: Path) -> None:
    subject = subject_of(write_ramp(tmp_path, "E1"))
    checks = ask(subject, "SimpleITK")
    assert odd(checks) == {"slice order": Verdict.EXPLAINED, "voxel centres": Verdict.EXPLAINED}
    assert not odd(ask(subject, "dcm2niix"))


@pytest.mark.parametrize("tool", BOTH)
def test_that_B05_samples_that_are_not_shifted_down_are_explained(tool: str, tmp_path: Path) -> None:
    words = (np.arange(2 * 6 * 8, dtype=np.uint16).reshape(2, 6, 8) * 37) << 4
    write_series(tmp_path, words, ramp_affine(), BitsStored=12, HighBit=15)
    subject = subject_of(tmp_path)
    assert np.array_equal(subject.volume.array, words >> 4)
    checks = ask(subject, tool)
    assert odd(checks).get("values") in (Verdict.EXPLAINED, None)
    if checks["values"].reason:
        assert "HighBit is 15 with 12 bits stored" in checks["values"].reason


def test_that_B16_inverted_values_are_explained(tmp_path: Path) -> None:
    array = ramp_array().astype(np.uint16)
    write_series(
        tmp_path,
        array,
        ramp_affine(),
        PhotometricInterpretation="MONOCHROME1",
        RescaleSlope=2.0,
        BitsStored=16,
    )
    checks = ask(subject_of(tmp_path), "SimpleITK")
    assert odd(checks) == {"value range": Verdict.EXPLAINED, "values": Verdict.EXPLAINED}
    assert "MONOCHROME1" in checks["values"].reason


@pytest.mark.parametrize("tool", BOTH)
def test_that_B01_a_pet_with_a_slope_for_each_slice_agrees(tool: str, tmp_path: Path) -> None:
    assert not odd(ask(subject_of(write_pet(tmp_path)), tool))


@pytest.mark.parametrize("tool", BOTH)
def test_that_B07_padding_is_left_out_and_counted(tool: str, tmp_path: Path) -> None:
    write_ramp(tmp_path, PixelPaddingValue=0, RescaleSlope=lambda k: 1.0 + k)
    checks = ask(subject_of(tmp_path), tool)
    assert checks["values"].ours == "239 voxels, 1 padding"


def stack_of(path: Path) -> Stack:
    indexer = Indexer()
    indexer.add(path)
    (stack,) = stacks_of(indexer.catalogue(complete=True))
    return stack


def test_that_B05_samples_read_without_their_sign_are_explained(real_data: RealData) -> None:
    stack = stack_of(real_data("broken-a") / "pydicom" / "J2K_pixelrep_mismatch.dcm")
    subject = Subject(stack, filled(stack))
    assert not odd(ask(subject, "SimpleITK"))
    checks = ask(subject, "dcm2niix")
    assert odd(checks) == {"value range": Verdict.EXPLAINED, "values": Verdict.EXPLAINED}
    assert "without the sign" in checks["values"].reason


def test_that_A26_the_slices_of_a_mosaic_agree_with_dcm2niix(real_data: RealData) -> None:
    stack = stack_of(real_data("mr-12bit") / "12bitUnsigned.dcm")
    subject = Subject(stack, filled(stack))
    assert subject.count == 35
    assert not odd(ask(subject, "dcm2niix"))
    checks = ask(subject, "SimpleITK")
    assert odd(checks) == {"slices": Verdict.EXPLAINED}
    assert checks["values"].ours == "143360 voxels"


# --- Faults of ours ----------------------------------------------------------------------------------------------


def _values(stack: Stack, volume: Volume) -> tuple[Stack, Volume]:
    volume.array[1, 2, 3] += 1
    return stack, volume


def _slope(stack: Stack, volume: Volume) -> tuple[Stack, Volume]:
    return stack, replace(volume, slope=volume.slope * 1.001)


def _mirrored(stack: Stack, volume: Volume) -> tuple[Stack, Volume]:
    return stack, replace(volume, array=np.ascontiguousarray(volume.array[..., ::-1]))


def _swapped(stack: Stack, volume: Volume) -> tuple[Stack, Volume]:
    volume.array[[0, 1]] = volume.array[[1, 0]]
    return stack, volume


def _with_affine(change: Callable[[Any], None]) -> Callable[[Stack, Volume], tuple[Stack, Volume]]:
    def fault(stack: Stack, volume: Volume) -> tuple[Stack, Volume]:
        affine = stack.geometry.patient_from_index.copy()
        change(affine)
        geometry: VolumeGeometry = replace(stack.geometry, patient_from_index=affine)
        return replace(stack, geometry=geometry), replace(volume, geometry=geometry)

    return fault


def _shift(affine: Any) -> None:
    affine[0, 3] += 0.2


def _spacing(affine: Any) -> None:
    affine[:3, 0] *= 1.02


def _pixel(affine: Any) -> None:
    affine[:3, 2] *= 1.05


def _left_right(affine: Any) -> None:
    affine[0] *= -1


FAULTS: dict[str, tuple[Callable[[Stack, Volume], tuple[Stack, Volume]], str]] = {
    "one value": (_values, "values"),
    "slope": (_slope, "values"),
    "mirrored": (_mirrored, "values"),
    "two slices swapped": (_swapped, "values"),
    "shifted": (_with_affine(_shift), "voxel centres"),
    "slice spacing": (_with_affine(_spacing), "voxel centres"),
    "pixel spacing": (_with_affine(_pixel), "voxel centres"),
    "left for right": (_with_affine(_left_right), "voxel centres"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("case", ["G1", "G5", "E1"])
def test_that_a_fault_of_ours_is_never_explained_away(case: str, fault: str, tmp_path: Path) -> None:
    change, where = FAULTS[fault]
    sound = subject_of(write_ramp(tmp_path, case))
    subject = Subject(*change(sound.stack, sound.volume))
    verdicts = [check.verdict for tool in BOTH for check in ask(subject, tool).values()]
    assert Verdict.DISAGREE in verdicts, where


def test_that_slices_in_the_wrong_order_are_caught(tmp_path: Path) -> None:
    sound = subject_of(write_ramp(tmp_path, "G1"))
    frames = sound.stack.frames
    stack = replace(sound.stack, frames=(frames[1], frames[0], *frames[2:]))
    checks = ask(Subject(stack, filled(stack)), "SimpleITK")
    assert checks["slice order"].verdict is Verdict.DISAGREE
    assert checks["slice order"].theirs == "2 slices elsewhere"
    assert checks["voxel centres"].verdict is Verdict.DISAGREE


def test_that_a_damaged_slice_is_left_out_and_named(tmp_path: Path) -> None:
    subject = subject_of(write_ramp(tmp_path))
    subject.volume.array[2] = 0
    subject.volume.corrupt[2] = True
    checks = ask(subject, "dcm2niix")
    assert not odd(checks)
    assert checks["values"].ours == "192 voxels, 1 damaged slice left out"


def test_that_not_a_number_of_another_program_counts_as_a_difference() -> None:
    ours = np.zeros((1, 2, 2))
    theirs = np.array([[[0.0, np.nan], [0.0, 0.0]]])
    found = compare_values(1, lambda k: ours[k], lambda k: theirs[k])
    assert found.differing == 1
    assert not found.agrees


# --- SUV ---------------------------------------------------------------------------------------------------------


def _map(subject: Subject, slope: float, unit: str = "{SUVbw}g/ml") -> ValueMap:
    return ValueMap(slope, 0.0, unit, frozenset(frame.sop_instance_uid for frame in subject.stack.frames))


def test_that_D03_the_factor_is_held_against_the_value_object(tmp_path: Path) -> None:
    subject = subject_of(write_pet(tmp_path))
    factor = subject.volume.suv_factor or 0.0
    (agreeing,) = suv_checks(subject, [_map(subject, factor * 1.00005)])
    assert agreeing.verdict is Verdict.AGREE
    (wrong,) = suv_checks(subject, [_map(subject, factor * 1.001)])
    assert wrong.verdict is Verdict.DISAGREE
    assert wrong.difference == pytest.approx(0.001, rel=0.01)
    (none,) = suv_checks(subject, [])
    assert none.verdict is Verdict.NOT_COMPARED
    other = replace(_map(subject, factor), instances=frozenset({"1.2.3"}))
    assert suv_checks(subject, [other])[0].verdict is Verdict.NOT_COMPARED


def test_that_the_factor_may_be_meant_for_stored_values_when_there_is_one_slope(tmp_path: Path) -> None:
    subject = subject_of(write_pet(tmp_path, RescaleSlope=2.5))
    factor = subject.volume.suv_factor or 0.0
    (check,) = suv_checks(subject, [_map(subject, factor * 2.5)])
    assert check.verdict is Verdict.AGREE


def test_that_D01_an_object_for_values_without_suv_is_not_used(tmp_path: Path) -> None:
    subject = subject_of(write_pet(tmp_path, Units="PROPCNTS"))
    (check,) = suv_checks(subject, [_map(subject, 1e-7)])
    assert check.verdict is Verdict.EXPLAINED
    assert "PROPCNTS" in check.reason


def test_that_other_modalities_are_not_asked_for_suv(tmp_path: Path) -> None:
    assert suv_checks(subject_of(write_ramp(tmp_path)), []) == []


# --- Programs that fail ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "code, words",
    [
        ("import os; os.abort()", "crashed"),
        ("raise SystemExit(4)", "could not read"),
        ("import time; time.sleep(60)", "longer than"),
    ],
)
def test_that_a_program_that_fails_becomes_a_sentence(code: str, words: str) -> None:
    with pytest.raises(ToolError, match=words):
        run([sys.executable, "-c", code], limit_s=1.0)


def test_that_a_program_that_is_not_there_becomes_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(ToolError, match="cannot be started"):
        run([str(tmp_path / "nothing")])


@pytest.mark.parametrize("tool", BOTH)
def test_that_files_that_the_other_program_cannot_read_give_no_answer(tool: str, tmp_path: Path) -> None:
    subject = subject_of(write_ramp(tmp_path))
    for path in tmp_path.iterdir():
        path.write_bytes(b"no longer DICOM")
    (check,) = ask(subject, tool).values()
    assert check.verdict is Verdict.NO_ANSWER
    assert check.reason
