"""What lies over the picture of a pane: letters, crosshair, scale bar, corners, colour bar.

Each module of this folder defines `OVERLAY`, an `Overlay`; panes and exports paint all of them by `order`. They draw
in logical pixels and know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property

from PySide6.QtGui import QColor, QFont, QPainter

from viewer.state import annotations as corner_texts
from viewer.state.panes import Density, PlaneKind
from viewer.state.resolve import PaneScene
from viewer.state.view import ViewState
from viewer.ui.discovery import modules
from viewer.ui.overlays._lettering import SHADOW, Lettering

TEXT = QColor("#E6E6E6")
MUTED = QColor("#B4B4B4")
WARNING = QColor("#FFC24D")
PLANE_COLOURS = {
    # The colours most viewers share; each line also carries its letter (rule E07).
    PlaneKind.AXIAL: QColor("#F34A33"),
    PlaneKind.SAGITTAL: QColor("#EDD54C"),
    PlaneKind.CORONAL: QColor("#6EB04B"),
    PlaneKind.ACQUIRED: QColor("#9AA4AD"),
    PlaneKind.MIP: QColor("#4FA3D9"),
    PlaneKind.CURVED: QColor("#C58AE0"),
}
MARGIN = 8.0
NARROW, SHORT = 520, 340
"""Panes smaller than this get short texts, so that they never cover each other or the picture."""

__all__ = [
    "MARGIN",
    "MUTED",
    "PLANE_COLOURS",
    "SHADOW",
    "TEXT",
    "WARNING",
    "Overlay",
    "OverlayInput",
    "overlays",
]


@dataclass(frozen=True, eq=False)
class OverlayInput:
    """What an overlay may look at.

    Parameters
    ----------
    scene
        What the pane shows.
    view
        The state, read only.
    width, height
        Size of the pane in logical pixels.
    ratio
        Device pixels per logical pixel of the scene's plane.
    font
        Font of annotations.
    density, identity
        How much text and whether identity is drawn.
    interactive
        False in exports: nothing that only helps the hand is drawn.
    """

    scene: PaneScene
    view: ViewState
    width: float
    height: float
    ratio: float
    font: QFont
    density: Density
    identity: bool
    interactive: bool = True

    @cached_property
    def lettering(self) -> Lettering:
        """How annotations are written here."""
        return Lettering.of(self.font, self.ratio)

    @cached_property
    def corners(self) -> corner_texts.Corners:
        """The words in the corners: short ones in small panes, and of a lower density where they have no room."""
        compact = self.width < NARROW or self.height < SHORT
        found = corner_texts.Corners()
        for density in tuple(Density)[list(Density).index(self.density) :]:
            found = corner_texts.corners(
                self.view, self.scene, density, identity=self.identity, compact=compact
            )
            if self._fits(found):
                break
        return found

    def _fits(self, texts: corner_texts.Corners) -> bool:
        """Whether at each side the upper texts, the letter of the side, and the lower corner have room."""
        left, right = self._rows_above(texts)
        rows = max(left + 1 + len(texts.bottom_left), right + 1 + len(texts.bottom_right))
        return 2 * MARGIN + rows * self.lettering.line_spacing <= self.height

    def _rows_above(self, texts: corner_texts.Corners) -> tuple[float, float]:
        """Lines that corner, red band and warnings take at the (left, right) side, from the top."""
        head = max(len(texts.top_left), len(texts.top_right), 1) + (2.0 if texts.alarm else 0.5)
        left, right = (head, head) if texts.alarm else (len(texts.top_left), len(texts.top_right))
        return (head + len(self._wrapped(texts.warnings)) if texts.warnings else left), right

    @property
    def letter_bases(self) -> tuple[float, float]:
        """Base lines of the (left, right) letter: in the middle, or where the texts of its side leave room."""
        lettering, texts = self.lettering, self.corners
        middle = self.height / 2 + lettering.cap_height / 2
        first = MARGIN + lettering.ascent
        last = self.height - MARGIN - lettering.descent
        below = len(texts.bottom_left), len(texts.bottom_right)
        left, right = (
            min(max(middle, first + up * lettering.line_spacing), last - down * lettering.line_spacing)
            for up, down in zip(self._rows_above(texts), below, strict=True)
        )
        return left, right

    @property
    def alarm_top(self) -> float:
        """Upper edge of the red band, below the texts of both upper corners."""
        rows = max(len(self.corners.top_left), len(self.corners.top_right), 1) + 0.5
        return MARGIN + rows * self.lettering.line_spacing

    @property
    def alarm_height(self) -> float:
        """Of the red band, 0 without one."""
        return 1.5 * self.lettering.line_spacing if self.corners.alarm else 0.0

    @property
    def warnings_top(self) -> float:
        """Base line of the first warning, below the upper corners and the red band."""
        return self.alarm_top + self.alarm_height + self.lettering.ascent

    @cached_property
    def warning_lines(self) -> tuple[str, ...]:
        """The warnings in as many lines as the pane needs."""
        return self._wrapped(self.corners.warnings)

    def _wrapped(self, warnings: tuple[str, ...]) -> tuple[str, ...]:
        """Words are moved down, not cut off."""
        room = self.width - 2 * MARGIN
        lines: list[str] = []
        for warning in warnings:
            lines.append("⚠")
            for word in warning.split(" "):
                longer = f"{lines[-1]} {word}"
                if lines[-1] == "⚠" or self.lettering.width(longer) <= room:
                    lines[-1] = longer
                else:
                    lines.append(word)
        return tuple(self.lettering.shortened(line, room) for line in lines)


@dataclass(frozen=True)
class Overlay:
    """One overlay.

    Parameters
    ----------
    id
        Identifier.
    order
        Lower paints first.
    paint
        Draws on a painter in logical pixels.
    """

    id: str
    order: int
    paint: Callable[[QPainter, OverlayInput], None]


@cache
def overlays() -> tuple[Overlay, ...]:
    """All overlays in painting order."""
    found = [module.OVERLAY for module in modules(__name__)]
    return tuple(sorted(found, key=lambda overlay: overlay.order))
