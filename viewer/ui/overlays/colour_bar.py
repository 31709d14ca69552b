"""Colour bar with range and unit on every colour-mapped pane (rule D37)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter, QPen, QPixmap

from viewer.imaging.colormap import colormap
from viewer.imaging.window import VoiTable
from viewer.state.layers import Role
from viewer.state.panes import Density
from viewer.ui.overlays import MARGIN, TEXT, Overlay, OverlayInput

BAR_WIDTH = 10.0
GREATEST_HEIGHT, LEAST_HEIGHT = 220.0, 24.0
GOOD_HEIGHT = 60.0
"""Room that is enough above the middle of the pane, even where there is more below it."""


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
    lettering = given.lettering
    top, bottom = _room(given)
    height = min(GREATEST_HEIGHT, given.height * 0.3, bottom - top)
    if height < LEAST_HEIGHT:
        return
    bar = QRectF(10.0, float(round(bottom - height)), BAR_WIDTH, float(round(height)))
    inverted = layer.invert != request.volume.inverted
    table = layer.window if isinstance(layer.window, VoiTable) else None
    painter.drawPixmap(bar.topLeft(), _bar(name, int(bar.height()), given.ratio, table, inverted=inverted))
    painter.setPen(QPen(QColor("#8A8A8A"), 1.0))
    painter.drawRect(bar)
    x = bar.right() + 4
    lettering.draw(painter, x, bar.top() + lettering.ascent * 0.8, _number(layer.window.upper), TEXT)
    lettering.draw(painter, x, bar.bottom(), _number(layer.window.lower), TEXT)
    lettering.draw(painter, bar.left(), bar.top() - 5, request.volume.display_unit or "value", TEXT)


def _room(given: OverlayInput) -> tuple[float, float]:
    """(top, bottom) free for the bar at the left edge: between the upper corner and the letter, or below the letter."""
    lettering = given.lettering
    texts, step = given.corners, given.lettering.line_spacing
    unit = lettering.height + 5.0
    used = MARGIN + len(texts.top_left) * step
    if texts.alarm or texts.warnings:
        used = given.warnings_top + (len(given.warning_lines) - 1) * step + lettering.descent
    above = (used + unit, given.height / 2 - 1.5 * lettering.height)
    below = (
        given.height / 2 + 1.5 * lettering.height + unit,
        given.height - MARGIN - (len(texts.bottom_left) + 0.5) * step,
    )
    if above[1] - above[0] >= min(GOOD_HEIGHT, below[1] - below[0]):
        return above
    return below


@lru_cache(64)
def _bar(name: str, height: int, ratio: float, table: VoiTable | None, *, inverted: bool) -> QPixmap:
    """The colours of a colormap at the size they are drawn, highest value at the top.

    A lookup table puts its own grey level between its ends; a window rises evenly.

    Scaling them at every painting would cost more than everything else on the pane.
    """
    rgb = colormap(name).rgb
    rows = round(height * ratio)
    at = ((rows - 1 - np.arange(rows)) * 256 + 128) // rows
    if table is not None:
        values = table.lower + at / 255 * (table.upper - table.lower)
        at = np.floor(table.apply(values) * 255 + 0.5).astype(np.intp)
    column = rgb[255 - at if inverted else at]
    picture = np.repeat(column[:, None, :], round(BAR_WIDTH * ratio), axis=1)
    image = QImage(
        picture.tobytes(), picture.shape[1], rows, 3 * picture.shape[1], QImage.Format.Format_RGB888
    )
    pixmap = QPixmap.fromImage(image)
    pixmap.setDevicePixelRatio(ratio)
    return pixmap


def _number(value: float) -> str:
    return f"{value:.1f}" if abs(value) < 100 else f"{value:.0f}"


OVERLAY = Overlay("colour-bar", 35, paint)
