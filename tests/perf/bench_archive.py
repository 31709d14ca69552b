"""How fast series become volumes and volumes open, beside reading the bytes and a plain script in the same run.

Run: python -m tests.perf.bench_archive [--study FOLDER] [--slices 300] [--json]

Without `--study` the built-in PET/CT study and a synthetic CT of `--slices` are converted. The plain script is pydicom
and zarr as anyone would put them together: no digests, levels, checks or syncing, one process. MB are those of the
stored values. "cold" is a volume that was just opened, its file in the disk cache. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import pydicom
import zarr
from zarr.codecs import BloscCodec, BloscShuffle

from tests.perf.report import Row, emit
from tests.phantoms import write_series
from viewer.archive.cluster import Cluster
from viewer.archive.convert import run
from viewer.archive.keys import make_key, only
from viewer.archive.manifest import Task, scan, shard_files, tasks_of
from viewer.archive.outcome import Summary
from viewer.archive.reader import ArchiveVolume, volumes_below
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Finished, SlicesReady
from viewer.loading.pipeline import load

READ, PLAIN = "reading the bytes", "plain script"
PLANES = ("axial", "coronal", "sagittal")


def rows(study: Path, folder: Path) -> Iterator[Row]:
    """Convert a study in several ways, then open its largest volume."""
    manifest = folder / "manifest"
    started = time.perf_counter()
    found = scan([study], manifest)
    yield Row("scan: first run", found.files / (time.perf_counter() - started), "files/s")
    started = time.perf_counter()
    scan([study], manifest)
    yield Row("scan: second run", found.files / (time.perf_counter() - started), "files/s")
    tasks = [task for shard in shard_files(manifest) for task in tasks_of(shard)]
    yield from _conversions(manifest, tasks, folder)
    path, task = _largest(folder / "0-True", tasks)
    yield from _opening(path, task, folder)
    yield from _planes(path)
    yield from _encryption(manifest, folder)
    yield from _memory(task, path, folder)


# --- Converting --------------------------------------------------------------------------------------------------


def _conversions(manifest: Path, tasks: Sequence[Task], folder: Path) -> Iterator[Row]:
    read_s = min(
        _timed(lambda: [Path(f).read_bytes() for task in tasks for f in task.files])[0] for _ in range(2)
    )
    plain_s, plain_cpu = _timed(lambda: _plain_script(tasks, folder / "plain"))
    kinds = {"in this process": (0, True), "in this process, not read back": (0, False)}
    kinds |= {"by 1 worker": (1, True), "by 2 workers": (2, True)}
    summaries: dict[str, tuple[Summary, float]] = {}
    for name, (workers, check) in kinds.items():
        before = time.process_time()
        # Starting the processes of a cluster is not counted.
        (summary,) = run(manifest, folder / f"{workers}-{check}", Cluster(workers), check=check)
        summaries[name] = (summary, time.process_time() - before)
    raw_mb, count = summary.raw_bytes / 1e6, summary.counts["converted"]
    yield Row(READ, raw_mb / read_s, "MB/s")
    yield Row(PLAIN, raw_mb / plain_s, "MB/s", None, 1000 * plain_cpu)
    for name, (summary, cpu) in summaries.items():
        cpu_ms = 1000 * cpu if "process" in name else None
        faster = plain_s / summary.seconds
        yield Row(f"convert {name}", raw_mb / summary.seconds, "MB/s", None, cpu_ms, faster, PLAIN)
        yield Row(f"convert {name}: series", count / summary.seconds, "series/s")
    stored_mb = summary.stored_bytes / 1e6
    yield Row("size on the disk", stored_mb, "MB", None, None, stored_mb / raw_mb, "stored values")


def _plain_script(tasks: Sequence[Task], folder: Path) -> None:
    """What a person would write in ten lines."""
    for n, task in enumerate(tasks):
        datasets = sorted(
            (pydicom.dcmread(path) for path in task.files),
            key=lambda d: float(d.get("ImagePositionPatient", [0, 0, d.get("InstanceNumber", 0)])[2]),
        )
        array = np.stack([dataset.pixel_array for dataset in datasets])
        stored = zarr.create_array(
            folder / str(n),
            shape=array.shape,
            chunks=(1, *array.shape[1:]),
            shards=array.shape,
            dtype=array.dtype,
            compressors=BloscCodec(cname="zstd", clevel=3, shuffle=BloscShuffle.bitshuffle),
        )
        stored[...] = array


def _timed(work: Callable[[], object]) -> tuple[float, float]:
    """(wall time, processor time) in seconds."""
    started, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - started, time.process_time() - cpu


# --- Opening -----------------------------------------------------------------------------------------------------


def _largest(archive: Path, tasks: Sequence[Task]) -> tuple[Path, Task]:
    """The volume with the most voxels and the series it was made from."""

    def voxels(path: Path) -> int:
        with ArchiveVolume(path) as volume:
            return int(np.prod(volume.stack.geometry.shape))

    path = max(volumes_below(archive), key=voxels)
    name = path.parent.relative_to(archive).as_posix()
    return path, next(task for task in tasks if task.row.name == name)


def _opening(path: Path, task: Task, folder: Path) -> Iterator[Row]:
    """The pipeline of the viewer on the files and on the volume."""
    copied = folder / "copied"
    copied.mkdir()
    for n, file in enumerate(task.files):
        (copied / f"{n:05d}.dcm").write_bytes(Path(file).read_bytes())
    times = {
        name: [_open(place) for _ in range(5)] for name, place in {"DICOM": copied, "Zarr": path}.items()
    }
    for index, what in enumerate(("first picture", "whole volume")):
        dicom, archived = (min(run[index] for run in times[name]) for name in ("DICOM", "Zarr"))
        cpus = [1000 * min(run[2] for run in times[name]) if index else None for name in ("DICOM", "Zarr")]
        yield Row(f"{what} from DICOM", 1000 * dicom, "ms", None, cpus[0])
        yield Row(f"{what} from Zarr", 1000 * archived, "ms", None, cpus[1], archived / dicom, "from DICOM")


def _open(place: Path) -> tuple[float, float, float]:
    """Seconds to the first picture and to the whole volume, and of processor time."""
    started, cpu = time.perf_counter(), time.process_time()
    first = 0.0
    for event in load([place], cancel=CancelToken(), thumbnails=False):
        if isinstance(event, SlicesReady) and not first:
            first = time.perf_counter() - started
        elif isinstance(event, Finished):
            return first, time.perf_counter() - started, time.process_time() - cpu
    raise RuntimeError("the series could not be opened")


def _planes(path: Path) -> Iterator[Row]:
    """A plane across the volume, of a reader that was just opened and of one that keeps chunks."""
    with ArchiveVolume(path) as volume:
        shape = volume.stack.geometry.shape
        nbytes = int(np.prod(shape)) * 2
    for axis, plane in enumerate(PLANES):
        cold = []
        for n in range(3):
            with ArchiveVolume(path) as volume:
                started = time.perf_counter()
                volume.stored_plane(axis, (n + 1) * shape[axis] // 5)
                cold.append(time.perf_counter() - started)
        yield Row(f"{plane} plane, cold", 1000 * float(np.median(cold)))
        with ArchiveVolume(path, cache_bytes=2 * nbytes) as volume:
            volume.stored_plane(1, 0)
            warm = []
            for index in range(0, shape[axis], max(1, shape[axis] // 40)):
                started = time.perf_counter()
                volume.stored_plane(axis, index)
                warm.append(time.perf_counter() - started)
        yield Row(f"{plane} plane, chunks kept", 1000 * float(np.median(warm)))


# --- Encryption --------------------------------------------------------------------------------------------------


def _read(volume: ArchiveVolume) -> None:
    for k in range(len(volume.slices)):
        volume.stored_slice(k)


def _encryption(manifest: Path, folder: Path) -> Iterator[Row]:
    """The same layout in the open and encrypted, in turn, the best of three each."""
    key = make_key(folder / "bench.key")
    best: dict[tuple[str, bool], tuple[float, float]] = {}
    megabytes: dict[str, float] = {}

    def keep(what: str, encrypted: bool, timed: tuple[float, float]) -> None:
        before = best.get((what, encrypted), timed)
        best[what, encrypted] = (min(before[0], timed[0]), min(before[1], timed[1]))

    for n in range(3):
        for encrypt in (None, key):
            archive, cpu = folder / f"{encrypt is not None}-{n}", time.process_time()
            (summary,) = run(manifest, archive, Cluster(0), store="sqlite", encrypt=encrypt)
            keep("convert to", encrypt is not None, (summary.seconds, time.process_time() - cpu))
            path = max(volumes_below(archive), key=lambda path: path.stat().st_size)
            with ArchiveVolume(path, find=only(key)) as volume:
                nbytes = len(volume.slices) * volume.stored_slice(0).nbytes
                keep("read from", encrypt is not None, _timed(partial(_read, volume)))
            megabytes = {"convert to": summary.raw_bytes / 1e6, "read from": nbytes / 1e6}
    for (what, encrypted), (wall, cpu) in sorted(best.items()):
        name = f"{what} sqlite, {'encrypted' if encrypted else 'in the open'}"
        ratio, base = (best[what, False][0] / wall, "in the open") if encrypted else (None, "")
        yield Row(name, megabytes[what] / wall, "MB/s", None, 1000 * cpu, ratio, base)


# --- Memory ------------------------------------------------------------------------------------------------------

_CONVERT = """
import sys
from pathlib import Path
from viewer.archive.cluster import Cluster
from viewer.archive.convert import run
from viewer.archive.manifest import scan
import pyarrow.parquet, zarr, viewer.archive.write, viewer.dicom.decode, viewer.dicom.codecs
def peak_kb():
    # What getrusage says includes the parent's memory before the program was started.
    return int(next(line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")))
before = peak_kb()
scan([Path(sys.argv[1])], Path(sys.argv[2]) / "manifest")
(summary,) = run(Path(sys.argv[2]) / "manifest", Path(sys.argv[2]) / "archive", Cluster(0))
assert summary.counts["converted"] == 1
print(before, peak_kb())
"""


def _memory(task: Task, path: Path, folder: Path) -> Iterator[Row]:
    """Peak memory of converting the largest series alone, beyond that of the imports; Linux only."""
    if not Path("/proc/self/status").is_file():
        return
    with ArchiveVolume(path) as volume:
        voxels_mb = int(np.prod(volume.stack.geometry.shape)) * volume.stack.pixels.bits_allocated / 8e6
    answer = subprocess.run(
        [sys.executable, "-c", _CONVERT, str(folder / "copied"), str(folder / "memory")],
        capture_output=True,
        text=True,
        check=True,
    )
    before, after = (int(text) * 1.024e-3 for text in answer.stdout.split())
    yield Row(
        "peak memory of converting it",
        after - before,
        "MB",
        ratio=(after - before) / voxels_mb,
        base="stored values",
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", type=Path, metavar="FOLDER", help="real DICOM files")
    parser.add_argument("--slices", type=int, default=300, help="slices of the synthetic CT")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as name:
        folder = Path(name)
        study = given.study
        if study is None:
            study = _study(folder / "study", given.slices)
        emit(rows(study, folder), as_json=given.json)


def _study(folder: Path, slices: int) -> Path:
    """The built-in study and a CT whose values are smooth with some noise, as those of a scanner are."""
    from viewer.dicom.demo.write import write_demo_study

    write_demo_study(folder / "demo")
    k, j, i = np.ogrid[:slices, :512, :512]
    smooth = 400 * np.sin(k / 40) * np.cos(j / 60) + 300 * np.sin(i / 50)
    noise = np.random.default_rng(2).normal(0, 12, (16, 512, 512))
    array = (smooth + noise[np.arange(slices) % 16]).astype(np.int16)
    affine = np.array([[0, 0, 0.7, -180.0], [0, 0.7, 0, -180.0], [1.0, 0, 0, 0], [0, 0, 0, 1]])
    write_series(folder / "ct", array, affine, uid_seed="bench")
    return folder


if __name__ == "__main__":
    main()
