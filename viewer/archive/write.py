"""One stack of slices to one Zarr volume, a shard at a time in memory."""

from __future__ import annotations

import queue
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import zarr
from zarr.abc.store import Store
from zarr.codecs import BloscCodec, BloscShuffle

from viewer.archive.keys import only
from viewer.archive.layout import Level, SliceRecord, attributes, crc32_of, dimension_names, levels_of, md5_of
from viewer.archive.sealed_store import EncryptedStore, unsealed
from viewer.archive.sealing import ArchiveKey, Seal
from viewer.archive.stores import StoreKind, new_store, open_store
from viewer.dicom.build import array_dtype, fill_slice, is_colour, make_volume, stored_stack
from viewer.dicom.model import Series, Stack, Study
from viewer.errors import DecodeError, ViewerError
from viewer.imaging.volume import Volume

COMPRESSION_LEVEL = 3
CHECK_BYTES = 1 << 23
"""About so much is read back at a time."""
PATIENCE_S = 60.0
"""A slice whose decoding takes longer is given up."""

Array = npt.NDArray[Any]


class SourceError(ViewerError):
    """A file of the source cannot be read (any more); the series is not converted."""


@dataclass(frozen=True)
class Written:
    """What was written.

    Parameters
    ----------
    slices
        One record a slice.
    nbytes
        Of the stored values, uncompressed.
    """

    slices: tuple[SliceRecord, ...]
    nbytes: int


def write_volume(
    path: Path,
    kind: StoreKind,
    stack: Stack,
    series: Series,
    study: Study,
    *,
    check: bool = True,
    key: ArchiveKey | None = None,
) -> Written:
    """Write a stack of DICOM files as a Zarr volume.

    Parameters
    ----------
    path
        A name that is free.
    kind
        Layout.
    stack, series, study
        Of the catalogue.
    check
        Read everything back and compare it.
    key
        Encrypts every value before it reaches the disk; for layouts without shards.

    Raises
    ------
    SourceError
        A file cannot be read.
    OSError
        The volume cannot be written.
    ViewerError
        What was read back is not what was written.
    """
    plain = stored_stack(stack)
    colour = is_colour(stack)
    dtype = array_dtype(plain)
    levels = levels_of(stack.geometry.shape, dtype.itemsize * (3 if colour else 1))
    records: list[SliceRecord] = []
    with new_store(path, kind) as plain_store, _Decoder() as decoder:
        store = plain_store if key is None else EncryptedStore(plain_store, Seal(key))
        arrays = [_create(store, str(n), level, dtype, colour, kind) for n, level in enumerate(levels)]
        coarse = [np.zeros(_shape(level, colour), dtype) for level in levels[1:]]
        for first in range(0, levels[0].shape[0], levels[0].shard):
            last = min(first + levels[0].shard, levels[0].shape[0])
            part = stored_stack(stack, first, last)
            volume = make_volume(part)
            problems = [decoder.fill(volume, part, k) for k in range(last - first)]
            records += _records(stack, volume, first, problems)
            arrays[0][..., first:last, :, :] = volume.array
            for level, values in zip(levels[1:], coarse, strict=True):
                _thin_out(volume.array, first, level, values)
        for array, values in zip(arrays[1:], coarse, strict=True):
            array[...] = values
        digests = [[crc32_of(values[..., k, :, :]) for k in range(values.shape[-3])] for values in coarse]
        zarr.open_group(store, mode="r+").attrs.update(
            attributes(stack, series, study, records, levels, digests)
        )
    if check:
        _check(path, records, levels[0], key)
    nbytes = int(np.prod(_shape(levels[0], colour))) * dtype.itemsize
    return Written(tuple(records), nbytes)


def _create(
    store: Store, name: str, level: Level, dtype: np.dtype[Any], colour: bool, kind: StoreKind
) -> Any:
    _, j, i = level.shape
    lead = (3,) if colour else ()
    return zarr.create_array(
        store,
        name=name,
        shape=_shape(level, colour),
        chunks=(*lead, level.chunk, j, i),
        shards=(*lead, level.shard, j, i) if kind.sharded else None,
        dtype=dtype.newbyteorder("<"),
        compressors=BloscCodec(
            cname="zstd", clevel=COMPRESSION_LEVEL, shuffle=BloscShuffle.bitshuffle, typesize=dtype.itemsize
        ),
        fill_value=0,
        dimension_names=dimension_names(colour=colour),
        # Of an encrypted volume and of a coarse level a chunk that is not there was taken away.
        config={"write_empty_chunks": isinstance(store, EncryptedStore) or level.step != (1, 1, 1)},
    )


def _shape(level: Level, colour: bool) -> tuple[int, ...]:
    return (3, *level.shape) if colour else level.shape


def _records(stack: Stack, volume: Volume, first: int, problems: list[str]) -> list[SliceRecord]:
    records = []
    for k, problem in enumerate(problems):
        frame = stack.frames[first + k]
        values = volume.array[..., k, :, :]
        md5, crc32 = ("", 0) if problem else (md5_of(values), crc32_of(values))
        scale = (frame.slope, frame.intercept, frame.slice_suv_factor)
        records.append(SliceRecord(frame.sop_instance_uid, *scale, md5, crc32, problem))
    return records


def _thin_out(block: Array, first: int, level: Level, values: Array) -> None:
    """Put the voxels of a block of slices that belong to a coarse level into their places."""
    k, j, i = level.step
    skipped = -first % k
    picked = block[..., skipped::k, ::j, ::i]
    start = (first + skipped) // k
    values[..., start : start + picked.shape[-3], :, :] = picked


def _check(path: Path, records: list[SliceRecord], level: Level, key: ArchiveKey | None) -> None:
    """Compare what lies on the disk with what was decoded.

    Raises
    ------
    ViewerError
        They differ.
    """
    store = open_store(path)
    try:
        array = zarr.open_array(store if key is None else _opened(store, key), path="0", mode="r")
        step = level.chunk * max(
            1, CHECK_BYTES // (level.chunk * int(np.prod(level.shape[1:])) * array.dtype.itemsize)
        )
        for first in range(0, len(records), step):
            last = min(first + step, len(records))
            block = np.asarray(array[..., first:last, :, :])
            for k, record in enumerate(records[first:last]):
                if record.md5 and crc32_of(block[..., k, :, :]) != record.crc32:
                    raise ViewerError("What was read back from the disk is not what was written.")
    finally:
        store.close()


def _opened(store: Store, key: ArchiveKey) -> Store:
    """What was written, through its seal.

    Raises
    ------
    ViewerError
        It is not encrypted.
    """
    encrypted = unsealed(store, only(key))
    if encrypted is None:
        raise ViewerError("What was written is not encrypted.")
    return encrypted[0]


class _Decoder:
    """Fills slices on a thread of its own, which is left behind when a codec hangs on damaged data.

    Use as a context manager.
    """

    def __enter__(self) -> _Decoder:
        self._start()
        return self

    def __exit__(self, *_: object) -> None:
        self._tasks.put(None)

    def _start(self) -> None:
        tasks: queue.SimpleQueue[tuple[Volume, Stack, int] | None] = queue.SimpleQueue()
        answers: queue.SimpleQueue[str | BaseException] = queue.SimpleQueue()

        def serve() -> None:
            while (task := tasks.get()) is not None:
                try:
                    answers.put(_filled(*task))
                except BaseException as error:  # noqa: BLE001 - carried to the thread that asked, which raises it
                    answers.put(error)

        threading.Thread(target=serve, name="archive-decoder", daemon=True).start()
        self._tasks, self._answers = tasks, answers

    def fill(self, volume: Volume, stack: Stack, k: int) -> str:
        """Fill a slice; what is wrong with it, or "".

        Raises
        ------
        SourceError
            Its file cannot be read.
        """
        self._tasks.put((volume, stack, k))
        try:
            answer = self._answers.get(timeout=PATIENCE_S)
        except queue.Empty:
            self._start()
            volume.corrupt[k] = True
            return "Its pixel data could not be decoded in reasonable time."
        if isinstance(answer, BaseException):
            raise answer
        return answer


def _filled(volume: Volume, stack: Stack, k: int) -> str:
    """Work of the thread."""
    try:
        fill_slice(volume, stack, k)
    except DecodeError as error:
        if isinstance(error.__cause__, OSError):
            raise SourceError(f"{stack.frames[k].path.name}: {error.user_message}") from error
        return error.user_message
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise SourceError(f"{stack.frames[k].path.name}: the file cannot be read ({reason}).") from error
    except MemoryError:
        return "There is not enough memory to decode it."
    return ""
