"""How fast a study opens: `python -m tests.perf.bench_load [--slices 600] [--compressed] [--folder KEEP]`.

Every row is a time and its ratio to a plain read of the same files into one array in the same run, so that the figures
of a busy machine can be compared. Nothing is asserted.
"""

from __future__ import annotations

import argparse
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

from tests.phantoms import write_series
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Finished, GeometryReady, Indexed, SlicesReady
from viewer.loading.order import load_passes
from viewer.loading.pipeline import load

ROWS = COLUMNS = 512


def main() -> None:
    """Make or reuse a series, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--compressed", action="store_true", help="JPEG lossless instead of uncompressed")
    parser.add_argument("--folder", type=Path, help="keep the series here and use it again")
    parser.add_argument(
        "--many", type=int, default=10_000, help="files of the indexing row, 0 to leave it out"
    )
    arguments = parser.parse_args()
    with _folder(arguments.folder) as folder:
        series = folder / f"{arguments.slices}-{'jpegll' if arguments.compressed else 'raw'}"
        if not series.exists():
            syntax = JPEGLosslessSV1 if arguments.compressed else ExplicitVRLittleEndian
            write_series(
                series,
                _head(arguments.slices),
                np.diag([0.5, 0.5, 1.0, 1.0])[[2, 1, 0, 3]],
                transfer_syntax=syntax,
            )
        plain = min(_plain_read(series) for _ in range(3))
        size = arguments.slices * ROWS * COLUMNS * 2
        kind = "JPEG lossless" if arguments.compressed else "uncompressed"
        print(f"{arguments.slices} slices, {size / 1e6:.0f} MB of voxels, {kind}")
        _row("plain read into one array", plain, plain)
        runs = [_load(series, arguments.slices) for _ in range(3)]
        for name in runs[0]:
            _row(name, min(run[name] for run in runs), plain)
        _row("cancel to the last event", max(_cancel(series) for _ in range(5)), plain)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
        print(f"{'peak memory of the process':32} {peak / 1e6:8.0f} MB")
        if arguments.many:
            _many(folder / f"many-{arguments.many}", arguments.many)


def _row(name: str, seconds: float, plain: float) -> None:
    print(f"{name:32} {seconds * 1000:8.1f} ms   {seconds / plain:6.2f} x plain read")


@contextmanager
def _folder(kept: Path | None) -> Iterator[Path]:
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


def _plain_read(series: Path) -> float:
    """Seconds to read all files into one array, headers and all."""
    paths = sorted(series.iterdir())
    started = time.perf_counter()
    buffer = bytearray(sum(path.stat().st_size for path in paths))
    view = memoryview(buffer)
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
    found["whole volume, CPU"] = time.process_time() - cpu
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


def _many(folder: Path, files: int) -> None:
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
    print(f"{files} files: first study listed {first * 1000:.0f} ms, index complete {complete * 1000:.0f} ms")


if __name__ == "__main__":
    main()
