"""Stage one of a picture: stored values of a volume on a plane in the patient.

Values stay **stored** values; rescale, window and colour come later through the table of `compose`. In the answer NaN
means "nothing here" (outside the volume, padding) and +inf means "no data" (a gap between slices, a slice that could
not be decoded), which is drawn hatched.

Rules
-----
- A voxel reaches half a pitch around its centre: a pixel is inside when its continuous index lies in [-0.5, n - 0.5]
  on every axis. Between the outermost centres and the edge the edge voxel holds, so nothing is added at the ends
  (rule E13) and edge voxels show whole.
- Slices lie where ImagePositionPatient says, also when they are not equidistant (rule A12) or sheared (rule A15).
- Padding is never mixed into tissue: if a neighbour that would contribute is padding, the nearest voxel is used
  (rules A18, B07). NaN and infinite stored values count as padding.
- While a volume is loading the slices that have arrived stand for their neighbours, interpolated by position; or its
  coarse level stands for all of them, for pictures that ask for it (`stand_in`).
"""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from viewer.imaging import kernel
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.kernel.jobs import MAX_SAMPLES, SNAP, Kind, Knots, Reduce, SampleJob
from viewer.imaging.plane import Plane
from viewer.imaging.preview import CoarseLevel
from viewer.imaging.volume import Volume

Float32 = npt.NDArray[np.float32]

FOOTPRINT_TOLERANCE = 1e-6
"""Slack of the footprint in voxels, so that a plane exactly on the edge does not flicker with rounding."""


class Interpolation(StrEnum):
    """How values between voxel centres are made."""

    NEAREST = "nearest"
    LINEAR = "linear"
    CUBIC = "cubic"
    """Catmull-Rom (Keys, a = -0.5): passes through the voxels; linear beside padding and across uneven slices."""


class Projection(StrEnum):
    """How the samples of a slab become one value."""

    MAX = "max"
    MIN = "min"
    MEAN = "mean"
    SUM = "sum"


@dataclass(frozen=True)
class Slab:
    """A thick plane.

    Parameters
    ----------
    thickness_mm
        Samples are taken at the voxel pitch as far as half of this to both sides of the plane.
    projection
        What is made of them; positions without a value are left out.
    """

    thickness_mm: float
    projection: Projection = Projection.MAX


@dataclass(frozen=True, eq=False)
class SampleRequest:
    """One plane to be sampled.

    Parameters
    ----------
    volume
        Where the values come from.
    plane
        Where they are wanted.
    out
        (plane.height, plane.width) float32 with contiguous rows, or None to have one made.
    interpolation, slab
        How they are made; `slab` None for a thin plane.
    channel
        0, 1, 2 for red, green, blue of a colour volume.
    key
        Differs whenever the values of the volume may differ; None when nothing may be remembered of them.
    level
        Sampled instead of the slices (`stand_in`). For pictures, never for readings.
    """

    volume: Volume
    plane: Plane
    out: Float32 | None = None
    interpolation: Interpolation = Interpolation.LINEAR
    slab: Slab | None = None
    channel: int = 0
    key: Hashable = None
    level: CoarseLevel | None = None


def sample_plane(
    volume: Volume,
    plane: Plane,
    *,
    interpolation: Interpolation = Interpolation.LINEAR,
    slab: Slab | None = None,
    channel: int = 0,
    out: Float32 | None = None,
) -> Float32:
    """Sample one volume on one plane.

    Returns
    -------
    ndarray
        (plane.height, plane.width) float32 stored values; NaN for nothing, +inf for no data. It is `out` if given.

    Raises
    ------
    ValueError
        `out` does not fit the plane, or the channel does not exist.
    """
    return sample_planes([SampleRequest(volume, plane, out, interpolation, slab, channel)])[0]


def sample_planes(requests: Sequence[SampleRequest]) -> list[Float32]:
    """Sample several planes in one go, spread over all cores. See `sample_plane`."""
    jobs = [sample_job(request) for request in requests]
    kernel.sample(jobs)
    return [job.out for job in jobs]


def sample_rows(
    volume: Volume,
    starts_mm: npt.ArrayLike,
    steps_mm: npt.ArrayLike,
    out: Float32,
    interpolation: Interpolation = Interpolation.LINEAR,
) -> None:
    """Sample a scalar volume along straight rows that need not lie in one plane, for a picture (`stand_in`).

    Parameters
    ----------
    volume
        Where the values come from.
    starts_mm, steps_mm
        (n, 3) LPS position of the first sample of each row and step to the next.
    out
        (n, w) float32 with contiguous rows, receives stored values as `sample_plane` gives them.

    Raises
    ------
    ValueError
        The volume has colours, or the rows do not fit `out`.
    """
    starts, steps = np.asarray(starts_mm, dtype=np.float64), np.asarray(steps_mm, dtype=np.float64)
    if volume.is_colour or starts.shape != (len(out), 3) or steps.shape != starts.shape:
        raise ValueError(f"rows of shape {starts.shape} and {steps.shape} do not fit {out.shape}")
    if not len(out):
        return
    inverse = volume.geometry.index_from_patient
    matrices = np.zeros((len(out), 3, 3))
    matrices[:, :, 0] = steps @ inverse[:3, :3].T
    matrices[:, :, 2] = starts @ inverse[:3, :3].T + inverse[:3, 3]
    level = stand_in_between(volume)
    if level is not None:
        matrices[:, 1] /= level.step[1]
        matrices[:, 2] /= level.step[2]
    # What holds for all rows is asked once; the step to a second row is never taken.
    plane = Plane(starts[0], steps[0], np.zeros(3), out.shape[1], 1)
    common = sample_job(SampleRequest(volume, plane, out[:1], interpolation, level=level))
    kernel.sample(
        [
            SampleJob(
                common.data,
                matrix,
                common.low,
                common.high,
                out[row : row + 1],
                common.kind,
                common.padding,
                common.knots,
            )
            for row, matrix in enumerate(matrices)
        ]
    )


def slab_samples(geometry: VolumeGeometry, plane: Plane, slab: Slab) -> tuple[int, float]:
    """Number of samples (odd) and their distance in mm along the normal of the plane.

    The distance is the voxel pitch: along it no axis of the grid advances by more than one voxel.
    """
    rate = np.abs(geometry.index_from_patient[:3, :3] @ plane.normal)
    if geometry.slice_offsets is not None and len(geometry.slice_offsets) > 1:
        rate[0] /= float(np.diff(geometry.slice_offsets).min())
    pitch_mm = 1.0 / float(rate.max())
    half = int(slab.thickness_mm / 2 / pitch_mm + 1e-6)
    return min(2 * half + 1, MAX_SAMPLES), pitch_mm


class VoxelState(StrEnum):
    """What is known about a point."""

    VALUE = "value"
    PADDING = "padding"
    NO_DATA = "no data"
    """In a gap between slices or in a slice that could not be decoded."""
    LOADING = "loading"
    OUTSIDE = "outside"


@dataclass(frozen=True)
class VoxelReading:
    """The voxel nearest to a point.

    Parameters
    ----------
    state
        Whether `stored` is a value.
    index
        (k, j, i) of the nearest voxel, None outside.
    stored
        Stored value, three for colour; None unless there is a voxel that has been read.
    """

    state: VoxelState
    index: tuple[int, int, int] | None = None
    stored: tuple[float, ...] | None = None


def voxel_at(volume: Volume, point_mm: npt.ArrayLike) -> VoxelReading:
    """Read the voxel nearest to a (3,) LPS point; never the display's interpolation (rule B23)."""
    geometry = volume.geometry
    continuous = geometry.to_index(point_mm)
    if not geometry.contains(point_mm):
        return VoxelReading(VoxelState.OUTSIDE)
    nearest = np.clip(np.floor(continuous + 0.5 + 1e-6), 0, np.array(geometry.shape) - 1).astype(int)
    k, j, i = (int(n) for n in nearest)
    if volume.corrupt[k] or _in_gap(geometry, float(continuous[0])):
        return VoxelReading(VoxelState.NO_DATA, (k, j, i))
    if not volume.ready[k]:
        return VoxelReading(VoxelState.LOADING, (k, j, i))
    stored = volume.array[..., k, j, i]
    padding = not volume.is_colour and bool(volume.is_padding(stored))
    values = tuple(float(value) for value in np.atleast_1d(stored))
    return VoxelReading(VoxelState.PADDING if padding else VoxelState.VALUE, (k, j, i), values)


def _in_gap(geometry: VolumeGeometry, k: float) -> bool:
    below = int(np.floor(k))
    return below in geometry.gaps and 1e-4 < k - below < 1 - 1e-4


# --- From patient space to index space ---------------------------------------------------------------------------

_KINDS = {
    Interpolation.NEAREST: Kind.NEAREST,
    Interpolation.LINEAR: Kind.LINEAR,
    Interpolation.CUBIC: Kind.CUBIC,
}
_REDUCTIONS = {
    Projection.MAX: Reduce.MAX,
    Projection.MIN: Reduce.MIN,
    Projection.MEAN: Reduce.MEAN,
    Projection.SUM: Reduce.SUM,
}


def sample_job(request: SampleRequest) -> SampleJob:
    """What the kernel is asked to do for a request, in index space.

    Raises
    ------
    ValueError
        See `sample_plane`.
    """
    volume, plane, geometry = request.volume, request.plane, request.volume.geometry
    channels = 3 if volume.is_colour else 1
    if not 0 <= request.channel < channels:
        raise ValueError(f"channel {request.channel} of {channels}")
    out = np.empty((plane.height, plane.width), np.float32) if request.out is None else request.out
    if out.shape != (plane.height, plane.width):
        raise ValueError(
            f"out {out.shape} does not fit a plane of {plane.height} rows and {plane.width} columns"
        )
    inverse = geometry.index_from_patient
    pixel = np.column_stack([plane.u_mm, plane.v_mm, plane.origin_mm])
    matrix = inverse[:3, :3] @ pixel
    matrix[:, 2] += inverse[:3, 3]
    low = np.full(3, -0.5)
    high = np.array(geometry.shape) - 0.5
    low[0], high[0] = geometry.slice_coordinate(low[0]), geometry.slice_coordinate(high[0])
    samples, step = 1, np.zeros(3)
    if request.slab is not None:
        samples, pitch_mm = slab_samples(geometry, plane, request.slab)
        step = inverse[:3, :3] @ (plane.normal * pitch_mm)
    level = request.level
    array = volume.array if level is None else level.array
    data = array[request.channel] if volume.is_colour else array
    if level is not None:
        # Along the stack its slices are knots at their true places; rows and columns are counted in its own steps.
        for axis in (1, 2):
            for part in (matrix, low, high, step):
                part[axis] /= level.step[axis]
    elif volume.columns is not None:
        found = volume.columns.holding(*_column_range(matrix, plane, samples, step, (low[2], high[2])))
        if found is not None:
            data, first = found
            matrix[2, 2] -= first
            low[2] -= first
            high[2] -= first
    return SampleJob(
        data=data,
        matrix=matrix,
        low=low - FOOTPRINT_TOLERANCE,
        high=high + FOOTPRINT_TOLERANCE,
        out=out,
        kind=_KINDS[request.interpolation],
        padding=None if volume.padding is None or volume.is_colour else volume.padding,
        knots=_knots(volume, level),
        samples=samples,
        step=step,
        reduce=_REDUCTIONS[request.slab.projection] if request.slab is not None else Reduce.MAX,
    )


def _column_range(
    matrix: FloatArray, plane: Plane, samples: int, step: FloatArray, bounds: tuple[float, float]
) -> tuple[float, float]:
    """Lowest and highest column index of the samples of a plane within a volume."""
    across, down, start = matrix[2]
    half = samples // 2 * abs(step[2])
    ends = [start + x * across + y * down for x in (0, plane.width - 1) for y in (0, plane.height - 1)]
    lowest, highest = np.clip([min(ends) - half, max(ends) + half], *bounds)
    return float(lowest), float(highest)


def stand_in(volume: Volume, plane: Plane, slab: Slab | None = None) -> CoarseLevel | None:
    """What a picture of a plane is better sampled from while slices are missing.

    Returns
    -------
    CoarseLevel or None
        The coarse level of the volume; None when there is none, or when the slices around the plane that have arrived
        are no farther from each other than those of the coarse level: then they show more than it does.
    """
    geometry = volume.geometry
    if volume.preview is None or volume.preview.level is None:
        return None
    inverse = geometry.index_from_patient[0]
    ends = [float(inverse[:3] @ corner + inverse[3]) for corner in _corners(plane)]
    reach = 0.0
    if slab is not None:
        samples, pitch_mm = slab_samples(geometry, plane, slab)
        reach = samples // 2 * pitch_mm * abs(float(inverse[:3] @ plane.normal))
    return stand_in_between(volume, min(ends) - reach, max(ends) + reach)


def stand_in_between(volume: Volume, lowest: float = -np.inf, highest: float = np.inf) -> CoarseLevel | None:
    """As `stand_in`, for all that lies between two positions along the stack (`VolumeGeometry.slice_coordinate`)."""
    level = None if volume.preview is None else volume.preview.level
    if level is None:
        return None
    geometry = volume.geometry
    there = np.flatnonzero(volume.ready | volume.corrupt)
    if len(there) == geometry.shape[0]:
        return None
    at = geometry.slice_coordinate(there)
    bounds = (float(geometry.slice_coordinate(0)), float(geometry.slice_coordinate(geometry.shape[0] - 1)))
    lowest, highest = np.clip([lowest, highest], *bounds)
    first = int(np.searchsorted(at, lowest + SNAP, side="right")) - 1
    last = int(np.searchsorted(at, highest - SNAP, side="left"))
    if first < 0 or last >= len(at):
        return level
    farthest = int(np.diff(there[first : last + 1]).max(initial=0))
    return None if farthest <= level.step[0] else level


def _corners(plane: Plane) -> list[FloatArray]:
    return [plane.at(x, y) for x in (0, plane.width - 1) for y in (0, plane.height - 1)]


def _knots(volume: Volume, level: CoarseLevel | None = None) -> Knots | None:
    """Slices that stand for the stack; None when all are there, equidistant and usable."""
    if level is not None:
        return _level_knots(volume, level)
    geometry = volume.geometry
    corrupt = volume.corrupt
    complete = bool(volume.ready.all()) and not corrupt.any()
    if geometry.slice_offsets is None and not geometry.gaps and complete:
        return None
    there = np.flatnonzero(volume.ready | corrupt)
    return _with_no_data(volume, there, there)


def _level_knots(volume: Volume, level: CoarseLevel) -> Knots:
    """All slices of a coarse level, with what is known of the slices between them."""
    count = level.array.shape[-3]
    there = np.arange(count) * level.step[0]
    knots = _with_no_data(volume, there, np.arange(count))
    if volume.corrupt[there[-1] :].any():  # it stands for the slices behind it, too
        knots.no_data[-1] |= 2
    return knots


def _with_no_data(volume: Volume, there: npt.NDArray[np.int64], held: npt.NDArray[np.int64]) -> Knots:
    """Knots at slices `there` of a volume, which lie at `held` in the array that is sampled."""
    geometry, corrupt = volume.geometry, volume.corrupt
    # Slice s and the intervals on both its sides are "no data" when it is corrupt; a gap is one interval.
    bad_before = np.zeros(geometry.shape[0] + 1, np.int64)
    for k in () if volume.interpolate_gaps else geometry.gaps:
        bad_before[k + 1 :] += 1
    bad_interval = bad_before[there[1:]] > bad_before[there[:-1]]
    damaged = np.concatenate([[0], np.cumsum(corrupt)])
    bad_interval |= damaged[there[1:] + 1] > damaged[there[:-1]]
    no_data = np.where(corrupt[there], 2, 0).astype(np.uint8)
    no_data[:-1] |= bad_interval.astype(np.uint8)
    return Knots(
        w=np.ascontiguousarray(geometry.slice_coordinate(there)),
        k=held.astype(np.int32),
        no_data=no_data,
    )
