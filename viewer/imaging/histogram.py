"""Histogram and value range of a volume, without padding and without a float copy of it (rules B07, B18)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray

SAMPLES = 1 << 18
"""Voxels a histogram looks at unless told otherwise; enough for 0.1 % in a tail of 1 %."""
_QUANTILES = np.linspace(0.0, 1.0, 1001)


@dataclass(frozen=True, eq=False)
class Histogram:
    """Distribution of the displayed quantity over a sample of voxels.

    Parameters
    ----------
    edges
        (bins + 1,) rising bin edges in the unit of the quantity.
    counts
        (bins,) sampled voxels per bin; the last bin includes its upper edge.
    min, max
        Lowest and highest sampled value; 0 when `count` is 0. `value_range` gives exact ones.
    count
        Sampled voxels that are neither padding nor NaN or infinite.
    """

    edges: FloatArray
    counts: npt.NDArray[np.int64]
    min: float
    max: float
    count: int
    _quantiles: FloatArray = field(repr=False)

    def percentile(self, percent: float) -> float:
        """Value below which `percent` (0..100) of the sampled voxels lie; 0 when there are none.

        Raises
        ------
        ValueError
            `percent` is not within 0..100.
        """
        if not 0.0 <= percent <= 100.0:
            raise ValueError("a percentile lies between 0 and 100")
        return float(np.interp(percent / 100.0, _QUANTILES, self._quantiles))


def histogram(
    array: npt.NDArray[Any],
    slope: float = 1.0,
    intercept: float = 0.0,
    padding: tuple[float, float] | None = None,
    bins: int = 256,
    *,
    samples: int = SAMPLES,
) -> Histogram:
    """Histogram of a volume from evenly spread voxels.

    Parameters
    ----------
    array
        (k, j, i) stored values, any shape works; integers or floats.
    slope, intercept
        From stored values to the displayed quantity.
    padding
        (low, high) stored values that mean "no value", both included, or None.
    bins
        Number of equal bins between the lowest and the highest sampled value.
    samples
        About how many voxels are looked at.

    Returns
    -------
    Histogram
        In the unit of the displayed quantity.

    Raises
    ------
    ValueError
        `bins` or `samples` is not positive.
    """
    if bins < 1 or samples < 1:
        raise ValueError("a histogram needs bins and samples")
    stored = _spread(array, samples)
    kept = stored[_valid(stored, padding)]
    if kept.size == 0:
        edges = np.linspace(0.0, 1.0, bins + 1)
        return Histogram(edges, np.zeros(bins, np.int64), 0.0, 0.0, 0, np.zeros(_QUANTILES.size))
    # In the type they are stored in: half the time, and a window waits for it while its study loads.
    kept.sort()
    values = (kept if slope >= 0 else kept[::-1]).astype(np.float64) * slope + intercept
    low, high = float(values[0]), float(values[-1])
    edges = np.linspace(low, high if high > low else low + 1.0, bins + 1)
    below = np.searchsorted(values, edges, side="left")
    below[-1] = values.size
    quantiles = np.interp(_QUANTILES * (values.size - 1), np.arange(values.size), values)
    return Histogram(edges, np.diff(below).astype(np.int64), low, high, int(values.size), quantiles)


def value_range(
    array: npt.NDArray[Any], padding: tuple[float, float] | None = None
) -> tuple[float, float] | None:
    """Exact lowest and highest stored value, without padding, NaN and infinity.

    Parameters
    ----------
    array
        (k, j, i) stored values, any shape works; read slice by slice, so that nothing large is allocated.
    padding
        (low, high) stored values that mean "no value", both included, or None.

    Returns
    -------
    tuple or None
        (lowest, highest), or None when no value is left.
    """
    low, high = np.inf, -np.inf
    for part in array if array.ndim > 2 else (array,):
        if part.size == 0:
            continue
        least, most = part.min(), part.max()
        # Padding and NaN change the range of a slice only when they are at one of its ends.
        if not (np.isfinite(least) and np.isfinite(most)) or (
            padding is not None and any(padding[0] <= end <= padding[1] for end in (least, most))
        ):
            values = part[_valid(part, padding)]
            if values.size == 0:
                continue
            least, most = values.min(), values.max()
        low, high = min(low, float(least)), max(high, float(most))
    return (low, high) if high >= low else None


def _spread(array: npt.NDArray[Any], samples: int) -> npt.NDArray[Any]:
    """About `samples` voxels, evenly spread: strides along every axis, the slowest axes first."""
    view = array
    for axis in range(array.ndim):
        excess = view.size / samples
        if excess <= 1:
            break
        # An even share of the remaining reduction per remaining axis keeps the sample isotropic.
        step = max(1, min(view.shape[axis], round(excess ** (1.0 / (array.ndim - axis)))))
        view = view[(slice(None),) * axis + (slice(step // 2, None, step),)]
    return np.ascontiguousarray(view).reshape(-1)


def _valid(stored: npt.NDArray[Any], padding: tuple[float, float] | None) -> npt.NDArray[np.bool_]:
    valid: npt.NDArray[np.bool_] = (
        np.isfinite(stored) if stored.dtype.kind == "f" else np.ones(stored.shape, dtype=np.bool_)
    )
    if padding is not None:
        valid &= ~((stored >= padding[0]) & (stored <= padding[1]))
    return valid
