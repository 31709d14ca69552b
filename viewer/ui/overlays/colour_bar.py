"""Colour bar with range and unit on every colour-mapped pane (rule D37)."""

from __future__ import annotations

from functools import cache

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen

from viewer.imaging.colormap import colormap
from viewer.state.layers import Role
from viewer.state.panes import Density
from viewer.state.resolve import LayerRequest
from viewer.ui.overlays import TEXT, Overlay, OverlayInput, draw_text

BAR_WIDTH = 10.0


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw a vertical bar at the left edge with the numbers of its ends."""
    request = given.scene.colour_bar
    if request is None or given.density is Density.OFF:
        return
    layer = given.view.layer(request.role)
    if layer is None:
        return
    fused = request.role is Role.OVERLAY and len(given.scene.layers) > 1
    name = layer.fused_colormap if fused else layer.colormap
    height = min(220.0, given.height * 0.3)
    top = (given.height - height) / 2 - height * 0.1 - 24.0
    if top < 40 or given.height < 220:
        return
    image = _column(name, inverted=layer.invert != request.volume.inverted)
    bar = QRectF(10.0, max(top, 40.0), BAR_WIDTH, height)
    painter.drawImage(bar, image)
    painter.setPen(QPen(QColor("#8A8A8A"), 1.0))
    painter.drawRect(bar)
    metrics = given.metrics
    x = bar.right() + 4
    draw_text(painter, x, bar.top() + metrics.ascent() * 0.8, _number(layer.window.upper), TEXT)
    draw_text(painter, x, bar.bottom(), _number(layer.window.lower), TEXT)
    draw_text(painter, bar.left(), bar.top() - 5, _unit(given, request), TEXT)


def _unit(given: OverlayInput, request: LayerRequest) -> str:
    """Unit of the bar; an SUV the user has edited carries its star here too (rule D15)."""
    item = given.view.library.get(request.volume.uid)
    edited = item is not None and item.stack.suv is not None and item.stack.suv.edited
    return (request.volume.display_unit or "value") + ("*" if edited else "")


@cache
def _column(name: str, *, inverted: bool) -> QImage:
    """The colours of a colormap, highest value at the top."""
    rgb = colormap(name).rgb
    column = (rgb if inverted else rgb[::-1]).copy()
    return QImage(column.tobytes(), 1, 256, 3, QImage.Format.Format_RGB888).copy()


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


OVERLAY = Overlay("colour-bar", 35, paint)
