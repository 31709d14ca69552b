"""What people did, so that it can be undone. The stack itself is Qt's and lives in the window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psygnal import Signal

if TYPE_CHECKING:
    from viewer.state.view import ViewState


@dataclass(frozen=True, eq=False)
class Edit:
    """One change with its way back.

    Parameters
    ----------
    text
        What was done, for the menu: "Move length".
    redo, undo
        Do it, and restore exactly what was there before. Neither may fail or ask.
    """

    text: str
    redo: Callable[[], None]
    undo: Callable[[], None]


class History:
    """The door every change goes through; without a window changes are simply done.

    Attributes
    ----------
    done
        An edit was done for the first time.
    changed
        The same, without the edit.
    """

    done = Signal(Edit)
    changed = Signal()

    def __init__(self, _view: ViewState) -> None:
        pass

    def do(self, edit: Edit) -> None:
        """Do an edit and remember it."""
        edit.redo()
        self.done.emit(edit)
        self.changed.emit()
