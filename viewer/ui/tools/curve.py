"""Draw the path of the curved picture: clicks put points, points can be moved, a double click shows the picture."""

from __future__ import annotations

import math

import numpy as np

from viewer.imaging.geometry import FloatArray
from viewer.state.curve import CurvedPath, Point, place_on_path
from viewer.state.oblique import PLANES
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer

REACH = 7.0
"""Logical pixels within which a point or the path is meant."""
NEAR_MM = 5.0
"""A point farther from the plane is not grasped: it would be moved without being seen."""
LAYOUT = "three-curved"
AFTERWARDS = "window"


class CurveTool:
    """Puts, moves and selects the control points."""

    id = "curve"
    text = "Curved path"
    icon = "curve"
    order = 70

    def __init__(self) -> None:
        self._held: int | None = None
        self._before: tuple[Point, ...] = ()
        self._offset: FloatArray = np.zeros(3)

    def grabs(self, view: ViewState, pointer: Pointer) -> bool:
        """Whether a point of the path is under the mouse."""
        return self._under(view, pointer) is not None

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        """The shape of the mouse: over a point, or where one would be put."""
        if self._under(view, pointer) is not None:
            return "move"
        return "cross" if view.tool == self.id and pointer.pane.kind in PLANES else ""

    def click(self, view: ViewState, pointer: Pointer) -> None:
        """Select the point under the mouse, or put a new one: into the path where it is clicked, else at its end."""
        path = view.work.of(CurvedPath)
        under = self._under(view, pointer)
        if under is not None:
            path.select(under)
        elif pointer.pane.kind in PLANES:
            path.add(pointer.point_mm, self._place(path, pointer))

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Take the point under the mouse."""
        path = view.work.of(CurvedPath)
        self._held = self._under(view, pointer)
        self._before = path.points
        if self._held is not None:
            path.select(self._held)
            self._offset = np.array(self._before[self._held]) - pointer.point_mm

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """The point goes with the mouse, at its own depth; the picture follows, a little coarser."""
        if self._held is None:
            return
        points = list(self._before)
        x, y, z = (pointer.point_mm + self._offset).tolist()
        points[self._held] = (x, y, z)
        view.work.of(CurvedPath).preview(points, moving=True)

    def release(self, view: ViewState, pointer: Pointer) -> None:
        """One edit for the whole way."""
        if self._held is not None:
            path = view.work.of(CurvedPath)
            held, self._held = self._held, None
            path.move(held, pointer.point_mm + self._offset, before=self._before)
            path.select(held)

    def interrupt(self, view: ViewState) -> None:
        """The point goes back to where it was."""
        if self._held is not None:
            self._held = None
            view.work.of(CurvedPath).preview(list(self._before), moving=False)

    def double_click(self, view: ViewState, pointer: Pointer) -> bool:
        """The path is drawn: show the picture along it. The first click of the two has put its last point."""
        if pointer.pane.kind not in PLANES:
            return False
        view.set_display(tool=AFTERWARDS)
        if not any(pane.kind is PlaneKind.CURVED for pane in view.layout.panes):
            view.set_layout(LAYOUT, remember=False)
        return True

    def cancel(self, view: ViewState) -> bool:
        """Lay the tool down."""
        view.set_display(tool=AFTERWARDS)
        return True

    @staticmethod
    def _under(view: ViewState, pointer: Pointer) -> int | None:
        if pointer.pane.kind not in PLANES:
            return None
        found: tuple[float, int | None] = (REACH, None)
        for number, point in enumerate(view.work.of(CurvedPath).points):
            x, y, away = _shown(pointer, np.array(point))
            if abs(away) <= NEAR_MM:
                found = min(
                    found, (math.dist((x, y), (pointer.x, pointer.y)), number), key=lambda pair: pair[0]
                )
        return found[1]

    @staticmethod
    def _place(path: CurvedPath, pointer: Pointer) -> int | None:
        """Before which point a new one goes, None for the end: only where it is put on the path."""
        drawn = path.path()
        if drawn is None:
            return None
        distances = np.linalg.norm(drawn.points - pointer.point_mm, axis=1)
        nearest = int(np.argmin(distances))
        if distances[nearest] > REACH * pointer.mm_per_pixel or nearest in (0, len(drawn.points) - 1):
            return None
        return place_on_path(drawn, pointer.point_mm)


def _shown(pointer: Pointer, point_mm: FloatArray) -> tuple[float, float, float]:
    """(x, y) in logical pixels of the pane, and distance from its plane in mm."""
    column, row, away = pointer.scene.place(point_mm)
    return (column + 0.5) / pointer.ratio, (row + 0.5) / pointer.ratio, away


TOOL = CurveTool()
