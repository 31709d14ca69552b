"""Open and close a study again and again and turn the wheel a million times: nothing may be left, nothing may grow.

Run: python -m tests.soak.soak [--opens 500] [--wheel 1000000] [--study FOLDER] [--on-disk]

The real window runs on the offscreen platform. Every fiftieth round it is closed and made anew. Prints memory, threads,
open files, timers and widgets as they go; the exit code is 1 when there is more of something at the end than after the
first rounds, or memory still grows: caches of texts, pictures and modules fill in the first part of a soak, a leak goes
on. So the last third of the opens is held to the one before it, and of the wheel events likewise: to half a megabyte,
which comes and goes, and a tenth for each hundred opens or hundred thousand events between them.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import os
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING

if __name__ == "__main__":
    os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
    for _name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME"):
        os.environ[_name] = tempfile.mkdtemp(prefix="triptych-soak-")

from PySide6.QtCore import QCoreApplication, QEvent, QPoint, QPointF, Qt, QThread, QTimer
from PySide6.QtGui import QWheelEvent
from PySide6.QtWidgets import QApplication

from tests.phantoms import write_pet, write_ramp

if TYPE_CHECKING:
    from viewer.settings import Settings
    from viewer.ui.main_window import MainWindow

THINGS = ("threads", "handles", "timers", "Qt threads", "widgets")
ROUNDS_PER_WINDOW = 50
BATCH = 1000
"""Wheel events between two paintings: more than any hand or touch pad gives."""
_SETTLED_S = 60.0


@dataclass(frozen=True)
class Counts:
    """What the process holds.

    Parameters
    ----------
    memory_mb
        Resident memory; 0 where the system does not tell.
    threads, handles
        Threads of the operating system (of Python elsewhere), open file descriptors.
    timers, qt_threads, widgets
        Living Qt objects.
    """

    memory_mb: float
    threads: int
    handles: int
    timers: int
    qt_threads: int
    widgets: int

    @property
    def things(self) -> tuple[float, ...]:
        """Everything but memory."""
        return astuple(self)[1:]


def count() -> Counts:
    """Count, after everything that waits for its deletion is gone."""
    let_go()
    _give_memory_back()
    proc = Path("/proc/self")
    alive = gc.get_objects()
    return Counts(
        memory_mb=_resident_mb(),
        threads=len(list((proc / "task").iterdir())) if proc.exists() else threading.active_count(),
        handles=len(list((proc / "fd").iterdir())) if proc.exists() else 0,
        timers=sum(type(thing) is QTimer for thing in alive),
        # By type: asking an object of another library what it is may run that library's code.
        qt_threads=sum(issubclass(type(thing), QThread) for thing in alive),
        widgets=len(QApplication.allWidgets()),
    )


def let_go() -> None:
    """Delete what waits for it."""
    for _ in range(3):
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        QApplication.processEvents()
        gc.collect()


def _resident_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 1e6


def _give_memory_back() -> None:
    """Free memory that the C library keeps for itself would look like growth."""
    if sys.platform == "linux":
        trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
        if trim is not None:
            trim(0)


class Soak:
    """A window and what is done to it.

    Parameters
    ----------
    make_window
        Makes and shows a window.
    study
        What is opened.
    """

    def __init__(self, make_window: Callable[[], MainWindow], study: Path) -> None:
        self._make_window = make_window
        self._study = study
        self.window = make_window()

    def open_and_close(self) -> None:
        """Open the study, wait until it is complete and painted, close it."""
        context = self.window.context
        self.window.open([self._study])
        self._until(lambda: not context.loader.busy and context.view.base is not None)
        QApplication.processEvents()
        context.commands.run("file.close")
        self._until(lambda: context.view.base is None)

    def renew_window(self) -> None:
        """Close the window and make another one."""
        self.close()
        # The program keeps its one window out of the garbage collector's way for good; this one is garbage.
        gc.unfreeze()
        let_go()
        self.window = self._make_window()

    def turn_wheel(self, events: int) -> None:
        """Send wheel events to all panes in turn, up and down, with a painting after each batch."""
        context = self.window.context
        self.window.open([self._study])
        self._until(lambda: not context.loader.busy and context.view.base is not None)
        panes = self.window.grid.panes()
        for n in range(events):
            viewport = panes[n // 100 % len(panes)].viewport()
            middle = QPointF(viewport.rect().center())
            event = QWheelEvent(
                middle,
                QPointF(viewport.mapToGlobal(middle.toPoint())),
                QPoint(),
                QPoint(0, 120 if n // 20 % 2 else -120),
                Qt.MouseButton.NoButton,
                Qt.KeyboardModifier.NoModifier,
                Qt.ScrollPhase.NoScrollPhase,
                False,
            )
            QApplication.sendEvent(viewport, event)
            if n % BATCH == BATCH - 1:
                QApplication.processEvents()
        context.commands.run("file.close")

    def close(self) -> None:
        """Close the window for good."""
        self.window.close()
        self.window.deleteLater()

    @staticmethod
    def _until(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + _SETTLED_S
        while not condition():
            QApplication.processEvents()
            time.sleep(0.0005)
            if time.monotonic() > deadline:
                raise TimeoutError("the study did not open")


def small_study(folder: Path) -> Path:
    """A CT and a PET of a few slices."""
    write_ramp(folder / "ct")
    write_pet(folder / "pt")
    return folder


def say(line: str) -> None:
    """Print at once: a soak is watched."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    """Soak and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--opens", type=int, default=500)
    parser.add_argument("--wheel", type=int, default=1_000_000)
    parser.add_argument("--study", type=Path)
    parser.add_argument("--on-disk", action="store_true", help="as if it exceeded the memory limit")
    given = parser.parse_args()

    from viewer.app import application, make_ready, make_window
    from viewer.settings import Settings

    application()
    if given.on_disk:
        keep_on_disk(Settings)
    settings = Settings.load()

    def window() -> MainWindow:
        made = make_window(settings)
        made.resize(1280, 800)
        made.show()
        make_ready(made)
        return made

    with tempfile.TemporaryDirectory(prefix="triptych-soak-") as folder:
        soak = Soak(window, given.study or small_study(Path(folder)))
        rows: list[Counts] = []

        def tell(what: str) -> None:
            rows.append(count())
            say(f"{what:>24}" + "".join(f"{value:>12g}" for value in astuple(rows[-1])))

        say(f"{'':24}" + "".join(f"{field.name:>12}" for field in fields(Counts)))
        soak.turn_wheel(BATCH)
        for n in range(given.opens):
            if n % ROUNDS_PER_WINDOW == 0:
                soak.renew_window()
            soak.open_and_close()
            if n % ROUNDS_PER_WINDOW == ROUNDS_PER_WINDOW - 1:
                tell(f"{n + 1} opens")
        opened = len(rows)
        for done in range(0, given.wheel, max(1, given.wheel // 10)):
            soak.turn_wheel(given.wheel // 10)
            tell(f"{done + given.wheel // 10} wheel events")
        soak.close()
    first, last = rows[min(2, opened - 1)], rows[-1]
    faults = [
        f"{name}: {early:g} became {late:g}"
        for name, early, late in zip(THINGS, first.things, last.things, strict=True)
        if late > early
    ]
    for part, per_row in ((rows[:opened], 0.1 * ROUNDS_PER_WINDOW / 100), (rows[opened:], given.wheel / 1e7)):
        grown_mb, allowed_mb = growth_mb(part), 0.5 + per_row * (len(part) // 3)
        say(f"memory grew by {grown_mb:.2f} MB in the last third, allowed {allowed_mb:.2f} MB")
        if grown_mb > allowed_mb:
            faults.append("memory grows")
    say("; ".join(faults) or "nothing is left, nothing grows")
    return int(bool(faults))


def growth_mb(rows: list[Counts]) -> float:
    """By how much the most memory of the last third of some rows exceeds that of the third before it."""
    third = len(rows) // 3
    if not third:
        return 0.0
    late, middle = rows[-third:], rows[-2 * third : -third]
    return max(row.memory_mb for row in late) - max(row.memory_mb for row in middle)


def keep_on_disk(settings: type[Settings]) -> None:
    """Let no volume fit into the memory limit, so that each is opened from the disk."""
    settings.memory_budget_bytes = lambda self: 1  # type: ignore[method-assign]


if __name__ == "__main__":
    raise SystemExit(main())
