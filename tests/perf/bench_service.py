"""How long a slice takes from the service, beside reading the study again for every slice, in the same run.

Run: python -m tests.perf.bench_service [--study FOLDER] [--slices 300] [--events 300] [--against CHECKOUT] [--json]

Without `--study` a synthetic CT of 512 x 512 pixels is served. The service is `triptych serve` in a process of its own,
asked over one connection that is kept; planes are asked for in a random order, so none was asked for before. "again by
pydicom" is what a small script does: read all files, sort, stack, cut, window, PNG; "again by the viewer" the same with
this program's loader. Neither has a socket in between.

Then two such CTs as an archive: the first answers about volumes that nobody asked for yet, and two clients at the same
time, each with a volume of its own. With `--against` the same is asked of the service of another checkout of this
program, in turns with this one, three times; medians of the three. Nothing is asserted.
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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import chain
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pydicom
from PIL import Image

import viewer
from tests.perf.report import Row, emit
from tests.phantoms import uid_of, write_series
from viewer.archive.cluster import Cluster
from viewer.archive.convert import run
from viewer.archive.manifest import scan

AXES = {"axial": 0, "coronal": 1, "sagittal": 2}
ADDRESS = re.compile(r"(http://[^/]+)/\?token=(\S+)")
REPEATS = 3
SCRIPT, VIEWER = "again by pydicom", "again by the viewer"


@contextmanager
def served(study: Path, code: Path | None = None) -> Iterator[httpx.Client]:
    """A client of a service that runs in a process of its own, with the code of another checkout if there is one."""
    process = subprocess.Popen(
        [sys.executable, "-m", "viewer", "serve", str(study), "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
        cwd=code,
        env={**os.environ, "PYTHONPATH": os.pathsep.join([*([str(code)] if code else []), *sys.path])},
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


def archive_rows(archive: Path, events: int, against: Path | None) -> Iterator[Row]:
    """First answers and two clients, here and in another checkout."""
    ways: list[tuple[str, Path | None]] = [*([("before", against)] if against else []), ("now", None)]
    found: dict[str, dict[str, list[float]]] = {name: {} for name, _ in ways}
    for _ in range(REPEATS if against else 1):
        for name, code in ways:
            for what, value in (
                *_first_answers(archive, code, coarse=code is None),
                *_two_clients(archive, code, events),
            ):
                found[name].setdefault(what, []).append(value)
    for what in found["now"]:
        before = float(np.median(found["before"][what])) if against and what in found["before"] else None
        value = float(np.median(found["now"][what]))
        if before is not None:
            yield Row(f"archive, before: {what}", before)
        ratio = None if before is None else value / before
        yield Row(f"archive: {what}", value, ratio=ratio, base="" if before is None else "before")


def _first_answers(archive: Path, code: Path | None, *, coarse: bool) -> Iterator[tuple[str, float]]:
    """Milliseconds of the first answer about a volume; each asked of a service that has just begun."""
    asked = {
        "first axial slice": "/axial/150?format=raw",
        "first axial picture": "/axial/150?format=png",
        "first coronal picture": "/coronal/200?format=png",
    }
    if coarse:
        asked["first coronal picture, coarse level"] = "/coronal/200?format=png&level=2"
    for what, path in asked.items():
        with served(archive, code) as client:
            address = _volumes(client)[0]
            client.get("/studies")
            started = time.perf_counter()
            client.get(address + path).raise_for_status()
            yield what, 1000 * (time.perf_counter() - started)


def _two_clients(archive: Path, code: Path | None, events: int) -> Iterator[tuple[str, float]]:
    """Two clients, each on its own volume, from the first answer on: planes across and slices in a random order."""
    with served(archive, code) as first, ThreadPoolExecutor(2) as pool:
        addresses = _volumes(first)[:2]
        order = random.Random(5)
        paths = [
            f"/{order.choice(list(AXES))}/{order.randrange(200)}?format=png"
            for _ in range(max(10, events // 2))
        ]

        def ask(address: str) -> list[float]:
            times = []
            with httpx.Client(base_url=first.base_url, headers=first.headers, timeout=120) as client:
                for path in paths:
                    started = time.perf_counter()
                    client.get(address + path).raise_for_status()
                    times.append(1000 * (time.perf_counter() - started))
            return times

        started = time.perf_counter()
        both = list(pool.map(ask, addresses))
        yield "two clients on two volumes, until both are done", 1000 * (time.perf_counter() - started)
    yield "two clients on two volumes, p50", float(np.percentile(np.concatenate(both), 50))
    yield "two clients on two volumes, p99", float(np.percentile(np.concatenate(both), 99))
    yield "two clients on two volumes, longest", max(map(max, both))
    with served(archive, code) as client, ThreadPoolExecutor(1) as pool:
        read, other = _volumes(client)[:2]
        times: list[float] = []
        # As in a browser: one client waits for a whole volume while the other turns over slices.
        with httpx.Client(base_url=client.base_url, headers=client.headers, timeout=120) as second:
            second.get("/studies")
            waiting = pool.submit(client.get, f"{read}/coronal/100")
            time.sleep(0.005)
            while not times or not waiting.done():
                started = time.perf_counter()
                second.get(f"{other}/axial/{len(times) % 200}?format=raw").raise_for_status()
                times.append(1000 * (time.perf_counter() - started))
    yield "slices of one while another is read, p50", float(np.percentile(times, 50))
    yield "slices of one while another is read, longest", max(times)


def _volumes(client: httpx.Client) -> list[str]:
    listed = client.get("/studies").json()["studies"]
    return [
        f"/volumes/{one['id']}" for group in listed for series in group["series"] for one in series["volumes"]
    ]


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
    parser.add_argument("--against", type=Path, help="a checkout of this program to compare with")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as temporary:
        folder = Path(temporary)
        study = given.study or _synthetic(folder / "study", given.slices)
        archive = _archive(folder, given.slices)
        found = chain(rows(study, given.events), archive_rows(archive, given.events, given.against))
        emit(found, as_json=given.json)


def _archive(folder: Path, slices: int) -> Path:
    for name in ("one", "two"):
        _synthetic(folder / "source" / name, slices, uid_seed=name, SeriesInstanceUID=uid_of(name))
    scan([folder / "source"], folder / "manifest")
    run(folder / "manifest", folder / "archive", Cluster(workers=0))
    return folder / "archive"


def _synthetic(folder: Path, slices: int, **options: Any) -> Path:
    """A noisy ball in air."""
    k, j, i = np.ogrid[:slices, :512, :512]
    inside = ((k / slices - 0.5) ** 2 + (j / 512 - 0.5) ** 2 + (i / 512 - 0.5) ** 2) < 0.16
    noise = np.random.default_rng(3).normal(0, 20, inside.shape).astype(np.int16)
    affine = np.array([[0, 0, 0.8, -200], [0, 0.8, 0, -200], [1.0, 0, 0, 0], [0, 0, 0, 1]])
    return write_series(
        folder, np.where(inside, noise + 40, noise - 1000).astype(np.int16), affine, **options
    )


if __name__ == "__main__":
    main()
