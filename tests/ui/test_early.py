"""The first picture of a large folder (J34) in the real window: marked, and followed by the right one."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.loading.test_early import values, write
from viewer.imaging.window import Window
from viewer.loading import early, pipeline, search
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady, Indexed, LoadEvent, SlicesReady
from viewer.state.annotations import corners
from viewer.state.layers import Role
from viewer.state.panes import Density

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

MARK = "preliminary: not all files are read"


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("_SCANNING_S", "_SNAPSHOT_S", "_WALK_AHEAD_S"):
        monkeypatch.setattr(search, name, 0.0)
    monkeypatch.setattr(search, "_INDEX_S", 1e-4)
    monkeypatch.setattr(early, "AFTER_S", 0.0)
    monkeypatch.setattr(early, "QUIET_FILES", 4)


def marks(window: MainWindow) -> tuple[str, ...]:
    """Warnings in the first pane."""
    scene = window.grid.panes()[0].scene_shown
    assert scene is not None
    return corners(window.context.view, scene, Density.OFF, identity=False).warnings


def played(window: MainWindow, qtbot: QtBot, events: list[LoadEvent]) -> None:
    for event in events:
        window.session.apply(event)
    qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))


def halves(folder: Path) -> tuple[list[LoadEvent], list[LoadEvent]]:
    """Events up to the first picture, and the rest."""
    events = list(pipeline.load([folder], cancel=CancelToken(), early=True))
    place = next(n for n, event in enumerate(events) if isinstance(event, SlicesReady))
    return events[: place + 1], events[place + 1 :]


def test_that_J34_the_same_series_stays_under_the_eye_and_loses_its_mark(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    write(tmp_path / "00", "first")
    write(tmp_path / "01", "behind", slices=5)
    before, after = halves(tmp_path)
    played(window, qtbot, before)
    view = window.context.view
    assert MARK in marks(window)
    view.set_window(Role.BASE, Window(77.0, 300.0), "mine")
    point = view.base_volume.volume.geometry.to_patient([3.0, 4.0, 5.0])  # type: ignore[union-attr]
    view.set_cursor(point)
    played(window, qtbot, after)
    assert MARK not in marks(window)
    np.testing.assert_allclose(view.cursor_mm, point)
    assert view.base is not None
    assert view.base.window == Window(77.0, 300.0)
    item = view.base_volume
    assert item is not None
    np.testing.assert_array_equal(item.volume.array, values(20))


def test_that_J34_another_series_takes_the_place_of_the_preliminary_one(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    write(tmp_path / "00", "thick", slices=12, spacing=10.0)
    write(tmp_path / "01", "thin", slices=60, spacing=1.0)
    before, after = halves(tmp_path)
    played(window, qtbot, before)
    (early_one,) = [event for event in before if isinstance(event, GeometryReady)]
    played(window, qtbot, after)
    view = window.context.view
    item = view.base_volume
    assert item is not None
    assert item.volume.geometry.shape[0] == 60
    assert MARK not in marks(window)
    assert window.context.library.get(early_one.volume.uid) is None
    assert view.overlay is None
    assert any(isinstance(event, Indexed) and event.complete for event in after)


def test_that_J34_the_window_asks_for_the_first_picture(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []

    def noted(*paths: object, early: bool = False, **options: object) -> list[LoadEvent]:
        asked.append(early)
        return []

    monkeypatch.setattr(pipeline, "load", noted)
    window.session.open_paths([tmp_path], add=False)
    qtbot.waitUntil(lambda: asked == [True], timeout=10_000)
