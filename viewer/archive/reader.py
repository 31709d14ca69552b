"""Reading converted volumes: the stack of the catalogue they came from, slices of any level, planes on demand.

A volume is opened by its path, or by a URL that fsspec understands. Opening reads the attributes only; voxels come
chunk by chunk and are kept within a budget of bytes, so that planes of a volume larger than the memory can be had. The
stored values of a slice are compared with their digest before they are handed out.
"""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from viewer.archive.address import Address, Place, place_of
from viewer.archive.extra import require, require_remote
from viewer.archive.keys import KeyFinder, find_key
from viewer.archive.layout import KEY, VERSION, SliceRecord, coarse_geometry, crc32_of
from viewer.archive.record import from_plain
from viewer.archive.shards import Files, LocalFiles, SliceShards
from viewer.dicom.build import (
    array_dtype,
    fill_slice,
    is_colour,
    is_physical,
    make_volume,
    volume_bytes,
    voxels_of,
)
from viewer.dicom.entries import kind_of_entry
from viewer.dicom.model import FrameSource, Series, Stack, Study
from viewer.errors import DecodeError, FormatError, UnreadableError
from viewer.imaging.preview import CoarseLevel
from viewer.imaging.volume import Volume

if TYPE_CHECKING:
    from types import TracebackType

Array = npt.NDArray[Any]

CACHE_BYTES = 1 << 25
FEW_CHUNKS = 8
"""As many chunks are unpacked before threads would have been started."""
ENDINGS = (".zarr", ".zarr.zip", ".zarr.sqlite")
"""Ends of the names of volumes."""
REMOTE_ENDING = ".zarr"
"""Of those that can be read from a server: others are one file each."""


def is_volume_name(name: str) -> bool:
    """Whether a file or folder is named like a volume."""
    return name.lower().endswith(ENDINGS)


def volumes_below(folder: Path) -> Iterator[Path]:
    """Every volume below a folder, by name; what is not finished is hidden and passed over."""
    waiting = [str(folder)]
    while waiting:
        with os.scandir(waiting.pop()) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
        folders = []
        for entry in entries:
            kind = kind_of_entry(entry)
            if kind in ("file", "folder") and is_volume_name(entry.name):
                yield Path(entry.path)
            elif kind == "folder":
                folders.append(entry.path)
        waiting.extend(reversed(folders))


class ArchiveVolume:
    """A converted volume, open for reading. Use as a context manager, or `close` it.

    May be used from several threads at the same time.

    Parameters
    ----------
    place
        Path of the volume, or its address, also as text ("s3://bucket/series/volume.zarr").
    cache_bytes
        Decoded chunks that are kept.
    find
        Gives the key of an encrypted volume.

    Attributes
    ----------
    key_id
        Id of the key it is encrypted with, or "".
    stack
        As in the catalogue it was made from; its `source` reads the slices from here, and the path of its frames is
        that of the volume.
    series, study
        Where it belongs; `series.stacks` holds the one stack.
    slices
        One record a slice.
    steps
        For each level the step along (k, j, i); level 0 is the finest.

    Raises
    ------
    FormatError
        It is no volume of this program, damaged, of a newer version, or encrypted with a key that is not here.
    ViewerError
        The packages of the extra are missing.
    OSError
        It cannot be read.
    """

    def __init__(
        self, place: Place | str, *, cache_bytes: int = CACHE_BYTES, find: KeyFinder = find_key
    ) -> None:
        self.place: Place = place_of(place) if isinstance(place, str) else place
        if isinstance(self.place, Address):
            require_remote(self.place.scheme)
        else:
            require("zarr")
        self._store = _store_of(self.place)
        self.key_id = ""
        self._levels: dict[int, Any] = {}
        self._shards: dict[int, SliceShards | None] = {}
        self._chunks: OrderedDict[tuple[int, int], Array] = OrderedDict()
        self._cache_bytes = cache_bytes
        self._held_bytes = 0
        self._lock = threading.Lock()
        try:
            self._describe(self._opened(find))
        except BaseException:
            self._store.close()
            raise

    def _opened(self, find: KeyFinder) -> dict[str, Any]:
        """The attributes; the store is that of the opened values from here on."""
        try:
            return _attributes(self._store)
        except FormatError:
            # Looked at only now, since it is one more way to a remote store.
            encrypted = _unsealed(self._store, find)
            if encrypted is None:
                raise
        self._store, self.key_id = encrypted
        return _attributes(self._store)

    def _describe(self, plain: dict[str, Any]) -> None:
        try:
            version, columns = plain["version"], plain["slices"]
            steps = tuple(tuple(step) for step in plain["levels"])
            rows = list(zip(*(columns[name] for name in SliceRecord.__dataclass_fields__), strict=True))
        except (KeyError, TypeError, ValueError) as error:
            raise FormatError("Its attributes are damaged.") from error
        if not isinstance(version, int) or version > VERSION:
            raise FormatError("It was written by a newer version of the program.")
        self.slices = tuple(
            from_plain(SliceRecord, dict(zip(SliceRecord.__dataclass_fields__, row, strict=True)))
            for row in rows
        )
        path = self.place if isinstance(self.place, Path) else self.place.path
        frames = tuple(
            FrameSource(
                path,
                frame=k,
                sop_instance_uid=record.sop_instance_uid,
                frames=len(self.slices),
                slope=record.slope,
                intercept=record.intercept,
                slice_suv_factor=record.slice_suv_factor,
            )
            for k, record in enumerate(self.slices)
        )
        bare: Stack = from_plain(Stack, plain["stack"], {"frames": frames})
        if bare.geometry.shape[0] != len(frames):
            raise FormatError("Its slices do not fit its geometry.")
        if not _are_steps(steps, bare.geometry.shape):
            raise FormatError("Its levels are damaged.")
        self.steps: tuple[tuple[int, int, int], ...] = steps
        self._coarse_crc32 = _coarse_digests(plain, [-(-len(frames) // step[0]) for step in steps[1:]])
        self._bare = bare
        self.stack = replace(bare, source=_Source(self, bare, 0, 1))
        self.series: Series = from_plain(
            Series, plain["series"], {"stacks": (self.stack,), "paths": (path,) if path is self.place else ()}
        )
        self.study: Study = from_plain(Study, plain["study"], {"series": (self.series,)})

    def __enter__(self) -> ArchiveVolume:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let the store and all chunks go."""
        with self._lock:
            self._chunks.clear()
            self._held_bytes = 0
            self._levels.clear()
            self._shards.clear()
        self._store.close()

    @property
    def is_colour(self) -> bool:
        """Whether slices are RGB."""
        return is_colour(self._bare)

    def at_level(self, level: int) -> Stack:
        """The stack at a level: every n-th voxel of each axis, each at its true place, with a source of its own.

        Where slices have their own rescale the frames are those of what the source reads: physical values.
        """
        if level == 0:
            return self.stack
        step = self.steps[level][0]
        frames = tuple(
            replace(frame, frame=n, frames=-(-len(self.slices) // step))
            for n, frame in enumerate(self._bare.frames[::step])
        )
        # All slices decide, as in the volume itself: those of this level alone may have the same rescale.
        physical = is_physical(self._bare)
        if physical:
            frames = tuple(replace(frame, slope=1.0, intercept=0.0) for frame in frames)
        geometry = coarse_geometry(self._bare.geometry, self.steps[level])
        _, rows, columns = geometry.shape
        bare = replace(
            self._bare,
            frames=frames,
            geometry=geometry,
            pixels=replace(self._bare.pixels, rows=rows, columns=columns),
            padding=None if physical else self._bare.padding,
        )
        return replace(bare, source=_Source(self, self._bare, level, step))

    def volume(self, level: int = 0) -> Volume:
        """All voxels of a level, as the viewer shows them; damaged slices are marked.

        Raises
        ------
        UnreadableError
            The store cannot be read.
        """
        stack = self.at_level(level)
        volume = make_volume(stack, self.series.description)
        for k in range(len(stack.frames)):
            try:
                fill_slice(volume, stack, k)
            except UnreadableError:
                raise
            except DecodeError:
                continue
        return volume

    def coarse(self, limit_bytes: int) -> CoarseLevel | None:
        """Read the finest coarse level that is not larger and good; see `viewer.dicom.model.PyramidSource`."""
        undecoded = tuple(k for k, record in enumerate(self.slices) if record.problem)
        damaged = False
        for level, step in enumerate(self.steps):
            if level == 0 or volume_bytes(self.at_level(level)) > limit_bytes:
                continue
            volume = self.volume(level)
            # What is damaged here says nothing about the slices themselves, so it is not shown for them.
            damaged = not set(np.flatnonzero(volume.corrupt) * step[0]).issubset(undecoded)
            if not damaged:
                return CoarseLevel(volume.array, step, undecoded)
        if damaged:
            raise DecodeError("The coarse levels of the volume are damaged.")
        return None

    def stored_slice(self, k: int, level: int = 0) -> Array:
        """Stored values of a slice, (j, i) or (3, j, i).

        Raises
        ------
        DecodeError
            The slice could not be decoded when it was converted, or is damaged.
        OSError
            The store cannot be read.
        """
        record = self.slices[k * self.steps[level][0]]
        if record.problem:
            raise DecodeError(record.problem)
        chunk, within = divmod(k, self._slices_a_chunk(level))
        values = self._chunk(level, chunk)[..., within, :, :]
        expected = record.crc32 if level == 0 else self._coarse_crc32[level - 1][k]
        if expected is not None and crc32_of(values) != expected:
            self._forget(level, chunk)
            raise DecodeError("The stored slice does not fit its digest; the archive is damaged here.")
        return values

    def stored_plane(self, axis: int, index: int, level: int = 0) -> Array:
        """Stored values of a plane across the volume, from the chunks that are kept and those that are not.

        Parameters
        ----------
        axis
            0 for a slice (j, i), 1 for rows (k, i), 2 for columns (k, j); behind a colour axis if there is one.
        index
            Along the axis.
        level
            Of the pyramid.

        Raises
        ------
        DecodeError, OSError
            As `stored_slice`; slices that could not be decoded when they were converted are zero here.
        """
        if axis == 0:
            return self.stored_slice(index, level)
        count = -(-len(self.slices) // self.steps[level][0])
        chunks = range(-(-count // self._slices_a_chunk(level)))
        with self._lock:
            missing = sum((level, n) not in self._chunks for n in chunks)

        def part(n: int) -> Array:
            values: Array = self._chunk(level, n).take(index, axis=axis - 3)
            return values

        if missing < FEW_CHUNKS:
            return np.concatenate([part(n) for n in chunks], axis=-2)
        # Unpacking gives Python's lock away.
        with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
            return np.concatenate(list(pool.map(part, chunks)), axis=-2)

    def _array(self, level: int) -> Any:
        found = self._levels.get(level)
        if found is None:
            import zarr

            with _as_viewer_errors():
                found = zarr.open_array(self._store, path=str(level), mode="r")
            expected = coarse_geometry(self._bare.geometry, self.steps[level]).shape
            if found.shape[-3:] != expected or found.ndim != (4 if self.is_colour else 3):
                raise DecodeError(
                    "The stored array does not fit its attributes; the archive is damaged here."
                )
            # When two threads come here at once, both find the same.
            with _as_viewer_errors():
                self._shards[level] = None if self.key_id else SliceShards.of(found, self._files(level))
            self._levels[level] = found
        return found

    def _files(self, level: int) -> Files:
        """The files of a level as they lie there."""
        if isinstance(self.place, Path):
            return LocalFiles(self.place / str(level))
        from viewer.archive.remote import RemoteFiles, RemoteFolder

        return RemoteFiles(RemoteFolder(self.place), str(level))

    def _slices_a_chunk(self, level: int) -> int:
        return int(self._array(level).chunks[-3])

    def _forget(self, level: int, n: int) -> None:
        """Have a chunk read anew the next time."""
        with self._lock:
            gone = self._chunks.pop((level, n), None)
            if gone is not None:
                self._held_bytes -= gone.nbytes

    def _chunk(self, level: int, n: int) -> Array:
        """A chunk of slices, decoded; from the cache when it is there."""
        with self._lock:
            kept = self._chunks.get((level, n))
            if kept is not None:
                self._chunks.move_to_end((level, n))
                return kept
        array = self._array(level)
        size, shards = int(array.chunks[-3]), self._shards[level]
        with _as_viewer_errors():
            if shards is not None:
                values = shards.read(n)
            else:
                values = np.asarray(array[..., n * size : (n + 1) * size, :, :])
        values.setflags(write=False)
        with self._lock:
            if (level, n) not in self._chunks:
                self._chunks[(level, n)] = values
                self._held_bytes += values.nbytes
            while self._held_bytes > self._cache_bytes and len(self._chunks) > 1:
                _, old = self._chunks.popitem(last=False)
                self._held_bytes -= old.nbytes
        return values


class _Source:
    """Reads the slices of a level for `viewer.dicom.build.fill_slice`; see `VolumeSource`.

    `whole` has all slices, of which every `step`-th is in the level: it says what their values mean.
    """

    sequential = False
    packed = True

    def __init__(self, archive: ArchiveVolume, whole: Stack, level: int, step: int) -> None:
        self._archive = archive
        self._whole = whole
        self._level = level
        self._step = step
        self._dtype = array_dtype(whole)
        self.remote = isinstance(archive.place, Address)

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of the voxel array."""
        return self._dtype

    def read(self, frame: FrameSource) -> Array:
        """Read one slice as the array of the volume holds it."""
        stored = self._archive.stored_slice(frame.frame, self._level)
        return voxels_of(stored, self._whole, self._whole.frames[frame.frame * self._step])


def _are_steps(steps: tuple[tuple[Any, ...], ...], shape: tuple[int, int, int]) -> bool:
    """Whether these are steps of levels of a volume: three whole numbers each, beginning with every voxel."""
    return steps[:1] == ((1, 1, 1),) and all(
        len(step) == 3 and all(type(s) is int and 1 <= s <= n for s, n in zip(step, shape, strict=True))
        for step in steps
    )


def _coarse_digests(plain: dict[str, Any], counts: list[int]) -> list[list[int | None]]:
    """CRC-32 of the slices of each coarse level; None for all where the volume was written without.

    Raises
    ------
    FormatError
        There is not one for each slice.
    """
    digests: Any = plain.get("coarse_crc32", [[None] * count for count in counts])
    if not isinstance(digests, list) or [isinstance(row, list) and len(row) for row in digests] != counts:
        raise FormatError("Its attributes are damaged.")
    return digests


def _store_of(place: Place) -> Any:
    if isinstance(place, Address):
        return _remote_store(place)
    from viewer.archive.stores import open_store

    if not place.exists():
        raise FileNotFoundError(2, os.strerror(2), str(place))
    with _as_viewer_errors():
        return open_store(place)


def _remote_store(address: Address) -> Any:
    from viewer.archive.remote import RemoteFolder, RemoteStore

    if not address.name.lower().endswith(REMOTE_ENDING):
        raise FormatError(
            f"Volumes behind an address are folders whose names end in {REMOTE_ENDING}; copy a volume in a single file "
            "to this computer."
            if is_volume_name(address.name)
            else f"The address of a volume ends in {REMOTE_ENDING}."
        )
    folder = RemoteFolder(address)
    if not folder.sends_parts():
        raise FormatError(
            "The server sends whole files only, and volumes are read in parts: it must answer range requests."
        )
    return RemoteStore(folder)


def _unsealed(store: Any, find: KeyFinder) -> tuple[Any, str] | None:
    """The store of an encrypted volume opened, and the id of its key; None for anything else."""
    from viewer.archive.sealed_store import unsealed

    try:
        with _as_viewer_errors():
            return unsealed(store, find)
    except DecodeError:
        return None


def _attributes(store: Any) -> dict[str, Any]:
    import zarr

    try:
        with _as_viewer_errors():
            attributes = zarr.open_group(store, mode="r").attrs.asdict()
    except DecodeError as error:
        raise FormatError("It is no Zarr group, or damaged.") from error
    plain = attributes.get(KEY)
    if not isinstance(plain, dict):
        raise FormatError("It was not written by this program, so what its values mean is unknown.")
    return plain


class _as_viewer_errors:  # noqa: N801 - reads like a function where it is used
    """Turn what zarr, its codecs and stores raise on damaged data into a `DecodeError`."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import sqlite3
        import zipfile

        if isinstance(error, OSError) and not isinstance(error, FileNotFoundError):
            return
        damaged = (
            ValueError,
            RuntimeError,
            KeyError,
            TypeError,
            IndexError,
            AssertionError,
            FileNotFoundError,
            sqlite3.Error,
            zipfile.BadZipFile,
            MemoryError,
        )
        if isinstance(error, damaged):
            raise DecodeError("The stored data is damaged.") from error
