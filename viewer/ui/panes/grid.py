"""The grid of panes: builds the layout of the state and keeps it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QResizeEvent, QShowEvent
from PySide6.QtWidgets import QGridLayout, QWidget

from viewer.state.arrangement import Arrangement
from viewer.state.panes import Layout, Pane
from viewer.state.view import ViewState
from viewer.ui.panes.coordinator import FrameCoordinator
from viewer.ui.panes.gestures import Gestures
from viewer.ui.panes.picture import SPACING

if TYPE_CHECKING:
    from viewer.ui.panes.plane_pane import PlanePane

_COLUMNS = 12
"""Divides by 1, 2, 3 and 4, so rows of different length line up at the edges."""


class PaneGrid(QWidget):
    """All panes of the layout.

    They are made when they are first seen or asked for: what they stand on takes as long to import as everything else
    in the window, and the window begins with the start page.

    Parameters
    ----------
    view
        The state.
    mouse
        Gestures by name.
    shown
        Where the layout comes from; the state itself when None.
    """

    def __init__(
        self,
        view: ViewState,
        mouse: Mapping[str, str],
        parent: QWidget | None = None,
        shown: Arrangement | None = None,
    ) -> None:
        super().__init__(parent)
        self._view = view
        self._shown: Arrangement = shown or view
        self.gestures = Gestures(view, mouse, self, self._shown)
        self.coordinator = FrameCoordinator(view, lambda: self.gestures.moving, self)
        self.gestures.drag_ended.connect(self.coordinator.invalidate)
        self._panes: dict[str, PlanePane] = {}
        self.setObjectName("pane-grid")
        self.setAutoFillBackground(True)
        self._grid = QGridLayout(self)
        self._grid.setContentsMargins(0, 0, 0, 0)
        self._grid.setSpacing(SPACING)
        self._shown.layout_changed.connect(self._follow_layout)
        view.display_changed.connect(self._follow_active)

    def disconnect_state(self) -> None:
        """Stop listening to the state; called when the window closes."""
        self._shown.layout_changed.disconnect(self._follow_layout)
        self._view.display_changed.disconnect(self._follow_active)
        self.coordinator.disconnect_state()
        self.gestures.disconnect_state()

    def showEvent(self, event: QShowEvent) -> None:
        self.panes()
        super().showEvent(event)

    def resizeEvent(self, event: QResizeEvent) -> None:
        self._shown.area = (max(1, self.width()), max(1, self.height()))
        super().resizeEvent(event)

    def panes(self) -> tuple[PlanePane, ...]:
        """Panes on screen, row by row."""
        if not self._panes:
            self.rebuild()
        return tuple(self._panes.values())

    def pane(self, pane_id: str) -> PlanePane:
        """The pane with an id (KeyError when it is not on screen)."""
        self.panes()
        return self._panes[pane_id]

    def rebuild(self) -> None:
        """Show the panes of the state's layout; panes that stay are reused."""
        from viewer.ui.panes.plane_pane import PlanePane

        had_focus = any(pane.hasFocus() for pane in self._panes.values())
        shown = self._shown.layout.alone(self._shown.maximised)
        wanted: dict[str, Pane] = {pane.id: pane for pane in shown.panes}
        for name in [name for name, pane in self._panes.items() if wanted.get(name) != pane.pane]:
            gone = self._panes.pop(name)
            self._grid.removeWidget(gone)
            # Not close(): pyqtgraph then takes the viewport away at once, under events that are still on their way.
            gone.hide()
            gone.deleteLater()
        for row in range(self._grid.rowCount()):
            self._grid.setRowStretch(row, 0)
        kept = dict(self._panes)
        self._panes = {}
        for pane, row, column, high, wide in _cells(shown):
            widget = kept.get(pane.id) or PlanePane(self._view, pane, self.gestures, self.coordinator.prepare)
            self._panes[pane.id] = widget
            self._grid.addWidget(widget, row, column, high, wide)
            widget.show()
        for row in range(len(shown.rows)):
            self._grid.setRowStretch(row, 1)
        for column in range(2 * _COLUMNS):
            used = _COLUMNS + (_COLUMNS // (shown.size[0] - 1) if shown.beside is not None else 0)
            self._grid.setColumnStretch(column, int(column < used))
        self.coordinator.set_panes(tuple(self._panes.values()))
        if had_focus:
            self.focus_active()

    def focus_active(self) -> None:
        """Give the keyboard to the active pane."""
        panes = self.panes()
        pane = self._panes.get(self._view.active_pane) or panes[0]
        pane.setFocus(Qt.FocusReason.OtherFocusReason)

    def _follow_layout(self) -> None:
        if self._panes:
            self.rebuild()

    def _follow_active(self) -> None:
        if self._view.active_pane in self._panes and any(pane.hasFocus() for pane in self._panes.values()):
            self.focus_active()


def _cells(shown: Layout) -> Iterator[tuple[Pane, int, int, int, int]]:
    """(pane, row, column, rows, columns) of the panes of a layout in the grid."""
    for number, row in enumerate(shown.rows):
        wide = _COLUMNS // len(row)
        for place, pane in enumerate(row):
            yield pane, number, place * wide, 1, wide
    if shown.beside is not None:
        yield shown.beside, 0, _COLUMNS, len(shown.rows), _COLUMNS // (shown.size[0] - 1)
