"""Turn the three planes about the linked point, and draw a slab thicker or thinner, by their handles."""

from __future__ import annotations

import math

from viewer.state.handles import Grasp, Handle, across, handle_at, linked_point
from viewer.state.oblique import PLANES, turn
from viewer.state.slab import set_thickness
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer

DEAD_PIXELS = 6.0
"""So near to the linked point the direction of the mouse means nothing."""
DECIMALS = 1
"""Of a thickness drawn by hand, mm."""


class RotateTool:
    """The ends of the crosshair's lines turn the other planes; chosen, or with Alt, any drag does."""

    id = "rotate"
    text = "Turn planes"
    icon = "rotate"
    order = 60

    def __init__(self) -> None:
        self._held: Handle | None = None
        self._angle_deg: float | None = None

    def grabs(self, view: ViewState, pointer: Pointer) -> bool:
        """Whether the end of a line or the border of a slab is under the mouse; shows it as well."""
        found = handle_at(view, pointer.scene, (pointer.x, pointer.y), pointer.ratio)
        view.work.of(Grasp).take(found)
        return found is not None and found.grasped

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        """The shape of the mouse over a handle."""
        found = view.work.of(Grasp).handle
        if found is not None and found.grasped:
            return "size" if found.slab else "rotate"
        return "rotate" if view.tool == self.id and pointer.pane.kind in PLANES else ""

    def leave(self, view: ViewState) -> None:
        """No handle is under the mouse any more."""
        view.work.of(Grasp).take(None)

    def click(self, view: ViewState, pointer: Pointer) -> None:
        """Handles only answer to drags; elsewhere the linked point moves as with every tool."""
        if not self.grabs(view, pointer) and pointer.pane.kind in PLANES:
            view.set_cursor(pointer.point_mm)

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Take the handle, or the plane as a whole."""
        found = handle_at(view, pointer.scene, (pointer.x, pointer.y), pointer.ratio)
        free = bool(pointer.modifiers) or found is None or not found.grasped
        self._held = None if free else found
        self._angle_deg = self._angle(view, pointer)

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Turn by as much as the mouse went round the linked point, or bring the border of the slab to it."""
        if self._held is not None and self._held.slab:
            self._thicken(view, pointer, self._held)
            return
        now = self._angle(view, pointer)
        if now is not None and self._angle_deg is not None:
            turn(view, pointer.pane.kind, (now - self._angle_deg + 180.0) % 360.0 - 180.0)
        if now is not None:
            self._angle_deg = now

    def release(self, view: ViewState, pointer: Pointer) -> None:
        """Let go."""
        self._held = None
        self.grabs(view, pointer)

    @staticmethod
    def _angle(view: ViewState, pointer: Pointer) -> float | None:
        """Direction from the linked point to the mouse in degrees, clockwise from the right of the unmirrored pane."""
        right, down = view.axes(pointer.pane.kind)
        offset = pointer.point_mm - view.cursor_mm
        x, y = float(offset @ right), float(offset @ down)
        if math.hypot(x, y) < DEAD_PIXELS * pointer.mm_per_pixel:
            return None
        return math.degrees(math.atan2(y, x))

    @staticmethod
    def _thicken(view: ViewState, pointer: Pointer, held: Handle) -> None:
        point = linked_point(pointer.scene, pointer.ratio)
        line = next((line for line in pointer.scene.lines if line.kind is held.kind), None)
        if point is not None and line is not None:
            half = abs(across(line, point, (pointer.x, pointer.y))) * pointer.mm_per_pixel
            set_thickness(view, round(2 * half, DECIMALS), held.kind)


TOOL = RotateTool()
