"""Sampling planes: every expected value comes from a closed form in patient millimetres or from another library."""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewer.imaging import kernel
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.kernel import binding
from viewer.imaging.plane import Plane
from viewer.imaging.sample import (
    Interpolation,
    Projection,
    SampleRequest,
    Slab,
    VoxelState,
    sample_plane,
    sample_planes,
    slab_samples,
    voxel_at,
)
from viewer.imaging.volume import Volume

Float = npt.NDArray[np.float64]

sitk: Any = importlib.import_module("SimpleITK")

RAMP = np.array([3.0, -2.0, 5.0])
"""Values of the ramp phantoms per millimetre along x, y, z."""


@pytest.fixture(params=["compiled", "numpy"], autouse=True, scope="module")
def _either_kernel(request: pytest.FixtureRequest) -> object:
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "numpy":
            patch.setenv(kernel.SWITCH, "numpy")
        else:
            patch.delenv(kernel.SWITCH, raising=False)
            if binding.load().library is None:
                pytest.skip(binding.load().note)
        yield


def _plane(
    origin_mm: npt.ArrayLike, u_mm: npt.ArrayLike, v_mm: npt.ArrayLike, width: int, height: int
) -> Plane:
    origin, u, v = (np.asarray(vector, dtype=np.float64) for vector in (origin_mm, u_mm, v_mm))
    return Plane(origin, u, v, width, height)


def _rotation(seed: int) -> Float:
    rng = np.random.default_rng(seed)
    basis: Float = np.linalg.qr(rng.normal(size=(3, 3)))[0]
    return basis


def _affine(
    spacing: tuple[float, float, float] = (3.0, 0.8, 0.7), seed: int | None = None, shear: float = 0.0
) -> Float:
    """(w, j, i) to LPS: rows along y, columns along x, slices along z, optionally turned and tilted."""
    k, j, i = spacing
    basis = np.array([[0, 0, i], [shear * k, j, 0], [k, 0, 0]])
    if seed is not None:
        basis = _rotation(seed) @ basis
    affine = np.eye(4)
    affine[:3, :3] = basis
    affine[:3, 3] = (-20, 15, 100)
    return affine


def _ramp(geometry: VolumeGeometry, dtype: str = "f4") -> Volume:
    """Each voxel holds RAMP @ its position, rounded to integers for integer types."""
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    values = geometry.to_patient(index) @ RAMP
    if np.dtype(dtype).kind != "f":
        values = np.rint(values)
    return Volume("ramp", values.astype(dtype), geometry)


def _positions(plane: Plane) -> Float:
    """(h, w, 3) LPS position of every pixel."""
    row, column = np.indices((plane.height, plane.width))
    positions: Float = plane.origin_mm + column[..., None] * plane.u_mm + row[..., None] * plane.v_mm
    return positions


def _inside(volume: Volume, points: Float, margin: float = 0.0) -> npt.NDArray[np.bool_]:
    """Between voxel centres, from the inverse of the affine as numpy computes it."""
    affine = volume.geometry.patient_from_index
    index = np.linalg.solve(affine[:3, :3], (points - affine[:3, 3]).reshape(-1, 3).T).T.reshape(points.shape)
    upper = np.array(volume.geometry.shape) - 1
    inside: npt.NDArray[np.bool_] = np.all((index >= margin) & (index <= upper - margin), axis=-1)
    return inside


def _oblique(volume: Volume, seed: int, mm_per_pixel: float = 0.9, size: tuple[int, int] = (40, 50)) -> Plane:
    basis = _rotation(seed)
    return Plane.centred(volume.geometry.centre_mm, basis[0], basis[1], mm_per_pixel, size[1], size[0])


# --- Position --------------------------------------------------------------------------------------------------


@settings(max_examples=60, deadline=None)
@given(
    st.integers(0, 10**6),
    st.integers(0, 10**6),
    st.sampled_from(["f4", "f8", "i2", "u2", "i4"]),
    st.floats(-0.4, 0.4),
)
def test_that_A15_a_ramp_is_exact_on_any_plane_of_any_grid_sheared_or_not(
    grid: int, view: int, dtype: str, shear: float
) -> None:
    geometry = VolumeGeometry((9, 20, 22), _affine(seed=grid, shear=shear))
    volume = _ramp(geometry, "f4" if dtype == "u2" else dtype)
    if dtype == "u2":
        volume = Volume("ramp", (volume.array + 2000).astype("u2").astype("f4").astype("u2"), geometry)
    plane = _oblique(volume, view)
    values = sample_plane(volume, plane)
    points = _positions(plane)
    expected = points @ RAMP + (2000 if dtype == "u2" else 0)
    inside = _inside(volume, points)
    # Rounding of the phantom to integers, or truncation, moves each voxel by at most 0.5 or 1.
    tolerance = {"f4": 0.02, "f8": 0.02, "u2": 1.01}.get(dtype, 0.52)
    np.testing.assert_allclose(values[inside], expected[inside], atol=tolerance)
    assert np.isnan(values[~_inside(volume, points, -0.51)]).all()


@pytest.mark.parametrize("interpolation", [Interpolation.LINEAR, Interpolation.CUBIC])
def test_that_A12_uneven_slices_are_resampled_by_position(interpolation: Interpolation) -> None:
    z = np.array([-30.0, -27.0, -24.0, -18.0, -15.0])
    mean = (z[-1] - z[0]) / 4
    affine = np.array([[0, 0, 1.0, -10], [0, 1.0, 0, -20], [mean, 0, 0, -30], [0, 0, 0, 1]])
    geometry = VolumeGeometry((5, 8, 8), affine, slice_offsets=(z - z[0]) / mean)
    volume = _ramp(geometry)
    plane = _plane((-8.0, -17.0, -30.0), (0.5, 0, 0), (0, 0, 0.25), 9, 61)
    expected = _positions(plane) @ RAMP
    np.testing.assert_allclose(sample_plane(volume, plane, interpolation=interpolation), expected, atol=1e-3)
    oblique = _plane((-7.0, -17.0, -30.0), (0.05, 0.05, 0.5), (0.1, 0.1, 0.1), 25, 12)
    np.testing.assert_allclose(
        sample_plane(volume, oblique, interpolation=interpolation), _positions(oblique) @ RAMP, atol=1e-3
    )


def test_that_A12_a_gap_is_marked_and_never_closed() -> None:
    z = np.array([-30.0, -27.0, -24.0, -18.0, -15.0])
    affine = np.array([[0, 0, 1.0, -10], [0, 1.0, 0, -20], [15 / 4, 0, 0, -30], [0, 0, 0, 1]])
    geometry = VolumeGeometry((5, 8, 8), affine, slice_offsets=(z - z[0]) / (15 / 4), gaps=(2,))
    volume = _ramp(geometry)
    coronal = _plane((-9.0, -17.0, -30.0), (1, 0, 0), (0, 0, 1), 6, 16)
    values = sample_plane(volume, coronal)
    gap = (coronal.origin_mm[2] + np.arange(16) > -24) & (coronal.origin_mm[2] + np.arange(16) < -18)
    assert np.isposinf(values[gap]).all()
    np.testing.assert_allclose(values[~gap], (_positions(coronal) @ RAMP)[~gap], atol=1e-3)
    axial = _plane((-9.0, -17.0, -21.0), (1, 0, 0), (0, 1, 0), 5, 5)
    assert np.isposinf(sample_plane(volume, axial)).all()
    on_slice = _plane((-9.0, -17.0, -24.0), (1, 0, 0), (0, 1, 0), 5, 5)
    np.testing.assert_allclose(sample_plane(volume, on_slice), _positions(on_slice) @ RAMP, atol=1e-3)
    oblique = _plane((-9.0, -17.0, -30.0), (0.3, 0, 1.0), (0, 1, 0), 16, 4)
    depth = _positions(oblique)[..., 2]
    assert np.array_equal(np.isposinf(sample_plane(volume, oblique)), (depth > -24) & (depth < -18))
    assert voxel_at(volume, (-9, -17, -21)).state is VoxelState.NO_DATA


def test_that_an_oblique_plane_equals_the_one_of_SimpleITK() -> None:
    rng = np.random.default_rng(5)
    data = rng.integers(-1000, 2000, (14, 30, 26)).astype(np.int16)
    affine = _affine((2.5, 0.9, 0.8), seed=8)
    volume = Volume("noise", data, VolumeGeometry(data.shape, affine))
    basis = _rotation(9)
    plane = Plane.centred(
        volume.geometry.centre_mm + np.array([0.3, -0.2, 0.1]), basis[0], basis[1], 0.7, 60, 50
    )

    image = sitk.GetImageFromArray(data)
    image.SetOrigin(affine[:3, 3])
    columns = affine[:3, [2, 1, 0]]
    lengths = np.linalg.norm(columns, axis=0)
    image.SetSpacing(lengths)
    image.SetDirection((columns / lengths).ravel())
    axes = np.column_stack([plane.right, plane.down, np.cross(plane.right, plane.down)])
    for interpolation, name in (
        (Interpolation.LINEAR, sitk.sitkLinear),
        (Interpolation.NEAREST, sitk.sitkNearestNeighbor),
    ):
        resample = sitk.ResampleImageFilter()
        resample.SetSize((plane.width, plane.height, 1))
        resample.SetOutputOrigin(plane.origin_mm)
        resample.SetOutputSpacing((0.7, 0.7, 1.0))
        resample.SetOutputDirection(axes.ravel())
        resample.SetInterpolator(name)
        resample.SetDefaultPixelValue(-30000)
        resample.SetOutputPixelType(sitk.sitkFloat32)
        expected = sitk.GetArrayFromImage(resample.Execute(image))[0]
        values = sample_plane(volume, plane, interpolation=interpolation)
        outside = expected == -30000
        # ITK sees the last half pixel of the edge in single steps of its own; compare where both see tissue.
        assert np.mean(np.isnan(values) == outside) > 0.995
        both = ~np.isnan(values) & ~outside
        assert both.sum() > 1000
        np.testing.assert_allclose(values[both], expected[both], atol=0.5)


def test_that_E13_every_voxel_shows_whole_and_nothing_is_added_at_the_ends() -> None:
    geometry = VolumeGeometry((5, 6, 7), _affine((4.0, 1.0, 1.0)))
    volume = _ramp(geometry)
    first = geometry.to_patient((0, 3, 0))
    # 40 pixels of 0.1 slices: exactly ten pixels for each of the five slices, half a slice beyond both outer centres.
    down = np.array([0, 0, 0.4])
    plane = _plane(first - 10 * down + down / 2, (1.0, 0, 0), down, 9, 70)
    values = sample_plane(volume, plane, interpolation=Interpolation.NEAREST)
    seen = ~np.isnan(values)
    assert seen[:, :7].sum(axis=0).tolist() == [50] * 7
    assert not seen[:, 7:].any()
    rows = np.flatnonzero(seen[:, 0])
    assert np.diff(rows).max() == 1
    assert [np.unique(values[rows[n : n + 10], 0]).size for n in range(0, 50, 10)] == [1] * 5
    linear = sample_plane(volume, plane)
    np.testing.assert_array_equal(np.isnan(linear), ~seen)
    np.testing.assert_allclose(linear[rows[0], :7], volume.array[0, 3], rtol=1e-6)


def test_that_the_last_of_three_thousand_slices_is_found_exactly() -> None:
    shape = (3000, 6, 6)
    array = np.broadcast_to((np.arange(3000) * 10)[:, None, None], shape).astype(np.int16)
    volume = Volume("long", np.ascontiguousarray(array), VolumeGeometry(shape, _affine((0.5, 1, 1))))
    start = volume.geometry.to_patient((2990, 1, 1))
    plane = _plane(start, (0.02, 0.1, 0.123), (0.1, 0.01, 0.05), 24, 24)
    expected = (_positions(plane)[..., 2] - 100) / 0.5 * 10
    np.testing.assert_allclose(sample_plane(volume, plane), expected, atol=0.02)


@pytest.mark.parametrize("dtype, slices", [("u1", 2100), ("i2", 1100)])
def test_that_voxels_beyond_two_thousand_million_are_reached(dtype: str, slices: int) -> None:
    try:
        array = np.zeros((slices, 1024, 1024), dtype)  # only the pages that are touched take memory
    except MemoryError:
        pytest.skip("this machine does not promise 2 GiB of address space")
    array[-2, 1000:1004, 1000:1004] = 100
    array[-1, 1000:1004, 1000:1004] = 200
    volume = Volume("large", array, VolumeGeometry(array.shape, np.eye(4)[[2, 1, 0, 3]]))
    plane = _plane((1001.0, 1001.0, slices - 2), (0.1, 0.02, 0.05), (0.02, 0.1, 0), 18, 5)
    expected = 100 * (1 + _positions(plane)[..., 2] - (slices - 2))
    np.testing.assert_allclose(sample_plane(volume, plane), expected, atol=0.02)


def test_that_a_single_slice_fills_its_own_thickness() -> None:
    volume = _ramp(VolumeGeometry((1, 8, 8), _affine((5.0, 1, 1))))
    x, y, z = volume.geometry.to_patient((0, 1, 1))
    for depth, seen in ((0, True), (2.4, True), (-2.4, True), (2.6, False)):
        values = sample_plane(volume, _plane((x, y, z + depth), (0.5, 0.1, 0), (-0.1, 0.5, 0), 6, 6))
        assert bool(np.isfinite(values).any()) is seen
        if seen:
            row, column = 3, 4
            point = np.array([x, y, z]) + column * np.array([0.5, 0.1, 0]) + row * np.array([-0.1, 0.5, 0])
            assert values[row, column] == pytest.approx(point @ RAMP, abs=1e-3)


# --- Interpolation ---------------------------------------------------------------------------------------------


def test_that_voxel_centres_give_the_stored_values_whatever_the_interpolation() -> None:
    rng = np.random.default_rng(0)
    data = rng.integers(-2000, 4000, (6, 9, 8)).astype(np.int16)
    volume = Volume("noise", data, VolumeGeometry(data.shape, _affine(seed=4)))
    affine = volume.geometry.patient_from_index
    for interpolation in Interpolation:
        coronal = _plane(volume.geometry.to_patient((0, 4, 0)), affine[:3, 2], affine[:3, 0], 8, 6)
        np.testing.assert_allclose(
            sample_plane(volume, coronal, interpolation=interpolation), data[:, 4], atol=1e-2
        )
        sagittal = _plane(volume.geometry.to_patient((0, 0, 3)), affine[:3, 1], affine[:3, 0], 9, 6)
        np.testing.assert_allclose(
            sample_plane(volume, sagittal, interpolation=interpolation), data[:, :, 3], atol=1e-2
        )


def test_that_cubic_reproduces_a_parabola_and_linear_does_not() -> None:
    # Keys' kernel with a = -1/2 is exact for polynomials up to degree two.
    j = np.arange(12.0)
    data = np.broadcast_to((j**2)[None, :, None], (3, 12, 10)).astype(np.float32)
    volume = Volume(
        "parabola", np.ascontiguousarray(data), VolumeGeometry((3, 12, 10), np.eye(4)[[2, 1, 0, 3]])
    )
    plane = _plane((4.0, 2.0, 1.0), (0.01, 0, 0), (0, 0.1, 0), 4, 71)
    expected = (2 + 0.1 * np.arange(71)) ** 2
    cubic = sample_plane(volume, plane, interpolation=Interpolation.CUBIC)
    np.testing.assert_allclose(cubic, np.broadcast_to(expected[:, None], (71, 4)), rtol=1e-4)
    assert np.abs(sample_plane(volume, plane)[:, 0] - expected).max() == pytest.approx(0.25, abs=0.01)


def test_that_halfway_between_two_voxels_nearest_takes_the_higher_index() -> None:
    data = np.arange(8, dtype=np.uint8).reshape(2, 2, 2)
    volume = Volume("cube", data, VolumeGeometry((2, 2, 2), np.eye(4)[[2, 1, 0, 3]]))
    plane = _plane((0.5 - 1e-9, 0.5, 0.5), (0.01, 0, 0), (0, 0.01, 0), 1, 1)
    assert sample_plane(volume, plane, interpolation=Interpolation.NEAREST)[0, 0] == 7


# --- Padding ---------------------------------------------------------------------------------------------------


def _padded(dtype: str = "i2") -> Volume:
    """Tissue of 1000 in a cylinder, padding of -2000 or less around it, as CT scanners write it."""
    data = np.full((6, 24, 24), -2000, dtype)
    j, i = np.indices((24, 24)) - 11.5
    data[:, np.hypot(j, i) < 8] = 1000
    data[:, 0] = -1500
    affine = _affine((2.0, 1.0, 1.0))
    return Volume("ct", data, VolumeGeometry(data.shape, affine), padding=(-2000.0, -1025.0))


@pytest.mark.parametrize("dtype", ["i2", "f4", "i4", "f8"])
@pytest.mark.parametrize("interpolation", list(Interpolation))
@pytest.mark.parametrize("seed", [None, 1, 2])
def test_that_A18_B07_padding_is_never_mixed_into_tissue(
    dtype: str, interpolation: Interpolation, seed: int | None
) -> None:
    volume = _padded(dtype)
    if seed is None:
        plane = Plane.centred(volume.geometry.centre_mm, (1, 0, 0), (0, 1, 0), 0.17, 150, 150)
    else:
        plane = _oblique(volume, seed, 0.17, (150, 150))
    values = sample_plane(volume, plane, interpolation=interpolation)
    seen = values[~np.isnan(values)]
    assert seen.size > 1000
    np.testing.assert_allclose(seen, 1000, atol=1e-2)
    nearest = sample_plane(volume, plane, interpolation=Interpolation.NEAREST)
    differs = np.isnan(values) != np.isnan(nearest)
    # Where the nearest voxel is tissue tissue shows, up to ties and the pixels that linear neighbours decide.
    assert differs.mean() < 0.002


def test_that_not_a_number_counts_as_padding() -> None:
    volume = _padded("f4")
    data = volume.array.astype(np.float32)
    data[data < -1000] = np.nan
    holes = Volume("pet", data, volume.geometry)
    plane = _oblique(volume, 7, 0.31, (90, 80))
    np.testing.assert_array_equal(sample_plane(holes, plane), sample_plane(volume, plane))


def test_that_tissue_far_from_padding_does_not_change_with_it() -> None:
    data = np.random.default_rng(3).integers(0, 1000, (8, 20, 20)).astype(np.int16)
    geometry = VolumeGeometry(data.shape, _affine(seed=2))
    plane = _oblique(Volume("x", data, geometry), 3)
    np.testing.assert_array_equal(
        sample_plane(Volume("a", data, geometry), plane),
        sample_plane(Volume("b", data, geometry, padding=(-3024, -3024)), plane),
    )


# --- Slabs -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("projection", list(Projection))
@pytest.mark.parametrize("seed", [None, 11])
def test_that_E12_a_slab_is_the_projection_of_its_planes(projection: Projection, seed: int | None) -> None:
    data = np.random.default_rng(1).normal(0, 100, (12, 16, 18)).astype(np.float32)
    volume = Volume("noise", data, VolumeGeometry(data.shape, _affine((1.0, 1.0, 1.0))))
    basis = np.eye(3) if seed is None else _rotation(seed)
    plane = Plane.centred(volume.geometry.centre_mm, basis[0], basis[1], 0.6, 40, 36)
    slab = Slab(5.0, projection)
    number, pitch_mm = slab_samples(volume.geometry, plane, slab)
    assert number == 2 * int(2.5 / pitch_mm) + 1
    normal = np.cross(basis[0], basis[1])
    planes = [
        sample_plane(volume, _plane(plane.origin_mm + normal * pitch_mm * n, plane.u_mm, plane.v_mm, 40, 36))
        for n in range(-(number // 2), number // 2 + 1)
    ]
    stack = np.stack(planes)
    seen = ~np.isnan(stack).all(axis=0)
    function: Any = {"max": np.nanmax, "min": np.nanmin, "mean": np.nanmean, "sum": np.nansum}[
        projection.value
    ]
    expected = np.full(seen.shape, np.nan)
    expected[seen] = function(stack[:, seen], axis=0)
    np.testing.assert_allclose(sample_plane(volume, plane, slab=slab), expected, atol=0.05)


def test_that_a_slab_meets_every_slice_and_finds_the_single_hot_voxel() -> None:
    data = np.zeros((40, 20, 20), np.int16)
    data[29, 10, 10] = 500
    volume = Volume("hot", data, VolumeGeometry(data.shape, _affine((1.0, 1.0, 1.0))))
    axial = _plane(volume.geometry.to_patient((20, 0, 0)), (1, 0, 0), (0, 1, 0), 20, 20)
    assert sample_plane(volume, axial, slab=Slab(18.0))[10, 10] == 500
    assert sample_plane(volume, axial, slab=Slab(17.0))[10, 10] == 0
    assert sample_plane(volume, axial, slab=Slab(1000.0))[10, 10] == 500


def test_that_a_slab_follows_the_closest_slices_of_an_uneven_stack() -> None:
    # Slices every 4 mm with one pair only 1 mm apart: a step of the mean distance would pass the hot one by.
    z = np.array([0.0, 4, 8, 12, 13, 17, 21, 25])
    data = np.zeros((8, 12, 12), np.float32)
    data[4, 6, 6] = 500
    mean = 25 / 7
    geometry = VolumeGeometry((8, 12, 12), _affine((mean, 1.0, 1.0)), slice_offsets=z / mean)
    volume = Volume("hot", data, geometry)
    axial = _plane(geometry.to_patient((0, 0, 0)), (1, 0, 0), (0, 1, 0), 12, 12)
    number, pitch_mm = slab_samples(geometry, axial, Slab(30.0))
    assert (number, round(pitch_mm, 6)) == (31, 1.0)
    assert sample_plane(volume, axial, slab=Slab(30.0))[6, 6] == pytest.approx(500, rel=1e-3)


def test_that_a_slab_thinner_than_a_slice_is_the_plane_itself() -> None:
    volume = _padded()
    plane = _oblique(volume, 5)
    np.testing.assert_array_equal(sample_plane(volume, plane, slab=Slab(0.5)), sample_plane(volume, plane))


def test_that_a_gap_in_a_slab_shows_only_where_nothing_else_is() -> None:
    geometry = VolumeGeometry(
        (4, 6, 6), _affine((1.0, 1, 1)), slice_offsets=np.array([0, 1, 2.0, 3]), gaps=(1,)
    )
    volume = _ramp(geometry)
    x, y, z = geometry.to_patient((1.5, 1, 1))
    plane = _plane((x, y, z), (1, 0, 0), (0, 1, 0), 3, 3)
    assert np.isposinf(sample_plane(volume, plane)).all()
    thick = sample_plane(volume, plane, slab=Slab(2.1))
    above = _positions(_plane((x, y, z + 1), (1, 0, 0), (0, 1, 0), 3, 3)) @ RAMP
    np.testing.assert_allclose(thick, above, atol=1e-3)


# --- While loading ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [None, 6])
def test_that_slices_that_have_arrived_stand_for_the_missing_ones(seed: int | None) -> None:
    geometry = VolumeGeometry((17, 12, 12), _affine((1.0, 1.0, 1.0), seed=seed))
    full = _ramp(geometry)
    array = np.full_like(full.array, 9999)
    ready = np.zeros(17, bool)
    ready[[0, 8, 16]] = True
    array[ready] = full.array[ready]
    volume = Volume("loading", array, geometry, ready=ready)
    plane = _oblique(full, 3, 0.6) if seed is None else _oblique(full, 4, 0.6)
    np.testing.assert_allclose(sample_plane(volume, plane), sample_plane(full, plane), atol=0.02)
    ready[:] = False
    assert np.isnan(sample_plane(volume, plane)).all()
    assert voxel_at(volume, geometry.centre_mm).state is VoxelState.LOADING


def test_that_J06_a_slice_that_could_not_be_decoded_is_marked_with_its_neighbourhood() -> None:
    corrupt = np.zeros(7, bool)
    corrupt[3] = True
    geometry = VolumeGeometry((7, 6, 6), _affine((2.0, 1, 1)))
    volume = Volume("broken", _ramp(geometry).array, geometry, ready=~corrupt, corrupt=corrupt)
    sagittal = _plane(geometry.to_patient((0, 0, 2)), (0, 1, 0), (0, 0, 1), 6, 13)
    depth = np.arange(13) / 2
    hatched = np.isposinf(sample_plane(volume, sagittal)).all(axis=1)
    np.testing.assert_array_equal(hatched, (depth > 2) & (depth < 4))
    assert voxel_at(volume, geometry.to_patient((3, 2, 2))).state is VoxelState.NO_DATA


# --- Requests --------------------------------------------------------------------------------------------------


def test_that_planes_of_several_volumes_are_sampled_in_one_call_into_given_memory() -> None:
    volumes = [_padded("i2"), _padded("f4"), _ramp(VolumeGeometry((5, 9, 9), _affine(seed=3)), "u2")]
    planes = [_oblique(volume, seed, 0.8, (33, 35 + seed)) for seed, volume in enumerate(volumes)]
    memory = [np.empty((33, 64), np.float32)[:, : plane.width] for plane in planes]
    requests = [SampleRequest(v, p, out) for v, p, out in zip(volumes, planes, memory, strict=True)]
    for answer, out, volume, plane in zip(sample_planes(requests), memory, volumes, planes, strict=True):
        assert answer is out
        np.testing.assert_array_equal(out, sample_plane(volume, plane))


def test_that_a_colour_volume_is_sampled_channel_by_channel() -> None:
    data = np.stack([np.full((1, 5, 6), level, np.uint8) for level in (10, 20, 30)])
    volume = Volume("photo", data, VolumeGeometry((1, 5, 6), _affine()))
    plane = _plane(volume.geometry.to_patient((0, 0, 0)), (0.7, 0, 0), (0, 0.8, 0), 6, 5)
    assert [np.unique(sample_plane(volume, plane, channel=n)).tolist() for n in range(3)] == [
        [10],
        [20],
        [30],
    ]
    with pytest.raises(ValueError, match="channel 3 of 3"):
        sample_plane(volume, plane, channel=3)


def test_that_memory_of_the_wrong_shape_is_refused() -> None:
    volume = _padded()
    with pytest.raises(ValueError, match="does not fit a plane"):
        sample_plane(volume, _oblique(volume, 1), out=np.empty((3, 3), np.float32))


def test_that_a_point_reads_the_nearest_voxel_and_says_what_it_is() -> None:
    volume = _padded()
    inside = voxel_at(volume, volume.geometry.to_patient((2.4, 12.3, 11.6)))
    assert (inside.state, inside.index, inside.stored) == (VoxelState.VALUE, (2, 12, 12), (1000.0,))
    corner = voxel_at(volume, volume.geometry.to_patient((-0.49, 1.2, 23.49)))
    assert (corner.state, corner.index, corner.stored) == (VoxelState.PADDING, (0, 1, 23), (-2000.0,))
    assert voxel_at(volume, volume.geometry.to_patient((2, 12, 24.51))).state is VoxelState.OUTSIDE
