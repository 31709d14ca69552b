"""Pictures from a coarse level while slices are missing: its values lie where the affine of the volume says."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import pytest

from viewer.imaging import kernel
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.kernel import binding
from viewer.imaging.plane import Plane
from viewer.imaging.preview import CoarseLevel, Preview
from viewer.imaging.sample import (
    Interpolation,
    Projection,
    SampleRequest,
    Slab,
    VoxelState,
    sample_plane,
    sample_planes,
    sample_rows,
    stand_in,
    voxel_at,
)
from viewer.imaging.volume import Volume

Float = npt.NDArray[np.float64]

RAMP = np.array([3.0, -2.0, 5.0])
"""Values per millimetre along x, y, z."""
SHAPE = (30, 41, 52)
STEP = (4, 2, 3)
SHEARED = np.array([[0.1, 0.2, 0.9, -20.0], [0.3, 1.1, -0.2, 7.0], [2.4, 0.1, 0.05, 3.0], [0, 0, 0, 1.0]])
UNEVEN = np.cumsum(np.r_[0.0, np.tile([0.5, 1.5, 1.0], 10)[:29]])
UNEVEN *= 29 / UNEVEN[-1]


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


def volume(offsets: Float | None = None, gaps: tuple[int, ...] = ()) -> Volume:
    """A volume of which nothing has arrived, and the coarse level of a ramp in millimetres."""
    geometry = VolumeGeometry(SHAPE, SHEARED, "frame", offsets, gaps)
    index = np.stack(np.meshgrid(*(np.arange(n) for n in SHAPE), indexing="ij"), axis=-1)
    values = (geometry.to_patient(index) @ RAMP).astype(np.float32)
    coarse = np.ascontiguousarray(values[:: STEP[0], :: STEP[1], :: STEP[2]])
    missing = np.zeros(SHAPE[0], bool)
    return Volume(
        "v",
        np.zeros(SHAPE, np.float32),
        geometry,
        ready=missing,
        preview=Preview(CoarseLevel(coarse, STEP)),
    )


def sampled(volume: Volume, plane: Plane, slab: Slab | None = None) -> npt.NDArray[np.float32]:
    level = stand_in(volume, plane, slab)
    assert level is not None
    (values,) = sample_planes([SampleRequest(volume, plane, None, slab=slab, level=level)])
    return values


def plane_through(volume: Volume, axis: int, index: float) -> Plane:
    """Pixels along the other two axes of the array, half a voxel apart, over all of its footprint."""
    geometry = volume.geometry
    start = np.full(3, -0.5 + 1e-6)
    start[axis] = index
    across, down = [n for n in (2, 1, 0) if n != axis]
    steps = []
    for n in (across, down):
        end = start.copy()
        end[n] += geometry.shape[n] - 2e-6
        steps.append((geometry.to_patient(end) - geometry.to_patient(start)) / (2 * geometry.shape[n]))
    width, height = 2 * geometry.shape[across] + 1, 2 * geometry.shape[down] + 1
    return Plane(geometry.to_patient(start), steps[0], steps[1], width, height)


def positions(plane: Plane) -> Float:
    rows, columns = np.indices((plane.height, plane.width))
    found: Float = plane.origin_mm + columns[..., None] * plane.u_mm + rows[..., None] * plane.v_mm
    return found


@pytest.mark.parametrize("axis", [0, 1, 2])
def test_that_values_of_a_coarse_level_lie_where_the_affine_says_and_reach_to_every_edge(axis: int) -> None:
    ramp = volume()
    plane = plane_through(ramp, axis, 9.3)
    values = sampled(ramp, plane)
    assert np.isfinite(values).all(), "never blank: the footprint is that of the volume"
    index = ramp.geometry.to_index(positions(plane))
    last = [(n - 1) // s * s for n, s in zip(SHAPE, STEP, strict=True)]
    within = ((index >= 0) & (index <= last)).all(axis=-1)
    assert within.mean() > 0.8
    np.testing.assert_allclose(values[within], (positions(plane) @ RAMP)[within], rtol=1e-5, atol=2e-3)


def test_that_A12_slices_of_a_coarse_level_lie_where_uneven_slices_lie() -> None:
    ramp = volume(UNEVEN)
    for k in (4, 8, 20):
        plane = plane_through(ramp, 0, k)
        inside = ramp.geometry.to_index(positions(plane))
        ok = (inside[..., 1:] >= 0).all(axis=-1) & (inside[..., 1:] <= (40, 51)).all(axis=-1)
        np.testing.assert_allclose(sampled(ramp, plane)[ok], (positions(plane) @ RAMP)[ok], atol=2e-3)


def test_that_nothing_is_shown_outside_the_volume() -> None:
    ramp = volume()
    plane = plane_through(ramp, 0, 5)
    wide = Plane(plane.at(-3, -3), plane.u_mm, plane.v_mm, plane.width + 6, plane.height + 6)
    values = sampled(ramp, wide)
    assert np.isnan(values[:3]).all()
    assert np.isnan(values[-3:]).all()
    assert np.isnan(values[:, :3]).all()
    assert np.isfinite(values[3:-3, 3:-3]).all()


def test_that_a_thick_slab_of_a_coarse_level_is_the_mean_of_the_ramp() -> None:
    ramp = volume()
    middle = plane_through(ramp, 0, 12)
    plane = Plane(middle.at(30, 30), middle.u_mm, middle.v_mm, 20, 20)
    values = sampled(ramp, plane, Slab(9.0, Projection.MEAN))
    np.testing.assert_allclose(values, positions(plane) @ RAMP, rtol=1e-5, atol=2e-3)


def test_that_J06_damaged_slices_between_those_of_the_level_are_marked_too() -> None:
    ramp = volume()
    ramp.corrupt[9] = True  # between 8 and 12
    plane = plane_through(ramp, 2, 20)
    at = ramp.geometry.to_index(positions(plane))[..., 0]
    marked = np.isposinf(sampled(ramp, plane))
    assert marked[(at > 8.01) & (at < 11.99)].all()
    assert not marked[(at < 7.99) | (at > 12.01)].any()


def test_that_J06_a_damaged_slice_behind_the_last_one_of_the_level_is_marked() -> None:
    ramp = volume()
    ramp.corrupt[29] = True  # the last one of the level is 28
    assert np.isposinf(sampled(ramp, plane_through(ramp, 0, 28.5))).all()


def test_that_A12_a_gap_holds_no_data_in_a_coarse_level_either() -> None:
    ramp = volume(gaps=(13,))
    assert np.isposinf(sampled(ramp, plane_through(ramp, 0, 13.5))).all()
    assert np.isfinite(sampled(ramp, plane_through(ramp, 0, 10))).all()


def test_that_slices_are_shown_as_soon_as_they_lie_no_farther_apart_than_those_of_the_level() -> None:
    ramp = volume()
    across, along = plane_through(ramp, 1, 20), plane_through(ramp, 0, 10)
    assert stand_in(ramp, along) is not None
    ramp.ready[10] = True
    assert stand_in(ramp, along) is None
    assert stand_in(ramp, plane_through(ramp, 0, 10.5)) is not None
    assert stand_in(ramp, along, Slab(20.0)) is not None
    ramp.ready[::8] = True
    assert stand_in(ramp, across) is not None
    ramp.ready[::4] = True
    assert stand_in(ramp, across) is not None  # the last slice is not there
    ramp.ready[29] = True
    assert stand_in(ramp, across) is None
    ramp.preview.level = None  # type: ignore[union-attr]
    assert stand_in(ramp, plane_through(ramp, 0, 2)) is None


def test_that_readings_never_come_from_a_coarse_level() -> None:
    ramp = volume()
    point = ramp.geometry.to_patient([8, 10, 12])  # a voxel that the level has
    assert voxel_at(ramp, point).state is VoxelState.LOADING
    assert voxel_at(ramp, point).stored is None
    assert np.isnan(sample_plane(ramp, plane_through(ramp, 0, 8), interpolation=Interpolation.NEAREST)).all()


def test_that_rows_of_a_curved_picture_come_from_the_level_too() -> None:
    ramp = volume()
    plane = plane_through(ramp, 1, 20)
    starts = np.array([plane.at(0, row) for row in range(10, 50)])
    values = np.empty((len(starts), plane.width - 10), np.float32)
    sample_rows(ramp, starts, np.broadcast_to(plane.u_mm, starts.shape), values)
    expected = positions(plane)[10:50, : plane.width - 10] @ RAMP
    index = ramp.geometry.to_index(positions(plane)[10:50, : plane.width - 10])
    ok = (index >= 0).all(axis=-1) & (index <= (28, 40, 51)).all(axis=-1)
    np.testing.assert_allclose(values[ok], expected[ok], rtol=1e-5, atol=2e-3)
