"""The kernel's numpy twin: the same answers from the same jobs, slower, on any machine.

It is the fallback when the compiled kernel is missing and the second opinion in the tests.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from viewer.imaging.kernel.jobs import (
    HATCH_GROUND,
    HATCH_LINE,
    HATCH_PERIOD,
    HATCH_WIDTH,
    NEAREST_BIAS,
    SNAP,
    ColourLayer,
    ComposeJob,
    FloatArray,
    Kind,
    PictureJob,
    Reduce,
    SampleJob,
)

Float32 = npt.NDArray[np.float32]
Bool = npt.NDArray[np.bool_]
Int = npt.NDArray[np.int64]
Tap = tuple[Int, Float32]

BLOCK_PIXELS = 1 << 16


def turned_columns(data: npt.NDArray[np.generic], first: int, count: int) -> npt.NDArray[np.generic]:
    """See `viewer.imaging.kernel.turned_columns`."""
    if not 0 <= first < first + count <= data.shape[2]:
        raise ValueError(f"columns {first} to {first + count} of {data.shape[2]}")
    return np.ascontiguousarray(np.moveaxis(data[..., first : first + count], -1, 0))


def render(jobs: Sequence[PictureJob]) -> None:
    """Fill `out` of every job of every picture."""
    for job in jobs:
        sample(job.samples)
        if job.compose is not None:
            compose([job.compose])


def sample(jobs: Sequence[SampleJob]) -> None:
    """Fill `out` of every job."""
    for job in jobs:
        if not job.out.size:
            continue
        height, width = job.out.shape
        rows = max(1, BLOCK_PIXELS // width)
        for first in range(0, height, rows):
            _sample_block(job, np.arange(first, min(height, first + rows)))


def compose(jobs: Sequence[ComposeJob]) -> None:
    """Fill `out` of every job."""
    for job in jobs:
        picture = np.full(job.out.shape, _rgba(job.background), np.uint32)
        for layer in job.layers:
            _blend(picture, *_colours(layer))
        red, green, blue = picture & 0xFF, picture & 0xFF00, picture >> 16 & 0xFF
        job.out[...] = np.uint32(0xFF000000) | red << 16 | green | blue


# --- Sampling --------------------------------------------------------------------------------------------------


def _sample_block(job: SampleJob, rows: Int) -> None:
    out = job.out[rows[0] : rows[-1] + 1]
    columns = np.arange(out.shape[1])
    if job.samples == 1:
        out[...] = _sample_plane(job, rows, columns, 0)
        return
    reduced: Float32 = np.full(out.shape, np.nan, np.float32)
    count = np.zeros(out.shape, np.float32)
    for n in range(job.samples):
        values = _sample_plane(job, rows, columns, n - job.samples // 2)
        valid, empty = np.isfinite(values), ~np.isfinite(reduced)
        with np.errstate(invalid="ignore"):
            better: Float32
            if job.reduce is Reduce.MAX:
                better = np.where(empty | (values > reduced), values, reduced)
            elif job.reduce is Reduce.MIN:
                better = np.where(empty | (values < reduced), values, reduced)
            else:
                better = np.where(empty, values, reduced + values)
        reduced = np.where(valid, better, np.where(empty & np.isposinf(values), values, reduced))
        count += valid
    if job.reduce is Reduce.MEAN:
        reduced = (reduced / np.maximum(count, 1)).astype(np.float32)
    out[...] = reduced


def _sample_plane(job: SampleJob, rows: Int, columns: Int, offset: int) -> Float32:
    """(rows, columns) float32 values of the plane that lies `offset` slab steps off the middle."""
    axes = []
    inside = np.ones((len(rows), len(columns)), bool)
    for axis in range(3):
        per_column, per_row, start = job.matrix[axis]
        base = (per_row * rows + start) + offset * job.step[axis]
        index = base[:, None] + per_column * columns[None, :]
        inside &= (index >= job.low[axis]) & (index <= job.high[axis])
        axes.append(index)
    values = np.full(inside.shape, np.nan, np.float32)
    if inside.any() and (job.knots is None or len(job.knots.w)):
        values[inside] = _values(job, [index[inside] for index in axes])
    return values


def _values(job: SampleJob, index: list[FloatArray]) -> Float32:
    """(n,) float32 values at n points inside the array."""
    cells = [_cell(index[axis], job.data.shape[axis]) for axis in (1, 2)]
    no_data: Bool | None = None
    if job.knots is None:
        cells.insert(0, _cell(index[0], job.data.shape[0]))
    else:
        lower, upper, fraction = _cell_between(index[0], job.knots.w)
        flags = job.knots.no_data[lower]
        no_data = np.where(fraction == 0, flags & 2, flags & 1) != 0
        cells.insert(0, (job.knots.k[lower].astype(np.int64), job.knots.k[upper].astype(np.int64), fraction))
    kinds = [Kind.CUBIC, Kind.LINEAR, Kind.NEAREST]
    values = np.full(len(index[1]), np.nan, np.float32)
    todo = np.arange(len(values))
    for kind in kinds[kinds.index(job.kind) :]:
        values[todo], mixed = _weighted(job, [tuple(part[todo] for part in cell) for cell in cells], kind)
        todo = todo[mixed]
    values[todo] = np.nan
    if no_data is not None:
        values[no_data] = np.inf
    return values


def _cell(index: FloatArray, count: int) -> tuple[Int, Int, Float32]:
    """Lower voxel, upper voxel and fraction between them; outside the centres the edge voxel alone."""
    index = np.clip(index, 0, count - 1)
    lower = index.astype(np.int64)
    fraction = (index - lower).astype(np.float32)
    lower = np.where(fraction > np.float32(1 - SNAP), np.minimum(lower + 1, count - 1), lower)
    fraction = np.where((fraction < np.float32(SNAP)) | (fraction > np.float32(1 - SNAP)), 0, fraction)
    upper = np.where(fraction == 0, lower, np.minimum(lower + 1, count - 1))
    return lower, upper, fraction.astype(np.float32)


def _cell_between(w: FloatArray, knots: FloatArray) -> tuple[Int, Int, Float32]:
    """Like `_cell` for positions between knots that are not equidistant."""
    lower = np.clip(np.searchsorted(knots, w, side="right") - 1, 0, max(0, len(knots) - 2))
    upper = np.minimum(lower + 1, len(knots) - 1)
    span = np.where(upper > lower, knots[upper] - knots[lower], np.inf)
    fraction = np.clip((w - knots[lower]) / span, 0, 1).astype(np.float32)
    lower = np.where(fraction > np.float32(1 - SNAP), upper, lower)
    fraction = np.where((fraction < np.float32(SNAP)) | (fraction > np.float32(1 - SNAP)), 0, fraction)
    return lower, np.where(fraction == 0, lower, upper), fraction.astype(np.float32)


def _weighted(
    job: SampleJob, cells: Sequence[tuple[npt.NDArray[np.generic], ...]], kind: Kind
) -> tuple[Float32, Bool]:
    """Weighted mean of the neighbours and which points must not use it since a neighbour is padding."""
    taps: list[list[Tap]] = []
    for axis, (lower, upper, fraction) in enumerate(cells):
        # Cubic weights assume equal distances, so a stack with knots stays linear along its slices.
        axis_kind = Kind.LINEAR if kind is Kind.CUBIC and axis == 0 and job.knots is not None else kind
        taps.append(
            _taps(
                lower.astype(np.int64),
                upper.astype(np.int64),
                fraction.astype(np.float32),
                job.data.shape[axis],
                axis_kind,
            )
        )
    total = np.zeros(len(cells[0][0]), np.float32)
    mixed = np.zeros(len(total), bool)
    for (k, wk), (j, wj), (i, wi) in itertools.product(*taps):
        stored = job.data[k, j, i]
        with np.errstate(over="ignore"):
            value = stored.astype(np.float32)
        weight = wk * wj * wi
        bad = ~np.isfinite(value)
        if job.padding is not None:
            bad |= (stored >= np.float64(job.padding[0])) & (stored <= np.float64(job.padding[1]))
        mixed |= bad & (weight != 0)
        total += np.where(bad, np.float32(0), value) * weight
    return total, mixed


def _taps(lower: Int, upper: Int, fraction: Float32, count: int, kind: Kind) -> list[Tap]:
    """Neighbours along one axis with their weights."""
    one = np.float32(1)
    if kind is Kind.NEAREST:
        high = fraction >= np.float32(0.5 - NEAREST_BIAS)
        return [(np.where(high, upper, lower), np.ones_like(fraction))]
    if kind is Kind.LINEAR:
        return [(lower, one - fraction), (upper, fraction)]
    f, f2, f3 = fraction, fraction * fraction, fraction * fraction * fraction
    half = np.float32(0.5)
    weights = (
        half * (-f3 + 2 * f2 - f),
        half * (3 * f3 - 5 * f2 + 2 * one),
        half * (-3 * f3 + 4 * f2 + f),
        half * (f3 - f2),
    )
    return [
        (np.clip(lower + shift, 0, count - 1), np.where(fraction == 0, np.float32(shift == 0), weight))
        for shift, weight in zip((-1, 0, 1, 2), weights, strict=True)
    ]


# --- Colour ----------------------------------------------------------------------------------------------------


def _rgba(colour: int) -> int:
    """0xFFRRGGBB to 0xFFBBGGRR, the order in which the tables lie in memory."""
    return 0xFF000000 | (colour & 0xFF) << 16 | colour & 0xFF00 | colour >> 16 & 0xFF


def _colours(layer: ColourLayer) -> tuple[npt.NDArray[np.uint32], npt.NDArray[np.uint32]]:
    """(h, w) colours 0x00BBGGRR and (h, w) opacities 0..255 of a layer."""
    table = layer.table.astype(np.uint32)
    first = layer.values[0]
    picked = [table[_table_index(values, layer)] for values in layer.values]
    if len(picked) == 1:
        picked = picked * 3
    colour = picked[0][..., 0] | picked[1][..., 1] << 8 | picked[2][..., 2] << 16
    alpha = np.where(np.isnan(first), np.uint32(0), picked[0][..., 3])
    no_data = np.isposinf(first)
    if no_data.any():
        row, column = np.indices(first.shape)
        hatch = np.where((row + column) % HATCH_PERIOD < HATCH_WIDTH, HATCH_LINE, HATCH_GROUND)
        colour = np.where(no_data, hatch, colour)
        alpha = np.where(no_data, table[-1, 3], alpha)
    return colour.astype(np.uint32), alpha.astype(np.uint32)


def _table_index(values: Float32, layer: ColourLayer) -> Int:
    lower, scale, offset, step = layer.index_rule()
    last = len(layer.table) - 1
    if step:
        return np.where(values > np.float32(lower), last, 0)
    with np.errstate(invalid="ignore", over="ignore"):
        place = (values - np.float32(lower)) * np.float32(scale)
        place = np.where(place > 0, place, np.float32(0))
        place = np.where(place < last, place, np.float32(last)) + np.float32(offset)
    return np.minimum(place.astype(np.int64), last)


def _blend(
    picture: npt.NDArray[np.uint32], colour: npt.NDArray[np.uint32], alpha: npt.NDArray[np.uint32]
) -> None:
    """Put a layer on the picture: each channel is round((below * (255 - a) + colour * a) / 255)."""
    rest = np.uint32(255) - alpha
    blended = np.zeros_like(picture)
    for shift in (np.uint32(0), np.uint32(8), np.uint32(16)):
        channel = (picture >> shift & 0xFF) * rest + (colour >> shift & 0xFF) * alpha + 128
        blended |= (channel + (channel >> 8) >> 8) << shift
    picture[...] = blended
