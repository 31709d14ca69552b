"""Drawing with the mouse: what is kept is where the hand was, in the patient, on every plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QRectF, Qt
from PySide6.QtWidgets import QInputDialog, QToolBar, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_frames import open_volume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.measurement import Kind, Measurement
from viewer.state.measurements import Measurements
from viewer.state.oblique import set_angles
from viewer.ui.main_window import MainWindow
from viewer.ui.overlays import OverlayInput
from viewer.ui.overlays import measurements as overlay
from viewer.ui.panes.gestures import point_at
from viewer.ui.panes.plane_pane import PlanePane

LEFT = Qt.MouseButton.LeftButton


def turn(degrees_x: float, degrees_z: float) -> np.ndarray:
    """A double oblique: about x, then about z."""
    cx, sx, cz, sz = (f(np.radians(d)) for d in (degrees_x, degrees_z) for f in (np.cos, np.sin))
    rotation: np.ndarray = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, cx, -sx], [0, sx, cx]]
    )
    return rotation


class Hand:
    """A mouse in one pane, with places counted from its middle."""

    def __init__(self, qtbot: QtBot, window: MainWindow, number: int = 0) -> None:
        self.window = window
        self.view = window.context.view
        self.store = self.view.work.of(Measurements)
        self.pane: PlanePane = window.grid.panes()[number]
        self._qtbot = qtbot

    def place(self, at: Sequence[int]) -> QPoint:
        middle = self.pane.viewport().rect().center()
        return QPoint(middle.x() + at[0], middle.y() + at[1])

    def mm(self, at: Sequence[int]) -> np.ndarray:
        found = point_at(self.pane, self.place(at).toPointF())
        assert found is not None
        return found

    def take(self, tool: Kind | str) -> Hand:
        self.window.context.commands.run(f"tool.{tool}")
        assert self.view.tool == tool
        return self

    def drag(self, *way: Sequence[int]) -> Hand:
        surface = self.pane.viewport()
        self._qtbot.mousePress(surface, LEFT, pos=self.place(way[0]))
        for at in way[1:]:
            self._qtbot.mouseMove(surface, (self.place(way[0]) + self.place(at)) / 2)
            self._qtbot.mouseMove(surface, self.place(at))
        self._qtbot.mouseRelease(surface, LEFT, pos=self.place(way[-1]))
        return self

    def trace(self, way: Sequence[Sequence[int]]) -> Hand:
        surface = self.pane.viewport()
        self._qtbot.mousePress(surface, LEFT, pos=self.place(way[0]))
        for at in way:
            self._qtbot.mouseMove(surface, self.place(at))
        self._qtbot.mouseRelease(surface, LEFT, pos=self.place(way[-1]))
        return self

    def click(self, *places: Sequence[int]) -> Hand:
        for at in places:
            self._qtbot.mouseMove(self.pane.viewport(), self.place(at))
            self._qtbot.mouseClick(self.pane.viewport(), LEFT, pos=self.place(at))
        return self

    def move(self, at: Sequence[int]) -> Hand:
        self._qtbot.mouseMove(self.pane.viewport(), self.place(at))
        return self

    def double(self, at: Sequence[int]) -> Hand:
        self.click(at)
        self._qtbot.mouseDClick(self.pane.viewport(), LEFT, pos=self.place(at))
        self._qtbot.mouseRelease(self.pane.viewport(), LEFT, pos=self.place(at))
        return self

    @property
    def last(self) -> Measurement:
        return self.store.items[-1]


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    """A window over a ramp of 20 x 24 x 28 voxels of a millimetre, value k + j + i."""
    window = make_window()
    window.context.library.add(open_volume("ct", "CT", 1.0))
    window.context.view.show(ImageLayer("ct", Window(40, 400)))
    window.context.view.set_layout("three")
    qtbot.waitUntil(lambda: all(pane.scene_shown is not None for pane in window.grid.panes()))
    return window


@pytest.fixture(params=["acquired", "double oblique"])
def hand(request: pytest.FixtureRequest, qtbot: QtBot, opened: MainWindow) -> Hand:
    """The mouse in the first pane, on the acquired plane and on one that is turned by 30 and 45 degrees."""
    if request.param != "acquired":
        opened.context.view.set_frame(turn(30, 45))
        qtbot.waitUntil(lambda: not any(pane.stale for pane in opened.grid.panes()))
        opened.grid.coordinator.prepare()
    return Hand(qtbot, opened)


A, B, C, D = (-60, -40), (50, 30), (-20, 60), (70, -50)

Draw = Callable[[Hand], object]
DRAWN: dict[Kind, tuple[Draw, Callable[[Hand], list[np.ndarray]]]] = {
    Kind.LENGTH: (lambda hand: hand.drag(A, B), lambda hand: [hand.mm(A), hand.mm(B)]),
    Kind.ANGLE: (lambda hand: hand.drag(A, B).click(C), lambda hand: [hand.mm(A), hand.mm(B), hand.mm(C)]),
    Kind.COBB: (
        lambda hand: hand.drag(A, B).drag(C, D),
        lambda hand: [hand.mm(A), hand.mm(B), hand.mm(C), hand.mm(D)],
    ),
    Kind.RECTANGLE: (
        lambda hand: hand.drag(A, B),
        lambda hand: [hand.mm(A), hand.mm((50, -40)), hand.mm(B), hand.mm((-60, 30))],
    ),
    Kind.ELLIPSE: (
        lambda hand: hand.drag((-60, -40), (40, 20)),
        lambda hand: [hand.mm((-60, -10)), hand.mm((40, -10)), hand.mm((-10, -40)), hand.mm((-10, 20))],
    ),
    Kind.BIDIRECTIONAL: (
        lambda hand: hand.drag((-50, 0), (50, 0)),
        lambda hand: [hand.mm((-50, 0)), hand.mm((50, 0)), hand.mm((0, -30)), hand.mm((0, 30))],
    ),
    Kind.POLYGON: (
        lambda hand: hand.click(A, D, B).double(C),
        lambda hand: [hand.mm(A), hand.mm(D), hand.mm(B), hand.mm(C)],
    ),
    Kind.POINT: (lambda hand: hand.click(B), lambda hand: [hand.mm(B)]),
}


def test_that_G08_points_are_kept_where_the_hand_was_in_the_patient(hand: Hand) -> None:
    scene = hand.pane.scene_shown
    assert scene is not None
    for kind, (draw, expected) in DRAWN.items():
        hand.take(kind)
        draw(hand)
        assert [item.kind for item in hand.store.items] == [kind]
        assert hand.store.draft is None
        found = hand.last.array
        wanted = np.stack(expected(hand))
        if kind is Kind.BIDIRECTIONAL:  # the short axis may be drawn from either side
            np.testing.assert_allclose(np.sort(found[2:], axis=0), np.sort(wanted[2:], axis=0), atol=1e-6)
            found, wanted = found[:2], wanted[:2]
        np.testing.assert_allclose(found, wanted, atol=1e-6)
        np.testing.assert_allclose(np.abs(hand.last.normal), np.abs(scene.plane.normal), atol=1e-9)
        hand.store.remove([hand.last.uid])


def test_that_G01_G03_numbers_on_the_pane_are_those_of_the_patient(hand: Hand) -> None:
    scene, item = hand.pane.scene_shown, hand.view.base_volume
    assert scene is not None
    assert item is not None
    mm = scene.plane.mm_per_pixel * hand.pane.devicePixelRatioF()
    hand.take(Kind.LENGTH).drag(A, B)
    assert hand.store.result(hand.last).get("length") == pytest.approx(np.hypot(110, 70) * mm)
    hand.take(Kind.ELLIPSE).drag((-70, -60), (70, 60))
    found = hand.store.result(hand.last)
    at_middle = float(item.volume.geometry.to_index(hand.last.array.mean(axis=0)).sum())
    assert found.get("mean") == pytest.approx(at_middle, abs=0.5)
    assert found.get("area") == pytest.approx(np.pi * 70 * 60 * mm**2)
    turns = np.linspace(0, 2 * np.pi, 60)[:-1]
    hand.take(Kind.FREEHAND).trace([(round(80 * np.cos(t)), round(50 * np.sin(t))) for t in turns])
    assert hand.store.result(hand.last).get("area") == pytest.approx(np.pi * 80 * 50 * mm**2, rel=0.02)


def test_that_all_ends_may_be_clicked_instead_of_dragged(qtbot: QtBot, opened: MainWindow) -> None:
    hand = Hand(qtbot, opened)
    hand.take(Kind.LENGTH).click(A, B)
    np.testing.assert_allclose(hand.last.array, [hand.mm(A), hand.mm(B)], atol=1e-6)
    hand.take(Kind.COBB).click((-80, -70), D, C, (80, 90))
    np.testing.assert_allclose(hand.last.array, [hand.mm(p) for p in ((-80, -70), D, C, (80, 90))], atol=1e-6)


def test_that_a_handle_moves_its_end_and_a_line_the_whole(qtbot: QtBot, opened: MainWindow) -> None:
    hand = Hand(qtbot, opened).take(Kind.LENGTH).drag(A, B).take("window")
    first, last = hand.mm(A), hand.mm(B)
    hand.move(D).move(B)
    assert hand.store.hovered == hand.last.uid
    assert hand.pane.cursor().shape() == Qt.CursorShape.SizeAllCursor
    hand.drag(B, D)
    np.testing.assert_allclose(hand.last.array, [first, hand.mm(D)], atol=1e-6)
    middle = (5, -45)
    step = hand.mm((25, -25)) - hand.mm(middle)
    hand.drag(middle, (25, -25))
    np.testing.assert_allclose(hand.last.array, [first + step, hand.mm(D) + step], atol=1e-6)
    undo = opened.context.commands.action("edit.undo")
    for expected in ([first, hand.mm(D)], [first, last]):
        undo.trigger()
        np.testing.assert_allclose(hand.last.array, expected, atol=1e-6)
    undo.trigger()
    assert hand.store.items == ()
    opened.context.commands.action("edit.redo").trigger()
    np.testing.assert_allclose(hand.last.array, [first, last], atol=1e-6)


def test_that_the_mouse_lets_go_of_a_measurement_that_it_left(qtbot: QtBot, opened: MainWindow) -> None:
    hand = Hand(qtbot, opened).take(Kind.LENGTH).drag(A, B).take("window").move(D).move(B)
    assert hand.store.hovered
    hand.move((0, 100))
    assert hand.store.hovered == ""


def test_that_escape_gives_up_a_drawing_and_another_tool_forgets_it(qtbot: QtBot, opened: MainWindow) -> None:
    hand = Hand(qtbot, opened).take(Kind.POLYGON).click(A, B)
    drafts = [hand.store.draft]
    opened.context.commands.run("view.leave-full-screen")
    drafts.append(hand.store.draft)
    hand.click(A, B).take(Kind.LENGTH).move(C)
    drafts.append(hand.store.draft)
    assert [draft is not None for draft in drafts] == [True, False, False]
    assert hand.store.items == ()


def test_that_a_slip_of_the_hand_leaves_nothing(qtbot: QtBot, opened: MainWindow) -> None:
    hand = Hand(qtbot, opened).take(Kind.LENGTH).click(A, (-59, -40))
    assert hand.store.items == ()
    assert hand.store.draft is None


def test_that_delete_asks_nothing_and_can_be_undone(qtbot: QtBot, opened: MainWindow) -> None:
    hand = Hand(qtbot, opened).take(Kind.LENGTH).drag(A, B)
    hand.pane.setFocus()
    qtbot.keyClick(hand.pane, Qt.Key.Key_Delete)
    assert hand.store.items == ()
    opened.context.commands.run("edit.undo")
    assert len(hand.store.items) == 1


def test_that_E20_a_key_takes_the_tool(opened: MainWindow) -> None:
    commands = opened.context.commands
    for key, tool in {"L": "length", "A": "angle", "E": "ellipse", "R": "rectangle"}.items():
        assert key in commands.keys(f"tool.{tool}")
        commands.action(f"tool.{tool}").trigger()
        assert opened.context.view.tool == tool
        assert commands.action("tool.family-measure").isChecked()


def test_that_the_toolbar_fits_into_the_smallest_window(qtbot: QtBot, opened: MainWindow) -> None:
    opened.resize(1024, 700)
    qtbot.wait(20)
    more = opened.findChild(QWidget, "qt_toolbar_ext_button")
    assert more is None or not more.isVisible()
    bar = opened.findChild(QToolBar, "toolbar")
    assert bar is not None
    menu = opened.context.commands.action("tool.family-measure").menu()
    assert menu is not None
    assert len(menu.actions()) == 11  # type: ignore[attr-defined]


def test_that_a_label_keeps_off_the_crosshair_also_when_it_slants(
    qtbot: QtBot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand(qtbot, opened)
    seen: list[tuple[QRectF, list[tuple[tuple[float, float], tuple[float, float]]]]] = []
    original = overlay._place

    def spy(
        drawn: QRectF, width: float, height: float, taken: Sequence[QRectF], given: OverlayInput
    ) -> QRectF:
        box = original(drawn, width, height, taken, given)
        seen.append((box, overlay._crosshair(given)))
        return box

    monkeypatch.setattr(overlay, "_place", spy)
    for angle in (0, 35):
        set_angles(opened.context.view, angle, 0, 0)
        hand.take(Kind.LENGTH).drag((-40, -6), (40, 6))
        seen.clear()
        hand.pane.grab()
        assert seen
        for box, lines in seen:
            assert len(lines) == 2
            steps = np.linspace(-400, 400, 3201)
            for (x, y), (dx, dy) in lines:
                assert not any(box.contains(x + t * dx, y + t * dy) for t in steps)
        hand.store.remove([hand.last.uid])


def test_that_on_a_slab_a_region_says_that_it_reads_the_middle_plane(
    qtbot: QtBot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    hand = Hand(qtbot, opened).take(Kind.ELLIPSE).drag((-50, -40), (50, 40))
    written: list[Sequence[str]] = []
    monkeypatch.setattr(overlay, "_draw_label", lambda *given: written.append(given[3]))
    hand.pane.grab()
    assert overlay.MIDDLE not in written[-1]
    opened.context.commands.run("view.slab")
    hand.pane.grab()
    assert overlay.MIDDLE in written[-1]


def test_that_words_are_asked_for_when_an_arrow_is_placed(qtbot: QtBot, opened: MainWindow) -> None:
    hand = Hand(qtbot, opened).take(Kind.ARROW).drag(A, B)
    dialog = opened.findChild(QInputDialog)
    assert dialog is not None
    dialog.setTextValue("cyst")
    dialog.accept()
    assert hand.last.text == "cyst"
    opened.context.commands.run("edit.undo")
    assert hand.store.items == (), "placing and naming it is one step"
