"""Undo and redo of whatever people add to a study."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtGui import QUndoCommand, QUndoStack

from viewer.state.undo import Edit, History
from viewer.ui.binding import bind
from viewer.ui.commands import Command
from viewer.ui.context import UiContext

UNDO_LIMIT = 200


class UndoStack(QUndoStack):
    """Qt's stack, filled by the history of the state."""

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self.setObjectName("undo-stack")
        self.setUndoLimit(UNDO_LIMIT)
        bind(self, context.view.work.of(History).done, self.take)
        self.indexChanged.connect(context.commands.refresh)

    def take(self, edit: Edit) -> None:
        """Remember an edit that has just been done."""
        self.push(_Done(edit))


class _Done(QUndoCommand):
    """An edit on the stack. Qt does a command when it is pushed; this one is done already."""

    def __init__(self, edit: Edit) -> None:
        super().__init__(edit.text)
        self._edit = edit
        self._fresh = True

    def redo(self) -> None:
        if self._fresh:
            self._fresh = False
        else:
            self._edit.redo()

    def undo(self) -> None:
        self._edit.undo()


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Edit menu."""
    stack = UndoStack(context)
    yield Command("edit.undo", "Undo", stack.undo, "Edit", enabled=stack.canUndo)
    yield Command("edit.redo", "Redo", stack.redo, "Edit", enabled=stack.canRedo)
