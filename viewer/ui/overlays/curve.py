"""The path of the curved picture in the other panes, its points, and what to do when there is none."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QPainter, QPen, QPolygonF

from viewer.imaging.geometry import FloatArray
from viewer.state.curve import CurvedPath
from viewer.state.panes import PlaneKind
from viewer.ui.overlays import MUTED, PLANE_COLOURS, SHADOW, Overlay, OverlayInput

COLOUR = PLANE_COLOURS[PlaneKind.CURVED]
NEAR_MM = 5.0
"""The path is drawn strongly where it is this near to the plane, faintly elsewhere."""
FAINT = 110
POINT = 4.0
MOST_PIECES = 400
TOOL = "curve"
HINT = ("No path yet", "Choose “Curved path” and click points along a vessel,", "then double-click")
NARROW = 330
SHORT_HINT = ("No path yet:", "“Curved path”,", "click points")


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the path."""
    drawn = given.view.work.of(CurvedPath)
    scene = given.scene
    if scene.pane.kind is PlaneKind.ACQUIRED:
        return
    if scene.pane.kind is PlaneKind.CURVED:
        if scene.surface is None:
            _hint(painter, given)
        elif given.interactive and given.view.tool == TOOL:
            _along(painter, given, drawn)
        return
    points = drawn.points
    if not points:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=True)
    path = drawn.path()
    if path is not None:
        step = max(1, len(path.points) // MOST_PIECES)
        line = np.vstack([path.points[::step], path.points[-1:]])
        _line(painter, *_shown(given, line), everywhere=scene.pane.kind is PlaneKind.MIP)
    places, away = _shown(given, np.array(points))
    for number, ((x, y), distance) in enumerate(zip(places, away, strict=True)):
        near = abs(distance) <= NEAR_MM or scene.pane.kind is PlaneKind.MIP
        _point(painter, x, y, near=near, selected=number == drawn.selected and given.interactive)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)


def _shown(given: OverlayInput, points: FloatArray) -> tuple[FloatArray, FloatArray]:
    """(n, 2) logical pixels of LPS points and (n,) their distance from the plane in mm."""
    plane = given.scene.plane
    offset = points - plane.origin_mm
    mm = plane.mm_per_pixel
    pixels = np.column_stack([offset @ plane.right, offset @ plane.down]) / mm
    return (pixels + 0.5) / given.ratio, offset @ plane.normal


def _line(painter: QPainter, places: FloatArray, away: FloatArray, *, everywhere: bool) -> None:
    near: npt.NDArray[np.bool_] = (np.abs(away) <= NEAR_MM) | everywhere
    faint = QColor(COLOUR)
    faint.setAlpha(FAINT)
    painter.setBrush(Qt.BrushStyle.NoBrush)
    starts = np.flatnonzero(np.diff(near)) + 1
    for run in np.split(np.arange(len(places)), starts):
        # One place more, so that runs meet.
        polygon = QPolygonF([QPointF(*places[n]) for n in (*run, min(run[-1] + 1, len(places) - 1))])
        if near[run[0]]:
            painter.setPen(QPen(SHADOW, 3.4))
            painter.drawPolyline(polygon)
        painter.setPen(QPen(COLOUR, 1.6) if near[run[0]] else QPen(faint, 1.0))
        painter.drawPolyline(polygon)


def _point(painter: QPainter, x: float, y: float, *, near: bool, selected: bool) -> None:
    painter.setPen(QPen(SHADOW, 3.0))
    painter.setBrush(Qt.BrushStyle.NoBrush)
    if near:
        painter.drawEllipse(QPointF(x, y), POINT, POINT)
    faint = QColor(COLOUR)
    faint.setAlpha(FAINT)
    painter.setPen(QPen(COLOUR if near else faint, 1.6))
    painter.setBrush(COLOUR if selected else Qt.BrushStyle.NoBrush)
    painter.drawEllipse(QPointF(x, y), POINT, POINT)
    painter.setBrush(Qt.BrushStyle.NoBrush)


def _along(painter: QPainter, given: OverlayInput, drawn: CurvedPath) -> None:
    """In the curved picture itself the points only, and only while they are drawn: a line would hide the vessel."""
    surface, plane = given.scene.surface, given.scene.plane
    if surface is None:
        return
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=True)
    for number, (x_mm, y_mm) in enumerate(surface.knots.tolist()):
        column, row, _ = plane.project((x_mm, y_mm, float(plane.origin_mm[2])))
        x, y = (column + 0.5) / given.ratio, (row + 0.5) / given.ratio
        _point(painter, x, y, near=True, selected=number == drawn.selected)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing, on=False)


def _hint(painter: QPainter, given: OverlayInput) -> None:
    lettering = given.lettering
    lines = HINT if given.width >= NARROW else SHORT_HINT
    first = given.height / 2 - (len(lines) - 1) * lettering.line_spacing / 2
    for number, line in enumerate(lines):
        x = (given.width - lettering.width(line)) / 2
        lettering.draw(painter, x, first + number * lettering.line_spacing, line, MUTED)


OVERLAY = Overlay("curve", 14, paint)
