"""The command that opens and closes the second window."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from viewer.ui.commands import Command
from viewer.ui.context import UiContext

if TYPE_CHECKING:
    from viewer.ui.second_window import SecondWindow


class _Opener:
    """Holds the window while it is open."""

    def __init__(self, context: UiContext) -> None:
        self._context = context
        self.window: SecondWindow | None = None

    def toggle(self) -> None:
        if self.window is not None:
            self.window.close()
            return
        from viewer.ui.second_window import SecondWindow

        self.window = SecondWindow(self._context)
        self.window.closed.connect(self._closed)
        self.window.show()

    def _closed(self) -> None:
        self.window = None
        self._context.commands.refresh()


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Layout menu."""
    opener = _Opener(context)
    yield Command(
        "layout.second-window",
        "Second window",
        opener.toggle,
        "Layout",
        checked=lambda: opener.window is not None,
    )
