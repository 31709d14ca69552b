"""Shapes as signed distances: the vocabulary the digital phantom is written in.

Conventions
-----------
A distance is in millimetres, negative inside, and close to true near the surface; far away it only keeps its sign.
Points are DICOM LPS millimetres given as three arrays that broadcast against each other, in array order (k, j, i):
x along i, y along j, z along k. Everything is float32: a phantom needs no more, and memory traffic is what costs.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

Array = npt.NDArray[np.float32]
Point = tuple[float, float, float]
Bounds = tuple[Point, Point]

# Distances further out than this are not computed: nothing looks at them.
REACH_MM = 10.0
FAR_MM = 16.0


class Shape(Protocol):
    """A solid: where it is, and how far from its surface a point lies."""

    @property
    def bounds(self) -> Bounds:
        """Lowest and highest corner of a box around the solid, LPS mm."""
        ...

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance in mm, broadcast shape of the three arrays, negative inside."""
        ...


@dataclass(frozen=True)
class Ellipsoid:
    """Ellipsoid with axes along the patient's, optionally turned about z.

    Parameters
    ----------
    centre, radii
        LPS mm.
    turn_deg
        Rotation about +z, counterclockwise seen from the head (from +x towards +y).
    """

    centre: Point
    radii: Point
    turn_deg: float = 0.0

    @property
    def bounds(self) -> Bounds:
        """Box around the solid, LPS mm."""
        rx, ry, rz = self.radii
        if self.turn_deg:
            rx = ry = max(rx, ry)
        return _box(self.centre, (rx, ry, rz))

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance in mm, first order at the surface."""
        u, v, w = (
            x - np.float32(self.centre[0]),
            y - np.float32(self.centre[1]),
            z - np.float32(self.centre[2]),
        )
        if self.turn_deg:
            angle = np.deg2rad(np.float32(self.turn_deg))
            cos, sin = np.cos(angle), np.sin(angle)
            u, v = u * cos + v * sin, v * cos - u * sin
        rx, ry, rz = (np.float32(r) for r in self.radii)
        level = np.sqrt((u / rx) ** 2 + (v / ry) ** 2 + (w / rz) ** 2)
        slope = np.sqrt((u / rx**2) ** 2 + (v / ry**2) ** 2 + (w / rz**2) ** 2)
        # The small terms matter in the very centre only, where the quotient would be 0 / 0.
        tiny = np.float32(1e-6)
        out: Array = (level - 1) * (level + tiny) / (slope + tiny / min(rx, ry, rz))
        return out


@dataclass(frozen=True)
class Capsule:
    """Round cone from `start` to `end`, optionally flattened.

    Parameters
    ----------
    start, end
        Ends of the axis, LPS mm.
    start_radius_mm, end_radius_mm
        Radius at each end.
    flat
        Factors of the cross-section along x, y, z: (1, 0.5, 1) halves it in y.
    """

    start: Point
    end: Point
    start_radius_mm: float
    end_radius_mm: float
    flat: Point = (1.0, 1.0, 1.0)

    @property
    def bounds(self) -> Bounds:
        """Box around the solid, LPS mm."""
        radius = max(self.start_radius_mm, self.end_radius_mm)
        pairs = list(zip(self.start, self.end, self.flat, strict=True))
        low = tuple(min(a, b) - radius * f for a, b, f in pairs)
        high = tuple(max(a, b) + radius * f for a, b, f in pairs)
        return low, high  # type: ignore[return-value]

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance in mm; exact for a round capsule."""
        scale = np.array(self.flat, dtype=np.float32)
        start = np.array(self.start, dtype=np.float32) / scale
        axis = np.array(self.end, dtype=np.float32) / scale - start
        u, v, w = x / scale[0] - start[0], y / scale[1] - start[1], z / scale[2] - start[2]
        length = max(float(axis @ axis), 1e-6)
        along = np.clip(u * (axis[0] / length) + v * (axis[1] / length) + w * (axis[2] / length), 0, 1)
        away = np.sqrt((u - along * axis[0]) ** 2 + (v - along * axis[1]) ** 2 + (w - along * axis[2]) ** 2)
        growth = np.float32(self.end_radius_mm - self.start_radius_mm)
        out: Array = (away - np.float32(self.start_radius_mm) - growth * along) * scale.min()
        return out


@dataclass(frozen=True)
class Loft:
    """Stack of ellipses: centre and radii interpolated along z between knots, closed flat at both ends.

    Parameters
    ----------
    knots
        (z, centre x, centre y, radius x, radius y) in mm, z increasing.
    squareness
        2 for ellipses, more for rounder rectangles.
    """

    knots: tuple[tuple[float, float, float, float, float], ...]
    squareness: float = 2.0

    @property
    def bounds(self) -> Bounds:
        """Box around the solid, LPS mm."""
        z, cx, cy, rx, ry = np.array(self.knots).T
        return (
            (float((cx - rx).min()), float((cy - ry).min()), float(z[0])),
            (float((cx + rx).max()), float((cy + ry).max()), float(z[-1])),
        )

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance in mm within the plane, first order at the surface."""
        table = np.array(self.knots, dtype=np.float64)
        cx, cy, rx, ry = (_smooth_interpolation(z, table[:, 0], table[:, n]) for n in range(1, 5))
        u, v = np.abs((x - cx) / rx), np.abs((y - cy) / ry)
        power = np.float32(self.squareness)
        if self.squareness == 2.0:
            level = np.sqrt(u * u + v * v)
            slope = np.sqrt((u / rx) ** 2 + (v / ry) ** 2) / np.maximum(level, np.float32(1e-4))
        else:
            total = u**power + v**power
            level = total ** (1 / power)
            slope = np.sqrt((u ** (power - 1) / rx) ** 2 + (v ** (power - 1) / ry) ** 2)
            slope = slope / np.maximum(level, np.float32(1e-4)) ** (power - 1)
        side = (level - 1) / np.maximum(slope, np.float32(1e-3))
        caps = np.maximum(np.float32(self.knots[0][0]) - z, z - np.float32(self.knots[-1][0]))
        out: Array = np.maximum(side, caps)
        return out


@dataclass(frozen=True)
class Mirrored:
    """The same solid on the other side of the midline."""

    shape: Shape

    @property
    def bounds(self) -> Bounds:
        """Box around the solid, LPS mm."""
        (x0, y0, z0), (x1, y1, z1) = self.shape.bounds
        return (-x1, y0, z0), (-x0, y1, z1)

    def distance(self, x: Array, y: Array, z: Array) -> Array:
        """Signed distance in mm."""
        return self.shape.distance(-x, y, z)


def pair(*shapes: Shape) -> list[Shape]:
    """Shapes of the left side together with their mirror images on the right."""
    return [*shapes, *(Mirrored(shape) for shape in shapes)]


def tube(
    points: Sequence[Point], radii_mm: float | Sequence[float], flat: Point = (1.0, 1.0, 1.0)
) -> list[Shape]:
    """Chain of round cones through `points` (LPS mm) with one radius or one for every point."""
    radii = [float(radii_mm)] * len(points) if isinstance(radii_mm, (int, float)) else list(radii_mm)
    ends = zip(points, points[1:], radii, radii[1:], strict=False)
    return [Capsule(a, b, ra, rb, flat) for a, b, ra, rb in ends]


def bent_tube(points: Sequence[Point], radii_mm: float | Sequence[float]) -> list[Shape]:
    """A `tube` whose corners are rounded: Catmull-Rom curve through the points, four cones between two points."""
    radii = [float(radii_mm)] * len(points) if isinstance(radii_mm, (int, float)) else list(radii_mm)
    rows = np.array([(*point, radius) for point, radius in zip(points, radii, strict=True)])
    rows = np.vstack([2 * rows[0] - rows[1], rows, 2 * rows[-1] - rows[-2]])
    t = np.linspace(0, 1, 4, endpoint=False)[:, None]
    curve = [
        b + 0.5 * t * (c - a) + t**2 * (a - 2.5 * b + 2 * c - 0.5 * d) + 0.5 * t**3 * (3 * (b - c) + d - a)
        for a, b, c, d in zip(rows, rows[1:], rows[2:], rows[3:], strict=False)
    ]
    smooth = np.vstack([*curve, rows[-2:-1]])
    return tube([tuple(map(float, row[:3])) for row in smooth], [float(row[3]) for row in smooth])  # type: ignore[misc]


def _box(centre: Point, half: Point) -> Bounds:
    low = tuple(c - h for c, h in zip(centre, half, strict=True))
    high = tuple(c + h for c, h in zip(centre, half, strict=True))
    return low, high  # type: ignore[return-value]


def _smooth_interpolation(
    at: Array, knots: npt.NDArray[np.float64], values: npt.NDArray[np.float64]
) -> Array:
    """Monotone cubic through the knots (Fritsch-Carlson slopes): a body has no edges where a table has rows."""
    steps, rises = np.diff(knots), np.diff(values)
    secants = rises / steps
    slopes = np.zeros_like(values)
    same = secants[:-1] * secants[1:] > 0
    left, right = 2 * steps[1:] + steps[:-1], steps[1:] + 2 * steps[:-1]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = (left + right) / (left / secants[:-1] + right / secants[1:])
    slopes[1:-1] = np.where(same, mean, 0)
    slopes[0], slopes[-1] = secants[0], secants[-1]
    clipped = np.clip(at.astype(np.float64), knots[0], knots[-1])
    cell = np.clip(np.searchsorted(knots, clipped, side="right") - 1, 0, len(steps) - 1)
    t = (clipped - knots[cell]) / steps[cell]
    out = (
        values[cell] * (1 + 2 * t) * (1 - t) ** 2
        + slopes[cell] * steps[cell] * t * (1 - t) ** 2
        + values[cell + 1] * t * t * (3 - 2 * t)
        + slopes[cell + 1] * steps[cell] * t * t * (t - 1)
    )
    return out.astype(np.float32)


# --- Unions -----------------------------------------------------------------------------------------------------


def union(a: Array, b: Array, blend_mm: float = 0.0) -> Array:
    """Union of two solids given by distances; a seam narrower than `blend_mm` is filled smoothly."""
    lower: Array = np.minimum(a, b)
    if blend_mm > 0:
        near = np.maximum(np.float32(blend_mm) - np.abs(a - b), 0)
        lower -= near * near * np.float32(0.25 / blend_mm)
    return lower


def without(a: Array, b: Array, blend_mm: float = 0.0) -> Array:
    """Solid `a` minus solid `b`; the edge is rounded over `blend_mm`."""
    return -union(-a, b, blend_mm)


# --- Grids ------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class Grid:
    """Points in patient space on three axes.

    Parameters
    ----------
    x_mm, y_mm, z_mm
        Evenly spaced, increasing LPS coordinates, float32 of length i, j, k.
    """

    x_mm: Array
    y_mm: Array
    z_mm: Array

    @property
    def shape(self) -> tuple[int, int, int]:
        """(k, j, i)."""
        return len(self.z_mm), len(self.y_mm), len(self.x_mm)

    @property
    def points(self) -> tuple[Array, Array, Array]:
        """x, y, z as arrays of shape (1, 1, i), (1, j, 1), (k, 1, 1)."""
        return self.x_mm[None, None, :], self.y_mm[None, :, None], self.z_mm[:, None, None]

    def window(self, bounds: Bounds, margin_mm: float) -> tuple[slice, slice, slice]:
        """Index ranges (k, j, i) of the points within a box grown by `margin_mm`; may be empty."""
        low, high = bounds
        ranges = []
        for axis_mm, first, last in zip((self.x_mm, self.y_mm, self.z_mm), low, high, strict=True):
            start = int(np.searchsorted(axis_mm, first - margin_mm))
            ranges.append(slice(start, int(np.searchsorted(axis_mm, last + margin_mm))))
        return ranges[2], ranges[1], ranges[0]

    def part(self, window: tuple[slice, slice, slice]) -> Grid:
        """The points of index ranges (k, j, i)."""
        return Grid(self.x_mm[window[2]], self.y_mm[window[1]], self.z_mm[window[0]])

    def distance_to(
        self, shapes: Sequence[Shape], blend_mm: float = 0.0, reach_mm: float = REACH_MM
    ) -> Array:
        """Distance (k, j, i) in mm to the union of `shapes`; FAR_MM where no surface is within `reach_mm`."""
        out: Array = np.full(self.shape, FAR_MM, dtype=np.float32)
        for shape in shapes:
            window = self.window(shape.bounds, reach_mm)
            part = self.part(window)
            if 0 in part.shape:
                continue
            out[window] = union(out[window], shape.distance(*part.points), blend_mm)
        return out


# --- Texture ----------------------------------------------------------------------------------------------------


def waves(seed: int, wavelength_mm: float, count: int = 24) -> Callable[[Array, Array, Array], Array]:
    """Smooth noise with one typical wavelength, a function of position: the same on every grid.

    Parameters
    ----------
    seed
        Another number gives another pattern.
    wavelength_mm
        Mean wavelength; single waves differ by up to a quarter.
    count
        Plane waves that are summed.

    Returns
    -------
    Callable
        Maps x, y, z in LPS mm to values of mean 0 and variance 1.
    """
    random = np.random.default_rng(seed)
    direction = random.normal(size=(count, 3))
    direction /= np.linalg.norm(direction, axis=1, keepdims=True)
    wavenumber = 2 * np.pi / (wavelength_mm * random.uniform(0.8, 1.25, count))
    vector = (direction * wavenumber[:, None]).astype(np.float32)
    phase = random.uniform(0, 2 * np.pi, count).astype(np.float32)
    height = np.float32(np.sqrt(2 / count))

    def value(x: Array, y: Array, z: Array) -> Array:
        total: Array = np.zeros(np.broadcast_shapes(x.shape, y.shape, z.shape), dtype=np.float32)
        for (kx, ky, kz), shift in zip(vector, phase, strict=True):
            if x.ndim == 3 and x.size + y.size + z.size < 4 * total.size / max(total.shape):
                # On a grid a plane wave is a product of three one-dimensional ones.
                row = np.exp(1j * kx * x)
                plane = np.exp(1j * ky * y) * row
                deep = np.exp(1j * (kz * z + shift))
                total += deep.real * plane.real
                total -= deep.imag * plane.imag
            else:
                total += np.cos(kx * x + ky * y + kz * z + shift)
        total *= height
        return total

    return value
