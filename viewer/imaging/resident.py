"""An array larger than memory and disk of which a few slices are there at a time.

It has addresses for all of the volume and memory for the slices that were written and not let go: the same array is
sampled and read as any other, and `Volume.ready` says which slices hold values. Who lets a slice go marks it as not
ready first, on the thread that samples and reads, so that nobody ever takes the zeros it leaves for values.
"""

from __future__ import annotations

import mmap
import sys
from typing import Any

import numpy as np
import numpy.typing as npt

_NO_RESERVE = getattr(mmap, "MAP_NORESERVE", 0x4000) if sys.platform == "linux" else 0
"""The system promises no memory for all of it; only newer versions of Python name the flag."""


class ResidentSlices:
    """Addresses for a whole volume, memory for some of its slices.

    Parameters
    ----------
    shape
        (k, j, i), or (3, k, j, i) for colour.
    dtype
        Of the voxels.
    limit_bytes
        Memory for the slices that are there at a time; at least one slice is.

    Attributes
    ----------
    array
        Zeros in C order, writable.
    most
        Number of slices that may be there at a time.

    Raises
    ------
    MemoryError
        The system has no such addresses, or no way to let parts of them go.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], limit_bytes: int) -> None:
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        advice = getattr(mmap, "MADV_DONTNEED" if sys.platform == "linux" else "MADV_FREE", None)
        if advice is None or not hasattr(mmap, "MAP_ANONYMOUS"):
            raise MemoryError
        self._advice: int = advice
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NO_RESERVE
        try:
            self._map = mmap.mmap(-1, nbytes, flags=flags)
        except (OSError, ValueError, OverflowError) as error:
            raise MemoryError from error
        self.array: npt.NDArray[Any] = np.frombuffer(self._map, dtype).reshape(shape)
        self.slice_bytes = nbytes // shape[-3]
        self.most = max(1, min(shape[-3], limit_bytes // self.slice_bytes))

    @property
    def nbytes(self) -> int:
        """Bytes of the slices that may be there."""
        return self.most * self.slice_bytes

    def let_go(self, k: int) -> None:
        """Give the memory of slice k back; its values are undefined afterwards."""
        array, page = self.array, mmap.PAGESIZE
        plane, stack = array.strides[-3], array.strides[-3] * array.shape[-3]
        for part in range(array.shape[0] if array.ndim == 4 else 1):
            # Pages that a neighbour shares stay until the neighbour goes.
            begin = -(-(part * stack + k * plane) // page) * page
            end = (part * stack + (k + 1) * plane) // page * page
            if end > begin:
                self._map.madvise(self._advice, begin, end - begin)
