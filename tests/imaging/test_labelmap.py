"""Masks on grids: volumes, overlap, other grids, sections and the values below."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.phantoms import RAMP_CASES, ramp_affine, ramp_array
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import Mask, labels_of_masks, masks_of_labels
from viewer.imaging.plane import Plane
from viewer.imaging.volume import Quantity, Volume


def ramp_geometry(case: str = "G1") -> VolumeGeometry:
    """Grid of a ramp phantom."""
    return VolumeGeometry((5, 6, 8), ramp_affine(case))


def boxes(geometry: VolumeGeometry) -> tuple[Mask, Mask]:
    """The two overlapping boxes of the specification: 48 and 36 voxels, 8 in common."""
    a, b = (np.zeros(geometry.shape, bool) for _ in range(2))
    a[1:4, 1:5, 2:6] = True
    b[2:5, 3:6, 4:8] = True
    return Mask.of(a, geometry), Mask.of(b, geometry)


def test_that_I02_segments_that_overlap_keep_their_own_voxels_and_volume() -> None:
    a, b = boxes(ramp_geometry())
    assert (a.voxels, b.voxels) == (48, 36)
    assert a.volume_mm3 == pytest.approx(288)
    assert b.volume_mm3 == pytest.approx(216)
    assert np.count_nonzero(a.dense() & b.dense()) * 6 == 48


def test_that_a_file_of_one_label_a_voxel_says_how_much_it_cannot_hold() -> None:
    geometry = ramp_geometry()
    labels, lost = labels_of_masks(dict(enumerate(boxes(geometry), 1)), geometry)
    assert lost == 8
    assert np.bincount(labels.ravel()).tolist() == [5 * 6 * 8 - 48 - 36 + 8, 40, 36]
    assert {n: m.voxels for n, m in masks_of_labels(labels, geometry).items()} == {1: 40, 2: 36}


def test_that_slices_of_uneven_distance_count_with_their_own_height() -> None:
    # Slices at 0, 2, 4 and 10 mm: they reach 2, 2, 4 and 6 mm (half way to both sides).
    affine = np.diag([10 / 3, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    geometry = VolumeGeometry((4, 2, 2), affine, slice_offsets=np.array([0, 0.6, 1.2, 3.0]))
    for k, height in enumerate((2.0, 2.0, 4.0, 6.0)):
        array = np.zeros(geometry.shape, bool)
        array[k] = True
        assert Mask.of(array, geometry).volume_mm3 == pytest.approx(4 * height)


@given(
    st.sampled_from(sorted(set(RAMP_CASES) - {"G7", "G8", "G11"})),
    st.lists(st.tuples(st.integers(0, 4), st.integers(0, 5), st.integers(0, 7)), min_size=1, max_size=30),
)
def test_that_I12_a_section_shows_the_voxel_under_each_pixel_and_no_mixture(
    case: str, voxels: list[tuple[int, int, int]]
) -> None:
    geometry = ramp_geometry(case)
    array = np.zeros(geometry.shape, bool)
    array[tuple(np.array(voxels).T)] = True
    mask = Mask.of(array, geometry)
    rng = np.random.default_rng(len(voxels))
    right, down = np.linalg.qr(rng.normal(size=(3, 2)))[0].T
    plane = Plane.centred(geometry.centre_mm + 0.01, right, down, 0.37, 60, 50)
    patch = mask.section(plane)
    seen = np.zeros((plane.height, plane.width), bool)
    rows, columns = patch.mask.shape
    seen[patch.top : patch.top + rows, patch.left : patch.left + columns] = patch.mask
    # By the affine alone: the voxel whose centre is nearest in index space.
    c, r = np.meshgrid(np.arange(plane.width), np.arange(plane.height))
    points = plane.origin_mm + c[..., None] * plane.u_mm + r[..., None] * plane.v_mm
    index = (points - geometry.patient_from_index[:3, 3]) @ np.linalg.inv(
        geometry.patient_from_index[:3, :3]
    ).T
    near = np.rint(index).astype(int)
    inside = ((near >= 0) & (near < geometry.shape)).all(axis=-1)
    clear = (np.abs(index - np.floor(index) - 0.5) > 1e-4).all(axis=-1)
    expected = np.zeros(inside.shape, bool)
    expected[inside] = array[tuple(near[inside].T)]
    assert np.array_equal(seen[clear], expected[clear])


def test_that_a_mask_on_a_finer_grid_keeps_its_volume_and_place() -> None:
    coarse = ramp_geometry()
    a, _ = boxes(coarse)
    affine = coarse.patient_from_index.copy()
    # Three by two by two voxels in each: their centres lie inside it.
    affine[:3, :3] = affine[:3, :3] / np.array([3, 2, 2])
    affine[:3, 3] = coarse.to_patient(np.array([-1 / 3, -0.25, -0.25]))
    fine = VolumeGeometry((15, 12, 16), affine)
    other = a.on(fine)
    assert other.voxels == 48 * 12
    assert other.volume_mm3 == pytest.approx(288)
    assert np.array_equal(other.dense()[::3, ::2, ::2], a.dense())


def test_that_D20_mean_and_maximum_are_those_of_the_voxels_of_the_volume_and_in_its_unit() -> None:
    geometry = ramp_geometry()
    a, _ = boxes(geometry)
    volume = Volume("ct", ramp_array(), geometry, Quantity("HU"), slope=2.0, intercept=-1000.0)
    found = a.statistics(volume)
    assert found is not None
    # 1000 k + 100 j + 10 i with k 1 to 3, j 1 to 4, i 2 to 5.
    assert found.mean == pytest.approx(2 * (2000 + 250 + 35) - 1000)
    assert (found.maximum, found.minimum) == (2 * 3450 - 1000, 2 * 1120 - 1000)
    assert (found.voxels, found.unit) == (48, "HU")


def test_that_B07_padding_inside_a_structure_is_not_counted() -> None:
    geometry = ramp_geometry()
    a, _ = boxes(geometry)
    array = ramp_array()
    array[2] = -2000
    found = a.statistics(Volume("ct", array, geometry, Quantity("HU"), padding=(-2000, -2000)))
    assert found is not None
    assert found.voxels == 32
    assert found.minimum == 1120


def test_that_the_centre_of_a_structure_is_one_of_its_voxels_even_when_it_is_hollow() -> None:
    geometry = ramp_geometry()
    ring = np.zeros(geometry.shape, bool)
    ring[2, 1:6, 1:6] = True
    ring[2, 2:5, 2:5] = False
    mask = Mask.of(ring, geometry)
    assert mask.centre_mm is not None
    assert mask.contains(mask.centre_mm)
    assert Mask.empty(geometry).centre_mm is None


def test_that_the_outline_is_closed_where_pixels_lie_exactly_on_the_edge() -> None:
    geometry = ramp_geometry()
    a, _ = boxes(geometry)
    # Pixels of 0.5 mm from the corner of the grid on: their centres meet the edges of the box on every side.
    corner = geometry.to_patient(np.array([2.0, -0.5, -0.5]))
    plane = Plane(corner, np.array([0.5, 0, 0]), np.array([0, 0.5, 0]), 20, 30)
    patch = a.section(plane)
    assert patch.mask.any()
    for border in (patch.mask[0], patch.mask[-1], patch.mask[:, 0], patch.mask[:, -1]):
        assert not border.any()


@given(
    st.sampled_from(sorted(set(RAMP_CASES) - {"G7", "G8", "G11"})),
    st.tuples(*[st.floats(0.4, 2.5)] * 3),
    st.tuples(*[st.floats(-3, 3)] * 3),
    st.booleans(),
)
def test_that_parallel_grids_give_the_voxels_that_asking_one_by_one_gives(
    case: str, scale: tuple[float, float, float], shift: tuple[float, float, float], uneven: bool
) -> None:
    source = ramp_geometry(case)
    if uneven:
        source = VolumeGeometry(
            source.shape, source.patient_from_index, slice_offsets=np.array([0, 0.4, 1.9, 2.2, 4.0])
        )
    a, b = boxes(source)
    affine = source.patient_from_index.copy()
    affine[:3, :3] = affine[:3, :3] * np.array(scale)
    affine[:3, 3] += shift
    target = VolumeGeometry((7, 9, 11), affine)
    points = target.to_patient(np.moveaxis(np.indices(target.shape), 0, -1))
    for mask in (a, b):
        assert np.array_equal(mask.on(target).dense(), mask.contains(points))
