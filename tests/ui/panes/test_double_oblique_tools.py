"""Every drawing tool by hand on planes turned by 30 and 45 degrees: patient points and numbers in closed form.

The axes of the turned panes are written out here: the axial lines turn by 30 degrees about the body axis, then the
sagittal ones by 45 degrees about the left-right axis that was turned with them. The fused study is a ramp, CT k + j + i
of 1 mm voxels and PET k + j + i of 2 mm voxels, so a value is a sum of coordinates (rules G01, G03, G05, D20).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtWidgets import QInputDialog

from tests.state.pet_study import HOT, HOT_RADIUS_MM, ball, point_of
from tests.state.pet_study import show as show_pet
from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_double_oblique import opened, pane_of
from viewer.imaging.voi import Box, Sphere
from viewer.state.lesions import Lesions
from viewer.state.measurement import Measurement
from viewer.state.measurements import Measurements
from viewer.state.oblique import PLANES, set_angles
from viewer.state.panes import PlaneKind

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

__all__ = ["opened"]  # the fixture

LEFT = Qt.MouseButton.LeftButton
PET_SHAPE = (20, 24, 28)
PET_PITCH = 2.0
S30, C30, S45 = 0.5, np.sqrt(0.75), np.sqrt(0.5)
AXES = {
    # (right, down) of each pane, LPS. The turned left-right axis is (C30, S30, 0).
    PlaneKind.SAGITTAL: ((-S30, C30, 0.0), (0.0, 0.0, -1.0)),
    PlaneKind.CORONAL: ((C30, S30, 0.0), (S45 * S30, -S45 * C30, -S45)),
    PlaneKind.AXIAL: (
        (C30 * C30 + S45 * S30 * S30, S30 * C30 * (1 - S45), S45 * S30),
        (S30 * C30 * (1 - S45), S30 * S30 + S45 * C30 * C30, -S45 * C30),
    ),
}
A, B, C, D, E = (-70, -50), (64, 38), (-22, 66), (72, -52), (-80, 34)
"""Places clear of the crosshair, in logical pixels from it."""


class Hand:
    """The mouse in one pane; places are logical pixels from the linked point."""

    def __init__(self, qtbot: QtBot, window: MainWindow, kind: PlaneKind) -> None:
        self._qtbot = qtbot
        self.window, self.kind = window, kind
        self.pane = pane_of(window, kind)
        scene = self.pane.scene_shown
        assert scene is not None
        assert scene.cursor_px is not None
        ratio = self.pane.devicePixelRatioF()
        self.mm = scene.plane.mm_per_pixel * ratio
        exact = QPointF((scene.cursor_px[0] + 0.5) / ratio, (scene.cursor_px[1] + 0.5) / ratio)
        self._origin = exact.toPoint()
        self._rest = np.array([self._origin.x() - exact.x(), self._origin.y() - exact.y()])

    def at(self, place: npt.ArrayLike) -> np.ndarray:
        """The LPS point of a place, by the axes above."""
        right, down = np.array(AXES[self.kind])
        x, y = (np.asarray(place) + self._rest) * self.mm
        found: np.ndarray = self.window.context.view.cursor_mm + x * right + y * down
        return found

    def points(self, *places: tuple[int, int]) -> np.ndarray:
        return np.array([self.at(place) for place in places])

    def pixel(self, place: tuple[int, int]) -> QPoint:
        return self._origin + QPoint(*place)

    def drag(self, *way: tuple[int, int]) -> Hand:
        surface = self.pane.viewport()
        self._qtbot.mousePress(surface, LEFT, pos=self.pixel(way[0]))
        for place in way[1:]:
            self._qtbot.mouseMove(surface, (self.pixel(way[0]) + self.pixel(place)) / 2)
            self._qtbot.mouseMove(surface, self.pixel(place))
        self._qtbot.mouseRelease(surface, LEFT, pos=self.pixel(way[-1]))
        return self

    def trace(self, way: list[tuple[int, int]]) -> Hand:
        surface = self.pane.viewport()
        self._qtbot.mousePress(surface, LEFT, pos=self.pixel(way[0]))
        for place in way:
            self._qtbot.mouseMove(surface, self.pixel(place))
        self._qtbot.mouseRelease(surface, LEFT, pos=self.pixel(way[-1]))
        return self

    def click(self, *places: tuple[int, int]) -> Hand:
        for place in places:
            self._qtbot.mouseMove(self.pane.viewport(), self.pixel(place))
            self._qtbot.mouseClick(self.pane.viewport(), LEFT, pos=self.pixel(place))
        return self

    def double(self, place: tuple[int, int]) -> Hand:
        self.click(place)
        self._qtbot.mouseDClick(self.pane.viewport(), LEFT, pos=self.pixel(place))
        self._qtbot.mouseRelease(self.pane.viewport(), LEFT, pos=self.pixel(place))
        return self


@pytest.fixture
def hands(qtbot: QtBot, opened: MainWindow) -> tuple[Hand, ...]:
    """The mouse in each of the three turned panes."""
    return tuple(Hand(qtbot, opened, kind) for kind in PLANES)


def made(
    hand: Hand, tool: str, draw: Callable[[Hand], object]
) -> tuple[Measurement, Callable[[str], float | None]]:
    """What a tool makes of a gesture, and its numbers."""
    hand.window.context.commands.run(f"tool.{tool}")
    draw(hand)
    store = hand.window.context.view.work.of(Measurements)
    (found,) = store.items
    result = store.result(found)
    store.remove([found.uid])
    return found, result.get


def between(first: npt.ArrayLike, second: npt.ArrayLike) -> float:
    """Degrees between two steps on the screen, which keeps angles: its pixels are square in the patient."""
    (a, b), (c, d) = np.asarray(first), np.asarray(second)
    return float(np.degrees(np.arctan2(abs(a * d - b * c), a * c + b * d)))


def shoelace(corners: npt.ArrayLike) -> float:
    x, y = np.asarray(corners, float).T
    return abs(float(x @ np.roll(y, -1) - y @ np.roll(x, -1))) / 2


def pet_voxels() -> tuple[np.ndarray, np.ndarray]:
    """Index (n, 3) of the voxels of the PET and their LPS centres."""
    index = np.indices(PET_SHAPE).reshape(3, -1).T
    return index, (index - (np.array(PET_SHAPE) - 1) / 2)[:, ::-1] * PET_PITCH


def test_that_G03_an_angle_is_that_of_the_hand(hands: tuple[Hand, ...]) -> None:
    for hand in hands:
        found, number = made(hand, "angle", lambda hand: hand.drag(A, B).click(C))
        assert found.array == pytest.approx(hand.points(A, B, C), abs=1e-6)
        steps = np.subtract(A, B), np.subtract(C, B)
        assert number("angle") == pytest.approx(between(*steps), abs=1e-6)


def test_that_G03_a_Cobb_angle_is_that_between_the_lines(hands: tuple[Hand, ...]) -> None:
    for hand in hands:
        found, number = made(hand, "cobb", lambda hand: hand.drag(A, B).drag(E, C))
        assert found.array == pytest.approx(hand.points(A, B, E, C), abs=1e-6)
        angle = between(np.subtract(B, A), np.subtract(C, E))
        assert number("cobb") == pytest.approx(min(angle, 180 - angle), abs=1e-6)


def test_that_G05_a_polygon_has_the_area_of_the_hand(
    hands: tuple[Hand, ...],
) -> None:
    for hand in hands:
        found, number = made(hand, "polygon", lambda hand: hand.click(A, D, B).double(C))
        assert found.array == pytest.approx(hand.points(A, D, B, C), abs=1e-6)
        assert number("area") == pytest.approx(shoelace([A, D, B, C]) * hand.mm**2, rel=1e-9)


def test_that_G05_a_freehand_outline_has_area_and_mean_of_the_ellipse_it_follows(
    hands: tuple[Hand, ...],
) -> None:
    a, b = 60.0, 44.0
    turns = np.linspace(0, 2 * np.pi, 121)[:-1]
    way = [(round(a * np.cos(t)) + 6, round(b * np.sin(t)) - 8) for t in turns]
    for hand in hands:
        found, number = made(hand, "freehand", lambda hand: hand.trace(way))
        right, down = np.array(AXES[hand.kind])
        flat = (found.array - hand.at((0, 0))) @ np.array([right, down]).T / hand.mm
        outside = ((flat - (6, -8)) / (a, b)) ** 2
        assert np.sqrt(outside.sum(axis=1)) == pytest.approx(1, abs=0.04)
        assert (found.array - hand.at((0, 0))) @ np.cross(right, down) == pytest.approx(0, abs=1e-6)
        assert number("area") == pytest.approx(np.pi * a * b * hand.mm**2, rel=0.02)
        volume = hand.window.context.view.library.get(found.volume_uid)
        assert volume is not None
        middle = volume.volume.geometry.to_index(hand.at((6, -8)))
        assert number("mean") == pytest.approx(float(np.sum(middle)), abs=0.5)


@pytest.mark.parametrize("tool", ["arrow", "text"])
def test_that_words_stand_where_the_hand_put_them(hands: tuple[Hand, ...], tool: str) -> None:
    for hand in hands:
        hand.window.context.commands.run(f"tool.{tool}")
        if tool == "arrow":
            hand.drag(A, B)
        else:
            hand.click(D)
        dialog = hand.window.findChild(QInputDialog, "measurement-words")
        assert dialog is not None
        dialog.setTextValue("cyst")
        dialog.accept()
        store = hand.window.context.view.work.of(Measurements)
        (found,) = store.items
        store.remove([found.uid])
        assert found.array == pytest.approx(
            hand.points(A, B) if tool == "arrow" else hand.points(D), abs=1e-6
        )
        assert found.text == "cyst"


def inside(points: np.ndarray, shape: Sphere | Box) -> np.ndarray:
    """Which points lie in a shape, straight from its definition."""
    offset = points - np.array(shape.centre_mm)
    if isinstance(shape, Sphere):
        held: np.ndarray = np.linalg.norm(offset, axis=1) <= shape.radius_mm
        return held
    axes = np.array(shape.half_axes_mm)
    lengths = np.linalg.norm(axes, axis=1)
    along = np.abs(offset @ (axes / lengths[:, None]).T)
    return np.asarray((along <= lengths).all(axis=1))


@pytest.mark.parametrize("tool", ["pet-sphere", "lesion", "pet-box"])
def test_that_D20_volumes_on_the_PET_are_those_of_the_hand(hands: tuple[Hand, ...], tool: str) -> None:
    for hand in hands:
        start, end = (-52, 47), (68, -43)
        hand.window.context.commands.run(f"tool.{tool}")
        hand.drag(start, end)
        store = hand.window.context.view.work.of(Lesions)
        (found,) = store.of("pt")
        numbers = store.measured(found)
        store.remove([found.uid])
        shape = found.drawing.shape
        right, down = np.array(AXES[hand.kind])
        if isinstance(shape, Box):
            across, along = 60.0 * hand.mm, 45.0 * hand.mm
            assert shape.centre_mm == pytest.approx(tuple(hand.points(start, end).mean(axis=0)), abs=1e-6)
            wanted = np.array([right * across, down * along, np.cross(right, down) * along])
            assert np.abs(np.sum(np.array(shape.half_axes_mm) * wanted, axis=1)) == pytest.approx(
                np.sum(wanted**2, axis=1)
            )
        else:
            assert isinstance(shape, Sphere)
            assert shape.centre_mm == pytest.approx(tuple(hand.at(start)), abs=1e-6)
            assert shape.radius_mm == pytest.approx(np.hypot(120, 90) * hand.mm)
        index, centres = pet_voxels()
        values = index.sum(axis=1).astype(float)
        held = inside(centres, shape)
        if tool == "lesion":
            held &= values >= 0.41 * values[held].max()
        assert held.sum() > 30
        uptake = numbers.uptake
        assert uptake is not None
        assert uptake.count == held.sum()
        assert uptake.mean == pytest.approx(values[held].mean())
        assert (uptake.max, uptake.min) == (values[held].max(), values[held].min())
        assert uptake.volume_ml == pytest.approx(held.sum() * PET_PITCH**3 / 1000)
        assert uptake.glycolysis == pytest.approx(values[held].sum() * PET_PITCH**3 / 1000)


@pytest.mark.parametrize("kind", PLANES)
def test_that_D22_a_click_on_a_turned_plane_grows_the_lesion_under_it(
    qtbot: QtBot, make_window: MakeWindow, kind: PlaneKind
) -> None:
    window = make_window()
    view = window.context.view
    show_pet(window.context.library, view)
    view.set_layout("three")
    set_angles(view, 30, 45, 0)
    view.set_cursor(point_of(HOT))
    qtbot.waitUntil(lambda: all(pane.scene_shown is not None for pane in window.grid.panes()))
    for pane in window.grid.panes():
        pane.repaint()
    mouse = Hand(qtbot, window, kind)
    window.context.commands.run("tool.lesion")
    mouse.click((5, -4))
    store = view.work.of(Lesions)
    (found,) = store.shown()
    region = store.measured(found).region
    assert region is not None
    assert region.count == ball(HOT, HOT_RADIUS_MM).sum()
