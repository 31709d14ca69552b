"""A plane in the patient at device pixels: the one thing every pane, slab and overlay is sampled on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, cross, unit


@dataclass(frozen=True, eq=False)
class Plane:
    """A rectangle of pixels in patient space.

    Parameters
    ----------
    origin_mm
        (3,) LPS position of the centre of pixel (row 0, column 0), the top left one.
    u_mm
        (3,) step from one column to the next (to the right on screen).
    v_mm
        (3,) step from one row to the next (downwards on screen).
    width, height
        Number of columns and rows.
    """

    origin_mm: FloatArray
    u_mm: FloatArray
    v_mm: FloatArray
    width: int
    height: int

    def __post_init__(self) -> None:
        for name in ("origin_mm", "u_mm", "v_mm"):
            vector = np.array(getattr(self, name), dtype=np.float64).reshape(3)
            vector.setflags(write=False)
            object.__setattr__(self, name, vector)

    @property
    def normal(self) -> FloatArray:
        """Unit vector u x v: away from the observer for a right-handed screen (x right, y down)."""
        return unit(cross(self.u_mm, self.v_mm))

    @property
    def right(self) -> FloatArray:
        """Unit vector to the right edge."""
        return unit(self.u_mm)

    @property
    def down(self) -> FloatArray:
        """Unit vector to the bottom edge."""
        return unit(self.v_mm)

    @property
    def mm_per_pixel(self) -> float:
        """Size of a pixel; panes are isotropic."""
        return math.hypot(*self.u_mm.tolist())

    @property
    def centre_mm(self) -> FloatArray:
        """LPS position of the middle of the rectangle."""
        return self.at((self.width - 1) / 2, (self.height - 1) / 2)

    def at(self, column: float, row: float) -> FloatArray:
        """LPS position of a (fractional) pixel."""
        point: FloatArray = self.origin_mm + column * self.u_mm + row * self.v_mm
        return point

    def project(self, point_mm: npt.ArrayLike) -> tuple[float, float, float]:
        """(column, row, distance_mm) of an LPS point; distance is signed along `normal`."""
        offset = np.asarray(point_mm, dtype=np.float64) - self.origin_mm
        uu, vv, uv = self.u_mm @ self.u_mm, self.v_mm @ self.v_mm, self.u_mm @ self.v_mm
        along_u, along_v = offset @ self.u_mm, offset @ self.v_mm
        area = uu * vv - uv * uv
        column = (vv * along_u - uv * along_v) / area
        row = (uu * along_v - uv * along_u) / area
        return float(column), float(row), float(offset @ self.normal)

    @classmethod
    def centred(
        cls,
        centre_mm: npt.ArrayLike,
        right: npt.ArrayLike,
        down: npt.ArrayLike,
        mm_per_pixel: float,
        width: int,
        height: int,
    ) -> Plane:
        """Make a plane from its centre, two unit vectors and the pixel size."""
        u_mm = np.asarray(right, dtype=np.float64) * mm_per_pixel
        v_mm = np.asarray(down, dtype=np.float64) * mm_per_pixel
        origin = np.asarray(centre_mm, dtype=np.float64) - u_mm * (width - 1) / 2 - v_mm * (height - 1) / 2
        return cls(origin, u_mm, v_mm, width, height)
