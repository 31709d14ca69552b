"""Commands for lesions, so that all of it can be done without a mouse."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import QObject, QTimer
from PySide6.QtGui import QStatusTipEvent
from PySide6.QtWidgets import QApplication

from viewer.state.lesions import Lesions
from viewer.ui.binding import bind
from viewer.ui.commands import Command
from viewer.ui.context import UiContext

SAID_FOR_MS = 6000


class _Speaker(QObject):
    """Says in the status line why no lesion was made."""

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self._window = context.window
        bind(self, context.view.work.of(Lesions).told, self.say)

    def say(self, text: str) -> None:
        """Show a sentence for a few seconds."""
        QApplication.sendEvent(self._window, QStatusTipEvent(text))
        QTimer.singleShot(
            SAID_FOR_MS, self._window, lambda: QApplication.sendEvent(self._window, QStatusTipEvent(""))
        )


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Tools menu."""
    view, store = context.view, context.view.work.of(Lesions)
    _Speaker(context)

    def has_series() -> bool:
        return store.series() is not None

    def has_chosen() -> bool:
        return store.get(store.selected) is not None

    def step(by: int) -> None:
        item = store.series()
        uids = [lesion.uid for lesion in store.of(item.volume.uid)] if item is not None else []
        if uids:
            at = uids.index(store.selected) if store.selected in uids else -1 if by > 0 else 0
            store.jump(uids[(at + by) % len(uids)])

    menu = "Tools"
    yield Command(
        "lesion.here",
        "Lesion at the crosshair",
        lambda: _discard(store.grow(None, view.cursor_mm)),
        menu,
        has_series,
    )
    yield Command(
        "lesion.liver",
        "Liver reference at the crosshair",
        lambda: _discard(store.set_liver(view.cursor_mm)),
        menu,
        has_series,
    )
    yield Command("lesion.next", "Next lesion", lambda: step(1), menu, has_series)
    yield Command("lesion.previous", "Previous lesion", lambda: step(-1), menu, has_series)
    yield Command("lesion.delete", "Delete lesion", lambda: store.remove((store.selected,)), menu, has_chosen)


def _discard(_made: object) -> None:
    """Commands have no answer."""
