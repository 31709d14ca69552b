"""Geometry from headers against the published ramp table (A.6) and closed forms."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.dicom.reading import catalogue_of, filled, only_stack, stacks_of
from tests.phantoms import RAMP_CASES, write_ramp
from viewer.dicom.geometry_fit import fit_stack

# case: (slice spacing, sorted origin, direction of +k) of clinical table A.6; in-plane spacing is 2 (rows), 1 (columns)
TABLE = {
    "G1": (3.0, (-10, -20, -30), (0, 0, 1)),
    "G2": (3.0, (2, -20, -30), (-1, 0, 0)),
    "G3": (3.0, (-10, -20, -30), (0, 1, 0)),
    "G4": (3.0, (-10, -20, -30), (0.0594, -0.3368, 0.9397)),
    "G5": (2.8978, (-10, -20, -30), (0, 0, 1)),
    "G6": (3.0, (-10, -20, -30), (0, 0, 1)),
    "G6b": (3.0, (-10, -20, -42), (0, 0, 1)),
    "G9": (3.0, (-10, -20, -30), (0, 0, 1)),
    "G10": (3.0, (-10, -20, -30), (0, 0, 1)),
}


@pytest.mark.parametrize("case", TABLE)
def test_that_A07_A10_A19_the_ramp_lands_where_table_A6_says(case: str, tmp_path: Path) -> None:
    spacing, origin, direction = TABLE[case]
    stack = only_stack(write_ramp(tmp_path, case))
    geometry = stack.geometry
    assert geometry.shape == (5, 6, 8)
    assert geometry.spacing_mm == pytest.approx((spacing, 2.0, 1.0), abs=1e-4)
    assert geometry.patient_from_index[:3, 3] == pytest.approx(origin, abs=1e-6)
    step = geometry.patient_from_index[:3, 0]
    assert step / np.linalg.norm(step) == pytest.approx(direction, abs=1e-4)
    assert geometry.uniform
    assert stack.report.uniform
    assert stack.multiplanar
    # SliceThickness is 5 on purpose: a label, never the spacing.
    assert stack.report.thickness_mm == 5.0
    assert stack.report.spacing_mm[0] == pytest.approx(spacing, abs=1e-4)


@pytest.mark.parametrize("case", TABLE)
def test_that_A07_every_voxel_of_the_ramp_keeps_its_value_and_position(case: str, tmp_path: Path) -> None:
    ramp = RAMP_CASES[case]
    volume = filled(only_stack(write_ramp(tmp_path, case)))
    k, j, i = (axis.ravel() for axis in np.indices(volume.array.shape))
    value = volume.array[k, j, i]
    # The value tells where the voxel was written, whatever order the reader chose.
    written_k, rest = np.divmod(value, 1000)
    written_j, written_i = np.divmod(rest, 100)
    written_i //= 10
    expected = (
        ramp.positions_mm[written_k]
        + written_j[:, None] * 2.0 * np.array(ramp.column)
        + written_i[:, None] * np.array(ramp.row)
    )
    found = volume.geometry.to_patient(np.stack([k, j, i], axis=-1))
    assert found == pytest.approx(expected, abs=1e-6)


def test_that_A07_the_value_at_1_2_3_is_1230_although_the_instance_numbers_run_backwards(
    tmp_path: Path,
) -> None:
    volume = filled(only_stack(write_ramp(tmp_path, "G1")))
    assert volume.array[1, 2, 3] == 1230
    assert volume.geometry.to_patient([4, 5, 7]) == pytest.approx([-3, -10, -18])


def test_that_A21_feet_first_patients_are_sorted_by_position(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, "G6b"))
    assert stack.report.patient_position == "FFS"
    assert filled(stack).array[0, 0, 0] == 4000


def test_that_A15_A16_tilt_is_shear_of_the_positions_and_not_the_tilt_tag(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, "G5"))
    geometry = stack.geometry
    assert geometry.tilt_deg == pytest.approx(15.0, abs=1e-4)
    # In table order c, r, k: world of (4, 5, 7) and (2, 3, 4).
    assert geometry.to_patient([4, 5, 7]) == pytest.approx([-3.0, -10.3407, -20.5882], abs=1e-4)
    assert geometry.to_patient([2, 3, 4]) == pytest.approx([-6.0, -14.2044, -25.5529], abs=1e-4)
    assert any(note.code == "tilt" for note in stack.report.notes)


def test_that_A20_the_oblique_ramp_is_20_degrees_oblique(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, "G4"))
    assert stack.report.obliquity_deg == pytest.approx(20.0, abs=1e-3)
    assert stack.geometry.to_patient([4, 5, 7]) == pytest.approx([-4.02541, -13.57219, -15.30349], abs=1e-5)
    assert stack.report.acquired_plane == "axial"


@pytest.mark.parametrize("case, plane", [("G1", "axial"), ("G2", "sagittal"), ("G3", "coronal")])
def test_that_A19_the_acquired_plane_is_named(case: str, plane: str, tmp_path: Path) -> None:
    assert only_stack(write_ramp(tmp_path, case)).report.acquired_plane == plane


def test_that_A12_a_missing_slice_leaves_a_gap_and_no_slice_moves(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, "G7"))
    geometry = stack.geometry
    heights = geometry.to_patient([[k, 0, 0] for k in range(4)])[:, 2]
    assert heights == pytest.approx([-30, -27, -24, -18])
    assert geometry.gaps == (2,)
    assert stack.report.missing == 1
    assert not stack.report.uniform
    assert stack.report.gaps_mm == pytest.approx((3, 3, 6))
    assert any("3.00 to 6.00 mm" in text for text in stack.report.warnings)


def test_that_A14_a_single_slice_has_a_place_but_no_other_planes(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, "G8"))
    assert not stack.multiplanar
    assert stack.geometry.oriented
    assert stack.geometry.spacing_mm[0] == pytest.approx(5.0)
    assert stack.report.spacing_mm[0] is None
    assert stack.geometry.patient_from_index[:3, 3] == pytest.approx((-10, -20, -30))


def test_that_A03_a_head_ct_of_two_spacings_stays_one_volume_without_holes(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, "G11"))
    gaps = stack.report.gaps_mm
    cosine = 0.9483237  # of the tilt; steps are 13 x 4.22, 1.14, 13 x 7.38 mm along z
    assert gaps == pytest.approx([4.22 * cosine] * 13 + [1.14 * cosine] + [7.38 * cosine] * 13, abs=1e-3)
    assert stack.geometry.tilt_deg == pytest.approx(18.5, abs=0.01)
    # The wider part touches: it is interpolated, not missing.
    assert stack.geometry.gaps == ()
    assert any("1.08 to 7.00 mm" in text for text in stack.report.warnings)
    positions = stack.geometry.to_patient([[k, 0, 0] for k in range(28)])
    assert positions == pytest.approx(RAMP_CASES["G11"].positions_mm, abs=1e-4)


def test_that_A11_small_deviations_count_as_uniform() -> None:
    heights = np.cumsum([0, 3.000, 3.004, 2.997])
    fit = fit_stack([(0, 0, z) for z in heights], (1, 0, 0, 0, 1, 0), (1, 1), (4, 4))
    assert fit.report.uniform
    assert fit.geometry.uniform


def test_that_A11_a_drift_that_adds_up_keeps_every_position() -> None:
    # Every gap is within 1 % of the median, but the slices wander 0.6 mm off an even grid.
    gaps = [3.0] * 40 + [3.03] * 41
    heights = np.concatenate([[0], np.cumsum(gaps)])
    fit = fit_stack([(0, 0, z) for z in heights], (1, 0, 0, 0, 1, 0), (1, 1), (4, 4))
    assert fit.report.uniform
    found = fit.geometry.to_patient([[k, 0, 0] for k in range(len(heights))])[:, 2]
    assert found == pytest.approx(heights, abs=1e-6)


@pytest.mark.parametrize(
    "orientation, code, multiplanar",
    [
        ((1, 0, 0, 0, 1, 0.0005), None, True),
        ((1, 0, 0, 0.005, 1, 0), "orientation-repaired", True),
        ((1, 0, 0, 0.7, 0.7, 0), "orientation-insane", False),
        ((0, 0, 0, 0, 0, 0), "orientation-insane", False),
    ],
)
def test_that_A23_directions_are_repaired_or_refused(
    orientation: tuple[float, ...], code: str | None, multiplanar: bool
) -> None:
    fit = fit_stack([(0, 0, z) for z in range(4)], orientation, (1, 1), (4, 4))
    assert fit.multiplanar is multiplanar
    assert fit.geometry.oriented is multiplanar
    assert code is None or code in [note.code for note in fit.report.notes]
    if multiplanar:
        axes = fit.geometry.patient_from_index[:3, 1:3]
        assert abs(axes[:, 0] @ axes[:, 1]) < 1e-3


@pytest.mark.parametrize(
    "spacing, step", [((1e9, 1e9), 1.0), ((0.001, 0.001), 1.0), ((1.0, 1.0), 1e-6), ((1.0, 1.0), 1e5)]
)
def test_that_J45_unbelievable_sizes_make_no_volume(spacing: tuple[float, float], step: float) -> None:
    fit = fit_stack([(0, 0, z * step) for z in range(4)], (1, 0, 0, 0, 1, 0), spacing, (4, 4))
    assert not fit.multiplanar
    assert not fit.geometry.oriented


def test_that_J16_without_pixel_spacing_there_are_pixels_and_no_millimetres() -> None:
    fit = fit_stack([(0, 0, z) for z in range(4)], (1, 0, 0, 0, 1, 0), None, (4, 4))
    assert not fit.multiplanar
    assert not fit.geometry.calibrated


def test_that_slices_shifted_sideways_are_named_or_refused() -> None:
    small = fit_stack([(0.2 * (k == 2), 0, k) for k in range(5)], (1, 0, 0, 0, 1, 0), (1, 1), (4, 4))
    assert small.multiplanar
    assert "jitter" in [note.code for note in small.report.notes]
    large = fit_stack([(20 * (k % 2), 0, k) for k in range(5)], (1, 0, 0, 0, 1, 0), (1, 1), (4, 4))
    assert not large.multiplanar


@settings(max_examples=60, deadline=None)
@given(
    angles=st.tuples(*[st.floats(-180, 180)] * 3),
    step=st.floats(0.3, 12.0),
    tilt=st.floats(-25, 25),
    count=st.integers(2, 12),
    seed=st.integers(0, 10_000),
)
def test_that_A07_A15_any_stack_comes_back_in_any_order(
    angles: tuple[float, float, float], step: float, tilt: float, count: int, seed: int
) -> None:
    a, b, c = (math.radians(angle) for angle in angles)
    rotation = (
        np.array([[math.cos(a), -math.sin(a), 0], [math.sin(a), math.cos(a), 0], [0, 0, 1]])
        @ np.array([[1, 0, 0], [0, math.cos(b), -math.sin(b)], [0, math.sin(b), math.cos(b)]])
        @ np.array([[math.cos(c), -math.sin(c), 0], [math.sin(c), math.cos(c), 0], [0, 0, 1]])
    )
    row, column, normal = rotation.T
    direction = step * (normal + math.tan(math.radians(tilt)) * column)
    positions = np.array([7.0, -3.0, 11.0]) + np.arange(count)[:, None] * direction
    order = np.random.default_rng(seed).permutation(count)
    fit = fit_stack(positions[order], (*row, *column), (0.7, 0.9), (4, 5), "1.2.3")
    assert [int(order[n]) for n in fit.order] == list(range(count))
    index = np.array([count - 1.0, 3.0, 4.0])
    expected = positions[-1] + 3 * 0.7 * column + 4 * 0.9 * row
    assert fit.geometry.to_patient(index) == pytest.approx(expected, abs=1e-6)
    assert fit.geometry.to_index(expected) == pytest.approx(index, abs=1e-6)
    assert fit.geometry.tilt_deg == pytest.approx(abs(tilt), abs=1e-5)
    assert fit.geometry.spacing_mm == pytest.approx((step, 0.7, 0.9), rel=1e-6)


def test_that_all_ramp_cases_in_one_folder_stay_apart(tmp_path: Path) -> None:
    for case in ("G1", "G2", "G5"):
        write_ramp(tmp_path / case, case)
    catalogue = catalogue_of(tmp_path)
    assert len(stacks_of(catalogue)) == 3
    assert not catalogue.problems
