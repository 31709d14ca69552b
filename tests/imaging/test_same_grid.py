"""Whether two volumes have the same voxels, against enumerated voxel centres (rule I09)."""

from __future__ import annotations

import itertools
from dataclasses import replace

import numpy as np
import numpy.typing as npt
import pytest

from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.same_grid import same_grid

SHAPE = (4, 5, 6)
OBLIQUE = np.linalg.qr(np.array([[1.0, 0.2, 0.1], [-0.3, 1.0, 0.2], [0.1, -0.2, 1.0]]))[0]


def geometry(shape: tuple[int, int, int] = SHAPE) -> VolumeGeometry:
    affine = np.eye(4)
    affine[:3, :3] = OBLIQUE * (3.0, 2.0, 1.5)
    affine[:3, 3] = (-17.0, 23.0, -101.5)
    return VolumeGeometry(shape, affine)


def rearranged(
    original: VolumeGeometry, order: tuple[int, ...], flips: tuple[bool, ...], shift_mm: float = 0.0
) -> VolumeGeometry:
    """The same voxels counted along other axes; built from positions of three corners, not from a matrix product."""
    last = np.array(original.shape) - 1
    start = np.zeros(3)
    steps = []
    for axis, flipped in zip(order, flips, strict=True):
        start[axis] = last[axis] if flipped else 0
        step = np.zeros(3)
        step[axis] = -1 if flipped else 1
        steps.append(step)
    origin = original.to_patient(start)
    affine = np.eye(4)
    for column, step in enumerate(steps):
        affine[:3, column] = original.to_patient(start + step) - origin
    affine[:3, 3] = origin + np.array([shift_mm, 0, 0])
    a, b, c = (original.shape[axis] for axis in order)
    return VolumeGeometry((a, b, c), affine)


def centres(found: VolumeGeometry) -> npt.NDArray[np.float64]:
    index = np.stack(np.meshgrid(*(np.arange(n) for n in found.shape), indexing="ij"), -1).reshape(-1, 3)
    points = np.round(found.to_patient(index), 6) + 0.0
    return points[np.lexsort(points.T)]


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
@pytest.mark.parametrize("flips", list(itertools.product((False, True), repeat=3)))
def test_that_I09_all_48_ways_to_count_the_same_voxels_are_the_same_grid(
    order: tuple[int, ...], flips: tuple[bool, ...]
) -> None:
    original = geometry()
    other = rearranged(original, order, flips)
    assert np.allclose(centres(original), centres(other), atol=1e-5)
    assert same_grid(original, other)
    assert same_grid(other, original)


@pytest.mark.parametrize("shift_mm, same", [(0.0, True), (0.009, True), (0.011, False), (1.5, False)])
def test_that_I09_a_hundredth_of_a_millimetre_is_the_limit(shift_mm: float, same: bool) -> None:
    other = rearranged(geometry(), (0, 1, 2), (False, True, False), shift_mm)
    assert same_grid(geometry(), other) is same


@pytest.mark.parametrize("scale, same", [(1 + 4e-4, True), (1 + 2e-3, False), (2.0, False)])
def test_that_I09_the_steps_must_agree_to_a_thousandth_of_a_millimetre(scale: float, same: bool) -> None:
    affine = np.array(geometry().patient_from_index)
    affine[:3, 1] *= scale
    assert same_grid(geometry(), VolumeGeometry(SHAPE, affine)) is same


def test_that_I09_mirrored_or_turned_volumes_of_equal_size_are_not_the_same_grid() -> None:
    cube = geometry((5, 5, 5))
    mirrored = np.array(cube.patient_from_index)
    mirrored[0] *= -1
    assert not same_grid(cube, VolumeGeometry((5, 5, 5), mirrored))
    turned = np.array(cube.patient_from_index)
    turned[:3, :3] = turned[:3, [1, 0, 2]] * (3 / 2, 2 / 3, 1)
    assert not same_grid(cube, VolumeGeometry((5, 5, 5), turned))


def test_that_I09_another_number_of_voxels_is_another_grid() -> None:
    assert not same_grid(geometry(), geometry((4, 5, 7)))
    assert not same_grid(geometry(), geometry((5, 4, 6)))


def test_that_volumes_without_a_place_or_with_uneven_slices_never_match() -> None:
    whole = geometry()
    assert not same_grid(whole, replace(whole, oriented=False))
    assert not same_grid(whole, replace(whole, calibrated=False))
    assert not same_grid(replace(whole, slice_offsets=np.array([0, 0.9, 2, 3])), whole)
