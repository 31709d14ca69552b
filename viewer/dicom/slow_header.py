"""The general header reader: pydicom, for every encoding that `fast_header` does not take.

pydicom is imported here and nowhere earlier on the way to the first picture.
"""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from viewer.dicom.careful import careful_pydicom, pydicom_errors, quiet_pydicom
from viewer.dicom.header import (
    DEFLATED,
    EXPLICIT_BIG,
    EXPLICIT_LITTLE,
    IMPLICIT_LITTLE,
    SEQUENCES,
    WANTED,
    Header,
)
from viewer.dicom.sop_classes import kind_of_class
from viewer.errors import NotDicomError, ViewerError

if TYPE_CHECKING:
    from pydicom.dataset import Dataset, FileDataset

INFLATE_RATIO = 20
INFLATE_FLOOR = 256 << 20
INFLATE_CEILING = 2 << 30
"""A deflated file may grow to 20 times its size, at least 256 MiB and at most 2 GiB (J14)."""
HEADER_INFLATE = 4 << 20
"""Bytes that are inflated to find the header of a deflated file."""
DEFER_BYTES = 64 << 20
"""Values longer than this stay in the file until somebody asks for them: a private element may be gigabytes."""
NON_IMAGE_END = 0x0028FFFF
PIXEL_LAYOUT = frozenset(
    {0x00280002, 0x00280006, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280102, 0x00280103}
)
"""Numbers of the Image Pixel module (PS3.3 C.7.6.3) that say where which sample is."""
_LONG_VRS = frozenset(b"OB OD OF OL OV OW SQ SV UC UN UR UT UV".split())
_FLOAT_BYTES = {b"FL": 4, b"FD": 8}


def read_with_pydicom(source: Path | bytes, path: Path, size: int, *, objects: bool = False) -> Header:
    """Read a header by pydicom.

    Parameters
    ----------
    source
        The file or its bytes.
    path, size
        Kept in the header.
    objects
        Also describe the pixel data of objects that are no images (segmentations, doses).

    Raises
    ------
    NotDicomError
        Neither a DICOM file nor a bare data set with a known SOP class (J01-J03).
    ViewerError
        The data set cannot be read.
    """
    if isinstance(source, bytes):
        return _read(io.BytesIO(source), path, size, objects=objects)
    with source.open("rb") as stream:
        return _read(stream, path, size, objects=objects)


def _read(stream: IO[bytes], path: Path, size: int, *, objects: bool) -> Header:
    if size == 0:
        raise NotDicomError("The file is empty.")
    dataset, position, deflated = open_dataset(stream, size)
    with careful_pydicom():
        elements, pixel, sequences = extract(dataset, None if deflated else stream, position, objects=objects)
    if deflated:
        elements[0x00020010] = DEFLATED.encode("ascii")
    return Header.from_elements(path, size, elements, pixel, sequences)


def open_dataset(stream: IO[bytes], size: int, *, force: bool = False) -> tuple[FileDataset, int, bool]:
    """Read everything before the pixel data.

    Parameters
    ----------
    stream
        At position 0.
    size
        Bytes in the stream.
    force
        Also read a file without preamble whatever it holds.

    Returns
    -------
    dataset
        Without pixel data.
    position
        Where the pixel data element starts, or the end of the data.
    deflated
        Whether the position counts inflated bytes.

    Raises
    ------
    NotDicomError, ViewerError
        As `read_with_pydicom`.
    """
    head = stream.read(140)
    stream.seek(0)
    preamble = head[128:132] == b"DICM"
    if not preamble and not force and not _looks_like_bare_dataset(head, size):
        raise NotDicomError("This is not a DICOM file.")
    # Only now: importing pydicom takes longer than reading a hundred headers.
    import pydicom
    from pydicom.errors import InvalidDicomError

    try:
        with careful_pydicom():
            deflated = inflated_copy(stream, HEADER_INFLATE) if preamble else None
            source = stream if deflated is None else deflated
            dataset = pydicom.dcmread(
                source, defer_size=DEFER_BYTES, stop_before_pixels=True, force=not preamble
            )
            position = source.tell()
    except ViewerError as error:
        if isinstance(error.__cause__, InvalidDicomError):
            raise NotDicomError("This is not a DICOM file.") from error
        raise
    if not preamble and not force and kind_of_class(str(_raw_text(dataset, 0x00080016))) is None:
        raise NotDicomError("This is not a DICOM file.")
    return dataset, position, deflated is not None


def _looks_like_bare_dataset(head: bytes, size: int) -> bool:
    """Whether a file without preamble starts with a group 0002 or 0008 element of believable length (J02, J03)."""
    for start in (0, 128, 132):
        if len(head) < start + 8 and start:
            continue
        group, _, vr, _ = struct.unpack_from("<HH2sH", head.ljust(start + 8, b"\0"), start)
        big = group in (0x0200, 0x0800)
        if group not in (0x0002, 0x0008) and not big:
            continue
        if vr.isalpha() and vr.isupper():
            return True
        length = struct.unpack_from(">I" if big else "<I", head, start + 4)[0]
        if length <= min(size, 1024):
            return True
    return False


def inflated_copy(stream: IO[bytes], limit: int) -> io.BytesIO | None:
    """A deflated file as explicit little endian, inflated up to a limit; None when the file is not deflated.

    The stream is left at position 0. Bounded, so that a small file cannot fill the memory (J14).

    Parameters
    ----------
    stream
        A file with preamble, at position 0.
    limit
        Bytes to inflate at most.

    Raises
    ------
    zlib.error
        The compressed data is damaged.
    """
    head = stream.read(4096)
    stream.seek(0)
    marker = head.find(DEFLATED.encode("ascii"), 132)
    if marker < 0 or head[132:140] != b"\x02\0\0\0UL\x04\0":
        return None
    start = 144 + int(struct.unpack_from("<I", head, 140)[0])
    if marker > start or start > len(head):
        return None
    # One byte pads the shorter identifier, so that the group keeps its length.
    plain = EXPLICIT_LITTLE.encode("ascii").ljust(len(DEFLATED), b"\0")
    meta = head[:marker] + plain + head[marker + len(DEFLATED) : start]
    stream.seek(start)
    inflater = zlib.decompressobj(-zlib.MAX_WBITS)
    body = inflater.decompress(stream.read(), limit)
    stream.seek(0)
    return io.BytesIO(meta + body)


def inflate_limit(size: int) -> int:
    """Bytes a deflated file of `size` bytes may become (J14)."""
    return min(max(INFLATE_FLOOR, size * INFLATE_RATIO), INFLATE_CEILING)


def _raw_text(dataset: Dataset, tag: int) -> str:
    element = dataset.get_item(tag)
    value = getattr(element, "value", None)
    if isinstance(value, bytes):
        return value.rstrip(b"\0 ").decode("ascii", "replace")
    return str(value or "")


def extract(
    dataset: FileDataset, stream: IO[bytes] | None, position: int, *, objects: bool = False
) -> tuple[dict[int, bytes], tuple[int, int, int], frozenset[int]]:
    """The elements of `WANTED` as little endian value bytes, where the pixels are, and which sequences exist.

    Parameters
    ----------
    dataset
        Read without pixels.
    stream
        The file, to look at the pixel data element; None when it is deflated.
    position
        Where that element starts.
    objects
        As `read_with_pydicom`.
    """
    little, implicit = _encoding(dataset)
    syntax = _raw_text(dataset.file_meta, 0x00020010)
    elements: dict[int, bytes] = {}
    if not syntax:
        syntax = (IMPLICIT_LITTLE if implicit else EXPLICIT_LITTLE) if little else EXPLICIT_BIG
    media = _raw_text(dataset.file_meta, 0x00020002)
    unreadable = False
    for tag, text in ((0x00020010, syntax), (0x00020002, media)):
        if text:
            elements[tag] = text.encode("ascii", "replace")
    for tag, vrs in WANTED.items():
        if tag not in elements and tag in dataset:
            value = _value_bytes(dataset, tag, vrs, little=little)
            if value is not None:
                elements[tag] = value
            elif tag in PIXEL_LAYOUT:
                unreadable = True
    kind = kind_of_class(elements.get(0x00080016, b"").rstrip(b"\0 ").decode("ascii", "replace"))
    if kind is not None and not kind.has_images and not objects:
        wanted = {tag: value for tag, value in elements.items() if tag <= NON_IMAGE_END}
        return wanted, (0, -1, 0), frozenset()
    if unreadable:
        # Taken for absent it would get a default, and the pixels would be laid out by guesswork (J23).
        raise ViewerError("An attribute that describes the pixels is not a number.")
    sequences = frozenset(tag for tag in SEQUENCES if tag in dataset)
    return elements, pixel_location(stream, position, little=little, explicit=not implicit), sequences


def _encoding(dataset: FileDataset) -> tuple[bool, bool]:
    """(little endian, implicit representation) of the data set as read."""
    implicit, little = dataset.original_encoding
    return little is not False, bool(implicit)


def _value_bytes(dataset: Dataset, tag: int, vrs: bytes, *, little: bool) -> bytes | None:
    """Value bytes of an element as if it had one of its own representations, little endian."""
    from pydicom.dataelem import RawDataElement

    element: Any = dataset.get_item(tag)
    if isinstance(element, RawDataElement) and (
        element.VR is None or element.VR.encode("ascii", "replace") in _pairs(vrs)
    ):
        value = element.value or b""
        if vrs in (b"US", b"USSS") and not little:
            return b"".join(value[n : n + 2][::-1] for n in range(0, len(value) - 1, 2))
        if vrs in _FLOAT_BYTES and not little:
            step = _FLOAT_BYTES[vrs]
            return b"".join(value[n : n + step][::-1] for n in range(0, len(value) - step + 1, step))
        return bytes(value)
    return _coerced(dataset, tag, vrs)


def _pairs(vrs: bytes) -> tuple[bytes, ...]:
    return tuple(vrs[n : n + 2] for n in range(0, len(vrs), 2))


def _coerced(dataset: Dataset, tag: int, vrs: bytes) -> bytes | None:
    """A value with the wrong representation turned into the right one, or None when it cannot be (J23)."""
    try:
        with quiet_pydicom():
            value = dataset[tag].value
    except pydicom_errors():
        return None
    parts = (
        list(value) if isinstance(value, (list, tuple)) or type(value).__name__ == "MultiValue" else [value]
    )
    try:
        if vrs in (b"US", b"USSS"):
            return b"".join(struct.pack("<H", _whole(part) & 0xFFFF) for part in parts if part is not None)
        if vrs in _FLOAT_BYTES:
            code = "<d" if vrs == b"FD" else "<f"
            return b"".join(struct.pack(code, float(part)) for part in parts if part is not None)
    except (ValueError, TypeError, OverflowError):
        return None
    if isinstance(value, bytes):
        return value
    return "\\".join("" if part is None else str(part) for part in parts).encode("utf-8", "replace")


def _whole(value: Any) -> int:
    """A number without a fraction; ValueError for others."""
    if float(value) != int(value):
        raise ValueError("not a whole number")
    return int(value)


def pixel_location(
    stream: IO[bytes] | None, position: int, *, little: bool, explicit: bool
) -> tuple[int, int, int]:
    """Tag, offset and length of the pixel data element that starts at `position`.

    Parameters
    ----------
    stream
        The file; None when it is deflated.
    position
        Where the element starts.
    little, explicit
        Encoding of the data set.

    Returns
    -------
    tuple
        The tag is 0 when there is no pixel data or its element makes no sense.
    """
    if stream is None:
        return (0x7FE00010, -1, -1)
    stream.seek(position)
    head = stream.read(12)
    order = "<" if little else ">"
    if len(head) < 8:
        return (0, -1, 0)
    group, element = struct.unpack_from(order + "HH", head)
    tag = group << 16 | element
    if tag not in (0x7FE00008, 0x7FE00009, 0x7FE00010):
        return (0, -1, 0)
    # The transfer syntax may lie (J42), the bytes do not: read as a length all of these would be odd. The two bytes
    # behind should be zero; where they are not, pixels read from elsewhere would be shifted and look believable.
    if len(head) == 12 and head[4:6] in _LONG_VRS:
        offset, length = 12, struct.unpack_from(order + "I", head, 8)[0]
    elif explicit and head[4:6].isalpha() and head[4:6].isupper():
        return (0, -1, 0)
    else:
        offset, length = 8, struct.unpack_from(order + "I", head, 4)[0]
    return (tag, position + offset, -1 if length == 0xFFFFFFFF else length)
