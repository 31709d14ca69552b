"""How long a slice takes from the service, beside reading the study again for every slice, in the same run.

Run: python -m tests.perf.bench_service [--study FOLDER] [--slices 300] [--events 300] [--json]

Without `--study` a synthetic CT of 512 x 512 pixels is served. The service is `triptych serve` in a process of its own,
asked over one connection that is kept; planes are asked for in a random order, so none was asked for before. "again by
pydicom" is what a small script does: read all files, sort, stack, cut, window, PNG; "again by the viewer" the same with
this program's loader. Neither has a socket in between. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import numpy as np
import pydicom
from PIL import Image

import viewer
from tests.perf.report import Row, emit
from tests.phantoms import write_series

AXES = {"axial": 0, "coronal": 1, "sagittal": 2}
ADDRESS = re.compile(r"(http://[^/]+)/\?token=(\S+)")
SCRIPT, VIEWER = "again by pydicom", "again by the viewer"


@contextmanager
def served(study: Path) -> Iterator[httpx.Client]:
    """A client of a service that runs in a process of its own."""
    process = subprocess.Popen(
        [sys.executable, "-m", "viewer", "serve", str(study), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    try:
        assert process.stdout is not None
        found = next(match for line in process.stdout if (match := ADDRESS.search(line)))
        bearer = {"Authorization": f"Bearer {found[2]}"}
        with httpx.Client(base_url=found[1], headers=bearer, timeout=120) as client:
            yield client
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def rows(study: Path, events: int) -> Iterator[Row]:
    """Ask for planes in each way."""
    script = _times(lambda n: _by_script(study, n), max(3, events // 60))
    own = _times(lambda n: _by_viewer(study, n), max(3, events // 30))
    yield from _percentiles(f"axial png, {SCRIPT}", script)
    yield from _percentiles(f"axial png, {VIEWER}", own)
    with served(study) as client:
        listed = client.get("/studies").json()["studies"]
        volumes = [one for group in listed for series in group["series"] for one in series["volumes"]]
        largest = max((one for one in volumes if one["multiplanar"]), key=lambda one: one["bytes"])
        address = f"/volumes/{largest['id']}"
        started = time.perf_counter()
        client.get(f"{address}/axial/0").raise_for_status()
        yield Row("first slice, with reading the volume", 1000 * (time.perf_counter() - started))
        counts = dict(zip(AXES, largest["shape"], strict=True))
        for form in ("png", "raw"):
            for name, count in counts.items():

                def ask(n: int, name: str = name, count: int = count, form: str = form) -> None:
                    client.get(f"{address}/{name}/{n % count}?format={form}").raise_for_status()

                times = _times(ask, events)
                base = (script, SCRIPT) if (form, name) == ("png", "axial") else None
                yield from _percentiles(f"{name} {form}, served", times, base)


def _percentiles(what: str, times: list[float], base: tuple[list[float], str] | None = None) -> Iterator[Row]:
    for share in (50, 99):
        value = float(np.percentile(times, share))
        if base is None:
            yield Row(f"{what} p{share}", value)
        else:
            ratio = value / float(np.percentile(base[0], share))
            yield Row(f"{what} p{share}", value, ratio=ratio, base=base[1])


def _times(work: Callable[[int], object], events: int) -> list[float]:
    """Milliseconds of each call, with numbers in a random order."""
    order = random.Random(7).sample(range(events), events)
    times = []
    for n in order:
        started = time.perf_counter()
        work(n)
        times.append(1000 * (time.perf_counter() - started))
    return times


def _by_script(study: Path, n: int) -> bytes:
    datasets = [pydicom.dcmread(path) for path in study.rglob("*") if path.is_file()]
    datasets = [d for d in datasets if "PixelData" in d and "ImagePositionPatient" in d]
    datasets.sort(key=lambda d: float(d.ImagePositionPatient[2]))
    array = np.stack([d.pixel_array for d in datasets])
    first = datasets[0]
    values = array[n % len(array)] * float(first.RescaleSlope) + float(first.RescaleIntercept)
    return _png(values)


def _by_viewer(study: Path, n: int) -> bytes:
    volume = viewer.open_study(study).volumes[0]
    return _png(volume.physical(volume.array[n % len(volume.array)]))


def _png(values: np.ndarray[tuple[int, ...], np.dtype[np.float64]]) -> bytes:
    grey = np.clip((values - (40 - 200)) / 400 * 255, 0, 255).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(grey).save(out, "PNG")
    return out.getvalue()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--study", type=Path, help="a folder with one uncompressed or decodable series")
    parser.add_argument("--slices", type=int, default=300)
    parser.add_argument("--events", type=int, default=300)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as temporary:
        study = given.study or _synthetic(Path(temporary), given.slices)
        emit(rows(study, given.events), as_json=given.json)


def _synthetic(folder: Path, slices: int) -> Path:
    """A noisy ball in air."""
    k, j, i = np.ogrid[:slices, :512, :512]
    inside = ((k / slices - 0.5) ** 2 + (j / 512 - 0.5) ** 2 + (i / 512 - 0.5) ** 2) < 0.16
    noise = np.random.default_rng(3).normal(0, 20, inside.shape).astype(np.int16)
    affine = np.array([[0, 0, 0.8, -200], [0, 0.8, 0, -200], [1.0, 0, 0, 0], [0, 0, 0, 1]])
    return write_series(folder, np.where(inside, noise + 40, noise - 1000).astype(np.int16), affine)


if __name__ == "__main__":
    main()
