"""Every figure the program is held to, in one command: value, limit, processor time, ratio to a baseline of the run.

Run: python tests/perf/all.py [--folder KEEP] [--study FOLDER] [--short]

Each part is a process of its own. KEEP holds the synthetic series (3.5 GB at full length) and is used again the next
time. `--study` adds a real folder to the rows about stalls. `--short` takes fewer events and no growth rows. Limits are
those of an idle machine with two cores; on a busy one compare processor time and ratios. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests.perf.report import Row, parse, print_table  # noqa: E402 - found by the line above


def part(module: str, *arguments: str) -> list[Row]:
    """Rows of one script."""
    answer = subprocess.run(
        [sys.executable, "-m", f"tests.perf.{module}", "--json", *arguments],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen")},
    )
    if answer.returncode:
        sys.stderr.write(f"{module} failed:\n{answer.stderr[-2000:]}\n")
    return parse(answer.stdout)


def named(rows: list[Row], name: str, *only: str) -> list[Row]:
    """Rows under another name, for parts that run several times."""
    chosen = [row for row in rows if not only or row.what in only]
    return [dataclasses.replace(row, what=f"{name}: {row.what}") for row in chosen]


def growth(events: str) -> Iterator[Row]:
    """Gestures as volumes and panes grow."""
    shown = ("wheel axial p50", "crosshair drag p50", "oblique rotation p50")
    for slices in ("190", "600", "1500"):
        rows = part("bench_gestures", "--slices", slices, "--events", events)
        yield from named(rows, f"{slices} slices", *shown)
    for pane in ("400", "800", "1600"):
        rows = part("bench_gestures", "--pane", pane, "--events", events)
        yield from named(rows, f"panes of {pane} pixels", *shown)


def sections(given: argparse.Namespace, folder: Path) -> Iterator[tuple[str, list[Row]]]:
    """Title and rows of each part."""
    events = "60" if given.short else "300"
    keep = ("--folder", str(folder))
    yield (
        "Gestures, CT 512x512x600 and PET fused, three panes of 800x800",
        part("bench_gestures", "--events", events),
    )
    raw = part("bench_load", *keep, "--many", "2000" if given.short else "10000")
    yield "Loading, uncompressed", raw
    yield "Loading, JPEG lossless", part("bench_load", *keep, "--compressed", "--many", "0")
    stalls = part("bench_stalls", str(folder / "600-raw"), "--name", "uncompressed")
    stalls += part("bench_stalls", str(folder / "600-jpegll"), "--name", "JPEG lossless")
    if given.study is not None:
        stalls += part("bench_stalls", str(given.study), "--name", "real study")
    yield "Time in which the window does not answer", stalls
    if sys.platform == "linux":
        yield "A volume of eight times the memory limit", part("bench_disk", *keep)
        yield "An archive volume of eight times the memory limit", part("bench_zarr", *keep)
    yield "Start", part("bench_start", "--repeat", "3" if given.short else "7")
    yield "Kernel", part("bench_kernel", *(() if given.short else ("--growth",)))
    if not given.short:
        yield "Growth", list(growth("80"))


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--short", action="store_true")
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    out = sys.stdout
    out.write(
        f"Python {platform.python_version()} on {platform.system()} {platform.machine()}, {cores} cores\n"
    )
    limited: list[Row] = []
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as temporary:
        for title, rows in sections(given, given.folder or Path(temporary)):
            load = f", load of the machine {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else ""
            out.write(f"\n## {title}{load}\n\n")
            print_table(rows)
            limited += [row for row in rows if row.limit is not None]
    reached = sum(bool(row.reached) for row in limited)
    out.write(f"\n{reached} of {len(limited)} goals reached on this machine at this moment\n")


if __name__ == "__main__":
    main()
