"""A data set as raw bytes: just enough of pydicom's interface to read PET headers without importing pydicom.

Hundreds of PET headers have to be read before the first fused picture; this does it in the time `fast_header` takes.
Like that module it never guesses: what is not plainly regular is read by pydicom instead.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

from viewer.dicom.fast_header import UnusualError, element_at, meta_end, skip_sequence
from viewer.dicom.header import DEFLATED, EXPLICIT_BIG, IMPLICIT_LITTLE, Header

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

_UNDEFINED = 0xFFFFFFFF
_SEQUENCES = frozenset({0x00540016, 0x00540300, 0x00540304})
"""Sequences of implicit data sets that are opened: Radiopharmaceutical Information and its code sequences."""


class RawTag(int):
    """A tag with its two halves."""

    @property
    def group(self) -> int:
        """First half."""
        return self >> 16

    @property
    def element(self) -> int:
        """Second half."""
        return self & 0xFFFF


class RawElement:
    """An element; `value` is bytes, or for a sequence a list of data sets."""

    __slots__ = ("value",)

    def __init__(self, value: bytes | list[RawDataset]) -> None:
        self.value = value


class RawDataset:
    """Elements by tag, little endian, not converted.

    Parameters
    ----------
    content
        Bytes that hold the elements.
    start, stop
        Where they lie.
    explicit
        Whether elements name their value representation.

    Raises
    ------
    UnusualError
        The bytes are not plainly regular.
    """

    def __init__(self, content: bytes, start: int, stop: int, *, explicit: bool) -> None:
        self._explicit = explicit
        self._elements: dict[int, tuple[bool, bytes]] = {}
        pos = start
        while pos < stop:
            tag, vr, length, pos = element_at(content, pos, explicit=explicit)
            end = skip_sequence(content, pos, explicit=explicit) if length == _UNDEFINED else pos + length
            if end > stop:
                raise UnusualError
            sequence = vr == b"SQ" if explicit else tag in _SEQUENCES
            self._elements[tag] = (sequence, content[pos:end])
            pos = end

    def __contains__(self, tag: int) -> bool:
        return tag in self._elements

    def keys(self) -> Iterator[RawTag]:
        """All tags."""
        return map(RawTag, self._elements)

    def get_item(self, tag: int) -> RawElement:
        """An element with its bytes."""
        return RawElement(self._elements[tag][1])

    def __getitem__(self, tag: int) -> RawElement:
        """An element; a sequence is opened."""
        sequence, value = self._elements[tag]
        return RawElement(list(self._items(value)) if sequence else value)

    def _items(self, value: bytes) -> Iterator[RawDataset]:
        pos = 0
        while pos + 8 <= len(value):
            tag, _, length, pos = element_at(value, pos, explicit=False)
            if tag != 0xFFFEE000:
                return
            if length == _UNDEFINED:
                end = skip_sequence(value, pos, explicit=self._explicit, item=True)
                yield RawDataset(value, pos, end - 8, explicit=self._explicit)
            else:
                end = pos + length
                yield RawDataset(value, pos, end, explicit=self._explicit)
            pos = end


def read_dataset(header: Header, *, quick: bool = True) -> Dataset:
    """Everything before the pixel data of a file whose header is known.

    Parameters
    ----------
    header
        Of the file.
    quick
        Try without pydicom first.

    Returns
    -------
    Dataset
        pydicom's, or an object that answers `in`, `[]`, `get_item` and `keys` the same way; opening a damaged
        sequence of the latter raises UnusualError.

    Raises
    ------
    ViewerError
        The file has changed and cannot be read any more.
    OSError
        The file cannot be read at all.
    """
    raw = _raw(header) if quick else None
    if raw is not None:
        return cast("Dataset", raw)
    from viewer.dicom.slow_header import open_dataset

    with header.path.open("rb") as stream:
        return open_dataset(stream, header.size)[0]


def _raw(header: Header) -> RawDataset | None:
    explicit = header.transfer_syntax != IMPLICIT_LITTLE
    if header.transfer_syntax in (EXPLICIT_BIG, DEFLATED) or header.pixel_offset < 0 or header.pixel_tag == 0:
        return None
    with header.path.open("rb", buffering=0) as stream:
        content = stream.read(header.pixel_offset)
    try:
        return RawDataset(
            content, meta_end(content), len(content) - (12 if explicit else 8), explicit=explicit
        )
    except UnusualError:
        return None
