"""A volume of eight times the memory limit: loading it, gestures on it, and what the disk makes of them.

Run: python -m tests.perf.bench_disk [--slices 600] [--folder KEEP] [--events 200] [--json]

Writes an uncompressed series first, unless KEEP holds it already. "Warm" is what the system still has in memory, "cold"
what it was asked to forget. A frame shows the volume's own voxels when they are there in time, else a coarser copy; the
row about own voxels says how often they were. Linux only. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.perf.bench_load import bench_folder, plain_read, written
from tests.perf.report import Row, emit
from viewer.imaging.volume import Volume
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady
from viewer.loading.pipeline import load
from viewer.settings import cache_dir

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

    from viewer.state.view import ViewState
    from viewer.ui.panes.grid import PaneGrid

SHARE = 8
PANE = 800
FRAME_MS = 16.0
_FORGET_MAPPED = 4  # MADV_DONTNEED


def rows(series: Path, slices: int, events: int) -> Iterator[Row]:
    """Load, show, measure."""
    voxels = slices * 512 * 512 * 2
    budget = voxels // SHARE
    plain = min(plain_read(series) for _ in range(2))
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    started = time.perf_counter()
    cpu = time.process_time()
    loaded = [
        event
        for event in load([series], cancel=CancelToken(), budget_bytes=budget, thumbnails=False)
        if isinstance(event, GeometryReady)
    ]
    seconds = time.perf_counter() - started
    cpu_ms = 1000 * (time.process_time() - cpu)
    peak_mb = _peak_mb()
    opened = loaded[0]
    if not opened.volume.on_disk:
        raise SystemExit("the volume fitted into the budget")
    kind = f"{slices} slices, limit 1/{SHARE}: "
    yield Row(kind + "whole volume", 1000 * seconds, "ms", None, cpu_ms, seconds / plain, "plain read")
    limit_mb = budget / 1e6 + 150
    yield Row(
        kind + "peak memory of loading", peak_mb, "MB", limit_mb, None, peak_mb / (voxels / 1e6), "voxels"
    )
    yield from _shown(opened, kind, events)


def _shown(opened: GeometryReady, kind: str, events: int) -> Iterator[Row]:
    """Three panes over it."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from PySide6.QtWidgets import QApplication

    from tests.perf.bench_gestures import quietest
    from viewer.imaging.window import Window
    from viewer.state.layers import ImageLayer
    from viewer.state.library import Library, OpenVolume
    from viewer.state.navigation import scroll
    from viewer.state.panes import PlaneKind
    from viewer.state.view import ViewState
    from viewer.ui.panes.grid import PaneGrid

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    stored = opened.volume
    in_memory = replace(stored, array=stored.array.copy(), coarse=None, columns=None)
    view = ViewState(Library())
    item = OpenVolume(in_memory, opened.stack, opened.series, opened.study)
    view.library.add(item)
    view.show(ImageLayer(stored.uid, Window(40, 400)), None)
    view.set_layout("three")
    grid = PaneGrid(view, {})
    grid.resize(3 * PANE + 4, PANE)
    grid.show()
    _settle(app, grid)

    def wheel_on(plane: PlaneKind) -> Callable[[int], None]:
        return lambda n: scroll(view, plane, 1 if n % 40 < 20 else -1)

    wheel = {plane: wheel_on(plane) for plane in (PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL)}
    base = {plane: quietest(app, event, events, 3) for plane, event in wheel.items()}
    view.library.replace(replace(item, volume=stored))
    del item, in_memory
    for plane, event in wheel.items():
        for n in range(40):  # until the system has it in memory
            event(n)
            _settle(app, grid)
        own: list[bool] = []

        def turn(n: int, event: Callable[[int], object] = event, own: list[bool] = own) -> None:
            event(n)
            app.processEvents()
            own.append(not _reading(grid))

        _, late, cpu = quietest(app, turn, events, 3)
        ratio = cpu / base[plane][2]
        yield Row(f"{kind}wheel {plane.value} p95", late, "ms", FRAME_MS, cpu, ratio, "in memory (CPU)")
        yield Row(f"{kind}wheel {plane.value}, own voxels in the frame", 100 * float(np.mean(own)), "%")
    longest, arrival = _jumps(app, view, grid, stored)
    yield Row(f"{kind}jump to three cold planes, longest frame", longest, "ms", 2 * FRAME_MS)
    yield Row(f"{kind}jump to three cold planes, own voxels after, median", arrival, "ms")
    grid.disconnect_state()
    grid.deleteLater()


def _jumps(app: QApplication, view: ViewState, grid: PaneGrid, volume: Volume) -> tuple[float, float]:
    """(longest frame, median time until all is shown in its own voxels) in ms after the system forgot the volume."""
    rng = np.random.default_rng(2)
    longest, arrivals = 0.0, []
    shape = np.array(volume.geometry.shape)
    for _ in range(8):
        _forget(volume)
        begin = time.perf_counter()
        view.set_cursor(volume.geometry.to_patient(shape * rng.uniform(0.2, 0.8, 3)))
        longest = max(longest, _settle(app, grid))
        arrivals.append(1000 * (time.perf_counter() - begin))
    return longest, float(np.median(arrivals))


def _settle(app: QApplication, grid: PaneGrid) -> float:
    """Paint until nothing is being read any more; the longest time in ms in which the window did not answer."""
    longest = 0.0
    while True:
        begin = time.perf_counter()
        app.processEvents()
        longest = max(longest, 1000 * (time.perf_counter() - begin))
        if not _reading(grid):
            return longest
        time.sleep(0.001)


def _reading(grid: PaneGrid) -> bool:
    return any(pane.picture.reading for pane in grid.panes())


def _forget(volume: Volume) -> None:
    """Ask the system to drop the voxels from memory."""
    libc = ctypes.CDLL(None)
    arrays = [volume.array] if volume.columns is None else [volume.array, volume.columns.array]
    for array in arrays:
        libc.madvise(ctypes.c_void_p(array.ctypes.data), ctypes.c_size_t(array.nbytes), _FORGET_MAPPED)
    for descriptor in Path("/proc/self/fd").iterdir():
        if descriptor.is_symlink() and str(descriptor.readlink()).startswith(str(cache_dir())):
            os.fsync(int(descriptor.name))
            os.posix_fadvise(int(descriptor.name), 0, 0, os.POSIX_FADV_DONTNEED)


def _peak_mb() -> float:
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--folder", type=Path, help="keep the series here and use it again")
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with bench_folder(given.folder) as folder:
        emit(rows(written(folder, given.slices), given.slices, given.events), as_json=given.json)


if __name__ == "__main__":
    main()
