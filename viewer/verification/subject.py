"""The stack that is checked: what the viewer shows, and what the file holds behind it."""

from __future__ import annotations

from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.decode import decode_frame
from viewer.dicom.model import Stack
from viewer.errors import DecodeError
from viewer.imaging.volume import Volume
from viewer.verification.checks import FloatArray


class Subject:
    """A stack with its filled volume, and what can be predicted of other programs from it.

    Parameters
    ----------
    stack
        Of the catalogue.
    volume
        Every slice was tried.
    """

    def __init__(self, stack: Stack, volume: Volume) -> None:
        self.stack = stack
        self.volume = volume

    @property
    def count(self) -> int:
        """Number of slices."""
        return len(self.stack.frames)

    @property
    def oriented(self) -> bool:
        """Whether the slices have a place in the patient."""
        return self.stack.geometry.oriented

    @cached_property
    def files(self) -> list[Path]:
        """Files of the stack, each once, in an order that says nothing about space."""
        return sorted({frame.path for frame in self.stack.frames}, key=lambda path: hash_of(path.name))

    @property
    def tiled(self) -> bool:
        """Whether slices are parts of a picture (a mosaic that was taken apart)."""
        return self.stack.frames[0].tile is not None

    @cached_property
    def slices_of(self) -> dict[tuple[int, int], list[int]]:
        """(number in `files`, frame in the file) to the slices k that come from it: one, but for a mosaic."""
        number = {path: n for n, path in enumerate(self.files)}
        slices: dict[tuple[int, int], list[int]] = {}
        for k, frame in enumerate(self.stack.frames):
            slices.setdefault((number[frame.path], frame.frame), []).append(k)
        return slices

    def cut(self, k: int, picture: npt.NDArray[Any]) -> npt.NDArray[Any]:
        """The part of a frame that slice k is."""
        tile = self.stack.frames[k].tile
        if tile is None:
            return picture
        _, rows, columns = self.stack.geometry.shape
        top, left = tile.corner
        return picture[top : top + rows, left : left + columns]

    @property
    def intercept(self) -> float:
        """Largest intercept of all slices, without its sign."""
        return max(abs(frame.intercept) for frame in self.stack.frames)

    @property
    def unit(self) -> str:
        """Unit of `values`."""
        return self.stack.unit

    def values(self, k: int) -> FloatArray | None:
        """(j, i) values of a slice after the modality LUT, before SUV; NaN for padding; None for a damaged slice."""
        if self.volume.corrupt[k] or not self.volume.ready[k]:
            return None
        values = self.volume.physical(self.volume.array[k])
        factor = self.stack.frames[k].slice_suv_factor
        return values if factor is None else values / factor

    def stored(self, k: int) -> npt.NDArray[Any] | None:
        """(j, i) stored values of a slice, None for a damaged one."""
        if self.volume.corrupt[k]:
            return None
        try:
            return decode_frame(self.stack.frames[k], self.stack.pixels)
        except (DecodeError, OSError):
            return None

    def words(self, k: int) -> npt.NDArray[Any] | None:
        """(j, i) unsigned allocated words of a slice, with every bit as it is in the file."""
        pixels = self.stack.pixels
        whole = replace(
            pixels, bits_stored=pixels.bits_allocated, high_bit=pixels.bits_allocated - 1, signed=False
        )
        try:
            return decode_frame(self.stack.frames[k], whole)
        except (DecodeError, OSError):
            return None

    @cached_property
    def corners_mm(self) -> FloatArray:
        """(k, 4, 3) LPS centres of the corner voxels of every slice."""
        depth, rows, columns = self.stack.geometry.shape
        ends = [(j, i) for j in (0, rows - 1) for i in (0, columns - 1)]
        index = np.array([[(k, j, i) for j, i in ends] for k in range(depth)], dtype=np.float64)
        return self.stack.geometry.to_patient(index)

    def has_note(self, code: str) -> bool:
        """Whether the geometry report carries a finding."""
        return any(note.code == code for note in self.stack.report.notes)


def hash_of(text: str) -> str:
    """A fixed shuffle."""
    import hashlib

    return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()
