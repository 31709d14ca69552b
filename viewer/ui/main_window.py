"""The main window: places the parts, knows none of them by name.

Sidebar sections, commands, tools and overlays are found by their registries; a new one does not change this file.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QByteArray, QPoint, Qt
from PySide6.QtGui import QCloseEvent, QDragEnterEvent, QDropEvent
from PySide6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QMenu,
    QStackedWidget,
    QToolBar,
    QVBoxLayout,
    QWidget,
)

from viewer.settings import Settings
from viewer.state.library import Library
from viewer.state.view import ViewState
from viewer.ui.commands import MENU_ORDER, Command, CommandTable, Shortcuts
from viewer.ui.context import UiContext
from viewer.ui.dialogs.notice import first_start_notice
from viewer.ui.discovery import modules
from viewer.ui.drop import dropped_paths
from viewer.ui.loader_thread import Loader
from viewer.ui.menus import fill_menu
from viewer.ui.opening import open_with_question
from viewer.ui.panes.grid import PaneGrid
from viewer.ui.presets import PresetBook
from viewer.ui.session import Session
from viewer.ui.sidebar import Section, SectionBuilder, sections
from viewer.ui.start_page import StartPage
from viewer.ui.status_line import StatusLine
from viewer.ui.theme import icon

COMMAND_PACKAGES = ("viewer.ui.actions", "viewer.ui.export", "viewer.ui.dialogs")
TOOLBAR_GROUPS = ("File", "Tools", "Layout", "Layers", "View", "Export")
SMALLEST = (1024, 700)


class MainWindow(QMainWindow):
    """See the module text.

    Parameters
    ----------
    settings
        User settings.
    shortcuts, presets
        Keys and window presets.
    """

    def __init__(self, settings: Settings, shortcuts: Shortcuts, presets: PresetBook) -> None:
        super().__init__()
        self.setObjectName("main-window")
        self.setWindowTitle("Triptych")
        self.setMinimumSize(640, 480)
        self.resize(1440, 900)
        self.setAcceptDrops(True)
        library = Library()
        view = ViewState(library)
        loader = Loader(self)
        commands = CommandTable(shortcuts, self)
        self.context = UiContext(library, view, settings, presets, loader, commands, self)
        self.sections = SectionBuilder(self.context)
        loader.arrived.connect(self.sections.complete)
        self.session = Session(library, view, loader, settings, self)
        self.grid = PaneGrid(view, shortcuts.mouse, self)
        commands.set_pane_area(self.grid)
        self._register_commands()
        self.start_page = StartPage(self.context)
        self._centre = QStackedWidget()
        self._centre.addWidget(self.start_page)
        self._centre.addWidget(self.grid)
        self.setCentralWidget(self._with_notice(self._centre))
        self._docks = self._make_docks(sections())
        self._make_toolbar()
        self._make_menus()
        self.status = StatusLine(self.context)
        self.setStatusBar(self.status)
        self._connect()
        self._restore()
        commands.refresh()

    # --- building ----------------------------------------------------------------------------------------------

    def _with_notice(self, widget: QWidget) -> QWidget:
        """The centre, with the intended-use line above it until the user has read it (rule E23)."""
        notice = first_start_notice(self.context.settings)
        if notice is None:
            return widget
        both = QWidget()
        column = QVBoxLayout(both)
        column.setContentsMargins(0, 0, 0, 0)
        column.setSpacing(0)
        column.addWidget(notice)
        column.addWidget(widget, 1)
        return both

    def _register_commands(self) -> None:
        for package in COMMAND_PACKAGES:
            for module in modules(package, "commands"):
                self.context.commands.register(module.commands(self.context))
        self.context.commands.register(self._own_commands())

    def _own_commands(self) -> Iterable[Command]:
        for side, text in (("left", "Study browser"), ("right", "Sidebar"), ("bottom", "Problems")):
            name = {"left": "view.browser", "right": "view.sidebar", "bottom": "view.problems"}[side]
            yield Command(
                name,
                text,
                lambda chosen=side: self._toggle_dock(chosen),  # type: ignore[misc]
                "View",
                checked=lambda chosen=side: self._docks[chosen].isVisible(),  # type: ignore[misc]
            )

    def _make_docks(self, found: Iterable[Section]) -> dict[str, QDockWidget]:
        places = {
            "left": (Qt.DockWidgetArea.LeftDockWidgetArea, "Studies", 264),
            "right": (Qt.DockWidgetArea.RightDockWidgetArea, "Sidebar", 312),
            "bottom": (Qt.DockWidgetArea.BottomDockWidgetArea, "Problems", 120),
        }
        by_side: dict[str, list[Section]] = {side: [] for side in places}
        for section in found:
            by_side[section.side].append(section)
        docks = {}
        for side, (area, title, size) in places.items():
            dock = QDockWidget(title, self)
            dock.setObjectName(f"dock-{side}")
            dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
            self.sections.fill(dock, by_side[side], hidden=side == "bottom")
            self.addDockWidget(area, dock)
            along = Qt.Orientation.Vertical if side == "bottom" else Qt.Orientation.Horizontal
            self.resizeDocks([dock], [size], along)
            docks[side] = dock
        self.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
        self.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
        docks["bottom"].hide()
        return docks

    def _make_toolbar(self) -> None:
        bar = QToolBar("Tools", self)
        bar.setObjectName("toolbar")
        bar.setMovable(False)
        for group in TOOLBAR_GROUPS:
            members = [
                command for command in self.context.commands if command.group == group and command.icon
            ]
            for command in members:
                action = self.context.commands.action(command.id)
                action.setIcon(icon(command.icon))
                keys = ", ".join(self.context.commands.keys(command.id))
                action.setToolTip(f"{command.text} ({keys})" if keys else command.text)
                bar.addAction(action)
            if members:
                bar.addSeparator()
        self.addToolBar(bar)

    def _make_menus(self) -> None:
        for group in MENU_ORDER:
            menu = QMenu(f"&{group}", self.menuBar())
            menu.aboutToShow.connect(self.context.commands.refresh)
            if fill_menu(menu, group, self.context.commands):
                self.menuBar().addMenu(menu)

    def _connect(self) -> None:
        view, library = self.context.view, self.context.library
        view.layers_changed.connect(self._follow_view)
        view.display_changed.connect(self._follow_view)
        view.framing_changed.connect(self._follow_view)
        view.layout_changed.connect(self._follow_view)
        library.catalogue_changed.connect(self._follow_view)
        view.cursor_changed.connect(self._show_cursor)
        self.context.presets.changed.connect(self._reload_presets)
        self.grid.gestures.hovered.connect(self.status.show_point)
        self.grid.gestures.menu_requested.connect(self._pane_menu)
        self.session.progressed.connect(self.status.show_event)
        self.status.problems.clicked.connect(lambda: self._toggle_dock("bottom"))

    # --- following ---------------------------------------------------------------------------------------------

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
        for module in modules("viewer.ui.actions"):
            if hasattr(module, "preset_commands"):
                self.context.commands.unregister("preset.")
                self.context.commands.register(module.preset_commands(self.context))
        self.menuBar().clear()
        self._make_menus()

    def _toggle_dock(self, side: str) -> None:
        dock = self._docks[side]
        dock.setVisible(not dock.isVisible())

    def _pane_menu(self, _pane: QWidget, position: QPoint) -> None:
        menu = QMenu(self)
        for group in ("Window", "Layers", "Layout", "View", "Export"):
            fill_menu(menu.addMenu(group), group, self.context.commands)
        self.context.commands.refresh()
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.popup(position)

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

    def open(self, paths: Iterable[Path], *, beside: bool = False) -> None:
        """Open folders, files and archives as if they were dropped; `beside` as if Shift had been held."""
        open_with_question(self.context, tuple(paths), beside=beside)

    # --- life --------------------------------------------------------------------------------------------------

    def _restore(self) -> None:
        settings = self.context.settings
        geometry, docks = settings.get("window.geometry"), settings.get("window.docks")
        if geometry:
            self.restoreGeometry(QByteArray.fromBase64(str(geometry).encode()))
        if docks:
            self.restoreState(QByteArray.fromBase64(str(docks).encode()))

    def closeEvent(self, event: QCloseEvent) -> None:
        settings, view = self.context.settings, self.context.view
        settings.set("window.geometry", self.saveGeometry().toBase64().toStdString())
        settings.set("window.docks", self.saveState().toBase64().toStdString())
        settings.save()
        self.context.loader.stop()
        for signal in (view.layers_changed, view.display_changed, view.framing_changed, view.layout_changed):
            signal.disconnect(self._follow_view)
        self.context.library.catalogue_changed.disconnect(self._follow_view)
        view.cursor_changed.disconnect(self._show_cursor)
        self.context.presets.changed.disconnect(self._reload_presets)
        self.session.disconnect_state()
        self.grid.disconnect_state()
        self.status.disconnect_state()
        super().closeEvent(event)
