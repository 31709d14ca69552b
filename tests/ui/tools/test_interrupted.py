"""A drawing ends when what it is drawn on is exchanged: no line joins a place of one picture to one of another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint
from pytestqt.qtbot import QtBot

from tests.ui.panes.test_frames import open_volume
from tests.ui.tools.test_measuring import LEFT, Hand, opened, turn
from viewer.imaging.labelmap import Mask
from viewer.imaging.sample import Projection, Slab
from viewer.imaging.window import Window
from viewer.state.framing import zoom_about
from viewer.state.ground import ground_of
from viewer.state.layers import ImageLayer
from viewer.state.measurement import Kind
from viewer.state.measurements import Measurements
from viewer.state.panes import PlaneKind
from viewer.state.structure_edit import StructureEditor
from viewer.state.structures import StructureStore
from viewer.state.view import ViewState
from viewer.ui.main_window import MainWindow

__all__ = ["opened"]

FROM, MIDDLE, TO = (-60, -40), (-30, -20), (60, 40)


def other_volume(view: ViewState) -> None:
    view.library.add(open_volume("other", "CT", 1.0))
    view.show(ImageLayer("other", Window(40, 400)))


CHANGES: dict[str, Callable[[ViewState], object]] = {
    "layout": lambda view: view.set_layout("single"),
    "maximised": lambda view: view.maximise(view.layout.panes[1].id),
    "volume": other_volume,
    "slice": lambda view: view.set_cursor(view.cursor_mm + np.array([0, 0, 3])),
    "slab": lambda view: view.set_slab(Slab(10, Projection.MAX)),
    "turned": lambda view: view.set_frame(turn(20, 30)),
    "zoom": lambda view: view.update_framing(view.layout.panes[0].kind, zoom=2.0),
}


def interrupted(qtbot: QtBot, hand: Hand, change: Callable[[ViewState], object]) -> None:
    """A drag with a change in its middle; then the hand goes on and lifts."""
    pane = hand.pane
    qtbot.mousePress(pane.viewport(), LEFT, pos=hand.place(FROM))
    qtbot.mouseMove(pane.viewport(), hand.place((-45, -30)))
    qtbot.mouseMove(pane.viewport(), hand.place(MIDDLE))
    change(hand.view)
    hand.window.grid.coordinator.prepare()
    after = hand.window.grid.panes()[0]
    for on in dict.fromkeys((pane, after)):
        qtbot.mouseMove(on.viewport(), hand.place(TO))
        qtbot.mouseMove(on.viewport(), hand.place(TO) + QPoint(3, 3))
    qtbot.mouseRelease(after.viewport(), LEFT, pos=hand.place(TO))


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_that_a_measurement_is_given_up_when_what_it_is_drawn_on_changes(
    qtbot: QtBot, opened: MainWindow, change: Callable[[ViewState], object]
) -> None:
    hand = Hand(qtbot, opened).take(Kind.LENGTH)
    interrupted(qtbot, hand, change)
    assert (hand.store.draft, hand.store.items) == (None, ())
    opened.context.commands.refresh()
    assert not opened.context.commands.action("edit.undo").isEnabled()
    assert not opened.grid.gestures.dragging


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_that_a_brush_keeps_what_it_painted_and_no_more_when_what_it_paints_on_changes(
    qtbot: QtBot, opened: MainWindow, change: Callable[[ViewState], object]
) -> None:
    hand = Hand(qtbot, opened).take("brush")
    hand.view.work.of(StructureEditor).set_options(radius_mm=0.7)
    begin, end = hand.mm(FROM), hand.mm(MIDDLE)
    interrupted(qtbot, hand, change)
    (structure,) = hand.view.work.of(StructureStore)
    assert isinstance(structure.body, Mask)
    painted = structure.body.geometry.to_patient(np.argwhere(structure.body.dense()))
    assert len(painted) > 0
    way = (end - begin) / np.linalg.norm(end - begin)
    along = np.clip((painted - begin) @ way, 0, np.linalg.norm(end - begin))
    assert np.linalg.norm(painted - begin - along[:, None] * way, axis=1).max() < 0.7 + 0.9
    assert not hand.view.work.of(StructureEditor).stroking
    opened.context.commands.run("edit.undo")
    (structure,) = hand.view.work.of(StructureStore)
    assert structure.volume_mm3 == 0


def test_that_a_moved_measurement_goes_back_when_the_layout_changes_under_the_hand(
    qtbot: QtBot, opened: MainWindow
) -> None:
    hand = Hand(qtbot, opened).take(Kind.LENGTH).drag(FROM, TO)
    before = hand.last
    interrupted(qtbot, hand, CHANGES["layout"])
    assert hand.store.items == (before,)


def test_that_escape_puts_a_moved_measurement_back(qtbot: QtBot, opened: MainWindow) -> None:
    hand = Hand(qtbot, opened).take(Kind.LENGTH).drag(FROM, TO)
    before, pane = hand.last, hand.pane
    qtbot.mousePress(pane.viewport(), LEFT, pos=hand.place(FROM))
    qtbot.mouseMove(pane.viewport(), hand.place((-30, 30)))
    qtbot.mouseMove(pane.viewport(), hand.place((-30, 40)))
    assert hand.last != before
    opened.context.commands.run("view.leave-full-screen")
    qtbot.mouseMove(pane.viewport(), hand.place((0, 40)))
    qtbot.mouseRelease(pane.viewport(), LEFT, pos=hand.place((0, 40)))
    assert hand.last == before


def test_that_zooming_about_the_hand_and_a_change_elsewhere_do_not_end_a_stroke(
    qtbot: QtBot, opened: MainWindow
) -> None:
    hand = Hand(qtbot, opened).take(Kind.LENGTH)
    pane, view = hand.pane, hand.view
    begin = hand.mm(FROM)
    qtbot.mousePress(pane.viewport(), LEFT, pos=hand.place(FROM))
    qtbot.mouseMove(pane.viewport(), hand.place((-45, -30)))
    qtbot.mouseMove(pane.viewport(), hand.place(MIDDLE))
    assert pane.scene_shown is not None
    zoom_about(view, pane.scene_shown, hand.mm(MIDDLE), 1.5)
    normal = pane.scene_shown.plane.normal
    view.set_cursor(view.cursor_mm + np.cross(normal, (0.3, 0.5, 0.7)) * 4)
    opened.grid.coordinator.prepare()
    end = hand.mm(TO)
    qtbot.mouseMove(pane.viewport(), hand.place(TO))
    qtbot.mouseRelease(pane.viewport(), LEFT, pos=hand.place(TO))
    np.testing.assert_allclose(hand.last.array, [begin, end], atol=1e-6)


def test_that_a_click_drawing_is_forgotten_when_another_patient_is_shown(
    qtbot: QtBot, opened: MainWindow
) -> None:
    hand = Hand(qtbot, opened).take(Kind.LENGTH).click(FROM)
    assert hand.store.draft is not None
    other_volume(hand.view)
    hand.view.work.of(Measurements).draft = hand.store.draft.__class__(
        **{**hand.store.draft.__dict__, "frame_of_reference_uid": "1.2.3"}
    )
    opened.grid.coordinator.prepare()
    hand.move(TO)
    assert hand.store.draft is None


def test_that_a_curved_picture_is_no_ground(opened: MainWindow) -> None:
    from viewer.state.panes import layout

    curved = next(pane for pane in layout("three-curved").panes if pane.kind is PlaneKind.CURVED)
    assert ground_of(opened.context.view, curved, 100, 100) is None


def test_that_a_polygon_does_not_follow_the_mouse_into_panes_of_another_direction(
    qtbot: QtBot, opened: MainWindow
) -> None:
    hand = Hand(qtbot, opened).take(Kind.POLYGON).click((-60, -40), (70, -50))
    corner = (50, 30)
    expected = [hand.mm(at) for at in ((-60, -40), (70, -50), corner, (-20, 60))]
    other = Hand(qtbot, opened, 1)
    before = hand.store.draft
    other.move((10, 20)).click((30, 40))
    assert hand.store.draft == before
    other.drag((0, 0), (30, 30))
    assert hand.store.draft == before
    hand.click(corner).double((-20, 60))
    np.testing.assert_allclose(hand.last.array, expected, atol=1e-6)
