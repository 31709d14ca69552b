"""Small windows, as on screens scaled by 200 %: everything fits, docks make room for the panes."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtCore import QSize
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QDockWidget,
    QLabel,
    QScrollArea,
    QToolBar,
    QToolButton,
    QVBoxLayout,
)
from pytestqt.qtbot import QtBot

from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_frames import open_volume
from viewer.imaging.window import Window
from viewer.settings import Settings
from viewer.state.layers import ImageLayer
from viewer.ui.dialogs.about_dialog import AboutDialog
from viewer.ui.main_window import MainWindow
from viewer.ui.narrow import LEAST_CENTRE, YieldingLabel, fit_to

AT_200, AT_150, AT_100 = (720, 450), (960, 600), (1440, 900)
"""Logical pixels of a screen of 1440 x 900."""


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    window = make_window()
    window.context.library.add(open_volume("ct", "CT", 1.0))
    window.context.view.show(ImageLayer("ct", Window(40, 400)))
    qtbot.waitUntil(lambda: window.grid.panes()[0].scene_shown is not None)
    return window


def sized(window: MainWindow, size: tuple[int, int]) -> None:
    window.resize(*size)
    QApplication.processEvents()


def docks(window: MainWindow) -> set[str]:
    """Side docks that are shown."""
    found = window.findChildren(QDockWidget)
    return {dock.objectName() for dock in found if not dock.isHidden()} - {"dock-bottom"}


@pytest.mark.parametrize("size", [AT_200, AT_150, AT_100])
def test_that_everything_lies_within_a_window_of_any_size(opened: MainWindow, size: tuple[int, int]) -> None:
    sized(opened, size)
    assert (opened.width(), opened.height()) == size
    for part in (
        opened.grid,
        opened.status,
        *opened.findChildren(QToolBar),
        *opened.findChildren(QDockWidget),
    ):
        if part.isVisible():
            corner = part.mapTo(opened, part.rect().bottomRight())
            assert corner.x() < size[0], part.objectName()
            assert corner.y() < size[1], part.objectName()
    assert opened.grid.width() >= LEAST_CENTRE


def test_that_docks_go_one_after_the_other_and_come_back_with_the_room(opened: MainWindow) -> None:
    seen = []
    for size in (AT_100, AT_150, AT_200, (500, 400), AT_200, AT_100):
        sized(opened, size)
        seen.append(docks(opened))
    both, left = {"dock-left", "dock-right"}, {"dock-left"}
    assert seen == [both, left, left, set(), left, both]


def test_that_a_dock_the_user_opens_takes_the_place_of_the_other(opened: MainWindow) -> None:
    sized(opened, AT_200)
    opened.context.commands.run("view.sidebar")
    QApplication.processEvents()
    assert docks(opened) == {"dock-right"}
    opened.context.commands.run("view.browser")
    QApplication.processEvents()
    assert docks(opened) == {"dock-left"}
    opened.context.commands.run("view.browser")
    assert docks(opened) == set()
    opened.context.commands.run("view.browser")
    opened.context.commands.run("view.sidebar")
    QApplication.processEvents()
    assert docks(opened) == {"dock-right"}


def test_that_a_dock_the_user_closed_stays_closed(opened: MainWindow) -> None:
    sized(opened, AT_100)
    opened.context.commands.run("view.sidebar")
    for size in (AT_200, AT_100):
        sized(opened, size)
        assert docks(opened) == {"dock-left"}


def test_that_the_next_start_knows_what_the_user_chose_and_not_what_had_no_room(
    opened: MainWindow, make_window: MakeWindow
) -> None:
    sized(opened, AT_200)
    assert docks(opened) == {"dock-left"}
    opened.close()
    again = make_window()
    sized(again, AT_100)
    assert docks(again) == {"dock-left", "dock-right"}


def test_that_a_fresh_window_is_no_larger_than_the_screen(qapp: QApplication, config_home: Path) -> None:
    window = MainWindow(Settings.load())
    available = QGuiApplication.primaryScreen().availableSize()
    assert window.width() <= available.width()
    assert window.height() <= available.height()
    window.deleteLater()


def test_that_tools_without_room_are_behind_a_button_with_a_name(opened: MainWindow) -> None:
    sized(opened, AT_200)
    button = opened.findChild(QToolButton, "qt_toolbar_ext_button")
    assert button is not None
    assert button.isVisible()
    assert (button.accessibleName(), button.icon().isNull()) == ("More tools", False)


def test_that_a_label_without_room_shortens_its_text(qtbot: QtBot) -> None:
    label = YieldingLabel(300)
    qtbot.addWidget(label)
    label.setText("HU 40   SUV 1.23 and more that does not fit")
    assert label.sizeHint().width() == 300
    assert label.minimumSizeHint().width() == 0
    pictures = []
    for width in (300, 60):
        label.resize(width, 20)
        pictures.append(label.grab().toImage())
    assert pictures[0].copy(0, 0, 60, 20) != pictures[1]


def test_that_a_dialog_that_is_too_wide_alone_is_scrolled_across_alone(qtbot: QtBot) -> None:
    dialog = QDialog()
    qtbot.addWidget(dialog)
    content = QLabel("content")
    content.setMinimumSize(900, 100)
    QVBoxLayout(dialog).addWidget(content)
    fit_to(dialog, QSize(*AT_200))
    dialog.show()
    area = dialog.findChild(QScrollArea)
    assert area is not None
    QApplication.processEvents()
    assert area.horizontalScrollBar().isVisible()
    assert not area.verticalScrollBar().isVisible()


def test_that_a_least_width_gives_way_to_the_screen(qtbot: QtBot) -> None:
    dialog = AboutDialog()
    qtbot.addWidget(dialog)
    fit_to(dialog, QSize(400, 360))
    dialog.show()
    assert (dialog.width(), dialog.height()) == (400, 360)


@pytest.mark.parametrize("least, scrolled", [((900, 600), True), ((300, 600), True), ((300, 200), False)])
def test_that_a_dialog_larger_than_the_screen_is_scrolled(
    qtbot: QtBot, least: tuple[int, int], scrolled: bool
) -> None:
    dialog = QDialog()
    qtbot.addWidget(dialog)
    column = QVBoxLayout(dialog)
    content = QLabel("content")
    content.setMinimumSize(*least)
    column.addWidget(content)
    dialog.resize(1000, 800)
    fit_to(dialog, QSize(*AT_200))
    dialog.show()
    assert (dialog.width(), dialog.height()) <= AT_200
    assert dialog.height() <= AT_200[1]
    assert (dialog.findChild(QScrollArea) is not None) == scrolled
    assert content.isVisible()
    assert content.width() >= least[0]
