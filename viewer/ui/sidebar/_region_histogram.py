"""Distribution of the values in a region."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QSizePolicy, QWidget

from viewer.imaging.geometry import FloatArray
from viewer.imaging.histogram import Histogram, histogram
from viewer.ui.theme import GRID_PX

MOST_BINS = 64
HEIGHT_PX = GRID_PX * 10


class RegionHistogram(QWidget):
    """Bars of equal width from the lowest to the highest value; both ends are written below."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("region-histogram")
        self.setFixedHeight(HEIGHT_PX)
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Fixed)
        self.shown: Histogram | None = None
        self._unit = ""

    def show_values(self, values: FloatArray, unit: str) -> None:
        """Show (n,) values; hidden when there are none."""
        self.setVisible(values.size > 1)
        if values.size > 1:
            bins = min(MOST_BINS, max(8, round(float(np.sqrt(values.size)))))
            self.shown, self._unit = histogram(values, bins=bins), unit
            low, high = self.shown.min, self.shown.max
            self.setAccessibleName(f"Histogram of {values.size} voxels from {low:.4g} to {high:.4g} {unit}")
        self.update()

    def paintEvent(self, event: QPaintEvent) -> None:
        if self.shown is None:
            return
        painter = QPainter(self)
        text_height = self.fontMetrics().height()
        room = QRectF(0, 0, self.width(), self.height() - text_height - 2)
        painter.fillRect(room, self.palette().base())
        counts = self.shown.counts
        step = room.width() / len(counts)
        for n, share in enumerate((counts / max(1, counts.max())).tolist()):
            height = share * (room.height() - 4)
            painter.fillRect(
                QRectF(n * step, room.bottom() - height, max(1.0, step - 1), height),
                self.palette().highlight(),
            )
        painter.setPen(self.palette().color(self.foregroundRole()))
        below = QRectF(0, room.bottom() + 2, self.width(), text_height)
        painter.drawText(below, int(Qt.AlignmentFlag.AlignLeft), f"{self.shown.min:.4g}")
        painter.drawText(
            below, int(Qt.AlignmentFlag.AlignRight), f"{self.shown.max:.4g} {self._unit}".rstrip()
        )
