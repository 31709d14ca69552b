"""What a tool may answer beside press and drag: handles, hovering, clicks, the end of a drag, double clicks, Escape."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_frames import open_volume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.undo import Edit, History
from viewer.state.view import ViewState
from viewer.ui.main_window import MainWindow
from viewer.ui.panes import gestures
from viewer.ui.panes.plane_pane import PlanePane
from viewer.ui.tools import Pointer, tools

HANDLE = QPoint(60, 60)


class Recorder:
    """A tool with everything; its handle is a square of 20 pixels about `HANDLE`."""

    id, text, icon, order = "recorder", "Recorder", "", 5

    def __init__(self) -> None:
        self.calls: list[str] = []
        self.points: list[np.ndarray] = []
        self.held: frozenset[str] = frozenset()

    def _note(self, call: str, pointer: Pointer) -> None:
        self.calls.append(call)
        self.points.append(pointer.point_mm)
        self.held = pointer.modifiers

    def grabs(self, view: ViewState, pointer: Pointer) -> bool:
        return max(abs(pointer.x - HANDLE.x()), abs(pointer.y - HANDLE.y())) < 10

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        return "move" if self.grabs(view, pointer) else "cross"

    def press(self, view: ViewState, pointer: Pointer) -> None:
        self._note("press", pointer)

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        self._note("drag", pointer)

    def release(self, view: ViewState, pointer: Pointer) -> None:
        self._note("release", pointer)

    def click(self, view: ViewState, pointer: Pointer) -> None:
        self._note("click", pointer)

    def double_click(self, view: ViewState, pointer: Pointer) -> bool:
        self._note("double", pointer)
        return self.grabs(view, pointer)

    def cancel(self, view: ViewState) -> bool:
        self.calls.append("cancel")
        return True


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch) -> Recorder:
    """The tool, known to everyone who looks one up."""
    found = Recorder()
    with_it = (found, *tools())
    monkeypatch.setattr(gestures, "tools", lambda: with_it)
    monkeypatch.setattr("viewer.ui.tools.tools", lambda: with_it)
    return found


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    """A window over a ramp."""
    window = make_window()
    window.context.library.add(open_volume("ct", "CT", 1.0))
    window.context.view.show(ImageLayer("ct", Window(40, 400)))
    qtbot.waitUntil(lambda: window.grid.panes()[0].scene_shown is not None)
    return window


def drag(qtbot: QtBot, pane: PlanePane, begin: QPoint, end: QPoint) -> None:
    left, surface = Qt.MouseButton.LeftButton, pane.viewport()
    qtbot.mousePress(surface, left, pos=begin)
    qtbot.mouseMove(surface, (begin + end) / 2)
    qtbot.mouseMove(surface, end)
    qtbot.mouseRelease(surface, left, pos=end)


def test_that_a_handle_takes_a_plain_drag_whatever_tool_is_chosen(
    qtbot: QtBot, recorder: Recorder, opened: MainWindow
) -> None:
    pane = opened.grid.panes()[0]
    before = opened.context.view.base
    drag(qtbot, pane, HANDLE, HANDLE + QPoint(40, 30))
    assert recorder.calls == ["press", "drag", "drag", "release"]
    grabbed = gestures.point_at(pane, HANDLE.toPointF())
    assert grabbed is not None
    np.testing.assert_allclose(recorder.points[0], grabbed)
    assert opened.context.view.base == before


def test_that_away_from_handles_the_chosen_tool_has_the_drag(
    qtbot: QtBot, recorder: Recorder, opened: MainWindow
) -> None:
    before = opened.context.view.base
    drag(qtbot, opened.grid.panes()[0], HANDLE + QPoint(30, 0), HANDLE + QPoint(90, 40))
    assert recorder.calls == []
    assert opened.context.view.base != before


def test_that_keys_go_before_handles(qtbot: QtBot, recorder: Recorder, opened: MainWindow) -> None:
    pane = opened.grid.panes()[0]
    surface, left, key = pane.viewport(), Qt.MouseButton.LeftButton, Qt.KeyboardModifier.ControlModifier
    qtbot.mousePress(surface, left, key, HANDLE)
    qtbot.mouseMove(surface, HANDLE + QPoint(30, 30))
    qtbot.mouseRelease(surface, left, key, HANDLE + QPoint(30, 30))
    assert recorder.calls == []


def test_that_a_click_moves_the_crosshair_unless_tool_or_handle_want_it(
    qtbot: QtBot, recorder: Recorder, opened: MainWindow
) -> None:
    view, pane = opened.context.view, opened.grid.panes()[0]
    free, left = HANDLE + QPoint(40, 40), Qt.MouseButton.LeftButton
    qtbot.mouseClick(pane.viewport(), left, pos=free)
    moved = view.cursor_mm
    assert recorder.calls == []
    view.set_display(tool="recorder")
    qtbot.mouseClick(pane.viewport(), left, pos=free + QPoint(20, 0))
    assert recorder.calls == ["click"]
    view.set_display(tool="window")
    qtbot.mouseClick(pane.viewport(), left, pos=HANDLE)
    assert recorder.calls == ["click", "click"]
    np.testing.assert_array_equal(view.cursor_mm, moved)


def test_that_the_mouse_shows_what_a_press_would_do(
    qtbot: QtBot, recorder: Recorder, opened: MainWindow
) -> None:
    pane = opened.grid.panes()[0]
    shapes = []
    for place in (HANDLE, HANDLE + QPoint(50, 50)):
        qtbot.mouseMove(pane.viewport(), place)
        shapes.append(pane.cursor().shape())
    opened.context.view.set_display(tool="recorder")
    qtbot.mouseMove(pane.viewport(), HANDLE + QPoint(60, 50))
    shapes.append(pane.cursor().shape())
    assert shapes == [
        Qt.CursorShape.SizeAllCursor,
        Qt.CursorShape.ArrowCursor,
        Qt.CursorShape.CrossCursor,
    ]


def test_that_a_double_click_maximises_unless_the_tool_takes_it(
    qtbot: QtBot, recorder: Recorder, opened: MainWindow
) -> None:
    view, pane = opened.context.view, opened.grid.panes()[0]
    view.set_display(tool="recorder")
    qtbot.mouseDClick(pane.viewport(), Qt.MouseButton.LeftButton, pos=HANDLE)
    assert (recorder.calls[-1], view.maximised) == ("double", "")
    qtbot.mouseDClick(pane.viewport(), Qt.MouseButton.LeftButton, pos=HANDLE + QPoint(40, 0))
    assert view.maximised == pane.pane.id


def test_that_escape_gives_up_what_was_begun_before_it_leaves_a_maximised_pane(
    recorder: Recorder, opened: MainWindow
) -> None:
    view, commands = opened.context.view, opened.context.commands
    view.set_display(tool="recorder")
    view.maximise(view.active.id)
    commands.refresh()
    commands.action("view.leave-full-screen").trigger()
    assert (recorder.calls, view.maximised) == (["cancel"], view.active.id)


def test_that_edits_are_undone_and_done_again_in_order(opened: MainWindow) -> None:
    history, commands = opened.context.view.work.of(History), opened.context.commands
    undo, redo = commands.action("edit.undo"), commands.action("edit.redo")
    lines: list[str] = []
    assert not undo.isEnabled()
    history.do(Edit("one", lambda: lines.append("one"), lines.clear))
    history.do(Edit("two", lambda: lines.append("two"), lambda: lines.remove("two")))
    assert lines == ["one", "two"]
    undo.trigger()
    assert lines == ["one"]
    redo.trigger()
    assert lines == ["one", "two"]
    undo.trigger()
    undo.trigger()
    assert (lines, undo.isEnabled(), redo.isEnabled()) == ([], False, True)
