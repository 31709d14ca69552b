"""What stands in the main window: sidebar sections, commands, tools and overlays, found by their registries.

A new one changes neither this file nor the window.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from PySide6.QtCore import QPoint, Qt
from PySide6.QtWidgets import (
    QDockWidget,
    QMainWindow,
    QMenu,
    QStackedWidget,
    QToolBar,
    QToolButton,
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
from viewer.ui.loader_thread import Loader
from viewer.ui.menus import fill_menu
from viewer.ui.narrow import SideRoom
from viewer.ui.panes.grid import PaneGrid
from viewer.ui.presets import PresetBook
from viewer.ui.session import Session
from viewer.ui.sidebar import Section, SectionBuilder, sections
from viewer.ui.start_page import StartPage
from viewer.ui.status_line import StatusLine
from viewer.ui.theme import icon

COMMAND_PACKAGES = ("viewer.ui.actions", "viewer.ui.export", "viewer.ui.dialogs")
TOOLBAR_GROUPS = ("File", "Tools", "Layout", "Layers", "View", "Export")
PANE_MENU = ("Window", "Layers", "Layout", "View", "Export")
SIDES = {
    "left": ("view.browser", "Study browser"),
    "right": ("view.sidebar", "Sidebar"),
    "bottom": ("view.problems", "Problems"),
}
"""Command of each dock, and its text."""


@dataclass(frozen=True)
class Furniture:
    """The parts the window speaks to.

    Parameters
    ----------
    context
        The session's objects, for parts that come later.
    sections
        Builds the sidebar's sections when they are needed.
    session
        Follows the loader.
    grid, start_page, centre
        The panes, what stands there while nothing is open, and what holds both.
    docks
        By side: "left", "right", "bottom".
    room
        Closes docks where the window is too narrow for them.
    status
        The line at the bottom.
    """

    context: UiContext
    sections: SectionBuilder
    session: Session
    grid: PaneGrid
    start_page: StartPage
    centre: QStackedWidget
    docks: dict[str, QDockWidget]
    room: SideRoom
    status: StatusLine


def furnish(window: QMainWindow, settings: Settings, shortcuts: Shortcuts, presets: PresetBook) -> Furniture:
    """Make the parts and put them into the window.

    Parameters
    ----------
    window
        An empty one.
    settings
        User settings.
    shortcuts, presets
        Keys and window presets.
    """
    library = Library()
    view = ViewState(library)
    loader = Loader(window)
    commands = CommandTable(shortcuts, window)
    context = UiContext(library, view, settings, presets, loader, commands, window)
    builder = SectionBuilder(context)
    loader.arrived.connect(builder.complete)
    session = Session(library, view, loader, settings, window)
    grid = PaneGrid(view, shortcuts.mouse, window)
    commands.set_pane_area(grid)
    docks: dict[str, QDockWidget] = {}
    for package in COMMAND_PACKAGES:
        for module in modules(package, "commands"):
            commands.register(module.commands(context))
    commands.register(_dock_commands(docks))
    start_page = StartPage(context)
    centre = QStackedWidget()
    centre.addWidget(start_page)
    centre.addWidget(grid)
    window.setCentralWidget(_with_notice(centre, settings))
    _make_docks(window, builder, docks)
    _make_toolbar(window, commands)
    make_menus(window, commands)
    status = StatusLine(context)
    window.setStatusBar(status)
    room = SideRoom(window, docks)
    return Furniture(context, builder, session, grid, start_page, centre, docks, room, status)


def toggle(dock: QDockWidget) -> None:
    """Show or hide a dock."""
    dock.setVisible(not dock.isVisible())


def make_menus(window: QMainWindow, commands: CommandTable) -> None:
    """Fill the menu bar from the registered commands."""
    bar = window.menuBar()
    bar.clear()
    for group in MENU_ORDER:
        menu = QMenu(f"&{group}", bar)
        menu.aboutToShow.connect(commands.refresh)
        if fill_menu(menu, group, commands):
            bar.addMenu(menu)


def reload_presets(context: UiContext) -> None:
    """Make the commands of the window presets anew."""
    for module in modules("viewer.ui.actions"):
        if hasattr(module, "preset_commands"):
            context.commands.unregister("preset.")
            context.commands.register(module.preset_commands(context))


def show_pane_menu(window: QMainWindow, commands: CommandTable, position: QPoint) -> None:
    """The menu of the right mouse button."""
    menu = QMenu(window)
    for group in PANE_MENU:
        fill_menu(menu.addMenu(group), group, commands)
    commands.refresh()
    menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
    menu.popup(position)


def _with_notice(widget: QWidget, settings: Settings) -> QWidget:
    """The centre, with the intended-use line above it until the user has read it (rule E23)."""
    notice = first_start_notice(settings)
    if notice is None:
        return widget
    both = QWidget()
    column = QVBoxLayout(both)
    column.setContentsMargins(0, 0, 0, 0)
    column.setSpacing(0)
    column.addWidget(notice)
    column.addWidget(widget, 1)
    return both


def _dock_commands(docks: dict[str, QDockWidget]) -> Iterable[Command]:
    for side, (name, text) in SIDES.items():
        yield Command(
            name,
            text,
            lambda chosen=side: toggle(docks[chosen]),  # type: ignore[misc]
            "View",
            checked=lambda chosen=side: docks[chosen].isVisible(),  # type: ignore[misc]
        )


def _make_docks(window: QMainWindow, builder: SectionBuilder, docks: dict[str, QDockWidget]) -> None:
    places = {
        "left": (Qt.DockWidgetArea.LeftDockWidgetArea, "Studies", 264),
        "right": (Qt.DockWidgetArea.RightDockWidgetArea, "Sidebar", 312),
        "bottom": (Qt.DockWidgetArea.BottomDockWidgetArea, "Problems", 120),
    }
    by_side: dict[str, list[Section]] = {side: [] for side in places}
    for section in sections():
        by_side[section.side].append(section)
    for side, (area, title, size) in places.items():
        dock = QDockWidget(title, window)
        dock.setObjectName(f"dock-{side}")
        dock.setFeatures(QDockWidget.DockWidgetFeature.DockWidgetClosable)
        builder.fill(dock, by_side[side], hidden=side == "bottom")
        window.addDockWidget(area, dock)
        along = Qt.Orientation.Vertical if side == "bottom" else Qt.Orientation.Horizontal
        window.resizeDocks([dock], [size], along)
        docks[side] = dock
    window.setCorner(Qt.Corner.BottomLeftCorner, Qt.DockWidgetArea.LeftDockWidgetArea)
    window.setCorner(Qt.Corner.BottomRightCorner, Qt.DockWidgetArea.RightDockWidgetArea)
    docks["bottom"].hide()


def _make_toolbar(window: QMainWindow, commands: CommandTable) -> None:
    bar = QToolBar("Tools", window)
    bar.setObjectName("toolbar")
    bar.setMovable(False)
    for group in TOOLBAR_GROUPS:
        members = [command for command in commands if command.group == group and command.icon]
        for command in members:
            action = commands.action(command.id)
            action.setIcon(icon(command.icon))
            keys = ", ".join(commands.keys(command.id))
            action.setToolTip(f"{command.text} ({keys})" if keys else command.text)
            bar.addAction(action)
        if members:
            bar.addSeparator()
    rest = bar.findChild(QToolButton, "qt_toolbar_ext_button")
    if rest is not None:
        # Qt's own picture of what does not fit is black, also on black.
        rest.setIcon(icon("chevron-down"))
        rest.setToolTip("More tools")
        rest.setAccessibleName("More tools")
    window.addToolBar(bar)
