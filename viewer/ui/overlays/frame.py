"""A thin frame: plane colour at the top left, accent when the pane is the active one."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QPainter, QPen

from viewer.ui.overlays import PLANE_COLOURS, Overlay, OverlayInput

ACTIVE = QColor("#4FA3D9")


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the plane's colour mark, and the focus frame on screen only."""
    painter.fillRect(QRectF(0, 0, 24, 3), PLANE_COLOURS[given.scene.pane.kind])
    if (
        given.interactive
        and given.view.active_pane == given.scene.pane.id
        and len(given.view.layout.panes) + len(given.view.elsewhere) > 1
    ):
        painter.setPen(QPen(ACTIVE, 1.0))
        painter.drawRect(QRectF(0.5, 0.5, given.width - 1, given.height - 1))


OVERLAY = Overlay("frame", 50, paint)
