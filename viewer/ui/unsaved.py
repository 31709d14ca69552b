"""The question before structures are lost: when the window or the study is closed, or another one replaces it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QObject
from PySide6.QtWidgets import QAbstractButton, QMessageBox, QWidget

from viewer.state.structures import Structure, StructureStore
from viewer.ui.binding import bind

if TYPE_CHECKING:
    from viewer.ui.context import UiContext

_MOST_NAMED = 5


class UnsavedStructures(QObject):
    """Stands between the user and the loss of structures that lie in no file.

    Parameters
    ----------
    context
        The session; the closing of its window is held up.
    save
        Asks for a file, writes what is drawn, and calls back when it is written.
    """

    def __init__(self, context: UiContext, save: Callable[[Callable[[], None]], None]) -> None:
        super().__init__(context.window)
        self.setObjectName("unsaved-structures")
        self._window = context.window
        self._store = context.view.work.of(StructureStore)
        self._save = save
        self._box: QMessageBox | None = None
        self._leaving = False
        bind(self, self._store.changed, self._come_first)
        self._come_first()

    def _come_first(self) -> None:
        """Before whoever ends their work when the window closes: an answer of "Cancel" lets all go on."""
        self._window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() is QEvent.Type.Close and not self._leaving and self._store.unsaved:
            event.ignore()
            self.ask(self._close)
            return True
        return super().eventFilter(watched, event)

    def _close(self) -> None:
        self._leaving = True
        self._window.close()

    def ask(self, leave: Callable[[], None]) -> None:
        """Leave at once when nothing would be lost, else as the user answers.

        Parameters
        ----------
        leave
            What takes the structures away.
        """
        unsaved = self._store.unsaved
        if not unsaved:
            leave()
            return
        if self._box is not None:
            self._box.raise_()
            return
        box = self._box = _question(unsaved, self._window)
        box.finished.connect(lambda _code: self._answered(leave))
        box.open()

    def _answered(self, leave: Callable[[], None]) -> None:
        box, self._box = self._box, None
        if box is None:
            return
        clicked: QAbstractButton | None = box.clickedButton()
        answer = "" if clicked is None else clicked.objectName()
        box.deleteLater()
        if answer == "discard":
            leave()
        elif answer == "save":
            # What is not drawn is not saved, and is asked for once more.
            self._save(lambda: self.ask(leave))


def _question(structures: Sequence[Structure], parent: QWidget) -> QMessageBox:
    names = [structure.name for structure in structures[:_MOST_NAMED]]
    more = len(structures) - len(names)
    box = QMessageBox(parent)
    box.setObjectName("unsaved-structures-question")
    box.setIcon(QMessageBox.Icon.Question)
    box.setWindowTitle("Structures are not saved")
    count = f"{len(structures)} structures were" if len(structures) > 1 else "One structure was"
    box.setText(f"{count} changed and not saved.")
    box.setInformativeText(", ".join(names) + (f" and {more} more" if more else ""))
    for name, text, role in (
        ("save", "Save…", QMessageBox.ButtonRole.AcceptRole),
        ("discard", "Discard", QMessageBox.ButtonRole.DestructiveRole),
        ("cancel", "Cancel", QMessageBox.ButtonRole.RejectRole),
    ):
        button = box.addButton(text, role)
        button.setObjectName(name)
        if name == "save":
            box.setDefaultButton(button)
        elif name == "cancel":
            box.setEscapeButton(button)
    return box


def leave_structures(context: UiContext, leave: Callable[[], None]) -> None:
    """Do what takes the structures away, after the question when some are unsaved."""
    guard = context.window.findChild(UnsavedStructures)
    if isinstance(guard, UnsavedStructures):
        guard.ask(leave)
    else:
        leave()
