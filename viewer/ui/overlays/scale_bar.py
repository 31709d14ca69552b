"""Scale bar in centimetres with ticks (rule E09)."""

from __future__ import annotations

from PySide6.QtCore import QLineF
from PySide6.QtGui import QPainter, QPen

from viewer.state.panes import Density
from viewer.ui.overlays import MARGIN, SHADOW, TEXT, Overlay, OverlayInput

LEAST_ROOM = 24.0
LENGTHS_MM = (1, 2, 5, 10, 20, 50, 100, 200, 500)


def bar_length_mm(mm_per_logical_pixel: float, room: float) -> float:
    """Longest round length that fits into so many logical pixels."""
    fitting = [length for length in LENGTHS_MM if length / mm_per_logical_pixel <= room]
    return float(fitting[-1]) if fitting else float(LENGTHS_MM[0])


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw a vertical bar at the right edge; nothing without calibration."""
    if not given.scene.calibrated or given.density is Density.OFF:
        return
    lettering = given.lettering
    mm = given.scene.plane.mm_per_pixel * given.ratio
    # Between the letter in the middle of the edge and the text in the corner below it.
    top = given.height / 2 + 1.5 * lettering.height
    room = given.height - MARGIN - 7 * lettering.line_spacing - top
    if room < LEAST_ROOM:
        return
    length_mm = bar_length_mm(mm, min(room, given.height / 3))
    length = length_mm / mm
    if length > room:
        return
    right = given.width - 14.0
    ticks = 10 if length >= 60 else 5 if length >= 30 else 1
    lines = [QLineF(right, top, right, top + length)]
    for n in range(ticks + 1):
        size = 8.0 if n in (0, ticks) else 6.0 if ticks == 10 and n == 5 else 4.0
        lines.append(QLineF(right - size, top + n * length / ticks, right, top + n * length / ticks))
    painter.setPen(QPen(SHADOW, 3.0))
    painter.drawLines(lines)
    painter.setPen(QPen(TEXT, 1.0))
    painter.drawLines(lines)
    text = f"{length_mm / 10:g} cm" if length_mm >= 10 else f"{length_mm:g} mm"
    width = lettering.width(text)
    lettering.draw(painter, given.width - 6 - width, top + length + lettering.ascent + 3, text, TEXT)


OVERLAY = Overlay("scale-bar", 20, paint)
