"""What the box and the sphere on a PET have in common: drawn by a drag, moved and sized by their handles."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from viewer.imaging.lesion import Drawing
from viewer.imaging.uptake import Threshold, ThresholdKind
from viewer.imaging.voi import Box, Sphere
from viewer.state.lesion_shapes import Handle, handle_at, pulled
from viewer.state.lesions import Lesions
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer


@dataclass(eq=False)
class RegionTool:
    """All voxels of a shape; the table can narrow it to an isocontour.

    Parameters
    ----------
    id, text, icon, order
        Identity and place in the toolbar.
    kind
        The shape.
    dragged
        The shape that a drag makes.
    done
        What the menu calls it: "Add box".
    """

    id: str
    text: str
    icon: str
    order: int
    kind: type[Box] | type[Sphere]
    dragged: Callable[[Pointer], Box | Sphere]
    done: str
    family: str = "PET regions"
    _held: Handle | None = None
    _idle: bool = False

    def grabs(self, view: ViewState, pointer: Pointer) -> bool:
        """Whether a handle of the selected shape is under the mouse."""
        return self._handle(view, pointer) is not None

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        """What a drag would do."""
        held = self._handle(view, pointer)
        return "cross" if held is None else held.part.value

    def click(self, view: ViewState, pointer: Pointer) -> None:
        """Choose the lesion that is there."""
        store = view.work.of(Lesions)
        item = store.series(pointer.pane)
        there = None if item is None else store.at(item, pointer.point_mm)
        store.select("" if there is None else there.uid)

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Take a handle, or begin a new shape."""
        self._held = self._handle(view, pointer)
        self._idle = False

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Move, size or draw."""
        if self._idle:
            return
        store = view.work.of(Lesions)
        if self._held is not None:
            drawing = pulled(self._held, pointer.press_mm, pointer.point_mm)
            store.move(self._held.lesion.uid, drawing)
            return
        store.draw(pointer.pane, Drawing(self.dragged(pointer), Threshold(ThresholdKind.WHOLE)))

    def release(self, view: ViewState, pointer: Pointer) -> None:
        """Keep it."""
        store = view.work.of(Lesions)
        if self._held is not None:
            store.moved(self._held.lesion.uid, self._held.lesion.drawing)
            self._held = None
        else:
            store.finish(self.done)

    def interrupt(self, view: ViewState) -> None:
        """Half a region is none: as if it had been given up."""
        self.cancel(view)

    def cancel(self, view: ViewState) -> bool:
        """Forget what is being drawn or moved; the rest of the drag does nothing."""
        store = view.work.of(Lesions)
        held, self._held = self._held, None
        if held is not None:
            store.move(held.lesion.uid, held.lesion.drawing)
        self._idle = store.give_up() or held is not None
        return self._idle

    def _handle(self, view: ViewState, pointer: Pointer) -> Handle | None:
        if pointer.pane.kind is PlaneKind.MIP:
            return None
        return handle_at(view, self.kind, pointer.scene.plane, pointer.point_mm, pointer.mm_per_pixel)
