"""A volume that neither memory nor disk can hold, in the window: it scrolls."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.archive.pyramid import SHAPE, ramp, write_pyramid
from tests.loading.test_on_demand import BUDGET, full_disk  # noqa: F401 - a fixture
from tests.ui.test_preview import marks
from viewer.loading.cache import VolumeCache
from viewer.state.probe import read_point

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="this system reserves what it gives addresses for"
)


@pytest.mark.usefixtures("full_disk")
def test_that_a_volume_larger_than_memory_and_disk_scrolls(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = write_pyramid(tmp_path)
    window.session._cache = VolumeCache(BUDGET)
    window.context.loader.open_paths([path])
    qtbot.waitUntil(lambda: window.context.view.base_volume is not None)
    qtbot.waitUntil(lambda: not window.context.loader.busy)
    view = window.context.view
    item = view.base_volume
    assert item is not None
    volume = item.volume
    assert volume.resident is not None
    for k in (5, 60, 61, 62, 30):
        place = volume.geometry.to_patient([k, 40, 60])
        view.set_cursor(place)
        qtbot.waitUntil(lambda k=k: bool(volume.ready[k]))  # type: ignore[misc]
        qtbot.waitUntil(lambda: marks(window) == [False, True, True])
        (reading,) = read_point(view, place)
        assert reading.value == ramp()[k, 40, 60]
        np.testing.assert_array_equal(volume.array[k], ramp()[k])
    qtbot.waitUntil(lambda: volume.ready.sum() == volume.resident.most)  # type: ignore[union-attr]
    assert volume.ready.sum() < SHAPE[0]
    np.testing.assert_array_equal(volume.array[volume.ready], ramp()[volume.ready])
    assert not window.context.library.problems
