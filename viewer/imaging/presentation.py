"""The greyscale chain of a presentation state as one table (PS3.4 N.2, PS3.3 C.11.1, C.11.2, C.11.6)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.modality import apply_modality_lut
from viewer.imaging.window import Voi, VoiTable

LARGEST_TABLE = 1 << 16


@dataclass(frozen=True, eq=False)
class GreyChain:
    """What becomes of a stored value.

    Parameters
    ----------
    modality
        (first mapped stored value, (n,) entries) that replaces the rescale, or None.
    slope, intercept
        Rescale of the presentation state, used without a modality table.
    voi
        Window or table on the result, None for the identity over the whole range.
    presentation
        (n,) entries over 0..1 as values of 0..1, None for the identity.
    inverse
        Presentation LUT Shape INVERSE.
    """

    modality: tuple[int, npt.NDArray[np.uint16]] | None = None
    slope: float = 1.0
    intercept: float = 0.0
    voi: Voi | None = None
    presentation: npt.NDArray[np.float64] | None = None
    inverse: bool = False

    def apply(self, stored: npt.ArrayLike) -> npt.NDArray[np.float64]:
        """Stored values of any shape to 0 (black) .. 1 (white)."""
        values = np.asarray(stored, np.float64)
        if self.modality is not None:
            first, entries = self.modality
            values = apply_modality_lut(np.rint(values), first, entries).astype(np.float64)
        else:
            values = values * self.slope + self.intercept
        if self.voi is not None:
            values = self.voi.apply(values)
        else:
            low, high = float(values.min(initial=0.0)), float(values.max(initial=1.0))
            values = (values - low) / (high - low)
        if self.presentation is not None:
            n = len(self.presentation)
            values = self.presentation[np.clip(np.rint(values * (n - 1)), 0, n - 1).astype(np.intp)]
        return 1.0 - values if self.inverse else values


def as_table(chain: GreyChain, low: float, high: float, slope: float, intercept: float) -> VoiTable:
    """A chain as a table over the quantity that the viewer shows.

    Parameters
    ----------
    chain
        From stored values to grey.
    low, high
        Lowest and highest stored value.
    slope, intercept
        From stored values to the quantity on display; the table has an entry a unit of that quantity.

    Returns
    -------
    VoiTable
        16 bits an entry.
    """
    ends = sorted((low * slope + intercept, high * slope + intercept))
    first = float(np.floor(ends[0]))
    entries = int(min(LARGEST_TABLE, max(2.0, np.ceil(ends[1]) - first + 1)))
    shown = first + np.arange(entries)
    grey = chain.apply((shown - intercept) / slope)
    return VoiTable(first, np.rint(np.clip(grey, 0, 1) * 65535).astype(np.uint16), 16, "presentation state")
