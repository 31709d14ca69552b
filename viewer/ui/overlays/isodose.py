"""Isodose lines with a legend that says what is 100 % (rule I07)."""

from __future__ import annotations

from functools import lru_cache

import numpy as np
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter

from viewer.imaging.labelmap import inner_edge
from viewer.imaging.plane import Plane
from viewer.imaging.sample import sample_plane
from viewer.imaging.volume import Volume
from viewer.state.dose import DoseStore, Isodose
from viewer.state.panes import Density
from viewer.state.structures import space_of
from viewer.ui.overlays import MARGIN, TEXT, Overlay, OverlayInput

LINE_PX = 1.3
LEGEND_FROM_PX = 300
"""Panes lower than this have no room for a legend."""


def paint(painter: QPainter, given: OverlayInput) -> None:
    """Draw the lines of the dose that is shown, on the images of its frame of reference."""
    scene, store = given.scene, given.view.work.of(DoseStore)
    item = store.item()
    if item is None or not store.visible or not scene.pane.kind.is_plane or not scene.layers:
        return
    volume = item.volume
    same = space_of(volume) == space_of(scene.layers[0].volume)
    if not scene.layers[0].volume.geometry.oriented or not (same or given.view.registration_confirmed):
        return
    levels = store.levels(volume)
    version = given.view.library.version(volume.uid)
    image = _lines(_Sampled(volume, version, scene.plane), levels, max(1, round(LINE_PX * given.ratio)))
    if image is None:
        return
    painter.drawImage(QRectF(0, 0, scene.plane.width / given.ratio, scene.plane.height / given.ratio), image)
    if given.density is not Density.OFF and given.height >= LEGEND_FROM_PX:
        _legend(painter, given, levels, store.reference_text(volume), volume.quantity.unit)


class _Sampled:
    """Key of a picture: a dose as it is now on a plane."""

    def __init__(self, volume: Volume, version: int, plane: Plane) -> None:
        self.volume, self.plane = volume, plane
        self._key = (
            volume.uid,
            version,
            plane.origin_mm.tobytes(),
            plane.u_mm.tobytes(),
            plane.v_mm.tobytes(),
            plane.width,
            plane.height,
        )

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Sampled) and other._key == self._key


@lru_cache(12)
def _lines(sampled: _Sampled, levels: tuple[Isodose, ...], width: int) -> QImage | None:
    """The lines of all levels as one picture of few colours; None when the plane misses the grid."""
    values = sampled.volume.physical(sample_plane(sampled.volume, sampled.plane))
    known = np.isfinite(values)
    if not known.any():
        return None
    rows, columns = values.shape
    stride = -(-columns // 4) * 4
    codes = np.zeros((rows, stride), np.uint8)
    for number, level in enumerate(reversed(levels), 1):
        inside = known & (values >= level.dose)
        codes[:, :columns][inner_edge(inside, width)] = number
    image = QImage(codes.data, columns, rows, stride, QImage.Format.Format_Indexed8)
    image.setColorTable([0, *(QColor(*level.colour).rgba() for level in reversed(levels))])
    # The picture outlives the array.
    return image.convertToFormat(QImage.Format.Format_ARGB32_Premultiplied)


def _legend(
    painter: QPainter, given: OverlayInput, levels: tuple[Isodose, ...], reference: str, unit: str
) -> None:
    lettering = given.lettering
    lines = [(reference, TEXT)]
    for level in levels:
        text = f"{level.percent:g} %  {level.dose:.1f} {unit}".rstrip()
        lines.append((text, QColor(*level.colour)))
    y = 4.5 * lettering.line_spacing
    for text, colour in lines:
        x = given.width - MARGIN - lettering.width(text)
        lettering.draw(painter, x, y, text, colour)
        y += lettering.line_spacing


OVERLAY = Overlay("isodose", 4, paint)
