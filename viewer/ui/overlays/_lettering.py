"""Annotation text: measured and outlined once, then drawn as a picture."""

from __future__ import annotations

from functools import lru_cache
from math import ceil

from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QColor, QFont, QFontMetricsF, QPainter, QPixmap

SHADOW = QColor(0, 0, 0)
OUTLINE = 1
MOST_TEXTS = 512
MOST_LETTERINGS = 8


class Lettering:
    """One font at one resolution.

    Measuring, shortening and outlining a text cost more than drawing the pane's picture, and most texts stay for long,
    so each is done once.

    Parameters
    ----------
    font
        Font of the texts.
    ratio
        Device pixels per logical pixel.
    """

    def __init__(self, font: QFont, ratio: float) -> None:
        self._font = font
        self._ratio = ratio
        self._metrics = QFontMetricsF(font)
        self.ascent = self._metrics.ascent()
        self.descent = self._metrics.descent()
        self.height = self._metrics.height()
        self.line_spacing = self._metrics.lineSpacing()
        self.cap_height = self._metrics.capHeight()
        self.width = lru_cache(MOST_TEXTS)(self._width)
        self.shortened = lru_cache(MOST_TEXTS)(self._shortened)
        self._picture = lru_cache(MOST_TEXTS)(self._outlined)

    @classmethod
    def of(cls, font: QFont, ratio: float) -> Lettering:
        """The lettering of a font, shared by all panes."""
        key = (font.key(), ratio)
        found = _kept.get(key)
        if found is None:
            if len(_kept) >= MOST_LETTERINGS:  # exports at many resolutions
                _kept.clear()
            found = _kept[key] = cls(font, ratio)
        return found

    def draw(self, painter: QPainter, x: float, y: float, text: str, colour: QColor) -> None:
        """Text with a dark outline, readable on bone, air and a white PET alike.

        Parameters
        ----------
        painter
            In logical pixels.
        x, y
            Start of the base line.
        """
        if text:
            painter.drawPixmap(
                int(x) - OUTLINE, int(y - self.ascent) - OUTLINE, self._picture(text, colour.rgba())
            )

    def _width(self, text: str) -> float:
        """Logical pixels a text is wide."""
        return self._metrics.horizontalAdvance(text)

    def _shortened(self, text: str, room: float) -> str:
        """The text, with an ellipsis where it would not fit into so many logical pixels."""
        return self._metrics.elidedText(text, Qt.TextElideMode.ElideRight, room)

    def _outlined(self, text: str, rgba: int) -> QPixmap:
        width = ceil(self.width(text)) + 2 * OUTLINE + 2
        height = ceil(self.height) + 2 * OUTLINE
        pixmap = QPixmap(ceil(width * self._ratio), ceil(height * self._ratio))
        pixmap.setDevicePixelRatio(self._ratio)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        painter.setFont(self._font)
        base = QPointF(OUTLINE, OUTLINE + self.ascent)
        painter.setPen(SHADOW)
        for dx in (-OUTLINE, 0, OUTLINE):
            for dy in (-OUTLINE, 0, OUTLINE):
                if dx or dy:
                    painter.drawText(base + QPointF(dx, dy), text)
        painter.setPen(QColor.fromRgba(rgba))
        painter.drawText(base, text)
        painter.end()
        return pixmap


_kept: dict[tuple[str, float], Lettering] = {}
