"""The window while a volume of an archive loads: whole planes at once, marked as coarse, and no coarse readings."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.archive.pyramid import SHAPE, write_pyramid
from tests.loading.test_preview import slow, started  # noqa: F401 - a fixture
from viewer.state.annotations import corners
from viewer.state.panes import Density
from viewer.state.probe import read_point

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

MARK = "coarse: slices are still to come"


def marks(window: MainWindow) -> list[bool]:
    """For each pane whether it says that it shows the coarse level."""
    found = []
    for shown in window.grid.panes():
        assert shown.scene_shown is not None
        warnings = corners(window.context.view, shown.scene_shown, Density.OFF, identity=False).warnings
        found.append(MARK in warnings)
    return found


def greys(window: MainWindow) -> list[tuple[int, ...]]:
    """For each pane the greys an eighth of its height above and below the middle."""
    found = []
    for shown in window.grid.panes():
        pixels = shown.picture.pixels & 0xFF
        h, w = pixels.shape
        found.append(tuple(int(pixels[h // 2 + n * h // 8, w // 4]) for n in (-1, 1)))
    return found


@pytest.mark.parametrize("budget", [None, 1_000_000], ids=["in memory", "over the budget"])
def test_that_no_plane_is_blank_while_slices_are_still_to_come(
    qtbot: QtBot,
    window: MainWindow,
    tmp_path: Path,
    slow: threading.Event,  # noqa: F811
    budget: int | None,
) -> None:
    array = np.full(SHAPE, 60, np.int16)
    array[SHAPE[0] // 2 :] = 120  # the upper half is brighter
    path = write_pyramid(tmp_path, array)
    _, events, job = started(path, budget_bytes=budget)

    def play(more: object) -> None:
        for event in more:  # type: ignore[attr-defined]
            window.session.apply(event)
        window.session._show_fresh()
        qtbot.waitUntil(lambda: all(pane.scene_shown and not pane.stale for pane in window.grid.panes()))

    play(events)
    early = greys(window)
    assert all(upper > lower + 20 > 40 for upper, lower in early[1:])
    # The slice under the cursor is there; planes across it are made of the coarse level and say so.
    assert marks(window) == [False, True, True]
    item = window.context.view.base_volume
    assert item is not None
    (reading,) = read_point(window.context.view, item.volume.geometry.to_patient([0, 8, 8]))
    assert "loading" in reading.text.lower()
    slow.set()
    play(list(job))
    assert greys(window) == early
    assert not any(marks(window))
