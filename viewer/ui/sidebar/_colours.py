"""Colormap chooser with a swatch beside each name."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QSize, Qt, Signal
from PySide6.QtGui import QIcon, QImage, QPixmap
from PySide6.QtWidgets import QComboBox

from viewer.imaging.colormap import Colormap, colormaps
from viewer.ui.binding import quiet

SWATCH = QSize(48, 12)


def swatch(colormap: Colormap) -> QIcon:
    """A strip of a colormap from its lowest to its highest colour."""
    pixels = np.ascontiguousarray(np.asarray(colormap.rgb, dtype=np.uint8)[None])
    image = QImage(pixels.data, pixels.shape[1], 1, pixels.strides[0], QImage.Format.Format_RGB888)
    return QIcon(QPixmap.fromImage(image.scaled(SWATCH, Qt.AspectRatioMode.IgnoreAspectRatio)))


class ColormapCombo(QComboBox):
    """All colormaps.

    Signals
    -------
    chosen
        id of the colormap the user picked.
    """

    chosen = Signal(str)

    def __init__(self, name: str, accessible_name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setAccessibleName(accessible_name)
        self.setIconSize(SWATCH)
        self.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.setMinimumContentsLength(8)
        for colormap in colormaps():
            self.addItem(swatch(colormap), colormap.name, colormap.id)
        self.activated.connect(lambda _index: self.chosen.emit(self.currentData()))

    def show_colormap(self, colormap_id: str) -> None:
        """Select a colormap without saying that the user chose it."""
        with quiet(self):
            self.setCurrentIndex(self.findData(colormap_id))
