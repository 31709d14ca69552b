"""The columns around a sagittal plane once more, turned so that each lies together in memory.

In (k, j, i) order every voxel of a sagittal plane is in a cache line of its own, and the processor waits for each: the
plane of a CT takes five times as long as an axial one. The line holds the voxels of the neighbouring planes, too. Once
a plane is shown, all columns of its lines are copied in the background, in (i, k, j) order, for the planes that the
hand scrolls or drags to next; they are sampled from the copy as an axial plane is. The plane itself never waits for it.

Values are remembered under a key that changes with them, and only of arrays in which every slice is in place.
"""

from __future__ import annotations

import threading
import weakref
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from viewer.imaging import kernel
from viewer.imaging.kernel.jobs import SNAP, Kind, SampleJob

Array = npt.NDArray[np.generic]

LINE_BYTES = 64
BUDGET_BYTES = 96 << 20
"""Four or five blocks of a CT of 600 slices and its PET: as far as a hand drags to and fro."""
LEAST_LINES = 1 << 14
"""A smaller plane is in the processor's own cache after the first time."""
_STILL = 1e-4
"""A plane along which the column changes by less is a sagittal one; the kernel's own limit for planes of the grid."""


@dataclass(frozen=True)
class _Block:
    """Columns from `first` on of an array, (i, k, j)."""

    source: weakref.ref[Array]
    key: Hashable
    first: int
    columns: Array


class NearColumns:
    """Remembers blocks of columns, the latest used ones, of a few volumes.

    Parameters
    ----------
    budget_bytes
        Memory for all blocks together; a block larger than half of it is not made.
    """

    def __init__(self, budget_bytes: int = BUDGET_BYTES) -> None:
        self._budget = budget_bytes
        self._blocks: OrderedDict[tuple[int, Hashable, int], _Block] = OrderedDict()
        self._lock = threading.Lock()
        self._worker: threading.Thread | None = None

    def instead(self, job: SampleJob, key: Hashable) -> SampleJob:
        """The same job on copied columns, where they are there; else the job itself, and they are copied for later.

        Parameters
        ----------
        job
            Any job; only sagittal planes of complete volumes have another one.
        key
            Differs whenever the values of the array may differ.
        """
        column = _column_of(job)
        if column is None:
            return job
        width = LINE_BYTES // job.data.itemsize
        first = int(column) // width * width
        name = (id(job.data), key, first)
        with self._lock:
            block = self._blocks.get(name)
            if block is not None and block.source() is job.data:
                self._blocks.move_to_end(name)
        if block is None or block.source() is not job.data:
            self._begin(job.data, key, first, width)
            return job
        last = first + len(block.columns) - 1
        if column > last and last < job.data.shape[2] - 1:  # interpolated with a column of the next block
            return job
        return _turned(job, block)

    def wait(self) -> None:
        """Until what was begun is there."""
        worker = self._worker
        if worker is not None:
            worker.join()

    def _begin(self, data: Array, key: Hashable, first: int, width: int) -> None:
        size = data.shape[0] * data.shape[1] * width * data.itemsize
        if size > self._budget // 2 or (self._worker is not None and self._worker.is_alive()):
            return
        self._worker = threading.Thread(
            target=self._copy, args=(data, key, first, width), name="triptych-columns", daemon=True
        )
        self._worker.start()

    def _copy(self, data: Array, key: Hashable, first: int, width: int) -> None:
        columns = kernel.turned_columns(data, first, min(width, data.shape[2] - first))
        name = (id(data), key, first)
        # No lock in the callback: it may come at any time, also while this thread holds it.
        source = weakref.ref(data, lambda _gone: self._blocks.pop(name, None))
        with self._lock:
            for other, kept in tuple(self._blocks.items()):
                if kept.source() is data and kept.key != key:
                    self._blocks.pop(other, None)
            self._blocks[name] = _Block(source, key, first, columns)
            while sum(kept.columns.nbytes for kept in tuple(self._blocks.values())) > self._budget:
                self._blocks.popitem(last=False)


def _column_of(job: SampleJob) -> float | None:
    """The column a job cuts, within the array, when it is a thin sagittal plane that copied columns can be had for."""
    count_k, count_j, count_i = job.data.shape
    height, width = job.out.shape
    across, down, start = job.matrix[2].tolist()
    if job.samples != 1 or job.knots is not None or job.kind is Kind.CUBIC:
        return None
    if abs(across) * width > _STILL or abs(down) * height > _STILL or count_k * count_j < LEAST_LINES:
        return None
    if not job.low[2] <= start <= job.high[2]:
        return None
    column = float(min(max(start, 0.0), count_i - 1.0))
    return float(round(column)) if abs(column - round(column)) < SNAP else column


def _turned(job: SampleJob, block: _Block) -> SampleJob:
    """The job on a block: axes (i, k, j), columns counted from the first of the block."""
    order = [2, 0, 1]
    matrix, low, high = job.matrix[order], job.low[order], job.high[order]
    matrix[0, 2] -= block.first
    low[0] -= block.first
    high[0] -= block.first
    return replace(job, data=block.columns, matrix=matrix, low=low, high=high, step=job.step[order])
