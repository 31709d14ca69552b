"""How long the window does not answer while a study loads, and when the first picture is there.

Run: python -m tests.perf.bench_stalls STUDY [--repeat 3] [--json]

A timer of 1 ms ticks in the GUI thread; a gap between two ticks is time in which the window could not answer. The
same ticks are taken while the new window imports what it will need, and then in an idle window: that is the noise of
the machine. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for _name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
    os.environ[_name] = tempfile.mkdtemp(prefix="triptych-bench-")

import numpy as np  # noqa: E402 - after the environment is set
from PySide6.QtCore import QTimer  # noqa: E402 - after the environment is set
from PySide6.QtWidgets import QApplication  # noqa: E402 - after the environment is set

from tests.perf.report import Row, emit  # noqa: E402 - after the environment is set
from viewer.app import application, make_ready, make_window  # noqa: E402 - after the environment is set
from viewer.settings import Settings  # noqa: E402 - after the environment is set
from viewer.ui.main_window import MainWindow  # noqa: E402 - after the environment is set
from viewer.ui.theme import apply_theme  # noqa: E402 - after the environment is set


class Ticks:
    """Gaps between ticks of a timer, in milliseconds."""

    def __init__(self) -> None:
        self.gaps: list[float] = []
        self._last = time.perf_counter()
        self._timer = QTimer()
        self._timer.setInterval(1)
        self._timer.timeout.connect(self._tick)
        self._timer.start()

    def _tick(self) -> None:
        now = time.perf_counter()
        self.gaps.append(1000 * (now - self._last))
        self._last = now

    def stop(self) -> tuple[float, float, float]:
        """(median, 99th percentile, longest) gap."""
        self._timer.stop()
        gaps = np.array(self.gaps[1:])
        return float(np.median(gaps)), float(np.percentile(gaps, 99)), float(gaps.max())


def rows(study: Path, repeat: int, *, name: str = "") -> Iterator[Row]:
    """Gaps while the new window warms up, while it idles, and while the study loads."""
    app = application()
    settings = Settings.load()
    settings.set("intended-use.seen", True)
    apply_theme(app, "dark")
    window = make_window(settings)
    window.resize(1440, 900)
    window.show()
    make_ready(window)
    label = f"{name}: " if name else ""
    longest_loads, late_loads = [], []
    for run in range(-1, repeat + 1):
        if run > 0:
            window.open([study])
        median, late, longest = _gaps(app, window)
        if run < 1:
            what = ("warm up", "idle")[run + 1]
            yield Row(f"{label}{what}, longest gap", longest)
        else:
            yield Row(f"{label}load {run}, median gap", median)
            longest_loads.append(longest)
            late_loads.append(late)
    yield Row(
        f"{label}gap while loading, p99, median of {repeat} loads", float(np.median(late_loads)), "ms", 12.0
    )
    yield Row(
        f"{label}gap while loading, longest, median of {repeat} loads",
        float(np.median(longest_loads)),
        "ms",
        25.0,
    )
    yield Row(f"{label}gap while loading, longest of all", max(longest_loads))
    window.close()


def _gaps(app: QApplication, window: MainWindow) -> tuple[float, float, float]:
    """(median, 99th percentile, longest) gap until the study is there, at least 1.5 s."""
    begin = time.perf_counter()
    ticks = Ticks()
    while time.perf_counter() - begin < 1.5 or window.context.loader.busy:
        app.processEvents()
        time.sleep(0.0002)
    return ticks.stop()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    parser.add_argument("--name", default="")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    emit(rows(given.study, given.repeat, name=given.name), as_json=given.json)


if __name__ == "__main__":
    main()
