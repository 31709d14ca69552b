"""A volume that neither memory nor disk can hold, in the window: it scrolls."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from tests.archive.pyramid import SHAPE, ramp, write_pyramid
from tests.loading.test_on_demand import BUDGET, full_disk  # noqa: F401 - a fixture
from tests.ui.test_preview import marks
from viewer.formats.zarr_volume import ZarrSource
from viewer.loading.cache import VolumeCache
from viewer.state.probe import read_point

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.dicom.model import FrameSource
    from viewer.imaging.volume import Volume
    from viewer.ui.main_window import MainWindow

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="this system reserves what it gives addresses for"
)


def opened(qtbot: QtBot, window: MainWindow, path: Path) -> Volume:
    window.session._cache = VolumeCache(BUDGET)
    window.context.loader.open_paths([path])
    qtbot.waitUntil(lambda: window.context.view.base_volume is not None)
    qtbot.waitUntil(lambda: not window.context.loader.busy)
    item = window.context.view.base_volume
    assert item is not None
    return item.volume


@pytest.mark.usefixtures("full_disk")
def test_that_a_volume_larger_than_memory_and_disk_scrolls(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    volume = opened(qtbot, window, write_pyramid(tmp_path))
    assert volume.resident is not None
    view = window.context.view
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


@pytest.mark.usefixtures("full_disk")
def test_that_J35_trying_again_reads_the_slices_around_the_cursor_and_no_more(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    volume = opened(qtbot, window, write_pyramid(tmp_path))
    assert volume.resident is not None
    most, read = volume.resident.most, ZarrSource.read

    def broken(self: ZarrSource, frame: FrameSource) -> Any:
        raise OSError(5, "the server answers with an error")

    monkeypatch.setattr(ZarrSource, "read", broken)
    window.context.view.set_cursor(volume.geometry.to_patient([60, 40, 60]))
    problems = window.context.library
    qtbot.waitUntil(lambda: len(problems.problems) == most)
    assert not volume.ready[54:66].any()
    monkeypatch.setattr(ZarrSource, "read", read)
    window.context.loader.retry()
    qtbot.waitUntil(lambda: bool(volume.ready[54:66].all()))
    assert volume.ready.sum() == most
    assert not problems.problems


@pytest.mark.usefixtures("full_disk")
def test_that_B18_the_full_range_has_no_zeros_of_slices_that_are_not_there(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    values = (ramp() + 2000).astype(np.int16)
    opened(qtbot, window, write_pyramid(tmp_path, values))
    window.context.commands.action("window.full").trigger()
    layer = window.context.view.base
    assert layer is not None
    assert layer.window_name == "full range"
    low, high = layer.window.lower, layer.window.upper
    assert low == values.min()
    assert values.max() - 15 <= high <= values.max()
