"""Window, colormap, inversion and opacity of a layer folded into one small colour table over stored values.

The render kernel looks a stored value v up at `floor(clamp((v - lower) / (upper - lower), 0, 1) * (n - 1) + 0.5)`.
A linear window therefore changes only the two bounds, never the table, and dragging it costs nothing.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from viewer.imaging.colormap import Colormap
from viewer.imaging.window import VoiFunction, VoiTable, Window

Table = npt.NDArray[np.uint8]

SIGMOID_ENTRIES = 4096
SIGMOID_WIDTHS = 2.0
"""The sigmoid is tabulated this many widths to either side: beyond, 8 bits cannot tell it from 0 or 1."""
_TRANSPARENT_ENTRIES = 512
_NUDGE = 2.0**-7
"""Share of a table step by which the edge of transparency lies above the lower bound, so that the bound itself is
transparent whatever way single-precision arithmetic rounds; far below what 8 bits can show."""


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
    """Colour table of a layer and the stored values its ends stand for.

    Parameters
    ----------
    window
        Window or VOI lookup table on the displayed quantity.
    colormap
        256 colours.
    invert
        Low values take the colours of the upper end: MONOCHROME1 or the user's wish, applied after the window (B16).
    opacity
        0..1, becomes the alpha of every visible entry.
    transparent_below
        Values at or below the window's lower bound get alpha 0; the next value above is visible (D35).
    slope, intercept
        From stored values to the displayed quantity.

    Returns
    -------
    table
        (n, 4) uint8 straight RGBA, read-only: n = 256, for a linear window with `transparent_below` 512, for SIGMOID
        4096, for a lookup table its length.
    lower_stored, upper_stored
        Stored values of the first and last entry; equal ones mean a step: up to it the first entry, above the last.

    Raises
    ------
    ValueError
        `slope` is 0 or not finite, `intercept` is not finite, or `opacity` is not within 0..1.
    """
    if not (math.isfinite(slope) and math.isfinite(intercept)) or slope == 0.0:
        raise ValueError("the slope from stored to displayed values must be finite and not 0")
    if not 0.0 <= opacity <= 1.0:
        raise ValueError("opacity lies between 0 and 1")
    alpha = math.floor(opacity * 255.0 + 0.5)
    falling = slope < 0
    lower, upper = window.lower, window.upper
    if isinstance(window, VoiTable):
        table = _lookup_table(window, colormap, invert, alpha, transparent_below, falling)
    elif window.function is VoiFunction.SIGMOID:
        table = _sigmoid_table(colormap, invert, alpha, transparent_below, falling)
        lower = window.center - SIGMOID_WIDTHS * window.width
        upper = window.center + SIGMOID_WIDTHS * window.width
    elif transparent_below and upper > lower:
        table = _transparent_table(colormap, invert, alpha, falling)
        step = (upper - lower) / 510.0
        lower, upper = lower - (0.5 - _NUDGE) * step, upper + (0.5 + _NUDGE) * step
    else:
        table = _linear_table(colormap, invert, alpha, transparent_below, falling)
    first, last = (lower - intercept) / slope, (upper - intercept) / slope
    if falling:
        first, last = last, first
        if first == last and table.shape[0] > 1:
            # A step: the stored value of the bound itself is still "up to the bound", now on the upper side.
            first = last = float(np.nextafter(np.float32(first), np.float32(-np.inf)))
    return table, first, last


def _colours(colormap: Colormap, invert: bool) -> Table:
    return colormap.rgb[::-1] if invert else colormap.rgb


def _finished(rgb: Table, alpha: int, hidden: npt.NDArray[np.bool_] | None, falling: bool) -> Table:
    """Add alpha, turn the order for a falling slope and freeze."""
    table = np.empty((rgb.shape[0], 4), dtype=np.uint8)
    table[:, :3] = rgb
    table[:, 3] = alpha
    if hidden is not None:
        table[hidden, 3] = 0
    if falling:
        table = np.ascontiguousarray(table[::-1])
    table.setflags(write=False)
    return table


@lru_cache(maxsize=256)
def _linear_table(colormap: Colormap, invert: bool, alpha: int, hide_first: bool, falling: bool) -> Table:
    """256 entries between the bounds; `hide_first` only comes with a step, where entry 0 is "up to the bound"."""
    hidden = np.arange(256) == 0 if hide_first else None
    return _finished(_colours(colormap, invert), alpha, hidden, falling)


@lru_cache(maxsize=256)
def _transparent_table(colormap: Colormap, invert: bool, alpha: int, falling: bool) -> Table:
    """512 entries of half a colour step each, so that entry 0 ends exactly at the lower bound.

    With 256 entries the first one would reach half a colour step above the bound and hide faint uptake. Entry e > 0
    holds the values from (e - 1) / 2 to e / 2 colour steps above the bound, which is colour e // 2.
    """
    entries = np.arange(_TRANSPARENT_ENTRIES)
    return _finished(_colours(colormap, invert)[entries // 2], alpha, entries == 0, falling)


@lru_cache(maxsize=256)
def _sigmoid_table(colormap: Colormap, invert: bool, alpha: int, transparent: bool, falling: bool) -> Table:
    """The sigmoid over 2 widths to either side of the centre; in these units it does not depend on the window."""
    at = np.linspace(-SIGMOID_WIDTHS, SIGMOID_WIDTHS, SIGMOID_ENTRIES)
    index = np.floor(Window(0.0, 1.0, VoiFunction.SIGMOID).apply(at) * 255.0 + 0.5).astype(np.intp)
    return _finished(_colours(colormap, invert)[index], alpha, at <= -0.5 if transparent else None, falling)


@lru_cache(maxsize=64)
def _lookup_table(
    window: VoiTable, colormap: Colormap, invert: bool, alpha: int, transparent: bool, falling: bool
) -> Table:
    """One entry per entry of the VOI lookup table."""
    values = window.apply(window.first_mapped + np.arange(window.values.size))
    index = np.floor(values * 255.0 + 0.5).astype(np.intp)
    hidden = np.arange(index.size) == 0 if transparent else None
    return _finished(_colours(colormap, invert)[index], alpha, hidden, falling)
