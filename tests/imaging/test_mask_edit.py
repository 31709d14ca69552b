"""Brush, distance, growth, smoothing, islands and slices between slices against closed forms and scipy."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from tests.imaging.test_labelmap import boxes, ramp_geometry
from tests.needs import library
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import Mask
from viewer.imaging.mask_edit import (
    Brush,
    MaskChange,
    between_slices,
    components,
    dabbed,
    distance_mm,
    grown,
    smoothed,
    without_islands,
)

Z = np.array([0.0, 0.0, 1.0])


def cube(size: int = 41, spacing: tuple[float, float, float] = (1.0, 1.0, 1.0)) -> VolumeGeometry:
    """A grid around the origin; spacing is (slice, row, column)."""
    affine = np.diag([*spacing, 1.0])[[2, 1, 0, 3]]
    geometry = VolumeGeometry((size, size, size), affine)
    affine[:3, 3] = -geometry.centre_mm
    return VolumeGeometry((size, size, size), affine)


def radius_of(geometry: VolumeGeometry) -> np.ndarray:
    """Distance of every voxel centre from the origin."""
    places = geometry.to_patient(np.moveaxis(np.indices(geometry.shape), 0, -1))
    return np.asarray(np.sqrt((places**2).sum(axis=-1)))


@pytest.mark.parametrize("normal", [(0, 0, 1), (0, 1, 0), (0.6, 0, 0.8)])
def test_that_a_disc_is_round_and_one_slice_thick_on_any_plane(normal: tuple[float, float, float]) -> None:
    geometry = cube(spacing=(1.5, 1.0, 0.8))
    direction = np.array(normal)
    mask = dabbed(Mask.empty(geometry), np.zeros(3), np.zeros(3), direction, Brush(9.0))
    places = geometry.to_patient(np.argwhere(mask.dense()))
    height = places @ direction
    assert np.abs(height).max() <= 0.76
    assert np.linalg.norm(places - np.outer(height, direction), axis=1).max() <= 9.0
    plane_area = np.pi * 81
    thickness = mask.volume_mm3 / plane_area
    assert 0.5 < thickness < 1.6  # the pitch of the voxels along the normal


def test_that_a_ball_has_the_volume_of_a_ball_on_thick_slices() -> None:
    geometry = cube(spacing=(2.0, 1.0, 1.0))
    mask = dabbed(Mask.empty(geometry), np.zeros(3), np.zeros(3), Z, Brush(12.0, ball=True))
    assert mask.volume_mm3 == pytest.approx(4 / 3 * np.pi * 12**3, rel=0.02)


def test_that_a_stroke_has_no_holes_however_fast_the_hand_is() -> None:
    geometry = cube(61)
    mask = dabbed(Mask.empty(geometry), np.array([-20.0, 0, 0]), np.array([20.0, 0, 0]), Z, Brush(4.0))
    slow = Mask.empty(geometry)
    for x in np.linspace(-20, 20, 161):
        point = np.array([x, 0.0, 0.0])
        slow = dabbed(slow, point, point, Z, Brush(4.0))
    assert np.count_nonzero(mask.dense() & ~slow.dense()) <= 4
    assert not (slow.dense() & ~mask.dense()).any()


def test_that_the_eraser_takes_away_what_the_brush_gave_and_nothing_beyond_the_threshold() -> None:
    geometry = cube()
    whole = Mask.of(radius_of(geometry) <= 10, geometry)
    brush = Brush(6.0, ball=True)
    less = dabbed(whole, np.zeros(3), np.zeros(3), Z, brush, erase=True)
    assert less.voxels == whole.voxels - np.count_nonzero(radius_of(geometry) <= 6)
    assert np.array_equal(dabbed(less, np.zeros(3), np.zeros(3), Z, brush).dense(), whole.dense())
    right = dabbed(
        Mask.empty(geometry), np.zeros(3), np.zeros(3), Z, brush, allowed=lambda index: index[:, 2] > 20
    )
    assert right.dense()[:, :, 21:].any()
    assert not right.dense()[:, :, :21].any()
    away = np.array([500.0, 0, 0])
    assert dabbed(whole, away, away, Z, brush) is whole


def test_that_a_change_takes_little_room_and_leads_both_ways() -> None:
    geometry = ramp_geometry()
    a, b = boxes(geometry)
    change = MaskChange.between(a, b)
    assert np.array_equal(change.applied(a).dense(), b.dense())
    assert np.array_equal(change.applied(b).dense(), a.dense())
    assert MaskChange.between(a, a).empty
    from_nothing = MaskChange.between(Mask.empty(geometry), a)
    assert np.array_equal(from_nothing.applied(Mask.empty(geometry)).dense(), a.dense())
    assert from_nothing.applied(a).voxels == 0
    big = cube(101)
    ball = Mask.of(radius_of(big) <= 45, big)
    assert len(MaskChange.between(Mask.empty(big), ball).packed) < ball.voxels / 16


@settings(max_examples=30)
@given(arrays.arrays(bool, st.tuples(st.integers(1, 7), st.integers(1, 8), st.integers(1, 9))))
def test_that_distances_and_parts_are_those_of_scipy(block: np.ndarray) -> None:
    ndimage = library("scipy.ndimage")
    if block.any():
        expected = ndimage.distance_transform_edt(~block, sampling=(3.0, 2.0, 0.7))
        assert np.allclose(distance_mm(block, (3.0, 2.0, 0.7)), expected)
        near = distance_mm(block, (3.0, 2.0, 0.7), limit_mm=4.0)
        assert np.allclose(near[expected <= 4], expected[expected <= 4])
        assert (near[expected > 4] > 4).all()
    part, sizes = components(block)
    labels, count = ndimage.label(block)
    assert len(sizes) == count
    theirs = labels[block]
    assert len({*zip(part.tolist(), theirs.tolist(), strict=True)}) == count
    assert sorted(sizes) == sorted(np.bincount(labels.ravel())[1:])


def test_that_growing_and_shrinking_move_the_surface_by_the_margin() -> None:
    geometry = cube(61, (1.0, 0.8, 0.8))
    ball = Mask.of(radius_of(geometry) <= 12, geometry)
    assert grown(ball, 5.0).volume_mm3 == pytest.approx(4 / 3 * np.pi * 17**3, rel=0.03)
    assert grown(ball, -5.0).volume_mm3 == pytest.approx(4 / 3 * np.pi * 7**3, rel=0.08)
    assert grown(ball, -30.0).voxels == 0
    assert grown(ball, 0.0) is ball


def test_that_a_structure_cut_by_the_border_is_not_eaten_from_there() -> None:
    geometry = cube(21)
    half = np.zeros(geometry.shape, bool)
    half[:11] = True
    assert np.array_equal(
        grown(Mask.of(half, geometry), -3.0).dense(), np.arange(21)[:, None, None] < 8 + 0 * half
    )


def test_that_smoothing_takes_roughness_away_and_keeps_the_volume() -> None:
    geometry = cube(51)
    radius = radius_of(geometry)
    rough = radius <= 15
    rng = np.random.default_rng(2)
    shell = np.abs(radius - 15) < 1.5
    rough[shell] = rng.random(int(shell.sum())) < 0.5
    result = smoothed(Mask.of(rough, geometry), 2.0)
    _, sizes = components(result.block)
    assert len(sizes) == 1
    assert result.volume_mm3 == pytest.approx(4 / 3 * np.pi * 15**3, rel=0.1)
    smooth = Mask.of(radius <= 15, geometry)
    assert smoothed(smooth, 2.0).volume_mm3 == pytest.approx(smooth.volume_mm3, rel=0.03)
    assert np.count_nonzero(result.dense() ^ (radius <= 15)) < 0.35 * np.count_nonzero(rough ^ (radius <= 15))


def test_that_islands_go_by_size() -> None:
    geometry = cube(31)
    block = np.zeros(geometry.shape, bool)
    block[2:12, 2:12, 2:12] = True
    block[20:23, 20:23, 20:23] = True
    block[28, 28, 28] = True
    mask = Mask.of(block, geometry)
    assert without_islands(mask).voxels == 1000
    assert without_islands(mask, 5.0).voxels == 1027
    assert without_islands(mask, 0.5).voxels == 1028


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_that_slices_between_drawn_ones_follow_the_shape(axis: int) -> None:
    geometry = cube(41)
    sphere = radius_of(geometry) <= 16
    sparse = np.zeros_like(sphere)
    view, whole = np.moveaxis(sparse, axis, 0), np.moveaxis(sphere, axis, 0)
    view[4:37:4] = whole[4:37:4]
    filled = between_slices(Mask.of(sparse, geometry), axis)
    # Between circles of a sphere the radius is linear: a row of frustums.
    radii = np.sqrt(np.clip(256.0 - np.arange(-16, 17, 4) ** 2, 0, None))
    frustums = np.pi * 4 / 3 * (radii[1:] ** 2 + radii[1:] * radii[:-1] + radii[:-1] ** 2)
    assert filled.volume_mm3 == pytest.approx(frustums.sum(), rel=0.02)
    dice = 2 * np.count_nonzero(filled.dense() & sphere) / (filled.voxels + np.count_nonzero(sphere))
    assert dice > 0.95


def test_that_equal_slices_give_equal_slices_between_them() -> None:
    geometry = cube(21)
    sparse = np.zeros(geometry.shape, bool)
    sparse[3, 5:12, 6:9] = sparse[9, 5:12, 6:9] = True
    filled = between_slices(Mask.of(sparse, geometry)).dense()
    assert (filled[3:10, 5:12, 6:9]).all()
    assert np.count_nonzero(filled) == 7 * 7 * 3
