"""The main window: an empty frame at first, which is on the screen before most of the program has been read.

What stands in it comes from `viewer.ui.furniture`. This file imports Qt and the settings only, and knows none of the
parts by name: a new one does not change it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QByteArray, QEvent, QPoint, QSize, Qt, Signal
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent, QPaintEvent, QResizeEvent
from PySide6.QtWidgets import QMainWindow, QWidget

from viewer.archive.address import Place
from viewer.settings import Settings
from viewer.ui.drop import dropped_paths

if TYPE_CHECKING:
    from viewer.ui.commands import Shortcuts
    from viewer.ui.presets import PresetBook

SMALLEST, USUAL = (480, 320), (1440, 900)


class MainWindow(QMainWindow):
    """See the module text.

    Parameters
    ----------
    settings
        User settings.

    Signals
    -------
    first_painted
        The frame has been painted, furnished or not; nothing is on the screen before the event in hand has ended.
    """

    first_painted = Signal()

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self.setObjectName("main-window")
        self.setWindowTitle("Triptych")
        self.setMinimumSize(*SMALLEST)
        self.resize(QSize(*USUAL).boundedTo(self.screen().availableSize()))
        self.setAcceptDrops(True)
        self._settings = settings
        self._painted = False
        self._furnished = False
        self._early: list[tuple[tuple[Place, ...], bool]] = []
        geometry = settings.get("window.geometry")
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(str(geometry).encode()))

    def furnish(self, shortcuts: Shortcuts, presets: PresetBook) -> None:
        """Put everything in, and open what was dropped on the empty frame.

        Parameters
        ----------
        shortcuts, presets
            Keys and window presets.
        """
        # Imported here: behind it is most of the program.
        from viewer.ui.furniture import furnish

        parts = furnish(self, self._settings, shortcuts, presets)
        self.context, self.session, self.sections = parts.context, parts.session, parts.sections
        self.grid, self.start_page, self.status = parts.grid, parts.start_page, parts.status
        self._centre, self._docks, self._room = parts.centre, parts.docks, parts.room
        self._connect()
        docks = self._settings.get("window.docks")
        if docks:
            self.restoreState(QByteArray.fromBase64(str(docks).encode()))
        self.context.commands.refresh()
        self._furnished = True
        self._room.fit()
        for paths, beside in self._early:
            self.open(paths, beside=beside)
        self._early.clear()

    # --- following ---------------------------------------------------------------------------------------------

    def _connect(self) -> None:
        view, library = self.context.view, self.context.library
        view.layers_changed.connect(self._follow_view)
        view.display_changed.connect(self._follow_view)
        view.framing_changed.connect(self._follow_view)
        view.layout_changed.connect(self._follow_view)
        library.catalogue_changed.connect(self._follow_view)
        view.work.changed.connect(self.context.commands.refresh_soon)
        self.context.loader.busy_changed.connect(self.context.commands.refresh_soon)
        view.cursor_changed.connect(self._show_cursor)
        self.context.presets.changed.connect(self._reload_presets)
        self.grid.gestures.hovered.connect(self.status.show_point)
        self.grid.gestures.menu_requested.connect(self._pane_menu)
        self.session.progressed.connect(self.status.show_event)
        self.status.problems.clicked.connect(self._toggle_problems)

    def _follow_view(self) -> None:
        opened = self.context.view.base_volume is not None
        page: QWidget = self.grid if opened else self.start_page
        if self._centre.currentWidget() is not page:
            self._centre.setCurrentWidget(page)
            if opened:
                self.grid.focus_active()
            else:
                self.start_page.refresh()
        self.context.commands.refresh_soon()

    def _show_cursor(self) -> None:
        self.status.show_point(None)

    def _reload_presets(self) -> None:
        from viewer.ui.furniture import make_menus, reload_presets

        reload_presets(self.context)
        make_menus(self, self.context.commands)

    def _toggle_problems(self) -> None:
        from viewer.ui.furniture import toggle

        toggle(self._docks["bottom"])

    def _pane_menu(self, _pane: QWidget, position: QPoint) -> None:
        from viewer.ui.furniture import show_pane_menu

        show_pane_menu(self, self.context.commands, position)

    # --- drop --------------------------------------------------------------------------------------------------

    def dragEnterEvent(self, event: QDragEnterEvent) -> None:
        if dropped_paths(event.mimeData()):
            event.acceptProposedAction()

    def dropEvent(self, event: QDropEvent) -> None:
        paths = dropped_paths(event.mimeData())
        if paths:
            event.acceptProposedAction()
            shift = Qt.KeyboardModifier.ShiftModifier
            self.open(paths, beside=bool(event.modifiers() & shift))

    def open(self, paths: Iterable[Place], *, beside: bool = False) -> None:
        """Open folders, files and archives as if they were dropped; `beside` as if Shift had been held."""
        if not self._furnished:
            self._early.append((tuple(paths), beside))
            return
        from viewer.ui.opening import open_with_question

        open_with_question(self.context, tuple(paths), beside=beside)

    # --- life --------------------------------------------------------------------------------------------------

    def event(self, event: QEvent) -> bool:
        # So Qt asks before it looks for the action of a key.
        if event.type() is QEvent.Type.ShortcutOverride and self._furnished:
            self.context.commands.settle()
        return super().event(event)

    def paintEvent(self, event: QPaintEvent) -> None:
        super().paintEvent(event)
        if not self._painted:
            self._painted = True
            self.first_painted.emit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        if self._furnished:
            self._room.fit()

    def closeEvent(self, event: QCloseEvent) -> None:
        self._settings.set("window.geometry", self.saveGeometry().toBase64().toStdString())
        if self._furnished:
            self._room.bring_back()
            self._settings.set("window.docks", self.saveState().toBase64().toStdString())
            self._let_go()
        self._settings.save()
        super().closeEvent(event)

    def _let_go(self) -> None:
        view, commands = self.context.view, self.context.commands
        self.context.loader.busy_changed.disconnect(commands.refresh_soon)
        self.context.loader.stop()
        view.work.changed.disconnect(commands.refresh_soon)
        for signal in (view.layers_changed, view.display_changed, view.framing_changed, view.layout_changed):
            signal.disconnect(self._follow_view)
        self.context.library.catalogue_changed.disconnect(self._follow_view)
        view.cursor_changed.disconnect(self._show_cursor)
        self.context.presets.changed.disconnect(self._reload_presets)
        self.session.disconnect_state()
        self.grid.disconnect_state()
        self.status.disconnect_state()
