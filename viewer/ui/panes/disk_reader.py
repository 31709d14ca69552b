"""Planes of volumes on the disk, sampled on a thread of their own: the window never waits for a disk.

Voxels that the system still has in memory arrive within the frame that asked for them. Others take as long as the disk
does; the pane shows the coarser copy of the volume meanwhile and is drawn again when they are there.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from viewer.imaging.needed_rows import needed_rows
from viewer.imaging.plane import Plane
from viewer.imaging.sample import SampleRequest, sample_job, sample_planes
from viewer.loading.voxel_file import fetch
from viewer.state.resolve import LayerRequest

FRAME_S = 0.012
"""How long a frame waits for planes: with the coarser copy and the colours it still is one frame."""

LEAST_ROWS = 16
"""Rows sampled first, to see how long they take, and at least between two looks at whether anybody wants the plane."""


@dataclass(eq=False)
class Reading:
    """A plane of a layer that is being read.

    Parameters
    ----------
    key
        Equal keys mean equal values.
    layer, plane
        What is sampled.

    Attributes
    ----------
    values
        (channels, h, w) float32, complete once `done`.
    done
        Whether they are there, or `error` is.
    awaited
        Somebody waits for it now and need not be told.
    dropped
        Nobody wants it any more.
    """

    key: tuple[object, ...]
    layer: LayerRequest
    plane: Plane
    values: npt.NDArray[np.float32] = field(init=False)
    error: MemoryError | ValueError | None = None
    done: bool = False
    awaited: bool = True
    dropped: bool = False

    def __post_init__(self) -> None:
        channels = 3 if self.layer.volume.is_colour else 1
        self.values = np.empty((channels, self.plane.height, self.plane.width), np.float32)

    def requests(self, top: int, rows: int) -> list[SampleRequest]:
        """What is to be sampled for some rows of the plane."""
        layer, plane = self.layer, self.plane
        band = Plane(plane.at(0, top), plane.u_mm, plane.v_mm, plane.width, rows)
        return [
            SampleRequest(
                layer.volume, band, values[top : top + rows], layer.interpolation, layer.slab, channel
            )
            for channel, values in enumerate(self.values)
        ]


class DiskReader:
    """One thread that samples, started when it is first needed.

    Parameters
    ----------
    arrived
        Called on that thread when a plane is there that no frame waits for any more.
    """

    def __init__(self, arrived: Callable[[], None]) -> None:
        self._arrived = arrived
        self._change = threading.Condition()
        self._queue: deque[Reading] = deque()
        self._thread: threading.Thread | None = None
        self._stopped = False

    def read(self, key: tuple[object, ...], layer: LayerRequest, plane: Plane) -> Reading:
        """Put a plane at the end of the queue."""
        reading = Reading(key, layer, plane)
        with self._change:
            self._queue.append(reading)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="disk-reader", daemon=True)
                self._thread.start()
            self._change.notify_all()
        return reading

    def wait(self, readings: Sequence[Reading]) -> None:
        """Wait for planes, but not longer than a frame; `done` says which are there."""
        with self._change:
            self._change.wait_for(lambda: all(reading.done for reading in readings), FRAME_S)
            for reading in readings:
                reading.awaited = False

    def stop(self) -> None:
        """End the thread; it finishes the rows it is at."""
        with self._change:
            self._stopped = True
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join()

    def _serve(self) -> None:
        while True:
            with self._change:
                self._change.wait_for(lambda: self._queue or self._stopped)
                if self._stopped:
                    return
                reading = self._queue.popleft()
            try:
                self._sample(reading)
            except (MemoryError, ValueError) as error:
                reading.error = error
            with self._change:
                reading.done = True
                late = not reading.awaited and not reading.dropped
                self._change.notify_all()
            if late:
                self._arrived()
            del reading  # it holds the volume

    def _sample(self, reading: Reading) -> None:
        top, rows, fetched = 0, LEAST_ROWS, False
        while top < reading.plane.height and not reading.dropped and not self._stopped:
            rows = min(rows, reading.plane.height - top)
            begin = time.monotonic()
            sample_planes(reading.requests(top, rows))
            row_s = (time.monotonic() - begin) / rows
            top += rows
            left = reading.plane.height - top
            if left * row_s <= FRAME_S:
                rows = left
                continue
            # It comes from the disk: read all of it at once instead of piece by piece, and look up now and then.
            if not fetched:
                for request in reading.requests(top, left):
                    job = sample_job(request)
                    fetch(job.data, needed_rows(job))
                fetched = True
            rows = max(LEAST_ROWS, int(FRAME_S / row_s))
