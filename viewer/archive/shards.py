"""Chunks of slices straight out of the shards that `viewer.archive.write` wrote.

zarr reads any array and takes a few milliseconds of Python for each chunk, several times what unpacking a slice takes.
For arrays of exactly our own layout in a folder the same bytes are found here with one read of the shard's index (Zarr
v3 sharding, ZEP 2: pairs of offset and length, little endian, at the end, with a checksum behind them) and one read of
the chunk. Everything else is left to zarr.
"""

from __future__ import annotations

import os
import threading
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt


class Files(Protocol):
    """The files of an array's folder, by their names in it (`c/0/0/0`)."""

    def size(self, name: str) -> int:
        """Bytes of a file; FileNotFoundError when there is none."""

    def read(self, name: str, offset: int, length: int) -> bytes:
        """A part of a file, shorter where it ends."""


class LocalFiles:
    """Files of a folder here."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def size(self, name: str) -> int:
        """See `Files`."""
        return (self._folder / name).stat().st_size

    def read(self, name: str, offset: int, length: int) -> bytes:
        """See `Files`."""
        descriptor = os.open(self._folder / name, os.O_RDONLY | getattr(os, "O_BINARY", 0))
        try:
            if offset + length > os.fstat(descriptor).st_size:
                raise ValueError("the shard is too short")
            os.lseek(descriptor, offset, os.SEEK_SET)
            return os.read(descriptor, length)
        finally:
            os.close(descriptor)


_EMPTY = np.uint64(2**64 - 1)
"""Offset and length of a chunk that holds nothing but the fill value."""
_CHECKSUM_BYTES = 4


class SliceShards:
    """Reads chunks of one level; from several threads at the same time.

    Parameters
    ----------
    files
        Of the folder of the array.
    shape
        Of the array, (k, j, i) or (3, k, j, i).
    chunk, shard
        Slices in a chunk and in a shard.
    dtype
        Of the values.
    """

    def __init__(
        self, files: Files, shape: tuple[int, ...], chunk: int, shard: int, dtype: np.dtype[Any]
    ) -> None:
        from numcodecs.blosc import Blosc

        self._files = files
        self._shape = shape
        self._chunk = chunk
        self._chunks_a_shard = shard // chunk
        self._dtype = dtype
        self._decode = Blosc().decode
        self._indices: dict[int, npt.NDArray[np.uint64]] = {}
        self._lock = threading.Lock()

    @classmethod
    def of(cls, array: Any, files: Files) -> SliceShards | None:
        """A reader for a `zarr.Array` with its folder; None when it is not laid out as ours are."""
        metadata = array.metadata.to_dict()
        codecs = metadata["codecs"]
        if len(codecs) != 1 or codecs[0]["name"] != "sharding_indexed":
            return None
        sharding = codecs[0]["configuration"]
        inner = [codec["name"] for codec in sharding["codecs"]]
        index = [codec["name"] for codec in sharding["index_codecs"]]
        whole = (*array.shape[:-3], None, *array.shape[-2:])
        chunk, shard = tuple(sharding["chunk_shape"]), tuple(array.shards)
        plain = (
            inner == ["bytes", "blosc"]
            and sharding["codecs"][0].get("configuration", {}).get("endian", "little") == "little"
            and index == ["bytes", "crc32c"]
            and sharding["index_location"] == "end"
            and metadata["chunk_key_encoding"] == {"name": "default", "configuration": {"separator": "/"}}
            and array.fill_value == 0
            and array.dtype.newbyteorder("<") == array.dtype
            and all(w is None or n == w for size in (chunk, shard) for n, w in zip(size, whole, strict=True))
            and shard[-3] % chunk[-3] == 0
        )
        return cls(files, array.shape, chunk[-3], shard[-3], array.dtype) if plain else None

    def read(self, n: int) -> npt.NDArray[Any]:
        """Chunk n along the slices; the last one has fewer slices where they do not fill it.

        Raises
        ------
        ValueError, RuntimeError
            The shard is damaged.
        OSError
            It cannot be read.
        """
        shape = (*self._shape[:-3], self._chunk, *self._shape[-2:])
        left = self._shape[-3] - n * self._chunk
        shard, within = divmod(n, self._chunks_a_shard)
        index = self._index(shard)
        if index is None or (index[within] == _EMPTY).all():
            values: npt.NDArray[Any] = np.zeros(shape, self._dtype)
        else:
            offset, length = (int(number) for number in index[within])
            values = np.empty(shape, self._dtype)
            self._decode(self._bytes(shard, offset, length), values)
        return values[..., :left, :, :]

    def _name(self, shard: int) -> str:
        return "/".join(("c", *("0" for _ in self._shape[:-3]), str(shard), "0", "0"))

    def _index(self, shard: int) -> npt.NDArray[np.uint64] | None:
        """(chunks, 2) offset and length; None for a shard that is not there because it holds nothing."""
        with self._lock:
            if shard in self._indices:
                return self._indices[shard]
        nbytes = 16 * self._chunks_a_shard
        try:
            size = self._files.size(self._name(shard))
        except FileNotFoundError:
            index = None
        else:
            start = size - nbytes - _CHECKSUM_BYTES
            index = np.frombuffer(self._bytes(shard, start, nbytes), "<u8").reshape(-1, 2)
        if index is not None:  # a server may have it the next time
            with self._lock:
                self._indices[shard] = index
        return index

    def _bytes(self, shard: int, offset: int, length: int) -> bytes:
        if offset < 0 or length <= 0:
            raise ValueError("the shard is too short")
        content = self._files.read(self._name(shard), offset, length)
        if len(content) < length:
            raise ValueError("the shard is too short")
        return content
