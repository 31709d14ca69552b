"""Where a line or a region meets a plane that it does not lie in."""

from __future__ import annotations

import numpy as np

from viewer.imaging.geometry import FloatArray


def crossings_mm(points_mm: FloatArray, distance_mm: FloatArray, *, closed: bool) -> FloatArray:
    """Points where a line through (n, 3) points passes through a plane.

    Parameters
    ----------
    points_mm
        (n, 3) LPS corners in order.
    distance_mm
        (n,) their signed distances from the plane.
    closed
        Whether the last corner is joined to the first.

    Returns
    -------
    ndarray
        (m, 3) in the order along the line. A corner on the plane counts to its positive side, so that a closed line
        meets a plane an even number of times.
    """
    ends = np.roll(points_mm, -1, axis=0), np.roll(distance_mm, -1)
    starts = points_mm, distance_mm
    if not closed:
        ends, starts = (ends[0][:-1], ends[1][:-1]), (points_mm[:-1], distance_mm[:-1])
    through = (starts[1] >= 0) != (ends[1] >= 0)
    start, end = starts[0][through], ends[0][through]
    before, after = starts[1][through], ends[1][through]
    share = before / (before - after)
    met: FloatArray = start + share[:, None] * (end - start)
    return met


def chords_mm(outline_mm: FloatArray, distance_mm: FloatArray) -> FloatArray:
    """(m, 2, 3) pieces of the line in which a plane cuts a planar region, from its closed outline.

    Parameters
    ----------
    outline_mm
        (n, 3) corners in order.
    distance_mm
        (n,) their signed distances from the plane.
    """
    met = crossings_mm(outline_mm, distance_mm, closed=True)
    if len(met) < 2:
        return np.empty((0, 2, 3))
    # All of them lie on one straight line; inside and outside take turns along it.
    spread = met - met.mean(axis=0)
    direction = spread[int(np.linalg.norm(spread, axis=1).argmax())]
    order = np.argsort(met @ direction)
    return met[order].reshape(-1, 2, 3)
