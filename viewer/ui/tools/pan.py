"""Shift the picture."""

from __future__ import annotations

from viewer.state.view import ViewState
from viewer.ui.tools import Pointer


class PanTool:
    """The picture follows the hand."""

    id = "pan"
    text = "Pan"
    icon = "pan"
    order = 30

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Nothing happens before the first move."""

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Move the view centre against the hand."""
        kind = pointer.pane.kind
        framing = view.framing(kind)
        mm = pointer.mm_per_pixel
        across = pointer.dx * mm * (-1 if framing.flip_horizontal else 1)
        along = pointer.dy * mm * (-1 if framing.flip_vertical else 1)
        view.update_framing(kind, pan_mm=(framing.pan_mm[0] - across, framing.pan_mm[1] - along))


TOOL = PanTool()
