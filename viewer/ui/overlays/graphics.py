"""Overlay planes of the files (60xx, rule B19), drawn over the picture by position in the patient."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QImage, QPainter

from viewer.state.overlay_graphics import OverlayGraphics
from viewer.ui.overlays import Overlay, OverlayInput

COLOUR = 0xFFFFE14D
"""ARGB: none of the colours of the planes, and seen on black, grey and white."""
SHADE = 0xC0000000


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw what lies on the plane, with a dark rim so that it is seen on white too."""
    graphics = given.view.work.of(OverlayGraphics)
    if not graphics.visible:
        return
    for layer in given.scene.layers:
        mask = graphics.on_plane(layer.volume.uid, given.scene.plane)
        if mask is None:
            continue
        pixels = np.zeros(mask.shape, np.uint32)
        rim = mask.copy()
        for axis in (0, 1):
            rim |= np.roll(mask, 1, axis) | np.roll(mask, -1, axis)
        pixels[rim] = SHADE
        pixels[mask] = COLOUR
        height, width = mask.shape
        image = QImage(pixels.data, width, height, 4 * width, QImage.Format.Format_ARGB32)
        painter.drawImage(QRectF(0, 0, given.width, given.height), image)


OVERLAY = Overlay("graphics", 5, paint)
