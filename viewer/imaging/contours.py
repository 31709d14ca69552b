"""Structures as closed contours in parallel planes of the patient (RTSTRUCT, rules I05 and I06).

A contour stands for a slab: its polygon, half the contour spacing to both sides of its plane. Several contours in one
plane are taken even-odd, so a hole may be a contour of its own, or be joined to the outer one by a keyhole. Everything
here, areas, masks and sections, comes from the same crossings of polygon edges with straight lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from viewer.errors import GeometryError
from viewer.imaging.geometry import FloatArray, VolumeGeometry, cross, unit
from viewer.imaging.labelmap import NOTHING, BoolArray, Mask, Patch, window_of
from viewer.imaging.plane import Plane

PLANE_MM = 0.05
"""Contours this close along the normal lie in one plane; RTSTRUCT writes positions with few digits."""
GAP_FACTOR = 1.5
"""An interval over this many contour spacings is empty: the structure has two parts."""
PARALLEL = 0.999
"""Cosine from which two planes count as parallel (2.5 degrees)."""
FLAT_MM = 0.5
"""A contour may leave its plane by so much."""
_BANDS = 4096
"""Most lines of an area integral; above it they no longer pass every vertex and the area is good to 1e-4."""
_EDGE_ON = 0.02
"""Cosine under which a plane cuts the contour planes so squarely that one line stands for a whole slab."""

IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class ContourPlane:
    """Contours of one plane.

    Parameters
    ----------
    height_mm
        Position along the normal of the set.
    polygons
        Each (n, 2) mm in the axes of the set, closed by themselves.
    below_mm, above_mm
        How far the slab reaches to both sides.
    """

    height_mm: float
    polygons: tuple[FloatArray, ...]
    below_mm: float
    above_mm: float

    @cached_property
    def area_mm2(self) -> float:
        """Area by the even-odd rule (rule I06)."""
        return even_odd_area(self.polygons)


@dataclass(frozen=True, eq=False)
class ContourSet:
    """A structure of parallel closed contours.

    Parameters
    ----------
    planes
        By increasing height.
    axes
        (3, 3) rows: first and second direction of the polygons and the normal, orthonormal LPS.
    spacing_mm
        Distance of the contour planes, their median; of a single plane what the caller knew, or 0.
    """

    planes: tuple[ContourPlane, ...]
    axes: FloatArray
    spacing_mm: float

    @classmethod
    def of(cls, contours: Sequence[npt.ArrayLike], spacing_mm: float = 0.0) -> ContourSet:
        """Sort contours into planes.

        Parameters
        ----------
        contours
            Each (n, 3) LPS mm, n at least 3, flat, all of one direction (`direction_of`).
        spacing_mm
            Slice spacing, used when there is one plane only.

        Raises
        ------
        GeometryError
            There is no contour with an area, or they are not parallel or not flat.
        """
        points = [np.asarray(contour, dtype=np.float64) for contour in contours]
        if not points:
            raise GeometryError("The structure has no closed contour.")
        largest = max(points, key=lambda contour: float(np.linalg.norm(direction_of(contour))))
        axes = _axes_of(largest)
        heights = []
        for contour in points:
            along = contour @ axes[2]
            if float(np.ptp(along)) > FLAT_MM:
                raise GeometryError("The contours of the structure do not lie in parallel planes.")
            heights.append(float(along.mean()))
        order = np.argsort(heights, kind="stable")
        groups: list[list[int]] = []
        for n in order:
            if groups and heights[n] - heights[groups[-1][0]] <= PLANE_MM:
                groups[-1].append(int(n))
            else:
                groups.append([int(n)])
        levels = np.array([np.mean([heights[n] for n in group]) for group in groups])
        steps = np.diff(levels)
        # The lower median: of a step and a gap the step counts.
        spacing = float(np.sort(steps)[(len(steps) - 1) // 2]) if len(steps) else max(spacing_mm, 0.0)
        reach = _reach(levels, spacing)
        planes = tuple(
            ContourPlane(float(level), tuple(points[n] @ axes[:2].T for n in group), below, above)
            for level, group, (below, above) in zip(levels, groups, reach, strict=True)
        )
        return cls(planes, axes, spacing)

    def with_spacing(self, spacing_mm: float) -> ContourSet:
        """The same with a height for a single plane, that of the slices it was drawn on; others know their own."""
        if self.spacing_mm > 0 or spacing_mm <= 0:
            return self
        half = spacing_mm / 2
        planes = tuple(replace(plane, below_mm=half, above_mm=half) for plane in self.planes)
        return replace(self, planes=planes, spacing_mm=spacing_mm)

    def on_slices(self, geometry: VolumeGeometry) -> ContourSet:
        """The same with the heights of the slices it was drawn on, where these are not equidistant (rules G07, I06).

        Contours of neighbouring slices meet half way. At the ends of a part, and beside an interval without data, a
        contour reaches as far as the voxels of its slice, so that contours along voxel edges have their volume.

        Parameters
        ----------
        geometry
            Of the images. Equidistant slices, and slices that a contour does not lie on, change nothing.
        """
        if geometry.uniform or not self.parallel_to(geometry.slice_normal):
            return self
        slices = self._slices(geometry)
        if slices is None:
            return self
        upwards = float(geometry.patient_from_index[:3, 0] @ self.axes[2])
        reach = geometry.slice_reach * abs(upwards)
        below, above = reach if upwards > 0 else reach[::-1]
        # Where slices were left out between two contours that still belong together, they meet half way.
        steps = np.diff([plane.height_mm for plane in self.planes])
        joined = (np.abs(np.diff(slices)) > 1) & (steps <= GAP_FACTOR * self.spacing_mm)
        planes = tuple(
            replace(
                plane,
                below_mm=plane.below_mm if n and joined[n - 1] else float(below[k]),
                above_mm=plane.above_mm if n < len(joined) and joined[n] else float(above[k]),
            )
            for n, (plane, k) in enumerate(zip(self.planes, slices, strict=True))
        )
        return replace(self, planes=planes)

    def _slices(self, geometry: VolumeGeometry) -> list[int] | None:
        """Index of the slice each plane lies on; None when one lies between slices."""
        heights = geometry.to_patient([[k, 0, 0] for k in range(geometry.shape[0])]) @ self.axes[2]
        found = [int(np.argmin(np.abs(heights - plane.height_mm))) for plane in self.planes]
        off = np.abs(heights[found] - [plane.height_mm for plane in self.planes])
        return found if off.max() <= PLANE_MM and len(set(found)) == len(found) else None

    @property
    def contours(self) -> int:
        """Number of contours."""
        return sum(len(plane.polygons) for plane in self.planes)

    @cached_property
    def volume_mm3(self) -> float:
        """Sum of even-odd area times height of the slab; 0 for a single plane of unknown spacing (rule I06)."""
        return float(sum(plane.area_mm2 * (plane.below_mm + plane.above_mm) for plane in self.planes))

    @cached_property
    def centre_mm(self) -> FloatArray:
        """LPS position inside the contours, in the middle plane of the structure."""
        middle = self.planes[len(self.planes) // 2]
        plane = middle if middle.area_mm2 > 0 else max(self.planes, key=lambda level: level.area_mm2)
        first, second = _inside(plane.polygons)
        return np.array([first, second, plane.height_mm]) @ self.axes

    @cached_property
    def corners_mm(self) -> FloatArray:
        """(8, 3) LPS corners of the box around the slabs, in the axes of the set."""
        flat = np.concatenate([polygon for plane in self.planes for polygon in plane.polygons])
        low, high = flat.min(axis=0), flat.max(axis=0)
        bottom = self.planes[0].height_mm - self.planes[0].below_mm
        top = self.planes[-1].height_mm + self.planes[-1].above_mm
        box = np.array(np.meshgrid([low[0], high[0]], [low[1], high[1]], [bottom, top])).reshape(3, -1).T
        corners: FloatArray = box @ self.axes
        return corners

    def parallel_to(self, normal: FloatArray) -> bool:
        """Whether a plane of this normal is one the contours were drawn in."""
        return abs(float(normal @ self.axes[2])) >= PARALLEL

    def level_at(self, point_mm: npt.ArrayLike) -> ContourPlane | None:
        """The contours whose slab holds a point, or None; a point half way belongs to the upper one (rule I05)."""
        height = float(np.asarray(point_mm, dtype=np.float64) @ self.axes[2])
        for plane in self.planes:
            if plane.height_mm - plane.below_mm <= height < plane.height_mm + plane.above_mm:
                return plane
            if plane.below_mm == plane.above_mm == 0 and abs(plane.height_mm - height) <= PLANE_MM:
                return plane
        return None

    def contains(self, point_mm: npt.ArrayLike) -> BoolArray:
        """For (..., 3) LPS points whether they lie in a slab and inside its polygons; NaN lies in none (rule I05)."""
        points = np.asarray(point_mm, dtype=np.float64)
        own = points.reshape(-1, 3) @ self.axes.T
        box = self.corners_mm @ self.axes.T
        low, high = box.min(axis=0) - PLANE_MM, box.max(axis=0) + PLANE_MM
        around = np.flatnonzero(((own >= low) & (own <= high)).all(axis=1))  # NaN is in no box
        around = around[np.argsort(own[around, 2], kind="stable")]
        heights = own[around, 2]
        result = np.zeros(len(own), bool)
        for plane in self.planes:
            bottom, top = plane.height_mm - plane.below_mm, plane.height_mm + plane.above_mm
            if bottom == top:
                bottom, top = bottom - PLANE_MM, top + PLANE_MM
            chosen = around[slice(*np.searchsorted(heights, (bottom, top)).tolist())]
            chosen = chosen[np.argsort(own[chosen, 1], kind="stable")]
            line, x = crossings(plane.polygons, own[chosen, 1])
            # One number for the line and the place on it, so that crossings left of a point are counted by a search.
            left, width = box[:, 0].min() - 1.0, float(np.ptp(box[:, 0])) + 2.0
            crossed = np.sort(line * width + x - left)
            start = np.arange(len(chosen)) * width
            before = np.searchsorted(crossed, start + own[chosen, 0] - left) - np.searchsorted(crossed, start)
            result[chosen[before % 2 == 1]] = True
        return result.reshape(points.shape[:-1])

    def in_patient(self, plane: ContourPlane) -> list[FloatArray]:
        """The contours of a plane as (n, 3) LPS points."""
        return [
            np.column_stack([polygon, np.full(len(polygon), plane.height_mm)]) @ self.axes
            for polygon in plane.polygons
        ]

    def outline(self, plane: Plane) -> list[FloatArray] | None:
        """The contours themselves on a plane they were drawn in.

        Returns
        -------
        list | None
            (n, 2) columns and rows, closed; empty where there is no contour; None for a plane of another direction.
        """
        if not self.parallel_to(plane.normal):
            return None
        level = self.level_at(plane.centre_mm)
        if level is None:
            return []
        return [_on_plane(contour, plane) for contour in self.in_patient(level)]

    def section(self, plane: Plane) -> Patch:
        """The pixels of any plane that lie in the structure (rule I05).

        Every slab is cut by the plane; a pixel belongs to the structure when its centre lies in a slab and, seen along
        the normal of the contours, inside their polygons.
        """
        window = window_of(self.corners_mm, plane)
        if window is None:
            return NOTHING
        part, left, top = window
        result = np.zeros((part.height, part.width), bool)
        # Column and row steps and the first pixel, in the axes of the set.
        u, v, origin = self.axes @ part.u_mm, self.axes @ part.v_mm, self.axes @ part.origin_mm
        determinant = u[0] * v[1] - u[1] * v[0]
        edge_on = abs(determinant) < _EDGE_ON * np.linalg.norm(part.u_mm) * np.linalg.norm(part.v_mm)
        inverse = np.array([[v[1], -u[1]], [-v[0], u[0]]]) / (1.0 if edge_on else determinant)
        for level in self.planes:
            bottom, top_mm = level.height_mm - level.below_mm, level.height_mm + level.above_mm
            if bottom == top_mm:
                bottom, top_mm = bottom - PLANE_MM, top_mm + PLANE_MM
            where = _slab_box(part, origin[2], u[2], v[2], (bottom, top_mm))
            if where is None:
                continue
            r, c = where
            heights = (
                origin[2]
                + np.arange(c.start, c.stop)[None, :] * u[2]
                + np.arange(r.start, r.stop)[:, None] * v[2]
            )
            if edge_on:
                inside = _edge_on(level, r, c, u, v, origin)
            else:
                start = origin[:2] + c.start * u[:2] + r.start * v[:2]
                inside = fill_polygons(
                    [(polygon - start) @ inverse for polygon in level.polygons],
                    (r.stop - r.start, c.stop - c.start),
                )
            result[r, c] |= inside & (heights >= bottom) & (heights < top_mm)
        return Patch(result, left, top)

    def mask(self, geometry: VolumeGeometry) -> Mask:
        """The structure on a grid: a voxel belongs to it when its centre does (rule I06)."""
        first, second = geometry.patient_from_index[:3, 2], geometry.patient_from_index[:3, 1]
        block = np.zeros(geometry.shape, bool)
        index = geometry.to_index(self.corners_mm)[:, 0]
        low, high = max(int(np.floor(index.min())), 0), min(int(np.ceil(index.max())) + 1, geometry.shape[0])
        for k in range(low, high):
            origin = geometry.to_patient(np.array([k, 0, 0], dtype=np.float64))
            patch = self.section(Plane(origin, first, second, geometry.shape[2], geometry.shape[1]))
            rows, columns = patch.mask.shape
            block[k, patch.top : patch.top + rows, patch.left : patch.left + columns] = patch.mask
        return Mask.of(block, geometry)


def direction_of(contour: npt.ArrayLike) -> FloatArray:
    """(3,) vector along the normal of a closed contour, as long as its area in mm2 (Newell's method)."""
    points = np.asarray(contour, dtype=np.float64)
    points = points - points[0]
    following = np.roll(points, -1, axis=0)
    area: FloatArray = 0.5 * np.cross(points, following).sum(axis=0)
    return area


def even_odd_area(polygons: Iterable[FloatArray]) -> float:
    """Area in mm2 that an odd number of closed polygons covers.

    Parameters
    ----------
    polygons
        Each (n, 2) mm. Holes, keyholes and contours that touch need no care.

    Returns
    -------
    float
        Exact where no edges cross each other: between two heights of vertices the covered length changes linearly.
    """
    polygons = [np.asarray(polygon, dtype=np.float64) for polygon in polygons if len(polygon) > 2]
    if not polygons:
        return 0.0
    heights = np.unique(np.concatenate([polygon[:, 1] for polygon in polygons]))
    if len(heights) > _BANDS:
        heights = np.linspace(heights[0], heights[-1], _BANDS + 1)
    if len(heights) < 2:
        return 0.0
    line, x = crossings(polygons, (heights[1:] + heights[:-1]) / 2)
    order = np.lexsort((x, line))
    line, x = line[order], x[order]
    lengths = x[1::2] - x[0::2]
    return float((lengths * np.diff(heights)[line[0::2]]).sum())


def crossings(polygons: Iterable[FloatArray], y: FloatArray) -> tuple[IntArray, FloatArray]:
    """Where the edges of closed polygons cross horizontal lines.

    Parameters
    ----------
    polygons
        Each (n, 2) as (x, y).
    y
        (m,) increasing.

    Returns
    -------
    tuple
        Index of the line and x of every crossing; an even number on every line. A vertex on a line counts for the
        edge above it.
    """
    lines, places = [np.zeros(0, np.int64)], [np.zeros(0)]
    for polygon in polygons:
        start, end = polygon, np.roll(polygon, -1, axis=0)
        low, high = np.minimum(start[:, 1], end[:, 1]), np.maximum(start[:, 1], end[:, 1])
        first, last = np.searchsorted(y, low, "left"), np.searchsorted(y, high, "left")
        count = last - first
        edge = np.repeat(np.arange(len(polygon)), count)
        line = np.arange(len(edge)) - np.repeat(np.cumsum(count) - count, count) + first[edge]
        rise = end[edge, 1] - start[edge, 1]
        share = (y[line] - start[edge, 1]) / np.where(rise == 0, 1.0, rise)
        lines.append(line)
        places.append(start[edge, 0] + share * (end[edge, 0] - start[edge, 0]))
    return np.concatenate(lines), np.concatenate(places)


def fill_polygons(polygons: Iterable[FloatArray], shape: tuple[int, int]) -> BoolArray:
    """Pixels whose centre an odd number of polygons covers.

    Parameters
    ----------
    polygons
        Each (n, 2) columns and rows, closed; pixel (r, c) has its centre at column c, row r.
    shape
        (rows, columns).
    """
    rows, columns = shape
    line, x = crossings(polygons, np.arange(rows, dtype=np.float64))
    return _between(line, x, shape) if columns else np.zeros(shape, bool)


def _between(line: IntArray, x: FloatArray, shape: tuple[int, int]) -> BoolArray:
    """Pixels right of an odd number of crossings."""
    column = np.clip(np.ceil(x), 0, shape[1]).astype(np.int64)
    flips = np.bincount(line * (shape[1] + 1) + column, minlength=shape[0] * (shape[1] + 1))
    inside: BoolArray = (np.cumsum(flips.reshape(shape[0], -1), axis=1)[:, :-1] & 1).astype(bool)
    return inside


def _edge_on(
    level: ContourPlane, rows: slice, columns: slice, u: FloatArray, v: FloatArray, origin: FloatArray
) -> BoolArray:
    """Pixels of a plane that stands upright on the contours: their line of intersection decides."""
    along = unit(np.array([*(u[:2] if np.hypot(*u[:2]) >= np.hypot(*v[:2]) else v[:2]), 0.0]))[:2]
    across = np.array([-along[1], along[0]])
    turned = [polygon @ np.stack([along, across]).T for polygon in level.polygons]
    middle = (
        origin[:2] + (columns.start + columns.stop - 1) / 2 * u[:2] + (rows.start + rows.stop - 1) / 2 * v[:2]
    )
    _, x = crossings(turned, np.array([middle @ across]))
    r, c = np.arange(rows.start, rows.stop)[:, None], np.arange(columns.start, columns.stop)[None, :]
    place = origin[:2] @ along + c * (u[:2] @ along) + r * (v[:2] @ along)
    inside: BoolArray = (np.searchsorted(np.sort(x), place, "right") & 1).astype(bool)
    return inside


def _axes_of(contour: FloatArray) -> FloatArray:
    area = direction_of(contour)
    if not np.linalg.norm(area) > 0:
        raise GeometryError("The structure has no contour with an area.")
    normal = unit(area)
    if normal[int(np.argmax(np.abs(normal)))] < 0:
        normal = -normal
    # The patient axis that lies best in the plane, so that polygons of axial contours keep x and y.
    reference = np.eye(3)[int(np.argmin(np.abs(normal[:2])))]
    first = unit(reference - normal * (reference @ normal))
    return np.stack([first, cross(normal, first), normal])


def _reach(levels: FloatArray, spacing: float) -> list[tuple[float, float]]:
    """How far each plane reaches down and up: half way, or half the spacing where the next is far or missing."""
    steps = np.diff(levels)
    inner = [float(step) / 2 if step <= GAP_FACTOR * spacing else spacing / 2 for step in steps]
    ends = [spacing / 2, *inner, spacing / 2] if len(levels) > 1 else [spacing / 2, spacing / 2]
    return [(ends[n], ends[n + 1]) for n in range(len(levels))]


def _inside(polygons: Sequence[FloatArray]) -> tuple[float, float]:
    """A point well inside: the middle of the longest covered stretch half way up."""
    everything = np.concatenate(polygons)
    middle = (float(everything[:, 1].min()) + float(everything[:, 1].max())) / 2
    _, x = crossings(polygons, np.array([middle]))
    if len(x) < 2:
        return float(everything[:, 0].mean()), middle
    x = np.sort(x)
    longest = int(np.argmax(x[1::2] - x[0::2]))
    return float(x[2 * longest] + x[2 * longest + 1]) / 2, middle


def _on_plane(points: FloatArray, plane: Plane) -> FloatArray:
    offset = points - plane.origin_mm
    return np.column_stack(
        [offset @ plane.u_mm / (plane.u_mm @ plane.u_mm), offset @ plane.v_mm / (plane.v_mm @ plane.v_mm)]
    )


def _slab_box(
    plane: Plane, start: float, per_column: float, per_row: float, slab: tuple[float, float]
) -> tuple[slice, slice] | None:
    """Rows and columns of a plane that can lie in a slab; heights are start + column * per_column + row * per_row."""
    ranges = []
    for own, size, other, others in (
        (per_row, plane.height, per_column, plane.width),
        (per_column, plane.width, per_row, plane.height),
    ):
        heights = start + np.arange(size) * own
        reach = other * (others - 1)
        there = np.flatnonzero((heights + max(reach, 0.0) >= slab[0]) & (heights + min(reach, 0.0) < slab[1]))
        if not there.size:
            return None
        ranges.append(slice(int(there[0]), int(there[-1]) + 1))
    return ranges[0], ranges[1]
