"""Geometry against closed forms and the ramp phantom's published numbers (clinical spec A.6)."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.errors import GeometryError
from viewer.imaging.geometry import VolumeGeometry


def affine(
    origin: tuple[float, ...], k: tuple[float, ...], j: tuple[float, ...], i: tuple[float, ...]
) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2], matrix[:3, 3] = k, j, i, origin
    return matrix


G1 = VolumeGeometry((5, 6, 8), affine((-10, -20, -30), (0, 0, 3), (0, 2, 0), (1, 0, 0)))
COS, SIN = np.cos(np.radians(15)), np.sin(np.radians(15))
G5 = VolumeGeometry((5, 6, 8), affine((-10, -20, -30), (0, 0, 3), (0, 2 * COS, -2 * SIN), (1, 0, 0)))


def test_that_G1_voxel_centres_lie_at_the_published_positions() -> None:
    assert G1.to_patient([4, 5, 7]) == pytest.approx([-3, -10, -18])
    assert G1.spacing_mm == pytest.approx((3, 2, 1))
    assert G1.tilt_deg == pytest.approx(0)


def test_that_G1_index_of_a_point_is_the_published_one() -> None:
    assert G1.to_index([-6.25, -13.2, -22.1]) == pytest.approx([2.63333, 3.4, 3.75], abs=1e-5)


def test_that_A15_a_tilted_stack_keeps_its_shear() -> None:
    assert G5.to_patient([4, 5, 7]) == pytest.approx([-3.0, -10.3407, -20.5882], abs=1e-4)
    assert G5.to_patient([2, 3, 4]) == pytest.approx([-6, -14.2044, -25.5529], abs=1e-4)
    assert G5.spacing_mm[0] == pytest.approx(2.8978, abs=1e-4)
    assert G5.tilt_deg == pytest.approx(15.0)


def test_that_G07_a_voxel_volume_uses_the_perpendicular_spacing() -> None:
    assert G1.voxel_volume_mm3 == pytest.approx(6.0)
    assert G5.voxel_volume_mm3 == pytest.approx(1 * 2 * 2.8978, abs=1e-3)


def test_that_G07_slices_of_an_uneven_stack_have_volumes_of_their_own() -> None:
    assert G5.slice_volumes_mm3 == pytest.approx([1 * 2 * 2.8978] * 5, abs=1e-3)
    positions = np.array([0, 2, 4, 10, 20, 22.0])  # the step of ten millimetres holds no data
    mean_step = affine((0, 0, 0), (0, 0, 22 / 5), (0, 2, 0), (1, 0, 0))
    uneven = VolumeGeometry((6, 6, 8), mean_step, "", positions / 22 * 5, (3,))
    assert uneven.slice_volumes_mm3 / 2 == pytest.approx([2, 2, 4, 6, 2, 2])
    alone = VolumeGeometry((6, 6, 8), mean_step, "", positions / 22 * 5, (3, 4))
    assert alone.slice_volumes_mm3[4] / 2 == pytest.approx(2)  # the median of the other steps


def test_that_A12_a_gap_keeps_slices_at_their_own_positions() -> None:
    positions = np.array([0, 3, 6, 12, 15.0])
    offsets = positions / 15 * 4
    mean_step = affine((-10, -20, -30), (0, 0, 15 / 4), (0, 2, 0), (1, 0, 0))
    geometry = VolumeGeometry((5, 6, 8), mean_step, "", offsets, (2,))
    for k, z in enumerate(positions):
        assert geometry.to_patient([k, 0, 0])[2] == pytest.approx(-30 + z)
    assert geometry.to_index([-10, -20, -21])[0] == pytest.approx(2.5)
    assert not geometry.uniform


@given(
    st.lists(st.floats(0.3, 9.0), min_size=1, max_size=12),
    st.tuples(*[st.floats(-1, 1) for _ in range(9)]),
    st.tuples(st.floats(-3, 15), st.floats(-3, 9), st.floats(-3, 9)),
)
def test_that_index_to_patient_to_index_is_the_identity_with_shear_and_uneven_gaps(
    gaps: list[float], numbers: tuple[float, ...], index: tuple[float, float, float]
) -> None:
    matrix = np.eye(4)
    matrix[:3, :3] = np.array(numbers).reshape(3, 3) + 2.5 * np.eye(3)
    offsets = np.concatenate([[0], np.cumsum(gaps)])
    offsets *= len(gaps) / offsets[-1]
    geometry = VolumeGeometry((len(offsets), 7, 7), matrix, "", offsets)
    assert geometry.to_index(geometry.to_patient(index)) == pytest.approx(index, abs=1e-6)


@pytest.mark.parametrize(
    "matrix",
    [
        affine((0, 0, 0), (0, 0, 0), (0, 1, 0), (1, 0, 0)),
        affine((0, 0, 0), (1, 1, 0), (0, 1, 0), (1, 0, 0)),
        affine((float("nan"), 0, 0), (0, 0, 1), (0, 1, 0), (1, 0, 0)),
    ],
)
def test_that_a_geometry_without_volume_is_refused(matrix: np.ndarray) -> None:
    with pytest.raises(GeometryError):
        VolumeGeometry((2, 2, 2), matrix)


def test_that_offsets_that_do_not_increase_are_refused() -> None:
    with pytest.raises(GeometryError):
        VolumeGeometry((3, 2, 2), np.eye(4), "", np.array([0, 2, 2.0]))


def test_that_corners_reach_half_a_voxel_beyond_the_centres() -> None:
    corners = G1.corners_mm()
    assert corners.min(axis=0) == pytest.approx([-10.5, -21, -31.5])
    assert corners.max(axis=0) == pytest.approx([-2.5, -9, -16.5])
    assert G1.contains([-10.4, -20.9, -31.4])
    assert not G1.contains([-10.6, -20, -30])


@pytest.mark.parametrize("slices", [[2], [0, 1], [1, 3, 4], [4]])
@pytest.mark.parametrize("offsets", [None, [0, 0.5, 1.0, 3.25, 4]])
def test_that_some_slices_lie_to_the_bit_where_they_lie_in_the_stack(
    slices: list[int], offsets: list[float] | None
) -> None:
    whole = VolumeGeometry((5, 6, 8), G5.patient_from_index, slice_offsets=offsets, gaps=(2,))  # type: ignore[arg-type]
    part = whole.some_slices(slices)
    for n, k in enumerate(slices):
        place = whole.to_patient([k, 3, 4.5])
        np.testing.assert_array_equal(part.to_patient([n, 3, 4.5]), place)
        np.testing.assert_allclose(part.to_index(place), [n, 3, 4.5], atol=1e-9)
    assert part.gaps == ((0,) if slices == [1, 3, 4] else ())
