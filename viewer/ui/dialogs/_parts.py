"""Small pieces the dialogs share: distances, headings, hints, fields, the button row."""

from __future__ import annotations

from PySide6.QtCore import QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import (
    QDialog,
    QDialogButtonBox,
    QFormLayout,
    QLabel,
    QMessageBox,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from viewer.ui.narrow import fit_to
from viewer.ui.theme import GRID_PX

FRAME = QSize(0, 40)
"""Logical pixels that the system's title bar takes from the screen."""


def heading(text: str) -> QLabel:
    """A bold line above a group of controls."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


class Hint(QLabel):
    """A wrapping line of plain text that explains, warns or reports; headers of files may be in it (rule J44).

    Nested layouts forget that wrapped text needs more height when it gets less width, so the label insists on it.
    """

    def __init__(self, text: str = "") -> None:
        super().__init__(text)
        self.setTextFormat(Qt.TextFormat.PlainText)
        self.setWordWrap(True)
        self.setMinimumWidth(GRID_PX * 20)

    def setText(self, text: str) -> None:
        super().setText(text)
        self._insist()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._insist()

    def _insist(self) -> None:
        self.setMinimumHeight(self.heightForWidth(self.width()) if self.text() else 0)


def column(owner: QWidget, *, margin: int = 2 * GRID_PX) -> QVBoxLayout:
    """The outer layout of a dialog, on the 8-pixel grid."""
    layout = QVBoxLayout(owner)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(GRID_PX)
    return layout


def rows(owner: QWidget | None = None) -> QFormLayout:
    """Labels beside fields, on the 8-pixel grid."""
    form = QFormLayout(owner)
    form.setSpacing(GRID_PX)
    form.setLabelAlignment(Qt.AlignmentFlag.AlignLeft | Qt.AlignmentFlag.AlignVCenter)
    return form


def prepare(dialog: QDialog, name: str, title: str) -> None:
    """Name a dialog for people, screen readers and tests."""
    dialog.setObjectName(name)
    dialog.setWindowTitle(title)
    dialog.setAccessibleName(title)


def buttons(dialog: QDialog, accept: str, *, cancel: bool = True) -> tuple[QDialogButtonBox, QPushButton]:
    """Accept (and cancel) at the bottom of a dialog, connected; also gives the accept button."""
    box = QDialogButtonBox()
    chosen = box.addButton(accept, QDialogButtonBox.ButtonRole.AcceptRole)
    chosen.setObjectName("accept")
    chosen.setDefault(True)
    if cancel:
        box.addButton(QDialogButtonBox.StandardButton.Cancel).setObjectName("cancel")
    box.accepted.connect(dialog.accept)
    box.rejected.connect(dialog.reject)
    return box, chosen


def show(dialog: QDialog) -> None:
    """Show a dialog without holding up the program; it is deleted when it closes."""
    dialog.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    if not isinstance(dialog, QMessageBox):
        fit_to(dialog, dialog.screen().availableSize() - FRAME)
    dialog.open()
