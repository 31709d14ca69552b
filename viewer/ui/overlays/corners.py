"""Corner annotations in three densities; warnings stay whatever the density."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter

from viewer.ui.overlays import MARGIN, TEXT, WARNING, Overlay, OverlayInput

ALARM = QColor("#B3261E")
LETTER_ROOM = 14.0
"""Half the width kept free for the letters in the middle of the edges."""


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the four corners; each keeps to its half of the pane and clear of the letters."""
    texts = given.corners
    lettering = given.lettering
    step = lettering.line_spacing
    first = MARGIN + lettering.ascent
    last = given.height - MARGIN - lettering.descent
    room = given.width / 2 - MARGIN - LETTER_ROOM

    def left(text: str, y: float) -> None:
        lettering.draw(painter, MARGIN, y, lettering.shortened(text, room), TEXT)

    def right(text: str, y: float) -> None:
        text = lettering.shortened(text, room)
        lettering.draw(painter, given.width - MARGIN - lettering.width(text), y, text, TEXT)

    for row, line in enumerate(texts.top_left):
        left(line, first + row * step)
    for row, line in enumerate(texts.top_right):
        right(line, first + row * step)
    for row, line in enumerate(reversed(texts.bottom_left)):
        left(line, last - row * step)
    for row, line in enumerate(reversed(texts.bottom_right)):
        right(line, last - row * step)
    if texts.alarm:
        band = QRectF(0, given.alarm_top, given.width, given.alarm_height)
        painter.fillRect(band, ALARM)
        alarm = lettering.shortened(texts.alarm, given.width - 2 * MARGIN)
        base = band.center().y() + (lettering.ascent - lettering.descent) / 2
        lettering.draw(painter, (given.width - lettering.width(alarm)) / 2, base, alarm, TEXT)
    for row, line in enumerate(given.warning_lines):
        lettering.draw(painter, MARGIN, given.warnings_top + row * step, line, WARNING)


OVERLAY = Overlay("corners", 30, paint)
