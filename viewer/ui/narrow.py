"""Room in small windows: a screen scaled by 200 % is as wide as half of it, and the panes need most of that.

Docks that do not fit beside the panes are closed and come back with the room. One that the user opens stays, and
another one makes room for it.
"""

from __future__ import annotations

from PySide6.QtCore import QObject, QSize, Qt
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import (
    QDialog,
    QDockWidget,
    QFrame,
    QLabel,
    QMainWindow,
    QScrollArea,
    QStyleOption,
    QVBoxLayout,
    QWidget,
)

LEAST_CENTRE = 460
"""Logical pixels that the panes keep: enough for three of them."""
ORDER = ("right", "left")
"""Which side dock goes first: what the sidebar does has keys, and the browser is how a series is found."""


class SideRoom(QObject):
    """See the module text.

    Parameters
    ----------
    window
        Whose width counts; it says when that changes.
    docks
        By side.
    """

    def __init__(self, window: QMainWindow, docks: dict[str, QDockWidget]) -> None:
        super().__init__(window)
        self.setObjectName("side-room")
        self._window = window
        self._docks = {side: docks[side] for side in ORDER}
        self._away: set[str] = set()
        """Sides that were closed for want of room."""
        self._moving = False
        for dock in self._docks.values():
            dock.visibilityChanged.connect(self._changed)

    def fit(self, keep: str = "") -> None:
        """Close docks until the panes have their room, or bring back those that fit now.

        Parameters
        ----------
        keep
            The side that the user has just opened.
        """
        shown = [side for side, dock in self._docks.items() if not dock.isHidden()]
        for side in ORDER:
            if side != keep and side in shown and self._need(shown) > self._window.width():
                shown.remove(side)
                self._move({side}, away=True)
        for side in reversed(ORDER):
            if side in self._away and self._need([*shown, side]) <= self._window.width():
                shown.append(side)
                self._move({side}, away=False)

    def bring_back(self) -> None:
        """Open what had no room: what is kept for the next time is what the user chose."""
        self._move(set(self._away), away=False)

    def _changed(self) -> None:
        """A dock was opened or closed, by the user when nothing is under way here."""
        dock = self.sender()
        if self._moving or not isinstance(dock, QDockWidget):
            return
        side = next(side for side, one in self._docks.items() if one is dock)
        self._away.discard(side)
        if not dock.isHidden():
            self.fit(keep=side)

    def _move(self, sides: set[str], *, away: bool) -> None:
        self._away = self._away | sides if away else self._away - sides
        self._moving = True
        for side in sides:
            self._docks[side].setVisible(not away)
        self._moving = False

    def _need(self, sides: list[str]) -> int:
        return LEAST_CENTRE + sum(self._docks[side].minimumSizeHint().width() for side in sides)


class YieldingLabel(QLabel):
    """A label that asks for a fixed width, so that its neighbours stay where they are, and does with less.

    Parameters
    ----------
    width
        What it asks for; its text is shortened where it gets less.
    """

    def __init__(self, width: int, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._width = width

    def sizeHint(self) -> QSize:
        """The width it asks for, or that of a longer text."""
        hint = super().sizeHint()
        return QSize(max(self._width, hint.width()), hint.height())

    def minimumSizeHint(self) -> QSize:
        """It can shrink to nothing."""
        return QSize(0, super().minimumSizeHint().height())

    def paintEvent(self, _event: QPaintEvent) -> None:
        """The text, shortened where it does not fit."""
        option = QStyleOption()
        option.initFrom(self)
        place = self.contentsRect()
        text = self.fontMetrics().elidedText(self.text(), Qt.TextElideMode.ElideRight, place.width())
        painter = QPainter(self)
        self.style().drawItemText(
            painter,
            place,
            self.alignment().value,
            option.palette,
            self.isEnabled(),
            text,
            self.foregroundRole(),
        )
        painter.end()


def fit_to(dialog: QDialog, room: QSize) -> None:
    """Make a dialog no larger than the screen; what does not fit even when it is packed tightly is scrolled.

    Parameters
    ----------
    dialog
        With its layout, not shown yet.
    room
        Logical pixels that there are.
    """
    dialog.setMinimumWidth(min(dialog.minimumWidth(), room.width()))
    least = dialog.minimumSizeHint()
    layout = dialog.layout()
    if layout is not None and (least.width() > room.width() or least.height() > room.height()):
        content = QWidget()
        content.setLayout(layout)  # takes what it holds along
        area = QScrollArea()
        area.setFrameShape(QFrame.Shape.NoFrame)
        area.setWidgetResizable(True)
        area.setWidget(content)
        outer = QVBoxLayout(dialog)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.addWidget(area)
        bar = area.verticalScrollBar().sizeHint().width()
        whole = content.sizeHint() + QSize(bar, 0)
        if whole.width() > room.width():
            whole += QSize(0, bar)
        dialog.resize(whole.boundedTo(room))
    elif dialog.testAttribute(Qt.WidgetAttribute.WA_Resized):
        dialog.resize(dialog.size().boundedTo(room))
