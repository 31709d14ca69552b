"""Where the eye is while a job runs: set by the window, looked at by the loader between two batches."""

from __future__ import annotations

import threading

Point = tuple[float, float, float]


class Focus:
    """The point under the cursor, LPS in mm, for one job. Thread-safe.

    A job that is given one works for somebody who follows it: slices may be left to be read on demand.

    Parameters
    ----------
    start_mm
        Where it is when the job begins; None for the middle of what is loaded.
    """

    def __init__(self, start_mm: Point | None = None) -> None:
        self.start_mm = start_mm
        self._lock = threading.Lock()
        self._point: Point | None = None

    def move(self, point_mm: Point) -> None:
        """Say where the cursor is now."""
        with self._lock:
            self._point = point_mm

    def take(self) -> Point | None:
        """The point the cursor was moved to since this was asked before, else None."""
        with self._lock:
            point, self._point = self._point, None
            return point


def followed(focus_mm: Point | Focus | None) -> tuple[Point | None, Focus | None]:
    """Where a job begins, and who tells of moves."""
    return (focus_mm.start_mm, focus_mm) if isinstance(focus_mm, Focus) else (focus_mm, None)
