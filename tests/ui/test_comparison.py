"""Comparing in the window: the border of a swipe under the hand, squares on screen, a study that is added."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDropEvent
from pytestqt.qtbot import QtBot

from tests.phantoms import write_ramp
from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_frames import open_volume
from viewer.imaging.combine import Combination
from viewer.imaging.window import Window
from viewer.state.combining import Combining
from viewer.state.layers import ImageLayer
from viewer.ui.main_window import MainWindow
from viewer.ui.opening import add_study
from viewer.ui.panes.plane_pane import PlanePane


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    """A black series below a white one."""
    window = make_window()
    for uid in ("a", "b"):
        window.context.library.add(open_volume(uid, "CT", 1.0))
    window.context.view.show(
        ImageLayer("a", Window.from_bounds(5000, 6000)), ImageLayer("b", Window.from_bounds(-6000, -5000))
    )
    qtbot.waitUntil(lambda: window.grid.panes()[0].scene_shown is not None)
    return window


def painted(qtbot: QtBot, pane: PlanePane) -> np.ndarray:
    """(h, w) bool: where the picture is white."""
    pane.repaint()
    qtbot.waitUntil(lambda: not pane.stale)
    return np.asarray(pane.picture.pixels & 0xFF) > 200


def test_that_the_border_is_dragged_with_any_tool(qtbot: QtBot, opened: MainWindow) -> None:
    pane = opened.grid.panes()[0]
    opened.context.commands.action("compare.swipe").trigger()
    white = painted(qtbot, pane)
    rect = pane.viewport().rect()
    row = rect.center().y()
    assert not white[row, : rect.width() // 2].any()
    inside = np.flatnonzero(white[row])
    assert inside[0] == pytest.approx(rect.width() / 2, abs=1)
    surface, left = pane.viewport(), Qt.MouseButton.LeftButton
    begin, end = QPoint(rect.width() // 2, row), QPoint(rect.width() * 3 // 5, row)
    qtbot.mousePress(surface, left, pos=begin)
    qtbot.mouseMove(surface, (begin + end) / 2)
    qtbot.mouseMove(surface, end)
    qtbot.mouseRelease(surface, left, pos=end)
    assert opened.context.view.work.of(Combining).border == pytest.approx(0.6, abs=0.01)
    assert np.flatnonzero(painted(qtbot, pane)[row])[0] == pytest.approx(end.x(), abs=1)
    assert opened.context.view.base is not None
    assert opened.context.view.base.window == Window.from_bounds(5000, 6000)


def test_that_squares_of_both_series_alternate_on_screen(qtbot: QtBot, opened: MainWindow) -> None:
    pane = opened.grid.panes()[0]
    opened.context.commands.action("compare.checkerboard").trigger()
    white = painted(qtbot, pane)
    scene = pane.scene_shown
    assert scene is not None
    assert scene.combined is not None
    tile = scene.combined.tile
    rows, columns = np.indices(white.shape) // tile
    height, width = white.shape
    middle = (slice(height // 2 - 20, height // 2 + 20), slice(width // 2 - 20, width // 2 + 20))
    np.testing.assert_array_equal(white[middle], ((rows + columns) % 2 == 1)[middle])
    opened.context.commands.action("compare.checkerboard").trigger()
    assert opened.context.view.work.of(Combining).how is Combination.BLEND


def dropped(path: Path, keys: Qt.KeyboardModifier) -> QDropEvent:
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path))])
    event = QDropEvent(QPointF(50, 50), Qt.DropAction.CopyAction, data, Qt.MouseButton.LeftButton, keys)
    event.data = data  # type: ignore[attr-defined]  # Qt does not keep it alive
    return event


@pytest.mark.parametrize("held", [True, False], ids=["shift", "plain"])
def test_that_E22_a_study_dropped_with_shift_stands_below_the_one_on_screen(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, held: bool
) -> None:
    write_ramp(tmp_path / "current", "G1")
    write_ramp(tmp_path / "prior", "G2", uid_seed="prior")
    context = window.context
    window.open([tmp_path / "current"])
    qtbot.waitUntil(lambda: not context.loader.busy and context.view.base is not None)
    keys = Qt.KeyboardModifier.ShiftModifier if held else Qt.KeyboardModifier.NoModifier
    window.dropEvent(dropped(tmp_path / "prior", keys))
    qtbot.waitUntil(lambda: not context.loader.busy and context.view.base is not None)
    assert len(context.library.catalogue.studies) == (2 if held else 1)
    assert (context.view.overlay is not None) == held
    assert (context.view.layout.id == "compare") == held


def test_that_E22_an_added_study_stands_below_the_one_on_screen(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "current", "G1")
    write_ramp(tmp_path / "prior", "G2", uid_seed="prior")
    context = window.context
    window.open([tmp_path / "current"])
    qtbot.waitUntil(lambda: not context.loader.busy and context.view.base is not None)
    first = context.view.base
    add_study(context, [tmp_path / "prior"])
    qtbot.waitUntil(lambda: not context.loader.busy and context.view.overlay is not None)
    assert first is not None
    assert context.view.base is not None
    assert context.view.base.volume_uid == first.volume_uid
    assert context.view.layout.id == "compare"
    assert len(context.library.catalogue.studies) == 2
