"""Decoded volumes kept on the disk, so that a study that took long to decode opens fast the second time.

What is kept are stored values and digests (`viewer.archive.copies`); everything else is read from the DICOM files at
every opening, so nothing that the catalogue says can be stale. A copy is used when path, size and times of every file
and the place of every frame are what they were (`viewer.loading.copy_key`), and each slice when it fits its checksum.
Any doubt means that the files are read, as if there were no copies.

Where it is worth it was measured with 600 slices of 512x512 (315 MB; as a copy 110 MB, written in 0.4 s of processor
time), two cores, files in the system's cache. Whole volume in seconds, index and the import of numcodecs included:

    JPEG 2000        11.5 from the files    0.5 from a copy
    JPEG-LS           2.5                   0.5
    HTJ2K             1.6                   0.5
    JPEG lossless     1.0                   0.4
    RLE               0.4                   0.5
    not compressed    0.2                   0.4

Hence the rule (`worth_keeping`): a stack whose slices took more than 1.5 s to come, and three times what a copy would
take. What is measured is the time, whatever it went into; slow network folders fall under the same rule. It is the
median slice that counts (`usual_time`), so that a busy moment makes no copy; and when the files turn out to be faster
than the copy, they are read (`copy_is_faster`).

Copies lie in a folder of their own in the user's cache folder, for this user only. Each has its final name only when it
is complete. The ones used least recently go when there are too many; several programs may share the folder.
"""

from __future__ import annotations

import errno
import logging
import os
import shutil
import threading
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.archive.copies import VolumeCopy, copies_available, write_copy
from viewer.atomic import put_folder
from viewer.dicom.build import (
    array_dtype,
    array_shape,
    fill_slice,
    is_colour,
    is_physical,
    make_volume,
    stored_stack,
    voxels_of,
)
from viewer.dicom.model import Stack
from viewer.errors import DecodeError
from viewer.formats.zip_archive import is_unpacked
from viewer.imaging.volume import Volume
from viewer.loading.copy_key import copy_key, copy_name
from viewer.loading.priority import give_way

LEAST_S = 1.5
"""Slices that came faster are not worth a copy."""
LEAST_GAIN = 3.0
SAMPLES = 8
"""Slices from either side before copy and files are compared."""
COPY_BYTES_S = 5e8
"""Stored values that come from a copy in a second, at least."""
MOST_OF_FREE = 0.1
"""Share of the free disk that all copies together may take."""
LEFTOVER_S = 600.0
"""Nobody writes any more to what has not changed for so long."""

LOOK_BYTES = 1 << 25
"""After so many bytes it is looked again whether everything fits."""

_NOT_KEPT = (OSError, MemoryError, DecodeError, ImportError, ValueError, RuntimeError)
"""What the disk, the files and a compressor that is damaged or of another version raise."""

_ENDING = ".zarr"
_PART = ".part"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, eq=False)
class Wish:
    """A volume that is worth keeping. It is not held in memory for that.

    Parameters
    ----------
    stack
        What was read.
    array
        Weak reference to its voxels.
    good
        Slices that could be read.
    started_ns
        Nanoseconds since 1970 when the first of its slices was read.
    """

    stack: Stack
    array: weakref.ref[npt.NDArray[Any]]
    good: npt.NDArray[np.bool_]
    started_ns: int


@dataclass(frozen=True)
class Usage:
    """What is kept: number of copies and bytes on the disk."""

    copies: int
    nbytes: int


class VolumeCopies:
    """The folder of copies. Thread-safe; several programs may use the same folder.

    Parameters
    ----------
    folder
        Where they are; made when the first one is written. A link in its place is not followed: nothing is kept then.
    limit_bytes
        All copies together; 0 keeps none and uses none.
    wanted
        Called with each `Wish`, from the thread that loads; None makes no copies.

    Attributes
    ----------
    limit_bytes, wanted
        May be changed at any time.
    """

    def __init__(self, folder: Path, limit_bytes: int, wanted: Callable[[Wish], None] | None = None) -> None:
        self.folder = folder
        self.limit_bytes = limit_bytes
        self.wanted = wanted
        self._naming = threading.Lock()
        self._cleared = 0

    @property
    def on(self) -> bool:
        """Whether copies are used and made."""
        return self.limit_bytes > 0 and copies_available() and not self.folder.is_symlink()

    # --- reading -----------------------------------------------------------------------------------------------

    def find(self, stack: Stack) -> CopyReader | None:
        """What may have slices of a stack; None when there is surely nothing. Reads no file of the stack."""
        if not self.on or not self.folder.is_dir() or not _may_be_kept(stack):
            return None
        path = self._path(stack)
        return CopyReader(self, stack, path) if path.is_dir() else None

    def drop(self, path: Path, reason: str) -> None:
        """Remove a copy that cannot be used."""
        _log.info("a kept copy of a volume is removed: %s", reason)
        _remove(path)

    # --- writing -----------------------------------------------------------------------------------------------

    def offer(self, stack: Stack, volume: Volume, seconds: float, started_ns: int) -> None:
        """Consider keeping a volume that was read from its files.

        Parameters
        ----------
        stack, volume
            All its slices were tried.
        seconds
            Its slices took (`usual_time`, shared among the threads).
        started_ns
            When the first was read, nanoseconds since 1970.
        """
        wanted = self.wanted
        if wanted is None or not worth_keeping(seconds, volume.array.nbytes):
            return
        if self.on and _may_be_kept(stack):
            good = volume.ready & ~volume.corrupt
            wanted(Wish(stack, weakref.ref(volume.array), good, started_ns))

    def write(self, wish: Wish, check: Callable[[], None]) -> bool:
        """Keep a volume; False when it is gone, its files changed meanwhile, or the disk does not take it.

        Parameters
        ----------
        wish
            From `offer`.
        check
            Called before each slice; what it raises ends the writing and leaves nothing.
        """
        if not self.on:
            return False
        try:
            key = copy_key(wish.stack, wish.started_ns)
            if key is None:
                return False
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self.folder.chmod(0o700)
            self.remove_leftovers()
            aside = self.folder / f".{os.urandom(6).hex()}{_PART}"
            try:
                return self._write_aside(aside, key, wish, check)
            finally:
                _remove(aside)
        except _NOT_KEPT as error:
            _log.info("a volume was not kept: %s", type(error).__name__)
            return False

    def _write_aside(self, aside: Path, key: str, wish: Wish, check: Callable[[], None]) -> bool:
        cleared = self._cleared
        plain = stored_stack(wish.stack)
        looked_at = 0

        def grown(nbytes: int) -> None:
            nonlocal looked_at
            check()
            if nbytes - looked_at >= LOOK_BYTES:
                looked_at = nbytes
                self._make_room()

        write_copy(aside, key, array_shape(plain), array_dtype(plain), _stored_slices(wish), grown)
        self._make_room()
        check()
        # Files that changed while they were read, or since: what was written may be of neither state.
        if copy_key(wish.stack, wish.started_ns) != key:
            return False
        with self._naming:
            if cleared != self._cleared:
                return False
            put_folder(aside, self._path(wish.stack))
        return True

    def remove_leftovers(self) -> None:
        """Remove what a program that ended in the middle of it has begun."""
        for path in self._members():
            if path.suffix != _ENDING and time.time() - _latest_change(path) > LEFTOVER_S:
                _remove(path)

    # --- room --------------------------------------------------------------------------------------------------

    def usage(self) -> Usage:
        """What is kept now, unfinished copies included in the bytes."""
        members = self._members()
        return Usage(sum(path.suffix == _ENDING for path in members), sum(map(_size, members)))

    def clear(self) -> Usage:
        """Remove all copies, those being written too; returns what there was."""
        # What is on its way to its name in this moment is waited for, or finds that it is not wanted any more.
        with self._naming:
            self._cleared += 1
            before = self.usage()
            for path in self._members():
                _remove(path)
        return before

    def shrink(self) -> None:
        """Remove what exceeds the limit."""
        if self.folder.is_dir():
            with suppress(OSError):  # what is being written alone exceeds it, and finds out by itself
                self._make_room()

    def _make_room(self) -> None:
        """Remove copies, the least recently used first, until all there is fits.

        Raises
        ------
        OSError
            What is being written alone does not fit.
        """
        sizes = {path: _size(path) for path in self._members()}
        total = sum(sizes.values())
        limit = min(self.limit_bytes, int(MOST_OF_FREE * (shutil.disk_usage(self.folder).free + total)))
        finished = [path for path in sizes if path.suffix == _ENDING]
        for path in sorted(finished, key=_last_use):
            if total <= limit:
                return
            self.drop(path, "the room is needed")
            total -= sizes[path]
        if total > limit:
            raise OSError(errno.EFBIG, os.strerror(errno.EFBIG))

    def _members(self) -> list[Path]:
        """Copies and what will become one; nothing else that may lie there."""
        try:
            with os.scandir(self.folder) as found:
                return [
                    Path(entry.path)
                    for entry in found
                    if entry.is_dir(follow_symlinks=False)
                    and (entry.name.endswith(_ENDING) or (entry.name.startswith(".") and _PART in entry.name))
                ]
        except OSError:
            return []

    def _path(self, stack: Stack) -> Path:
        return self.folder / f"{copy_name(stack)}{_ENDING}"


class CopyReader:
    """Slices of a copy, as soon as it is known to be good; until then they come from the files.

    Looking at the files' times and importing the compressor happen in a thread of its own, which is to be started when
    the first picture is there.
    """

    def __init__(self, copies: VolumeCopies, stack: Stack, path: Path) -> None:
        self._copies = copies
        self._stack = stack
        self._path = path
        self._copy: VolumeCopy | None = None
        self._opener: threading.Thread | None = None

    @property
    def started(self) -> bool:
        """Whether the copy is open or being opened."""
        return self._opener is not None

    @property
    def good(self) -> bool:
        """Whether slices come from the copy."""
        return self._copy is not None

    def start(self) -> CopyReader:
        """Begin to open the copy, unless that was done."""
        if self._opener is None:
            self._opener = threading.Thread(target=self._open, name="copy-opener", daemon=True)
            self._opener.start()
        return self

    def wait(self) -> None:
        """Until the copy is open or known to be of no use."""
        if self._opener is not None:
            self._opener.join()

    def fill(self, volume: Volume, k: int) -> bool:
        """Put slice k into its volume; False when it has to be read from its file."""
        copy = self._copy
        if copy is None:
            return False
        try:
            values = copy.stored(k)
        except (DecodeError, OSError) as error:
            self._give_up(error)
            return False
        if values is None:
            return False
        volume.array[..., k, :, :] = voxels_of(values, self._stack, self._stack.frames[k])
        volume.ready[k] = True
        return True

    def _open(self) -> None:
        give_way()
        plain = stored_stack(self._stack)
        try:
            key = copy_key(self._stack, time.time_ns())
            if key is None:
                return
            copy = VolumeCopy(self._path, key, array_shape(plain), array_dtype(plain))
            os.utime(self._path)  # the time of the last use
        except _NOT_KEPT as error:
            self._give_up(error)
        else:
            self._copy = copy

    def _give_up(self, error: Exception) -> None:
        self._copy = None
        if isinstance(error, DecodeError):
            self._copies.drop(self._path, error.user_message)
        else:
            _log.info("a kept copy of a volume is not used: %s", type(error).__name__)


def usual_time(seconds: list[float]) -> float:
    """What slices take together when nothing else holds them up: the busiest moments of the computer count as others.

    Parameters
    ----------
    seconds
        Of each slice.
    """
    return _median(seconds) * len(seconds) if seconds else 0.0


def copy_is_faster(files_s: list[float], copy_s: list[float]) -> bool:
    """Whether to go on with a copy; files on a slow network may lie in the system's cache today.

    Parameters
    ----------
    files_s, copy_s
        Times of slices of the same series so far; with few of either there is nothing to compare.
    """
    if min(len(files_s), len(copy_s)) < SAMPLES:
        return True
    return _median(copy_s[:SAMPLES]) < _median(files_s[:SAMPLES])


def _median(values: list[float]) -> float:
    return sorted(values)[len(values) // 2]


def worth_keeping(seconds: float, nbytes: int) -> bool:
    """Whether a volume took so long to come that a copy is a gain.

    Parameters
    ----------
    seconds
        Its slices took.
    nbytes
        Its voxels have.
    """
    return seconds > max(LEAST_S, LEAST_GAIN * nbytes / COPY_BYTES_S)


def _may_be_kept(stack: Stack) -> bool:
    """DICOM files that will be there again: no other formats, nothing unpacked for this run only."""
    folders = {frame.path.parent: frame.path for frame in stack.frames}
    return stack.source is None and not stack.preliminary and not any(map(is_unpacked, folders.values()))


def _stored_slices(wish: Wish) -> Iterator[npt.NDArray[Any] | None]:
    """Stored values slice by slice: those in memory, or those of the files where memory holds physical ones."""
    array, stack = wish.array(), wish.stack
    if array is None:
        raise OSError(errno.ENOENT, "the volume is gone")
    physical = is_physical(stack) and not is_colour(stack)
    for k, good in enumerate(wish.good):
        if not good:
            yield None
        elif physical:
            part = stored_stack(stack, k, k + 1)
            one = make_volume(part)
            fill_slice(one, part, 0)
            yield one.array[0]
        else:
            yield array[..., k, :, :]


def _size(path: Path) -> int:
    """Bytes of all files below."""
    total = 0
    for folder, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):  # another program may remove it meanwhile
                total += Path(folder, name).lstat().st_size
    return total


def _last_use(path: Path) -> float:
    with suppress(OSError):
        return path.stat().st_mtime
    return 0.0


def _latest_change(path: Path) -> float:
    """Latest change of anything below."""
    latest = _last_use(path)
    for folder, _, names in os.walk(path):
        latest = max([latest, *(_last_use(Path(folder, name)) for name in names)])
    return latest


def _remove(path: Path) -> None:
    """Remove a folder of ours; its description first, so that nobody uses what is left of it meanwhile."""
    with suppress(OSError):
        (path / "zarr.json").unlink()
    shutil.rmtree(path, ignore_errors=True)
