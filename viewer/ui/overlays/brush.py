"""The circle of the brush under the mouse."""

from __future__ import annotations

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QPainter, QPen

from viewer.state.structure_edit import StructureEditor
from viewer.ui.overlays import Overlay, OverlayInput

TOOLS = ("brush", "eraser")


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw it in the pane the mouse is in."""
    if not given.interactive or given.view.tool not in TOOLS or not given.scene.pane.kind.is_plane:
        return
    editor, plane = given.view.work.of(StructureEditor), given.scene.plane
    if editor.pointer is None or editor.pointer[0] != given.scene.pane.id:
        return
    column, row, _ = plane.project(editor.pointer[1])
    centre = QPointF((column + 0.5) / given.ratio, (row + 0.5) / given.ratio)
    radius = editor.options.radius_mm / (plane.mm_per_pixel * given.ratio)
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    # Light on dark, so that it shows on bone and on air.
    for colour, width in ((QColor(0, 0, 0, 160), 3.0), (QColor(255, 255, 255), 1.2)):
        painter.setPen(QPen(colour, width))
        painter.drawEllipse(centre, radius, radius)
    painter.restore()


OVERLAY = Overlay("brush", 12, paint)
