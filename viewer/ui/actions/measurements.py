"""What can be done with measurements that are there."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from PySide6.QtWidgets import QInputDialog

from viewer.state.measurement import Measurement
from viewer.state.measurements import Measurements
from viewer.ui.binding import bind
from viewer.ui.commands import Command
from viewer.ui.context import UiContext


class WordsDialog(QInputDialog):
    """Asks for the words of an arrow or text that was placed; without words it is not kept."""

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self.setObjectName("measurement-words")
        self.setWindowTitle("Words")
        self.setLabelText("What shall be written here?")
        self._store = context.view.work.of(Measurements)
        self._placed: Measurement | None = None
        bind(self, self._store.words_wanted, self.ask)
        self.finished.connect(self._answered)

    def ask(self, placed: Measurement) -> None:
        """Ask without holding up the program."""
        self._placed = placed
        self.setTextValue("")
        self.open()

    def _answered(self, result: int) -> None:
        placed, self._placed = self._placed, None
        words = self.textValue().strip()
        self._store.draw(None)
        if placed is not None and result and words:
            self._store.add([replace(placed, name=words, text=words)])


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Edit menu."""
    store = context.view.work.of(Measurements)
    WordsDialog(context)

    def step(by: int) -> None:
        items = [item for item in store.items if store.belongs(item)]
        if items:
            uids = [item.uid for item in items]
            place = uids.index(store.selected) if store.selected in uids else -1 if by > 0 else 0
            store.jump(uids[(place + by) % len(uids)])

    edit = "Edit"
    yield Command(
        "measure.delete",
        "Delete measurement",
        lambda: store.remove([store.selected]),
        edit,
        panes_only=True,
    )
    yield Command("measure.next", "Next measurement", lambda: step(1), edit)
    yield Command("measure.previous", "Previous measurement", lambda: step(-1), edit)
    yield Command(
        "measure.visible",
        "Show measurements",
        lambda: store.set_shown(shown=not store.shown),
        edit,
        checked=lambda: store.shown,
    )
