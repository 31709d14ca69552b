"""Value distributions without padding (rule B07): for the histogram, automatic windows and full range."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

MOST_SAMPLES = 1 << 20


@dataclass(frozen=True, eq=False)
class Histogram:
    """Counts of a quantity.

    Parameters
    ----------
    edges
        (n + 1,) bin edges in the quantity.
    counts
        (n,) samples a bin.
    min, max
        Of the samples.
    """

    edges: npt.NDArray[np.float64]
    counts: npt.NDArray[np.int64]
    min: float
    max: float

    @property
    def count(self) -> int:
        """Number of samples."""
        return int(self.counts.sum())

    def percentile(self, percent: float) -> float:
        """Value below which so many percent (0..100) of the samples lie, linear within a bin."""
        total = np.concatenate([[0], np.cumsum(self.counts)]).astype(np.float64)
        if total[-1] == 0:
            return self.min
        return float(np.interp(percent / 100 * total[-1], total, self.edges))


def value_range(
    array: npt.NDArray[np.generic], padding: tuple[float, float] | None = None
) -> tuple[float, float] | None:
    """Exact (lowest, highest) stored value without padding and NaN; None when there is none."""
    low = high = None
    for part in array if array.ndim > 2 else (array,):
        values = _usable(part.reshape(-1), padding)
        if values.size:
            low = values.min() if low is None else min(low, values.min())
            high = values.max() if high is None else max(high, values.max())
    return None if low is None or high is None else (float(low), float(high))


def histogram(
    array: npt.NDArray[np.generic],
    slope: float = 1.0,
    intercept: float = 0.0,
    padding: tuple[float, float] | None = None,
    bins: int = 256,
) -> Histogram:
    """Histogram of `stored * slope + intercept` over at most a million voxels taken at even steps.

    Parameters
    ----------
    array
        Stored values of any shape.
    padding
        (low, high) stored values to leave out.
    """
    stride = max(1, int(np.ceil((array.size / MOST_SAMPLES) ** (1 / max(array.ndim, 1)))))
    sample = array[tuple(slice(None, None, stride) for _ in range(array.ndim))].reshape(-1)
    values = _usable(sample, padding).astype(np.float64) * slope + intercept
    if not values.size:
        return Histogram(np.linspace(0.0, 1.0, bins + 1), np.zeros(bins, np.int64), 0.0, 0.0)
    low, high = float(values.min()), float(values.max())
    counts, edges = np.histogram(values, bins=bins, range=(low, high if high > low else low + 1.0))
    return Histogram(edges, counts.astype(np.int64), low, high)


def _usable(values: npt.NDArray[np.generic], padding: tuple[float, float] | None) -> npt.NDArray[np.generic]:
    keep = np.isfinite(values) if values.dtype.kind == "f" else None
    if padding is not None:
        inside = ~((values >= padding[0]) & (values <= padding[1]))  # type: ignore[operator]
        keep = inside if keep is None else keep & inside
    return values if keep is None else values[keep]
