"""The border between base and overlay in swiped panes, dragged wherever it is grasped."""

from __future__ import annotations

from viewer.imaging.combine import Combination
from viewer.state.combining import Combining
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer

REACH = 5.0
"""How near the mouse must come, logical pixels."""


class SwipeTool:
    """Moves the border; has no button, because the border is there to be grasped."""

    id = "swipe"
    text = "Move the border between base and overlay"
    icon = ""
    order = 75

    def grabs(self, view: ViewState, pointer: Pointer) -> bool:
        """Whether the border is under the mouse."""
        combined = pointer.scene.combined
        if combined is None or combined.how is not Combination.SWIPE:
            return False
        return abs(pointer.x - combined.edge / pointer.ratio) <= REACH

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        """The shape of the mouse over the border."""
        return "size" if self.grabs(view, pointer) else ""

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Nothing happens before the first move."""

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Put the border under the mouse."""
        view.work.of(Combining).set_border(pointer.x * pointer.ratio / pointer.scene.plane.width)


TOOL = SwipeTool()
