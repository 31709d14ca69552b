"""Make a film while the window stays usable: frames are painted one a timer step, a thread turns them into a file."""

from __future__ import annotations

import queue
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Protocol

from PySide6.QtCore import QObject, QTimer, Signal

from viewer.errors import Cancelled, ViewerError
from viewer.ui.background import Work
from viewer.ui.export.movie import FilmFormat, Frame, write_film

_AHEAD = 3
"""Frames painted and not yet encoded: all that a film of any length keeps in memory on this side."""


class Frames(Protocol):
    """Frames by number, painted when they are asked for."""

    def __len__(self) -> int: ...

    def __getitem__(self, number: int, /) -> Frame: ...


class CineJob(QObject):
    """One film on its way.

    Parameters
    ----------
    frames
        Painted by index in the GUI thread.
    target, film_format, fps
        See `write_film`.

    Signals
    -------
    progressed
        Frames painted and frames in all.
    succeeded
        The film is in place.
    failed
        A sentence for the user; nothing is left.
    cancelled
        The user cancelled; nothing is left.
    """

    progressed = Signal(int, int)
    succeeded = Signal()
    failed = Signal(str)
    cancelled = Signal()

    def __init__(
        self,
        frames: Frames,
        target: Path,
        film_format: FilmFormat,
        fps: float,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._frames: Frames = frames
        self._painted = 0
        self._queue: queue.Queue[Frame] = queue.Queue(_AHEAD)
        self._stop = threading.Event()
        self._reason = ""
        count = len(frames)
        self._work = Work(lambda: write_film(self._stream(count), count, target, film_format, fps), self)
        self._work.succeeded.connect(self._succeed)
        self._work.failed.connect(self._fail)
        self._work.cancelled.connect(self._abandon)
        self._timer = QTimer(self)
        self._timer.timeout.connect(self._step)

    @property
    def running(self) -> bool:
        """Whether the thread still works."""
        return self._work.isRunning()

    def start(self) -> None:
        """Begin; returns at once."""
        self._work.start()
        self._timer.start(0)

    def cancel(self) -> None:
        """Ask to stop; `cancelled` follows."""
        self._stop.set()
        self._timer.stop()

    def wait(self) -> None:
        """Stop and block until the thread is gone; for the end of the program."""
        self.cancel()
        self._work.wait()

    def _step(self) -> None:
        if self._painted == len(self._frames):
            self._timer.stop()
            return
        if self._queue.full():
            self._timer.setInterval(5)
            return
        self._timer.setInterval(0)
        try:
            frame = self._frames[self._painted]
        except ViewerError as error:
            self._reason = error.user_message
            self.cancel()
            return
        self._queue.put_nowait(frame)
        self._painted += 1
        self.progressed.emit(self._painted, len(self._frames))

    def _stream(self, count: int) -> Iterator[Frame]:
        for _ in range(count):
            yield self._next()

    def _next(self) -> Frame:
        while not self._stop.is_set():
            try:
                return self._queue.get(timeout=0.05)
            except queue.Empty:
                continue
        raise Cancelled

    def _end(self) -> None:
        self._timer.stop()
        self._work.wait()
        self._queue = queue.Queue(1)
        self._frames = ()

    def _succeed(self) -> None:
        self._end()
        self.succeeded.emit()

    def _fail(self, message: str) -> None:
        self._end()
        self.failed.emit(message)

    def _abandon(self) -> None:
        self._end()
        if self._reason:
            self.failed.emit(self._reason)
        else:
            self.cancelled.emit()
