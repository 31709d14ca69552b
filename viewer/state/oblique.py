"""Turning the three planes about the linked point (double oblique).

The planes stay perpendicular to each other. Turning the lines of one pane leaves its own picture where it is; the
other two planes turn with the lines, rigidly, about the normal of this one. The linked point keeps its place in every
pane and no pane changes its scale.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, cross, unit
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState

PLANES = (PlaneKind.AXIAL, PlaneKind.SAGITTAL, PlaneKind.CORONAL)
STEP_DEG = 5.0
FINE_STEP_DEG = 1.0
"""Turns of one key press."""
LEAST_DEG = 0.05
"""Less is not called turned: it would be written as 0.0."""


def rotation(axis: npt.ArrayLike, degrees: float) -> FloatArray:
    """(3, 3) matrix that turns vectors about an axis by the right-hand rule (Rodrigues' formula)."""
    x, y, z = unit(np.asarray(axis, dtype=np.float64)).tolist()
    skew = np.array([[0.0, -z, y], [z, 0.0, -x], [-y, x, 0.0]])
    angle = math.radians(degrees)
    turn: FloatArray = np.eye(3) + math.sin(angle) * skew + (1 - math.cos(angle)) * (skew @ skew)
    return turn


def turn(view: ViewState, kind: PlaneKind, degrees: float) -> None:
    """Turn the lines of a pane about the linked point.

    Parameters
    ----------
    kind
        Plane of the pane whose lines turn; nothing happens for others than the three planes.
    degrees
        Positive is clockwise as the unmirrored pane shows it.
    """
    if kind not in PLANES or degrees == 0.0:
        return
    right, down = view.axes(kind)
    matrix = rotation(cross(right, down), degrees)
    turned = {other: _carried(matrix, view.axes(other)) for other in PLANES if other is not kind}
    _lay(view, _orthonormal(matrix @ view.frame), turned | {kind: (right, down)})


def set_angles(view: ViewState, axial: float, sagittal: float, coronal: float) -> None:
    """Turn the planes to exact angles, counted from the planes before any turn.

    Parameters
    ----------
    axial, sagittal, coronal
        Degrees the lines of these panes are turned by, clockwise and one after the other in this order.
    """
    straighten(view)
    for kind, degrees in zip(PLANES, (axial, sagittal, coronal), strict=True):
        turn(view, kind, degrees)


def angles(view: ViewState) -> tuple[float, float, float]:
    """Angles (axial, sagittal, coronal) that `set_angles` would need for the planes as they are, in degrees.

    The sagittal one lies in [-90, 90], as of any three such angles.
    """
    m = view.home.T @ view.frame
    sagittal = -math.degrees(math.asin(min(1.0, max(-1.0, m[2, 1]))))
    axial = math.degrees(math.atan2(-m[0, 1], m[1, 1]))
    coronal = math.degrees(math.atan2(-m[2, 0], m[2, 2]))
    return axial + 0.0, sagittal + 0.0, coronal + 0.0


def straighten(view: ViewState) -> None:
    """Planes as they were before they were turned; the linked point keeps its place in every pane."""
    if view.turned:
        _lay(view, view.home, {})


def is_turned(view: ViewState) -> bool:
    """Whether any plane lies otherwise than before it was turned."""
    return any(off_axis_deg(view, kind) >= LEAST_DEG for kind in PLANES)


def off_axis_deg(view: ViewState, kind: PlaneKind) -> float:
    """Angle between a plane and where it lay before it was turned, 0 to 180 degrees."""
    if not view.turned or kind not in PLANES:
        return 0.0
    column = {PlaneKind.SAGITTAL: 0, PlaneKind.CORONAL: 1, PlaneKind.AXIAL: 2}[kind]
    now, before = view.frame[:, column], view.home[:, column]
    return math.degrees(math.atan2(math.hypot(*cross(before, now).tolist()), float(before @ now)))


def _lay(
    view: ViewState, frame: FloatArray, turned: Mapping[PlaneKind, tuple[FloatArray, FloatArray]]
) -> None:
    """Take other planes; pan so that the linked point stays where it is in each pane."""
    item = view.base_volume
    if item is None:
        return
    offset = view.cursor_mm - item.volume.geometry.centre_mm
    before = {kind: view.axes(kind) for kind in PLANES}
    view.set_frame(frame, turned)
    for kind in PLANES:
        pan = view.framing(kind).pan_mm
        steps = [
            float(offset @ (now - then)) for now, then in zip(view.axes(kind), before[kind], strict=True)
        ]
        if any(steps):
            # Rounded to a nanometre, so that planes that are turned back are the ones they were.
            view.update_framing(kind, pan_mm=(round(pan[0] + steps[0], 6), round(pan[1] + steps[1], 6)))


def _carried(matrix: FloatArray, axes: tuple[FloatArray, FloatArray]) -> tuple[FloatArray, FloatArray]:
    """(right, down) turned, and exactly perpendicular again."""
    right = unit(matrix @ axes[0])
    down = matrix @ axes[1]
    return right, unit(down - (down @ right) * right)


def _orthonormal(frame: FloatArray) -> FloatArray:
    """The rotation next to a matrix that rounding has bent."""
    left, _, right = np.linalg.svd(frame)
    result: FloatArray = left @ right
    return result
