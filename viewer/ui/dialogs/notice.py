"""The intended-use notice of the first start (rule E23): a line above the panes, never a dialog that blocks."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QFrame, QHBoxLayout, QPushButton, QWidget

from viewer.settings import Settings
from viewer.ui.dialogs._parts import Hint
from viewer.ui.dialogs.intended_use import INTENDED_USE
from viewer.ui.theme import GRID_PX


class IntendedUseNotice(QFrame):
    """The notice with a button; pressing it keeps the notice away for good (settings are saved with the window).

    Signals
    -------
    understood
        The button was pressed; the notice hides itself.
    """

    understood = Signal()

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self.setObjectName("intended-use-notice")
        self.setFrameShape(QFrame.Shape.StyledPanel)
        self.setAccessibleName("Intended use")
        row = QHBoxLayout(self)
        row.setContentsMargins(2 * GRID_PX, GRID_PX, 2 * GRID_PX, GRID_PX)
        row.setSpacing(2 * GRID_PX)
        row.addWidget(Hint(INTENDED_USE), 1)
        self.button = QPushButton("Understood")
        self.button.setObjectName("notice-understood")
        self.button.clicked.connect(self._understand)
        row.addWidget(self.button)

    def _understand(self) -> None:
        self._settings.set("intended-use.seen", True)
        self.hide()
        self.understood.emit()


def first_start_notice(settings: Settings, parent: QWidget | None = None) -> IntendedUseNotice | None:
    """The notice, or None when the user has seen it."""
    return None if settings.get("intended-use.seen") else IntendedUseNotice(settings, parent)
