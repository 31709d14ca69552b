"""Strict, quick header reader for the two little endian encodings that nearly all files use (PS3.5 7.1).

It reads the first kilobytes of a file with one system call, walks the top level elements, keeps those the viewer
wants and jumps over everything else. It never guesses: whatever is not plainly regular (element order, value
representation, length, encoding) makes it return None and pydicom decides. A test holds both readers equal on real
and on damaged files.
"""

from __future__ import annotations

import os
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from struct import Struct

from viewer.dicom.header import (
    DEFLATED,
    EXPLICIT_BIG,
    IMPLICIT_LITTLE,
    SEQUENCES,
    WANTED,
    Header,
)
from viewer.dicom.recurring import header_of
from viewer.dicom.skeleton import META_START, Place, Skeletons
from viewer.dicom.sop_classes import kind_of_class

FIRST_READ = 16_384
LARGEST_READ = 1 << 20
"""A header that is longer than this is left to pydicom."""
MAX_VALUE = 1 << 16
"""Longest value that is kept; a longer one is left to pydicom."""
MAX_DEPTH = 32
"""Sequences and items inside each other."""

_EXPLICIT = Struct("<HH2sH").unpack_from
_IMPLICIT = Struct("<HHI").unpack_from
_LONG_LENGTH = Struct("<I").unpack_from
_SHORT_VRS = frozenset(
    b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split(),
)
_LONG_VRS = frozenset(b"OB OD OF OL OW OV SQ UC UN UR UT SV UV".split())
_PIXEL_VRS = {0x7FE00010: b"OBOW", 0x7FE00008: b"OF", 0x7FE00009: b"OD"}
_UNDEFINED = 0xFFFFFFFF
_ITEM, _ITEM_END, _SEQUENCE_END = 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD
_BEFORE_PIXELS = 0x7FE00007
_NON_IMAGE_END = 0x0028FFFF
"""Nothing behind this element is needed of an object without pixels; RTSTRUCT and SR are long there."""


class UnusualError(Exception):
    """The file is not plainly regular; pydicom has to read it."""


class NeedMoreError(UnusualError):
    """The header goes on behind the bytes read so far."""


Parsed = tuple[dict[int, bytes], tuple[int, int, int], frozenset[int]]
"""Elements, (tag, offset, length) of the pixel data, sequences that are present."""


def read_descriptor(descriptor: int, path: Path, size: int) -> Header | None:
    """Read the header of an open regular file, or None when pydicom has to.

    Parameters
    ----------
    descriptor
        Open for reading, at position 0.
    path, size
        Kept in the header.
    """
    buffer = os.read(descriptor, FIRST_READ)
    if buffer[128:132] != b"DICM":
        return None
    while True:
        try:
            return header_of(path, size, *_parse(buffer, complete=len(buffer) >= size))
        except NeedMoreError:
            if len(buffer) >= min(size, LARGEST_READ):
                return None
            more = os.read(descriptor, min(len(buffer) * 7, LARGEST_READ - len(buffer)))
            if not more:
                return None
            buffer += more
        except UnusualError:
            return None


def read_bytes(content: bytes) -> Header | None:
    """The same for a file in memory."""
    if content[128:132] != b"DICM":
        return None
    try:
        return header_of(Path("memory"), len(content), *_parse(content, complete=True))
    except (NeedMoreError, UnusualError):
        return None


_skeletons = Skeletons()


def _parse(buffer: bytes, *, complete: bool) -> Parsed:
    """The same as `parse`, without a walk where the buffer is like that of another file of its series."""
    parsed = _skeletons.read(buffer)
    if parsed is None:
        parsed = parse(buffer, complete=complete)
        with suppress(UnusualError):  # what the walk jumped over is damaged: such a file teaches nothing
            _skeletons.walked(buffer, parsed, _places_of)
    return parsed


def _places_of(buffer: bytes, parsed: Parsed) -> tuple[Place, ...]:
    """The elements before the pixel data whose values may vary, all but sequences of undefined length."""
    places = []
    pos, meta = META_START, meta_end(buffer)
    is_explicit = parsed[0][0x00020010].rstrip(b"\0 ") != IMPLICIT_LITTLE.encode()
    end = parsed[1][1] - (12 if is_explicit else 8)
    while pos < end:
        explicit = is_explicit or pos < meta
        tag, vr, length, start = element_at(buffer, pos, explicit=explicit)
        if length == _UNDEFINED:
            pos = skip_sequence(buffer, start, explicit=explicit)
            continue
        long = vr not in _SHORT_VRS
        places.append(Place(tag, start - (4 if long else 2), long, start, start + length))
        pos = start + length
    return tuple(places)


def parse(buffer: bytes, *, complete: bool) -> Parsed:
    """Walk the top level elements up to the pixel data.

    Parameters
    ----------
    buffer
        The first bytes of a file.
    complete
        Whether they are the whole file.

    Raises
    ------
    NeedMoreError, UnusualError
        See there.
    """
    elements: dict[int, bytes] = {}
    start, syntax = _parse_meta(buffer, elements)
    if syntax == IMPLICIT_LITTLE:
        walked = _walk_implicit(buffer, start, elements)
    elif syntax and syntax not in (EXPLICIT_BIG, DEFLATED):
        walked = _walk_explicit(buffer, start, elements)
    else:
        raise UnusualError
    pixel, sequences, end = walked
    if end < 0:
        _check_rest(buffer, -end, explicit=syntax != IMPLICIT_LITTLE, complete=complete)
    if b"\0" in elements.get(0x00080005, b"").rstrip(b"\0 "):
        raise UnusualError
    if pixel[0] == 0 and end >= 0 and not (complete and end == len(buffer)):
        raise NeedMoreError if not complete else UnusualError
    return elements, pixel, frozenset(sequences)


def _parse_meta(buffer: bytes, elements: dict[int, bytes]) -> tuple[int, str]:
    """Read group 0002; where the data set starts and its transfer syntax."""
    if len(buffer) < 144 or buffer[132:140] != b"\x02\0\0\0UL\x04\0":
        raise UnusualError
    end = 144 + int(_LONG_LENGTH(buffer, 140)[0])
    pos = 144
    if end + 8 > len(buffer):
        raise NeedMoreError
    while pos < end:
        group, element, vr, length = _EXPLICIT(buffer, pos)
        if group != 2:
            raise UnusualError
        if vr in _SHORT_VRS:
            pos += 8
        elif vr in _LONG_VRS:
            length = _LONG_LENGTH(buffer, pos + 8)[0]
            pos += 12
        else:
            raise UnusualError
        if element in (0x0002, 0x0010):
            value = buffer[pos : pos + length]
            if vr != b"UI" or value.strip(b"0123456789. \0"):
                raise UnusualError
            elements[0x00020000 | element] = value
        pos += length
    if pos != end or buffer[pos : pos + 2] == b"\x02\0":
        raise UnusualError
    return pos, elements.get(0x00020010, b"").rstrip(b"\0 ").decode("ascii", "replace")


Walked = tuple[tuple[int, int, int], set[int], int]
"""Pixel data, sequences, and where the walk ended; negative when it ended early on purpose."""


def _walk_explicit(  # noqa: PLR0912 - one flat loop, because calls would double its time
    buffer: bytes, pos: int, elements: dict[int, bytes]
) -> Walked:
    total = len(buffer)
    last = 0
    stop = _BEFORE_PIXELS
    sequences: set[int] = set()
    wanted = WANTED
    header = _EXPLICIT
    while pos + 12 <= total:
        group, element, vr, length = header(buffer, pos)
        tag = group << 16 | element
        if not last < tag <= stop:
            if tag <= last:
                raise UnusualError
            if stop != _BEFORE_PIXELS:
                return (0, -1, 0), set(), -pos
            if tag not in _PIXEL_VRS or vr not in _PIXEL_VRS[tag] or length:
                raise UnusualError
            length = _LONG_LENGTH(buffer, pos + 8)[0]
            return (tag, pos + 12, -1 if length == _UNDEFINED else length), sequences, pos
        last = tag
        if vr in _SHORT_VRS:
            pos += 8
        elif vr in _LONG_VRS:
            length = _LONG_LENGTH(buffer, pos + 8)[0]
            pos += 12
            if tag in SEQUENCES:
                if vr != b"SQ":
                    raise UnusualError
                sequences.add(tag)
            if length == _UNDEFINED:
                if vr != b"SQ":
                    raise UnusualError
                pos = skip_sequence(buffer, pos, explicit=True)
                continue
        else:
            raise UnusualError
        if tag in wanted:
            if vr not in wanted[tag] or length > MAX_VALUE or length & 1:
                raise UnusualError
            if pos + length > total:
                raise NeedMoreError
            value = buffer[pos : pos + length]
            elements[tag] = value
            if tag == 0x00080016:
                stop = _stop_of(value)
        pos += length
    return (0, -1, 0), sequences, pos


def _walk_implicit(buffer: bytes, pos: int, elements: dict[int, bytes]) -> Walked:
    total = len(buffer)
    last = 0
    stop = _BEFORE_PIXELS
    sequences: set[int] = set()
    looks_explicit = buffer[pos + 4 : pos + 6]
    if looks_explicit in _SHORT_VRS or looks_explicit in _LONG_VRS:
        raise UnusualError
    while pos + 8 <= total:
        group, element, length = _IMPLICIT(buffer, pos)
        tag = group << 16 | element
        if not last < tag <= stop:
            if tag <= last:
                raise UnusualError
            if stop != _BEFORE_PIXELS:
                return (0, -1, 0), set(), -pos
            if tag not in _PIXEL_VRS:
                raise UnusualError
            return (tag, pos + 8, -1 if length == _UNDEFINED else length), sequences, pos
        pos += 8
        if tag in SEQUENCES:
            sequences.add(tag)
        if length == _UNDEFINED:
            _check_sequence(tag)
            pos = skip_sequence(buffer, pos, explicit=False)
            continue
        wanted = WANTED.get(tag)
        if wanted is not None:
            if length > MAX_VALUE or length & 1:
                raise UnusualError
            if pos + length > total:
                raise NeedMoreError
            value = buffer[pos : pos + length]
            elements[tag] = value
            if tag == 0x00080016:
                stop = _stop_of(value)
        pos += length
    return (0, -1, 0), sequences, pos


def _check_rest(buffer: bytes, pos: int, *, explicit: bool, complete: bool) -> None:
    """Look at the elements that nobody needs, as far as they have been read, for damage before them.

    A tag that was damaged to a high one ends the walk too early: what belongs behind it would be taken for absent, and
    an object be listed without its patient. The tag behind it gives that away.

    Raises
    ------
    UnusualError
        They are not plainly regular, or the file ends within one.
    """
    last = 0
    try:
        while pos + 8 <= len(buffer):
            group, element, _ = _IMPLICIT(buffer, pos)
            tag = group << 16 | element
            if tag <= last or group == 0xFFFE:
                raise UnusualError
            if tag in _PIXEL_VRS:
                return
            last = tag
            _, _, length, pos = element_at(buffer, pos, explicit=explicit)
            pos = skip_sequence(buffer, pos, explicit=explicit) if length == _UNDEFINED else pos + length
    except NeedMoreError:
        if complete:
            raise UnusualError from None
        return
    if complete and pos != len(buffer):
        raise UnusualError


def _stop_of(sop_class: bytes) -> int:
    """The last element that is needed of an object of this class."""
    kind = kind_of_class(sop_class.rstrip(b"\0 ").decode("ascii", "replace"))
    return _BEFORE_PIXELS if kind is None or kind.has_images else _NON_IMAGE_END


def meta_end(buffer: bytes) -> int:
    """Where the data set starts.

    Raises
    ------
    UnusualError
        The file meta information is not plainly regular.
    """
    return _parse_meta(buffer, {})[0]


def element_at(buffer: bytes, pos: int, *, explicit: bool) -> tuple[int, bytes, int, int]:
    """(tag, value representation, length, position of the value) of an element; items have no representation.

    Raises
    ------
    UnusualError
        It is not plainly regular, or cut off.
    """
    if pos + 8 > len(buffer):
        raise NeedMoreError
    group, element, length = _IMPLICIT(buffer, pos)
    tag = group << 16 | element
    if not explicit or group == 0xFFFE:
        return tag, b"", length, pos + 8
    vr = buffer[pos + 4 : pos + 6]
    if vr in _SHORT_VRS:
        return tag, vr, length >> 16, pos + 8
    if vr not in _LONG_VRS or pos + 12 > len(buffer):
        raise UnusualError
    length = _LONG_LENGTH(buffer, pos + 8)[0]
    if length == _UNDEFINED and vr != b"SQ":
        raise UnusualError
    return tag, vr, length, pos + 12


@lru_cache(maxsize=4096)
def _check_sequence(tag: int) -> None:
    """In implicit encoding only the dictionary tells whether a value of undefined length is a sequence.

    Raises
    ------
    UnusualError
        It is none.
    """
    # Imported here: it takes longer than a hundred headers, and few files need it.
    from pydicom.datadict import dictionary_VR

    try:
        known = dictionary_VR(tag)
    except KeyError:
        return  # of a manufacturer, or unknown: read as a sequence
    if known != "SQ":
        raise UnusualError


def skip_sequence(buffer: bytes, pos: int, *, explicit: bool, item: bool = False, depth: int = 0) -> int:
    """Position behind a sequence (or one item) of undefined length whose content starts at `pos` (PS3.5 7.5).

    Raises
    ------
    UnusualError
        It is not plainly regular; `NeedMoreError` when it goes on behind the buffer.
    """
    if depth > MAX_DEPTH:
        raise UnusualError
    while True:
        tag, _, length, pos = element_at(buffer, pos, explicit=explicit and item)
        if tag == (_ITEM_END if item else _SEQUENCE_END):
            if length:
                raise UnusualError
            return pos
        if (tag >> 16 == 0xFFFE) if item else (tag != _ITEM):
            raise UnusualError
        if length == _UNDEFINED:
            if item and not explicit:
                _check_sequence(tag)
            pos = skip_sequence(buffer, pos, explicit=explicit, item=not item, depth=depth + 1)
        else:
            pos += length
