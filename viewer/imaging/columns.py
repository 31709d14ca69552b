"""Columns of a volume on the disk once more, in blocks: what a sagittal plane needs then lies together.

In (k, j, i) order a slice is a few pages of the file and a row of every slice a page each, but one column of every row
is the whole file: a volume that memory cannot hold would be read anew for every sagittal plane. A block is the volume
itself, cut off to the left and the right: (k, j, i) again, so the same kernel samples it. Neighbouring blocks overlap,
so that every plane that is narrow enough has a block that holds all it is interpolated from.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

WIDTH = 32
"""Columns of a block: of int16 a row of it is one line of the processor's cache."""

REACH = 2
"""Columns beyond a position that interpolation may ask for."""


@dataclass(frozen=True, eq=False)
class Columns:
    """Blocks of columns of a (k, j, i) array.

    Parameters
    ----------
    array
        (block, k, j, column) in the type of the volume.
    starts
        Column of the volume that is the first of each block.
    """

    array: npt.NDArray[np.generic]
    starts: tuple[int, ...]

    def blocks_of(self, plane: npt.NDArray[np.generic]) -> Iterator[npt.NDArray[np.generic]]:
        """What each block has of a slice, from the (j, i) values of the slice."""
        width = self.array.shape[-1]
        for start in self.starts:
            yield plane[:, start : start + width]

    def holding(self, lowest: float, highest: float) -> tuple[npt.NDArray[np.generic], int] | None:
        """The block with everything that samples between two column indices need, and its first column.

        Returns
        -------
        tuple or None
            A (k, j, column) array, or None when the columns are too far apart.
        """
        width, end = self.array.shape[-1], self.starts[-1] + self.array.shape[-1]
        for block, start in zip(self.array, self.starts, strict=True):
            if (start == 0 or start + REACH <= lowest) and (
                start + width == end or highest <= start + width - 1 - REACH
            ):
                return block, start
        return None


def column_starts(columns: int) -> tuple[int, ...]:
    """Where the blocks of an array of so many columns begin; each but a single one is `WIDTH` columns."""
    if columns <= WIDTH:
        return (0,)
    last = columns - WIDTH
    # One more than twice the reach, so that between any two blocks a position has room in one of them.
    return (*range(0, last, WIDTH - 2 * REACH - 1), last)


def columns_shape(shape: tuple[int, int, int]) -> tuple[int, int, int, int]:
    """Shape of the array of `Columns` for a (k, j, i) shape."""
    k, j, i = shape
    return len(column_starts(i)), k, j, min(i, WIDTH)
