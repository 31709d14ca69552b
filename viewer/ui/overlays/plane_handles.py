"""Borders of the slab in the panes that cut it, and the handles of the crosshair's lines near the mouse."""

from __future__ import annotations

import math

from PySide6.QtCore import QLineF, QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen

from viewer.state.crosslines import CrossLine, Point, span
from viewer.state.handles import Grasp, Handle, linked_point, slab_offset, turn_points
from viewer.ui.overlays import PLANE_COLOURS, SHADOW, Overlay, OverlayInput

RADIUS = 6.0
FAINT = 170
"""Opacity of the borders of a slab."""
TURN_TOOL = "rotate"


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw dashed borders of slabs; on screen also the handles."""
    scene = given.scene
    point = linked_point(scene, given.ratio)
    if point is None:
        return
    handle = given.view.work.of(Grasp).handle if given.interactive else None
    handle = handle if handle is not None and handle.pane_id == scene.pane.id else None
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=True)
    for line in scene.lines:
        offset = slab_offset(given.view, scene, line.kind, given.ratio)
        if offset is not None:
            held = handle is not None and handle.slab and handle.kind is line.kind
            _borders(painter, given, point, line, offset, strong=held)
    if given.interactive:
        chosen = given.view.tool == TURN_TOOL and given.view.active_pane == scene.pane.id
        for number, line in enumerate(scene.lines):
            near = handle is not None and not handle.slab and handle.kind is line.kind
            if near or chosen:
                _ends(painter, given, line, handle if near else None, upright=number == 0)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)


def _borders(
    painter: QPainter, given: OverlayInput, point: Point, line: CrossLine, offset: float, *, strong: bool
) -> None:
    colour = QColor(PLANE_COLOURS[line.kind])
    colour.setAlpha(255 if strong else FAINT)
    painter.setPen(QPen(colour, 1.6 if strong else 1.0, Qt.PenStyle.DashLine))
    for side in (-offset, offset):
        x, y = point[0] + side * line.across[0], point[1] + side * line.across[1]
        reach = span((x, y), line.direction, given.width, given.height)
        if reach is not None:
            (low, high), (dx, dy) = reach, line.direction
            painter.drawLine(QLineF(x + low * dx, y + low * dy, x + high * dx, y + high * dy))


def _ends(
    painter: QPainter, given: OverlayInput, line: CrossLine, handle: Handle | None, *, upright: bool
) -> None:
    """Rings on the line; full, with the angle of the line beside it, when grasped."""
    colour = PLANE_COLOURS[line.kind]
    for x, y in turn_points(given.scene, line, given.ratio):
        grasped = handle is not None and handle.grasped and handle.place == (x, y)
        painter.setPen(QPen(SHADOW, 4.0))
        painter.setBrush(Qt.BrushStyle.NoBrush)
        painter.drawEllipse(QPointF(x, y), RADIUS, RADIUS)
        painter.setPen(QPen(colour, 2.0))
        painter.setBrush(colour if grasped else SHADOW)
        painter.drawEllipse(QPointF(x, y), RADIUS, RADIUS)
        if grasped:
            text = f"{slant_deg(line, upright=upright):.1f}°"
            down = (
                y + 2 * RADIUS if y + 2 * RADIUS + given.lettering.height < given.height else y - 4 * RADIUS
            )
            across = min(given.width - given.lettering.width(text) - RADIUS, x + 2 * RADIUS)
            given.lettering.draw(painter, across, down + given.lettering.ascent / 2, text, colour)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def slant_deg(line: CrossLine, *, upright: bool) -> float:
    """How far a line has turned on screen from upright (or level), -90 to 90 degrees, clockwise positive."""
    dx, dy = line.direction
    angle = math.degrees(math.atan2(-dx, dy) if upright else math.atan2(dy, dx))
    return (angle + 90.0) % 180.0 - 90.0 + 0.0


OVERLAY = Overlay("plane-handles", 12, paint)
