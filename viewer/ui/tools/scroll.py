"""Scroll slices by dragging up and down; on a projection turn it by dragging across."""

from __future__ import annotations

from viewer.state.navigation import scroll
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer

PIXELS_PER_SLICE = 4.0
DEGREES_PER_PIXEL = 0.5


class ScrollTool:
    """Collects pixels until they make a slice."""

    id = "scroll"
    text = "Scroll"
    icon = "scroll"
    order = 50

    def __init__(self) -> None:
        self._rest = 0.0

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Start counting."""
        self._rest = 0.0

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Down is the next slice."""
        if pointer.pane.kind is PlaneKind.MIP:
            view.set_mip_angle(view.mip_angle_deg + -pointer.dx * DEGREES_PER_PIXEL)
            return
        self._rest += pointer.dy
        steps = int(self._rest / PIXELS_PER_SLICE)
        self._rest -= steps * PIXELS_PER_SLICE
        scroll(view, pointer.pane.kind, steps)


TOOL = ScrollTool()
