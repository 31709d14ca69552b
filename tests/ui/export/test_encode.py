"""Bytes of picture files: right pixels, technical text, nothing else (rule F02)."""

from __future__ import annotations

import io
import struct

import numpy as np
import pytest
from PIL import Image

from viewer.ui.export.encode import encode
from viewer.ui.export.options import PictureFormat

_PICTURE = np.random.default_rng(1).integers(0, 256, (40, 50, 3), dtype=np.uint8)


def _chunks(data: bytes) -> list[tuple[str, bytes]]:
    """(type, content) of the chunks of a PNG file, read by hand."""
    found, place = [], 8
    while place < len(data):
        (length,) = struct.unpack(">I", data[place : place + 4])
        found.append((data[place + 4 : place + 8].decode(), data[place + 8 : place + 8 + length]))
        place += 12 + length
    return found


@pytest.mark.parametrize("kind", [PictureFormat.PNG, PictureFormat.TIFF])
def test_that_lossless_types_give_the_pixels_back(kind: PictureFormat) -> None:
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(encode(_PICTURE, kind)))), _PICTURE)


def test_that_jpeg_keeps_full_chroma() -> None:
    image = Image.open(io.BytesIO(encode(_PICTURE, PictureFormat.JPEG)))
    assert image.format == "JPEG"
    assert image.size == (50, 40)
    assert [layer[1:3] for layer in image.layer] == [(1, 1)] * 3  # type: ignore[attr-defined]


def test_that_F02_a_png_carries_exactly_the_given_text() -> None:
    chunks = _chunks(encode(_PICTURE, PictureFormat.PNG, {"Window": "W 80 L 40", "Software": "Triptych"}))
    assert [content for kind, content in chunks if kind == "tEXt"] == [
        b"Window\0W 80 L 40",
        b"Software\0Triptych",
    ]
    assert {kind for kind, _ in chunks} == {"IHDR", "tEXt", "IDAT", "IEND"}


@pytest.mark.parametrize("kind", [PictureFormat.JPEG, PictureFormat.TIFF])
def test_that_F02_other_types_carry_no_text(kind: PictureFormat) -> None:
    data = encode(_PICTURE, kind, {"Window": "W 80 L 40"})
    assert b"W 80" not in data
    assert b"Exif" not in data
