"""What a comparison found: one `Check` a question, with a verdict and, where it is not plain agreement, the reason."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

POSITION_MM = 0.05
"""Voxel centres this close agree: headers and NIfTI files round positions to about a thousandth of this."""
VALUE_SHARE = 2e-6
"""Values agree within this share of their terms: other programs compute in single precision."""


class Verdict(StrEnum):
    """Outcome of a check."""

    AGREE = "agree"
    EXPLAINED = "differs on purpose"
    """The other program differs in the way that is known of it: what it found was predicted from our own data."""
    DISAGREE = "DISAGREE"
    NOT_COMPARED = "not compared"
    """There is nothing to compare, by the nature of the data."""
    NO_ANSWER = "no answer"
    """The other program could not read the data, or ours could not."""


@dataclass(frozen=True)
class Check:
    """One question to one program.

    Parameters
    ----------
    name
        What was asked: "slices", "slice order", "voxel centres", "grid", "value range", "values", "SUV factor".
    tool
        Who was asked.
    ours, theirs
        The two answers as text, with units.
    verdict
        How they compare.
    reason
        Why they differ or were not compared; empty when they agree.
    difference
        Largest difference: mm for geometry, the unit of the values for values, a share for factors; None when there
        is no number.
    """

    name: str
    tool: str
    ours: str
    theirs: str
    verdict: Verdict
    reason: str = ""
    difference: float | None = None


@dataclass(frozen=True)
class ValueDifference:
    """Result of comparing all voxels of a stack.

    Parameters
    ----------
    compared
        Voxels that were compared.
    left_out
        Voxels that hold no value here (padding of a stack with a slope for each slice).
    differing
        Voxels that differ by more than rounding.
    largest
        Largest difference, in the unit of the values.
    ours, theirs
        (min, max) over the compared voxels; NaN without any.
    """

    compared: int
    left_out: int
    differing: int
    largest: float
    ours: tuple[float, float]
    theirs: tuple[float, float]

    @property
    def agrees(self) -> bool:
        """Whether there was something to compare and nothing differed."""
        return self.compared > 0 and self.differing == 0


Slices = Callable[[int], npt.NDArray[Any] | None]
"""Slice number k to its (rows, columns) values; None for a slice that is not there."""


def compare_values(count: int, ours: Slices, theirs: Slices, terms: float = 0.0) -> ValueDifference:
    """Compare two stacks voxel by voxel, one slice in memory at a time.

    Parameters
    ----------
    count
        Number of slices.
    ours
        NaN where there is no value.
    theirs
        The same slices in the same order and orientation.
    terms
        Largest intercept: rounding grows with the terms of a sum, not with the sum.
    """
    compared = left_out = differing = 0
    largest = 0.0
    ends: list[tuple[float, float, float, float]] = []
    for k in range(count):
        mine, other = ours(k), theirs(k)
        if mine is None or other is None:
            continue
        mine, other = np.asarray(mine, np.float64), np.asarray(other, np.float64)
        valid = np.isfinite(mine)
        left_out += int(valid.size - np.count_nonzero(valid))
        if not valid.any():
            continue
        mine, other = mine[valid], other[valid]
        difference = np.abs(mine - other)
        # Written so that a NaN of the other program counts as a difference.
        bad = ~(difference <= VALUE_SHARE * (np.abs(mine) + terms))
        differing += int(np.count_nonzero(bad))
        compared += mine.size
        largest = max(largest, float(np.nan_to_num(difference, nan=np.inf).max()))
        ends.append((float(mine.min()), float(mine.max()), float(other.min()), float(other.max())))
    if not ends:
        return ValueDifference(0, left_out, 0, 0.0, (np.nan, np.nan), (np.nan, np.nan))
    table = np.array(ends)
    return ValueDifference(
        compared,
        left_out,
        differing,
        largest,
        (float(table[:, 0].min()), float(table[:, 1].max())),
        (float(table[:, 2].min()), float(table[:, 3].max())),
    )


def point_text(point_mm: npt.ArrayLike) -> str:
    """An LPS position in mm: "(-12.30, 4.00, 101.25)"."""
    return "(" + ", ".join(f"{value + 0.0:.2f}" for value in np.asarray(point_mm, float)) + ")"


def spacing_text(spacing_mm: npt.ArrayLike) -> str:
    """A voxel size (column, row, slice): "0.977 x 0.977 x 3.270 mm"."""
    return " x ".join(f"{value:.3f}" for value in np.asarray(spacing_mm, float)) + " mm"


def range_text(ends: tuple[float, float], unit: str) -> str:
    """Two values: "-1024 .. 3071 HU"."""
    return f"{ends[0]:.7g} .. {ends[1]:.7g} {unit}".rstrip()
