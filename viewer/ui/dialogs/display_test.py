"""A pattern to check a display by eye (rule E11): the program does not calibrate, it lets a fault be seen."""

from __future__ import annotations

from PySide6.QtCore import QRect, QSize, Qt
from PySide6.QtGui import QColor, QPainter, QPaintEvent
from PySide6.QtWidgets import QDialog, QWidget

from viewer.ui.dialogs._parts import Hint, buttons, column, prepare
from viewer.ui.theme import GRID_PX

STEPS = 18
"""Fields from black to white."""
FAINT = 13
"""Difference of the faint squares from their ground: 5 % of 255."""


class GreyPattern(QWidget):
    """Grey fields from black to white, the first and last with a faint square, and line pairs of one pixel."""

    def sizeHint(self) -> QSize:
        """Wide enough for fields of 40 pixels."""
        return QSize(STEPS * 5 * GRID_PX, 40 * GRID_PX)

    def paintEvent(self, event: QPaintEvent) -> None:
        """Paint the whole pattern."""
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(0, 0, 0))
        top = self.height() * 2 // 3
        for number in range(STEPS):
            grey = round(255 * number / (STEPS - 1))
            left = self.width() * number // STEPS
            field = QRect(left, 0, self.width() * (number + 1) // STEPS - left, top)
            painter.fillRect(field, QColor(grey, grey, grey))
            faint = grey + FAINT if grey + FAINT <= 255 else grey - FAINT
            side = field.width() // 2
            inner = QRect(0, 0, side, side)
            inner.moveCenter(field.center())
            painter.fillRect(inner, QColor(faint, faint, faint))
        third = self.width() // 3
        painter.setPen(QColor(255, 255, 255))
        for place in range(0, third, 2):
            painter.drawLine(place, top, place, self.height())
        for place in range(top, self.height(), 2):
            painter.drawLine(third, place, 2 * third, place)
        for place in range(256):
            left = 2 * third + (self.width() - 2 * third) * place // 256
            right = 2 * third + (self.width() - 2 * third) * (place + 1) // 256
            painter.fillRect(
                QRect(left, top, max(1, right - left), self.height() - top), QColor(place, place, place)
            )
        painter.end()


class DisplayTestDialog(QDialog):
    """The pattern with what should be seen."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "display-test", "Display test")
        outer = column(self)
        pattern = GreyPattern()
        pattern.setAccessibleName("Test pattern")
        pattern.setSizePolicy(pattern.sizePolicy().Policy.Expanding, pattern.sizePolicy().Policy.Expanding)
        outer.addWidget(pattern, 1)
        outer.addWidget(
            Hint(
                "Every field should differ from its neighbours, and the small square should show in each of them, the "
                "black and the white one too. The lines below left should be sharp and the ramp below right smooth. "
                "If not, the display or the light in the room is at fault. Triptych does not calibrate the display; "
                "the grey scale standard (DICOM PS3.14) is the duty of the site."
            )
        )
        box, _ = buttons(self, "Close", cancel=False)
        outer.addWidget(box, 0, Qt.AlignmentFlag.AlignRight)
