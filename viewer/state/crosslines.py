"""Where the other planes cut a pane: the true lines of intersection, as directions on the screen."""

from __future__ import annotations

import math
from dataclasses import dataclass

from viewer.imaging.geometry import FloatArray
from viewer.imaging.plane import Plane
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState

PLANE_LETTER = {PlaneKind.AXIAL: "A", PlaneKind.SAGITTAL: "S", PlaneKind.CORONAL: "C"}
_ORDER = (PlaneKind.SAGITTAL, PlaneKind.CORONAL, PlaneKind.AXIAL)
"""The upright plane first, as long as planes are not turned."""
STEEP = 0.2
"""A projection shows only planes it looks along: those whose normal lies at least so far in its picture."""

Point = tuple[float, float]


@dataclass(frozen=True)
class CrossLine:
    """Where another pane's plane cuts this one: a line through the linked point.

    Parameters
    ----------
    kind
        The other plane.
    direction
        (right, down) unit vector on screen, to the right or straight down; exact while planes are not turned.
    across
        (right, down) unit vector on screen perpendicular to it, towards the side the other plane scrolls to.
    """

    kind: PlaneKind
    direction: Point
    across: Point

    @property
    def vertical(self) -> bool:
        """Whether the line runs more down than across."""
        return abs(self.direction[1]) > abs(self.direction[0])


def cross_lines(view: ViewState, kind: PlaneKind, plane: Plane) -> tuple[CrossLine, ...]:
    """The lines of the other planes in a pane of one kind that shows a rectangle of the patient."""
    if kind is PlaneKind.MIP:
        # Of the two upright planes the one that is seen more from its edge.
        upright = max(
            (PlaneKind.SAGITTAL, PlaneKind.CORONAL),
            key=lambda other: round(_edge_on(view.normal(other), plane), 6),
        )
        others = [upright, PlaneKind.AXIAL]
    elif kind in PLANE_LETTER:
        others = [other for other in _ORDER if other is not kind]
    else:
        return ()
    return tuple(line for other in others if (line := _line(view, other, plane)) is not None)


def _edge_on(normal: FloatArray, plane: Plane) -> float:
    return math.hypot(float(normal @ plane.right), float(normal @ plane.down))


def _line(view: ViewState, kind: PlaneKind, plane: Plane) -> CrossLine | None:
    normal = view.normal(kind)
    length = _edge_on(normal, plane)
    if length < STEEP:
        return None
    x, y = (_clean(float(normal @ axis) / length) for axis in (plane.right, plane.down))
    direction = (-y + 0.0, x) if y < 0 or (y == 0 and x > 0) else (y, -x + 0.0)
    return CrossLine(kind, direction, (x, y))


def _clean(value: float) -> float:
    """A component of a unit vector without rounding errors that would make a slanting line of a straight one."""
    whole = round(value)
    return float(whole) if abs(value - whole) < 1e-9 else value


def span(point: Point, direction: Point, width: float, height: float) -> tuple[float, float] | None:
    """Least and greatest distance along a line that lie in a rectangle from (0, 0), or None when it misses it.

    Parameters
    ----------
    point
        Any point of the line.
    direction
        Unit vector.
    """
    low, high = -math.inf, math.inf
    for at, step, extent in zip(point, direction, (width, height), strict=True):
        if abs(step) < 1e-12:
            if not 0 <= at <= extent:
                return None
            continue
        first, second = sorted(((0 - at) / step, (extent - at) / step))
        low, high = max(low, first), min(high, second)
    return (low, high) if low < high else None
