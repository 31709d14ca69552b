"""One compressed frame in, an array of samples out.

By imagecodecs, which lets go of the interpreter lock while it works. A codestream is checked against the header before
a native decoder sees it: its own size, number of components and tiles, and for JPEG-LS the end marker, because a cut
JPEG-LS frame costs seconds (J12). Decoders are named here; whatever else is installed is never picked up.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import PixelFormat
from viewer.errors import DecodeError
from viewer.imaging.stored import quiet

Array = npt.NDArray[Any]

_PREFIX = "1.2.840.10008.1.2."
RLE = _PREFIX + "5"
DEFLATED_FRAME = _PREFIX + "8.1"
JPEG_SYNTAXES = frozenset(_PREFIX + "4." + n for n in ("50", "51", "57", "70"))
JPEG_LS_SYNTAXES = frozenset(_PREFIX + "4." + n for n in ("80", "81"))
JPEG_2000_SYNTAXES = frozenset(_PREFIX + "4." + n for n in ("90", "91"))
HTJ2K_SYNTAXES = frozenset(_PREFIX + "4." + n for n in ("201", "202", "203"))
SUPPORTED = JPEG_SYNTAXES | JPEG_LS_SYNTAXES | JPEG_2000_SYNTAXES | HTJ2K_SYNTAXES | {RLE, DEFLATED_FRAME}

MIN_TILE_PIXELS = 1024
_SOF_MARKERS = frozenset({*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}) | {0xF7}
_STANDALONE_MARKERS = frozenset({0x01, *range(0xD0, 0xD9)})
_ADOBE_APP14 = 0xEE


@dataclass(frozen=True)
class CodestreamInfo:
    """What a codestream says about itself.

    Parameters
    ----------
    rows, columns, components
        Size of the picture.
    precision
        Bits of a sample.
    signed
        Samples are signed (JPEG 2000 only).
    transform
        JPEG: colour transform of the Adobe marker (0 none, 1 YCbCr), or -1 when there is none.
    tiles
        JPEG 2000: number of tiles.
    """

    rows: int
    columns: int
    components: int
    precision: int
    signed: bool = False
    transform: int = -1
    tiles: int = 1


@dataclass(frozen=True)
class Decoded:
    """Samples of one frame.

    Parameters
    ----------
    samples
        (rows, columns) or (rows, columns, 3), as the codestream holds them.
    info
        Of the codestream, None for RLE and deflate.
    is_rgb
        The colour transform of the codestream has been undone.
    """

    samples: Array
    info: CodestreamInfo | None = None
    is_rgb: bool = False


def decode_codestream(data: bytes, syntax: str, pixels: PixelFormat) -> Decoded:
    """Decode one frame.

    Parameters
    ----------
    data
        The frame, fragments joined.
    syntax
        UID of the transfer syntax.
    pixels
        What the header announces.

    Raises
    ------
    DecodeError
        The syntax is not supported (J13) or the data is damaged (J12).
    """
    if syntax == RLE:
        return Decoded(_decode_rle(data, pixels))
    if syntax == DEFLATED_FRAME:
        return Decoded(_inflate_frame(data, pixels))
    if syntax in JPEG_SYNTAXES:
        return _decode_jpeg(data, syntax, pixels)
    if syntax in JPEG_LS_SYNTAXES:
        return _decode_jpeg_ls(data, syntax, pixels)
    if syntax in JPEG_2000_SYNTAXES or syntax in HTJ2K_SYNTAXES:
        return _decode_jpeg_2000(data, syntax, pixels)
    raise DecodeError(f"This compression is not supported: {syntax_name(syntax)}.", syntax)


def syntax_name(syntax: str) -> str:
    """Name and UID of a transfer syntax for a message."""
    names = {
        "1.2.840.10008.1.2.4.100": "MPEG2",
        "1.2.840.10008.1.2.4.102": "MPEG-4",
        "1.2.840.10008.1.2.4.103": "MPEG-4",
        "1.2.840.10008.1.2.4.107": "HEVC",
        "1.2.840.10008.1.2.4.94": "JPIP",
        "1.2.840.10008.1.2.4.95": "JPIP",
    }
    return f"{names[syntax]} ({syntax})" if syntax in names else syntax or "no transfer syntax named"


def jpeg_info(data: bytes) -> CodestreamInfo:
    """Read the frame header of a JPEG or JPEG-LS codestream (ISO 10918-1 B.2.2, ISO 14495-1 C.2.2).

    Raises
    ------
    DecodeError
        There is none.
    """
    pos = 2
    transform = -1
    if data[:2] == b"\xff\xd8":
        while pos + 4 <= len(data):
            if data[pos] != 0xFF:
                break
            marker = data[pos + 1]
            if marker == 0xFF:
                pos += 1
                continue
            if marker in _STANDALONE_MARKERS:
                pos += 2
                continue
            length = struct.unpack_from(">H", data, pos + 2)[0]
            if marker == _ADOBE_APP14 and data[pos + 4 : pos + 9] == b"Adobe" and length >= 14:
                transform = data[pos + 15]
            if marker in _SOF_MARKERS and pos + 10 <= len(data):
                precision, rows, columns, components = struct.unpack_from(">BHHB", data, pos + 4)
                return CodestreamInfo(rows, columns, components, precision, transform=transform)
            if marker == 0xDA:
                break
            pos += 2 + length
    raise DecodeError("The compressed picture has no readable frame header.")


def jpeg_2000_info(data: bytes) -> CodestreamInfo:
    """Read the SIZ segment of a JPEG 2000 or HTJ2K codestream (ISO 15444-1 A.5.1).

    Raises
    ------
    DecodeError
        There is none.
    """
    start = data.find(b"\xff\x4f\xff\x51", 0, 4096)
    if start < 0 or start + 45 > len(data):
        raise DecodeError("The compressed picture has no readable frame header.")
    x1, y1, x0, y0, tile_x, tile_y, tile_x0, tile_y0, components = struct.unpack_from(">8IH", data, start + 8)
    depth = data[start + 42]
    if not tile_x or not tile_y or x1 <= x0 or y1 <= y0 or tile_x0 > x0 or tile_y0 > y0:
        raise DecodeError("The compressed picture has a damaged frame header.")
    tiles = -(-(x1 - tile_x0) // tile_x) * -(-(y1 - tile_y0) // tile_y)
    return CodestreamInfo(y1 - y0, x1 - x0, components, (depth & 0x7F) + 1, bool(depth & 0x80), tiles=tiles)


def _check(info: CodestreamInfo, pixels: PixelFormat, syntax: str) -> None:
    """Compare what the codestream says with the header before a native decoder allocates anything."""
    if (info.rows, info.columns) != (pixels.rows, pixels.columns):
        raise DecodeError(
            f"The compressed picture is {info.columns} x {info.rows} pixels where the header announces "
            f"{pixels.columns} x {pixels.rows}.",
            syntax,
        )
    if info.components != pixels.samples_per_pixel:
        raise DecodeError(
            f"The compressed picture has {info.components} components where the header announces "
            f"{pixels.samples_per_pixel}.",
            syntax,
        )
    if info.tiles > max(64, info.rows * info.columns // MIN_TILE_PIXELS):
        raise DecodeError("The compressed picture announces an unbelievable number of tiles.", syntax)


def _guarded(decode: Callable[[], Array], syntax: str) -> Array:
    """Run a native decoder; whatever it raises becomes one sentence."""
    try:
        return decode()
    except (RuntimeError, ValueError, TypeError, IndexError, OverflowError, MemoryError, zlib.error) as error:
        raise DecodeError("The compressed data is damaged and cannot be decoded.", syntax) from error
    except ImportError as error:
        raise DecodeError(f"The decoder for {syntax_name(syntax)} is not installed.", syntax) from error


def _shaped(samples: Array, pixels: PixelFormat, syntax: str) -> Array:
    shape = (pixels.rows, pixels.columns) + ((3,) if pixels.samples_per_pixel == 3 else ())
    if samples.shape != shape:
        raise DecodeError("The compressed picture decodes to another size than announced.", syntax)
    return samples


def _decode_jpeg(data: bytes, syntax: str, pixels: PixelFormat) -> Decoded:
    import imagecodecs

    info = jpeg_info(data)
    _check(info, pixels, syntax)
    if info.components == 1:
        samples = _guarded(lambda: imagecodecs.jpeg8_decode(data), syntax)
        return Decoded(_shaped(samples, pixels, syntax), info)
    # The Adobe marker says what the encoder did; without it the header has to be believed (PS3.5 8.2.1).
    stored = "YCBCR" if info.transform == 1 or (info.transform < 0 and pixels.photometric != "RGB") else "RGB"
    if syntax in (_PREFIX + "4.57", _PREFIX + "4.70"):
        stored = "RGB"
    samples = _guarded(lambda: imagecodecs.jpeg8_decode(data, colorspace=stored, outcolorspace="RGB"), syntax)
    is_rgb = stored == "YCBCR" or pixels.photometric == "RGB" or info.transform == 0
    return Decoded(_shaped(samples, pixels, syntax), info, is_rgb=is_rgb)


def _decode_jpeg_ls(data: bytes, syntax: str, pixels: PixelFormat) -> Decoded:
    import imagecodecs

    info = jpeg_info(data)
    _check(info, pixels, syntax)
    if data.rfind(b"\xff\xd9") < 0:
        raise DecodeError("The compressed data is cut off.", syntax)
    samples = _guarded(lambda: imagecodecs.jpegls_decode(data), syntax)
    if samples.ndim == 3 and samples.shape[0] == 3 and samples.shape[2] != 3:
        samples = samples.transpose(1, 2, 0)
    return Decoded(_shaped(samples, pixels, syntax), info)


def _decode_jpeg_2000(data: bytes, syntax: str, pixels: PixelFormat) -> Decoded:
    import imagecodecs

    info = jpeg_2000_info(data)
    _check(info, pixels, syntax)
    # OpenJPEG also for HTJ2K: the other decoder lets overshooting lossy samples wrap around (white specks on black).
    samples = _guarded(lambda: imagecodecs.jpeg2k_decode(data), syntax)
    # The multiple component transformation is part of the codestream and has been undone by the decoder.
    is_rgb = pixels.photometric in ("RGB", "YBR_ICT", "YBR_RCT")
    return Decoded(_shaped(samples, pixels, syntax), info, is_rgb=is_rgb)


def _decode_rle(data: bytes, pixels: PixelFormat) -> Array:
    """Undo RLE (PS3.5 annex G): one segment a byte plane, most significant first."""
    samples = pixels.samples_per_pixel
    sample_bytes = max(pixels.bits_allocated // 8, 1)
    segments = struct.unpack_from("<I", data)[0] if len(data) > 64 else 0
    if segments != samples * sample_bytes:
        raise DecodeError("The RLE header does not fit the announced samples.", RLE)
    offsets = struct.unpack_from(f"<{segments}I", data, 4)
    if offsets[0] < 64 or list(offsets) != sorted(set(offsets)) or offsets[-1] >= len(data):
        raise DecodeError("The RLE header is damaged.", RLE)
    count = pixels.rows * pixels.columns
    if pixels.bits_allocated == 1:
        return _rle_bits(data[offsets[0] :], pixels)
    if count * samples * sample_bytes > len(data) * 64:
        # A run of 128 equal bytes takes two: nothing real is denser.
        raise DecodeError("The RLE data is too short for the announced picture.", RLE)
    # One segment a byte of the samples, the most significant first.
    out = np.empty((samples, count, sample_bytes), np.uint8)
    for n, (start, stop) in enumerate(pairwise((*offsets, len(data)))):
        out[n // sample_bytes, :, sample_bytes - 1 - n % sample_bytes] = _rle_segment(data[start:stop], count)
    planes = out.view(f"<u{sample_bytes}").reshape(samples, pixels.rows, pixels.columns)
    return planes[0] if samples == 1 else planes.transpose(1, 2, 0)


def _rle_segment(segment: bytes, count: int) -> Array:
    """Undo PackBits of one segment that holds so many bytes."""
    import imagecodecs

    raw = _guarded(lambda: np.frombuffer(imagecodecs.packbits_decode(segment, out=count), np.uint8), RLE)
    if raw.size != count:
        raise DecodeError("The RLE data decodes to another size than announced.", RLE)
    return raw


def _rle_bits(segment: bytes, pixels: PixelFormat) -> Array:
    """Bits packed eight a byte, then run length encoded."""
    import imagecodecs

    count = pixels.rows * pixels.columns
    raw = _guarded(lambda: np.frombuffer(imagecodecs.packbits_decode(segment), np.uint8), RLE)
    if raw.size < (count + 7) // 8:
        raise DecodeError("The RLE data decodes to another size than announced.", RLE)
    if raw.size >= count:
        return raw[:count].reshape(pixels.rows, pixels.columns)
    bits = np.unpackbits(raw, bitorder="little")[:count]
    return bits.reshape(pixels.rows, pixels.columns)


def _inflate_frame(data: bytes, pixels: PixelFormat) -> Array:
    """Undo deflate of one frame (PS3.5 A.4.13), never to more than the frame needs."""
    size = (pixels.frame_bits + 7) // 8
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    raw = _guarded(lambda: np.frombuffer(inflater.decompress(data, size + 2), np.uint8), DEFLATED_FRAME)
    if raw.size < size:
        raise DecodeError(f"The frame inflates to {raw.size} of {size} bytes.", DEFLATED_FRAME)
    return native_samples(raw[:size].tobytes(), pixels)


def native_samples(
    data: bytes | memoryview, pixels: PixelFormat, *, big_endian: bool = False, bit: int = 0
) -> Array:
    """Uncompressed bytes of one frame as unsigned samples (floats for float pixel data).

    Parameters
    ----------
    data
        The frame; for one-bit samples the bytes that hold it.
    pixels
        Layout.
    big_endian
        Byte order of the samples.
    bit
        One-bit samples: number of the first bit within the first byte (frames are not padded to bytes).

    Returns
    -------
    Array
        (rows, columns) or (rows, columns, 3); native byte order.
    """
    rows, columns = pixels.rows, pixels.columns
    if pixels.bits_allocated == 1:
        bits = np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")
        return bits[bit : bit + rows * columns].reshape(rows, columns)
    kind = "f" if pixels.float_pixels else "u"
    order = ">" if big_endian else "<"
    flat = np.frombuffer(data, np.dtype(f"{order}{kind}{pixels.bits_allocated // 8}"))
    if big_endian:
        flat = flat.astype(flat.dtype.newbyteorder("="))
    if pixels.float_pixels:
        flat = quiet(flat)
    if pixels.samples_per_pixel == 1:
        return flat.reshape(rows, columns)
    if pixels.photometric == "YBR_FULL_422":
        return _upsampled(flat, rows, columns)
    if pixels.planar:
        return flat.reshape(3, rows, columns).transpose(1, 2, 0)
    return flat.reshape(rows, columns, 3)


def _upsampled(flat: Array, rows: int, columns: int) -> Array:
    """Y1 Y2 Cb Cr for every two pixels, to three samples a pixel."""
    pairs = flat.reshape(-1, 4)
    full = np.empty((pairs.shape[0], 2, 3), flat.dtype)
    full[:, :, 0] = pairs[:, :2]
    full[:, :, 1:] = pairs[:, None, 2:]
    return full.reshape(rows, columns, 3)
