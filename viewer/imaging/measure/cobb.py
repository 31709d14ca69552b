"""Cobb angle: between two end plates, drawn as lines in whatever direction."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from viewer.imaging.measure.angle import between_deg


def cobb_deg(points_mm: npt.ArrayLike) -> float | None:
    """Angle between two lines, 0 to 90 degrees.

    Parameters
    ----------
    points_mm
        (4, 3) LPS points in mm: both ends of the first line, both ends of the second. Lines have no direction, so an
        end plate drawn from the other side gives the same angle.

    Returns
    -------
    float or None
        None when a line has no length.
    """
    points = np.asarray(points_mm, np.float64)
    angle = between_deg(points[1] - points[0], points[3] - points[2])
    return None if angle is None else min(angle, 180.0 - angle)
