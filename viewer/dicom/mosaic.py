"""Siemens mosaics: the slices of a volume side by side in one picture, taken apart again (rule A26).

DICOM has no such thing, so the number of slices and their direction stand in the vendor's own header (CSA), and the
position in the file is a construction: it belongs to a picture of the size of the mosaic around the centre of the
first slice, which nobody ever acquired.
"""

from __future__ import annotations

import math
import struct
from typing import TYPE_CHECKING

import numpy as np

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.header import Header
from viewer.dicom.model import Tile

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

CREATOR = "SIEMENS CSA HEADER"
IMAGE_HEADER = 0x10
"""Element of the CSA image header within its private block of group 0029."""
MAX_TAGS = 1024
MAX_SIDE = 64
"""Slices along an edge of a mosaic; scanners stay below 16."""
MAX_ITEM = 1 << 20
PARALLEL = 0.999
"""Cosine from which on the slice direction of the CSA header agrees with the normal of the picture (2.6 degrees)."""

_TAG = struct.Struct("<64si4siii")
_ITEM = struct.Struct("<4i")


def is_mosaic(header: Header) -> bool:
    """Whether one picture holds many small slices side by side."""
    return "MOSAIC" in header.image_type


def tiles(header: Header) -> list[Header]:
    """One header a slice of a mosaic, with the position of that slice; empty when it cannot be taken apart.

    Parameters
    ----------
    header
        Of a file whose picture is a mosaic.

    Raises
    ------
    ViewerError
        The header has become unreadable.
    OSError
        The file cannot be read.
    """
    if (
        header.frames != 1
        or header.samples != 1
        or header.position_mm is None
        or header.orientation is None
        or header.pixel_spacing_mm is None
        or not header.spacing_between_mm
    ):
        return []
    values = _csa_of(header)
    count = int(next(iter(_numbers(values, "NumberOfImagesInMosaic")), 0))
    across = _numbers(values, "SliceNormalVector")
    side = math.isqrt(count - 1) + 1 if count > 0 else 0
    if not 0 < side <= MAX_SIDE or header.rows % side or header.columns % side or len(across) != 3:
        return []
    along, down = np.array(header.orientation[:3]), np.array(header.orientation[3:])
    direction = np.array(across)
    if not PARALLEL < abs(float(np.cross(along, down) @ direction)) < 1 / PARALLEL:
        return []
    rows, columns = header.rows // side, header.columns // side
    row_mm, column_mm = header.pixel_spacing_mm
    first = (
        np.array(header.position_mm)
        + along * column_mm * (header.columns - columns) / 2
        + down * row_mm * (header.rows - rows) / 2
    )
    step = direction * header.spacing_between_mm
    return [
        header.at_frame(
            header.frame,
            rows=rows,
            columns=columns,
            position_mm=tuple(float(value) for value in first + n * step),
            tile=Tile(n, (header.rows, header.columns), (n // side * rows, n % side * columns)),
        )
        for n in range(count)
    ]


def _csa_of(header: Header) -> dict[str, tuple[str, ...]]:
    """Values of the CSA image header of a file; empty when there is none, or none that can be read."""
    from viewer.dicom.slow_header import open_dataset

    with header.path.open("rb") as stream, careful_pydicom("The private header of a mosaic"):
        dataset = open_dataset(stream, header.size)[0]
        content = _private_value(dataset)
    try:
        return parse_csa(content)
    except ValueError:
        return {}


def _private_value(dataset: Dataset) -> bytes:
    """The CSA image header, found by its private creator (PS3.5 7.8.1), else in the first block of the group."""
    blocks = (
        block
        for block in range(0x10, 0x100)
        if str(dataset[0x0029, block].value if (0x0029, block) in dataset else "").strip() == CREATOR
    )
    tag = (0x0029, next(blocks, 0x10) << 8 | IMAGE_HEADER)
    value = dataset[tag].value if tag in dataset else b""
    return value if isinstance(value, bytes) else b""


def parse_csa(content: bytes) -> dict[str, tuple[str, ...]]:
    """Named values of a CSA header of the kind that starts with "SV10".

    Parameters
    ----------
    content
        The private element.

    Returns
    -------
    dict
        Name to the values that are not empty, as text.

    Raises
    ------
    ValueError
        It is of another kind, or damaged.
    """
    if content[:4] != b"SV10":
        raise ValueError("not a CSA header of this kind")
    try:
        (count,) = struct.unpack_from("<I", content, 8)
        if count > MAX_TAGS:
            raise ValueError("too many values")
        values = {}
        position = 16
        for _ in range(count):
            name, _, _, _, items, _ = _TAG.unpack_from(content, position)
            position += _TAG.size
            found = []
            for _ in range(items):
                length = _ITEM.unpack_from(content, position)[1]
                position += _ITEM.size
                if not 0 <= length <= MAX_ITEM or position + length > len(content):
                    raise ValueError("an item is longer than the header")
                found.append(_text(content[position : position + length]))
                position += -(-length // 4) * 4
            values[_text(name)] = tuple(text for text in found if text)
    except struct.error as error:
        raise ValueError("the CSA header ends early") from error
    return values


def _text(raw: bytes) -> str:
    return raw.split(b"\0", 1)[0].decode("latin-1").strip()


def _numbers(values: dict[str, tuple[str, ...]], name: str) -> tuple[float, ...]:
    """Finite numbers under a name; empty when one of them is none."""
    try:
        numbers = tuple(float(text) for text in values.get(name, ()))
    except ValueError:
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()
