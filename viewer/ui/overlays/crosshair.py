"""The linked crosshair: thin lines in the colours of the planes they stand for, open around the lesion."""

from __future__ import annotations

from PySide6.QtCore import QLineF
from PySide6.QtGui import QPainter, QPen

from viewer.state.crosslines import PLANE_LETTER, CrossLine, span
from viewer.ui.overlays import MARGIN, PLANE_COLOURS, Overlay, OverlayInput

GAP = 12.0
"""Half the opening in the middle, logical pixels."""


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the lines of the other planes and their letters."""
    scene = given.scene
    if scene.cursor_px is None:
        return
    x = (scene.cursor_px[0] + 0.5) / given.ratio
    y = (scene.cursor_px[1] + 0.5) / given.ratio
    for line in scene.lines:
        dx, dy = line.direction
        reach = span((x, y), line.direction, given.width, given.height)
        if reach is None:
            continue
        low, high = reach
        parts = [(low, min(high, -GAP)), (max(low, GAP), high)]
        colour = PLANE_COLOURS[line.kind]
        painter.setPen(QPen(colour, 1.0))
        slanting = dx != 0.0 and dy != 0.0
        if slanting:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=True)
        painter.drawLines([QLineF(x + a * dx, y + a * dy, x + b * dx, y + b * dy) for a, b in parts if a < b])
        if slanting:
            painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)
        _letter(painter, given, (x, y), line)


def _letter(painter: QPainter, given: OverlayInput, point: tuple[float, float], line: CrossLine) -> None:
    """Write the letter of a line near its lower or right end, clear of the letters of the edges."""
    lettering = given.lettering
    top = 2 * lettering.height
    right = given.width - MARGIN - 3 * lettering.width("A")
    bottom = given.height - MARGIN - 1.5 * lettering.height
    reach = span((point[0], point[1] - top), line.direction, right, bottom - top)
    if reach is None:
        x, y = min(right, max(0.0, point[0])), min(bottom, max(top, point[1]))
        x, y = (x, bottom) if line.vertical else (right, y)
    else:
        end = reach[0] if line.vertical and line.direction[1] < 0 else reach[1]
        x, y = point[0] + end * line.direction[0], point[1] + end * line.direction[1]
    x, y = (x + 4, y) if line.vertical else (x, y - 4)
    lettering.draw(painter, x, y, PLANE_LETTER.get(line.kind, ""), PLANE_COLOURS[line.kind])


OVERLAY = Overlay("crosshair", 10, paint)
