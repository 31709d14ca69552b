"""Structures over the images: contours where they were drawn, sections of voxels and slabs on every other plane."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QPolygonF

from viewer.imaging.contours import ContourSet
from viewer.imaging.labelmap import Patch, inner_edge
from viewer.state.panes import PlaneKind
from viewer.state.structures import Structure, StructureStore, space_of
from viewer.ui.overlays import Overlay, OverlayInput

LINE_PX = 1.5
"""Width of an outline in logical pixels."""


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw what is visible in the frame of reference of the pane."""
    scene = given.scene
    store = given.view.work.of(StructureStore)
    if not len(store) or scene.pane.kind is PlaneKind.MIP or not scene.layers:
        return
    volume = scene.layers[0].volume
    if not volume.geometry.oriented:
        return
    for structure in store:
        if not structure.visible or store.why_not_drawn(structure, space_of(volume)):
            continue
        contours = structure.body.outline(scene.plane) if isinstance(structure.body, ContourSet) else None
        if contours is not None:
            _draw_contours(painter, structure, contours, given.ratio)
        else:
            _draw_patch(painter, structure, store.section(structure, scene.plane), given.ratio)


def _draw_contours(
    painter: QPainter, structure: Structure, contours: list[npt.NDArray[np.float64]], ratio: float
) -> None:
    path = QPainterPath()
    path.setFillRule(Qt.FillRule.OddEvenFill)
    for contour in contours:
        # Column and row name the centre of a pixel.
        path.addPolygon(QPolygonF([QPointF(c, r) for c, r in ((contour + 0.5) / ratio).tolist()]))
        path.closeSubpath()
    painter.save()
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    if structure.filled:
        painter.fillPath(path, _colour(structure, structure.opacity))
    pen = QPen(_colour(structure, 1.0), LINE_PX)
    painter.strokePath(path, pen)
    painter.restore()


def _draw_patch(painter: QPainter, structure: Structure, patch: Patch, ratio: float) -> None:
    if patch.empty:
        return
    codes = patch.mask.astype(np.uint8)
    codes[inner_edge(patch.mask, max(1, round(LINE_PX * ratio)))] = 2
    height, width = codes.shape
    stride = -(-width // 4) * 4
    rows = np.zeros((height, stride), np.uint8)
    rows[:, :width] = codes
    image = QImage(rows.data, width, height, stride, QImage.Format.Format_Indexed8)
    fill = _colour(structure, structure.opacity if structure.filled else 0.0)
    image.setColorTable([0, fill.rgba(), _colour(structure, 1.0).rgba()])
    painter.drawImage(
        QRectF(patch.left / ratio, patch.top / ratio, width / ratio, height / ratio),
        image,
    )


def _colour(structure: Structure, opacity: float) -> QColor:
    colour = QColor(*structure.colour)
    colour.setAlphaF(min(max(opacity, 0.0), 1.0))
    return colour


OVERLAY = Overlay("structures", 5, paint)
