"""Two pictures of one plane as one: alternating squares, a movable border, the difference of their brightness."""

from __future__ import annotations

from enum import StrEnum

import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.uint32]

_OPAQUE = np.uint32(0xFF000000)


class Combination(StrEnum):
    """How base and overlay share a fused pane."""

    BLEND = "blend"
    CHECKERBOARD = "checkerboard"
    SWIPE = "swipe"
    DIFFERENCE = "difference"


def combine(base: Pixels, overlay: Pixels, how: Combination, *, tile: int, edge: int) -> None:
    """Bring a second picture into the first.

    Parameters
    ----------
    base
        (h, w) uint32 0xFFRRGGBB, changed in place. BLEND leaves it as it is.
    overlay
        The same size.
    how
        CHECKERBOARD takes every second square from the overlay, the first one from the base; SWIPE everything from
        column `edge` on; DIFFERENCE is grey, 128 + (base - overlay) / 2 of their luminances (ITU-R BT.601).
    tile
        Side of a square in pixels, at least 1.
    edge
        First column of the overlay.
    """
    if how is Combination.SWIPE:
        base[:, max(0, edge) :] = overlay[:, max(0, edge) :]
    elif how is Combination.CHECKERBOARD:
        rows, columns = (np.arange(n) // tile for n in base.shape)
        other = (rows[:, None] + columns) % 2 == 1
        np.copyto(base, overlay, where=other)
    elif how is Combination.DIFFERENCE:
        grey = 128 + (_luminance(base) - _luminance(overlay)) // 2
        base[:] = grey.astype(np.uint32) * np.uint32(0x010101) | _OPAQUE


def _luminance(pixels: Pixels) -> npt.NDArray[np.int32]:
    red, green, blue = ((pixels >> shift & 0xFF).astype(np.int32) for shift in (16, 8, 0))
    result: npt.NDArray[np.int32] = (299 * red + 587 * green + 114 * blue + 500) // 1000
    return np.minimum(result, 255)
