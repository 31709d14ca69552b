"""Read the header of a file: by the fast reader where it can, by pydicom where it must, and judged before use."""

from __future__ import annotations

import os
import re
import stat
from pathlib import Path

from viewer.dicom import fast_header
from viewer.dicom.header import (
    DEFLATED,
    DOUBLE_PIXEL_DATA,
    FLOAT_PIXEL_DATA,
    MAX_FRAME_PIXELS,
    PIXEL_DATA,
    Header,
)
from viewer.dicom.sop_classes import DICOMDIR, kind_of_class
from viewer.errors import NotDicomError, ViewerError

MAX_FRAMES = 1 << 16
"""Most frames of one file: each takes memory of its own before a pixel is read (J11)."""
DEFLATE_RATIO = 1032
"""No deflated data becomes larger than this many times its size."""

_UID = re.compile(r"[0-9.]{1,64}")


def read_header(source: Path | str | bytes, *, objects: bool = False) -> Header:
    """Read the header of one file without its pixels.

    Parameters
    ----------
    source
        A path, or the bytes of a file.
    objects
        Also describe the pixel data of objects that are no images (segmentations, doses), which takes longer.

    Raises
    ------
    NotDicomError
        It is not a DICOM file, or not a regular file (J01, J37).
    ViewerError
        It is DICOM but damaged, hostile or holds an image that cannot be described; the message is a sentence
        (J04, J05, J08-J11, J14, J15, J23).
    OSError
        The file cannot be read.
    """
    if isinstance(source, bytes):
        header = None if objects else fast_header.read_bytes(source)
        if header is None:
            header = _read_slowly(source, Path("memory"), len(source), objects=objects)
        return _checked(header, objects=objects)
    path = Path(source)
    descriptor = os.open(source, os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_NONBLOCK", 0))
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise NotDicomError("This is not a regular file.")
        header = None if objects else fast_header.read_descriptor(descriptor, path, status.st_size)
    finally:
        os.close(descriptor)
    if header is None:
        header = _read_slowly(path, path, status.st_size, objects=objects)
    return _checked(header, objects=objects)


def _read_slowly(source: Path | bytes, path: Path, size: int, *, objects: bool) -> Header:
    from viewer.dicom.slow_header import read_with_pydicom

    return read_with_pydicom(source, path, size, objects=objects)


def _checked(header: Header, *, objects: bool) -> Header:
    """The header, when its pixels can be described and can lie in a file of this size.

    Raises
    ------
    ViewerError
        A sentence with the reason.
    """
    kind = kind_of_class(header.sop_class)
    if header.sop_class == DICOMDIR:
        return header
    if not header.is_image:
        if kind is not None and not kind.has_images:
            return header
        # An object of any class names itself; without a name it may be one whose class is cut off (J05).
        if kind is None and header.sop_class and header.sop_instance and not header.rows:
            return header
        if not header.sop_class:
            raise ViewerError("The file says neither what it is (SOPClassUID) nor holds an image.")
        raise ViewerError("The file holds no pixel data; it may be cut off.")
    if kind is not None and not kind.has_images and not objects:
        return header
    _check_pixel_format(header)
    _check_size(header)
    return header


def _check_pixel_format(header: Header) -> None:
    if not 0 < header.rows <= 65535 or not 0 < header.columns <= 65535:
        raise ViewerError("Rows or Columns is missing or zero, so the image cannot be laid out.")
    if header.samples not in (1, 3):
        raise ViewerError(f"SamplesPerPixel is {header.samples}; only 1 and 3 can be shown.")
    allowed = {PIXEL_DATA: (1, 8, 16, 32), FLOAT_PIXEL_DATA: (32,), DOUBLE_PIXEL_DATA: (64,)}
    if header.bits_allocated not in allowed[header.pixel_tag]:
        raise ViewerError(f"BitsAllocated is {header.bits_allocated}, which is not a valid sample size.")
    if header.pixel_tag == PIXEL_DATA and not (
        0 < header.bits_stored <= header.bits_allocated
        and header.bits_stored - 1 <= header.high_bit < header.bits_allocated
    ):
        raise ViewerError("BitsAllocated, BitsStored and HighBit contradict each other.")
    if (
        not header.sign_known
        and header.pixel_tag == PIXEL_DATA
        and header.samples == 1 < header.bits_allocated
    ):
        raise ViewerError(
            "PixelRepresentation is missing or neither 0 nor 1, so the sign of the values is unknown."
        )
    if header.frames < 1:
        raise ViewerError(f"NumberOfFrames is {max(header.frames, -1)}; there is no image.")
    if not _UID.fullmatch(header.transfer_syntax):
        raise ViewerError("The transfer syntax is missing or no UID, so the pixel data cannot be read.")


def _check_size(header: Header) -> None:
    """Compare the declared size with the bytes that are there, before anything is allocated (J08, J10, J11)."""
    if header.rows * header.columns > MAX_FRAME_PIXELS:
        raise ViewerError(f"The image of {header.columns} x {header.rows} pixels is too large to be true.")
    if header.frames > MAX_FRAMES:
        raise ViewerError(
            f"The file announces more than {MAX_FRAMES} frames, which are too many to be shown."
        )
    available = header.size - header.pixel_offset if header.pixel_offset >= 0 else header.size
    if header.encapsulated:
        # An item header takes 8 bytes and a codestream is not empty.
        if header.frames * 9 > available:
            raise ViewerError(f"The file is too small for the {header.frames} frames it announces.")
        if header.rows * header.columns > 1 << 22 and header.rows * header.columns > available * 20_000:
            raise ViewerError("The compressed data is too small for the size of the image it announces.")
        return
    expected = (header.frame_bits * header.frames + 7) // 8
    if header.transfer_syntax == DEFLATED:
        if expected > available * DEFLATE_RATIO:
            raise ViewerError("The deflated data is too small for the size of the image it announces.")
        return
    if header.pixel_length >= 0:
        available = min(available, header.pixel_length)
    if available * 2 < expected:
        raise ViewerError(
            f"The pixel data has {max(available, 0)} bytes where the header announces {expected}; it was left out."
        )
