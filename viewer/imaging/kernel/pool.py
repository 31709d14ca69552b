"""Threads for the kernel: they sleep until there is work, and the caller works too.

A frame is worth a few milliseconds, so waking a thread must cost next to nothing: `concurrent.futures` needs twice as
long for it as two bare queues.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable
from queue import SimpleQueue

MAX_HELPERS = 15

Work = Callable[[], int]


def cores() -> int:
    """Cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def run_shared(work: Work, parts: int) -> list[int]:
    """Call `work` on the caller's thread and on helpers at the same time.

    Parameters
    ----------
    work
        Takes pieces from a shared counter until none is left; it gives up the interpreter lock while it works.
    parts
        Number of pieces: no more threads than that are woken.

    Returns
    -------
    list of int
        What the calls returned, the caller's first. A helper that woke too late to find work is left out.
    """
    helpers = [_borrowed() for _ in range(min(cores() - 1, MAX_HELPERS, parts - 1))]
    for helper in helpers:
        helper.give(work)
    outcomes = [_outcome(work), *(helper.outcome() for helper in helpers)]
    _idle.extend(helpers)
    answers = []
    for outcome in outcomes:
        if isinstance(outcome, BaseException):
            raise outcome
        if outcome is not None:
            answers.append(outcome)
    return answers


def _outcome(work: Work) -> int | BaseException:
    try:
        return work()
    except BaseException as error:  # noqa: BLE001 - raised by `run_shared` once nobody works any more
        return error


class _Helper:
    """A thread that sleeps between calls."""

    def __init__(self) -> None:
        self._slot: deque[Work] = deque()
        self._wake: SimpleQueue[None] = SimpleQueue()
        self._outcomes: SimpleQueue[int | BaseException] = SimpleQueue()
        threading.Thread(target=self._serve, name="triptych-kernel", daemon=True).start()

    def give(self, work: Work) -> None:
        """Wake the thread."""
        self._slot.append(work)
        self._wake.put(None)

    def outcome(self) -> int | BaseException | None:
        """Wait for the thread; None when it had not begun, which it then will not do any more."""
        try:
            self._slot.pop()
        except IndexError:
            return self._outcomes.get()
        return None

    def _serve(self) -> None:
        while True:
            self._wake.get()
            try:
                work = self._slot.pop()
            except IndexError:  # taken back by the caller
                continue
            self._outcomes.put(_outcome(work))
            del work  # it holds the memory of the pictures


_idle: deque[_Helper] = deque()


def _borrowed() -> _Helper:
    """A helper nobody else uses: callers on several threads never share one."""
    try:
        return _idle.pop()
    except IndexError:
        return _Helper()
