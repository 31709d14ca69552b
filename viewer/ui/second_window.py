"""A window on another screen with panes of its own over the same state: cursor, layers and tools are shared."""

from __future__ import annotations

from functools import partial

from PySide6.QtCore import QByteArray, QEvent, QObject, QPoint, Qt, Signal
from PySide6.QtGui import QCloseEvent, QGuiApplication, QScreen
from PySide6.QtWidgets import QComboBox, QHBoxLayout, QLabel, QMenu, QVBoxLayout, QWidget

from viewer.imaging.geometry import FloatArray
from viewer.state.panes import LAYOUTS
from viewer.state.probe import read_point
from viewer.state.second_window import SecondPanes
from viewer.ui.binding import quiet
from viewer.ui.context import UiContext
from viewer.ui.panes.grid import PaneGrid
from viewer.ui.theme import GRID_PX

LAYOUT_SETTING, PLACE_SETTING = "second.layout", "second.geometry"
SIZE = (960, 720)


class SecondWindow(QWidget):
    """See the module text. Closes by itself with the main window.

    Parameters
    ----------
    context
        The session; its window is the one this one belongs to.

    Signals
    -------
    closed
        The window is gone from the screen and follows nothing any more.
    """

    closed = Signal()

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window, Qt.WindowType.Window)
        self.setObjectName("second-window")
        self.setWindowTitle("Triptych, second window")
        self.setMinimumSize(400, 300)
        self._context = context
        self._panes = context.view.work.of(SecondPanes)
        self._panes.open(str(context.settings.get(LAYOUT_SETTING)))
        self.grid = PaneGrid(context.view, context.commands.shortcuts.mouse, self, self._panes)
        self.grid.setObjectName("second-pane-grid")
        self.layouts = QComboBox()
        self.layouts.setObjectName("second-layouts")
        self.layouts.setAccessibleName("layout of the second window")
        self.value = QLabel()
        self.value.setObjectName("second-value")
        self.value.setTextFormat(Qt.TextFormat.PlainText)
        name = QLabel("&Layout")
        name.setBuddy(self.layouts)
        bar = QHBoxLayout()
        bar.setContentsMargins(GRID_PX, GRID_PX // 2, GRID_PX, GRID_PX // 2)
        bar.setSpacing(GRID_PX)
        bar.addWidget(name)
        bar.addWidget(self.layouts)
        bar.addWidget(self.value, 1)
        column = QVBoxLayout(self)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addLayout(bar)
        column.addWidget(self.grid, 1)
        self.layouts.activated.connect(self._follow_choice)
        self.grid.gestures.hovered.connect(self._show_point)
        self.grid.gestures.menu_requested.connect(self._menu)
        self._panes.changed.connect(self._fill)
        context.view.layers_changed.connect(self._fill)
        context.window.installEventFilter(self)
        self._fill()
        self._place()
        self.grid.panes()[0].setFocus()

    # --- where it stands ---------------------------------------------------------------------------------------

    def _place(self) -> None:
        kept = str(self._context.settings.get(PLACE_SETTING))
        if kept and self.restoreGeometry(QByteArray.fromBase64(kept.encode())):
            return
        self.resize(*SIZE)
        screen = other_screen(self._context.window)
        if screen is not None:
            self.setGeometry(screen.availableGeometry())
            self.setWindowState(Qt.WindowState.WindowMaximized)

    # --- what it offers ----------------------------------------------------------------------------------------

    def _fill(self) -> None:
        offered = [(found.text, found.id) for found in LAYOUTS if self._panes.possible(found)]
        with quiet(self.layouts):
            if offered != [
                (self.layouts.itemText(n), self.layouts.itemData(n)) for n in range(self.layouts.count())
            ]:
                self.layouts.clear()
                for text, layout_id in offered:
                    self.layouts.addItem(text, layout_id)
            self.layouts.setCurrentIndex(self.layouts.findData(self._panes.layout.id))
        self.layouts.setEnabled(bool(offered))

    def _follow_choice(self) -> None:
        self._panes.set_layout(str(self.layouts.currentData()))

    def _choose(self, layout_id: str, _checked: bool) -> None:
        self._panes.set_layout(layout_id)

    def _menu(self, _pane: QWidget, position: QPoint) -> None:
        menu = QMenu(self)
        for found in LAYOUTS:
            if self._panes.possible(found):
                action = menu.addAction(found.text)
                action.triggered.connect(partial(self._choose, found.id))
                action.setCheckable(True)
                action.setChecked(found.id == self._panes.layout.id)
        menu.addSeparator()
        menu.addAction("Close second window", self.close)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(position)

    def _show_point(self, point_mm: FloatArray | None) -> None:
        view = self._context.view
        readings = () if point_mm is None or view.base_volume is None else read_point(view, point_mm)
        self.value.setText("   ".join(reading.text for reading in readings))

    # --- life --------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        # As in the main window: before a key is looked up.
        if event.type() is QEvent.Type.ShortcutOverride:
            self._context.commands.settle()
        return super().event(event)

    def changeEvent(self, event: QEvent) -> None:
        if event.type() is QEvent.Type.ActivationChange and self.isActiveWindow():
            self._take_keys()
        super().changeEvent(event)

    def _take_keys(self) -> None:
        """Let the keys of all commands act here too; presets may have got others meanwhile."""
        table = self._context.commands
        for command in table:
            (self.grid if command.panes_only else self).addAction(table.action(command.id))

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if watched is self._context.window and event.type() is QEvent.Type.Close:
            self.close()
        return super().eventFilter(watched, event)

    def closeEvent(self, event: QCloseEvent) -> None:
        settings, view = self._context.settings, self._context.view
        settings.set(LAYOUT_SETTING, self._panes.chosen)
        settings.set(PLACE_SETTING, self.saveGeometry().toBase64().toStdString())
        self._context.window.removeEventFilter(self)
        self._panes.changed.disconnect(self._fill)
        view.layers_changed.disconnect(self._fill)
        self.grid.disconnect_state()
        self._panes.close()
        self.closed.emit()
        self.deleteLater()
        super().closeEvent(event)


def other_screen(window: QWidget) -> QScreen | None:
    """A screen the window is not on, None when there is only one."""
    return next((screen for screen in QGuiApplication.screens() if screen is not window.screen()), None)
