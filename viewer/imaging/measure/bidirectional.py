"""Longest diameter and short axis in one plane, as RECIST 1.1 wants them (rule G06)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, cross, unit
from viewer.imaging.measure.length import length_mm

SHORT_OF_LONG = 0.6
"""A new short axis has this part of the long one until it is placed."""


@dataclass(frozen=True)
class Bidirectional:
    """Both diameters in mm."""

    long_mm: float
    short_mm: float


def bidirectional(points_mm: npt.ArrayLike) -> Bidirectional:
    """The diameters of (4, 3) points: both ends of the long axis, both of the short one.

    The longer of the two is the long axis, whichever was drawn first.
    """
    points = np.asarray(points_mm, np.float64)
    lengths = (length_mm(points[0], points[1]), length_mm(points[2], points[3]))
    return Bidirectional(max(lengths), min(lengths))


def first_short_axis(start_mm: npt.ArrayLike, end_mm: npt.ArrayLike, normal: npt.ArrayLike) -> FloatArray:
    """(2, 3) ends of a short axis across the middle of a long one, in the plane with this unit normal."""
    start, end = np.asarray(start_mm, np.float64), np.asarray(end_mm, np.float64)
    if not (end - start).any():
        return np.stack([start, start])
    half = cross(np.asarray(normal, np.float64), unit(end - start)) * (
        SHORT_OF_LONG * length_mm(start, end) / 2
    )
    return np.stack([(start + end) / 2 - half, (start + end) / 2 + half])


def moved(points_mm: npt.ArrayLike, moving: int, to_mm: npt.ArrayLike) -> FloatArray:
    """Move one end and keep the axes perpendicular.

    Parameters
    ----------
    points_mm
        (4, 3) LPS points: both ends of the long axis, both of the short one.
    moving
        Which of them follows the hand.
    to_mm
        (3,) where the hand is, in the plane of the axes.

    Returns
    -------
    ndarray
        (4, 3). An end of the long axis goes where the hand is, and the short axis turns along, at the same share of
        the long one and as long as before. An end of the short axis goes along the short axis, and both its ends move
        along the long one.
    """
    points = np.array(points_mm, np.float64)
    target = np.asarray(to_mm, np.float64)
    long = points[1] - points[0]
    if not long.any():
        points[moving] = target
        return points
    if moving < 2:
        normal = cross(unit(long), points[3] - points[2])
        share = float((points[2] - points[0]) @ long / (long @ long))
        ends = (
            [float((points[n] - points[0] - share * long) @ cross(unit(normal), unit(long))) for n in (2, 3)]
            if normal.any()
            else [0.0, 0.0]
        )
        points[moving] = target
        new = points[1] - points[0]
        if not (new.any() and normal.any()):
            return points
        across = cross(unit(normal), unit(new))
        points[2], points[3] = (points[0] + share * new + end * across for end in ends)
        return points
    share = float(np.clip((target - points[0]) @ long / (long @ long), 0, 1))
    foot = points[0] + share * long
    other = 5 - moving
    offset = points[other] - points[0]
    points[other] = foot + offset - (offset @ long / (long @ long)) * long
    points[moving] = foot + (target - points[0]) - ((target - points[0]) @ long / (long @ long)) * long
    return points
