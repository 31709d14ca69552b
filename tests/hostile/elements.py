"""A DICOM file as a list of elements that can be given any bytes: what honest writers refuse to write.

Only for files of `tests.phantoms` and other regular ones in an uncompressed or encapsulated explicit little endian
encoding (PS3.5 7.1.2); shares no code with the package.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

UNDEFINED: Final = 0xFFFFFFFF
LONG_VRS: Final = frozenset(
    {b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV"}
)
_SHORT_VRS: Final = frozenset(b"AE AS AT CS DA DS DT FL FD IS LO LT PN SH SL SS ST TM UI UL US".split())
ALL_VRS: Final = tuple(sorted(LONG_VRS | _SHORT_VRS))


@dataclass(frozen=True)
class Element:
    """One element at the top level.

    Parameters
    ----------
    tag
        group << 16 | element.
    vr
        Two bytes.
    value
        Bytes of the value, delimiters of an undefined length included.
    length
        Declared length when it is not that of `value`.
    """

    tag: int
    vr: bytes
    value: bytes
    length: int | None = None

    def encoded(self) -> bytes:
        """The element as it lies in a file."""
        length = len(self.value) if self.length is None else self.length
        start = struct.pack("<HH2s", self.tag >> 16, self.tag & 0xFFFF, self.vr)
        if self.vr in LONG_VRS:
            return start + struct.pack("<HI", 0, length & UNDEFINED) + self.value
        return start + struct.pack("<H", length & 0xFFFF) + self.value


def split(content: bytes) -> tuple[bytes, list[Element]]:
    """Preamble with file meta information, and the elements behind it.

    Raises
    ------
    ValueError
        The file is not regular enough.
    """
    if content[128:140] != b"DICM\x02\0\0\0UL\x04\0":
        raise ValueError("no file meta information")
    start = 144 + int(struct.unpack_from("<I", content, 140)[0])
    elements = []
    pos = start
    while pos + 8 <= len(content):
        group, number, vr, length = struct.unpack_from("<HH2sH", content, pos)
        if vr in LONG_VRS and pos + 12 <= len(content):
            length = struct.unpack_from("<I", content, pos + 8)[0]
            pos += 12
        elif vr in _SHORT_VRS:
            pos += 8
        else:
            raise ValueError("not explicit little endian")
        declared = UNDEFINED if length == UNDEFINED else None
        end = _delimited_end(content, pos) if length == UNDEFINED else pos + length
        if end > len(content):
            raise ValueError("cut off")
        elements.append(Element(group << 16 | number, vr, content[pos:end], declared))
        pos = end
    if pos != len(content):
        raise ValueError("cut off")
    return content[:start], elements


def _delimited_end(content: bytes, pos: int) -> int:
    """Behind the sequence delimiter of a run of items of defined length."""
    while True:
        if pos + 8 > len(content):
            raise ValueError("cut off")
        group, number, length = struct.unpack_from("<HHI", content, pos)
        pos += 8
        if (group, number) == (0xFFFE, 0xE0DD):
            return pos
        if (group, number) != (0xFFFE, 0xE000) or length == UNDEFINED:
            raise ValueError("items of undefined length")
        pos += length


def join(head: bytes, elements: list[Element]) -> bytes:
    """The inverse of `split`."""
    return head + b"".join(element.encoded() for element in elements)


def put(path: Path, tag: int, value: bytes | None, vr: bytes = b"", *, length: int | None = None) -> None:
    """Give an element of a file other bytes, insert it in its place, or remove it (None).

    Parameters
    ----------
    path
        The file, changed in place.
    tag
        Of the element.
    value
        Written as it is, without padding to an even length.
    vr
        That of the element that is there when empty.
    length
        A declared length that lies.
    """

    def edit(elements: list[Element]) -> list[Element]:
        before = [element for element in elements if element.tag < tag]
        there = next((element for element in elements if element.tag == tag), None)
        after = [element for element in elements if element.tag > tag]
        if value is None:
            return before + after
        if there is None:
            return [*before, Element(tag, vr, value, length), *after]
        return [*before, replace(there, vr=vr or there.vr, value=value, length=length), *after]

    change(path, edit)


def change(path: Path, edit: Callable[[list[Element]], list[Element]]) -> None:
    """Run the elements of a file through a function."""
    head, elements = split(path.read_bytes())
    path.write_bytes(join(head, edit(elements)))
