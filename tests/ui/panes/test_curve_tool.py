"""Drawing a path with the mouse, and the picture along it under the mouse: what happens in the patient."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt

from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_frames import open_volume
from tests.ui.panes.test_tool_doors import drag
from viewer.imaging.window import Window
from viewer.state.curve import CurvedPath
from viewer.state.layers import ImageLayer
from viewer.state.navigation import scroll
from viewer.state.panes import PlaneKind
from viewer.ui.panes.gestures import point_at

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow
    from viewer.ui.panes.plane_pane import PlanePane

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    """A window over a ramp in three planes and a curved pane, the tool chosen."""
    window = make_window()
    window.context.library.add(open_volume("ct", "CT", 1.0))
    window.context.view.show(ImageLayer("ct", Window(40, 400)))
    window.context.view.set_layout("three-curved")
    window.context.commands.run("tool.curve")
    qtbot.waitUntil(lambda: window.grid.panes()[0].scene_shown is not None)
    return window


def path_of(window: MainWindow) -> CurvedPath:
    return window.context.view.work.of(CurvedPath)


def point(pane: PlanePane, at: QPoint) -> np.ndarray:
    found = point_at(pane, QPointF(at))
    assert found is not None
    return found


def click(qtbot: QtBot, pane: PlanePane, *places: QPoint) -> list[np.ndarray]:
    """Click and give the patient points that were under the mouse."""
    points = []
    for place in places:
        points.append(point(pane, place))
        qtbot.mouseClick(pane.viewport(), LEFT, pos=place)
        pane.repaint()
    return points


def places(pane: PlanePane) -> list[QPoint]:
    middle = pane.viewport().rect().center()
    return [middle + QPoint(x, y) for x, y in ((-60, -40), (-20, 30), (30, -10), (70, 45))]


def test_that_clicks_put_points_in_any_plane(qtbot: QtBot, opened: MainWindow) -> None:
    cursor = opened.context.view.cursor_mm
    axial, sagittal, coronal, _ = opened.grid.panes()
    expected = [
        *click(qtbot, axial, *places(axial)[:2]),
        *click(qtbot, coronal, places(coronal)[2]),
        *click(qtbot, sagittal, places(sagittal)[3]),
    ]
    assert np.array(path_of(opened).points) == pytest.approx(np.array(expected))
    assert np.array_equal(opened.context.view.cursor_mm, cursor)
    for count in (3, 2):
        opened.context.commands.run("edit.undo")
        assert len(path_of(opened).points) == count
    opened.context.commands.run("edit.redo")
    assert np.array(path_of(opened).points) == pytest.approx(np.array(expected[:3]))


def test_that_a_click_on_the_path_puts_a_point_into_it(qtbot: QtBot, opened: MainWindow) -> None:
    axial = opened.grid.panes()[0]
    first, last = click(qtbot, axial, places(axial)[0], places(axial)[3])
    between = (places(axial)[0] + places(axial)[3]) / 2
    (middle,) = click(qtbot, axial, between)
    assert np.array(path_of(opened).points) == pytest.approx(np.array([first, middle, last]))


def test_that_a_point_is_dragged_whatever_tool_is_chosen_and_taken_back(
    qtbot: QtBot, opened: MainWindow
) -> None:
    axial = opened.grid.panes()[0]
    before = click(qtbot, axial, *places(axial)[:3])
    opened.context.commands.run("tool.window")
    base = opened.context.view.base
    start, end = places(axial)[1], places(axial)[1] + QPoint(25, 12)
    drag(qtbot, axial, start, end)
    moved = point(axial, end) - point(axial, start)
    assert np.array(path_of(opened).points[1]) == pytest.approx(before[1] + moved)
    assert path_of(opened).selected == 1
    assert not path_of(opened).moving
    assert opened.context.view.base == base
    opened.context.commands.run("edit.undo")
    assert np.array(path_of(opened).points) == pytest.approx(np.array(before))


def test_that_a_dragged_point_keeps_its_depth(qtbot: QtBot, opened: MainWindow) -> None:
    """The plane has been scrolled on by three slices; the point moves beside it, not onto it."""
    axial = opened.grid.panes()[0]
    (before, *_) = click(qtbot, axial, *places(axial)[:2])
    scroll(opened.context.view, PlaneKind.AXIAL, 3)
    axial.repaint()
    drag(qtbot, axial, places(axial)[0], places(axial)[0] + QPoint(18, 7))
    x, y, z = path_of(opened).points[0]
    assert z == pytest.approx(before[2])
    assert (x, y) == pytest.approx(point(axial, places(axial)[0] + QPoint(18, 7))[:2])


def test_that_a_double_click_ends_the_path_and_shows_it(qtbot: QtBot, opened: MainWindow) -> None:
    view = opened.context.view
    view.set_layout("three")
    axial = opened.grid.panes()[0]
    click(qtbot, axial, *places(axial)[:2])
    place = places(axial)[2]
    qtbot.mouseClick(axial.viewport(), LEFT, pos=place)
    qtbot.mouseDClick(axial.viewport(), LEFT, pos=place)
    assert len(path_of(opened).points) == 3
    assert view.tool == "window"
    assert view.layout.id == "three-curved"
    assert view.maximised == ""


def test_that_points_are_removed_and_the_path_is_deleted_by_keys(qtbot: QtBot, opened: MainWindow) -> None:
    axial = opened.grid.panes()[0]
    expected = click(qtbot, axial, *places(axial))
    qtbot.mouseClick(axial.viewport(), LEFT, pos=places(axial)[1])
    axial.setFocus()
    qtbot.keyClick(axial, Qt.Key.Key_Backspace)
    assert np.array(path_of(opened).points) == pytest.approx(np.array(expected)[[0, 2, 3]])
    opened.context.commands.run("curve.clear")
    assert path_of(opened).points == ()
    opened.context.commands.run("edit.undo")
    assert len(path_of(opened).points) == 3
    qtbot.keyClick(axial, Qt.Key.Key_Escape)
    assert opened.context.view.tool == "window"


def test_that_a_click_in_the_curved_picture_moves_the_crosshair_and_draws_nothing(
    qtbot: QtBot, opened: MainWindow
) -> None:
    axial, _, _, curved = opened.grid.panes()
    click(qtbot, axial, *(places(axial)[n] for n in (0, 3)))
    path_of(opened).show_as(width_mm=20.0)
    curved.repaint()
    place = curved.viewport().rect().center() + QPoint(6, -30)
    expected = point(curved, place)
    qtbot.mouseClick(curved.viewport(), LEFT, pos=place)
    assert opened.context.view.cursor_mm == pytest.approx(expected, abs=1e-6)
    assert len(path_of(opened).points) == 2
    curved.repaint()
    scene = curved.scene_shown
    assert scene is not None
    assert scene.cursor_px is not None
    assert (scene.cursor_px[0] + 0.5, scene.cursor_px[1] + 0.5) == pytest.approx(
        (place.x(), place.y()), abs=1.0
    )


def test_that_a_drag_in_the_curved_picture_windows(qtbot: QtBot, opened: MainWindow) -> None:
    axial, _, _, curved = opened.grid.panes()
    click(qtbot, axial, *places(axial))
    before = opened.context.view.base
    middle = curved.viewport().rect().center()
    drag(qtbot, curved, middle, middle + QPoint(40, 20))
    assert opened.context.view.base != before
    assert len(path_of(opened).points) == 4


def test_that_the_keyboard_alone_draws_a_path(opened: MainWindow) -> None:
    view, commands = opened.context.view, opened.context.commands
    wanted = [(-5.0, 0.0, -4.0), (0.0, 4.0, 0.0), (6.0, -2.0, 5.0)]
    for place in wanted:
        view.set_cursor(place)
        commands.run("curve.add")
    assert np.array(path_of(opened).points) == pytest.approx(np.array(wanted))
    width = path_of(opened).width_mm
    for command in ("curve.wider", "curve.wider", "curve.narrower", "curve.stretched"):
        commands.run(command)
    assert path_of(opened).width_mm > width
    assert commands.action("curve.stretched").isChecked()
