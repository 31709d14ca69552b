"""Small pieces the dialogs share: distances, headings, hints, the button row."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QDialog, QDialogButtonBox, QLabel, QPushButton, QVBoxLayout, QWidget

from viewer.ui.theme import GRID_PX


def heading(text: str) -> QLabel:
    """A bold line above a group of controls."""
    label = QLabel(text)
    font = label.font()
    font.setBold(True)
    label.setFont(font)
    return label


def hint(text: str = "") -> QLabel:
    """A wrapping line of plain text that explains, warns or reports; headers of files may be in it (rule J44)."""
    label = QLabel(text)
    label.setTextFormat(Qt.TextFormat.PlainText)
    label.setWordWrap(True)
    label.setMinimumWidth(GRID_PX * 20)
    return label


def column(owner: QWidget, *, margin: int = 2 * GRID_PX) -> QVBoxLayout:
    """The outer layout of a dialog, on the 8-pixel grid."""
    layout = QVBoxLayout(owner)
    layout.setContentsMargins(margin, margin, margin, margin)
    layout.setSpacing(GRID_PX)
    return layout


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
    dialog.open()
