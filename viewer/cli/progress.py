"""One line of progress on the standard error output, only where a person sees it."""

from __future__ import annotations

import sys
import time
from types import TracebackType

_EVERY_S = 0.1


class Progress:
    """Rewrites one line; silent when the standard error output is not a terminal. Use as a context manager."""

    def __init__(self) -> None:
        self._visible = sys.stderr.isatty()
        self._last = 0.0
        self._length = 0

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._length:
            print(f"\r{' ' * self._length}\r", end="", file=sys.stderr, flush=True)

    def show(self, what: str, done: int, total: int, rate_per_s: float = 0.0) -> None:
        """Say how far the work is, ten times a second at most.

        Parameters
        ----------
        what
            A verb: "reading headers".
        done, total
            Pieces done and known.
        rate_per_s
            Pieces a second, left out when 0.
        """
        now = time.monotonic()
        if not self._visible or now - self._last < _EVERY_S:
            return
        self._last = now
        rate = f" ({rate_per_s:.0f}/s)" if rate_per_s else ""
        line = f"{what} {done}/{total}{rate}"
        print(f"\r{line:{self._length}}", end="", file=sys.stderr, flush=True)
        self._length = len(line)
