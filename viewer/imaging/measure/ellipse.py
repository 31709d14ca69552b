"""Elliptical region; its area is that of the ellipse, not of the voxels in it (rule G05)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, cross, unit

EDGE = 1e-9
"""Relative slack of the edge: a centre on it counts, whatever the rounding."""


@dataclass(frozen=True, eq=False)
class Ellipse:
    """An ellipse in the patient.

    Parameters
    ----------
    centre_mm
        (3,) LPS point.
    first_mm, second_mm
        (3,) semi-axes, perpendicular to each other, from the centre to the edge.
    """

    centre_mm: FloatArray
    first_mm: FloatArray
    second_mm: FloatArray

    @classmethod
    def of(cls, points_mm: npt.ArrayLike) -> Ellipse:
        """From (4, 3) ends of the axes: both ends of the first, both of the second."""
        points = np.asarray(points_mm, np.float64)
        return cls(points.mean(axis=0), (points[1] - points[0]) / 2, (points[3] - points[2]) / 2)

    @property
    def normal(self) -> FloatArray | None:
        """Unit vector perpendicular to the plane, None when an axis has no length."""
        normal = cross(self.first_mm, self.second_mm)
        return unit(normal) if normal.any() else None

    @property
    def area_mm2(self) -> float:
        """Pi times both semi-axes."""
        return math.pi * float(np.linalg.norm(self.first_mm) * np.linalg.norm(self.second_mm))

    def box_mm(self) -> FloatArray:
        """(4, 3) corners of the rectangle around it."""
        signs = np.array([(-1, -1), (1, -1), (1, 1), (-1, 1)], np.float64)
        return self.centre_mm + signs[:, :1] * self.first_mm + signs[:, 1:] * self.second_mm

    def outline_mm(self, points: int = 72) -> FloatArray:
        """(points, 3) points of the edge, not closed."""
        turn = np.arange(points)[:, None] * (2 * np.pi / points)
        outline: FloatArray = self.centre_mm + np.cos(turn) * self.first_mm + np.sin(turn) * self.second_mm
        return outline

    def contains(self, points_mm: FloatArray) -> npt.NDArray[np.bool_]:
        """(n,) which of (n, 3) points lie in it, seen along the normal."""
        offset = points_mm - self.centre_mm
        across = offset @ self.first_mm / (self.first_mm @ self.first_mm)
        along = offset @ self.second_mm / (self.second_mm @ self.second_mm)
        inside: npt.NDArray[np.bool_] = across**2 + along**2 <= 1 + EDGE
        return inside
