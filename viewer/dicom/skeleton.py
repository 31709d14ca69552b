"""What the headers of a series have in common, byte for byte: where it fits, a header need not be walked.

Files of a series differ in a few values. A skeleton is the bytes between these values; a buffer that has all of them,
one after the other, has the same elements in the same order, with the values that lie between. Walking it would find
nothing else, so nothing is guessed; whatever does not fit is walked, and the skeleton learns from it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from struct import Struct

from viewer.dicom.header import PIXEL_DATA, WANTED

PREAMBLE = 128
META_LENGTH_AT = 140
"""Where the length of the file meta information stands, behind the preamble and its element's own header."""
META_START = 144
"""Where that information begins (PS3.10 7.1)."""

LIKELY = frozenset(
    (
        0x00020003,
        0x00080018,
        0x00080032,
        0x00080033,
        0x00200013,
        0x00200032,
        0x00201041,
        0x00281050,
        0x00281051,
    )
)
"""Elements that vary in nearly every series: identities, times, number, position, location, window."""
NEVER = frozenset((0x00020002, 0x00020010, 0x00080005, 0x00080016, 0x0020000E))
"""Elements that say how the others are to be read, and the series: with another one of these it is another skeleton."""
MOST_MISSES = 8
"""A series that was learned in vain so many times more often than it fitted is not learned any more."""

MOST_SERIES = 64
"""So many are remembered, whose files may lie mixed in one folder."""

_SERIES_UID = 0x0020000E
_SHORT = Struct("<H").unpack_from
_LONG = Struct("<I").unpack_from

Parsed = tuple[dict[int, bytes], tuple[int, int, int], frozenset[int]]
"""See `viewer.dicom.fast_header.Parsed`."""


@dataclass(frozen=True)
class Place:
    """Where an element of the top level lies.

    Parameters
    ----------
    tag
        Its tag.
    length_at
        Where its length stands.
    long
        Whether the length takes four bytes instead of two.
    start, end
        Of its value. A sequence of undefined length counts as part of what is before it and after it.
    """

    tag: int
    length_at: int
    long: bool
    start: int
    end: int


@dataclass(frozen=True)
class _Part:
    same: bytes
    """Up to the length of the element that varies."""
    tag: int
    """The element, 0 when its value is not wanted."""
    long: bool
    meta: int
    """Its length in the file the skeleton was made from when it is file meta information, else -1."""


@dataclass
class Skeleton:
    """Of one series.

    Parameters
    ----------
    places
        The elements of `buffer`, without those that cannot vary.
    buffer
        The header it was made from, up to the value of the pixel data.
    parsed
        What the walk found in it.
    varying
        Elements whose values differ.
    misses
        Two for each time it was learned, less one for each time it fitted.
    """

    places: tuple[Place, ...]
    buffer: bytes
    parsed: Parsed
    varying: frozenset[int]
    misses: int = 0
    _begin: bytes = field(init=False)
    _meta: int = field(init=False)
    _parts: list[_Part] = field(init=False)
    _rest: bytes = field(init=False)

    def __post_init__(self) -> None:
        self._begin = self.buffer[PREAMBLE:META_LENGTH_AT]
        (self._meta,) = _LONG(self.buffer, META_LENGTH_AT)
        self._parts = []
        pos = META_START
        for place in self.places:
            if place.tag in self.varying:
                tag = place.tag if place.tag in WANTED else 0
                meta = place.end - place.start if place.tag >> 16 == 2 else -1
                self._parts.append(_Part(self.buffer[pos : place.length_at], tag, place.long, meta))
                pos = place.end
        self._rest = self.buffer[pos:]

    def read(self, buffer: bytes) -> Parsed | None:
        """What the walk would find; None when the buffer is not plainly like the one before."""
        most = len(buffer) - 4
        if most < META_START or not buffer.startswith(self._begin, PREAMBLE):
            return None
        (meta,) = _LONG(buffer, META_LENGTH_AT)
        elements = self.parsed[0].copy()
        pos = META_START
        for part in self._parts:
            if not buffer.startswith(part.same, pos):
                return None
            pos += len(part.same)
            if pos > most:
                return None
            if part.long:
                (length,) = _LONG(buffer, pos)
                pos += 4
            else:
                (length,) = _SHORT(buffer, pos)
                pos += 2
            if part.tag:
                if length & 1 or length > 0xFFFF:
                    return None
                elements[part.tag] = buffer[pos : pos + length]
            elif part.meta >= 0:
                meta -= length - part.meta
            pos += length
        if meta != self._meta or not buffer.startswith(self._rest, pos):
            return None
        self.misses = max(self.misses - 1, -MOST_MISSES)
        tag, _, length = self.parsed[1]
        return elements, (tag, pos + len(self._rest), length), self.parsed[2]

    def learned(self, places: tuple[Place, ...], buffer: bytes, parsed: Parsed) -> Skeleton:
        """The skeleton after another file of the series that did not fit."""
        varying = self.varying
        if [place.tag for place in places] == [place.tag for place in self.places]:
            pairs = zip(self.places, places, strict=True)
            varying |= {
                new.tag
                for old, new in pairs
                if new.tag not in NEVER and self.buffer[old.start : old.end] != buffer[new.start : new.end]
            }
        return Skeleton(places, buffer, parsed, varying, self.misses + 2)


class Skeletons:
    """Those of the series that were read last, and the one that is tried first."""

    def __init__(self) -> None:
        self._current: Skeleton | None = None
        self._known: dict[bytes, Skeleton | None] = {}

    def read(self, buffer: bytes) -> Parsed | None:
        """See `Skeleton.read`; that of the file before is tried."""
        current = self._current
        return None if current is None else current.read(buffer)

    def walked(
        self, buffer: bytes, parsed: Parsed, places_of: Callable[[bytes, Parsed], tuple[Place, ...]]
    ) -> None:
        """Take note of a header that had to be walked.

        Parameters
        ----------
        buffer, parsed
            The header and what was found in it.
        places_of
            Finds its elements.
        """
        series = parsed[0].get(_SERIES_UID)
        if series is None or parsed[1][0] != PIXEL_DATA:
            return
        if series not in self._known:
            # Learning pays from the third file on; many a folder holds series of one.
            if len(self._known) >= MOST_SERIES:
                self._known.clear()
            self._known[series] = None
            return
        known = self._known[series]
        if known is not None and known is not self._current:
            self._current = known
            if known.read(buffer) is not None:
                return
        if known is not None and known.misses > MOST_MISSES:
            return
        places, head = places_of(buffer, parsed), buffer[: parsed[1][1]]
        fresh = (
            Skeleton(places, head, parsed, LIKELY) if known is None else known.learned(places, head, parsed)
        )
        self._known[series] = self._current = fresh
