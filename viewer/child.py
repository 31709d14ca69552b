"""A part of this program in a process of its own, which says in JSON lines how it goes.

At the bottom of the rooms, beside the other ways to the system: segmentation, registration and verification use it, and
none of these may import another.
"""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Protocol

from viewer.errors import ViewerError

_LOOK_S = 0.05
_KEPT_LINES = 40
_END_S = 10.0


class Check(Protocol):
    """A job's switch."""

    def check(self) -> None:
        """Raise `Cancelled` when the work should stop."""


def environment() -> dict[str, str]:
    """For a child of this Python: it finds this package where it is now, installed or not."""
    here = str(Path(__file__).resolve().parents[1])
    paths = os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH", ""))))
    return {**os.environ, "PYTHONPATH": paths}


class Child:
    """A module of this package that runs as a program. Use as a context manager; at its end the process is killed.

    Parameters
    ----------
    module, arguments
        What is run.
    feed
        Writes its standard input, on a thread of its own, and need not close it; nothing comes in when None.
    """

    def __init__(
        self, module: str, *arguments: str, feed: Callable[[IO[bytes]], object] | None = None
    ) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", module, *arguments],
            stdin=subprocess.DEVNULL if feed is None else subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=environment(),
        )
        self._said: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._complaints: deque[bytes] = deque(maxlen=_KEPT_LINES)
        self._threads = [
            threading.Thread(target=self._listen, daemon=True),
            threading.Thread(target=self._hear_complaints, daemon=True),
        ]
        if feed is not None:
            self._threads.append(threading.Thread(target=self._feed, args=(feed,), daemon=True))
        for thread in self._threads:
            thread.start()

    def __enter__(self) -> Child:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._process.kill()
        self._process.wait()
        for thread in self._threads:
            thread.join()
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                stream.close()

    def messages(self, cancel: Check) -> Iterator[dict[str, Any]]:
        """What it says, until it ends; what a library prints by itself is passed over.

        Parameters
        ----------
        cancel
            Looked at twenty times a second.

        Raises
        ------
        Cancelled
            `cancel` said so.
        ViewerError
            It said `{"error": "a sentence"}`.
        """
        while True:
            cancel.check()
            try:
                line = self._said.get(timeout=_LOOK_S)
            except queue.Empty:
                continue
            if line is None:
                break
            message = _message(line)
            if "error" in message:
                raise ViewerError(str(message["error"]))
            if message:
                yield message
        # It has closed its output, so it is about to end; killing it now would hide why.
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(_END_S)
        self._threads[1].join(_END_S)

    @property
    def complaints(self) -> str:
        """The last lines that it wrote to its standard error."""
        return b"".join(self._complaints).decode("utf-8", errors="replace")

    def end(self, name: str) -> str:
        """How it ended, as a sentence.

        Parameters
        ----------
        name
            What it was, for the beginning: "The model".
        """
        code = self._process.poll()
        if code is not None and code < 0:
            if -code == getattr(signal, "SIGKILL", 9):
                return f"{name} was stopped by the system, most likely because memory ran out."
            return f"{name} crashed."
        return f"{name} ended without an answer; the log says what it complained about."

    def _listen(self) -> None:
        for line in self._process.stdout or ():
            self._said.put(line)
        self._said.put(None)

    def _hear_complaints(self) -> None:
        self._complaints.extend(self._process.stderr or ())

    def _feed(self, feed: Callable[[IO[bytes]], object]) -> None:
        pipe = self._process.stdin
        # A process that was killed no longer reads; why it was is known where it was done.
        with suppress(OSError):
            if pipe is not None:
                with pipe:
                    feed(pipe)


def _message(line: bytes) -> dict[str, Any]:
    try:
        message = json.loads(line)
    except ValueError:
        return {}
    return message if isinstance(message, dict) else {}
