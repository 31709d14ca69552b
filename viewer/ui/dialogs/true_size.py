"""True size: one millimetre in the patient is one on the screen, after a bank card was held against it (rule E10)."""

from __future__ import annotations

from PySide6.QtCore import QRectF, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent, QPen
from PySide6.QtWidgets import QDialog, QHBoxLayout, QPushButton, QSlider, QWidget

from viewer.state.resolve import resolve
from viewer.state.view import ViewState
from viewer.ui.dialogs._parts import Hint, buttons, column, prepare
from viewer.ui.theme import GRID_PX, current_theme

CARD_MM = (85.60, 53.98)
"""Width and height of a bank card (ISO/IEC 7810 ID-1)."""
MM_PER_INCH = 25.4
PIXELS_PER_MM = (1.5, 12.0)
"""Logical pixels a millimetre, from a coarse television to a fine telephone."""


def true_size_zoom(view: ViewState, width: int, height: int, pixels_per_mm: float) -> float | None:
    """Zoom at which the active pane shows the patient in true size.

    Parameters
    ----------
    width, height
        Size of the pane in logical pixels.
    pixels_per_mm
        Logical pixels a millimetre on the screen.

    Returns
    -------
    float or None
        None when nothing is open or the spacing is unknown.
    """
    pane = view.active
    scene = resolve(view, pane, width, height)
    if scene is None or not scene.calibrated:
        return None
    return view.framing(pane.kind).zoom * scene.plane.mm_per_pixel * pixels_per_mm


def screen_pixels_per_mm(widget: QWidget, calibrated: float) -> float:
    """Logical pixels a millimetre: what the user measured, else what the screen says about itself."""
    return calibrated if calibrated > 0 else widget.screen().physicalDotsPerInch() / MM_PER_INCH


class Card(QWidget):
    """The outline of a bank card."""

    def __init__(self, pixels_per_mm: float) -> None:
        super().__init__()
        self.pixels_per_mm = pixels_per_mm
        self.setMinimumSize(60 * GRID_PX, 40 * GRID_PX)
        self.setAccessibleName("Outline of a bank card")

    def set_pixels_per_mm(self, pixels_per_mm: float) -> None:
        """Draw it larger or smaller."""
        self.pixels_per_mm = pixels_per_mm
        self.updateGeometry()
        self.update()

    def sizeHint(self) -> QSize:
        """Room for the card and a margin."""
        return QSize(*(round(side * self.pixels_per_mm) + 4 * GRID_PX for side in CARD_MM))

    @property
    def outline(self) -> QRectF:
        """The card in logical pixels, in the middle of the widget."""
        card = QRectF(0, 0, *(side * self.pixels_per_mm for side in CARD_MM))
        card.moveCenter(QRectF(self.rect()).center())
        return card

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the outline with the rounded corners of a card."""
        painter = QPainter(self)
        painter.setRenderHint(QPainter.RenderHint.Antialiasing)
        painter.setPen(QPen(QColor(current_theme().accent), 1))
        painter.setBrush(QColor(current_theme().base))
        corner = 3.18 * self.pixels_per_mm
        painter.drawRoundedRect(self.outline, corner, corner)
        painter.end()


class CalibrationDialog(QDialog):
    """See the module text; `pixels_per_mm` is the answer.

    Parameters
    ----------
    pixels_per_mm
        Logical pixels a millimetre to begin with.
    """

    _STEPS = 100

    def __init__(self, pixels_per_mm: float, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "calibration-dialog", "True size")
        low, high = PIXELS_PER_MM
        start = min(high, max(low, pixels_per_mm))
        self.card = Card(start)
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("card-size")
        self.slider.setAccessibleName("Size of the outline")
        self.slider.setRange(round(low * self._STEPS), round(high * self._STEPS))
        self.slider.setValue(round(start * self._STEPS))
        smaller, larger = QPushButton("Smaller"), QPushButton("Larger")
        for button, step in ((smaller, -1), (larger, 1)):
            button.setAutoDefault(False)
            button.setAutoRepeat(True)
            button.clicked.connect(lambda _=False, by=step: self.slider.setValue(self.slider.value() + by))
        row = QHBoxLayout()
        row.addWidget(smaller)
        row.addWidget(self.slider, 1)
        row.addWidget(larger)
        box, _ = buttons(self, "Save")
        outer = column(self)
        outer.addWidget(
            Hint(
                "Hold a bank card against the screen and change the outline until it is as large as the card. "
                "It counts for this screen and its present scale."
            )
        )
        outer.addWidget(self.card, 1)
        outer.addLayout(row)
        outer.addWidget(box)
        self.slider.valueChanged.connect(lambda value: self.card.set_pixels_per_mm(value / self._STEPS))

    @property
    def pixels_per_mm(self) -> float:
        """Logical pixels a millimetre on this screen."""
        return self.slider.value() / self._STEPS
