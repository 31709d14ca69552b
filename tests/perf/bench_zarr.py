"""A volume of an archive larger than the memory limit, in the window: first pictures, the wheel, memory.

Run: python -m tests.perf.bench_zarr [--slices 600] [--side 512] [--share 8] [--folder KEEP] [--json]

Writes the volume first, unless KEEP holds it already. It is opened twice: with a disk that has room for its voxels, and
with a full one, where slices come when they are looked at and go when others do. Linux only. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np

from tests.formats.volumes import catalogue_of
from tests.perf.bench_disk import _peak_mb
from tests.perf.report import Row, emit
from tests.phantoms import write_series
from viewer.dicom.model import FrameSource
from viewer.imaging.geometry import VolumeGeometry

STEPS = 60
STRIDE = 7
"""Slices from one wheel step to the next: farther than what is read ahead."""


class Noise:
    """Slices that compress as a CT does: a smooth ramp and noise."""

    sequential = False
    packed = False
    remote = False
    dtype = np.dtype(np.int16)

    def __init__(self, side: int) -> None:
        self._rows, self._columns = np.indices((side, side), dtype=np.int32)
        self._noise = np.random.default_rng(1).integers(-20, 20, (side, side), dtype=np.int16)

    def read(self, frame: FrameSource) -> Any:
        """One slice."""
        wave = (self._rows * 3 + self._columns * 2 + frame.frame * 5) % 2000
        return (wave + np.roll(self._noise, frame.frame)).astype(np.int16)


def write(folder: Path, slices: int, side: int) -> Path:
    """The volume, once."""
    path = folder / f"{slices}x{side}.zarr"
    if path.exists():
        return path
    from viewer.archive.stores import StoreKind
    from viewer.archive.write import write_volume

    affine = np.array([[0, 0, 0.7, 0.0], [0, 0.7, 0, 0.0], [1.0, 0, 0, 0.0], [0, 0, 0, 1.0]])
    with tempfile.TemporaryDirectory() as name:
        write_series(Path(name) / "dicom", np.zeros((2, 8, 8), np.int16), affine)
        (study,) = catalogue_of(Path(name)).studies
        (series,) = study.series
        (stack,) = series.stacks
        frames = tuple(
            replace(stack.frames[0], frame=k, frames=slices, offset=-1, sop_instance_uid=f"2.25.{k + 1}")
            for k in range(slices)
        )
        stack = replace(
            stack,
            frames=frames,
            geometry=VolumeGeometry((slices, side, side), affine, "2.25.9"),
            pixels=replace(stack.pixels, rows=side, columns=side),
            source=Noise(side),
        )
        write_volume(path, StoreKind.SHARD, stack, series, study, check=False)
    return path


def rows(path: Path, slices: int, share: int) -> Iterator[Row]:
    """Open it both ways."""
    from viewer.loading import voxel_file

    voxels = slices * int(path.stem.split("x")[1]) ** 2 * 2
    budget = voxels // share
    kind = f"{voxels / 1e9:.1f} GB, limit 1/{share}, "
    yield from _shown(path, budget, kind + "room on the disk: ")
    with patch.object(voxel_file, "SPARE_BYTES", 1 << 60):
        yield from _shown(path, budget, kind + "full disk: ")


def _shown(path: Path, budget: int, kind: str) -> Iterator[Row]:
    from PySide6.QtWidgets import QApplication

    from viewer.app import make_window
    from viewer.loading.cache import VolumeCache
    from viewer.loading.events import LoadEvent, PreviewReady, SlicesReady
    from viewer.settings import Settings

    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    settings = Settings.load()
    settings.set("intended-use.seen", True)
    window = make_window(settings)
    window.resize(1400, 900)
    window.show()
    window.session._cache = VolumeCache(budget)
    times: dict[str, float] = {}

    def note(event: LoadEvent) -> None:
        times.setdefault(type(event).__name__, time.perf_counter() - started)

    def wait(done: Callable[[], bool], at_most_s: float = 300.0) -> float:
        begin = time.perf_counter()
        while not done() and time.perf_counter() - begin < at_most_s:
            app.processEvents()
            time.sleep(0.0005)  # the program's own loop sleeps, too
        return 1000 * (time.perf_counter() - begin)

    def drawn() -> bool:
        return all(pane.scene_shown is not None and not pane.stale for pane in window.grid.panes())

    window.session.progressed.connect(note)
    view = window.context.view
    wait(lambda: False, 1.0)
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak begins anew
    before = _peak_mb()
    started = time.perf_counter()
    window.context.loader.open_paths([path])
    wait(lambda: {PreviewReady.__name__, SlicesReady.__name__} <= times.keys() and drawn())
    yield Row(kind + "slice under the cursor", 1000 * times["SlicesReady"])
    yield Row(kind + "all planes, coarse", 1000 * times["PreviewReady"])
    item = view.base_volume
    assert item is not None
    volume = item.volume
    count, side, _ = volume.geometry.shape
    taken = []
    for n in range(STEPS):
        k = (count // 4 + n * STRIDE) % count
        view.set_cursor(volume.geometry.to_patient([k, side // 2, side // 2]))
        taken.append(wait(lambda k=k: bool(volume.ready[k]) and drawn(), 10.0))  # type: ignore[misc]
    yield Row(kind + "wheel step to full slice, median", float(np.median(taken)))
    yield Row(kind + "wheel step to full slice, p95", float(np.percentile(taken, 95)))
    wait(lambda: not window.context.loader.busy)
    yield Row(kind + "loaded", time.perf_counter() - started, "s")
    yield Row(kind + "peak memory beside the window", _peak_mb() - before, "MB", budget / 1e6 + 150)
    window.close()
    window.deleteLater()
    wait(lambda: False, 0.5)


def main() -> None:
    """Run it."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--side", type=int, default=512)
    parser.add_argument("--share", type=int, default=8)
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    with tempfile.TemporaryDirectory() as name:
        folder = given.folder or Path(name)
        folder.mkdir(parents=True, exist_ok=True)
        path = write(folder, given.slices, given.side)
        emit(rows(path, given.slices, given.share), as_json=given.json)


if __name__ == "__main__":
    main()
