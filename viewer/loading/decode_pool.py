"""A few threads that put slices in place while the job's own thread says how far they are.

Threads are enough: reading drops Python's lock and so do the codecs. They are daemons, because a codec that hangs on
damaged data cannot be stopped; such a slice is given up after a time and another thread takes the place of its own.
"""

from __future__ import annotations

import os
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Generic, TypeVar

from viewer.loading.cancel import CancelToken
from viewer.loading.priority import give_way

Task = TypeVar("Task")
Answer = TypeVar("Answer")

BATCH_S = 1 / 30
"""Answers are handed out about this often: faster than that nobody sees a difference."""

GIVE_UP_S = 20.0
"""A task that takes longer is given up."""

_JOIN_S = 0.05


def decode_threads() -> int:
    """How many threads decode compressed slices."""
    return max(1, min(8, os.cpu_count() or 1))


@dataclass(frozen=True)
class GivenUp:
    """Stands for the answer to a task that took too long."""


@dataclass(eq=False)
class _Worker(Generic[Task]):
    thread: threading.Thread | None = None
    task: Task | None = None
    started: float = 0.0


@dataclass(eq=False)
class DecodePool(Generic[Task, Answer]):
    """Runs one function over tasks on daemon threads; use as a context manager.

    Parameters
    ----------
    work
        Called on a worker thread, one task a call. Must turn its expected errors into answers; an unexpected one is
        raised again by `run`.
    threads
        Number of worker threads.
    cancel
        Looked at between tasks.
    give_up_s
        Seconds after which a single task is given up.
    may_hang
        Tasks of which it is false are waited for: they end by themselves.
    """

    work: Callable[[Task], Answer]
    threads: int
    cancel: CancelToken
    give_up_s: float = GIVE_UP_S
    may_hang: Callable[[Task], bool] = lambda _: True
    _change: threading.Condition = field(default_factory=threading.Condition, init=False)
    _tasks: deque[Task] = field(default_factory=deque, init=False)
    _answers: list[tuple[Task, Answer | GivenUp]] = field(default_factory=list, init=False)
    _workers: list[_Worker[Task]] = field(default_factory=list, init=False)
    _open: int = field(default=0, init=False)
    _eager: bool = field(default=True, init=False)
    _stopped: bool = field(default=False, init=False)
    _fault: BaseException | None = field(default=None, init=False)

    def __enter__(self) -> DecodePool[Task, Answer]:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._change:
            self._stopped = True
            self._tasks.clear()
            self._change.notify_all()
        deadline = time.monotonic() + _JOIN_S
        for worker in self._workers:
            if worker.thread is not None:
                worker.thread.join(max(0.0, deadline - time.monotonic()))

    def run(self, tasks: Iterable[Task]) -> Iterator[list[tuple[Task, Answer | GivenUp]]]:
        """Yield the answers in batches, in the order they come; ends when every task has one.

        A batch is empty when nothing was finished for `BATCH_S`, so that whoever takes them can `prefer` other tasks.

        Raises
        ------
        Cancelled
            The token was set; workers finish the task they are at and no other.
        """
        with self._change:
            self._tasks.extend(tasks)
            self._open = len(self._tasks)
            while len(self._workers) < min(self.threads, self._open):
                self._start_worker()
            self._change.notify_all()
        while True:
            with self._change:
                self._change.wait_for(self._has_news, timeout=BATCH_S)
                self._give_up_on_hung_workers()
                batch, self._answers = self._answers, []
                self._eager = self._eager and not batch
                finished = self._open == 0
                fault = self._fault
            if fault is not None:
                raise fault
            if batch or not finished:
                yield batch
            self.cancel.check()
            if finished:
                return

    def prefer(self, tasks: Sequence[Task]) -> None:
        """Do those of some tasks that still wait next, in the order given."""
        with self._change:
            waiting = set(self._tasks)
            first = [task for task in tasks if task in waiting]
            if first:
                chosen = set(first)
                self._tasks = deque([*first, *(task for task in self._tasks if task not in chosen)])

    def _has_news(self) -> bool:
        # The very first answer is handed out at once: it is the first picture the user sees.
        first = self._eager and bool(self._answers)
        return first or self._open == 0 or self._fault is not None or self.cancel.cancelled

    def _start_worker(self) -> None:
        worker: _Worker[Task] = _Worker()
        worker.thread = threading.Thread(
            target=self._serve, args=(worker,), name="slice-decoder", daemon=True
        )
        self._workers.append(worker)
        worker.thread.start()

    def _serve(self, worker: _Worker[Task]) -> None:
        give_way()
        while True:
            with self._change:
                self._change.wait_for(lambda: self._tasks or self._stopped)
                if self._stopped or self.cancel.cancelled:
                    return
                task = worker.task = self._tasks.popleft()
                worker.started = time.monotonic()
            fault: BaseException | None = None
            try:
                answer = self.work(task)
            except BaseException as error:  # noqa: BLE001 - carried to the thread that asked, which raises it
                fault = error
            with self._change:
                worker.task = None
                if worker not in self._workers:  # given up meanwhile
                    return
                if fault is not None:
                    self._fault = fault
                else:
                    self._answers.append((task, answer))
                self._open -= 1
                if self._open == 0 or fault is not None or self._eager:
                    self._change.notify_all()

    def _give_up_on_hung_workers(self) -> None:
        now = time.monotonic()
        for worker in list(self._workers):
            task = worker.task
            if task is not None and now - worker.started > self.give_up_s and self.may_hang(task):
                self._workers.remove(worker)
                self._answers.append((task, GivenUp()))
                self._open -= 1
                if self._tasks:
                    self._start_worker()
