"""Spheres and boxes by hand: what a drag on a plane makes, and the handles of the selected one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import Enum
from typing import TYPE_CHECKING

import numpy as np

from viewer.imaging.geometry import FloatArray
from viewer.imaging.lesion import Drawing
from viewer.imaging.plane import Plane
from viewer.imaging.voi import Box, Shape, Sphere
from viewer.state.lesions import Lesion, Lesions

if TYPE_CHECKING:
    from viewer.state.view import ViewState

GRIP_PX = 6.0
"""Logical pixels within which a handle is under the mouse."""
SMALLEST_RADIUS_MM = 2.0


def as_point(point_mm: FloatArray) -> tuple[float, float, float]:
    """An LPS point as plain numbers."""
    x, y, z = (float(value) for value in point_mm)
    return x, y, z


def dragged_sphere(press_mm: FloatArray, point_mm: FloatArray) -> Sphere:
    """A sphere from its centre to where the mouse is."""
    return Sphere(as_point(press_mm), float(np.linalg.norm(point_mm - press_mm)))


def dragged_box(press_mm: FloatArray, point_mm: FloatArray, plane: Plane) -> Box:
    """A box between two corners on a plane, along its axes and as deep as its shorter side."""
    span = point_mm - press_mm
    across, along = abs(float(span @ plane.right)) / 2, abs(float(span @ plane.down)) / 2
    depth = min(across, along)
    axes = (plane.right * across, plane.down * along, plane.normal * depth)
    return Box(as_point((press_mm + point_mm) / 2), tuple(as_point(axis) for axis in axes))


class Part(Enum):
    """What of a shape is held."""

    CENTRE = "move"
    EDGE = "size"


@dataclass(frozen=True, eq=False)
class Handle:
    """A part of a lesion under the mouse.

    Parameters
    ----------
    lesion
        As it was when the drag began.
    part
        What is held.
    axis
        Which half axis of a box.
    """

    lesion: Lesion
    part: Part
    axis: int = 0


def handle_at(
    view: ViewState, kind: type[Shape], plane: Plane, point_mm: FloatArray, mm_per_px: float
) -> Handle | None:
    """The handle of the selected sphere or box under a point of a plane."""
    store = view.work.of(Lesions)
    lesion = store.get(store.selected)
    if lesion is None or not lesion.visible or lesion.drawing.grown:
        return None
    shape, grip = lesion.drawing.shape, GRIP_PX * mm_per_px
    if not isinstance(shape, kind):
        return None
    centre = np.array(shape.centre_mm)
    if abs(float((centre - point_mm) @ plane.normal)) <= grip and np.linalg.norm(centre - point_mm) <= grip:
        return Handle(lesion, Part.CENTRE)
    if isinstance(shape, Sphere):
        near = abs(float(np.linalg.norm(point_mm - centre)) - shape.radius_mm) <= grip
        return Handle(lesion, Part.EDGE) if near else None
    return _face(lesion, shape, point_mm, grip)


def _face(lesion: Lesion, box: Box, point_mm: FloatArray, grip: float) -> Handle | None:
    axes = np.array(box.half_axes_mm)
    lengths = np.linalg.norm(axes, axis=1)
    along = np.abs((axes / lengths[:, None]) @ (point_mm - np.array(box.centre_mm)))
    off = np.abs(along - lengths)
    axis = int(np.argmin(off))
    if off[axis] <= grip and (along <= lengths + grip).all():
        return Handle(lesion, Part.EDGE, axis)
    return None


def pulled(handle: Handle, press_mm: FloatArray, point_mm: FloatArray) -> Drawing:
    """The drawing after a handle was dragged from one point of a plane to another."""
    drawing = handle.lesion.drawing
    shape, centre = drawing.shape, np.array(drawing.shape.centre_mm)
    if handle.part is Part.CENTRE:
        moved: Shape = replace(shape, centre_mm=as_point(centre + point_mm - press_mm))
        return replace(drawing, shape=moved)
    if isinstance(shape, Sphere):
        radius = max(SMALLEST_RADIUS_MM, float(np.linalg.norm(point_mm - centre)))
        return replace(drawing, shape=Sphere(shape.centre_mm, radius))
    axes = [np.array(axis) for axis in shape.half_axes_mm]
    direction = axes[handle.axis] / np.linalg.norm(axes[handle.axis])
    length = max(SMALLEST_RADIUS_MM, abs(float((point_mm - centre) @ direction)))
    axes[handle.axis] = direction * length
    return replace(drawing, shape=Box(shape.centre_mm, tuple(as_point(axis) for axis in axes)))
