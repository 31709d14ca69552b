"""An outline drawn by hand: as many corners as its shape needs, no more."""

from __future__ import annotations

import numpy as np

from viewer.imaging.geometry import FloatArray


def simplified(points_mm: FloatArray, tolerance_mm: float) -> FloatArray:
    """The corners of a drawn line that matter (Douglas and Peucker 1973).

    Parameters
    ----------
    points_mm
        (n, 3) LPS points in the order of drawing.
    tolerance_mm
        How far a left out point may lie from the simplified line; half a pixel of the pane is below what the hand does.

    Returns
    -------
    ndarray
        (m, 3), m <= n, first and last point included.
    """
    if len(points_mm) < 3:
        return points_mm
    kept = np.zeros(len(points_mm), np.bool_)
    kept[[0, -1]] = True
    open_parts = [(0, len(points_mm) - 1)]
    while open_parts:
        first, last = open_parts.pop()
        if last - first < 2:
            continue
        away = _distance_mm(points_mm[first + 1 : last], points_mm[first], points_mm[last])
        farthest = int(away.argmax())
        if away[farthest] > tolerance_mm:
            middle = first + 1 + farthest
            kept[middle] = True
            open_parts += [(first, middle), (middle, last)]
    return points_mm[kept]


def _distance_mm(points: FloatArray, start: FloatArray, end: FloatArray) -> FloatArray:
    """(n,) distance of (n, 3) points from the straight line between two points."""
    along = end - start
    offset = points - start
    square = float(along @ along)
    part = np.clip(offset @ along / square, 0, 1) if square else np.zeros(len(points))
    away: FloatArray = np.linalg.norm(offset - part[:, None] * along, axis=1)
    return away
