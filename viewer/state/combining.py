"""How base and overlay share the fused panes: blended, in squares, side by side at a border, as their difference."""

from __future__ import annotations

from dataclasses import dataclass

from psygnal import Signal

from viewer.imaging.combine import Combination
from viewer.imaging.plane import Plane
from viewer.state.view import ViewState

SQUARES = 8
"""Across the shorter side of a pane."""
WORDS = {
    Combination.CHECKERBOARD: "checkerboard",
    Combination.SWIPE: "swipe",
    Combination.DIFFERENCE: "difference of brightness",
}


@dataclass(frozen=True)
class Combined:
    """What a pane does with its two layers, device pixels.

    Parameters
    ----------
    how
        Never BLEND.
    tile
        Side of a square.
    edge
        First column of the overlay.
    """

    how: Combination
    tile: int
    edge: int


class Combining:
    """See the module text.

    Attributes
    ----------
    changed
        Another way, or the border moved.
    """

    changed = Signal()

    def __init__(self, _view: ViewState) -> None:
        self.how = Combination.BLEND
        self.border = 0.5
        """Share of the width of a pane at which the overlay begins."""

    def choose(self, how: Combination) -> None:
        """Share the panes otherwise; the same way once more blends again."""
        self.how = Combination.BLEND if how is self.how else how
        self.changed.emit()

    def set_border(self, share: float) -> None:
        """Move the border of SWIPE, 0 to 1."""
        self.border = min(1.0, max(0.0, share))
        self.changed.emit()

    def of(self, plane: Plane) -> Combined | None:
        """What a fused pane does; None when it blends."""
        if self.how is Combination.BLEND:
            return None
        tile = max(1, round(min(plane.width, plane.height) / SQUARES))
        return Combined(self.how, tile, round(self.border * plane.width))
