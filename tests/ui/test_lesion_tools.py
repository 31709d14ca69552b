"""Lesions by mouse in the real window: patient positions and pixels, never slider values (rules D20, D22, G11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtCore import QPoint, Qt

from tests.state.pet_study import HOT, HOT_RADIUS_MM, WARM, ball, point_of, show
from tests.ui.conftest import MakeWindow
from viewer.imaging.lesion import Drawing
from viewer.imaging.uptake import Threshold, ThresholdKind
from viewer.imaging.voi import Box, Sphere
from viewer.state.curve import CurvedMode, CurvedPath
from viewer.state.lesions import Lesions
from viewer.state.panes import Content, Density, PlaneKind
from viewer.ui.main_window import MainWindow
from viewer.ui.panes.plane_pane import PlanePane

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LEFT = Qt.MouseButton.LeftButton


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    window = make_window()
    show(window.context.library, window.context.view)
    window.context.view.set_layout("three-mip")
    shown(qtbot, window)
    return window


def shown(qtbot: QtBot, window: MainWindow) -> None:
    qtbot.waitUntil(lambda: all(pane.scene_shown and not pane.stale for pane in window.grid.panes()))


def store_of(window: MainWindow) -> Lesions:
    return window.context.view.work.of(Lesions)


def pane_of(window: MainWindow, kind: PlaneKind) -> PlanePane:
    return next(pane for pane in window.grid.panes() if pane.pane.kind is kind)


def pixel(pane: PlanePane, point_mm: npt.ArrayLike) -> QPoint:
    assert pane.scene_shown is not None
    column, row, _ = pane.scene_shown.plane.project(point_mm)
    ratio = pane.devicePixelRatioF()
    return QPoint(round((column + 0.5) / ratio), round((row + 0.5) / ratio))


def drag(qtbot: QtBot, pane: PlanePane, begin: QPoint, end: QPoint) -> None:
    surface = pane.viewport()
    qtbot.mousePress(surface, LEFT, pos=begin)
    for share in (0.3, 0.6, 1.0):
        qtbot.mouseMove(
            surface,
            QPoint(
                *(round(a + share * (b - a)) for a, b in zip(begin.toTuple(), end.toTuple(), strict=True))
            ),
        )
    qtbot.mouseRelease(surface, LEFT, pos=end)


def choose(window: MainWindow, tool: str) -> None:
    window.context.commands.run(f"tool.{tool}")


def test_that_D22_a_click_on_a_hot_spot_makes_its_lesion_on_any_plane(
    qtbot: QtBot, opened: MainWindow
) -> None:
    choose(opened, "lesion")
    view = opened.context.view
    view.set_cursor(point_of(HOT))
    shown(qtbot, opened)
    pane = pane_of(opened, PlaneKind.CORONAL)
    qtbot.mouseClick(pane.viewport(), LEFT, pos=pixel(pane, point_of(HOT) + np.array([3.0, 0, 3.0])))
    (lesion,) = store_of(opened).of("pt")
    region = store_of(opened).measured(lesion).region
    assert region is not None
    assert np.array_equal(region.full((40, 48, 50)), ball(HOT, HOT_RADIUS_MM))
    assert view.cursor_mm == pytest.approx(point_of(HOT))  # the crosshair stays


def test_that_a_click_on_the_projection_finds_the_voxel_that_made_the_pixel(
    qtbot: QtBot, opened: MainWindow
) -> None:
    choose(opened, "lesion")
    pane = pane_of(opened, PlaneKind.MIP)
    qtbot.mouseClick(pane.viewport(), LEFT, pos=pixel(pane, point_of(WARM)))
    (lesion,) = store_of(opened).of("pt")
    uptake = store_of(opened).measured(lesion).uptake
    assert uptake is not None
    assert uptake.max == pytest.approx(5.0)
    assert np.linalg.norm(opened.context.view.cursor_mm - point_of(WARM)) <= 12


def test_that_a_drag_draws_a_sphere_in_patient_millimetres_and_one_key_takes_it_back(
    qtbot: QtBot, opened: MainWindow
) -> None:
    choose(opened, "pet-sphere")
    opened.context.view.set_cursor(point_of(HOT))
    shown(qtbot, opened)
    pane = pane_of(opened, PlaneKind.SAGITTAL)
    begin = point_of(HOT)
    drag(qtbot, pane, pixel(pane, begin), pixel(pane, begin + np.array([0, 16.0, 12.0])))
    (lesion,) = store_of(opened).of("pt")
    shape = lesion.drawing.shape
    assert isinstance(shape, Sphere)
    assert shape.centre_mm == pytest.approx(begin, abs=1.0)
    assert shape.radius_mm == pytest.approx(20.0, abs=1.0)
    # Its edge is a handle, whatever tool is chosen.
    choose(opened, "window")
    edge = np.array(shape.centre_mm) + np.array([0, shape.radius_mm, 0])
    drag(qtbot, pane, pixel(pane, edge), pixel(pane, edge + np.array([0, 10.0, 0])))
    sized = store_of(opened).of("pt")[0].drawing.shape
    assert isinstance(sized, Sphere)
    assert sized.radius_mm == pytest.approx(shape.radius_mm + 10, abs=1.2)
    opened.context.commands.run("edit.undo")
    assert store_of(opened).of("pt")[0].drawing.shape == shape
    opened.context.commands.run("edit.undo")
    assert store_of(opened).of("pt") == ()
    opened.context.commands.run("edit.redo")
    assert store_of(opened).of("pt") == (lesion,)


def test_that_a_drag_with_the_lesion_tool_takes_the_isocontour_in_a_sphere(
    qtbot: QtBot, opened: MainWindow
) -> None:
    choose(opened, "lesion")
    opened.context.view.set_cursor(point_of(HOT))
    shown(qtbot, opened)
    pane = pane_of(opened, PlaneKind.AXIAL)
    begin = point_of(HOT)
    drag(qtbot, pane, pixel(pane, begin), pixel(pane, begin + np.array([24.0, 0, 0])))
    (lesion,) = store_of(opened).of("pt")
    assert not lesion.drawing.grown
    assert lesion.drawing.threshold == Threshold(ThresholdKind.PERCENT, 41.0)
    region = store_of(opened).measured(lesion).region
    assert region is not None
    assert region.count == int(ball(HOT, HOT_RADIUS_MM).sum())


def test_that_a_box_has_the_corners_of_the_drag(qtbot: QtBot, opened: MainWindow) -> None:
    choose(opened, "pet-box")
    opened.context.view.set_cursor(point_of(HOT))
    shown(qtbot, opened)
    pane = pane_of(opened, PlaneKind.AXIAL)
    one, other = point_of(HOT) + np.array([-20.0, -10, 0]), point_of(HOT) + np.array([24.0, 16, 0])
    drag(qtbot, pane, pixel(pane, one), pixel(pane, other))
    (lesion,) = store_of(opened).of("pt")
    assert isinstance(lesion.drawing.shape, Box)
    corners = lesion.drawing.shape.corners_mm()
    assert corners[:, :2].min(axis=0) == pytest.approx(one[:2], abs=1.0)
    assert corners[:, :2].max(axis=0) == pytest.approx(other[:2], abs=1.0)
    assert np.ptp(corners[:, 2]) == pytest.approx(26, abs=2.0)


@pytest.mark.parametrize("tool", ["lesion", "pet-sphere", "pet-box"])
def test_that_escape_forgets_a_drag_to_its_end(qtbot: QtBot, opened: MainWindow, tool: str) -> None:
    choose(opened, tool)
    pane = pane_of(opened, PlaneKind.AXIAL)
    surface, begin = pane.viewport(), pixel(pane, point_of((20, 24, 25)))
    qtbot.mousePress(surface, LEFT, pos=begin)
    qtbot.mouseMove(surface, begin + QPoint(30, 30))
    qtbot.mouseMove(surface, begin + QPoint(40, 40))
    assert store_of(opened).draft is not None
    opened.context.commands.run("view.leave-full-screen")
    assert store_of(opened).draft is None
    qtbot.mouseMove(surface, begin + QPoint(50, 50))
    qtbot.mouseRelease(surface, LEFT, pos=begin + QPoint(50, 50))
    assert store_of(opened).draft is None
    assert store_of(opened).of("pt") == ()


def test_that_escape_puts_a_moved_sphere_back(qtbot: QtBot, opened: MainWindow) -> None:
    choose(opened, "pet-sphere")
    opened.context.view.set_cursor(point_of(HOT))
    shown(qtbot, opened)
    pane, begin = pane_of(opened, PlaneKind.AXIAL), point_of(HOT)
    drag(qtbot, pane, pixel(pane, begin), pixel(pane, begin + np.array([20.0, 0, 0])))
    (lesion,) = store_of(opened).of("pt")
    surface, centre = pane.viewport(), pixel(pane, begin)
    qtbot.mousePress(surface, LEFT, pos=centre)
    qtbot.mouseMove(surface, centre + QPoint(30, 0))
    qtbot.mouseMove(surface, centre + QPoint(40, 0))
    assert store_of(opened).of("pt") != (lesion,)
    opened.context.commands.run("view.leave-full-screen")
    assert store_of(opened).of("pt") == (lesion,)
    qtbot.mouseMove(surface, centre + QPoint(60, 0))
    qtbot.mouseRelease(surface, LEFT, pos=centre + QPoint(60, 0))
    assert store_of(opened).of("pt") == (lesion,)


def painted(pane: PlanePane, colour: str) -> npt.NDArray[np.bool_]:
    """Pixels of a pane in a colour, as (row, column)."""
    image = pane.grab().toImage().convertToFormat(pane.grab().toImage().Format.Format_RGB32)
    raw = np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.bytesPerLine() // 4, 4)
    wanted = np.array([int(colour[n : n + 2], 16) for n in (5, 3, 1)])
    close: npt.NDArray[np.bool_] = (np.abs(raw[:, : image.width(), :3].astype(int) - wanted) < 24).all(
        axis=-1
    )
    return close


@pytest.mark.parametrize("turned", [False, True])
def test_that_the_outline_lies_around_the_lesion_on_every_plane(
    qtbot: QtBot, opened: MainWindow, turned: bool
) -> None:
    view = opened.context.view
    if turned:
        a, b = np.radians(30), np.radians(45)
        about_x = np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        about_z = np.array([[np.cos(b), -np.sin(b), 0], [np.sin(b), np.cos(b), 0], [0, 0, 1]])
        view.set_frame(about_z @ about_x)
    view.set_display(density=Density.OFF)
    lesion = store_of(opened).grow(None, point_of(HOT))
    assert lesion is not None
    view.set_cursor(point_of(HOT))
    shown(qtbot, opened)
    for pane in opened.grid.panes():
        assert pane.scene_shown is not None
        rows, columns = np.nonzero(painted(pane, lesion.colour))
        plane, ratio = pane.scene_shown.plane, pane.devicePixelRatioF()
        assert len(rows) > 40, pane.pane.kind
        away = []
        for row, column in zip(rows, columns, strict=True):
            offset = plane.at(column * ratio, row * ratio) - point_of(HOT)
            away.append(np.linalg.norm(offset - (offset @ plane.normal) * plane.normal))
        # The ball of 14 mm is made of voxels of 4 mm.
        assert min(away) > 9
        assert max(away) < 14 + 2 * np.sqrt(3) + 1.5
    view.set_cursor(point_of(WARM))
    shown(qtbot, opened)
    assert not painted(pane_of(opened, PlaneKind.AXIAL), lesion.colour).any()
    assert painted(pane_of(opened, PlaneKind.MIP), lesion.colour).any()
    store_of(opened).change(lesion.uid, "Hide", visible=False)
    qtbot.wait(50)
    assert not painted(pane_of(opened, PlaneKind.MIP), lesion.colour).any()


@pytest.mark.parametrize("mode", CurvedMode)
def test_that_D22_the_outline_lies_around_the_lesion_on_curved_pictures(
    qtbot: QtBot, opened: MainWindow, mode: CurvedMode
) -> None:
    """A path bends through both balls; only the hot one is a lesion."""
    view = opened.context.view
    view.set_display(density=Density.OFF)
    lesion = store_of(opened).grow(None, point_of(HOT))
    assert lesion is not None
    path = view.work.of(CurvedPath)
    for index in ((12, 10, 8), HOT, (24, 26, 26), WARM):
        path.add(point_of(index))
    path.select(None)
    path.show_as(mode=mode, width_mm=90.0)
    view.set_layout("three-curved")
    shown(qtbot, opened)
    pane = pane_of(opened, PlaneKind.CURVED)
    rows, columns = np.nonzero(painted(pane, lesion.colour))
    assert len(rows) > 40
    assert pane.scene_shown is not None
    ratio = pane.devicePixelRatioF()
    away = [
        np.linalg.norm(pane.scene_shown.at(column * ratio, row * ratio) - point_of(HOT))
        for row, column in zip(rows, columns, strict=True)
    ]
    assert min(away) > 9
    assert max(away) < 14 + 2 * np.sqrt(3) + 1.5
    store_of(opened).change(lesion.uid, "Hide", visible=False)
    qtbot.wait(50)
    assert not painted(pane, lesion.colour).any()


def test_that_lesions_stay_off_pictures_of_another_frame_of_reference(
    qtbot: QtBot, make_window: MakeWindow
) -> None:
    window = make_window()
    view = window.context.view
    show(window.context.library, view, frame_of_reference="1.8")
    view.set_layout("rows")
    view.set_display(density=Density.OFF)
    lesion = store_of(window).grow(None, point_of(HOT))
    assert lesion is not None
    view.set_cursor(point_of(HOT))
    shown(qtbot, window)
    by_content = {
        content: any(
            painted(pane, lesion.colour).any() for pane in window.grid.panes() if pane.pane.content is content
        )
        for content in Content
    }
    assert by_content == {Content.BASE: False, Content.OVERLAY: True, Content.FUSED: False}
    view.confirm_registration()
    shown(qtbot, window)
    assert any(
        painted(pane, lesion.colour).any()
        for pane in window.grid.panes()
        if pane.pane.content is Content.FUSED
    )


def test_that_spheres_are_drawn_as_circles_with_their_size(qtbot: QtBot, opened: MainWindow) -> None:
    view = opened.context.view
    view.set_display(density=Density.OFF)
    item = store_of(opened).series()
    assert item is not None
    x, y, z = point_of((20, 24, 25)).tolist()
    lesion = store_of(opened).add(item, Drawing(Sphere((x, y, z), 20.0), Threshold(ThresholdKind.WHOLE)))
    assert lesion is not None
    store_of(opened).select("")
    view.set_cursor((x, y, z + 12.0))
    shown(qtbot, opened)
    pane = pane_of(opened, PlaneKind.AXIAL)
    assert pane.scene_shown is not None
    rows, columns = np.nonzero(painted(pane, lesion.colour))
    width_mm = (np.ptp(columns) - 1) * pane.scene_shown.plane.mm_per_pixel * pane.devicePixelRatioF()
    assert width_mm == pytest.approx(32.0, abs=2.0)  # sqrt(20^2 - 12^2) to both sides
    assert len(rows) > 60
