"""VOI windows: exact functions of PS3.3 C.11.2.1, lookup tables, header windows and dragging (rules B09-B15).

A window acts on the displayed quantity (HU, SUV, Bq/mL, ...), never on stored values; `viewer.imaging.display` folds
the modality slope into the bounds of the colour table.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from viewer.imaging.histogram import Histogram

DRAG_PX_PER_WIDTH = 250.0
"""Pixels of vertical dragging that move the level by one window width (clinical spec E.3)."""
SMALLEST_WIDTH, LARGEST_WIDTH = 1e-9, 1e12


class VoiFunction(StrEnum):
    """VOI LUT Function (0028,1056), PS3.3 C.11.2.1.3."""

    LINEAR = "LINEAR"
    """Integer convention: shifted by half a unit, width counts grey levels. For HU (rule C06)."""
    LINEAR_EXACT = "LINEAR_EXACT"
    """Real convention: lower to upper bound. For every float quantity (rule B12)."""
    SIGMOID = "SIGMOID"


@dataclass(frozen=True)
class Window:
    """A window on the displayed quantity.

    Parameters
    ----------
    center, width
        Window Center (0028,1050) and Window Width (0028,1051) in the unit of the quantity.
    function
        How they map to 0..1.
    name
        What the user calls it, empty for a window without a name.

    Raises
    ------
    ValueError
        Centre or width is not finite, the width is not above 0, or below 1 for LINEAR (PS3.3 C.11.2.1.2).
    """

    center: float
    width: float
    function: VoiFunction = VoiFunction.LINEAR
    name: str = ""

    def __post_init__(self) -> None:
        if not (math.isfinite(self.center) and math.isfinite(self.width)):
            raise ValueError("window centre and width must be finite")
        if self.width <= 0:
            raise ValueError(f"window width must be above 0, not {self.width:g}")
        if self.function is VoiFunction.LINEAR and self.width < 1:
            raise ValueError(f"a LINEAR window is at least 1 wide, not {self.width:g}")

    @property
    def lower(self) -> float:
        """Values up to this one are black; for SIGMOID where the tangent at the centre meets 0."""
        if self.function is VoiFunction.LINEAR:
            return self.center - 0.5 - (self.width - 1) / 2
        return self.center - self.width / 2

    @property
    def upper(self) -> float:
        """Values from this one on are white; for SIGMOID where the tangent at the centre meets 1."""
        if self.function is VoiFunction.LINEAR:
            return self.center - 0.5 + (self.width - 1) / 2
        return self.center + self.width / 2

    @classmethod
    def from_bounds(
        cls,
        lower: float,
        upper: float,
        name: str = "",
        function: VoiFunction = VoiFunction.LINEAR_EXACT,
    ) -> Window:
        """The window that is black up to `lower` and white from `upper` on (rule C03).

        Raises
        ------
        ValueError
            `upper` is not above `lower`.
        """
        if function is VoiFunction.LINEAR:
            return cls((lower + upper + 1) / 2, upper - lower + 1, function, name)
        return cls((lower + upper) / 2, upper - lower, function, name)

    def apply(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map values of the quantity to 0 (black) .. 1 (white), PS3.3 C.11.2.1.2.1 and C.11.2.1.3.

        Parameters
        ----------
        x
            Values of any shape, in the unit of the window. NaN stays NaN.

        Returns
        -------
        ndarray
            float64, shape of `x`.
        """
        values = np.asarray(x, dtype=np.float64)
        if self.function is VoiFunction.SIGMOID:
            # tanh form of 1 / (1 + exp(-4 (x - c) / w)): the same number without overflow far from the centre
            sigmoid: npt.NDArray[np.float64] = 0.5 * (
                1.0 + np.tanh(2.0 * (values - self.center) / self.width)
            )
            return sigmoid
        if self.function is VoiFunction.LINEAR:
            centre, span = self.center - 0.5, self.width - 1.0
        else:
            centre, span = self.center, self.width
        inner = (values - centre) / span + 0.5 if span > 0 else np.zeros_like(values)
        result = np.where(values <= self.lower, 0.0, np.where(values > self.upper, 1.0, inner))
        result[np.isnan(values)] = np.nan
        return result


@dataclass(frozen=True, eq=False)
class VoiTable:
    """An entry of the VOI LUT Sequence (0028,3010), PS3.3 C.11.2.1.1 (rule B14).

    Parameters
    ----------
    first_mapped
        Value of the quantity that the first entry belongs to; lower values take the first entry too.
    values
        (n,) unsigned entries.
    bits
        Bits of an entry: 2**bits - 1 is white.
    name
        LUT Explanation (0028,3003).

    Raises
    ------
    ValueError
        No entries, or `bits` not in 1..16.
    """

    first_mapped: float
    values: npt.NDArray[np.uint16]
    bits: int = 16
    name: str = ""

    def __post_init__(self) -> None:
        values = np.array(self.values, dtype=np.uint16).reshape(-1)
        if values.size == 0 or not 1 <= self.bits <= 16:
            raise ValueError("a VOI lookup table needs entries of 1 to 16 bits")
        values.setflags(write=False)
        object.__setattr__(self, "values", values)

    @property
    def lower(self) -> float:
        """Value of the first entry."""
        return float(self.first_mapped)

    @property
    def upper(self) -> float:
        """Value of the last entry."""
        return float(self.first_mapped + self.values.size - 1)

    def apply(self, x: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Map values of the quantity to 0..1; outside the table the nearest end counts. NaN stays NaN.

        Parameters
        ----------
        x
            Values of any shape; the nearest whole number selects the entry.

        Returns
        -------
        ndarray
            float64, shape of `x`.
        """
        values = np.asarray(x, dtype=np.float64)
        index = np.clip(np.floor(values - self.first_mapped + 0.5), 0, self.values.size - 1)
        entries = self.values[np.where(np.isnan(values), 0, index).astype(np.intp)]
        result: npt.NDArray[np.float64] = np.minimum(entries / float(2**self.bits - 1), 1.0)
        return np.where(np.isnan(values), np.nan, result)


Voi = Window | VoiTable
"""What a layer is shown with (PS3.3 C.11.2: windows and tables are alternatives)."""


def as_window(voi: Voi) -> Window:
    """A window as it is; for a lookup table the linear window over its range, where dragging and typing begin."""
    if isinstance(voi, Window):
        return voi
    return Window.from_bounds(voi.lower, voi.upper, function=VoiFunction.LINEAR)


def scaled(voi: Voi, factor: float) -> Window:
    """The window that shows the same picture after all values were multiplied by a factor above 0.

    Bounds keep six digits, so that scaling there and back returns to round numbers.
    """
    window = as_window(voi)
    lower, upper = (float(f"{bound * factor:.6g}") for bound in (window.lower, window.upper))
    if window.function is VoiFunction.SIGMOID:
        return Window.from_bounds(lower, upper, function=VoiFunction.SIGMOID)
    return Window.from_bounds(lower, upper)


def dragged(window: Window, dx_px: float, dy_px: float) -> Window:
    """Window after the pointer moved: right is wider, up is a lower level (brighter).

    Both follow the current width, so that a brain window and a PET window in Bq/mL feel the same; dragging there and
    back along one axis returns to the start.

    Parameters
    ----------
    window
        Before the move.
    dx_px, dy_px
        Move to the right and down, in device-independent pixels.

    Returns
    -------
    Window
        Same function, no name.
    """
    least = 1.0 if window.function is VoiFunction.LINEAR else SMALLEST_WIDTH
    factor = math.exp(min(max(dx_px / DRAG_PX_PER_WIDTH, -20.0), 20.0))
    width = min(max(window.width * factor, least), LARGEST_WIDTH)
    center = window.center + dy_px / DRAG_PX_PER_WIDTH * window.width
    return replace(window, center=center, width=width, name="")


def header_windows(
    centers: Sequence[float],
    widths: Sequence[float],
    explanations: Sequence[str] = (),
    function: str | None = None,
    data_range: tuple[float, float] | None = None,
) -> tuple[tuple[Window, ...], tuple[str, ...]]:
    """Windows of a header as named presets, bad ones left out and reported (rules B13, B15).

    Parameters
    ----------
    centers, widths
        Values of (0028,1050) and (0028,1051); they pair by index.
    explanations
        Values of (0028,1055).
    function
        (0028,1056); empty or None means LINEAR.
    data_range
        (lowest, highest) value of the quantity when known: a centre further away than 100 times this range is not
        believed.

    Returns
    -------
    windows, notes
        Usable windows in order; a sentence for everything that was odd.
    """
    notes: list[str] = []
    kind = VoiFunction.LINEAR
    if function and function.strip():
        try:
            kind = VoiFunction(function.strip().upper())
        except ValueError:
            notes.append("The VOI LUT function of the header is unknown; LINEAR is used.")
    if len(centers) != len(widths):
        notes.append(
            f"The header has {len(centers)} window centres and {len(widths)} widths; the pairs are used."
        )
    windows: list[Window] = []
    for number, (center, width) in enumerate(zip(centers, widths, strict=False)):
        name = explanations[number].strip() if number < len(explanations) else ""
        if not (math.isfinite(center) and math.isfinite(width)) or width <= 0:
            notes.append(
                f"Header window {number + 1} (W {width:g} L {center:g}) is not usable and was ignored."
            )
            continue
        if data_range is not None and _far_outside(center, data_range):
            notes.append(
                f"Header window {number + 1} (L {center:g}) lies far outside the data and was ignored."
            )
            continue
        exact = kind is VoiFunction.LINEAR and width < 1
        if exact:
            notes.append(f"Header window {number + 1} is narrower than 1; it is read as LINEAR_EXACT.")
        windows.append(Window(float(center), float(width), VoiFunction.LINEAR_EXACT if exact else kind, name))
    return tuple(windows), tuple(notes)


def _far_outside(center: float, data_range: tuple[float, float]) -> bool:
    low, high = data_range
    reach = 100.0 * max(high - low, 1.0)
    return not low - reach <= center <= high + reach


def default_window(unit: str, modality: str = "", stats: Histogram | None = None) -> Window:
    """The window of a volume whose header has none that can be used (rule B15, section C).

    Parameters
    ----------
    unit
        Unit of the displayed quantity: "HU", "SUV", "Bq/mL", ...
    modality
        (0008,0060).
    stats
        Histogram of the displayed quantity without padding; without it or with no values in it, a window for 8-bit
        data stands in.

    Returns
    -------
    Window
        CT 40/400; SUV 0-7; other PET 0 to the 99.5th percentile; everything else 1st to 99th percentile.
    """
    if unit == "HU" or (modality == "CT" and not unit):
        return Window(40.0, 400.0)
    if unit == "SUV":
        return Window.from_bounds(0.0, 7.0)
    if stats is None or stats.count == 0:
        return Window(128.0, 256.0)
    low, high = stats.percentile(1.0), stats.percentile(99.0)
    if modality == "PT":
        low, high = 0.0, stats.percentile(99.5)
    if not high > low:
        low, high = stats.min, stats.max
    if not high > low:
        return Window(low, 1.0, VoiFunction.LINEAR_EXACT)
    return Window.from_bounds(low, high)
