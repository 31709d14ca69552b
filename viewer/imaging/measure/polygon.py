"""Region with a free outline: drawn point by point, or by hand."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, cross, unit

EDGE_MM = 1e-7
"""A centre so near to the outline lies on it, and counts."""
FLAT = 1e-6
"""Corners whose second extent is below this share of the first lie on one line."""


@dataclass(frozen=True, eq=False)
class Polygon:
    """A planar polygon in the patient.

    Parameters
    ----------
    points_mm
        (n, 3) LPS corners in order, not closed, all in one plane.
    """

    points_mm: FloatArray

    @classmethod
    def of(cls, points_mm: npt.ArrayLike) -> Polygon:
        """From (n, 3) corners."""
        return cls(np.asarray(points_mm, np.float64))

    @property
    def _area_vector(self) -> FloatArray:
        """(3,) Newell's sum: the normal, as long as the area; exact on any plane, no projection needed."""
        offset = self.points_mm - self.points_mm[0]
        vector: FloatArray = np.cross(offset, np.roll(offset, -1, axis=0)).sum(axis=0) / 2
        return vector

    @property
    def normal(self) -> FloatArray | None:
        """Unit vector perpendicular to the plane, None when the corners span none."""
        offset = self.points_mm - self.points_mm.mean(axis=0)
        size = float(np.abs(offset).max(initial=0.0))
        vector = self._area_vector
        if np.linalg.norm(vector) > FLAT * size**2:
            return unit(vector)
        # The loops of an outline that crosses itself can cancel: then its corners still span a plane.
        _, sizes, directions = np.linalg.svd(offset, full_matrices=True)
        return directions[2].astype(np.float64) if len(sizes) > 1 and sizes[1] > FLAT * size else None

    @property
    def area_mm2(self) -> float:
        """Area of a polygon that does not cross itself."""
        return float(np.linalg.norm(self._area_vector))

    @property
    def perimeter_mm(self) -> float:
        """Length of the closed outline."""
        steps = np.roll(self.points_mm, -1, axis=0) - self.points_mm
        return float(np.linalg.norm(steps, axis=1).sum())

    def box_mm(self) -> FloatArray:
        """(n, 3) its corners: nothing of it lies outside their extent on any axis."""
        return self.points_mm

    def outline_mm(self) -> FloatArray:
        """(n, 3) its corners, not closed."""
        return self.points_mm

    def contains(self, points_mm: FloatArray) -> npt.NDArray[np.bool_]:
        """(n,) which of (n, 3) points lie in it, seen along the normal; even-odd where it crosses itself."""
        frame = _frame(self)
        if frame is None:
            return np.zeros(len(points_mm), np.bool_)
        corners = (self.points_mm - self.points_mm[0]) @ frame.T
        return _inside(corners, (points_mm - self.points_mm[0]) @ frame.T)

    def crosses_itself(self) -> bool:
        """Whether two edges that are not neighbours meet; its area then is not what the eye sees."""
        frame = _frame(self)
        if frame is None:
            return False
        start = (self.points_mm - self.points_mm[0]) @ frame.T
        end = np.roll(start, -1, axis=0)
        one = _side(start[:, None], end[:, None], start) * _side(start[:, None], end[:, None], end)
        meet = (one < 0) & (one.T < 0)
        return bool(meet.any())

    def diameters_mm(self) -> tuple[FloatArray, FloatArray] | None:
        """Longest diameter and the longest one perpendicular to it in the same plane (rule G06).

        Returns
        -------
        tuple of ndarray or None
            Twice (2, 3) ends; None when the corners span no plane.
        """
        normal = self.normal
        if normal is None:
            return None
        apart = np.linalg.norm(self.points_mm[:, None] - self.points_mm, axis=2)
        first, second = np.unravel_index(int(apart.argmax()), apart.shape)
        long = self.points_mm[[first, second]]
        along = unit(long[1] - long[0])
        frame = np.stack([along, cross(normal, along)])
        corners = (self.points_mm - long[0]) @ frame.T
        # Between two neighbouring corners along the long axis both sides are straight: the width peaks at a corner.
        best = (0.0, np.zeros(2), np.zeros(2))
        for x in np.unique(corners[:, 0]):
            across = _crossings(corners, float(x))
            if across.size and (width := float(across.max() - across.min())) > best[0]:
                best = (width, np.array([x, across.min()]), np.array([x, across.max()]))
        short = long[0] + np.stack(best[1:]) @ frame
        return long, short


def _frame(polygon: Polygon) -> FloatArray | None:
    """(2, 3) two perpendicular unit vectors in the plane."""
    normal = polygon.normal
    if normal is None:
        return None
    helper = np.eye(3)[int(np.abs(normal).argmin())]
    right = unit(cross(normal, helper))
    return np.stack([right, cross(normal, right)])


def _inside(corners: FloatArray, points: FloatArray) -> npt.NDArray[np.bool_]:
    """(n,) even-odd rule with the edge counted, for (m, 2) corners and (n, 2) points.

    Points are sorted by their second coordinate once, so that each edge looks only at those beside it.
    """
    order = np.argsort(points[:, 1], kind="stable")
    x, y = points[order, 0], points[order, 1]
    inside = np.zeros(len(points), np.bool_)
    on_edge = np.zeros(len(points), np.bool_)
    for (x0, y0), (x1, y1) in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        low, high = min(y0, y1), max(y0, y1)
        begin, end = np.searchsorted(y, (low - EDGE_MM, high + EDGE_MM), side="left")
        length = float(np.hypot(x1 - x0, y1 - y0))
        if length == 0:
            continue
        part = slice(int(begin), int(end))
        along = ((x[part] - x0) * (x1 - x0) + (y[part] - y0) * (y1 - y0)) / length
        off = np.abs((x[part] - x0) * (y1 - y0) - (y[part] - y0) * (x1 - x0)) / length
        on_edge[part] |= (off <= EDGE_MM) & (along >= -EDGE_MM) & (along <= length + EDGE_MM)
        if high > low:
            begin, end = np.searchsorted(y, (low, high), side="left")
            part = slice(int(begin), int(end))
            inside[part] ^= x[part] < x0 + (y[part] - y0) * (x1 - x0) / (y1 - y0)
    result = np.empty(len(points), np.bool_)
    result[order] = inside | on_edge
    return result


def _side(start: FloatArray, end: FloatArray, point: FloatArray) -> FloatArray:
    """Sign of the side of the line start-end on which a point lies, by broadcasting (..., 2) arrays."""
    edge, offset = end - start, point - start
    sign: FloatArray = np.sign(edge[..., 0] * offset[..., 1] - edge[..., 1] * offset[..., 0])
    return sign


def _crossings(corners: FloatArray, x: float) -> FloatArray:
    """Second coordinates where the outline of (n, 2) corners meets a line of one first coordinate."""
    start, end = corners, np.roll(corners, -1, axis=0)
    met = (np.minimum(start[:, 0], end[:, 0]) <= x) & (np.maximum(start[:, 0], end[:, 0]) >= x)
    start, end = start[met], end[met]
    step = end[:, 0] - start[:, 0]
    part = np.divide(x - start[:, 0], step, out=np.zeros(len(step)), where=step != 0)
    ends = start[:, 1] + part * (end[:, 1] - start[:, 1])
    return np.concatenate([ends, end[step == 0, 1]])
