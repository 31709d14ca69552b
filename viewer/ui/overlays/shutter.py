"""The shutter of a presentation state: what it covers of the image is painted in its grey (PS3.3 C.7.6.11)."""

from __future__ import annotations

from PySide6.QtCore import QPointF
from PySide6.QtGui import QColor, QPainter, QPainterPath, QPolygonF

from viewer.imaging.geometry import FloatArray
from viewer.imaging.shutter import Shutter
from viewer.state.measurements import pixels
from viewer.state.presentations import Cover, Presentations
from viewer.ui.overlays import Overlay, OverlayInput


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Cover the rest of the image; what lies around the image stays as it is."""
    cover = given.view.work.of(Presentations).cover(given.scene)
    if cover is None:
        return
    _, rows, columns = cover.geometry.shape
    _, row_mm, column_mm = cover.geometry.spacing_mm
    (whole,) = Shutter(rectangle=(1, 1, columns, rows)).outlines(row_mm, column_mm)
    covered = _path(whole, cover, given)
    seen = covered
    for outline in cover.shutter.outlines(row_mm, column_mm):
        seen = seen.intersected(_path(outline, cover, given))
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.fillPath(covered.subtracted(seen), QColor.fromRgbF(*(cover.shutter.grey,) * 3))
    painter.restore()


def _path(outline: FloatArray, cover: Cover, given: OverlayInput) -> QPainterPath:
    """A closed polygon of the image in logical pixels of the pane."""
    places = (pixels(given.scene.plane, cover.in_patient(outline)) + 0.5) / given.ratio
    path = QPainterPath()
    path.addPolygon(QPolygonF([QPointF(x, y) for x, y in places.tolist()]))
    path.closeSubpath()
    return path


OVERLAY = Overlay("shutter", 1, paint)
