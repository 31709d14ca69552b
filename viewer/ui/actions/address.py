"""Opening what lies on a server."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.ui.commands import Command
from viewer.ui.context import UiContext


def commands(context: UiContext) -> Iterable[Command]:
    """The command of the File menu."""
    yield Command("file.open-address", "Open address…", lambda: ask_address(context), "File")


def ask_address(context: UiContext) -> None:
    """Ask for an address and open it."""
    from viewer.ui.dialogs._parts import show
    from viewer.ui.dialogs.address_dialog import AddressDialog
    from viewer.ui.opening import open_with_question

    dialog = AddressDialog(context.window)

    def go_on() -> None:
        if dialog.place is not None:
            open_with_question(context, [dialog.place])

    dialog.accepted.connect(go_on)
    show(dialog)
