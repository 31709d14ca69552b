"""Voxels of a file that is one array: read slice by slice from a plain file, or from a gzip stream.

A reader announces what the header promises as a `VoxelLayout`. Nothing is believed that the size of the file does not
allow, and never more is unpacked than was announced, so that a small file cannot fill the memory.
"""

from __future__ import annotations

import threading
import zlib
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import FrameSource
from viewer.errors import DecodeError, FormatError

Array = npt.NDArray[Any]

DEFLATE_RATIO = 1032
"""Deflate packs at most this many bytes into one (RFC 1951: 258 bytes in two bits)."""

_CHUNK = 1 << 16
_KEPT_SLICES = 8
_TRAILER_BYTES = 1 << 20
_KEPT_TYPES = frozenset(("i1", "u1", "i2", "u2", "i4", "u4", "f4"))
"""Types that stay as they are stored; others are converted without loss, or to single precision (rule B02)."""


@dataclass(frozen=True)
class VoxelLayout:
    """Where the voxels of a file are and how they are written.

    Parameters
    ----------
    offset
        Byte in the (unpacked) file at which they start.
    dtype
        As stored, with its byte order.
    shape
        (k, j, i) of one volume.
    times
        Number of volumes, one behind the other.
    samples
        Values a voxel, side by side: 1, or 3 and 4 for RGB and RGBA of 8 bits.
    fortran
        The first index runs fastest (.npy only); else the last one.
    labels
        Values are whole numbers, however they are stored; `slope` and `intercept` are applied on the way.
    slope, intercept
        Only used for labels.
    """

    offset: int
    dtype: np.dtype[Any]
    shape: tuple[int, int, int]
    times: int = 1
    samples: int = 1
    fortran: bool = False
    labels: bool = False
    slope: float = 1.0
    intercept: float = 0.0

    @property
    def slice_bytes(self) -> int:
        """Bytes of one slice."""
        return self.shape[1] * self.shape[2] * self.samples * self.dtype.itemsize

    @property
    def end(self) -> int:
        """Byte behind the last voxel."""
        return self.offset + self.times * self.shape[0] * self.slice_bytes

    @property
    def array_dtype(self) -> np.dtype[Any]:
        """Type of the voxel array in memory."""
        native = self.dtype.newbyteorder("=")
        if self.samples > 1 or native.kind == "b":
            return np.dtype(np.uint8)
        if self.labels and (native.kind == "f" or (self.slope, self.intercept) != (1.0, 0.0)):
            return np.dtype(np.int32)
        if native.str[1:] in _KEPT_TYPES:
            return native
        return np.dtype(np.float32 if native.kind == "f" else np.int32)

    def values(self, stored: Array) -> Array:
        """Values of one slice in `array_dtype`.

        Parameters
        ----------
        stored
            (j, i) or (j, i, samples) of `dtype`.

        Returns
        -------
        ndarray
            (j, i), or (3, j, i) for colour.

        Raises
        ------
        DecodeError
            A whole number does not fit into 32 bits.
        """
        if self.samples > 1:
            return np.moveaxis(stored[..., :3], -1, 0)
        target = self.array_dtype
        if self.labels and target != self.dtype.newbyteorder("="):
            stored = np.rint(np.nan_to_num(stored.astype(np.float64) * self.slope + self.intercept))
        if target.kind == "i" and stored.dtype.itemsize > 4 and stored.size:
            limits = np.iinfo(target)
            if stored.min() < limits.min or stored.max() > limits.max:
                raise DecodeError("It holds whole numbers that need more than 32 bits.")
        with np.errstate(over="ignore"):
            converted: Array = stored.astype(target)
        return converted


class FileVoxels:
    """Reads slices of a file that is not packed; from any thread, in any order.

    Raises
    ------
    FormatError
        The file is shorter than its header says.
    """

    sequential = False
    packed = False
    remote = False

    def __init__(self, path: Path, layout: VoxelLayout) -> None:
        size = path.stat().st_size
        if layout.end > size:
            raise FormatError(
                f"its header promises {layout.end} bytes and the file has {size}: it is damaged or incomplete."
            )
        self._path = path
        self._layout = layout

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of what `read` returns."""
        return self._layout.array_dtype

    def read(self, frame: FrameSource) -> Array:
        """One slice, (j, i) or (3, j, i); `frame.frame` counts the slices of the file. See `VolumeSource`."""
        layout = self._layout
        if layout.fortran:
            return layout.values(self._strided(frame.frame))
        with self._path.open("rb") as file:
            file.seek(layout.offset + frame.frame * layout.slice_bytes)
            data = file.read(layout.slice_bytes)
        return layout.values(_as_slice(data, layout))

    def _strided(self, k: int) -> Array:
        """A slice whose bytes lie scattered over the whole file."""
        layout = self._layout
        if self._path.stat().st_size < layout.end:  # a map that reaches beyond its file ends the program
            raise DecodeError("The file has become shorter since it was opened.")
        mapped = np.memmap(self._path, layout.dtype, "r", layout.offset, layout.shape, "F")
        return np.array(mapped[k])


class GzipVoxels:
    """Reads slices out of a gzip stream, quickest from the first to the last.

    A gzip file can only be read forwards: an earlier slice starts the stream anew.

    Raises
    ------
    FormatError
        The packed file is too short for what its header promises, whatever is in it.
    """

    sequential = True
    packed = False  # one stream, one thread
    remote = False

    def __init__(self, path: Path, layout: VoxelLayout) -> None:
        size = path.stat().st_size
        if layout.end > size * DEFLATE_RATIO:
            raise FormatError(
                f"its header promises {layout.end} bytes, more than {size} packed bytes can hold: "
                "it is damaged or incomplete."
            )
        self._path = path
        self._layout = layout
        self._lock = threading.Lock()
        self._stream: GzipStream | None = None
        self._next = 0
        self._recent: OrderedDict[int, bytes] = OrderedDict()

    @property
    def dtype(self) -> np.dtype[Any]:
        """Type of what `read` returns."""
        return self._layout.array_dtype

    def read(self, frame: FrameSource) -> Array:
        """One slice, (j, i) or (3, j, i); `frame.frame` counts the slices of the file. See `VolumeSource`."""
        with self._lock:
            try:
                data = self._forward(frame.frame)
            except DecodeError:
                self._close()
                raise
        return self._layout.values(_as_slice(data, self._layout))

    def _forward(self, k: int) -> bytes:
        layout = self._layout
        last = layout.times * layout.shape[0] - 1
        if k in self._recent:
            data = self._recent[k]
        else:
            if self._stream is None or k < self._next:
                self._close()
                self._stream = GzipStream(self._path)
                self._stream.skip(layout.offset)
            self._stream.skip((k - self._next) * layout.slice_bytes)
            data = self._stream.read(layout.slice_bytes)
            self._next = k + 1
            self._recent[k] = data
            if len(self._recent) > _KEPT_SLICES:
                self._recent.popitem(last=False)
            if k == last:
                self._stream.check_end()
        if k == last:
            self._close()
        return data

    def _close(self) -> None:
        self._stream = None
        self._next = 0
        self._recent.clear()


class GzipStream:
    """Unpacks a gzip file (RFC 1952, of one or more members) forwards; holds no open file between two calls."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._place = 0
        self._inflate = zlib.decompressobj(wbits=31)
        self._packed = b""

    def skip(self, count: int) -> None:
        """Unpack and forget some bytes.

        Raises
        ------
        DecodeError
            As `read`.
        """
        while count > 0:
            count -= len(self.read(min(count, 1 << 22)))

    def read(self, count: int) -> bytes:
        """The next bytes.

        Raises
        ------
        DecodeError
            The packed data end early or are damaged.
        """
        out = bytearray()
        with self._path.open("rb") as file:
            file.seek(self._place)
            while len(out) < count:
                part = self._some(file.read, count - len(out))
                if part is None:
                    raise DecodeError("The packed data end early; the file is incomplete.")
                out += part
            self._place = file.tell()
        return bytes(out)

    def check_end(self) -> None:
        """Read what is left of the stream, so that its check sum is looked at.

        Raises
        ------
        DecodeError
            The check sum is wrong.
        """
        left = _TRAILER_BYTES
        with self._path.open("rb") as file:
            file.seek(self._place)
            while left > 0 and not self._inflate.eof:
                part = self._some(file.read, left)
                if part is None:
                    return
                left -= max(1, len(part))

    def _some(self, read: Any, limit: int) -> bytes | None:
        """At most `limit` unpacked bytes, perhaps none; None at the end of the file."""
        if self._inflate.eof:
            # Another member may follow; tapes and some tools fill up with zeros.
            self._packed = (self._inflate.unused_data or read(_CHUNK)).lstrip(b"\0")
            if not self._packed:
                return None
            self._inflate = zlib.decompressobj(wbits=31)
        fresh = not self._packed
        try:
            part = self._inflate.decompress(self._packed, limit)
            if not part and fresh and not self._inflate.eof:
                chunk = read(_CHUNK)
                if not chunk:
                    return None
                part = self._inflate.decompress(chunk, limit)
        except zlib.error as error:
            raise DecodeError("The packed data are damaged (gzip).") from error
        self._packed = self._inflate.unconsumed_tail
        return part


def _as_slice(data: bytes, layout: VoxelLayout) -> Array:
    if len(data) < layout.slice_bytes:
        raise DecodeError("The file ends within this slice.")
    shape = layout.shape[1:] if layout.samples == 1 else (*layout.shape[1:], layout.samples)
    return np.frombuffer(data, layout.dtype).reshape(shape)
