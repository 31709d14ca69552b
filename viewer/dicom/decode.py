"""From a frame in a file to stored values or RGB (rules B05, B06, B20, B21)."""

from __future__ import annotations

import io
import zlib
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.codecs import Decoded, decode_codestream, native_samples
from viewer.dicom.fragments import frame_data
from viewer.dicom.header import DEFLATED, EXPLICIT_BIG, MAX_FRAME_PIXELS, NATIVE_SYNTAXES
from viewer.dicom.model import FrameSource, PixelFormat, Tile
from viewer.errors import DecodeError, ViewerError
from viewer.imaging.stored import stored_values

Array = npt.NDArray[Any]

_RGB_LIKE = ("RGB", "YBR_ICT", "YBR_RCT")
_YBR_FULL = ("YBR_FULL", "YBR_FULL_422")


def stored_dtype(pixels: PixelFormat) -> np.dtype[Any]:
    """Type of the stored values of a frame; what the samples are, never wider than needed (rule B06)."""
    if pixels.float_pixels:
        return np.dtype(f"f{pixels.bits_allocated // 8}")
    return np.dtype(f"{'i' if pixels.signed else 'u'}{max(pixels.bits_allocated // 8, 1)}")


def decode_frame(source: FrameSource, pixels: PixelFormat) -> Array:
    """Stored values of one frame.

    Parameters
    ----------
    source
        Where the frame is.
    pixels
        What the header announces.

    Returns
    -------
    Array
        (rows, columns) of `stored_dtype`, sign and unused bits put right (rule B05); for three samples a pixel
        (rows, columns, 3), RGB when the photometric interpretation has a colour transform.

    Raises
    ------
    DecodeError
        The data is damaged (J06, J12), or the compression or colour space is not supported (J13).
    OSError
        The file cannot be read.
    """
    if pixels.rows * pixels.columns > MAX_FRAME_PIXELS:
        raise DecodeError("The picture is too large to be true.", source.transfer_syntax)
    if source.tile is not None:
        return _tile(source, source.tile, pixels)
    if source.transfer_syntax in NATIVE_SYNTAXES:
        samples = _native(source, pixels)
        if pixels.samples_per_pixel == 3:
            return _colour(samples, pixels, is_rgb=False)
        return _stored(samples, pixels)
    decoded = decode_codestream(frame_data(source), source.transfer_syntax, pixels)
    if pixels.samples_per_pixel == 3:
        return _colour(decoded.samples, pixels, is_rgb=decoded.is_rgb)
    return _from_codestream(decoded, pixels)


def _tile(source: FrameSource, tile: Tile, pixels: PixelFormat) -> Array:
    """One slice of a mosaic (rule A26)."""
    rows, columns = tile.picture
    whole = _mosaic(
        replace(source, tile=None),
        replace(pixels, rows=rows, columns=columns),
        source.path.stat().st_mtime_ns,
    )
    top, left = tile.corner
    return np.ascontiguousarray(whole[top : top + pixels.rows, left : left + pixels.columns])


@lru_cache(maxsize=4)
def _mosaic(source: FrameSource, pixels: PixelFormat, _version: int) -> Array:
    """A whole mosaic; remembered, since its slices are asked for one by one."""
    return decode_frame(source, pixels)


def _stored(samples: Array, pixels: PixelFormat) -> Array:
    if pixels.float_pixels or pixels.bits_allocated == 1:
        return samples
    return stored_values(samples, pixels.bits_allocated, pixels.bits_stored, pixels.high_bit, pixels.signed)


def _from_codestream(decoded: Decoded, pixels: PixelFormat) -> Array:
    """Values of a codestream, which knows its own precision and sign better than the header does."""
    samples = decoded.samples
    info = decoded.info
    target = stored_dtype(pixels)
    if info is None:
        return _stored(samples, pixels)
    if info.signed and not pixels.signed:
        # Read the bits as what the header says they are.
        return (samples.astype(np.int64) & ((1 << info.precision) - 1)).astype(target)
    if not info.signed and pixels.signed:
        bits = min(info.precision, pixels.bits_stored)
        shift = 64 - bits
        return ((samples.astype(np.int64) << shift) >> shift).astype(target)
    return samples.astype(target, copy=False)


def _native(source: FrameSource, pixels: PixelFormat) -> Array:
    """Unsigned samples of an uncompressed frame.

    Raises
    ------
    DecodeError
        The file ends early (J06).
    """
    if source.data_length < 0 and source.transfer_syntax != DEFLATED:
        raise DecodeError("The pixel data is in fragments although the header says uncompressed.")
    start = source.frame * pixels.frame_bits
    stop = start + pixels.frame_bits
    first, last = start // 8, (stop + 7) // 8
    big_endian = source.transfer_syntax == EXPLICIT_BIG
    if source.transfer_syntax == DEFLATED:
        needed = (source.frames * pixels.frame_bits + 7) // 8
        content = _inflated(source.path, needed, source.path.stat().st_mtime_ns)
        data = content[first:last]
    else:
        with source.path.open("rb", buffering=0) as stream:
            words = big_endian and pixels.bits_allocated <= 8 and _is_word_data(stream, source.data_offset)
            if words:
                # Bytes of a big endian word come the other way round (PS3.5 8.1.1).
                low, high = first & ~1, (last + 1) & ~1
                raw = _read_exactly(stream, source.data_offset + low, high - low)
                swapped = np.frombuffer(raw[: len(raw) & ~1], ">u2").astype("<u2").tobytes()
                data = swapped[first - low : last - low]
            else:
                data = _read_exactly(stream, source.data_offset + first, last - first)
    if len(data) < last - first:
        raise DecodeError(f"The pixel data ends early: {len(data)} of {last - first} bytes of this frame.")
    return native_samples(data, pixels, big_endian=big_endian, bit=start % 8)


def _read_exactly(stream: io.FileIO, offset: int, length: int) -> bytes:
    stream.seek(offset)
    parts = []
    missing = length
    while missing:
        part = stream.read(missing)
        if not part:
            break
        parts.append(part)
        missing -= len(part)
    return b"".join(parts)


def _is_word_data(stream: io.FileIO, data_offset: int) -> bool:
    """Whether an explicit pixel data element has VR OW."""
    return _read_exactly(stream, data_offset - 8, 2) == b"OW"


@lru_cache(maxsize=1)
def _inflated(path: Path, needed: int, _version: int) -> bytes:
    """Pixel data of a deflated file that announces so many bytes of it (J14)."""
    from viewer.dicom.slow_header import (
        HEADER_INFLATE,
        inflate_limit,
        inflated_copy,
        open_dataset,
        pixel_location,
    )

    # The header was found within its own limit, so what is needed ends soon behind it, and the rest stays packed.
    enough = HEADER_INFLATE + needed + 4096
    limit = min(inflate_limit(path.stat().st_size), enough)
    with path.open("rb") as stream:
        try:
            content = inflated_copy(stream, limit)
        except zlib.error as error:
            raise DecodeError("The deflated data is damaged.", DEFLATED) from error
    if content is None:
        raise DecodeError("The file is not deflated although it says so.", DEFLATED)
    length = content.seek(0, io.SEEK_END)
    content.seek(0)
    if length >= limit and limit < enough:
        raise DecodeError(f"The file inflates to more than {limit >> 20} MiB and is refused.", DEFLATED)
    _, position, _ = open_dataset(content, length)
    tag, offset, value_length = pixel_location(content, position, little=True, explicit=True)
    if not tag or value_length < 0:
        raise DecodeError("The deflated file holds no pixel data.", DEFLATED)
    return content.getvalue()[offset : offset + value_length]


def _colour(samples: Array, pixels: PixelFormat, *, is_rgb: bool) -> Array:
    """RGB samples of the stored depth."""
    if is_rgb or pixels.photometric in _RGB_LIKE:
        return samples
    if pixels.photometric in _YBR_FULL:
        return _ybr_to_rgb(samples, pixels)
    # Its name is free text of the header, so it is not repeated.
    raise DecodeError("The colour space that PhotometricInterpretation names is not supported.")


def _ybr_to_rgb(samples: Array, pixels: PixelFormat) -> Array:
    """YBR_FULL to RGB (PS3.3 C.7.6.3.1.2)."""
    top = float((1 << pixels.bits_stored) - 1)
    middle = float(1 << (pixels.bits_stored - 1))
    values = samples.astype(np.float32)
    luma, blue, red = values[..., 0], values[..., 1] - middle, values[..., 2] - middle
    rgb = np.stack(
        [luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], axis=-1
    )
    result: Array = np.clip(np.rint(rgb), 0.0, top).astype(samples.dtype)
    return result


def rgb8(frame: Array, source: FrameSource, pixels: PixelFormat) -> npt.NDArray[np.uint8]:
    """A decoded colour frame as (3, rows, columns) uint8, planes of red, green and blue (rule B20).

    Parameters
    ----------
    frame
        Result of `decode_frame`: RGB of any depth, or indices of a palette.
    source, pixels
        Of the frame.

    Raises
    ------
    DecodeError
        The palette is missing or damaged.
    """
    if pixels.samples_per_pixel == 3:
        shift = max(pixels.bits_stored - 8, 0)
        planar = frame.transpose(2, 0, 1)
        return np.ascontiguousarray(planar >> shift if shift else planar).astype(np.uint8, copy=False)
    table = palette(source.path, source.path.stat().st_mtime_ns)
    indices = np.clip(frame.astype(np.int64), 0, len(table) - 1)
    return np.ascontiguousarray(table[indices].transpose(2, 0, 1))


@lru_cache(maxsize=4)
def palette(path: Path, _version: int) -> npt.NDArray[np.uint8]:
    """Palette Color Lookup Table of a file as (n, 3) uint8, by stored value from 0 (PS3.3 C.7.9).

    Parameters
    ----------
    path
        The file.
    _version
        Its modification time: another file under the same name is read again.

    Raises
    ------
    DecodeError
        There is none, or it is damaged.
    """
    from viewer.dicom.slow_header import open_dataset

    with path.open("rb") as stream:
        dataset, _, _ = open_dataset(stream, path.stat().st_size)
    from pydicom.pixels.processing import apply_color_lut

    try:
        with careful_pydicom("The colour palette"):
            bits = min(int(dataset.get("BitsAllocated", 16)), 16)
            values = np.arange(1 << bits, dtype=np.uint16)
            table = np.asarray(apply_color_lut(values, dataset))[..., :3]
            depth = int(dataset.RedPaletteColorLookupTableDescriptor[2])
    except ViewerError as error:
        raise DecodeError("The colour palette is missing or damaged.") from error
    if table.dtype == np.uint8:
        return table
    # Entries announced as 16 bit may hold 8 bit colours; then nothing is left to shift away.
    shift = 8 if depth > 8 and int(table.max(initial=0)) > 0xFF else 0
    return (table >> shift).astype(np.uint8)
