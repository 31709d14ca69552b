"""Curved planar reformation: a path through space and the pictures along it.

The path is a centripetal Catmull-Rom spline through the control points (Yuksel, Schaefer, Keyser 2011), walked at equal
arc length. Two pictures exist (Kanitsar et al. 2002, "CPR - curved planar reformation"):

- straightened: each row is a straight line across the path, along a frame that turns about the path as little as
  possible (double reflection, Wang et al. 2008). Lengths along the path are exact; the path runs straight down.
- stretched: each row is a line of one fixed direction; the surface these lines sweep is unrolled. Every length within
  it is exact, along the path too; the path keeps its bends across the rows.

Positions are LPS millimetres. A picture has two coordinates in millimetres: x across, 0 in the middle, and y down the
rows, 0 at the start of the path.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, cross, unit
from viewer.imaging.sample import Float32, Interpolation, sample_rows
from viewer.imaging.volume import Volume

SAME_POINT_MM = 1e-3
"""Control points closer than this to the one before are one point."""
MOST_ROWS = 4000
_LEAST_PIECES = 64
"""Straight pieces a span between two control points is measured with; its length is then good to 1e-5."""


@dataclass(frozen=True, eq=False)
class SpacePath:
    """A path walked at equal steps.

    Parameters
    ----------
    points, tangents, normals
        (n, 3) positions, unit vectors along the path, and unit vectors across it that turn about it as little as
        possible.
    step_mm
        Arc length between neighbours.
    knots_mm
        Arc length at which each control point lies.
    """

    points: FloatArray
    tangents: FloatArray
    normals: FloatArray
    step_mm: float
    knots_mm: FloatArray

    @property
    def length_mm(self) -> float:
        """Arc length from the first to the last control point."""
        return self.step_mm * (len(self.points) - 1)


def distinct(control_mm: npt.ArrayLike) -> FloatArray:
    """Control points (m, 3) without those that repeat the one before."""
    control = np.asarray(control_mm, dtype=np.float64).reshape(-1, 3)
    kept = [
        point for n, point in enumerate(control) if n == 0 or math.dist(point, control[n - 1]) > SAME_POINT_MM
    ]
    return np.array(kept).reshape(-1, 3)


def path_through(control_mm: npt.ArrayLike, step_mm: float) -> SpacePath:
    """The smooth path through control points.

    Parameters
    ----------
    control_mm
        (m, 3) at least two different points.
    step_mm
        Wanted arc length between samples; the nearest one that divides the path is taken.

    Raises
    ------
    ValueError
        Fewer than two different points.
    """
    control = distinct(control_mm)
    if len(control) < 2:
        raise ValueError("a path needs two different points")
    spans = [_hermite(control, n) for n in range(len(control) - 1)]
    places, lengths = [], []
    for n, (span, chord) in enumerate(
        zip(spans, np.linalg.norm(np.diff(control, axis=0), axis=1).tolist(), strict=True)
    ):
        u = np.linspace(0, 1, max(_LEAST_PIECES, math.ceil(4 * chord / step_mm)) + 1)
        lengths.append(np.linalg.norm(np.diff(_evaluate(span, u), axis=0), axis=1))
        places.append(n + u[1:])
    place = np.concatenate([[0.0], *places])
    length = np.concatenate([[0.0], np.cumsum(np.concatenate(lengths))])
    total = float(length[-1])
    steps = min(MOST_ROWS - 1, max(1, round(total / step_mm)))
    wanted = np.interp(np.linspace(0, total, steps + 1), length, place)
    span_of = np.minimum(wanted.astype(int), len(spans) - 1)
    points, tangents = np.empty((steps + 1, 3)), np.empty((steps + 1, 3))
    for n, span in enumerate(spans):
        here = span_of == n
        points[here] = _evaluate(span, wanted[here] - n)
        tangents[here] = _derivative(span, wanted[here] - n)
    tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
    ends = np.cumsum([len(part) for part in lengths])
    knots = np.concatenate([[0.0], length[ends]])
    return SpacePath(points, tangents, least_turning(points, tangents), total / steps, knots)


def _hermite(control: FloatArray, n: int) -> FloatArray:
    """(4, 3) cubic coefficients of span n over u in 0..1; beyond the ends the path goes on as its mirror image."""
    p1, p2 = control[n], control[n + 1]
    p0 = control[n - 1] if n > 0 else 2 * p1 - p2
    p3 = control[n + 2] if n + 2 < len(control) else 2 * p2 - p1
    d01, d12, d23 = (math.sqrt(math.dist(a, b)) for a, b in ((p0, p1), (p1, p2), (p2, p3)))
    m1 = d12 * ((p1 - p0) / d01 - (p2 - p0) / (d01 + d12)) + (p2 - p1)
    m2 = d12 * ((p3 - p2) / d23 - (p3 - p1) / (d12 + d23)) + (p2 - p1)
    return np.array([p1, m1, 3 * (p2 - p1) - 2 * m1 - m2, 2 * (p1 - p2) + m1 + m2])


def _evaluate(span: FloatArray, u: FloatArray) -> FloatArray:
    result: FloatArray = np.stack([np.ones_like(u), u, u**2, u**3], axis=1) @ span
    return result


def _derivative(span: FloatArray, u: FloatArray) -> FloatArray:
    result: FloatArray = np.stack([np.ones_like(u), 2 * u, 3 * u**2], axis=1) @ span[1:]
    return result


def across_start(direction: FloatArray) -> FloatArray:
    """Unit vector across a direction, towards the patient's left, or back where the direction runs to a side."""
    along = unit(direction)
    toward = np.array([1.0, 0, 0]) if abs(along[0]) < 0.9 else np.array([0, 1.0, 0])
    return unit(toward - (toward @ along) * along)


def least_turning(points: FloatArray, tangents: FloatArray) -> FloatArray:
    """(n, 3) unit normals of a rotation-minimising frame (double reflection, Wang et al. 2008)."""
    normal = across_start(tangents[0])
    found = [normal]
    for a, b, t, t_next in zip(points[:-1], points[1:], tangents[:-1], tangents[1:], strict=True):
        v = b - a
        c = 2.0 / float(v @ v)
        reflected = normal - c * float(v @ normal) * v
        v2 = t_next - (t - c * float(v @ t) * v)
        normal = reflected - 2.0 / float(v2 @ v2) * float(v2 @ reflected) * v2
        # Rounding errors must not add up over thousands of steps.
        normal = unit(normal - float(normal @ t_next) * t_next)
        found.append(normal)
    return np.array(found)


@dataclass(frozen=True, eq=False)
class CurvedSurface:
    """The surface a curved picture shows: one straight line of the patient a row.

    Parameters
    ----------
    middles, across
        (n, 3) positions at x = 0 and unit vectors along each row.
    step_mm
        Distance of the rows on the surface.
    low_mm, high_mm
        Least and greatest x.
    path_x_mm, path_s_mm
        (n,) where the path crosses each row, and the arc length there.
    knots
        (m, 2) x and y of the control points.
    """

    middles: FloatArray
    across: FloatArray
    step_mm: float
    low_mm: float
    high_mm: float
    path_x_mm: FloatArray
    path_s_mm: FloatArray
    knots: FloatArray

    @property
    def height_mm(self) -> float:
        """Extent down the rows."""
        return self.step_mm * (len(self.middles) - 1)

    def at(self, x_mm: float, y_mm: float) -> FloatArray:
        """LPS position of a place of the picture; beyond the ends the first and last row go on straight."""
        row = y_mm / self.step_mm
        below = min(max(int(row), 0), len(self.middles) - 2)
        share = row - below
        middle = self.middles[below] + share * (self.middles[below + 1] - self.middles[below])
        inside = min(1.0, max(0.0, share))
        across = unit(self.across[below] + inside * (self.across[below + 1] - self.across[below]))
        point: FloatArray = middle + x_mm * across
        return point

    def positions(self, x_mm: npt.ArrayLike, y_mm: npt.ArrayLike) -> FloatArray:
        """(len(y), len(x), 3) LPS positions of a lattice of places of the picture; NaN beyond its edges."""
        x, y = np.asarray(x_mm, dtype=np.float64), np.asarray(y_mm, dtype=np.float64)
        rows = np.arange(len(self.middles)) * self.step_mm
        middle, across = (
            np.column_stack([np.interp(y, rows, column) for column in part.T])
            for part in (self.middles, self.across)
        )
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        found: FloatArray = middle[:, None, :] + x[:, None] * across[:, None, :]
        found[(y < 0) | (y > self.height_mm)] = np.nan
        found[:, (x < self.low_mm) | (x > self.high_mm)] = np.nan
        return found

    def project(self, point_mm: npt.ArrayLike) -> tuple[float, float, float]:
        """(x, y, distance_mm) of the place of the picture that belongs to an LPS point.

        That is the row in whose crossing plane the point lies, nearest to the path; the distance is from the surface.
        """
        point = np.asarray(point_mm, dtype=np.float64)
        offset = point - self.middles
        # What lies along a row does not count: the point may be far out on it.
        beside = offset - np.sum(offset * self.across, axis=1)[:, None] * self.across
        row = int(np.argmin(np.sum(beside**2, axis=1) + 1e-3 * np.sum(offset**2, axis=1)))
        best = (math.inf, 0.0, 0.0)
        for below in range(max(0, row - 1), min(len(self.middles) - 1, row + 1)):
            along = self.middles[below + 1] - self.middles[below]
            along = along - (along @ self.across[below]) * self.across[below]
            share = float(beside[below] @ along / (along @ along)) if along @ along > 0 else 0.0
            y = (below + min(1.0, max(0.0, share))) * self.step_mm
            middle = self.at(0.0, y)
            across = self.at(1.0, y) - middle
            x = float((point - middle) @ across)
            best = min(best, (math.dist(point, middle + x * across), x, y))
        distance, x, y = best
        return x, y, distance

    def path_length_at(self, y_mm: float) -> float:
        """Arc length of the path at a height of the picture."""
        rows = np.arange(len(self.path_s_mm)) * self.step_mm
        return float(np.interp(y_mm, rows, self.path_s_mm))


def straightened(path: SpacePath, width_mm: float, angle_deg: float = 0.0) -> CurvedSurface:
    """The surface of the straightened picture.

    Parameters
    ----------
    width_mm
        Extent across the path.
    angle_deg
        Turn of all rows about the path.
    """
    side = np.cross(path.tangents, path.normals)
    angle = math.radians(angle_deg)
    across = math.cos(angle) * path.normals + math.sin(angle) * side
    rows = np.arange(len(path.points), dtype=np.float64) * path.step_mm
    knots = np.column_stack([np.zeros_like(path.knots_mm), path.knots_mm])
    return CurvedSurface(
        path.points, across, path.step_mm, -width_mm / 2, width_mm / 2, np.zeros(len(rows)), rows, knots
    )


def stretched(path: SpacePath, width_mm: float, angle_deg: float = 0.0) -> CurvedSurface:
    """The surface of the stretched picture: rows along one direction, turned about the line between the path's ends.

    Parameters
    ----------
    width_mm
        Extent on both sides of the path together; the picture is wider by the path's own bends.
    """
    chord = path.points[-1] - path.points[0]
    chord = unit(chord if float(chord @ chord) > SAME_POINT_MM**2 else path.tangents[0])
    first = across_start(chord)
    angle = math.radians(angle_deg)
    toward = math.cos(angle) * first + math.sin(angle) * cross(chord, first)
    along = path.points @ toward
    flat = path.points - along[:, None] * toward
    unrolled = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(flat, axis=0), axis=1))])
    steps = max(1, round(float(unrolled[-1]) / path.step_mm))
    place = np.interp(np.linspace(0, unrolled[-1], steps + 1), unrolled, np.arange(len(flat)))
    rows = np.arange(len(flat))
    middle = float(along.min() + along.max()) / 2
    middles = np.column_stack([np.interp(place, rows, flat[:, n]) for n in range(3)]) + middle * toward
    reach = float(along.max() - along.min()) / 2 + width_mm / 2
    s = rows * path.step_mm
    knots = np.column_stack(
        [np.interp(path.knots_mm, s, along) - middle, np.interp(path.knots_mm, s, unrolled)]
    )
    return CurvedSurface(
        middles,
        np.tile(toward, (steps + 1, 1)),
        float(unrolled[-1]) / steps,
        -reach,
        reach,
        np.interp(place, rows, along) - middle,
        place * path.step_mm,
        knots,
    )


def sample_surface(
    volume: Volume,
    surface: CurvedSurface,
    pitch_mm: float,
    interpolation: Interpolation = Interpolation.LINEAR,
) -> Float32:
    """Stored values of a scalar volume on a surface.

    Parameters
    ----------
    pitch_mm
        Wanted distance of columns; the first and last lie at `low_mm` and `high_mm`.

    Returns
    -------
    ndarray
        (rows, columns) float32, NaN and +inf as in `sample_plane`.
    """
    columns = max(1, round((surface.high_mm - surface.low_mm) / pitch_mm)) + 1
    pitch = (surface.high_mm - surface.low_mm) / (columns - 1)
    values = np.empty((len(surface.middles), columns), np.float32)
    starts = surface.middles + surface.low_mm * surface.across
    sample_rows(volume, starts, surface.across * pitch, values, interpolation)
    return values


def shared_letters(texts: Sequence[str]) -> str:
    """The letters that all of some directions share from the first on, "" when they have none in common."""
    shared = []
    for letters in zip(*texts, strict=False):
        if len(set(letters)) > 1:
            break
        shared.append(letters[0])
    return "".join(shared)
