"""A second window over the same state: own layout, linked cursor, and nothing left of it once it is closed."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import pytest
from psygnal import SignalInstance
from PySide6.QtCore import QEvent, QObject, QPoint, QRect, Qt, QTimer
from PySide6.QtWidgets import QApplication, QWidget

from tests.ui.test_hanging import show
from viewer.state.panes import PlaneKind, layout
from viewer.state.second_window import SecondPanes
from viewer.ui.panes.gestures import point_at
from viewer.ui.panes.grid import PaneGrid
from viewer.ui.panes.plane_pane import PlanePane
from viewer.ui.second_window import SecondWindow, other_screen

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow


def second(qtbot: QtBot, window: MainWindow) -> SecondWindow:
    """The second window, opened by its command and painted."""
    window.context.commands.run("layout.second-window")
    (found,) = window.findChildren(SecondWindow)
    assert isinstance(found, SecondWindow)
    qtbot.waitExposed(found)
    painted(qtbot, found.grid)
    return found


def painted(qtbot: QtBot, grid: PaneGrid) -> None:
    qtbot.waitUntil(lambda: all(pane.scene_shown and not pane.stale for pane in grid.panes()))


def middle(pane: PlanePane) -> QPoint:
    rect: QRect = pane.viewport().rect()
    return rect.center()


def signals(window: MainWindow) -> list[SignalInstance]:
    view, library = window.context.view, window.context.library
    return [
        view.cursor_changed,
        view.layers_changed,
        view.framing_changed,
        view.layout_changed,
        view.display_changed,
        view.work.changed,
        view.work.of(SecondPanes).changed,
        view.work.of(SecondPanes).layout_changed,
        library.slices_changed,
        library.volume_removed,
        library.catalogue_changed,
        window.context.presets.changed,
    ]


def test_that_the_second_window_has_a_layout_of_its_own(qtbot: QtBot, window: MainWindow) -> None:
    show(window, "CT", "PT")
    before = window.context.view.layout
    other = second(qtbot, window)
    index = other.layouts.findData("rows")
    other.layouts.setCurrentIndex(index)
    other.layouts.activated.emit(index)
    assert len(other.grid.panes()) == 9
    assert window.context.view.layout == before
    assert len(window.grid.panes()) == len(before.panes)
    window.context.view.set_overlay(None)
    assert other.layouts.findData("rows") == -1
    assert all(pane.pane.id.startswith("second-") for pane in other.grid.panes())


def test_that_the_cursor_is_linked_both_ways(qtbot: QtBot, window: MainWindow) -> None:
    show(window, "CT", "PT")
    view = window.context.view
    other = second(qtbot, window)
    view.set_display(tool="crosshair")
    pane = other.grid.pane("second-fused-axial")
    place = middle(pane) + QPoint(12, -7)
    wanted = point_at(pane, place.toPointF())
    assert wanted is not None
    qtbot.mouseClick(pane.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert view.cursor_mm == pytest.approx(wanted, abs=1e-9)
    assert view.active_pane == "second-fused-axial"
    painted(qtbot, window.grid)
    for grid, name in ((window.grid, "fused-axial"), (other.grid, "second-fused-axial")):
        scene = grid.pane(name).scene_shown
        assert scene is not None
        assert scene.cursor_px is not None
        assert scene.at(*scene.cursor_px) == pytest.approx(wanted, abs=1e-9)
    view.set_cursor(view.cursor_mm + np.array([0.0, 0.0, 6.0]))
    painted(qtbot, other.grid)
    scene = pane.scene_shown
    assert scene is not None
    assert scene.at(0, 0)[2] == pytest.approx(wanted[2] + 6.0)


def test_that_keys_of_all_commands_act_in_the_second_window(qtbot: QtBot, window: MainWindow) -> None:
    show(window, "CT", "PT")
    view = window.context.view
    other = second(qtbot, window)
    QApplication.sendEvent(other, QEvent(QEvent.Type.ActivationChange))
    other.activateWindow()
    qtbot.waitUntil(other.isActiveWindow)
    pane = other.grid.pane("second-fused-axial")
    view.activate(pane.pane.id)
    pane.setFocus()
    before = view.cursor_mm.copy()
    qtbot.keyClick(pane, Qt.Key.Key_Up)
    assert view.cursor_mm[2] != before[2]
    assert view.cursor_mm[:2] == pytest.approx(before[:2])
    fused = view.fused
    qtbot.keyClick(pane, Qt.Key.Key_F)
    assert view.fused is not fused
    window.context.commands.run("view.maximise")
    assert (view.maximised, len(window.grid.panes()), len(other.grid.panes())) == ("", 3, 1)
    window.context.commands.run("view.leave-full-screen")
    assert len(other.grid.panes()) == 4
    window.context.commands.run("view.next-pane")
    assert view.active_pane == "second-fused-sagittal"


def test_that_closing_the_second_window_leaves_nothing_behind(qtbot: QtBot, window: MainWindow) -> None:
    show(window, "CT", "PT")
    followed = signals(window)
    before = [len(signal) for signal in followed]
    qtbot.wait(0)
    QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    timers, children = len(window.findChildren(QTimer)), len(window.findChildren(QObject))
    gone: list[weakref.ref[QWidget]] = []
    for _ in range(2):
        other = second(qtbot, window)
        assert [len(signal) for signal in followed] != before
        window.context.view.activate("second-mip")
        parts: tuple[QWidget, ...] = (other, other.grid, *other.grid.panes())
        gone += [weakref.ref(part) for part in parts]
        del parts
        other.close()
        del other
        assert [len(signal) for signal in followed] == before
        QApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
    qtbot.wait(0)
    gc.collect()
    assert [ref() for ref in gone] == [None] * len(gone)
    assert len(window.findChildren(QTimer)) == timers
    assert len(window.findChildren(QObject)) == children
    assert window.context.view.active_pane == window.context.view.layout.panes[0].id
    assert not window.context.commands.action("layout.second-window").isChecked()


def test_that_it_closes_with_the_main_window_and_comes_back_in_its_layout(
    qtbot: QtBot, make_window: Callable[[], MainWindow]
) -> None:
    first = make_window()
    show(first, "CT", "PT")
    other = second(qtbot, first)
    other._panes.set_layout("mips")
    first.close()
    assert not other.isVisible()
    again = make_window()
    show(again, "CT", "PT")
    kinds = [pane.pane.kind for pane in second(qtbot, again).grid.panes()]
    assert kinds == [PlaneKind.MIP, PlaneKind.MIP]


def test_that_it_shows_what_can_be_shown(qtbot: QtBot, window: MainWindow) -> None:
    other = SecondPanes(window.context.view)
    other.open("a layout of a later version")
    assert other.chosen == "three-mip"
    assert not any(other.possible(layout(name)) for name in ("three", "rows", "single"))
    show(window, "CT")
    assert other.possible(layout("three"))
    assert not other.possible(layout("rows"))
    other.set_layout("rows")
    assert not other.layout.needs_overlay
    other.close()
    other.close()


def test_that_there_is_no_other_screen_where_there_is_one(window: MainWindow) -> None:
    screens = QApplication.screens()
    assert (other_screen(window) is None) is (len(screens) == 1)
