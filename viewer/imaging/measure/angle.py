"""Angle at a vertex, from patient vectors, never from pixels (rule G02)."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def angle_deg(start_mm: npt.ArrayLike, vertex_mm: npt.ArrayLike, end_mm: npt.ArrayLike) -> float | None:
    """Angle between the arms vertex-start and vertex-end, 0 to 180 degrees.

    Parameters
    ----------
    start_mm, vertex_mm, end_mm
        (3,) LPS points in mm.

    Returns
    -------
    float or None
        None when an arm has no length.
    """
    vertex = np.asarray(vertex_mm, np.float64)
    return between_deg(np.asarray(start_mm, np.float64) - vertex, np.asarray(end_mm, np.float64) - vertex)


def between_deg(first: npt.ArrayLike, second: npt.ArrayLike) -> float | None:
    """Angle between two (3,) vectors, exact near 0 and 180 degrees too; None when one has no length."""
    one, other = np.asarray(first, np.float64), np.asarray(second, np.float64)
    if not (one.any() and other.any()):
        return None
    one, other = one / np.linalg.norm(one), other / np.linalg.norm(other)
    # Kahan: the arc cosine loses half of the digits where the arms nearly coincide.
    return float(np.degrees(2 * np.arctan2(np.linalg.norm(one - other), np.linalg.norm(one + other))))
