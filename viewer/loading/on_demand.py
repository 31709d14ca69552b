"""Slices of a volume that neither memory nor disk can hold, read when they are looked at, nearest first."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import Problem, PyramidSource, Stack
from viewer.errors import ViewerError
from viewer.imaging.volume import Volume
from viewer.loading.priority import give_way

Values = npt.NDArray[np.generic]
Arrived = Callable[[int, "Values | str | OSError"], None]

READERS = 2
"""Slices that are read at the same time, unless the source asks for more."""
JOIN_S = 0.2


class OnDemand:
    """Keeps the slices around the one that is looked at.

    Everything but reading happens on the thread that made it, which is the one that samples and reads the volume: no
    slice is let go under the hands of whoever uses it.

    Parameters
    ----------
    volume
        With `resident`.
    stack
        Its `source` reads the slices.
    arrived
        Called on a reader's thread with the number of a slice and its values, or the reason why there are none, or
        the error of a disk or network that may give it at the next look; to be handed to `put` on the thread of this
        object.

    Attributes
    ----------
    focus
        The slice that is looked at.
    """

    def __init__(self, volume: Volume, stack: Stack, arrived: Arrived) -> None:
        if volume.resident is None or stack.source is None:
            raise ValueError("the slices of this volume do not come and go")
        self.volume = volume
        self._stack = stack
        self._resident = volume.resident
        self._source = stack.source
        self._readers = max(READERS, stack.source.readers if isinstance(stack.source, PyramidSource) else 0)
        self._arrived = arrived
        self._change = threading.Condition()
        self._wanted: list[int] = []
        self._under_way: set[int] = set()
        self.focus = 0
        self._stopped = False
        self._threads: list[threading.Thread] = []

    def look_at(self, k: int) -> None:
        """Have slice k and those around it read, outward, as many as there is room for."""
        count = self.volume.geometry.shape[0]
        self.focus = k = min(max(k, 0), count - 1)
        first = min(max(k - self._resident.most // 2, 0), count - self._resident.most)
        near = range(first, first + self._resident.most)
        there = self.volume.ready | self.volume.corrupt
        with self._change:
            missing = (n for n in near if not there[n] and n not in self._under_way)
            self._wanted = sorted(missing, key=lambda n: (-abs(n - k), n))
            while self._wanted and len(self._threads) < self._readers:
                thread = threading.Thread(target=self._serve, name="slice-on-demand", daemon=True)
                self._threads.append(thread)
                thread.start()
            self._change.notify_all()

    def put(self, k: int, values: Values | str | OSError) -> Problem | None:
        """Put a slice that arrived into its place, and let the one that is farthest from the eye go for it."""
        volume = self.volume
        with self._change:
            self._under_way.discard(k)
        if isinstance(values, str):
            volume.corrupt[k] = True
            return self._problem(k, values)
        if isinstance(values, OSError):
            return self._problem(k, f"The file cannot be read now ({values.strerror or 'system error'}).")
        there = np.flatnonzero(volume.ready)
        while len(there) >= self._resident.most:
            farthest = int(there[np.argmax(np.abs(there - self.focus))])
            if abs(farthest - self.focus) < abs(k - self.focus):
                return None  # the eye has gone elsewhere meanwhile
            volume.ready[farthest] = False
            self._resident.let_go(farthest)
            there = np.flatnonzero(volume.ready)
        volume.array[..., k, :, :] = values
        volume.corrupt[k] = False
        volume.ready[k] = True
        return None

    def _problem(self, k: int, reason: str) -> Problem:
        frames = self._stack.frames
        return Problem(frames[k].path.name, f"Slice {k + 1} of {len(frames)}: {reason}")

    def stop(self, *, wait: bool = False) -> None:
        """Let the readers end after the slice they are at; `wait` a moment for them."""
        with self._change:
            self._stopped = True
            self._wanted = []
            self._change.notify_all()
        until = time.monotonic() + (JOIN_S if wait else 0.0)
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))

    def _serve(self) -> None:
        give_way()
        while True:
            with self._change:
                self._change.wait_for(lambda: self._wanted or self._stopped)
                if self._stopped:
                    return
                k = self._wanted.pop()
                self._under_way.add(k)
            values = self._read(k)
            if not self._stopped:
                self._arrived(k, values)

    def _read(self, k: int) -> Values | str | OSError:
        try:
            return self._source.read(self._stack.frames[k])
        except ViewerError as error:
            return error.user_message
        except OSError as error:
            return error
        except MemoryError:
            return "There is not enough memory to decode it."
