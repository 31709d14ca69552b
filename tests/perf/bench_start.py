"""How long from starting the program to a painted window, and to a window that answers.

Run: python tests/perf/bench_start.py [--repeat 5] [--imports]

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

import numpy as np

WINDOW = """
import os, sys, time
from viewer.app import application, make_ready, make_window
from viewer.settings import Settings
from viewer.ui.theme import apply_theme
settings = Settings.load()
app = application()
apply_theme(app, "dark")
window = make_window(settings)
painted = []
class Watch(type(window)):
    def paintEvent(self, event):
        super().paintEvent(event)
        painted.append(time.time())
window.__class__ = Watch
window.show()
make_ready(window)
while not painted:
    app.processEvents()
while app.hasPendingEvents() if hasattr(app, "hasPendingEvents") else False:
    app.processEvents()
app.processEvents()
begun = float(os.environ["BEGUN"])
heavy = [name for name in ("pydicom", "imagecodecs", "PIL", "scipy", "zarr", "numba") if name in sys.modules]
print(1000 * (painted[0] - begun), 1000 * (time.time() - begun), ",".join(heavy) or "none")
sys.stdout.flush()
os._exit(0)
"""
BASE = """
import os, time
from PySide6 import QtWidgets
now = 1000 * (time.time() - float(os.environ["BEGUN"]))
print(now, now, "none")
"""


def start(script: str, home: str) -> tuple[float, float, str]:
    """(painted, ready) milliseconds of one start and the heavy libraries that were imported by then."""
    environment = {
        **os.environ,
        "QT_QPA_PLATFORM": os.environ.get("QT_QPA_PLATFORM", "offscreen"),
        **dict.fromkeys(("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"), home),
        "BEGUN": repr(time.time()),
    }
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True
    )
    painted, ready, heavy = answer.stdout.split()
    return float(painted), float(ready), heavy


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


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=int, default=5)
    parser.add_argument("--imports", action="store_true")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="triptych-bench-") as home:
        if given.imports:
            imports(home)
            return
        start(WINDOW, home)
        print(f"{'':32}{'best ms':>9}{'median':>9}{'limit':>7}{'x base':>8}")
        base = np.array([start(BASE, home)[:2] for _ in range(given.repeat)])
        runs = [start(WINDOW, home) for _ in range(given.repeat)]
        times = np.array([run[:2] for run in runs])
        low = float(base[:, 0].min())
        print(f"{'import PySide6.QtWidgets':32}{low:9.0f}{np.median(base[:, 0]):9.0f}")
        for column, name, limit in ((0, "window shown", 250), (1, "ready for a drop", 450)):
            best, middle = float(times[:, column].min()), float(np.median(times[:, column]))
            print(f"{name:32}{best:9.0f}{middle:9.0f}{limit:7}{best / low:8.1f}")
        print(f"heavy libraries imported by then: {runs[-1][2]}")


if __name__ == "__main__":
    main()
