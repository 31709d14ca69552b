"""How long from starting the program to a painted frame, and to a window with everything in it that answers.

Run: python -m tests.perf.bench_start [--repeat 5] [--imports] [--json]

Every start is a process of its own, timed from before it is spawned; the baseline of the same run is Python importing
PySide6's widgets. `--imports` lists the modules that took longest instead. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tests.perf.report import Row, emit

WINDOW = """
import gc, os, sys, time
gc.disable()  # this and the next as the command line does
from viewer.ui.lean_imports import lean_qt
lean_qt()
from viewer.app import after_first_paint, application, furnish, make_ready
from viewer.settings import Settings
from viewer.ui.main_window import MainWindow
from viewer.ui.theme import apply_theme
settings = Settings.load()
app = application()
apply_theme(app, "dark")
window = MainWindow(settings)
painted, whole = [], []
window.first_painted.connect(lambda: painted.append(time.time()))
def complete():
    furnish(window)
    make_ready(window)
    class Watch(type(window.start_page)):
        def paintEvent(self, event):
            super().paintEvent(event)
            whole.append(time.time())
    window.start_page.__class__ = Watch
after_first_paint(window, complete)
window.show()
while not whole:
    app.processEvents()
app.processEvents()
begun = float(os.environ["BEGUN"])
heavy = [name for name in ("pydicom", "imagecodecs", "PIL", "scipy", "zarr", "numba") if name in sys.modules]
print(1000 * (painted[0] - begun), 1000 * (time.time() - begun), ",".join(heavy) or "none", 1000 * time.process_time())
sys.stdout.flush()
os._exit(0)
"""
BASE = """
import os, time
from PySide6 import QtWidgets
now = 1000 * (time.time() - float(os.environ["BEGUN"]))
print(now, now, "none", 1000 * time.process_time())
"""


def start(script: str, home: str) -> tuple[float, float, str, float]:
    """(painted, ready) milliseconds of one start, the heavy libraries imported by then, processor milliseconds."""
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
        **dict.fromkeys(("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"), home),
        # An installed program comes with its bytecode: the first start, which is not counted, compiles it.
        "PYTHONPYCACHEPREFIX": str(Path(home) / "bytecode"),
        "BEGUN": repr(time.time()),
    }
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    painted, ready, heavy, cpu = answer.stdout.split()
    return float(painted), float(ready), heavy, float(cpu)


def imports(home: str) -> None:
    """Print what takes longest to import."""
    answer = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", "import viewer.app"],
        env={**os.environ, "XDG_CONFIG_HOME": home},
        capture_output=True,
        text=True,
        check=True,
    )
    rows = [line.split("|") for line in answer.stderr.splitlines() if "|" in line][1:]
    own = sorted(rows, key=lambda row: -int(row[0].split(":")[1]))
    for row in own[:25]:
        print(f"{int(row[0].split(':')[1]) / 1000:8.1f} ms  {row[2].strip()}")


def rows(repeat: int) -> Iterator[Row]:
    """Measure starts."""
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as home:
        start(BASE, home)
        start(WINDOW, home)
        base = np.array([start(BASE, home)[:2] for _ in range(repeat)])
        runs = [start(WINDOW, home) for _ in range(repeat)]
    times = np.array([run[:2] for run in runs])
    low = float(base[:, 0].min())
    yield Row("start: import PySide6.QtWidgets alone", low)
    for column, name, limit in ((0, "window shown", 250.0), (1, "ready for a drop", 450.0)):
        best = float(times[:, column].min())
        yield Row(f"start: {name}", best, "ms", limit, None, best / low, "importing QtWidgets")
        yield Row(f"start: {name}, median", float(np.median(times[:, column])))
    yield Row("start: processor time until ready", float(min(run[3] for run in runs)), "ms")
    yield Row(
        "start: heavy libraries imported by then", len([n for n in runs[-1][2].split(",") if n != "none"]), ""
    )


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--imports", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if given.imports:
        with tempfile.TemporaryDirectory(prefix="triptych-bench-") as home:
            imports(home)
    else:
        emit(rows(given.repeat), as_json=given.json)


if __name__ == "__main__":
    main()
