"""Move and turn the overlay onto the base by hand; a drag is one step of undo."""

from __future__ import annotations

import math

import numpy as np

from viewer.imaging.geometry import FloatArray
from viewer.imaging.rigid import about, rotation, shift
from viewer.state.alignment import Alignment, How, Placement, moving_uid
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer

TURN_FROM = 0.7
"""A drag that begins farther out than this share of half the pane turns; nearer to the middle it moves."""


class AlignTool:
    """Drags in the middle of a pane move the overlay in its plane, drags near the border turn it about the cursor."""

    id = "align"
    text = "Move overlay"
    icon = ""
    order = 70

    def __init__(self) -> None:
        self._uid = ""
        self._before: Placement | None = None
        self._start: FloatArray = np.eye(4)
        self._turns = False
        self._moved = False

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        """What a drag from here would do."""
        if not moving_uid(view):
            return ""
        return "rotate" if _outside(pointer) else "move"

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Remember where the overlay lies."""
        self._uid = moving_uid(view)
        self._before = view.work.of(Alignment).placement(self._uid)
        self._start = np.eye(4) if self._before is None else self._before.matrix
        self._turns = _outside(pointer)
        self._moved = False

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Follow the hand."""
        if not self._uid:
            return
        if self._turns:
            step = self._turn(view, pointer)
        else:
            step = shift(pointer.point_mm - pointer.press_mm)
        self._moved = True
        view.work.of(Alignment).place(self._uid, Placement(step @ self._start, How.HAND))

    def release(self, view: ViewState, pointer: Pointer) -> None:
        """One step of undo for the whole drag."""
        if self._uid and self._moved:
            view.work.of(Alignment).moved(self._uid, self._before, "Move overlay")

    def _turn(self, view: ViewState, pointer: Pointer) -> FloatArray:
        """The turn about the linked point that takes the pressed point to the direction of the mouse."""
        plane, centre = pointer.scene.plane, view.cursor_mm
        angles = []
        for point in (pointer.press_mm, pointer.point_mm):
            away = point - centre
            angles.append(math.atan2(float(away @ plane.down), float(away @ plane.right)))
        normal = np.cross(plane.right, plane.down)
        return about(centre, rotation(normal, math.degrees(angles[1] - angles[0])))


def _outside(pointer: Pointer) -> bool:
    """Whether the mouse is in the outer part of the pane."""
    plane = pointer.scene.plane
    half = plane.width / 2 / pointer.ratio, plane.height / 2 / pointer.ratio
    return max(abs(pointer.x - half[0]) / half[0], abs(pointer.y - half[1]) / half[1]) > TURN_FROM


TOOL = AlignTool()
