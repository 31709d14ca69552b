"""Structures over the images: contours where they were drawn, sections of voxels and slabs on every other plane.

On a curved picture each pixel is in a structure when the point of the patient it shows is. A MIP and a slab show the
outline of what a structure covers in them, without a filled area, and their corner says so
(`viewer.state.annotations`).
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import numpy as np
import numpy.typing as npt
from PySide6.QtCore import QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QPainter, QPainterPath, QPen, QPolygonF

from viewer.imaging.contours import ContourSet
from viewer.imaging.labelmap import Patch, inner_edge
from viewer.state.silhouettes import is_projection, projection_of
from viewer.state.structures import Structure, StructureStore, space_of
from viewer.ui.overlays import Overlay, OverlayInput

LINE_PX = 1.5
"""Width of an outline in logical pixels."""


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw what is visible in the frame of reference of the pane."""
    scene = given.scene
    store = given.view.work.of(StructureStore)
    if not len(store) or not scene.layers:
        return
    volume = scene.layers[0].volume
    if scene.surface is not None and given.view.base_volume is not None:
        # The layers of a curved picture are pictures themselves, in a space of their own.
        volume = given.view.base_volume.volume
    if not volume.geometry.oriented:
        return
    for structure in store:
        if not structure.visible or store.why_not_drawn(structure, space_of(volume)):
            continue
        if is_projection(scene):
            patch = projection_of(structure, scene)
            _draw_patch(painter, replace(structure, filled=False), patch, given.ratio)
            continue
        contours = None
        if scene.surface is None and isinstance(structure.body, ContourSet):
            contours = structure.body.outline(scene.plane)
        if contours is not None:
            _draw_contours(painter, structure, contours, given.ratio)
        else:
            _draw_patch(painter, structure, store.section(structure, scene.plane, scene.surface), given.ratio)


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
    height, width = patch.mask.shape
    rows = _codes(patch, max(1, round(LINE_PX * ratio)))
    image = QImage(rows.data, width, height, rows.shape[1], QImage.Format.Format_Indexed8)
    fill = _colour(structure, structure.opacity if structure.filled else 0.0)
    image.setColorTable([0, fill.rgba(), _colour(structure, 1.0).rgba()])
    painter.drawImage(
        QRectF(patch.left / ratio, patch.top / ratio, width / ratio, height / ratio),
        image,
    )


@lru_cache(64)
def _codes(patch: Patch, line: int) -> npt.NDArray[np.uint8]:
    """0 outside, 1 inside, 2 on the outline; rows of whole words, as a picture of few colours wants them.

    Kept, because panes repaint more often than they cut another plane.
    """
    height, width = patch.mask.shape
    rows = np.zeros((height, -(-width // 4) * 4), np.uint8)
    rows[:, :width] = patch.mask
    rows[:, :width][inner_edge(patch.mask, line)] = 2
    return rows


def _colour(structure: Structure, opacity: float) -> QColor:
    colour = QColor(*structure.colour)
    colour.setAlphaF(min(max(opacity, 0.0), 1.0))
    return colour


OVERLAY = Overlay("structures", 5, paint)
