"""The linked crosshair: thin lines in the colours of the planes they stand for, open around the lesion."""

from __future__ import annotations

from PySide6.QtCore import QLineF
from PySide6.QtGui import QPainter, QPen

from viewer.state.resolve import PLANE_LETTER
from viewer.ui.overlays import MARGIN, PLANE_COLOURS, Overlay, OverlayInput

GAP = 12.0
"""Half the opening in the middle, logical pixels."""


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the lines of the other planes and their letters."""
    scene = given.scene
    if scene.cursor_px is None:
        return
    lettering = given.lettering
    x = (scene.cursor_px[0] + 0.5) / given.ratio
    y = (scene.cursor_px[1] + 0.5) / given.ratio
    for line in scene.lines:
        colour = PLANE_COLOURS[line.kind]
        painter.setPen(QPen(colour, 1.0))
        if line.vertical:
            painter.drawLines([QLineF(x, 0, x, y - GAP), QLineF(x, y + GAP, x, given.height)])
            letter_y = given.height - MARGIN - 1.5 * lettering.height
            lettering.draw(painter, x + 4, letter_y, PLANE_LETTER[line.kind], colour)
        else:
            painter.drawLines([QLineF(0, y, x - GAP, y), QLineF(x + GAP, y, given.width, y)])
            letter_x = given.width - MARGIN - 3 * lettering.width("A")
            lettering.draw(painter, letter_x, y - 4, PLANE_LETTER[line.kind], colour)


OVERLAY = Overlay("crosshair", 10, paint)
