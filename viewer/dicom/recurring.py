"""Headers of the slices of a series, each made from the one before it, since they differ in a few elements only.

Turning elements into a header takes half of the time of reading it. Where a file has the elements of the last file of
its series, and differs in `VARYING` alone, the header of that file is copied and only these fields are read. In every
other case, and whenever one of them makes no sense, all are read as ever, so what comes out is always the same.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path

from viewer.dicom.header import PIXEL_DATA, Header
from viewer.dicom.values import Elements, ValueReader

MOST_SERIES = 64
"""Of so many series, whose files may lie mixed in one folder, the last file is remembered."""

_SERIES_UID = 0x0020000E

Field = tuple[str, Callable[[ValueReader], object]]

VARYING: dict[int, tuple[Field, ...]] = {
    0x00080018: (("sop_instance", lambda read: read.text(0x00080018)),),
    0x0008002A: (("acquisition_datetime", lambda read: read.text(0x0008002A)),),
    0x00080032: (("acquisition_time", lambda read: read.text(0x00080032)),),
    0x00080033: (("content_time", lambda read: read.text(0x00080033)),),
    0x00181151: (("tube_current_ma", lambda read: read.number(0x00181151)),),
    0x00200012: (("acquisition_number", lambda read: read.integer(0x00200012)),),
    0x00200013: (("instance_number", lambda read: read.integer(0x00200013)),),
    0x00200032: (("position_mm", lambda read: read.vector(0x00200032, 3, "ImagePositionPatient")),),
    0x00281050: (("window_centers", lambda read: read.numbers(0x00281050)),),
    0x00281051: (("window_widths", lambda read: read.numbers(0x00281051)),),
    0x00281052: (("intercept", lambda read: read.rescale(0x00281052)),),
    0x00281053: (
        ("slope", lambda read: read.rescale(0x00281053)),
        ("slope_empty", lambda read: not read.numbers(0x00281053)),
    ),
    0x00541300: (("frame_reference_time_ms", lambda read: read.number(0x00541300)),),
    0x00541321: (("decay_factor", lambda read: read.number(0x00541321)),),
}
"""Elements in which slices of a series commonly differ, and the fields that come from each and from nothing else."""

_FIELDS = tuple(Header.__slots__)
_VALUES = attrgetter(*_FIELDS)
# The class forbids setting fields, and going through that would take half of what is gained.
_PUT = {name: vars(Header)[name].__set__ for name in _FIELDS}
_PUT_ALL = tuple(_PUT.values())

_last: dict[bytes, tuple[Elements, Header]] = {}


def header_of(
    path: Path, size: int, elements: Elements, pixel: tuple[int, int, int], sequences: frozenset[int]
) -> Header:
    """The same as `Header.from_elements`, quicker from the second file of a series on."""
    series = elements.get(_SERIES_UID, b"")
    last = _last.get(series)
    header = None if last is None else _after(*last, path, size, elements, pixel, sequences)
    if header is None:
        header = Header.from_elements(path, size, elements, pixel, sequences)
    if header.warnings or pixel[0] != PIXEL_DATA:
        return header
    if len(_last) >= MOST_SERIES and series not in _last:
        _last.clear()
    _last[series] = elements, header
    return header


def _after(
    before: Elements,
    header: Header,
    path: Path,
    size: int,
    elements: Elements,
    pixel: tuple[int, int, int],
    sequences: frozenset[int],
) -> Header | None:
    if (
        pixel[0] != PIXEL_DATA
        or sequences != header.sequences
        or len(elements) != len(before)
        or elements.keys() != before.keys()
    ):
        return None
    changed = [tag for tag, value in elements.items() if value != before[tag]]
    if not VARYING.keys() >= set(changed):
        return None
    read = ValueReader(elements)
    made = object.__new__(Header)
    for put, value in zip(_PUT_ALL, _VALUES(header), strict=True):
        put(made, value)
    for tag in changed:
        for name, field in VARYING[tag]:
            _PUT[name](made, field(read))
    if read.warnings:
        return None
    _PUT["path"](made, path)
    _PUT["size"](made, size)
    _PUT["pixel_offset"](made, pixel[1])
    _PUT["pixel_length"](made, pixel[2])
    return made
