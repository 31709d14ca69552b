"""All tools and overlays on planes turned by 30 and 45 degrees over a fused study: rules E02, E09, G01, G05 there."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_frames import open_volume
from tests.ui.panes.test_tool_doors import drag
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer, Role
from viewer.state.measurement import Kind
from viewer.state.measurements import Measurements
from viewer.state.oblique import PLANES, set_angles
from viewer.state.panes import PlaneKind
from viewer.state.probe import read_point
from viewer.ui.overlays.scale_bar import bar_length_mm
from viewer.ui.panes.gestures import point_at

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow
    from viewer.ui.panes.plane_pane import PlanePane


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    """CT and PET of a ramp, k + j + i, on planes turned by 30 and 45 degrees."""
    window = make_window()
    for uid, modality, pitch in (("ct", "CT", 1.0), ("pt", "PT", 2.0)):
        window.context.library.add(open_volume(uid, modality, pitch))
    view = window.context.view
    view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 70)))
    view.set_layout("three")
    set_angles(view, 30, 45, 0)
    qtbot.waitUntil(lambda: all(pane.scene_shown is not None for pane in window.grid.panes()))
    for pane in window.grid.panes():
        pane.repaint()
    return window


def pane_of(window: MainWindow, kind: PlaneKind) -> PlanePane:
    return next(pane for pane in window.grid.panes() if pane.pane.kind is kind)


def under(pane: PlanePane, place: QPoint) -> np.ndarray:
    found = point_at(pane, QPointF(place))
    assert found is not None
    return found


def ends(window: MainWindow, kind: PlaneKind) -> tuple[QPoint, QPoint]:
    """Two places clear of the crosshair's handles."""
    scene = pane_of(window, kind).scene_shown
    assert scene is not None
    assert scene.cursor_px is not None
    middle = QPointF(*scene.cursor_px).toPoint()
    return middle + QPoint(-61, 9), middle + QPoint(38, 47)


@pytest.mark.parametrize("kind", PLANES)
def test_that_G01_a_length_on_a_double_oblique_is_the_distance_in_the_patient(
    qtbot: QtBot, opened: MainWindow, kind: PlaneKind
) -> None:
    view, pane = opened.context.view, pane_of(opened, kind)
    begin, end = ends(opened, kind)
    expected = under(pane, begin), under(pane, end)
    opened.context.commands.run("tool.length")
    drag(qtbot, pane, begin, end)
    store = view.work.of(Measurements)
    (found,) = store.items
    assert found.array == pytest.approx(np.array(expected))
    for point in found.array:
        assert (point - view.cursor_mm) @ view.normal(kind) == pytest.approx(0, abs=1e-5)
    result = store.result(found)
    assert result.values[0].value == pytest.approx(np.linalg.norm(expected[1] - expected[0]))
    scene = pane.scene_shown
    assert scene is not None
    pixels = np.hypot(end.x() - begin.x(), end.y() - begin.y())
    assert result.values[0].value == pytest.approx(pixels * scene.plane.mm_per_pixel)


def test_that_G05_the_area_of_an_ellipse_on_a_double_oblique_is_exact(
    qtbot: QtBot, opened: MainWindow
) -> None:
    pane = pane_of(opened, PlaneKind.CORONAL)
    begin, end = ends(opened, PlaneKind.CORONAL)
    opened.context.commands.run("tool.ellipse")
    drag(qtbot, pane, begin, end)
    store = opened.context.view.work.of(Measurements)
    (found,) = store.items
    scene = pane.scene_shown
    assert scene is not None
    mm = scene.plane.mm_per_pixel
    a, b = abs(end.x() - begin.x()) * mm / 2, abs(end.y() - begin.y()) * mm / 2
    area = store.result(found).get("area")
    assert area == pytest.approx(np.pi * a * b, rel=1e-6)


@pytest.mark.parametrize("kind", [Kind.RECTANGLE, Kind.BIDIRECTIONAL, Kind.ELLIPSE])
def test_that_every_drawing_lies_in_the_turned_plane(qtbot: QtBot, opened: MainWindow, kind: Kind) -> None:
    view = opened.context.view
    for plane in PLANES:
        pane = pane_of(opened, plane)
        opened.context.commands.run(f"tool.{kind.value}")
        drag(qtbot, pane, *ends(opened, plane))
    found = view.work.of(Measurements).items
    assert len(found) == 3
    for plane, item in zip(PLANES, found, strict=True):
        away = (item.array - view.cursor_mm) @ view.normal(plane)
        assert away == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("kind", PLANES)
def test_that_the_value_under_the_mouse_is_that_of_the_voxel(opened: MainWindow, kind: PlaneKind) -> None:
    view, pane = opened.context.view, pane_of(opened, kind)
    begin, _ = ends(opened, kind)
    point = under(pane, begin)
    for role, pitch, readings in ((Role.BASE, 1.0, 0), (Role.OVERLAY, 2.0, 1)):
        middle = (np.array((20, 24, 28)) - 1) / 2
        index = np.round(point[::-1] / pitch + middle)
        reading = read_point(view, point)[readings]
        assert reading.role is role
        assert reading.index == tuple(index.astype(int))
        assert reading.value == pytest.approx(index.sum())


def test_that_E09_the_scale_bar_measures_what_it_says(opened: MainWindow) -> None:
    """As many pixels as the bar is long are as many millimetres in the patient, along both edges of each pane."""
    for kind in PLANES:
        pane = pane_of(opened, kind)
        scene = pane.scene_shown
        assert scene is not None
        length_mm = bar_length_mm(scene.plane.mm_per_pixel, 100.0)
        pixels = length_mm / scene.plane.mm_per_pixel
        for step in ((pixels, 0.0), (0.0, pixels)):
            assert np.linalg.norm(scene.at(*step) - scene.at(0, 0)) == pytest.approx(length_mm)


def test_that_nothing_of_the_patient_is_drawn_on_a_curved_picture(qtbot: QtBot, opened: MainWindow) -> None:
    view = opened.context.view
    pane = pane_of(opened, PlaneKind.AXIAL)
    opened.context.commands.run("tool.length")
    drag(qtbot, pane, *ends(opened, PlaneKind.AXIAL))
    view.set_layout("three-curved")
    for point in ((-6.0, -5.0, -4.0), (0.0, 3.0, 0.0), (6.0, 2.0, 5.0)):
        view.set_cursor(point)
        opened.context.commands.run("curve.add")
    curved = pane_of(opened, PlaneKind.CURVED)
    curved.repaint()
    assert curved.scene_shown is not None
    assert len(curved.scene_shown.layers) == 2
    assert view.work.of(Measurements).seen_on(curved.scene_shown) == ()
    drag(qtbot, curved, QPoint(60, 60), QPoint(120, 130))
    qtbot.mouseClick(curved.viewport(), Qt.MouseButton.LeftButton, pos=QPoint(80, 90))
    assert len(view.work.of(Measurements).items) == 1
