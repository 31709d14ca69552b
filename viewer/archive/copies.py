"""Private copies of the stored values of a stack, in the Zarr layout of the archive without anything about the patient.

A copy is a Zarr v3 group of one array "0" in shards (`viewer.archive.layout`), with a chunk for each slice; any program
that reads Zarr reads it. The group's attribute `triptych-copy` holds `version`, `key` (whose file these values are; a
digest) and `crc32` (one number a slice, None for one that could not be decoded and is not in here). No tag, no
geometry, no name.

zarr itself takes a fifth of a second to import, in which the window stutters, and milliseconds to read a small chunk.
The layout is our own and fixed, so its few lines of JSON and the index of a shard are written here, and read by
`viewer.archive.shards`; of the extra only the compressor of numcodecs is needed.
"""

from __future__ import annotations

import importlib.util
import json
import os
import struct
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import numpy.typing as npt

from viewer.archive.layout import SHARD_BYTES, crc32_of, dimension_names
from viewer.archive.shards import LocalFiles, SliceShards
from viewer.errors import DecodeError

Array = npt.NDArray[Any]

VERSION = 1
ATTRIBUTE = "triptych-copy"
CODEC, CODEC_LEVEL = "lz4", 1
"""A third of the time of Zstandard in both directions, for files that are 8 % larger (CT of 512x512, measured)."""

_EMPTY = 2**64 - 1
_ARRAY = "0"
_METADATA = "zarr.json"
_CASTAGNOLI = 0x82F63B78


def copies_available() -> bool:
    """Whether the packages of the extra `archive` that this needs are installed; imports none of them."""
    return importlib.util.find_spec("numcodecs") is not None


def write_copy(
    folder: Path,
    key: str,
    shape: tuple[int, ...],
    dtype: np.dtype[Any],
    slices: Iterable[Array | None],
    grown: Callable[[int], None],
) -> None:
    """Write a copy, one slice at a time in memory, readable by this user only.

    Parameters
    ----------
    folder
        A name that is free.
    key
        Kept in it.
    shape, dtype
        Of all values: (k, j, i), or (3, k, j, i).
    slices
        For each k (j, i) or (3, j, i) values, None for one that is not to be kept.
    grown
        Called with the bytes on the disk so far before each slice; what it raises ends the writing.

    Raises
    ------
    OSError
        It cannot be written; what is there is left to the caller to remove.
    """
    from numcodecs.blosc import Blosc

    little = dtype.newbyteorder("<")
    encode = Blosc(CODEC, CODEC_LEVEL, Blosc.BITSHUFFLE).encode
    count, shard = shape[-3], _slices_a_shard(shape, dtype)
    folder.mkdir(mode=0o700)
    array = folder / _ARRAY
    array.mkdir(mode=0o700)
    shards = _folders(array / "c", len(shape) - 3)
    digests: list[int | None] = []
    written = 0
    source = iter(slices)
    for first in range(0, count, shard):
        index = np.full((shard, 2), _EMPTY, "<u8")
        place = _folders(shards / str(first // shard), 1)
        with _private(place / "0") as file:
            for k in range(min(shard, count - first)):
                grown(written)
                values = next(source)
                if values is None:
                    digests.append(None)
                    continue
                plain = np.ascontiguousarray(values, little)
                packed = encode(plain)
                digests.append(crc32_of(plain))
                index[k] = file.tell(), len(packed)
                file.write(packed)
                written += len(packed)
            end = index.tobytes()
            file.write(end + struct.pack("<I", _crc32c(end)))
    _write_json(array / _METADATA, _array_metadata(shape, shard, dtype))
    attributes = {ATTRIBUTE: {"version": VERSION, "key": key, "crc32": digests}}
    _write_json(folder / _METADATA, {"zarr_format": 3, "node_type": "group", "attributes": attributes})


class VolumeCopy:
    """A copy, open for reading; from several threads at the same time.

    Parameters
    ----------
    folder
        Of the copy.
    key
        The one it must have.
    shape, dtype
        Of all values; they follow from what the key is made of.

    Raises
    ------
    DecodeError
        It has another key, or is damaged.
    OSError
        It is not there or cannot be read.
    """

    def __init__(self, folder: Path, key: str, shape: tuple[int, ...], dtype: np.dtype[Any]) -> None:
        try:
            plain = json.loads((folder / _METADATA).read_bytes())["attributes"][ATTRIBUTE]
            version, found, digests = plain["version"], plain["key"], plain["crc32"]
        except (ValueError, KeyError, TypeError) as error:
            raise DecodeError("The kept copy is damaged.") from error
        if (version, found) != (VERSION, key):
            raise DecodeError("The kept copy is one of other files.")
        if not isinstance(digests, list) or len(digests) != shape[-3]:
            raise DecodeError("The kept copy is damaged.")
        self._digests = digests
        shard = _slices_a_shard(shape, dtype)
        self._shards = SliceShards(LocalFiles(folder / _ARRAY), shape, 1, shard, dtype.newbyteorder("<"))

    def stored(self, k: int) -> Array | None:
        """Stored values of a slice, (j, i) or (3, j, i), compared with their digest; None when it is not in here.

        Raises
        ------
        DecodeError
            The copy is damaged here.
        OSError
            It cannot be read (any more).
        """
        digest = self._digests[k]
        if digest is None:
            return None
        try:
            values = np.ascontiguousarray(self._shards.read(k)[..., 0, :, :])
        except (ValueError, RuntimeError, MemoryError, IndexError) as error:
            raise DecodeError("The kept copy is damaged.") from error
        if crc32_of(values) != digest:
            raise DecodeError("The kept copy is damaged: a slice does not fit its digest.")
        return values


def _slices_a_shard(shape: tuple[int, ...], dtype: np.dtype[Any]) -> int:
    count = shape[-3]
    slice_bytes = int(np.prod(shape, dtype=np.int64)) // count * dtype.itemsize
    return max(1, min(count, SHARD_BYTES // slice_bytes))


def _array_metadata(shape: tuple[int, ...], shard: int, dtype: np.dtype[Any]) -> dict[str, Any]:
    """Contents of the array's zarr.json (Zarr v3 core, sharding ZEP 2)."""
    lead, plane = list(shape[:-3]), list(shape[-2:])
    endian = {"configuration": {"endian": "little"}}
    blosc = {
        "typesize": dtype.itemsize,
        "cname": CODEC,
        "clevel": CODEC_LEVEL,
        "shuffle": "bitshuffle",
        "blocksize": 0,
    }
    sharding = {
        "chunk_shape": [*lead, 1, *plane],
        "codecs": [
            {"name": "bytes"} | (endian if dtype.itemsize > 1 else {}),
            {"name": "blosc", "configuration": blosc},
        ],
        "index_codecs": [{"name": "bytes"} | endian, {"name": "crc32c"}],
        "index_location": "end",
    }
    return {
        "zarr_format": 3,
        "node_type": "array",
        "shape": list(shape),
        "data_type": dtype.name,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": [*lead, shard, *plane]}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "attributes": {},
        "dimension_names": list(dimension_names(colour=bool(lead))),
    }


def _folders(first: Path, below: int) -> Path:
    """A folder and a number of folders "0" below it; returns the innermost."""
    path = first
    path.mkdir(mode=0o700)
    for _ in range(below):
        path /= "0"
        path.mkdir(mode=0o700)
    return path


def _private(path: Path) -> BinaryIO:
    """A new file that only this user can read, open for writing."""
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0)
    return os.fdopen(os.open(path, flags, 0o600), "wb")


def _write_json(path: Path, content: dict[str, Any]) -> None:
    with _private(path) as file:
        file.write(json.dumps(content, separators=(",", ":")).encode())


def _crc32c(data: bytes) -> int:
    """CRC-32C (Castagnoli, RFC 3720 B.4) of the few bytes of an index."""
    table = _crc32c_table()
    crc = 0xFFFFFFFF
    for byte in data:
        crc = crc >> 8 ^ table[(crc ^ byte) & 0xFF]
    return crc ^ 0xFFFFFFFF


@cache
def _crc32c_table() -> tuple[int, ...]:
    table = []
    for crc in range(256):
        for _ in range(8):
            crc = crc >> 1 ^ (_CASTAGNOLI if crc & 1 else 0)
        table.append(crc)
    return tuple(table)
