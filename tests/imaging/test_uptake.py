"""What is said about the uptake in a region, against published numbers, closed forms and mirp (rules D20 to D22)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from tests.conftest import RealData
from tests.dicom.reading import catalogue_of, filled, stacks_of
from tests.needs import library
from viewer.imaging import uptake
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.lesion import Drawing, outlined
from viewer.imaging.uptake import (
    LIVER_RADIUS_MM,
    PEAK_RADIUS_MM,
    Threshold,
    ThresholdKind,
    measure,
    peak,
    percist_threshold,
)
from viewer.imaging.voi import Region, Sphere, shape_region
from viewer.imaging.volume import Volume

Array = npt.NDArray[np.float64]


def grid(shape: tuple[int, int, int], spacing_mm: tuple[float, float, float]) -> VolumeGeometry:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = spacing_mm
    affine[3, 3] = 1.0
    return VolumeGeometry(shape, affine)


def pet(values: npt.ArrayLike, where: VolumeGeometry, **more: object) -> Volume:
    return Volume("pet", np.ascontiguousarray(values, dtype=np.float64), where, **more)  # type: ignore[arg-type]


def gaussian(where: VolumeGeometry, at: tuple[float, float, float]) -> Array:
    """10 exp(-r2 / (2 x 36)) around a continuous (k, j, i)."""
    index = np.moveaxis(np.indices(where.shape), 0, -1).astype(float)
    gap = where.to_patient(index) - where.to_patient(np.array(at))
    result: Array = 10 * np.exp(-(gap**2).sum(axis=-1) / 72)
    return result


def whole(where: VolumeGeometry) -> Region:
    return Region((0, 0, 0), np.ones(where.shape, bool))


# --- SUVpeak ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("spacing_mm, expected, counted", [(2.0, 7.240, 7.338), (4.0, 7.099, 7.105)])
def test_that_D21_the_peak_of_a_gaussian_is_the_published_one(
    spacing_mm: float, expected: float, counted: float
) -> None:
    where = grid((25, 25, 25), (spacing_mm,) * 3)
    values = gaussian(where, (12, 12, 12))
    found = measure(pet(values, where), shape_region(where, Sphere((*where.centre_mm.tolist(),), 20.0)))
    assert found is not None
    assert found.peak == pytest.approx(expected, abs=0.001)
    assert found.peak_mm == pytest.approx(where.centre_mm)
    assert found.max == 10.0
    assert found.max_index == (12, 12, 12)
    # The same number made by counting centres is another one: the sphere is not a set of voxels.
    near = (
        np.linalg.norm((np.moveaxis(np.indices(where.shape), 0, -1) - 12) * spacing_mm, axis=-1)
        <= PEAK_RADIUS_MM
    )
    assert values[near].mean() == pytest.approx(counted, abs=0.001)


@pytest.mark.parametrize(
    "spacing_mm", [(2.0, 2.0, 2.0), (3.0, 4.0728, 4.0728), (3.27, 5.46875, 5.46875), (5.0, 1.0, 1.5)]
)
def test_that_D21_the_sphere_holds_one_millilitre_on_every_grid(
    spacing_mm: tuple[float, float, float],
) -> None:
    """Its weights are read off a volume with one voxel of 1: the mean is its share of the sphere."""
    where = grid((15, 25, 25), spacing_mm)
    index = np.moveaxis(np.indices(where.shape), 0, -1)
    gap = np.linalg.norm((index - (7, 12, 12)) * spacing_mm, axis=-1)
    only = Region((7, 12, 12), np.ones((1, 1, 1), bool))
    total = 0.0
    for voxel in np.argwhere(gap < PEAK_RADIUS_MM + np.linalg.norm(spacing_mm) / 2):
        values = np.zeros(where.shape)
        values[tuple(voxel)] = 1.0
        found = peak(pet(values, where), only)
        assert found is not None
        total += found[0]
        # Monte Carlo: 20000 points in the voxel.
        points = np.random.default_rng(int(voxel @ (1, 100, 10000))).random((20000, 3)) - 0.5
        inside = np.linalg.norm((points + voxel - (7, 12, 12)) * spacing_mm, axis=1) <= PEAK_RADIUS_MM
        share = inside.mean() * np.prod(spacing_mm) / 1000
        assert found[0] == pytest.approx(share, abs=0.02 * float(np.prod(spacing_mm)) / 1000)
    assert total == pytest.approx(1.0)


def test_that_D21_the_sphere_moves_over_the_region_only() -> None:
    where = grid((21, 21, 21), (4.0, 4.0, 4.0))
    values = gaussian(where, (10, 10, 14))
    cut = whole(where)
    cut.mask[:, :, 12:] = False
    found = peak(pet(values, where), cut)
    assert found is not None
    assert found[1] == (10, 10, 11)
    alone = peak(pet(values, where), Region((10, 10, 11), np.ones((1, 1, 1), bool)))
    assert alone is not None
    assert found[0] == pytest.approx(alone[0])


def test_that_D21_the_search_that_skips_finds_what_trying_every_voxel_finds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The peak lies in a ball of 3; more single voxels of 5, in a ground of 2.4, are hotter than what is seen first."""
    monkeypatch.setattr(uptake, "_FIRST", 20)
    where = grid((8, 18, 18), (3.27, 2.5, 2.5))
    values = np.random.default_rng(3).normal(2.4, 0.02, where.shape)
    gap = np.moveaxis(np.indices(where.shape), 0, -1) - (3, 9, 9)
    values[np.linalg.norm(gap * (3.27, 2.5, 2.5), axis=-1) < 10] += 0.6
    values[::3, ::17, ::3] = 5.0
    assert (values > 4).sum() > 20
    volume = pet(values, where)
    found = peak(volume, whole(where))
    singles = [peak(volume, Region((*index,), np.ones((1, 1, 1), bool))) for index in np.ndindex(where.shape)]
    assert found is not None
    assert found[0] == pytest.approx(max(single[0] for single in singles if single), abs=1e-12)


def test_that_D21_voxels_without_a_value_are_left_out_of_the_sphere() -> None:
    where = grid((11, 11, 11), (4.0, 4.0, 4.0))
    values = np.full(where.shape, 3.0)
    values[5, 5, 6] = np.nan
    found = measure(pet(values, where), whole(where))
    assert found is not None
    assert found.peak == pytest.approx(3.0)
    assert found.count == 11**3 - 1
    corner = peak(pet(np.full(where.shape, 3.0), where), Region((0, 0, 0), np.ones((1, 1, 1), bool)))
    assert corner is not None
    assert corner[0] == pytest.approx(3.0)


def test_that_D21_uneven_slices_weigh_what_they_are_thick() -> None:
    """Slices every 4 mm below 20 mm and every 2 mm above; against points strewn into the sphere."""
    kept = np.array([0, 2, 4, 6, 8, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19, 20.0])
    step = 20 / 15
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = step * 2.0, 2.0, 2.0, 1.0
    where = VolumeGeometry((16, 15, 15), affine, slice_offsets=kept / step)
    slices_mm = 2 * kept
    values = np.broadcast_to(slices_mm[:, None, None], where.shape)
    points = np.random.default_rng(1).uniform(-PEAK_RADIUS_MM, PEAK_RADIUS_MM, (400_000, 3))
    heights = points[np.linalg.norm(points, axis=1) <= PEAK_RADIUS_MM, 2]
    for k in (2, 4, 5, 6, 12):
        found = peak(pet(values, where), Region((k, 7, 7), np.ones((1, 1, 1), bool)))
        assert found is not None
        nearest = np.abs(slices_mm[k] + heights[:, None] - slices_mm).argmin(axis=1)
        assert found[0] == pytest.approx(slices_mm[nearest].mean(), abs=0.03)


# --- Maximum, mean, volume --------------------------------------------------------------------------------------


def test_that_D20_D22_the_hot_sphere_of_the_reference_object_has_its_published_numbers(
    real_data: RealData,
) -> None:
    """515 voxels of 0.064 mL: 32.96 mL, mean 4.000, 131.84 g, drawn by one click and by 41 % in a sphere."""
    (stack,) = [
        found for found in stacks_of(catalogue_of(real_data("suv-dro-a") / "DRO_0_0" / "PT")) if found.suv
    ]
    volume = filled(stack)
    k, j, i = np.unravel_index(int(np.argmax(volume.array)), volume.array.shape)
    hot = np.argwhere(volume.array == volume.array[k, j, i]).mean(axis=0)
    x, y, z = volume.geometry.to_patient(hot).tolist()
    threshold = Threshold(ThresholdKind.PERCENT, 41.0)
    for drawing in (
        Drawing(Sphere((x, y, z), 60.0), threshold, grown=True),
        Drawing(Sphere((x, y, z), 30.0), threshold),
        Drawing(Sphere((x, y, z), 30.0), Threshold(ThresholdKind.FIXED, 2.5)),
    ):
        found = measure(volume, outlined(volume, drawing).region)
        assert found is not None
        assert found.count == 515
        assert found.volume_ml == pytest.approx(32.96, abs=0.001)
        assert found.max == pytest.approx(4.0, abs=0.0005)
        assert found.mean == pytest.approx(4.0, abs=0.0005)
        assert found.glycolysis == pytest.approx(131.84, abs=0.02)
        assert found.peak == pytest.approx(4.0, abs=0.0005)


def test_that_D20_D22_statistics_are_those_of_mirp_and_numpy() -> None:
    where = grid((12, 20, 24), (3.27, 4.0, 4.0))
    random = np.random.default_rng(11)
    volume = pet(random.gamma(3.0, 1.0, where.shape), where)
    region = shape_region(where, Sphere((*where.centre_mm.tolist(),), 15.0))
    found = measure(volume, region)
    assert found is not None
    mask = region.full(where.shape)
    inside = np.asarray(volume.array)[mask]
    assert found.sd == pytest.approx(inside.std(ddof=1))
    assert found.glycolysis == pytest.approx(inside.sum() * 3.27 * 16 / 1000)
    mirp = library("mirp")
    features = mirp.extract_features(
        image=np.asarray(volume.array),
        mask=mask.astype(np.uint8),
        image_modality="pt",
        base_feature_families=["morphological", "statistical", "local_intensity"],
        base_discretisation_method="fixed_bin_number",
        base_discretisation_n_bins=16,
    )[0].iloc[0]
    assert features["stat_mean"] == pytest.approx(found.mean)
    assert features["stat_max"] == pytest.approx(found.max)
    assert features["morph_vol_approx"] == pytest.approx(found.count)  # it takes arrays for cubes of 1 mm


def test_that_D22_an_uneven_stack_is_measured_with_the_voxels_it_has() -> None:
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 4.0, 2.0, 2.0, 1.0
    where = VolumeGeometry((4, 5, 5), affine, slice_offsets=np.array([0.0, 0.5, 1.5, 3.0]))
    mask = np.zeros(where.shape, bool)
    mask[1, 1, 1] = mask[2, 2, 2:4] = True
    found = measure(pet(np.ones(where.shape), where), Region((0, 0, 0), mask))
    assert found is not None
    # Slices at 0, 2, 6 and 12 mm: the second reaches over 3 mm, the third over 5 mm.
    assert found.volume_ml == pytest.approx((1 * 3 + 2 * 5) * 4 / 1000)


def test_that_G04_a_region_without_values_has_no_statistics() -> None:
    where = grid((3, 3, 3), (1.0, 1.0, 1.0))
    volume = pet(np.full(where.shape, np.nan), where)
    assert measure(volume, whole(where)) is None
    assert measure(volume, Region((0, 0, 0), np.zeros((0, 0, 0), bool))) is None
    single = measure(pet(np.ones(where.shape), where), Region((1, 1, 1), np.ones((1, 1, 1), bool)))
    assert single is not None
    assert single.sd is None


def test_that_D22_the_percist_threshold_is_one_and_a_half_liver_and_two_deviations() -> None:
    assert percist_threshold(2.0, 0.25) == 3.5
    assert pytest.approx(30.0) == 2 * LIVER_RADIUS_MM
    assert Threshold(ThresholdKind.PERCENT, 50.0).level(8.0, None) == 4.0
    assert Threshold(ThresholdKind.FIXED, 2.5).level(8.0, None) == 2.5
    assert Threshold(ThresholdKind.PERCIST).level(8.0, 3.5) == 3.5
    assert Threshold(ThresholdKind.PERCIST).level(8.0, None) is None
