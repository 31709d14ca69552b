"""The border between base and overlay in swiped panes, with a grip where the hand takes it."""

from __future__ import annotations

from PySide6.QtCore import QLineF, QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from viewer.imaging.combine import Combination
from viewer.ui.overlays import Overlay, OverlayInput

BORDER = QColor("#E6E6E6")
GRIP = (4.0, 28.0)


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the border, and the grip on screen only."""
    combined = given.scene.combined
    if combined is None or combined.how is not Combination.SWIPE:
        return
    x = combined.edge / given.ratio
    painter.setPen(QPen(BORDER, 1.0))
    painter.drawLine(QLineF(x, 0, x, given.height))
    if given.interactive:
        width, height = GRIP
        painter.fillRect(QRectF(x - width / 2, given.height * 0.75 - height / 2, width, height), BORDER)


OVERLAY = Overlay("comparison", 5, paint)
