"""Which rows of which slices a plane is made of: what has to be read from the disk before it is sampled."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.kernel.jobs import SampleJob

Int = npt.NDArray[np.int64]
Float = npt.NDArray[np.float64]

REACH = 2
"""Slices and rows beyond a position that interpolation may ask for."""


@dataclass(frozen=True, eq=False)
class NeededRows:
    """Rows of slices of a (k, j, i) array.

    Parameters
    ----------
    slices
        (m,) ascending.
    first, last
        (m,) rows of each, both included.
    """

    slices: Int
    first: Int
    last: Int

    @property
    def count(self) -> int:
        """Number of rows in all."""
        return int((self.last - self.first + 1).sum())


def needed_rows(job: SampleJob) -> NeededRows:
    """Rows that the samples of a job are interpolated from, and some more: none is left out."""
    slices = np.arange(job.data.shape[0]) if job.knots is None else job.knots.k.astype(np.int64)
    at = slices.astype(np.float64) if job.knots is None else job.knots.w
    nothing = np.empty(0, np.int64)
    if not len(at) or not job.out.size:
        return NeededRows(nothing, nothing, nothing)
    # A sample is made from the slices next to it: seen from a slice, of samples between its neighbours.
    padded = np.pad(at, REACH, mode="reflect", reflect_type="odd") if len(at) > REACH else None
    half = job.samples // 2 * np.abs(job.step)
    below = (at - REACH if padded is None else padded[: -2 * REACH]) - half[0]
    above = (at + REACH if padded is None else padded[2 * REACH :]) + half[0]
    # Beyond its ends the stack goes on with its outermost slices.
    below[:REACH], above[-REACH:] = -np.inf, np.inf
    low, high = _rows_between(job, below, above)
    last_row = job.data.shape[1] - 1
    first = np.clip(np.floor(low - half[1]) - REACH, 0, last_row + 1)
    last = np.clip(np.ceil(high + half[1]) + REACH, -1, last_row)
    with np.errstate(invalid="ignore"):
        used = first <= last
    return NeededRows(slices[used], first[used].astype(np.int64), last[used].astype(np.int64))


def _rows_between(job: SampleJob, below: Float, above: Float) -> tuple[Float, Float]:
    """Lowest and highest row index of the pixels whose slice index lies between bounds, NaN where there is none.

    Both indices are linear over the picture, so the extremes are at the corners of the part between the bounds: corners
    of the picture, and points where its edges meet a bound.
    """
    height, width = job.out.shape
    corners = np.array([(0, 0), (width - 1, 0), (width - 1, height - 1), (0, height - 1)], np.float64)
    points = corners @ job.matrix[:2, :2].T + job.matrix[:2, 2]
    w, j = points.T
    rows = [np.where((below <= wc) & (wc <= above), jc, np.nan) for wc, jc in points]
    for n in range(4):
        w0, w1, j0, j1 = w[n - 1], w[n], j[n - 1], j[n]
        if w0 == w1:
            continue
        for bound in (below, above):
            along = (bound - w0) / (w1 - w0)
            inside = (along >= 0) & (along <= 1)
            rows.append(np.where(inside, j0 + np.where(inside, along, 0.0) * (j1 - j0), np.nan))
    every = np.stack(rows)
    missing = np.isnan(every).all(axis=0)
    low = np.where(missing, np.nan, np.min(np.where(np.isnan(every), np.inf, every), axis=0))
    high = np.where(missing, np.nan, np.max(np.where(np.isnan(every), -np.inf, every), axis=0))
    return low, high
