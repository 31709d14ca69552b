"""Which voxels lie in a volume of interest, against enumerated centres and scipy.ndimage (rules D20, D22, G03)."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from tests.needs import library
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.lesion import Drawing, Trouble, outlined
from viewer.imaging.uptake import Threshold, ThresholdKind
from viewer.imaging.voi import (
    Box,
    Region,
    Sphere,
    block_values,
    connected,
    grow,
    hottest_voxel,
    isocontour,
    shape_region,
    summit,
    union,
)
from viewer.imaging.volume import Volume

PERCENT_41 = Threshold(ThresholdKind.PERCENT, 41.0)
OBLIQUE = np.linalg.qr(np.array([[1.0, 0.2, 0.1], [-0.3, 1.0, 0.2], [0.1, -0.2, 1.0]]))[0]


def geometry(
    shape: tuple[int, int, int] = (12, 14, 16), offsets: npt.NDArray[np.float64] | None = None
) -> VolumeGeometry:
    affine = np.eye(4)
    affine[:3, :3] = OBLIQUE * (3.0, 2.0, 1.5)
    affine[:3, 3] = (-17.0, 23.0, -101.5)
    return VolumeGeometry(shape, affine, slice_offsets=offsets)


def axial(shape: tuple[int, int, int], spacing_mm: float = 4.0) -> VolumeGeometry:
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * spacing_mm
    return VolumeGeometry(shape, affine)


def volume(values: npt.ArrayLike, where: VolumeGeometry | None = None, **more: object) -> Volume:
    array = np.ascontiguousarray(values, dtype=np.float32)
    return Volume("pet", array, where or axial(array.shape), **more)  # type: ignore[arg-type]


def centre(where: VolumeGeometry) -> tuple[float, float, float]:
    x, y, z = where.centre_mm.tolist()
    return x, y, z


def ball(where: VolumeGeometry, middle: tuple[int, int, int], radius_mm: float) -> npt.NDArray[np.bool_]:
    index = np.moveaxis(np.indices(where.shape), 0, -1).astype(float)
    gap = where.to_patient(index) - where.to_patient(np.array(middle, dtype=float))
    inside: npt.NDArray[np.bool_] = np.sqrt((gap**2).sum(axis=-1)) <= radius_mm + 1e-9
    return inside


# --- Shapes -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("radius_mm", [0.5, 2.0, 6.2, 15.0, 80.0])
@pytest.mark.parametrize("uneven", [False, True])
def test_that_G03_a_sphere_holds_the_voxels_whose_centres_lie_in_it(radius_mm: float, uneven: bool) -> None:
    offsets = np.array([0, 0.5, 1.7, 3, 4, 5, 6.5, 7, 8, 9, 10, 11.0]) if uneven else None
    where = geometry(offsets=offsets)
    middle = where.to_patient([5.2, 6.1, 7.4])
    found = shape_region(where, Sphere((*middle.tolist(),), radius_mm)).full(where.shape)
    for index in np.ndindex(where.shape):
        distance = math.dist(where.to_patient(np.array(index, dtype=float)), middle)
        assert found[index] == (distance <= radius_mm), index


def test_that_G03_a_turned_box_holds_the_voxels_whose_centres_lie_in_it() -> None:
    where = geometry()
    turn = np.linalg.qr(np.array([[1.0, 0.6, 0.0], [0.3, 1.0, -0.5], [0.2, 0.1, 1.0]]))[0]
    middle = where.to_patient([5.0, 7.0, 6.0])
    half = np.array([9.0, 5.0, 7.0])
    box = Box((*middle.tolist(),), tuple(tuple((turn[:, n] * half[n]).tolist()) for n in range(3)))
    found = shape_region(where, box).full(where.shape)
    for index in np.ndindex(where.shape):
        along = turn.T @ (where.to_patient(np.array(index, dtype=float)) - middle)
        assert found[index] == bool((np.abs(along) <= half + 1e-6).all()), index
    assert box.volume_ml == pytest.approx(8 * 9 * 5 * 7 / 1000)


def test_that_a_shape_beside_the_grid_or_between_its_centres_has_no_voxels() -> None:
    where = geometry()
    assert shape_region(where, Sphere((4000.0, 0.0, 0.0), 20.0)).count == 0
    between = where.to_patient([5.5, 6.5, 7.5])
    assert shape_region(where, Sphere((*between.tolist(),), 0.4)).count == 0
    assert outlined(
        volume(np.ones(where.shape), where), Drawing(Sphere((*between.tolist(),), 0.4), PERCENT_41)
    ).trouble


def test_that_padding_undecoded_and_unread_slices_are_no_values() -> None:
    values = np.ones((4, 3, 3))
    values[0, 0, 0], values[1, 1, 1] = np.nan, -5.0
    ready = np.array([True, True, True, False])
    corrupt = np.array([False, False, True, False])
    found = block_values(
        volume(values, ready=ready, corrupt=corrupt, padding=(-5.0, -5.0), slope=2.0, suv_factor=0.25),
        (slice(0, 4), slice(0, 3), slice(0, 3)),
    )
    assert np.isnan(found[2:]).all()
    assert np.isnan(found[0, 0, 0])
    assert np.isnan(found[1, 1, 1])
    assert found[0, 1, 1] == 0.5


def test_that_D22_an_isocontour_takes_values_equal_to_the_threshold() -> None:
    pet = volume(np.arange(27).reshape(3, 3, 3))
    whole = shape_region(pet.geometry, Sphere(centre(pet.geometry), 100.0))
    assert isocontour(pet, whole, 20.0).count == 7
    assert hottest_voxel(pet, whole) == (2, 2, 2)


# --- Growing ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("density", [0.3, 0.45, 0.6, 0.9])
def test_that_what_hangs_together_is_what_scipy_finds(density: float) -> None:
    ndimage = library("scipy.ndimage")
    random = np.random.default_rng(int(density * 100))
    mask = random.random((17, 23, 29)) < density
    labels, _ = ndimage.label(mask)
    for seed in np.argwhere(mask)[::500]:
        assert np.array_equal(connected(mask, tuple(seed)), labels == labels[tuple(seed)])
    outside = np.argwhere(~mask)[0]
    assert not connected(mask, tuple(outside)).any()


def test_that_D22_a_lesion_grown_by_one_click_is_its_41_percent_isocontour() -> None:
    where = axial((30, 40, 40))
    values = np.where(ball(where, (15, 20, 20), 14.0), 8.0, 1.0)
    values[ball(where, (15, 20, 32), 10.0)] = 9.0  # another lesion, apart from it
    pet = volume(values, where)
    x, y, z = where.to_patient([15.0, 21.0, 21.0]).tolist()
    found = outlined(pet, Drawing(Sphere((x, y, z), 60.0), PERCENT_41, grown=True))
    assert np.array_equal(found.region.full(where.shape), ball(where, (15, 20, 20), 14.0))
    assert found.level == pytest.approx(0.41 * 8.0)
    assert not found.stopped


def test_that_growth_in_a_warm_organ_stops_at_the_background_and_says_so() -> None:
    where = axial((40, 40, 40))
    values = np.full(where.shape, 3.0)
    values[ball(where, (20, 20, 20), 10.0)] = 5.0
    pet = volume(values, where)
    found = outlined(pet, Drawing(Sphere(centre_of(where, (20, 20, 20)), 60.0), PERCENT_41, grown=True))
    assert found.stopped
    assert found.level is not None
    assert 3.0 < found.level < 3.01
    assert np.array_equal(found.region.full(where.shape), ball(where, (20, 20, 20), 10.0))


def centre_of(where: VolumeGeometry, index: tuple[int, int, int]) -> tuple[float, float, float]:
    x, y, z = where.to_patient(np.array(index, dtype=float)).tolist()
    return x, y, z


def test_that_growth_does_not_run_into_a_hotter_neighbour() -> None:
    """A node of 6 beside a bladder of 30: its 41 % would hold all of the bladder."""
    where = axial((30, 30, 40))
    values = np.full(where.shape, 1.0)
    values[ball(where, (15, 15, 21), 14.0)] = 30.0
    node = ball(where, (15, 15, 12), 10.0)
    bridge = np.zeros(where.shape, bool)
    bridge[15, 15, 14:19] = True
    values[bridge] = 4.0
    values[node] = 6.0
    pet = volume(values, where)
    found = outlined(pet, Drawing(Sphere(centre_of(where, (15, 15, 12)), 60.0), PERCENT_41, grown=True))
    assert found.stopped
    assert np.array_equal(found.region.full(where.shape), node)


def test_that_noise_within_a_lesion_does_not_split_it() -> None:
    where = axial((40, 40, 40))
    random = np.random.default_rng(5)
    lesion = ball(where, (20, 20, 20), 40.0)
    pet = volume(np.where(lesion, 8.0, 1.0) + random.normal(0, 0.3, where.shape), where)
    found = outlined(pet, Drawing(Sphere(centre_of(where, (20, 20, 20)), 60.0), PERCENT_41, grown=True))
    assert not found.stopped
    assert np.array_equal(found.region.full(where.shape), lesion)
    top = float(np.asarray(pet.array)[lesion].max())
    assert found.level == pytest.approx(0.41 * top)


def test_that_even_ground_is_no_lesion() -> None:
    where = axial((40, 40, 40))
    pet = volume(np.full(where.shape, 2.0), where)
    found = outlined(pet, Drawing(Sphere(centre_of(where, (20, 20, 20)), 60.0), PERCENT_41, grown=True))
    assert found.trouble is Trouble.BACKGROUND
    assert found.region.count == 0


def test_that_the_edge_of_the_volume_is_not_taken_for_a_leak() -> None:
    where = axial((10, 40, 40))
    lesion = ball(where, (0, 20, 20), 16.0)
    pet = volume(np.where(lesion, 8.0, 1.0), where)
    found = outlined(pet, Drawing(Sphere(centre_of(where, (1, 20, 20)), 60.0), PERCENT_41, grown=True))
    assert not found.stopped
    assert np.array_equal(found.region.full(where.shape), lesion)


def test_that_the_level_of_the_background_is_the_lowest_without_a_leak() -> None:
    """Against trying every value there is."""
    random = np.random.default_rng(8)
    where = axial((21, 21, 21))
    gap = np.indices(where.shape) - 10
    values = 3 + 6 * np.exp(-(gap**2).sum(axis=0) / 8) + random.normal(0, 0.4, where.shape)
    pet = volume(values, where)
    inside = shape_region(where, Sphere(centre_of(where, (10, 10, 10)), 30.0))
    top = hottest_voxel(pet, inside)
    assert top is not None
    seed = summit(pet, top, inside)
    level = 0.3 * float(pet.array[seed])
    found = grow(pet, seed, level, inside)
    assert found.stopped
    ball_mask = inside.full(where.shape)
    ndimage = library("scipy.ndimage")
    rim = ball_mask & ~ndimage.binary_erosion(ball_mask, border_value=1)
    for value in np.unique(pet.array[ball_mask]):
        labels, _ = ndimage.label(ball_mask & (pet.array >= value))
        part = labels == labels[seed]
        if value >= level and not (part & rim).any():
            break
    assert np.array_equal(found.region.full(where.shape), part)


def test_that_a_percist_threshold_needs_a_liver_and_a_threshold_can_be_too_high() -> None:
    pet = volume(np.ones((9, 9, 9)))
    shape = Sphere(centre(pet.geometry), 10.0)
    percist = Threshold(ThresholdKind.PERCIST)
    assert outlined(pet, Drawing(shape, percist)).trouble is Trouble.NO_LIVER
    assert outlined(pet, Drawing(shape, percist), percist=0.9).region.count > 0
    assert outlined(pet, Drawing(shape, percist), percist=1.1).trouble is Trouble.BELOW


def test_that_a_voxel_of_two_lesions_is_counted_once() -> None:
    where = axial((9, 9, 9))
    one = shape_region(where, Sphere(centre_of(where, (4, 4, 3)), 9.0))
    other = shape_region(where, Sphere(centre_of(where, (4, 4, 5)), 9.0))
    both = one.full(where.shape) | other.full(where.shape)
    assert np.array_equal(union([one, other]).full(where.shape), both)
    assert union([]).count == 0
    assert Region((0, 0, 0), np.zeros((2, 2, 2), bool)).trimmed().count == 0
