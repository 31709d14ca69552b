"""Brush and eraser: one tool with two signs."""

from __future__ import annotations

from viewer.state.structure_edit import StructureEditor
from viewer.state.view import ViewState
from viewer.ui.tools import Pointer


class StructureBrush:
    """Paints the selected structure, or takes away from it.

    Parameters
    ----------
    tool_id, text, icon, order
        As for every tool.
    erase
        Whether it takes away.
    """

    family = "Structures"

    def __init__(self, tool_id: str, text: str, icon: str, order: int, *, erase: bool) -> None:
        self.id = tool_id
        self.text = text
        self.icon = icon
        self.order = order
        self._erase = erase

    def press(self, view: ViewState, pointer: Pointer) -> None:
        """Put the brush down."""
        if pointer.pane.kind.is_plane:
            view.work.of(StructureEditor).begin(
                pointer.point_mm, pointer.scene.plane.normal, erase=self._erase
            )

    def drag(self, view: ViewState, pointer: Pointer) -> None:
        """Move it."""
        editor = view.work.of(StructureEditor)
        editor.stroke(pointer.point_mm, pointer.scene.plane.normal, erase=self._erase)
        editor.point_at(pointer.pane.id, pointer.point_mm)

    def release(self, view: ViewState, _pointer: Pointer) -> None:
        """Lift it."""
        view.work.of(StructureEditor).end(erase=self._erase)

    def interrupt(self, view: ViewState) -> None:
        """Keep what was painted until now: it lies where it was seen, and one undo takes it back."""
        view.work.of(StructureEditor).end(erase=self._erase)

    def click(self, view: ViewState, pointer: Pointer) -> None:
        """A single dab."""
        self.press(view, pointer)
        self.release(view, pointer)

    def hover(self, view: ViewState, pointer: Pointer) -> str:
        """Show where it would paint."""
        view.work.of(StructureEditor).point_at(pointer.pane.id, pointer.point_mm)
        return "cross"

    def cancel(self, view: ViewState) -> bool:
        """Take the stroke back."""
        return view.work.of(StructureEditor).give_up()
