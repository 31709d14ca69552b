"""Window by dragging: right is wider, up is a lower level; speed follows the width (clinical spec E.3)."""

from __future__ import annotations

from viewer.imaging.window import as_window, dragged
from viewer.state.contents import window_role
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer


class WindowTool:
    """Changes the window of the pane's active layer."""

    id = "window"
    text = "Window"
    icon = "window"
    order = 10

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Nothing happens before the first move."""

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Widen, narrow, brighten, darken."""
        role = window_role(view, pointer.pane)
        layer = view.layer(role)
        if layer is not None:
            sign = -1.0 if view.window_drag_inverted else 1.0
            view.set_window(role, dragged(as_window(layer.window), sign * pointer.dx, sign * pointer.dy))


TOOL = WindowTool()
