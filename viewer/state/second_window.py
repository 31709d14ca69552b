"""What a second window shows: panes of its own over the same state, with a layout of its own."""

from __future__ import annotations

from dataclasses import replace

from psygnal import Signal

from viewer.state.arrangement import Arrangement, arranged_for, fitting_layout
from viewer.state.layers import Role
from viewer.state.panes import LAYOUTS, Layout, layout
from viewer.state.view import ViewState

FIRST_LAYOUT = "three-mip"
_PREFIX = "second-"


class SecondPanes:
    """The arrangement of the second window. Its panes carry other identifiers than those of the main window.

    Attributes
    ----------
    changed
        Opened, closed or another layout.
    layout_changed
        Other panes are shown.
    opened
        Whether there is a second window.
    """

    changed = Signal()
    layout_changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._chosen = FIRST_LAYOUT
        self.opened = False
        self.layout = self._fitting()
        self.maximised = ""
        self.area = (1200, 800)

    def open(self, layout_id: str = "") -> None:
        """Show panes, in the layout that is given (if it exists) or the last one, and follow what is opened."""
        if layout_id in {known.id for known in LAYOUTS}:
            self._chosen = layout_id
        self.opened = True
        self._view.layers_changed.connect(self._follow)
        self._show(self._fitting())

    def close(self) -> None:
        """Show none any more; keys act on the main window again."""
        if not self.opened:
            return
        self.opened = False
        self._view.layers_changed.disconnect(self._follow)
        self._view.elsewhere = ()
        self._view.activate(self._view.active.id)
        self.changed.emit()

    @property
    def chosen(self) -> str:
        """Id of the layout the user chose for this window."""
        return self._chosen

    def set_layout(self, layout_id: str) -> None:
        """Show another layout where it is possible; flat images keep their single pane."""
        self._chosen = layout_id
        self._show(self._fitting())

    def possible(self, candidate: Layout) -> bool:
        """Whether a layout can be chosen for what is open."""
        item = self._view.base_volume
        if item is None or not item.stack.multiplanar or candidate.id == "single":
            return False
        return self._view.overlay is not None or not candidate.needs_overlay

    def maximise(self, pane_id: str) -> None:
        """Show one pane alone, or all with an empty id."""
        self.maximised = pane_id
        self.layout_changed.emit()

    def _fitting(self) -> Layout:
        base, overlay = self._view.volume(Role.BASE), self._view.volume(Role.OVERLAY)
        found = layout(fitting_layout(base, overlay, self._chosen, (1200, 800)))
        shown = arranged_for(base or overlay, found)
        rows = tuple(tuple(replace(pane, id=_PREFIX + pane.id) for pane in row) for row in shown.rows)
        beside = shown.beside and replace(shown.beside, id=_PREFIX + shown.beside.id)
        return replace(shown, rows=rows, beside=beside)

    def _follow(self) -> None:
        fitting = self._fitting()
        if fitting != self.layout:
            self._show(fitting)

    def _show(self, new: Layout) -> None:
        self.layout, self.maximised = new, ""
        self._view.elsewhere = new.panes
        self._view.activate(self._view.active.id)
        self.layout_changed.emit()
        self.changed.emit()


def arrangement_of(view: ViewState, pane_id: str) -> Arrangement:
    """The window a pane is in: the second one when it has it, else the main one."""
    return view.work.of(SecondPanes) if any(pane.id == pane_id for pane in view.elsewhere) else view
