"""Overlay planes, groups 6000 to 601E (PS3.3 C.9.2, rule B19): graphics drawn over an image, one bit a pixel.

They are read when somebody asks for them, never burnt into values.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.model import FrameSource, PixelFormat, Stack

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

Mask = npt.NDArray[np.bool_]
Words = Callable[[int], npt.NDArray[np.unsignedinteger[Any]] | None]
"""Frame number to the (rows, columns) words of the image as they lie in the file, None where they cannot be had."""

GROUPS = range(0x6000, 0x6020, 2)
_ROWS, _COLUMNS, _FRAMES = 0x0010, 0x0011, 0x0015
_ORIGIN, _FRAME_ORIGIN = 0x0050, 0x0051
_BITS_ALLOCATED, _BIT_POSITION = 0x0100, 0x0102
_LABEL, _DATA = 0x1500, 0x3000


@dataclass(frozen=True, eq=False)
class OverlayPlane:
    """One overlay of one file.

    Parameters
    ----------
    group
        0x6000 to 0x601E.
    label
        Overlay Label (60xx,1500).
    corner
        (row, column) of the image, from 0, under the first pixel of the overlay; may lie outside the image.
    masks
        (n, rows, columns), True where something is drawn.
    first_frame
        Image frame, from 0, of the first mask; None when one mask belongs to all frames.
    """

    group: int
    label: str
    corner: tuple[int, int]
    masks: Mask
    first_frame: int | None = None

    def on_frame(self, frame: int, shape: tuple[int, int]) -> Mask:
        """The overlay on the pixel grid of the image.

        Parameters
        ----------
        frame
            Of the image, from 0.
        shape
            (rows, columns) of the image.

        Returns
        -------
        Mask
            (rows, columns); what lies outside the image is cut off.
        """
        result = np.zeros(shape, dtype=bool)
        n = 0 if self.first_frame is None else frame - self.first_frame
        if not 0 <= n < len(self.masks):
            return result
        top, left = self.corner
        mask = self.masks[n][max(-top, 0) :, max(-left, 0) :]
        target = result[max(top, 0) :, max(left, 0) :]
        rows, columns = min(mask.shape[0], target.shape[0]), min(mask.shape[1], target.shape[1])
        target[:rows, :columns] = mask[:rows, :columns]
        return result


def overlay_mask(stack: Stack) -> npt.NDArray[np.bool_] | None:
    """Everything that overlays draw on the slices of a stack.

    Parameters
    ----------
    stack
        Of the catalogue; each of its files is read once.

    Returns
    -------
    ndarray | None
        (k, j, i) bool, all overlays together; None when there is none.

    Raises
    ------
    ViewerError
        A header has become unreadable.
    OSError
        A file cannot be read.
    """
    result: Mask | None = None
    planes: dict[Path, tuple[OverlayPlane, ...]] = {}
    for k, source in enumerate(stack.frames):
        if source.path not in planes:
            planes[source.path] = _read(source, stack.pixels)
        for plane in planes[source.path]:
            if result is None:
                result = np.zeros(stack.geometry.shape, dtype=bool)
            result[k] |= _on_slice(plane, source, (stack.pixels.rows, stack.pixels.columns))
    return result


def _on_slice(plane: OverlayPlane, source: FrameSource, shape: tuple[int, int]) -> Mask:
    if source.tile is None:
        return plane.on_frame(source.frame, shape)
    (top, left), picture = source.tile.corner, source.tile.picture
    return plane.on_frame(source.frame, picture)[top : top + shape[0], left : left + shape[1]]


def _read(source: FrameSource, pixels: PixelFormat) -> tuple[OverlayPlane, ...]:
    from viewer.dicom.slow_header import open_dataset

    with source.path.open("rb") as stream:
        dataset = open_dataset(stream, source.path.stat().st_size)[0]
    with careful_pydicom("An overlay"):
        return read_overlays(dataset, pixels, lambda frame: _words(source, pixels, frame))


def _words(
    source: FrameSource, pixels: PixelFormat, frame: int
) -> npt.NDArray[np.unsignedinteger[Any]] | None:
    """Words of a frame with the bits above the stored ones; only plain little endian files keep them."""
    if source.offset < 0 or pixels.samples_per_pixel != 1:
        return None
    start = source.offset + (frame - source.frame) * source.length
    with source.path.open("rb") as stream:
        stream.seek(start)
        data = stream.read(source.length)
    if len(data) < source.length:
        return None
    return np.frombuffer(data, f"<u{pixels.bits_allocated // 8}").reshape(pixels.rows, pixels.columns)


def read_overlays(dataset: Dataset, pixels: PixelFormat, words: Words) -> tuple[OverlayPlane, ...]:
    """Overlays of one file; one that makes no sense is left out.

    Parameters
    ----------
    dataset
        Its header, little endian.
    pixels
        Layout of the image.
    words
        Gives the image words of a frame, for overlays embedded in unused bits (retired, PS3.3-2004 C.9.2).
    """
    planes = (_plane(dataset, group, pixels, words) for group in GROUPS if (group, _ROWS) in dataset)
    return tuple(plane for plane in planes if plane is not None)


def _plane(dataset: Dataset, group: int, pixels: PixelFormat, words: Words) -> OverlayPlane | None:
    rows, columns = _integer(dataset, group, _ROWS), _integer(dataset, group, _COLUMNS)
    count = _integer(dataset, group, _FRAMES)
    first = _integer(dataset, group, _FRAME_ORIGIN)
    origin = _integers(dataset, group, _ORIGIN)
    if not rows or not columns or rows < 0 or columns < 0 or (count is not None and count < 1):
        return None
    masks = (
        _packed(dataset[group, _DATA].value, (count or 1, rows, columns))
        if (group, _DATA) in dataset
        else _embedded(dataset, group, pixels, words, (count or 1, rows, columns), (first or 1) - 1)
    )
    if masks is None:
        return None
    return OverlayPlane(
        group=group,
        label=str(dataset[group, _LABEL].value or "") if (group, _LABEL) in dataset else "",
        # Row\column, counted from 1; the first pixel of the image when it is missing.
        corner=(origin[0] - 1, origin[1] - 1) if len(origin) == 2 else (0, 0),
        masks=masks,
        first_frame=None if count is None and first is None else (first or 1) - 1,
    )


def _packed(value: Any, shape: tuple[int, int, int]) -> Mask | None:
    """Overlay Data (60xx,3000): frames one after the other without a gap, lowest bit first (PS3.5 8.1.2)."""
    data = value if isinstance(value, bytes) else b""
    bits = math.prod(shape)
    if len(data) * 8 < bits:
        return None
    mask: Mask = np.unpackbits(np.frombuffer(data, np.uint8), count=bits, bitorder="little").astype(bool)
    return mask.reshape(shape)


def _embedded(
    dataset: Dataset,
    group: int,
    pixels: PixelFormat,
    words: Words,
    shape: tuple[int, int, int],
    first_frame: int,
) -> Mask | None:
    """An overlay in a bit of the image words that the image does not use."""
    bit = _integer(dataset, group, _BIT_POSITION)
    if (
        bit is None
        or _integer(dataset, group, _BITS_ALLOCATED) != pixels.bits_allocated
        or not 0 <= bit < pixels.bits_allocated
        or pixels.high_bit - pixels.bits_stored < bit <= pixels.high_bit
        or shape[1:] != (pixels.rows, pixels.columns)
    ):
        return None
    frames = [words(first_frame + n) for n in range(shape[0])]
    if any(frame is None for frame in frames):
        return None
    return np.stack([(frame >> bit) & 1 == 1 for frame in frames if frame is not None])


def _integers(dataset: Dataset, group: int, element: int) -> tuple[int, ...]:
    value = dataset[group, element].value if (group, element) in dataset else None
    if value is None or value == "":
        return ()
    return tuple(int(part) for part in ([value] if isinstance(value, (int, float, str)) else value))


def _integer(dataset: Dataset, group: int, element: int) -> int | None:
    return next(iter(_integers(dataset, group, element)), None)
