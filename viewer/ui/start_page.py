"""What an empty window says: drop a study here, or choose."""

from __future__ import annotations

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QLabel, QPushButton, QVBoxLayout, QWidget

from viewer.archive.address import Address, Place
from viewer.ui.context import UiContext
from viewer.ui.dialogs.recent import recent_paths
from viewer.ui.opening import open_with_question

MOST_RECENT = 5
MOST_CHARACTERS = 60
"""Of an address that is shown whole."""


class StartPage(QWidget):
    """Shown while nothing is open."""

    def __init__(self, context: UiContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.setObjectName("start-page")
        title = QLabel("Drop a study folder here")
        title.setObjectName("start-title")
        title.setAlignment(Qt.AlignmentFlag.AlignCenter)
        hint = QLabel("DICOM folders, files, DICOMDIR or .zip; NIfTI, .npy and .zarr volumes")
        hint.setObjectName("start-hint")
        hint.setAlignment(Qt.AlignmentFlag.AlignCenter)
        use = QLabel("Not a medical device. Not for primary diagnosis or treatment decisions.")
        use.setObjectName("start-use")
        use.setAlignment(Qt.AlignmentFlag.AlignCenter)
        buttons = QHBoxLayout()
        buttons.addStretch()
        for name in ("file.open", "file.open-files", "file.demo"):
            action = context.commands.action(name)
            button = QPushButton(action.text())
            button.clicked.connect(action.trigger)
            buttons.addWidget(button)
        buttons.addStretch()
        self._recent = QVBoxLayout()
        self._recent.setAlignment(Qt.AlignmentFlag.AlignHCenter)
        column = QVBoxLayout(self)
        column.addStretch(2)
        column.addWidget(title)
        column.addWidget(hint)
        column.addSpacing(16)
        column.addLayout(buttons)
        column.addSpacing(16)
        column.addLayout(self._recent)
        column.addStretch(3)
        column.addWidget(use)
        column.addSpacing(16)
        self.refresh()

    def refresh(self) -> None:
        """List the recent studies that still exist."""
        while (item := self._recent.takeAt(0)) is not None:
            widget = item.widget()
            if widget is not None:
                widget.deleteLater()
        for path in [path for path in recent_paths(self._context.settings) if _may_be_there(path)][
            :MOST_RECENT
        ]:
            button = QPushButton(_short(path))
            button.setFlat(True)
            button.setToolTip(str(path))
            button.clicked.connect(
                lambda _checked=False, chosen=path: open_with_question(self._context, [chosen])
            )
            self._recent.addWidget(button)


def _may_be_there(place: Place) -> bool:
    return isinstance(place, Address) or place.exists()


def _short(place: Place) -> str:
    if isinstance(place, Address):
        text = place.shown
        return (
            text if len(text) <= MOST_CHARACTERS else f"{place.scheme}://…/{'/'.join(text.split('/')[-2:])}"
        )
    parts = place.parts
    return str(place) if len(parts) <= 3 else f"…/{parts[-2]}/{parts[-1]}"
