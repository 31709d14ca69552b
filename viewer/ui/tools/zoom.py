"""Zoom by dragging: up is nearer; the point where the drag began stays where it is."""

from __future__ import annotations

from viewer.state.framing import zoom_about
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer

PER_PIXEL = 1.008


class ZoomTool:
    """Changes the scale of all panes of one plane kind."""

    id = "zoom"
    text = "Zoom"
    icon = "zoom"
    order = 40

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Nothing happens before the first move."""

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Nearer or farther."""
        zoom_about(view, pointer.scene, pointer.press_mm, PER_PIXEL**-pointer.dy)


TOOL = ZoomTool()
