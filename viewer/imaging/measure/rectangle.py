"""Rectangular region."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, cross, unit

EDGE = 1e-9
"""Relative slack of the edge: a centre on it counts, whatever the rounding."""


@dataclass(frozen=True, eq=False)
class Rectangle:
    """A rectangle in the patient.

    Parameters
    ----------
    corner_mm
        (3,) LPS point.
    first_mm, second_mm
        (3,) its sides from that corner, perpendicular to each other.
    """

    corner_mm: FloatArray
    first_mm: FloatArray
    second_mm: FloatArray

    @classmethod
    def of(cls, points_mm: npt.ArrayLike) -> Rectangle:
        """From (4, 3) corners in their order around it."""
        points = np.asarray(points_mm, np.float64)
        return cls(points[0], points[1] - points[0], points[3] - points[0])

    @property
    def normal(self) -> FloatArray | None:
        """Unit vector perpendicular to the plane, None when a side has no length."""
        normal = cross(self.first_mm, self.second_mm)
        return unit(normal) if normal.any() else None

    @property
    def area_mm2(self) -> float:
        """Product of the sides."""
        return float(np.linalg.norm(self.first_mm) * np.linalg.norm(self.second_mm))

    def box_mm(self) -> FloatArray:
        """(4, 3) its corners."""
        steps = np.array([(0, 0), (1, 0), (1, 1), (0, 1)], np.float64)
        return self.corner_mm + steps[:, :1] * self.first_mm + steps[:, 1:] * self.second_mm

    def outline_mm(self) -> FloatArray:
        """(4, 3) its corners."""
        return self.box_mm()

    def contains(self, points_mm: FloatArray) -> npt.NDArray[np.bool_]:
        """(n,) which of (n, 3) points lie in it, seen along the normal."""
        offset = points_mm - self.corner_mm
        across = offset @ self.first_mm / (self.first_mm @ self.first_mm)
        along = offset @ self.second_mm / (self.second_mm @ self.second_mm)
        inside: npt.NDArray[np.bool_] = (np.abs(across - 0.5) <= 0.5 + EDGE) & (
            np.abs(along - 0.5) <= 0.5 + EDGE
        )
        return inside
