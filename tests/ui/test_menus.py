"""Menus fit on a small screen and hold every command once; the tabs of the sidebar all stay in sight."""

from __future__ import annotations

import tomllib
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
from PySide6.QtGui import QAction, QStatusTipEvent
from PySide6.QtWidgets import QApplication, QLabel, QMenu, QTabBar, QWidget

from tests.ui.panes.test_frames import open_volume
from viewer.assets import asset_path
from viewer.imaging.volume import Quantity
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.ui.commands import MENU_ORDER, Command
from viewer.ui.menus import fill_menu
from viewer.ui.sidebar._parts import NARROWEST_PX, Column
from viewer.ui.status_line import SAID_FOR_MS

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

SMALL_SCREEN_PX = 700


def menus(window: MainWindow) -> list[QMenu]:
    found = (action.menu() for action in window.menuBar().actions())
    return [menu for menu in found if isinstance(menu, QMenu)]


def entries(menu: QMenu) -> Iterator[QAction]:
    for action in menu.actions():
        inner = action.menu()
        if isinstance(inner, QMenu) and not action.objectName():
            yield from entries(inner)
        elif not action.isSeparator():
            yield action


def narrowest(column: Column) -> int:
    """Width in which nothing of a section is cut, with its scroll bar."""
    content = column.widget()
    assert isinstance(content, QWidget)
    return content.minimumSizeHint().width() + column.verticalScrollBar().sizeHint().width()


def test_that_every_command_stands_once_in_the_menu_of_its_group(window: MainWindow) -> None:
    table = window.context.commands
    for menu in menus(window):
        group = menu.title().removeprefix("&")
        wanted = Counter(command.id for command in table if command.group == group and command.menu)
        assert Counter(action.objectName() for action in entries(menu)) == wanted


def test_that_no_menu_is_higher_than_a_small_screen_or_has_lines_without_a_use(window: MainWindow) -> None:
    for menu in menus(window):
        assert menu.sizeHint().height() < SMALL_SCREEN_PX - window.menuBar().height()
        lines = [action.isSeparator() for action in menu.actions()]
        assert not lines[0]
        assert not lines[-1]
        assert not any(first and second for first, second in pairwise(lines))


def test_that_the_file_of_menus_names_only_commands_that_exist(window: MainWindow) -> None:
    def names(rows: list[object]) -> Iterator[str]:
        for row in rows:
            if isinstance(row, dict):
                yield from names(row["entries"])
            elif isinstance(row, str) and row not in {"-", "*"}:
                yield row

    places = tomllib.loads(asset_path("menus.toml").read_text(encoding="utf-8"))
    assert set(places) == set(MENU_ORDER)
    ids = [command.id for command in window.context.commands]
    for name in names([row for rows in places.values() for row in rows]):
        assert any(known.startswith(name.removesuffix("*")) for known in ids), name


def test_that_a_command_the_file_does_not_name_stands_in_its_menu(window: MainWindow) -> None:
    window.context.commands.register([Command("plugin.new", "New", lambda: None, "View")])
    menu = QMenu(window)
    assert fill_menu(menu, "View", window.context.commands)
    assert "plugin.new" in [action.objectName() for action in menu.actions()]


def test_that_all_tabs_of_the_sidebar_are_in_sight_whichever_is_chosen(
    qtbot: QtBot, window: MainWindow
) -> None:
    bar = window.findChild(QTabBar, "section-tabs")
    assert isinstance(bar, QTabBar)
    window.resize(1024, 700)
    for chosen in range(bar.count()):
        bar.setCurrentIndex(chosen)
        qtbot.wait(0)
        assert bar.tabRect(bar.count() - 1).right() <= bar.width()
        assert [bar.tabToolTip(n) for n in range(bar.count())] == [bar.tabText(n) for n in range(bar.count())]
        assert bar.tabRect(chosen).width() == max(bar.tabRect(n).width() for n in range(bar.count()))


def test_that_no_section_is_wider_than_the_narrowest_sidebar(window: MainWindow) -> None:
    window.sections.complete()
    for column in window.findChildren(Column):
        assert narrowest(column) <= NARROWEST_PX, column.objectName()


def test_that_a_long_unit_does_not_push_the_fields_out_of_the_sidebar(
    qtbot: QtBot, window: MainWindow
) -> None:
    pet = open_volume("nac", "PT", 1.0)
    pet = replace(pet, volume=replace(pet.volume, quantity=Quantity("proportional to counts")))
    window.context.library.add(pet)
    window.context.view.show(ImageLayer("nac", Window(40, 400)))
    window.sections.complete()
    column = window.findChild(Column, "layers")
    assert isinstance(column, Column)
    qtbot.waitUntil(lambda: column.findChild(QLabel, "base-unit") is not None)
    label = column.findChild(QLabel, "base-unit")
    assert isinstance(label, QLabel)
    assert (label.text(), label.toolTip()) == ("proportional to counts", "proportional to counts")
    qtbot.waitUntil(lambda: label.isVisible() and label.width() == label.minimumWidth())
    qtbot.wait(50)  # the layouts around it follow
    assert narrowest(column) <= NARROWEST_PX


def test_that_a_sentence_about_what_was_done_gives_the_status_line_back(
    qtbot: QtBot, window: MainWindow
) -> None:
    line = window.statusBar()
    timers = line.findChildren(QTimer, "said")
    assert [timer.interval() for timer in timers] == [SAID_FOR_MS]
    timers[0].setInterval(20)
    QApplication.sendEvent(window, QStatusTipEvent("Saved x.dcm."))
    assert line.currentMessage() == "Saved x.dcm."
    qtbot.waitUntil(lambda: line.currentMessage() == "")


def test_that_a_button_of_many_commands_is_grey_when_none_of_them_is_possible(window: MainWindow) -> None:
    table = window.context.commands
    table.refresh()
    assert not table.action("layout.more").isEnabled()
    assert table.action("tool.family-measure").isEnabled()
    window.context.library.add(open_volume("ct", "CT", 1.0))
    window.context.view.show(ImageLayer("ct", Window(40, 400)))
    table.refresh()
    assert table.action("layout.more").isEnabled()
