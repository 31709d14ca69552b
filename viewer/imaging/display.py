"""One table per layer: window function, colormap, inversion, threshold and opacity baked together.

`compose` maps a stored value v to entry floor(clamp((v - lower) / (upper - lower), 0, 1) * (n - 1) + 0.5), so the
window costs nothing per pixel and every function is exact to a grey level.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np
import numpy.typing as npt

from viewer.imaging.colormap import Colormap
from viewer.imaging.window import VoiFunction, VoiTable, Window

SIGMOID_ENTRIES = 4096
SIGMOID_REACH = 2.5
"""Widths on each side of the centre; beyond, the sigmoid is within 1/20,000 of its ends."""

Table = npt.NDArray[np.uint8]


def layer_table(
    window: Window | VoiTable,
    colormap: Colormap,
    *,
    invert: bool = False,
    opacity: float = 1.0,
    transparent_below: bool = False,
    slope: float = 1.0,
    intercept: float = 0.0,
) -> tuple[Table, float, float]:
    """Table and bounds for `compose`.

    Parameters
    ----------
    window
        On the displayed quantity `stored * slope + intercept`.
    colormap
        Colours of 0..1.
    invert
        Reverse the output of the window (rule B16: after the VOI).
    opacity
        0..1, goes into alpha.
    transparent_below
        The lowest entry lets the layer below through (rule D35).
    slope, intercept
        From stored values to the displayed quantity; slope is not 0.

    Returns
    -------
    table
        (n, 4) uint8 straight RGBA, read-only and shared.
    lower, upper
        Stored values of its first and last entry.

    Raises
    ------
    ValueError
        The slope is 0 or not finite.
    """
    if slope == 0 or not np.isfinite(slope) or not np.isfinite(intercept):
        raise ValueError("a layer needs a finite slope other than 0")
    reverse = slope < 0
    table = _table(window, colormap, invert, round(opacity * 255), transparent_below, reverse)
    low, high = _bounds(window)
    bounds = ((low - intercept) / slope, (high - intercept) / slope)
    return table, min(bounds), max(bounds)


def _bounds(window: Window | VoiTable) -> tuple[float, float]:
    if isinstance(window, VoiTable):
        return window.first_mapped, window.first_mapped + len(window.values) - 1
    if window.function is VoiFunction.SIGMOID:
        return window.center - SIGMOID_REACH * window.width, window.center + SIGMOID_REACH * window.width
    return window.lower, window.upper


@lru_cache(maxsize=256)
def _shape(window: VoiTable | None, *, sigmoid: bool) -> npt.NDArray[np.float64]:
    """Window output 0..1 of each entry; it depends on the kind of function only, not on centre and width."""
    if window is not None:
        return window.apply(window.first_mapped + np.arange(len(window.values)))
    if sigmoid:
        x = np.linspace(-SIGMOID_REACH, SIGMOID_REACH, SIGMOID_ENTRIES)
        result: npt.NDArray[np.float64] = 1 / (1 + np.exp(-4 * x))
        return result
    return np.linspace(0.0, 1.0, 256)


def _table(
    window: Window | VoiTable, colormap: Colormap, invert: bool, alpha: int, transparent: bool, reverse: bool
) -> Table:
    table_of = window if isinstance(window, VoiTable) else None
    sigmoid = isinstance(window, Window) and window.function is VoiFunction.SIGMOID
    return _cached_table(table_of, sigmoid, colormap, invert, alpha, transparent, reverse)


@lru_cache(maxsize=256)
def _cached_table(
    window: VoiTable | None,
    sigmoid: bool,
    colormap: Colormap,
    invert: bool,
    alpha: int,
    transparent: bool,
    reverse: bool,
) -> Table:
    output = _shape(window, sigmoid=sigmoid)
    level = np.floor(output * 255 + 0.5).astype(np.int64)
    table = np.empty((len(level), 4), np.uint8)
    table[:, :3] = colormap.rgb[255 - level if invert else level]
    table[:, 3] = alpha
    if transparent:
        table[level == 0, 3] = 0
    if reverse:
        table = table[::-1].copy()
    table.setflags(write=False)
    return table
