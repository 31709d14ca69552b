"""Overlay planes of the files (60xx, rule B19), drawn over the picture by position in the patient."""

from __future__ import annotations

from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from viewer.state.overlay_graphics import OverlayGraphics, in_colour
from viewer.ui.overlays import Overlay, OverlayInput


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw what lies on the plane."""
    graphics = given.view.work.of(OverlayGraphics)
    if not graphics.visible:
        return
    for layer in given.scene.layers:
        mask = graphics.on_plane(layer.volume.uid, given.scene.plane)
        if mask is None:
            continue
        pixels = in_colour(mask)
        height, width = mask.shape
        image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32)
        painter.drawImage(QRectF(0, 0, given.width, given.height), image)


OVERLAY = Overlay("graphics", 5, paint)
