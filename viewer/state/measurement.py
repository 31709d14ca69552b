"""One measurement: what was drawn, in the patient, and what it was drawn on (rule G08)."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray
from viewer.imaging.measure.bidirectional import first_short_axis, moved
from viewer.imaging.measure.ellipse import Ellipse
from viewer.imaging.measure.polygon import Polygon
from viewer.imaging.measure.rectangle import Rectangle
from viewer.imaging.measure.region import Shape

Point = tuple[float, float, float]


class Kind(StrEnum):
    """What can be drawn."""

    LENGTH = "length"
    ANGLE = "angle"
    COBB = "cobb"
    BIDIRECTIONAL = "bidirectional"
    ELLIPSE = "ellipse"
    RECTANGLE = "rectangle"
    POLYGON = "polygon"
    FREEHAND = "freehand"
    POINT = "point"
    ARROW = "arrow"
    TEXT = "text"
    PATH = "path"
    """A line through many points; only read from files of others."""


@dataclass(frozen=True)
class KindFacts:
    """What the program must know of a kind.

    Parameters
    ----------
    text
        Its name.
    placed
        How many points the hand places; 0 when it decides itself.
    """

    text: str
    placed: int


FACTS: dict[Kind, KindFacts] = {
    Kind.LENGTH: KindFacts("Length", 2),
    Kind.ANGLE: KindFacts("Angle", 3),
    Kind.COBB: KindFacts("Cobb angle", 4),
    Kind.BIDIRECTIONAL: KindFacts("Long and short axis", 2),
    Kind.ELLIPSE: KindFacts("Ellipse", 2),
    Kind.RECTANGLE: KindFacts("Rectangle", 2),
    Kind.POLYGON: KindFacts("Polygon", 0),
    Kind.FREEHAND: KindFacts("Freehand", 0),
    Kind.POINT: KindFacts("Point", 1),
    Kind.ARROW: KindFacts("Arrow", 2),
    Kind.TEXT: KindFacts("Text", 1),
    Kind.PATH: KindFacts("Line", 0),
}
REGIONS = frozenset({Kind.ELLIPSE, Kind.RECTANGLE, Kind.POLYGON, Kind.FREEHAND})
OUTLINES = frozenset({Kind.POLYGON, Kind.FREEHAND})
LABELS = frozenset({Kind.ARROW, Kind.TEXT})
"""What carries words instead of numbers."""


@dataclass(frozen=True)
class Measurement:
    """See the module text.

    Parameters
    ----------
    uid
        Tracking UID: stays whatever happens to the rest.
    kind
        What it is.
    points
        LPS millimetres. Length, arrow: both ends (an arrow's tip first). Angle: arm, vertex, arm. Cobb: both ends of
        one line, both of the other. Bidirectional: both ends of the long axis, both of the short one. Ellipse: both
        ends of one axis, both of the other. Rectangle, polygon, freehand: corners in order, not closed.
    normal
        Unit normal of the plane it was drawn on.
    study_uid, frame_of_reference_uid
        Where the points are valid; without a frame of reference on the slices of `volume_uid` only.
    volume_uid
        The volume whose values it reads.
    sop_instance_uid, frame
        The acquired image it was drawn on and its frame from 0; "" on a resampled plane.
    calibrated
        False when a "millimetre" is a pixel (rule G01).
    name
        As listed: "Length 3", or what the user calls it.
    text
        Words of an arrow or text.
    visible
        Whether it is drawn.
    origin
        Where it was read from when it is not the user's own, such as a report of the study; then it cannot be changed.
    """

    uid: str
    kind: Kind
    points: tuple[Point, ...]
    normal: Point
    study_uid: str = ""
    frame_of_reference_uid: str = ""
    volume_uid: str = ""
    sop_instance_uid: str = ""
    frame: int = 0
    calibrated: bool = True
    name: str = ""
    text: str = ""
    visible: bool = True
    origin: str = ""

    @property
    def array(self) -> FloatArray:
        """(n, 3) its points; none when a report says numbers without a place."""
        return np.array(self.points, np.float64).reshape(-1, 3)

    @property
    def shape(self) -> Shape | None:
        """The region, None when it is none."""
        if self.kind is Kind.ELLIPSE:
            return Ellipse.of(self.points)
        if self.kind is Kind.RECTANGLE:
            return Rectangle.of(self.points)
        return Polygon.of(self.points) if self.kind in OUTLINES else None

    @property
    def lines_mm(self) -> tuple[FloatArray, ...]:
        """The (n, 3) lines it is drawn with; a region as its closed outline."""
        points = self.array
        shape = self.shape
        if shape is not None:
            outline = shape.outline_mm()
            return (np.concatenate([outline, outline[:1]]),)
        if self.kind in (Kind.COBB, Kind.BIDIRECTIONAL):
            return points[:2], points[2:]
        return (points,)

    @property
    def handles_mm(self) -> FloatArray:
        """(n, 3) points that can be moved one by one; a freehand outline moves as a whole."""
        return np.empty((0, 3)) if self.kind is Kind.FREEHAND else self.array

    @property
    def middle_mm(self) -> FloatArray:
        """(3,) where to look for it."""
        middle: FloatArray = self.array.mean(axis=0)
        return middle

    def with_points(self, points_mm: npt.ArrayLike) -> Measurement:
        """The same with other points."""
        return replace(self, points=as_points(points_mm))

    def shifted(self, by_mm: FloatArray) -> Measurement:
        """The same, moved by a (3,) step."""
        return self.with_points(self.array + by_mm)

    def with_handle(self, handle: int, to_mm: FloatArray) -> Measurement:
        """The same with one handle where the hand is; ellipse, rectangle and axes keep their right angles."""
        points = self.array
        if self.kind is Kind.BIDIRECTIONAL:
            return self.with_points(moved(points, handle, to_mm))
        if self.kind is Kind.ELLIPSE:
            return self.with_points(_stretched(points, handle, to_mm))
        if self.kind is Kind.RECTANGLE:
            opposite = points[(handle + 2) % 4]
            sides = [points[(handle + step) % 4] - opposite for step in (1, 3)]
            feet = [opposite + _along(to_mm - opposite, side) for side in sides]
            points[handle] = feet[0] + feet[1] - opposite
            points[(handle + 1) % 4], points[(handle + 3) % 4] = feet
            return self.with_points(points)
        points[handle] = to_mm
        return self.with_points(points)


def placed_points(kind: Kind, placed_mm: FloatArray, right: FloatArray, down: FloatArray) -> FloatArray:
    """(n, 3) points of a measurement from those the hand placed, on a plane with two unit vectors.

    Two opposite corners of the rectangle around it place an ellipse or rectangle, its long axis a pair of axes.
    """
    if kind in (Kind.ELLIPSE, Kind.RECTANGLE) and len(placed_mm) == 2:
        first, last = placed_mm
        across, along = right * ((last - first) @ right), down * ((last - first) @ down)
        if kind is Kind.RECTANGLE:
            return np.stack([first, first + across, first + across + along, first + along])
        middle = first + (across + along) / 2
        return np.stack([middle - across / 2, middle + across / 2, middle - along / 2, middle + along / 2])
    if kind is Kind.BIDIRECTIONAL and len(placed_mm) == 2:
        normal = np.cross(right, down)
        return np.concatenate([placed_mm, first_short_axis(placed_mm[0], placed_mm[1], normal)])
    return placed_mm


def new_uid() -> str:
    """A UID under the root for random numbers (PS3.5 B.2)."""
    return f"2.25.{secrets.randbits(127)}"


def as_points(points_mm: npt.ArrayLike) -> tuple[Point, ...]:
    """(n, 3) points as plain numbers."""
    return tuple((x, y, z) for x, y, z in np.asarray(points_mm, np.float64).tolist())


def next_name(kind: Kind, names: Iterable[str]) -> str:
    """A name that is not taken: "Length 3" when two lengths are there."""
    text = FACTS[kind].text
    taken = set(names)
    number = 1
    while f"{text} {number}" in taken:
        number += 1
    return f"{text} {number}"


def _along(step: FloatArray, side: FloatArray) -> FloatArray:
    """The part of a step along a side."""
    square = float(side @ side)
    part: FloatArray = side * (float(step @ side) / square if square else 0.0)
    return part


def _stretched(points: FloatArray, handle: int, to_mm: FloatArray) -> FloatArray:
    """An ellipse with one end of an axis moved along that axis; the other end stays."""
    fixed = points[handle ^ 1]
    axis = points[handle] - fixed
    moved_end = fixed + _along(to_mm - fixed, axis)
    shift = (moved_end - points[handle]) / 2
    result: FloatArray = points + shift
    result[handle], result[handle ^ 1] = moved_end, fixed
    return result
