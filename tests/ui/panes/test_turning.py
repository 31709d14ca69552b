"""Turning planes and drawing slabs with the mouse, keys and numbers: what happens in the patient, not on screen."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, TypeVar

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QDialog, QWidget

from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_frames import open_volume
from viewer.imaging.sample import Projection, Slab
from viewer.imaging.window import Window
from viewer.state.annotations import corners
from viewer.state.handles import Grasp, Handle, turn_points
from viewer.state.layers import ImageLayer
from viewer.state.library import Library
from viewer.state.oblique import PLANES, angles, is_turned, off_axis_deg, set_angles
from viewer.state.panes import Density, Pane, PlaneKind
from viewer.state.resolve import resolve
from viewer.state.slab import OwnSlabs, slab_of
from viewer.state.view import ViewState
from viewer.ui.commands import Shortcuts
from viewer.ui.dialogs.planes_dialog import SlabDialog, TurnDialog
from viewer.ui.panes.gestures import point_at
from viewer.ui.panes.grid import PaneGrid
from viewer.ui.panes.plane_pane import PlanePane

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

AXIAL, SAGITTAL, CORONAL = PLANES
LEFT = Qt.MouseButton.LeftButton


class Panes:
    """Three panes over CT and PET; the mouse in terms of the pane."""

    def __init__(self, qtbot: QtBot) -> None:
        library = Library()
        library.add(open_volume("ct", "CT", 1.0))
        library.add(open_volume("pt", "PT", 2.0))
        self.view = ViewState(library)
        self.view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 7)))
        self.view.set_layout("base-only")
        self.grid = PaneGrid(self.view, Shortcuts().mouse)
        qtbot.addWidget(self.grid)
        self.grid.resize(904, 300)
        self.grid.show()
        self._qtbot = qtbot
        self.paint()

    def paint(self) -> None:
        for pane in self.grid.panes():
            pane.repaint()

    def pane(self, kind: PlaneKind) -> PlanePane:
        return next(pane for pane in self.grid.panes() if pane.pane.kind is kind)

    def handle(self, kind: PlaneKind, line: PlaneKind, end: int = 1) -> QPoint:
        scene = self.pane(kind).scene_shown
        assert scene is not None
        (found,) = [item for item in scene.lines if item.kind is line]
        return QPointF(*turn_points(scene, found, 1.0)[end]).toPoint()

    def spot(self, kind: PlaneKind) -> QPoint:
        """The linked point in a pane."""
        scene = self.pane(kind).scene_shown
        assert scene is not None
        assert scene.cursor_px is not None
        return QPointF(scene.cursor_px[0] + 0.5, scene.cursor_px[1] + 0.5).toPoint()

    def drag(
        self,
        kind: PlaneKind,
        way: list[QPoint],
        keys: Qt.KeyboardModifier = Qt.KeyboardModifier.NoModifier,
        hold: Callable[[], object] = lambda: None,
    ) -> None:
        surface = self.pane(kind).viewport()
        self._qtbot.mousePress(surface, LEFT, keys, way[0])
        for place in way[1:]:
            self._qtbot.mouseMove(surface, place)
            self.paint()
            hold()
        self._qtbot.mouseRelease(surface, LEFT, keys, way[-1])
        self.paint()

    def point(self, kind: PlaneKind, at: QPoint) -> np.ndarray:
        found = point_at(self.pane(kind), at.toPointF())
        assert found is not None
        return found


@pytest.fixture
def panes(qtbot: QtBot) -> Iterator[Panes]:
    made = Panes(qtbot)
    yield made
    made.grid.disconnect_state()


def round_the_point(panes: Panes, kind: PlaneKind, start: QPoint, degrees: float) -> list[QPoint]:
    """Places on an arc about the linked point, clockwise."""
    centre = panes.spot(kind).toPointF()
    arm = start.toPointF() - centre
    places = []
    for angle in np.radians(np.linspace(0, degrees, 7)):
        c, s = np.cos(angle), np.sin(angle)
        places.append((centre + QPointF(c * arm.x() - s * arm.y(), s * arm.x() + c * arm.y())).toPoint())
    return places


def test_that_the_end_of_a_line_turns_the_planes_to_the_mouse(panes: Panes) -> None:
    """Whatever tool is chosen; afterwards the plane of the line goes through the place where the mouse was let go."""
    cursor = panes.view.cursor_mm
    window = panes.view.base
    way = round_the_point(panes, AXIAL, panes.handle(AXIAL, SAGITTAL), 30)
    start, end = panes.point(AXIAL, way[0]), panes.point(AXIAL, way[-1])
    panes.drag(AXIAL, way)
    before, after = start - cursor, end - cursor
    across = np.cross(before, after)[2] / np.linalg.norm(before) / np.linalg.norm(after)
    assert off_axis_deg(panes.view, SAGITTAL) == pytest.approx(np.degrees(np.arcsin(across)), abs=1e-6)
    assert off_axis_deg(panes.view, SAGITTAL) == pytest.approx(30, abs=1)
    assert off_axis_deg(panes.view, AXIAL) == 0
    # The handle was taken a fraction of a pixel beside the line, and stays as far beside it.
    scene = panes.pane(AXIAL).scene_shown
    assert scene is not None
    assert abs(after @ panes.view.normal(SAGITTAL)) < scene.plane.mm_per_pixel
    assert panes.view.cursor_mm.tolist() == cursor.tolist()
    assert panes.view.base == window


def test_that_alt_turns_from_anywhere_and_the_spot_stays(panes: Panes) -> None:
    set_angles(panes.view, 30, 0, 0)
    panes.paint()
    spots = {kind: panes.spot(kind) for kind in PLANES}
    start = panes.spot(SAGITTAL) + QPoint(33, 41)
    panes.drag(SAGITTAL, round_the_point(panes, SAGITTAL, start, 45), Qt.KeyboardModifier.AltModifier)
    assert angles(panes.view)[1] == pytest.approx(45, abs=1.5)
    assert angles(panes.view)[0] == pytest.approx(30, abs=1e-9)
    assert {kind: panes.spot(kind) for kind in PLANES} == spots


def test_that_a_turn_is_half_as_fine_while_it_would_be_late_and_whole_afterwards(
    panes: Panes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a slab that costs more than a frame; the pane that is turned in keeps its picture as it is."""
    panes.view.set_slab(Slab(15.0, Projection.MEAN))
    panes.paint()
    monkeypatch.setattr("viewer.ui.panes.coordinator.FRAME_BUDGET_S", 0.0)
    panes.grid.coordinator._cost_s = 1.0
    surface = panes.pane(AXIAL).viewport()
    way = round_the_point(panes, AXIAL, panes.handle(AXIAL, SAGITTAL), 40)
    widths = []
    panes.drag(AXIAL, way[:-1], hold=lambda: widths.append(panes.pane(CORONAL).picture.image.width()))
    assert set(widths) == {-(-surface.width() // 2)}
    assert panes.pane(CORONAL).picture.image.width() == panes.pane(CORONAL).device_size()[0]


def test_that_turning_goes_with_the_hand_in_a_mirrored_pane(panes: Panes) -> None:
    panes.view.update_framing(AXIAL, flip_horizontal=True)
    panes.paint()
    way = round_the_point(panes, AXIAL, panes.handle(AXIAL, SAGITTAL), 25)
    panes.drag(AXIAL, way)
    end = panes.point(AXIAL, way[-1]) - panes.view.cursor_mm
    assert abs(end @ panes.view.normal(SAGITTAL)) < 1.0
    assert angles(panes.view)[0] == pytest.approx(-25, abs=1)


def test_that_handles_show_near_the_mouse_and_go_with_it(qtbot: QtBot, panes: Panes) -> None:
    surface = panes.pane(AXIAL).viewport()

    def grasped() -> Handle | None:
        return panes.view.work.of(Grasp).handle

    at = panes.handle(AXIAL, CORONAL)
    qtbot.mouseMove(surface, at + QPoint(-30, 20))
    near = grasped()
    assert near is not None
    assert not near.grasped
    assert surface.cursor().shape() is Qt.CursorShape.ArrowCursor
    qtbot.mouseMove(surface, at)
    taken = grasped()
    assert taken is not None
    assert taken.grasped
    assert taken.kind is CORONAL
    assert panes.pane(AXIAL).cursor().shape() is not Qt.CursorShape.ArrowCursor
    panes.grid.gestures.leave(panes.pane(AXIAL))
    assert grasped() is None


def test_that_a_click_on_a_handle_moves_nothing(qtbot: QtBot, panes: Panes) -> None:
    cursor = panes.view.cursor_mm
    qtbot.mouseClick(panes.pane(AXIAL).viewport(), LEFT, pos=panes.handle(AXIAL, CORONAL))
    assert panes.view.cursor_mm.tolist() == cursor.tolist()
    panes.view.set_display(tool="rotate")
    place = panes.spot(AXIAL) + QPoint(20, 17)
    qtbot.mouseClick(panes.pane(AXIAL).viewport(), LEFT, pos=place)
    assert panes.view.cursor_mm[:2] == pytest.approx(panes.point(AXIAL, place)[:2], abs=0.5)


@pytest.mark.parametrize("turned", [(0, 0, 0), (30, 45, 10)])
def test_that_E12_the_border_of_a_slab_follows_the_mouse(panes: Panes, turned: tuple[float, ...]) -> None:
    """The border of the sagittal slab seen in the axial pane: afterwards the mouse is half the slab away from it."""
    set_angles(panes.view, *turned)
    panes.view.set_slab(Slab(6.0, Projection.MEAN))
    panes.paint()
    scene = panes.pane(AXIAL).scene_shown
    assert scene is not None
    (line,) = [item for item in scene.lines if item.kind is SAGITTAL]
    out, along = np.array(line.across), np.array(line.direction)
    centre = np.array([panes.spot(AXIAL).x(), panes.spot(AXIAL).y()])

    def place(away_mm: float) -> QPoint:
        x, y = centre + out * away_mm / scene.plane.mm_per_pixel + along * 25
        return QPointF(x, y).toPoint()

    end = place(5.0)
    panes.drag(AXIAL, [place(3.0), place(4.0), end])
    away = abs((panes.point(AXIAL, end) - panes.view.cursor_mm) @ panes.view.normal(SAGITTAL))
    assert panes.view.slab is not None
    assert panes.view.slab.projection is Projection.MEAN
    assert panes.view.slab.thickness_mm == pytest.approx(2 * away, abs=0.1)
    assert panes.view.slab.thickness_mm == pytest.approx(10, abs=0.4)


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    window = make_window()
    window.context.library.add(open_volume("ct", "CT", 1.0))
    window.context.view.show(ImageLayer("ct", Window(40, 400)))
    qtbot.waitUntil(lambda: window.grid.panes()[0].scene_shown is not None)
    return window


Dialog = TypeVar("Dialog", bound=QDialog)


def child(window: QWidget, kind: type[Dialog]) -> Dialog:
    found = window.findChild(kind)
    assert found is not None
    return found


def test_that_keys_turn_by_fixed_steps_and_one_key_straightens(qtbot: QtBot, opened: MainWindow) -> None:
    view = opened.context.view
    pane = opened.grid.panes()[0]
    pane.setFocus()
    shift, both = (
        Qt.KeyboardModifier.ShiftModifier,
        Qt.KeyboardModifier.ShiftModifier | Qt.KeyboardModifier.ControlModifier,
    )
    for key, modifier in ((Qt.Key.Key_Right, shift), (Qt.Key.Key_Right, shift), (Qt.Key.Key_Left, both)):
        qtbot.keyClick(pane, key, modifier)
    assert angles(view) == pytest.approx((9, 0, 0))
    qtbot.keyClick(pane, Qt.Key.Key_O, shift)
    assert not is_turned(view)
    assert view.axes(CORONAL)[0].tolist() == [1, 0, 0]


def test_that_exact_angles_are_typed_and_cancel_restores(opened: MainWindow) -> None:
    context = opened.context
    set_angles(context.view, 10, 0, 0)
    before = context.view.frame
    context.commands.run("planes.exact")
    dialog = child(opened, TurnDialog)
    assert [box.value() for box in dialog.boxes] == pytest.approx([10, 0, 0])
    dialog.boxes[0].setValue(30)
    dialog.boxes[1].setValue(45)
    assert angles(context.view) == pytest.approx((30, 45, 0))
    dialog.reject()
    assert context.view.frame.tolist() == before.tolist()
    assert context.view.framings.get(CORONAL) is None or context.view.framings[CORONAL].zoom == 1


def test_that_the_slab_is_typed_and_chosen_by_name(opened: MainWindow) -> None:
    context = opened.context
    context.commands.run("slab.exact")
    dialog = child(opened, SlabDialog)
    dialog.thickness_box.setValue(7.3)
    dialog.projection_box.setCurrentIndex(dialog.projection_box.findData(Projection.MIN))
    dialog.accept()
    assert context.view.slab == Slab(7.3, Projection.MIN)
    for projection in Projection:
        context.commands.run(f"slab.{projection.value}")
        assert context.view.slab == Slab(7.3, projection)
        assert context.commands.action(f"slab.{projection.value}").isChecked()
    for command, expected in (("slab.thicker", 10.0), ("slab.thicker", 15.0), ("slab.thinner", 10.0)):
        context.commands.run(command)
        assert context.view.slab == Slab(expected, Projection.SUM)
    thicknesses = []
    for command in ("view.slab", "slab.thicker", "slab.thinner"):
        context.commands.run(command)
        now: Slab | None = context.view.slab
        thicknesses.append(0 if now is None else now.thickness_mm)
    assert thicknesses == [0, 1, 0]


def test_that_E12_a_plane_may_have_a_slab_of_its_own(opened: MainWindow) -> None:
    context = opened.context
    view, run = context.view, context.commands.run
    view.set_layout("three")
    ids = {pane.kind: pane.id for pane in view.layout.panes}

    def slabs() -> dict[PlaneKind, Slab | None]:
        opened.grid.coordinator.prepare()
        found = {}
        for pane in opened.grid.panes():
            scene = resolve(view, pane.pane, 200, 200)
            assert scene is not None
            found[pane.pane.kind] = scene.layers[0].slab
        return found

    common = Slab(10.0, Projection.MAX)
    view.activate(ids[AXIAL])
    run("view.slab")
    assert slabs() == {AXIAL: common, SAGITTAL: common, CORONAL: common}
    view.activate(ids[CORONAL])
    run("slab.own")
    context.commands.refresh()
    assert context.commands.action("slab.own").isChecked()
    run("slab.thicker")
    run("slab.mean")
    apart = Slab(15.0, Projection.MEAN)
    assert slabs() == {AXIAL: common, SAGITTAL: common, CORONAL: apart}
    view.activate(ids[SAGITTAL])
    run("slab.min")
    both = Slab(10.0, Projection.MIN)
    assert slabs() == {AXIAL: both, SAGITTAL: both, CORONAL: apart}
    view.activate(ids[CORONAL])
    run("view.slab")
    assert slabs() == {AXIAL: both, SAGITTAL: both, CORONAL: None}
    scene = resolve(view, Pane("coronal", CORONAL), 200, 200)
    assert scene is not None
    assert "single slice" in " ".join(corners(view, scene, Density.FULL, identity=False).bottom_left)
    run("slab.own")
    assert slabs() == {AXIAL: both, SAGITTAL: both, CORONAL: both}


def test_that_a_slab_of_its_own_ends_with_a_reset_and_with_another_volume(opened: MainWindow) -> None:
    view, own = opened.context.view, opened.context.view.work.of(OwnSlabs)
    slab = Slab(5.0, Projection.MIN)
    own.put(AXIAL, slab)
    assert (slab_of(view, AXIAL), slab_of(view, CORONAL)) == (slab, None)
    opened.context.commands.run("view.reset")
    assert slab_of(view, AXIAL) is None
    own.put(AXIAL, slab)
    view.library.add(open_volume("other", "CT", 1.0))
    view.show(ImageLayer("other", Window(40, 400)))
    assert slab_of(view, AXIAL) is None
    own.put(CORONAL, slab)
    assert (slab_of(view, AXIAL), slab_of(view, CORONAL)) == (None, slab)


@pytest.mark.parametrize("leave", ["closed", "another volume"])
def test_that_a_slab_of_its_own_does_not_come_back_with_its_volume(opened: MainWindow, leave: str) -> None:
    view, own = opened.context.view, opened.context.view.work.of(OwnSlabs)
    base, item = view.base, view.base_volume
    assert item is not None
    view.set_slab(Slab(10.0, Projection.MAX))
    own.put(AXIAL, Slab(5.0, Projection.MIN))
    if leave == "closed":
        view.show(None)
    else:
        view.library.add(open_volume("other", "CT", 1.0))
        view.show(ImageLayer("other", Window(40, 400)))
    view.library.add(item)
    view.show(base)
    assert (view.slab, slab_of(view, AXIAL), own.has(AXIAL)) == (None, None, False)


def test_that_the_slab_dialog_can_be_of_one_plane_and_cancel_restores(opened: MainWindow) -> None:
    context = opened.context
    view = context.view
    view.set_slab(Slab(10.0, Projection.MAX))
    view.activate(next(pane.id for pane in view.layout.panes if pane.kind is AXIAL))
    context.commands.run("slab.exact")
    dialog = child(opened, SlabDialog)
    assert dialog.own_box.text() == "Of the axial plane only"
    dialog.thickness_box.setValue(30)
    assert view.slab == Slab(30, Projection.MAX)
    dialog.own_box.setChecked(True)
    assert (view.slab, slab_of(view, AXIAL)) == (Slab(10.0, Projection.MAX), Slab(30, Projection.MAX))
    dialog.reject()
    assert (view.slab, slab_of(view, AXIAL)) == (Slab(10.0, Projection.MAX),) * 2
    assert not view.work.of(OwnSlabs).has(AXIAL)


def test_that_E12_a_border_is_that_of_the_plane_it_belongs_to(panes: Panes) -> None:
    """In the axial pane the sagittal slab is 20 mm thick, the coronal one 8 mm; dragging one leaves the other."""
    view = panes.view
    view.set_slab(Slab(8.0, Projection.MEAN))
    view.work.of(OwnSlabs).put(SAGITTAL, Slab(20.0, Projection.MAX))
    panes.paint()
    scene = panes.pane(AXIAL).scene_shown
    assert scene is not None
    lines = {line.kind: line for line in scene.lines}
    centre = np.array([panes.spot(AXIAL).x(), panes.spot(AXIAL).y()])

    def place(kind: PlaneKind, away_mm: float) -> QPoint:
        out, along = np.array(lines[kind].across), np.array(lines[kind].direction)
        x, y = centre + out * away_mm / scene.plane.mm_per_pixel + along * 25
        return QPointF(x, y).toPoint()

    panes.drag(AXIAL, [place(SAGITTAL, 10.0), place(SAGITTAL, 11.0), place(SAGITTAL, 7.0)])
    found = slab_of(view, SAGITTAL)
    assert found is not None
    assert found.projection is Projection.MAX
    assert found.thickness_mm == pytest.approx(14, abs=0.4)
    assert view.slab == Slab(8.0, Projection.MEAN)
