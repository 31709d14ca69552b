"""What lies over the picture of a pane: letters, crosshair, scale bar, corners, colour bar.

Each module of this folder defines `OVERLAY`, an `Overlay`; panes and exports paint all of them by `order`. They draw
in logical pixels and know nothing of each other.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from math import ceil

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPixmap

from viewer.state.panes import Density, PlaneKind
from viewer.state.resolve import PaneScene
from viewer.state.view import ViewState
from viewer.ui.discovery import modules

TEXT = QColor("#E6E6E6")
MUTED = QColor("#B4B4B4")
WARNING = QColor("#FFC24D")
SHADOW = QColor(0, 0, 0)
PLANE_COLOURS = {
    # The colours most viewers share; each line also carries its letter (rule E07).
    PlaneKind.AXIAL: QColor("#F34A33"),
    PlaneKind.SAGITTAL: QColor("#EDD54C"),
    PlaneKind.CORONAL: QColor("#6EB04B"),
    PlaneKind.ACQUIRED: QColor("#9AA4AD"),
    PlaneKind.MIP: QColor("#4FA3D9"),
}
MARGIN = 8.0


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

    @property
    def metrics(self) -> QFontMetricsF:
        """Metrics of the annotation font."""
        return QFontMetricsF(self.font)


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


def draw_text(painter: QPainter, x: float, y: float, text: str, colour: QColor = TEXT) -> None:
    """Text with a dark outline, readable on bone, air and a white PET alike; (x, y) is the start of the base line."""
    if not text:
        return
    # The transform knows the ratio too; asking `painter.device()` wraps a device that Qt may delete under the wrapper.
    ratio = painter.deviceTransform().m11()
    font = painter.font()
    key = (text, colour.rgba(), font.key(), ratio)
    found = _drawn.get(key)
    if found is None:
        if len(_drawn) >= MOST_TEXTS:
            _drawn.clear()
        found = _drawn[key] = _outlined(text, colour, font, ratio)
    painter.drawPixmap(int(x) - OUTLINE, int(y - found[1]) - OUTLINE, found[0])


OUTLINE = 1
MOST_TEXTS = 512
_drawn: dict[tuple[str, int, str, float], tuple[QPixmap, float]] = {}


def _outlined(text: str, colour: QColor, font: QFont, ratio: float) -> tuple[QPixmap, float]:
    """The text as a picture, since outlining costs nine times the plain drawing and most texts stay for long."""
    metrics = QFontMetricsF(font)
    width = ceil(metrics.horizontalAdvance(text)) + 2 * OUTLINE + 2
    height = ceil(metrics.height()) + 2 * OUTLINE
    pixmap = QPixmap(ceil(width * ratio), ceil(height * ratio))
    pixmap.setDevicePixelRatio(ratio)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setFont(font)
    base = QPointF(OUTLINE, OUTLINE + metrics.ascent())
    painter.setPen(SHADOW)
    for dx in (-OUTLINE, 0, OUTLINE):
        for dy in (-OUTLINE, 0, OUTLINE):
            if dx or dy:
                painter.drawText(base + QPointF(dx, dy), text)
    painter.setPen(colour)
    painter.drawText(base, text)
    painter.end()
    return pixmap, metrics.ascent()
