"""How fast a study opens, beside a plain read of the same files into one array in the same run.

Run: python -m tests.perf.bench_load [--slices 600] [--compressed] [--folder KEEP] [--many 10000] [--json]

Writes the series first, unless KEEP holds it already. Rows without "cold" are of files in the disk cache. Where
SimpleITK is installed its series reader reads the same files. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import resource
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from pydicom.uid import ExplicitVRLittleEndian, JPEGLosslessSV1

from tests.perf.report import Row, emit
from tests.phantoms import write_series
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Finished, GeometryReady, Indexed, SlicesReady
from viewer.loading.order import load_passes
from viewer.loading.pipeline import load

ROWS = COLUMNS = 512


GOALS_MS = {
    (600, False): {"first image": 80.0, "first image, cold": 200.0, "whole volume": 300.0},
    (600, True): {"first image": 200.0, "coarse on three planes": 400.0, "whole volume": 2500.0},
}
MOST_PLAIN_READS = 1.5
"""Limit of the whole volume, uncompressed, in plain reads of the same bytes."""


def rows(folder: Path, slices: int, many: int, *, compressed: bool) -> Iterator[Row]:
    """Make or reuse a series, then measure."""
    series = written(folder, slices, *(("jpegll", JPEGLosslessSV1) if compressed else ()))
    kind = f"{slices} {'JPEG lossless' if compressed else 'uncompressed'}: "
    goals = GOALS_MS.get((slices, compressed), {})
    before_mb = _peak_mb()
    plain = min(plain_read(series) for _ in range(3))

    def row(name: str, seconds: float, cpu: float | None = None) -> Row:
        limit = goals.get(name)
        cpu_ms = None if cpu is None else 1000 * cpu
        return Row(kind + name, 1000 * seconds, "ms", limit, cpu_ms, seconds / plain, "plain read")

    yield row("plain read into one array", plain)
    runs = [_load(series, slices) for _ in range(3)]
    grown_mb = _peak_mb() - before_mb
    best = {name: min(run[name] for run in runs) for name in runs[0]}
    cpu = best.pop("CPU")
    for name, seconds in best.items():
        yield row(name, seconds, cpu if name == "whole volume" else None)
    if not compressed:
        whole = best["whole volume"] / plain
        yield Row(kind + "whole volume in plain reads", whole, "x", MOST_PLAIN_READS)
    yield row("cancel to the last event", max(_cancel(series) for _ in range(5)))
    voxels_mb = slices * ROWS * COLUMNS * 2 / 1e6
    limit_mb = 1.05 * voxels_mb + 150
    base_mb = before_mb + grown_mb
    yield Row(
        kind + "peak memory of the process", base_mb, "MB", limit_mb, None, base_mb / voxels_mb, "voxels"
    )
    if _forget(series):
        cold = _load(series, slices)
        yield row("first image, cold", cold["first image"])
        _forget(series)
        yield row("plain read, cold", plain_read(series))
    yield from _other_readers(series, kind, plain)
    if many:
        yield from _many(folder / f"many-{many}", many)


def written(folder: Path, slices: int, name: str = "raw", syntax: str = ExplicitVRLittleEndian) -> Path:
    """The folder of a series, written unless it is there."""
    series = folder / f"{slices}-{name}"
    if not series.exists():
        affine = np.diag([0.5, 0.5, 1.0, 1.0])[[2, 1, 0, 3]]
        write_series(series, _head(slices), affine, transfer_syntax=syntax)
    return series


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--compressed", action="store_true", help="JPEG lossless instead of uncompressed")
    parser.add_argument("--folder", type=Path, help="keep the series here and use it again")
    parser.add_argument("--many", type=int, default=10_000, help="files of the indexing rows, 0 for none")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with bench_folder(given.folder) as folder:
        emit(rows(folder, given.slices, given.many, compressed=given.compressed), as_json=given.json)


def _peak_mb() -> float:
    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
    )


def _forget(series: Path) -> bool:
    """Ask the system to drop the files from its cache; False where it cannot be asked."""
    if not hasattr(os, "posix_fadvise"):
        return False
    for path in series.iterdir():
        handle = os.open(path, os.O_RDONLY)
        os.fsync(handle)
        os.posix_fadvise(handle, 0, 0, os.POSIX_FADV_DONTNEED)
        os.close(handle)
    return True


def _other_readers(series: Path, kind: str, plain: float) -> Iterator[Row]:
    """The same files by SimpleITK where it is installed."""
    if importlib.util.find_spec("SimpleITK") is None:
        return
    import SimpleITK

    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(path) for path in sorted(series.iterdir())])
    started = time.perf_counter()
    reader.Execute()
    seconds = time.perf_counter() - started
    yield Row(
        kind + "whole volume by SimpleITK, for comparison",
        1000 * seconds,
        "ms",
        None,
        None,
        seconds / plain,
        "plain read",
    )


@contextmanager
def bench_folder(kept: Path | None) -> Iterator[Path]:
    """The folder for series: the one to be kept, or a temporary one."""
    if kept is not None:
        kept.mkdir(parents=True, exist_ok=True)
        yield kept
        return
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as name:
        yield Path(name)


def _head(slices: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int16]]:
    """An ellipsoid with noise: compresses like a head, which a constant would not."""
    random = np.random.default_rng(1)
    j, i = np.mgrid[-1 : 1 : ROWS * 1j, -1 : 1 : COLUMNS * 1j]
    noise = random.normal(0, 12, (8, ROWS, COLUMNS))
    array = np.empty((slices, ROWS, COLUMNS), np.int16)
    for k in range(slices):
        inside = (j / 0.9) ** 2 + (i / 0.7) ** 2 + ((2 * k / slices - 1) / 1.1) ** 2 < 1
        array[k] = np.where(inside, 40 + noise[k % 8], -1000 + noise[k % 8] / 4)
    return array


def plain_read(series: Path) -> float:
    """Seconds to read all files into one array, headers and all; the array is there already."""
    paths = sorted(series.iterdir())
    view = memoryview(np.zeros(sum(path.stat().st_size for path in paths), np.uint8).data)
    started = time.perf_counter()
    at = 0
    for path in paths:
        with path.open("rb", buffering=0) as file:
            at += file.readinto(view[at:]) or 0
    return time.perf_counter() - started


def _load(series: Path, slices: int) -> dict[str, float]:
    """Seconds to each milestone."""
    coarse = {k for one_pass in load_passes(slices)[:2] for k in one_pass}
    found: dict[str, float] = {}
    there: set[int] = set()
    cpu = time.process_time()
    started = time.perf_counter()
    for event in load([series], cancel=CancelToken(), thumbnails=False):
        now = time.perf_counter() - started
        match event:
            case Indexed(catalogue) if catalogue.studies:
                found.setdefault("first study listed", now)
                if event.complete:
                    found["index complete"] = now
            case GeometryReady():
                found["geometry"] = now
            case SlicesReady(slices=fresh):
                found.setdefault("first image", now)
                there.update(fresh)
                if coarse <= there:
                    found.setdefault("coarse on three planes", now)
            case Finished():
                found["whole volume"] = now
            case _:
                pass
    found["CPU"] = time.process_time() - cpu
    return found


def _cancel(series: Path) -> float:
    """Seconds from a cancel in the middle of the slices to the last event."""
    token = CancelToken()
    running = load([series], cancel=token, thumbnails=False)
    for event in running:
        if isinstance(event, SlicesReady):
            break
    threading.Timer(0.02, token.cancel).start()
    started = time.perf_counter() + 0.02
    for _ in running:
        pass
    return max(0.0, time.perf_counter() - started)


def _many(folder: Path, files: int) -> Iterator[Row]:
    """A folder of many small files."""
    if not folder.exists():
        affine = np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
        each = 500
        for number in range(files // each):
            tiny = np.zeros((each, 8, 8), np.int16)
            write_series(folder / f"{number:03d}", tiny, affine, uid_seed=f"many{number}")
    started = time.perf_counter()
    first = complete = 0.0
    for event in load([folder], cancel=CancelToken(), thumbnails=False):
        if isinstance(event, Indexed) and event.catalogue.studies:
            first = first or time.perf_counter() - started
            if event.complete:
                complete = time.perf_counter() - started
                break
    goal = files == 10_000
    yield Row(f"{files} files: first study listed", 1000 * first, "ms", 200.0 if goal else None)
    yield Row(f"{files} files: index complete", 1000 * complete, "ms", 1500.0 if goal else None)


if __name__ == "__main__":
    main()
