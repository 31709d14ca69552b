"""One switch a job: set by whoever lost interest, looked at by everyone who works for it."""

from __future__ import annotations

import threading

from viewer.errors import Cancelled


class CancelToken:
    """Thread-safe, can be set once."""

    def __init__(self) -> None:
        self._event = threading.Event()

    def cancel(self) -> None:
        """Ask all work that holds this token to stop."""
        self._event.set()

    @property
    def cancelled(self) -> bool:
        """Whether `cancel` was called."""
        return self._event.is_set()

    def check(self) -> None:
        """Raise `Cancelled` once `cancel` was called."""
        if self._event.is_set():
            raise Cancelled

    def wait(self, seconds: float) -> bool:
        """Sleep until cancelled, at most so long; True when cancelled."""
        return self._event.wait(seconds)
