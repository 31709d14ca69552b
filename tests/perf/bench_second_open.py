"""How fast a series opens the second time, out of its kept copy, for each compression; and what keeping it costs.

Run: python -m tests.perf.bench_second_open [--slices 600] [--folder KEEP] [--only jpeg2000 ...] [--json]

Each opening is a process of its own, as it is for the user: the import of the decompressor is in the figure. Copies are
made of every series here, also of those that the program would not keep. The last rows are gaps between ticks of a 1 ms
timer in the window, which shows the series, while nothing happens and while its copy is written.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from pydicom.uid import (
    ExplicitVRLittleEndian,
    HTJ2KLossless,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from tests.perf.bench_load import COLUMNS, ROWS, written
from tests.perf.report import Row, emit
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.events import SlicesReady, VolumeFinished
from viewer.loading.pipeline import load
from viewer.loading.volume_copies import VolumeCopies, Wish, worth_keeping

SYNTAXES = {
    "jpeg2000": JPEG2000Lossless,
    "jpegls": JPEGLSLossless,
    "htj2k": HTJ2KLossless,
    "jpegll": JPEGLosslessSV1,
    "rle": RLELossless,
    "raw": ExplicitVRLittleEndian,
}
RUNS = 3
LIMIT_BYTES = 1 << 36
GAP_S = 1.5
PATIENCE_S = 60.0


@dataclasses.dataclass(frozen=True)
class Opening:
    """One opening in seconds, and what keeping the volume took."""

    first_picture: float
    whole: float
    cpu: float
    keep: float = 0.0
    keep_cpu: float = 0.0
    kept_bytes: int = 0


def rows(folder: Path, slices: int, names: list[str]) -> Iterator[Row]:
    """Open each series some times without a copy and with one."""
    megabytes = slices * ROWS * COLUMNS * 2 / 1e6
    for name in names:
        series = written(folder, slices, name, SYNTAXES[name])
        store = Path(tempfile.mkdtemp(prefix="copies-", dir=folder))
        without = [_in_a_process(series, store) for _ in range(RUNS)]
        kept = _in_a_process(series, store, "--keep")
        second = [_in_a_process(series, store) for _ in range(RUNS)]
        files, copy = (min(run.whole for run in runs) for runs in (without, second))
        pictures = [min(run.first_picture for run in runs) for runs in (without, second)]
        cpus = [1000 * min(run.cpu for run in runs) for runs in (without, second)]
        yield Row(f"{name}: first picture, files", 1000 * pictures[0])
        yield Row(f"{name}: first picture, copy", 1000 * pictures[1])
        yield Row(f"{name}: whole volume, files", 1000 * files, "ms", None, cpus[0])
        yield Row(f"{name}: whole volume, copy", 1000 * copy, "ms", None, cpus[1], copy / files, "files")
        yield Row(f"{name}: kept by itself", float(worth_keeping(files, int(megabytes * 1e6))), "(1 yes)")
        yield Row(f"{name}: writing the copy", 1000 * kept.keep, "ms", None, 1000 * kept.keep_cpu)
        yield Row(
            f"{name}: copy",
            kept.kept_bytes / 1e6,
            "MB",
            None,
            None,
            kept.kept_bytes / 1e6 / megabytes,
            "voxels",
        )
    yield from _gaps(written(folder, slices, "raw", ExplicitVRLittleEndian))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--folder", type=Path, help="keep the series here and use them again")
    parser.add_argument("--only", nargs="*", choices=SYNTAXES, default=list(SYNTAXES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--once", nargs=2, type=Path, metavar=("SERIES", "STORE"), help=argparse.SUPPRESS)
    parser.add_argument("--keep", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.once is not None:
        sys.stdout.write(json.dumps(dataclasses.asdict(_open(*given.once, keep=given.keep))))
        return
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as temporary:
        emit(rows(given.folder or Path(temporary), given.slices, given.only), as_json=given.json)


def _in_a_process(series: Path, store: Path, *more: str) -> Opening:
    command = [sys.executable, "-m", "tests.perf.bench_second_open", "--once", str(series), str(store), *more]
    answer = subprocess.run(command, check=True, capture_output=True, text=True)
    return Opening(**json.loads(answer.stdout))


def _open(series: Path, store: Path, *, keep: bool) -> Opening:
    copies = VolumeCopies(store, LIMIT_BYTES)
    wishes: list[Wish] = []
    if keep:
        _keep_everything()
        copies.wanted = wishes.append
    memory = VolumeCache(1 << 34, lambda: copies)
    started, cpu = time.perf_counter(), time.process_time()
    first = whole = 0.0
    for event in load([series], cancel=CancelToken(), cache=memory, thumbnails=False):
        if isinstance(event, SlicesReady) and not first:
            first = time.perf_counter() - started
        elif isinstance(event, VolumeFinished):
            whole = time.perf_counter() - started
    found = Opening(first, whole, time.process_time() - cpu)
    if not wishes:
        return found
    started, cpu = time.perf_counter(), time.process_time()
    if not copies.write(wishes[0], lambda: None):
        raise SystemExit("the copy could not be written")
    took = time.perf_counter() - started, time.process_time() - cpu
    return dataclasses.replace(found, keep=took[0], keep_cpu=took[1], kept_bytes=copies.usage().nbytes)


def _keep_everything() -> None:
    import viewer.loading.volume_copies as volume_copies

    volume_copies.LEAST_S = volume_copies.LEAST_GAIN = 0.0


def _gaps(series: Path) -> Iterator[Row]:
    """Ticks of the window in which the series is shown, idle and while its copy is written."""
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    from tests.perf.bench_stalls import Ticks
    from viewer.app import application, make_ready, make_window
    from viewer.settings import Settings
    from viewer.ui.theme import apply_theme
    from viewer.ui.volume_copying import VolumeCopying

    _keep_everything()
    app = application()
    apply_theme(app, "dark")
    window = make_window(Settings.load())
    window.show()
    make_ready(window)
    copying = VolumeCopying.of(window)
    if copying is None:
        raise SystemExit("the window keeps nothing")
    store = copying.store()
    wanted, wishes = store.wanted, list[Wish]()
    store.wanted = wishes.append

    def run(done: Callable[[], bool]) -> Ticks:
        ticks, begin = Ticks(), time.perf_counter()
        while not done() or time.perf_counter() - begin < GAP_S:
            app.processEvents()
            time.sleep(0.0002)
            if time.perf_counter() - begin > PATIENCE_S:
                raise SystemExit("the window waits in vain")
        return ticks

    run(lambda: True)
    window.open([series])
    run(lambda: bool(wishes) and not window.context.loader.busy)
    gaps: dict[str, list[float]] = {}
    for _ in range(RUNS):
        for what in ("window idle", "copy being written"):
            store.clear()
            if wanted is not None and what != "window idle":
                wanted(wishes[0])
            _, late, longest = run(lambda: copying.settled).stop()
            gaps.setdefault(f"{what}: p99 gap", []).append(late)
            gaps.setdefault(f"{what}: longest gap", []).append(longest)
        if store.usage().copies != 1:
            raise SystemExit("the copy was not written")
    for name, found in gaps.items():
        yield Row(f"{name}, median of {RUNS}", statistics.median(found))
    window.close()


if __name__ == "__main__":
    main()
