"""QThreads that drain the loading generator: one signal of frozen events, a cancel token, nothing else.

Loading itself is in `viewer.loading` and knows no Qt. A job's events carry the job's number; events of a job that
was replaced are dropped here, so a late answer never reaches the state.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence

from PySide6.QtCore import QObject, QThread, QTimer, Signal

from viewer.archive.address import Place
from viewer.errors import ViewerError
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Failed, Finished, LoadEvent
from viewer.loading.priority import give_way

TURN_S = 0.004
"""Events arrive in bursts (two volumes at once); taking all of a burst over in one go would freeze the window."""

log = logging.getLogger(__name__)

Job = Callable[[CancelToken], Iterator[LoadEvent]]


class _JobThread(QThread):
    """Drains one generator; None after its last event."""

    produced = Signal(int, object)

    def __init__(self, number: int, job: Job, parent: QObject) -> None:
        super().__init__(parent)
        self.number = number
        self.token = CancelToken()
        self._job = job

    def run(self) -> None:
        give_way()
        try:
            for event in self._job(self.token):
                self.produced.emit(self.number, event)
        except ViewerError as error:
            self.produced.emit(self.number, Failed(error.user_message))
        except Exception as error:
            log.exception("loading failed")
            self.produced.emit(
                self.number, Failed(f"Loading stopped by an internal error ({type(error).__name__}).")
            )
        self.produced.emit(self.number, None)


class Loader(QObject):
    """Runs loading jobs, the newest one counts.

    Signals
    -------
    arrived
        One `LoadEvent` of a current job.
    busy_changed
        True while a job runs.
    """

    arrived = Signal(object)
    busy_changed = Signal(bool)

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._threads: dict[int, _JobThread] = {}
        self._current: set[int] = set()
        self._waiting: deque[Job] = deque()
        self._next = 0
        self._inbox: deque[tuple[int, LoadEvent | None]] = deque()
        self._ended: set[int] = set()
        self._turn = QTimer(self)
        self._turn.setSingleShot(True)
        self._turn.timeout.connect(self._take_turn)
        self._open: Callable[[Sequence[Place], bool], None] | None = None
        self._open_series: Callable[[str, str], None] | None = None
        self._retry: Callable[[], None] | None = None

    @property
    def busy(self) -> bool:
        """Whether a job is running."""
        return bool(self._current)

    def handle(
        self,
        open_paths: Callable[[Sequence[Place], bool], None],
        open_series: Callable[[str, str], None],
        retry: Callable[[], None] | None = None,
    ) -> None:
        """Set who turns wishes into jobs (the session)."""
        self._open, self._open_series, self._retry = open_paths, open_series, retry

    def open_paths(self, paths: Sequence[Place], *, add: bool = False) -> None:
        """Open folders, files, archives; `add` keeps what is open."""
        if self._open is not None:
            self._open(paths, add)

    def open_series(self, stack_uid: str, role: str = "") -> None:
        """Load a stack of the catalogue into a role ("base", "overlay", "" for the natural one)."""
        if self._open_series is not None:
            self._open_series(stack_uid, role)

    def retry(self) -> None:
        """Read again what had problems (rule J35)."""
        if self._retry is not None:
            self._retry()

    def start(self, job: Job, *, keep_others: bool = False) -> None:
        """Run a job beside the running ones, or instead of them."""
        if not keep_others:
            self.cancel()
        self._next += 1
        thread = _JobThread(self._next, job, self)
        thread.produced.connect(self._produced)
        thread.finished.connect(self._finished)
        self._threads[thread.number] = thread
        self._current.add(thread.number)
        self.busy_changed.emit(True)
        thread.start()

    def start_after(self, job: Job) -> None:
        """Run a job as soon as nothing else runs."""
        if self.busy:
            self._waiting.append(job)
        else:
            self.start(job)

    def cancel(self) -> None:
        """Cancel all running and waiting jobs; their remaining events are dropped."""
        was_busy = self.busy
        self._waiting.clear()
        for number in self._current:
            self._threads[number].token.cancel()
        self._current.clear()
        if was_busy:
            self.arrived.emit(Finished(0.0, cancelled=True))
            self.busy_changed.emit(False)

    def stop(self) -> None:
        """Cancel everything and wait for the threads (the window closes)."""
        self.cancel()
        self._turn.stop()
        self._inbox.clear()
        for thread in tuple(self._threads.values()):
            thread.wait()
            self._drop(thread)

    def _produced(self, number: int, event: LoadEvent | None) -> None:
        if number not in self._threads:  # the window closed meanwhile
            return
        self._inbox.append((number, event))
        if not self._turn.isActive():
            self._turn.start()

    def _take_turn(self) -> None:
        """Hand out events for a few milliseconds; then the window has its turn to paint and to answer."""
        until = time.monotonic() + TURN_S
        while self._inbox:
            self._take(*self._inbox.popleft())
            if time.monotonic() >= until:
                break
        if self._inbox:
            self._turn.start()

    def _take(self, number: int, event: LoadEvent | None) -> None:
        if event is None:
            self._ended.add(number)
            self._finished()
            return
        if number not in self._current:
            return
        if isinstance(event, (Finished, Failed)):
            self._current.discard(number)
        self.arrived.emit(event)
        if not self._current and isinstance(event, (Finished, Failed)):
            if self._waiting:
                self.start(self._waiting.popleft(), keep_others=True)
            else:
                self.busy_changed.emit(False)

    def _finished(self) -> None:
        """Let go of threads that have ended and whose events have all been taken."""
        for thread in tuple(self._threads.values()):
            if thread.isFinished() and thread.number in self._ended:
                self._drop(thread)

    def _drop(self, thread: _JobThread) -> None:
        if self._threads.pop(thread.number, None) is not None:
            self._ended.discard(thread.number)
            if thread.number in self._current:
                self._current.discard(thread.number)
                self.busy_changed.emit(self.busy)
            thread.deleteLater()
