"""Everything without a mouse (rule E24): commands for what can be pressed, keys for what can be dragged."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QAction
from PySide6.QtWidgets import (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QApplication,
    QComboBox,
    QDockWidget,
    QHeaderView,
    QLineEdit,
    QListView,
    QMenu,
    QScrollBar,
    QTabBar,
    QTabWidget,
    QToolBar,
    QToolButton,
    QWidget,
)

from tests.ui.test_hanging import show
from viewer.imaging.voi import Sphere
from viewer.state.lesions import Lesions
from viewer.state.measurements import Measurements
from viewer.state.oblique import angles
from viewer.state.panes import PlaneKind
from viewer.ui.dialogs.palette import found
from viewer.ui.tools import tools

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

CONTROLS = (
    QAbstractButton,
    QAbstractItemView,
    QAbstractSlider,
    QAbstractSpinBox,
    QComboBox,
    QLineEdit,
    QTabBar,
)
INNER = (QHeaderView, QScrollBar)
"""Parts of lists that keys of the list itself stand for."""


@pytest.fixture
def opened(qtbot: QtBot, window: MainWindow) -> MainWindow:
    """A CT under a PET, with all sections built and the axial pane active."""
    show(window, "CT", "PT")
    window.sections.complete()
    window.context.commands.run("layout.three")
    window.context.view.activate("fused-axial")
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    window.grid.focus_active()
    qtbot.waitUntil(lambda: all(pane.scene_shown is not None for pane in window.grid.panes()))
    return window


def controls(window: MainWindow) -> list[QWidget]:
    """What can be worked in the sidebars; not what Qt makes for itself (fields of spin boxes, lists of combo boxes)."""
    return [
        widget
        for dock in window.findChildren(QDockWidget)
        for widget in dock.findChildren(QWidget)
        if isinstance(widget, CONTROLS)
        and not isinstance(widget, INNER)
        and not widget.objectName().startswith("qt_")
        and not isinstance(widget.parentWidget(), (QComboBox, QLineEdit, QDockWidget))
        and type(widget) is not QListView
    ]


def leaves(place: QWidget) -> Iterator[QAction]:
    """Actions of a menu or bar and of the menus in it."""
    for action in place.actions():
        inner = action.menu()
        if isinstance(inner, QMenu):
            yield from leaves(inner)
        elif not action.isSeparator():
            yield action


def test_that_E24_every_action_of_menus_and_toolbar_is_a_command_of_the_palette(opened: MainWindow) -> None:
    table = opened.context.commands
    in_palette = {table.action(command.id) for command in found(table, "", ())}
    places: list[QWidget] = [opened.menuBar(), *opened.findChildren(QToolBar)]
    places += [button.menu() for button in opened.findChildren(QToolButton) if button.menu() is not None]
    reachable = [action for place in places for action in leaves(place)]
    assert len(reachable) > 100
    missing = {a.text() for a in reachable if a not in in_palette}
    assert missing <= {"All commands…"}


def test_that_E24_every_tool_has_a_command(opened: MainWindow) -> None:
    assert {f"tool.{tool.id}" for tool in tools()} <= {command.id for command in opened.context.commands}


def test_that_E24_every_control_of_the_sidebars_takes_the_focus_and_has_a_name(opened: MainWindow) -> None:
    seen = controls(opened)
    assert len(seen) > 60

    def name(widget: QWidget) -> str:
        text = widget.text() if isinstance(widget, QAbstractButton) else ""
        return str(widget.accessibleName() or text)

    assert not [w.objectName() for w in seen if not w.focusPolicy() & Qt.FocusPolicy.TabFocus]
    assert not [w.objectName() or type(w).__name__ for w in seen if not name(w)]


def test_that_E24_the_tab_key_goes_through_a_section_from_above_to_below(
    qtbot: QtBot, opened: MainWindow
) -> None:
    """Where two controls of a section stand in one column, the upper one comes first."""
    tabs = next(t for t in opened.findChildren(QTabWidget) if t.count() > 3)
    for number in range(tabs.count()):
        tabs.setCurrentIndex(number)
        qtbot.wait(0)
        page = tabs.currentWidget()
        order: list[QWidget] = []
        widget = page.nextInFocusChain()
        while widget is not None and widget is not page:
            if (
                page.isAncestorOf(widget)
                and widget.isVisible()
                and widget.isEnabled()
                and widget.focusPolicy() & Qt.FocusPolicy.TabFocus
            ):
                order.append(widget)
            widget = widget.nextInFocusChain()
        tops = [w.mapTo(page, w.rect().topLeft()).y() for w in order if isinstance(w, CONTROLS)]
        back = [(a, b) for a, b in pairwise(tops + tops[:1]) if b < a - 12]
        assert len(back) <= 1, tabs.tabText(number)  # once, from the last to the first: the chain is a ring


def keys(qtbot: QtBot, window: MainWindow, *pressed: tuple[Qt.Key, bool]) -> None:
    """Press keys in the active pane; True for Shift."""
    for key, shift in pressed:
        modifier = Qt.KeyboardModifier.ShiftModifier if shift else Qt.KeyboardModifier.NoModifier
        qtbot.keyClick(QApplication.focusWidget(), key, modifier)


def test_that_a_length_is_measured_by_keys_alone(qtbot: QtBot, opened: MainWindow) -> None:
    view = opened.context.view
    store = view.work.of(Measurements)
    start = view.cursor_mm.copy()
    keys(qtbot, opened, (Qt.Key.Key_L, False), (Qt.Key.Key_Return, False))
    view.set_cursor(start + np.array([6.0, 4.0, 0.0]))
    end = view.cursor_mm.copy()
    keys(qtbot, opened, (Qt.Key.Key_Return, False))
    (made,) = store.items
    assert np.array(made.points) == pytest.approx(np.array([start, end]), abs=1e-6)


def test_that_an_end_of_a_measurement_is_moved_by_keys_alone(qtbot: QtBot, opened: MainWindow) -> None:
    view = opened.context.view
    store = view.work.of(Measurements)
    start = view.cursor_mm.copy()
    keys(qtbot, opened, (Qt.Key.Key_L, False), (Qt.Key.Key_Return, True))
    view.set_cursor(start + np.array([6.0, 0.0, 0.0]))
    keys(qtbot, opened, (Qt.Key.Key_Return, True))
    (made,) = store.items
    end = np.array(made.points[1])
    view.set_cursor(end)
    keys(qtbot, opened, (Qt.Key.Key_Return, True))
    view.set_cursor(end + np.array([0.0, 8.0, 0.0]))
    wanted = view.cursor_mm.copy()
    keys(qtbot, opened, (Qt.Key.Key_Return, True))
    (moved,) = store.items
    assert np.array(moved.points) == pytest.approx(np.array([start, wanted]), abs=1e-6)


def test_that_a_polygon_is_drawn_and_closed_by_keys_alone(qtbot: QtBot, opened: MainWindow) -> None:
    view = opened.context.view
    start = view.cursor_mm.copy()
    keys(qtbot, opened, (Qt.Key.Key_G, False))
    for step in ((0.0, 0.0), (6.0, 0.0), (6.0, 6.0), (0.0, 6.0)):
        view.set_cursor(start + np.array([*step, 0.0]))
        keys(qtbot, opened, (Qt.Key.Key_Return, False))
    opened.context.commands.run("point.finish")
    (made,) = view.work.of(Measurements).items
    assert len(made.points) == 4


def test_that_a_sphere_on_a_PET_is_drawn_by_keys_alone(qtbot: QtBot, opened: MainWindow) -> None:
    view = opened.context.view
    start = view.cursor_mm.copy()
    opened.context.commands.run("tool.pet-sphere")
    keys(qtbot, opened, (Qt.Key.Key_Return, True))
    assert opened.context.commands.action("point.drag").isChecked()
    view.set_cursor(start + np.array([6.0, 0.0, 0.0]))
    keys(qtbot, opened, (Qt.Key.Key_Return, True))
    (made,) = view.work.of(Lesions).of("PT")
    shape = made.drawing.shape
    assert isinstance(shape, Sphere)
    assert np.asarray(shape.centre_mm) == pytest.approx(start, abs=1e-6)
    assert shape.radius_mm == pytest.approx(6.0)


def test_that_planes_and_slabs_have_keys_for_their_handles(qtbot: QtBot, opened: MainWindow) -> None:
    view = opened.context.view
    keys(qtbot, opened, (Qt.Key.Key_Right, True))
    assert any(abs(degrees) > 1 for degrees in angles(view))
    keys(qtbot, opened, (Qt.Key.Key_M, False))
    assert view.slab is not None
    thickness = view.slab.thickness_mm
    opened.context.commands.run("slab.thicker")
    assert view.slab.thickness_mm > thickness
    assert view.active.kind is PlaneKind.AXIAL
