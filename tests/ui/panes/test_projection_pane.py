"""The rotating projection under the mouse: a drag turns it, a click jumps to the voxel that made the pixel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPointF, Qt

from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_frames import open_volume
from viewer.imaging.window import Window
from viewer.state.bone import Array, BoneRemoval, Wish, find
from viewer.state.layers import ImageLayer
from viewer.ui.background import Jobs
from viewer.ui.dialogs.bone_dialog import BoneDialog

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow
    from viewer.ui.panes.plane_pane import PlanePane

LEFT = Qt.MouseButton.LeftButton
HOT = (13, 4, 20)
"""(k, j, i) of one bright voxel."""


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    """A window over a ramp with one bright voxel, projection shown."""
    window = make_window()
    item = open_volume("ct", "CT", 1.0)
    item.volume.array[HOT] = 3000
    window.context.library.add(item)
    window.context.view.show(ImageLayer("ct", Window(40, 400)))
    window.context.view.set_layout("three-mip")
    qtbot.waitUntil(lambda: mip(window).scene_shown is not None)
    return window


def mip(window: MainWindow) -> PlanePane:
    return window.grid.pane("mip")


def place_of_hot(window: MainWindow) -> QPointF:
    item = window.context.view.base_volume
    scene = mip(window).scene_shown
    assert item is not None
    assert scene is not None
    column, row, _ = scene.plane.project(item.volume.geometry.to_patient(HOT))
    return QPointF(column + 0.5, row + 0.5)


@pytest.mark.parametrize("angle_deg", [0.0, 40.0, 155.0])
def test_that_a_click_jumps_to_the_voxel_that_made_the_pixel(
    qtbot: QtBot, opened: MainWindow, angle_deg: float
) -> None:
    view = opened.context.view
    view.set_mip_angle(angle_deg)
    mip(opened).repaint()
    qtbot.mouseClick(mip(opened).viewport(), LEFT, pos=place_of_hot(opened).toPoint())
    assert view.base_volume is not None
    assert view.base_volume.volume.geometry.to_index(view.cursor_mm) == pytest.approx(HOT)


def test_that_without_bone_the_click_finds_what_is_seen(qtbot: QtBot, opened: MainWindow) -> None:
    """The bright voxel is left out; the highest of the others on this ray of the ramp lies at its back."""
    opened.context.commands.run("mip.without-bone")
    mip(opened).repaint()
    qtbot.mouseClick(mip(opened).viewport(), LEFT, pos=place_of_hot(opened).toPoint())
    view = opened.context.view
    assert view.base_volume is not None
    index = view.base_volume.volume.geometry.to_index(view.cursor_mm)
    assert index == pytest.approx((HOT[0], view.base_volume.volume.geometry.shape[1] - 1, HOT[2]))


def test_that_a_drag_turns_the_projection(qtbot: QtBot, opened: MainWindow) -> None:
    view, surface = opened.context.view, mip(opened).viewport()
    cursor = view.cursor_mm
    at = surface.rect().center()
    qtbot.mousePress(surface, LEFT, pos=at)
    for step in (10, 30, 60):
        at.setX(surface.rect().center().x() - step)
        qtbot.mouseMove(surface, at)
    qtbot.mouseRelease(surface, LEFT, pos=at)
    assert view.mip_angle_deg == pytest.approx(30, abs=5)
    assert np.array_equal(view.cursor_mm, cursor)


def test_that_the_threshold_is_typed_and_cancel_restores(opened: MainWindow) -> None:
    context = opened.context
    bone = context.view.work.of(BoneRemoval)
    context.commands.run("mip.bone-threshold")
    dialog = opened.findChild(BoneDialog)
    assert dialog is not None
    dialog.box.setValue(420)
    assert (bone.on, bone.threshold_hu) == (True, 420)
    dialog.reject()
    assert (bone.on, bone.threshold_hu) == (False, 250)


def test_that_bone_is_found_in_the_background(qtbot: QtBot, opened: MainWindow) -> None:
    context = opened.context
    bone = context.view.work.of(BoneRemoval)
    item = next(item for item in context.library if item.volume.quantity.is_hounsfield)
    context.commands.run("mip.without-bone")
    qtbot.waitUntil(lambda: "no bone > 250" in bone.text(item.volume), timeout=10_000)
    bone.set(threshold_hu=400)
    assert "without > 400" in bone.text(item.volume)
    qtbot.waitUntil(lambda: "no bone > 400" in bone.text(item.volume), timeout=10_000)
    context.commands.run("mip.without-bone")
    assert bone.text(item.volume) == ""


@pytest.fixture
def two(
    qtbot: QtBot, make_window: MakeWindow, monkeypatch: pytest.MonkeyPatch
) -> tuple[MainWindow, list[str]]:
    """A window over two CTs, and the volumes in which bone was looked for, in order."""
    looked: list[str] = []

    def counted(wish: Wish) -> Array:
        looked.append(wish.volume.uid)
        return find(wish)

    monkeypatch.setattr("viewer.ui.bone_finder.find", counted)
    window = make_window()
    for uid in ("ct", "other"):
        window.context.library.add(open_volume(uid, "CT", 1.0))
    window.context.view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("other", Window(40, 400)))
    return window, looked


def test_that_bone_is_looked_for_once_in_each_of_two_series(
    qtbot: QtBot, two: tuple[MainWindow, list[str]]
) -> None:
    window, looked = two
    window.context.commands.run("mip.without-bone")
    qtbot.waitUntil(lambda: len(looked) >= 2 and not Jobs.of(window).busy, timeout=10_000)
    qtbot.wait(100)
    assert looked == ["ct", "other"]


def test_that_bone_is_not_looked_for_in_a_window_that_was_closed(
    qtbot: QtBot, two: tuple[MainWindow, list[str]]
) -> None:
    window, looked = two
    window.context.commands.run("mip.without-bone")
    window.close()
    qtbot.wait(100)
    assert looked == ["ct"]
    assert not Jobs.of(window).busy


def test_that_a_series_without_an_answer_does_not_hold_up_the_other(
    qtbot: QtBot, two: tuple[MainWindow, list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    window, _ = two
    tried: list[str] = []

    def failing(wish: Wish) -> Array:
        tried.append(wish.volume.uid)
        raise MemoryError

    monkeypatch.setattr("viewer.ui.bone_finder.find", failing)
    window.context.commands.run("mip.without-bone")
    qtbot.waitUntil(lambda: len(tried) >= 2 and not Jobs.of(window).busy, timeout=10_000)
    qtbot.wait(100)
    assert tried == ["ct", "other"]
