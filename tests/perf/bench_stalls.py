"""How long the window does not answer while a study loads, and when the first picture is there.

Run: python tests/perf/bench_stalls.py STUDY [--repeat 3]

A timer of 1 ms ticks in the GUI thread; a gap between two ticks is time in which the window could not answer. The
same ticks are taken while the new window imports what it will need, and then in an idle window: that is the noise of
the machine. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
for _name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
    os.environ[_name] = tempfile.mkdtemp(prefix="triptych-bench-")

import numpy as np  # noqa: E402 - after the environment is set
from PySide6.QtCore import QTimer  # noqa: E402 - after the environment is set

from viewer.app import application, make_ready, make_window  # noqa: E402 - after the environment is set
from viewer.loading.events import GeometryReady, Indexed, SlicesReady, VolumeFinished  # noqa: E402 - after the environment is set
from viewer.settings import Settings  # noqa: E402 - after the environment is set
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


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("study", type=Path)
    parser.add_argument("--repeat", type=int, default=3)
    given = parser.parse_args()
    app = application()
    settings = Settings.load()
    settings.set("intended-use.seen", True)
    apply_theme(app, "dark")
    window = make_window(settings)
    window.resize(1440, 900)
    window.show()
    make_ready(window)
    sys.stdout.write(
        f"{'':8}{'p50 ms':>9}{'p99 ms':>9}{'max ms':>9}{'index':>9}{'place':>9}{'first':>9}{'all s':>9}\n"
    )
    for run in range(-1, given.repeat + 1):
        if run > 0:
            window.open([given.study])
        begin = time.perf_counter()
        marks: dict[str, float] = {}

        def note(event: object, marks: dict[str, float] = marks, begin: float = begin) -> None:
            names = {Indexed: "index", GeometryReady: "place", SlicesReady: "first", VolumeFinished: "all"}
            name = names.get(type(event))
            if name is not None and (name == "all" or name not in marks):
                marks[name] = time.perf_counter() - begin

        window.session.progressed.connect(note)
        ticks = Ticks()
        while time.perf_counter() - begin < 1.5 or window.context.loader.busy:
            app.processEvents()
            time.sleep(0.0002)
        median, late, longest = ticks.stop()
        window.session.progressed.disconnect(note)
        times = "".join(
            f"{marks.get(name, float('nan')):9.3f}" for name in ("index", "place", "first", "all")
        )
        name = ("warm up", "idle")[run + 1] if run < 1 else f"load {run}"
        sys.stdout.write(f"{name:8}{median:9.2f}{late:9.2f}{longest:9.2f}{times}\n")
    window.close()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
