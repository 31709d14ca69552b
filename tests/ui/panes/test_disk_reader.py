"""A volume on the disk: the window never waits for it, and what is shown in the end are its own voxels."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest

from tests.ui.panes.test_frames import SIZE, open_volume
from viewer.imaging.coarse import coarse_copy, copy_slice
from viewer.imaging.sample import Float32, SampleRequest, Slab, sample_planes
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.navigation import scroll
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.panes import disk_reader
from viewer.ui.panes.grid import PaneGrid

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def on_disk(item: OpenVolume) -> OpenVolume:
    volume = replace(item.volume, coarse=coarse_copy(item.volume, 1 << 30))
    assert volume.coarse is not None
    for k in range(volume.geometry.shape[0]):
        copy_slice(volume, volume.coarse, k)
    return replace(item, volume=volume)


class SlowDisk:
    """Stands for a disk: planes are there when `free` is set."""

    def __init__(self) -> None:
        self.free = threading.Event()
        self.free.set()
        self.asked = 0

    def sample_planes(self, requests: Sequence[SampleRequest]) -> list[Float32]:
        self.asked += 1
        assert self.free.wait(20)
        return sample_planes(requests)


@pytest.fixture
def disk(monkeypatch: pytest.MonkeyPatch) -> SlowDisk:
    disk = SlowDisk()
    monkeypatch.setattr(disk_reader, "sample_planes", disk.sample_planes)
    monkeypatch.setattr(disk_reader, "FRAME_S", 0.1)  # a busy machine may need longer than a frame
    return disk


def grid_over(qtbot: QtBot, item: OpenVolume) -> PaneGrid:
    library = Library()
    library.add(item)
    view = ViewState(library)
    view.show(ImageLayer(item.volume.uid, Window(30, 60)), None)
    grid = PaneGrid(view, {"wheel": "scroll"})
    qtbot.addWidget(grid)
    grid.resize(3 * SIZE + 4, SIZE)
    grid.show()
    return grid


Pixels = npt.NDArray[np.uint32]


def pictures(grid: PaneGrid) -> list[Pixels]:
    return [pane.picture.pixels.copy() for pane in grid.panes()]


def sagittal(grid: PaneGrid) -> Pixels:
    (pane,) = [pane for pane in grid.panes() if pane.pane.kind is PlaneKind.SAGITTAL]
    return pane.picture.pixels.copy()


@pytest.fixture
def panes(qtbot: QtBot, disk: SlowDisk) -> Iterator[tuple[PaneGrid, PaneGrid]]:
    """The same ramp in memory and on the disk."""
    item = open_volume("ct", "CT", 1.0)
    made = (grid_over(qtbot, item), grid_over(qtbot, on_disk(item)))
    qtbot.waitUntil(lambda: same(*made))
    yield made
    disk.free.set()
    for grid in made:
        grid.disconnect_state()


def same(one: PaneGrid, other: PaneGrid) -> bool:
    """Equal up to the rounding of a grey level."""
    for a, b in zip(pictures(one), pictures(other), strict=True):
        if not a.size or a.shape != b.shape or distance(a, b).max() > 1:
            return False
    return True


def distance(one: Pixels, other: Pixels) -> npt.NDArray[np.int64]:
    """Grey levels between two pictures."""
    return np.abs((one & 0xFF).astype(np.int64) - (other & 0xFF).astype(np.int64))


def painted(qtbot: QtBot, grid: PaneGrid) -> None:
    """Wait for the next frame."""
    frames = grid.coordinator.frames
    qtbot.waitUntil(lambda: grid.coordinator.frames > frames)


def both(grids: tuple[PaneGrid, PaneGrid], change: Callable[[ViewState], object]) -> None:
    for grid in grids:
        change(grid._view)


def test_that_what_is_in_memory_is_shown_in_the_frame_that_asked(
    panes: tuple[PaneGrid, PaneGrid], qtbot: QtBot
) -> None:
    frames = panes[1].coordinator.frames
    both(panes, lambda view: scroll(view, PlaneKind.SAGITTAL, 3))
    qtbot.waitUntil(lambda: panes[1].coordinator.frames > frames)
    assert panes[1].coordinator.frames == frames + 1
    assert same(*panes)


def test_that_a_slow_disk_delays_no_frame_and_its_voxels_follow(
    panes: tuple[PaneGrid, PaneGrid], qtbot: QtBot, disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_reader, "FRAME_S", 0.005)
    disk.free.clear()
    before = sagittal(panes[1])
    begin = time.monotonic()
    both(panes, lambda view: scroll(view, PlaneKind.SAGITTAL, 3))
    painted(qtbot, panes[1])
    assert time.monotonic() - begin < 2  # the disk would have taken 20 s
    coarse = sagittal(panes[1])
    assert not np.array_equal(coarse, before)  # the copy of the new plane, not the old plane
    shown = sagittal(panes[0])
    assert np.median(distance(coarse, shown)) <= 4  # of a ramp the copy shows nearly the same
    disk.free.set()
    qtbot.waitUntil(lambda: same(*panes))


def test_that_only_the_plane_that_is_wanted_last_is_read(
    panes: tuple[PaneGrid, PaneGrid], qtbot: QtBot, disk: SlowDisk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(disk_reader, "FRAME_S", 0.001)
    disk.free.clear()
    asked = disk.asked
    for _ in range(8):
        both(panes, lambda view: scroll(view, PlaneKind.SAGITTAL, 1))
        painted(qtbot, panes[1])
    disk.free.set()
    qtbot.waitUntil(lambda: same(*panes))
    whole = -(-SIZE // disk_reader.LEAST_ROWS)
    assert disk.asked - asked <= 1 + whole  # the first one, which had begun, and the last one


def test_that_a_slab_and_another_window_come_from_the_disk_too(
    panes: tuple[PaneGrid, PaneGrid], qtbot: QtBot
) -> None:
    both(panes, lambda view: view.set_slab(Slab(5.0)))
    qtbot.waitUntil(lambda: same(*panes))
    both(panes, lambda view: view.set_window(Role.BASE, Window(20, 40)))
    qtbot.waitUntil(lambda: same(*panes))


def test_that_closing_ends_the_thread_and_memory_needs_none(qtbot: QtBot, disk: SlowDisk) -> None:
    def readers() -> int:
        return sum(thread.name == "disk-reader" for thread in threading.enumerate())

    item = open_volume("ct", "CT", 1.0)
    in_memory = grid_over(qtbot, item)
    qtbot.waitUntil(lambda: in_memory.coordinator.frames > 0)
    assert readers() == 0
    grid = grid_over(qtbot, on_disk(item))
    qtbot.waitUntil(lambda: same(in_memory, grid))
    assert readers() == 1
    for made in (in_memory, grid):
        made.disconnect_state()
    assert readers() == 0
