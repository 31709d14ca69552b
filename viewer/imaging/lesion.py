"""From how a lesion was drawn to its voxels: a shape, a threshold, and whether it is grown. The same every time."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from viewer.imaging.uptake import Threshold
from viewer.imaging.voi import (
    Region,
    Shape,
    Sphere,
    grow,
    hottest_voxel,
    isocontour,
    shape_region,
    summit,
    with_values,
)
from viewer.imaging.volume import Volume

NEAR_MM = 10.0
"""The hottest voxel this near to where the user points is what is meant."""
REACH_MM = 100.0
"""A region grown by one click ends this far from where the user pointed."""


@dataclass(frozen=True)
class Drawing:
    """How a lesion was drawn.

    Parameters
    ----------
    shape
        The ball or box it lies in; of a grown one the ball in which growth ends, around where the user pointed.
    threshold
        Which voxels of the shape.
    grown
        Only the voxels that hang together with the hottest voxel near the centre of the shape, stopping at the
        background (`viewer.imaging.voi`).
    """

    shape: Shape
    threshold: Threshold
    grown: bool = False


class Trouble(StrEnum):
    """Why a lesion has no voxels."""

    NO_VALUE = "no voxel with a value in it"
    NO_LIVER = "needs a liver reference"
    BELOW = "no voxel reaches the threshold"
    BACKGROUND = "not hotter than what surrounds it"
    UNIT = "the threshold is in a quantity that this series does not have"


@dataclass(frozen=True, eq=False)
class Outlined:
    """The voxels of a lesion.

    Parameters
    ----------
    region
        Them; none when `trouble` says why.
    level
        All have at least this in the displayed quantity; None for all voxels of a shape.
    stopped
        The level was raised to stop at the background.
    trouble
        Why there are none, or None.
    """

    region: Region
    level: float | None = None
    stopped: bool = False
    trouble: Trouble | None = None


def outlined(volume: Volume, drawing: Drawing, percist: float | None = None) -> Outlined:
    """The voxels of a lesion on the grid of its volume.

    Parameters
    ----------
    volume
        Native PET grid, never a resampled one.
    drawing
        How it was drawn.
    percist
        Threshold from the liver reference in the displayed quantity; None without one.
    """
    inside = with_values(volume, shape_region(volume.geometry, drawing.shape))
    seed = _seed(volume, drawing, inside)
    if seed is None:
        return _nothing(Trouble.NO_VALUE)
    top = float(volume.array[seed]) * volume.display_slope + volume.display_intercept
    level = drawing.threshold.level(top, percist)
    if level is None:
        return _nothing(Trouble.NO_LIVER)
    if top < level:
        return _nothing(Trouble.BELOW, level)
    if drawing.grown:
        growth = grow(volume, seed, level, inside)
        if not growth.region.mask.any():
            return _nothing(Trouble.BACKGROUND, growth.level)
        return Outlined(growth.region, growth.level, growth.stopped)
    if np.isneginf(level):
        return Outlined(inside)
    return Outlined(isocontour(volume, inside, level), level)


def _seed(volume: Volume, drawing: Drawing, inside: Region) -> tuple[int, int, int] | None:
    """The voxel whose value a percentage is of."""
    if not drawing.grown:
        return hottest_voxel(volume, inside)
    near = shape_region(volume.geometry, Sphere(drawing.shape.centre_mm, NEAR_MM))
    seed = hottest_voxel(volume, near)
    return None if seed is None else summit(volume, seed, inside)


def _nothing(trouble: Trouble, level: float | None = None) -> Outlined:
    return Outlined(Region((0, 0, 0), np.zeros((0, 0, 0), bool)), level, trouble=trouble)
