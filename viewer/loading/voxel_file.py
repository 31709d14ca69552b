"""Voxels of volumes larger than the memory limit: a private file that the system reads and writes page by page.

The file has no name: it is removed the moment it is made (Windows removes it with its last handle), so nothing of a
patient is left when the volume is closed or the program ends, in whatever way. Its space is taken from the disk before
anything is read: a full disk is a sentence then and not a signal that ends the program in the middle of a slice.
"""

from __future__ import annotations

import errno
import mmap
import os
import shutil
import tempfile
import time
import weakref
from contextlib import suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from viewer.errors import StorageError
from viewer.imaging.needed_rows import NeededRows

SPARE_BYTES = 256 << 20
"""Left free on the disk: a disk that is full to the last byte hinders every other program."""

PREFIX = "voxels-"

MOST_FETCHED_BYTES = 256 << 20
"""More than this at once would push out of memory what was read first."""

_CHUNK = 16 << 20
_LEFTOVER_S = 60.0
_FULL = frozenset((errno.ENOSPC, errno.EDQUOT, errno.EFBIG))


class VoxelFile:
    """An array whose pages come and go between memory and a file of its own.

    Parameters
    ----------
    shape
        (k, j, i), or (n, k, j, i) for n channels or blocks.
    dtype
        Of the voxels.
    folder
        Where the file is made; created when missing.

    Attributes
    ----------
    array
        Zeros in C order, writable. The file lives as long as the array.

    Raises
    ------
    StorageError
        There is not enough room on the disk, or the folder cannot be written to.
    """

    def __init__(self, shape: tuple[int, ...], dtype: np.dtype[Any], folder: Path) -> None:
        nbytes = int(np.prod(shape, dtype=np.int64)) * dtype.itemsize
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _remove_leftovers(folder)
            _check_room(folder, nbytes)
            # Only this user can read it, and it loses its name at once.
            with tempfile.TemporaryFile(prefix=PREFIX, dir=folder, buffering=0) as file:
                _allocate(file, nbytes)
                self._map = mmap.mmap(file.fileno(), nbytes)
                self._descriptor = os.dup(file.fileno())
                weakref.finalize(self, os.close, self._descriptor)
        except (OSError, ValueError, OverflowError) as error:
            raise _storage_error(error, nbytes) from error
        self.array: npt.NDArray[Any] = np.frombuffer(self._map, dtype).reshape(shape)

    def put(self, part: int, k: int, values: npt.NDArray[Any]) -> None:
        """Set slice k of one part of a (n, k, j, i) array.

        Written to the file instead of into its mapping, which would ask the system for every page on its own; a mapping
        shows what is written.
        """
        data = np.ascontiguousarray(values)
        offset = part * self.array.strides[0] + k * self.array.strides[1]
        if not hasattr(os, "pwrite") or os.pwrite(self._descriptor, data.data, offset) != data.nbytes:
            self.array[part, k] = data

    def settle(self, k: int) -> None:
        """Let go of the memory of slice k, which is complete: the system keeps what it has room for."""
        if not hasattr(mmap, "MADV_DONTNEED"):
            return
        # Of a mapped file this forgets no value: the pages stay in the file and, while there is room, in its cache.
        array = self.array
        slice_bytes, stack_bytes = array.strides[-3], array.strides[-3] * array.shape[-3]
        for part in range(array.shape[0] if array.ndim == 4 else 1):
            begin = part * stack_bytes + k * slice_bytes
            start = begin - begin % mmap.PAGESIZE
            self._map.madvise(mmap.MADV_DONTNEED, start, begin + slice_bytes - start)


def fetch(array: npt.NDArray[Any], rows: NeededRows) -> None:
    """Ask the system to read rows of a (k, j, i) array of a `VoxelFile`, many at the same time, without waiting.

    Left to itself it reads them one after the other, each when it is first touched, with megabytes around it. For an
    array that is no mapping, on systems that cannot be asked, and for more than `MOST_FETCHED_BYTES` nothing is done.
    """
    owner: object = array
    while isinstance(owner, np.ndarray):
        owner = owner.base
    mapping = owner.obj if isinstance(owner, memoryview) else owner
    row = array.strides[1]
    if not isinstance(mapping, mmap.mmap) or not hasattr(mmap, "MADV_WILLNEED"):
        return
    if rows.count * row > MOST_FETCHED_BYTES:
        return
    offset = array.ctypes.data - np.frombuffer(mapping, np.uint8).ctypes.data
    begins = offset + rows.slices * array.strides[0] + rows.first * row
    ends = offset + rows.slices * array.strides[0] + (rows.last + 1) * row
    begins -= begins % mmap.PAGESIZE
    # What follows directly upon each other is one range: whole slices are read in one piece.
    starts = np.flatnonzero(np.concatenate([[True], begins[1:] > ends[:-1]])) if len(begins) else begins
    for n, start in enumerate(starts):
        stop = starts[n + 1] - 1 if n + 1 < len(starts) else -1
        mapping.madvise(mmap.MADV_WILLNEED, int(begins[start]), int(ends[stop] - begins[start]))


def _check_room(folder: Path, nbytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if nbytes + SPARE_BYTES > free:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _allocate(file: BinaryIO, nbytes: int) -> None:
    """Take space from the disk; a hole in the file would end the program when the disk is full later."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file.fileno(), 0, nbytes)
        return
    zeros = memoryview(bytes(_CHUNK))
    left = nbytes
    while left > 0:
        left -= file.write(zeros[: min(left, _CHUNK)])


def _remove_leftovers(folder: Path) -> None:
    """Files that kept their name because the computer stopped between making and removing them."""
    for path in folder.glob(f"{PREFIX}*"):
        with suppress(OSError):  # gone meanwhile, or of another user
            if time.time() - path.lstat().st_mtime > _LEFTOVER_S:
                path.unlink()


def _storage_error(error: Exception, nbytes: int) -> StorageError:
    need = f"needs {nbytes / 1e9:.1f} GB, more than the memory limit allows"
    if isinstance(error, OSError) and error.errno in _FULL:
        return StorageError(
            f"It {need}, and the disk has no room for a temporary file of that size. "
            "Free some disk space, close other studies or raise the memory limit in the settings."
        )
    reason = (error.strerror if isinstance(error, OSError) else "") or "system error"
    return StorageError(
        f"It {need}, and no temporary file could be made for it ({reason}). "
        "Close other studies or raise the memory limit in the settings."
    )
