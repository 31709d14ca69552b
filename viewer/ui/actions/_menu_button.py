"""A toolbar button for many commands: a press runs the one that was used last, its arrow offers all of them."""

from __future__ import annotations

from collections.abc import Mapping

from PySide6.QtWidgets import QMenu

from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.theme import icon


class MenuButton:
    """See the module text.

    Parameters
    ----------
    context
        The session.
    command_id, text, group
        Of the command of the button.
    members
        Ids of checkable commands to the names of their icons; they stand in no menu of their own.
    """

    def __init__(
        self, context: UiContext, command_id: str, text: str, group: str, members: Mapping[str, str]
    ) -> None:
        self._table = context.commands
        self._window = context.window
        self._id, self._text, self._group = command_id, text, group
        self._members = dict(members)
        self._last = next(iter(self._members))

    def command(self) -> Command:
        """The command of the button; its members must be registered before it runs."""
        return Command(
            self._id,
            self._text,
            lambda: self._table.run(self._last),
            self._group,
            self._possible,
            checked=self._follow,
            icon=self._members[self._last],
        )

    def fill(self) -> None:
        """Put the members into the menu of the button; all of them are commands by now."""
        menu = QMenu(self._window)
        for name, picture in self._members.items():
            action = self._table.action(name)
            action.setIcon(icon(picture))
            menu.addAction(action)
        self._table.action(self._id).setMenu(menu)

    def _possible(self) -> bool:
        """Whether one of them can be chosen; before they are registered, none."""
        members = (self._table.command(name) for name in self._members if name in self._table)
        return any(command.enabled is None or command.enabled() for command in members)

    def _follow(self) -> bool:
        """Whether one of them is chosen; the button shows the one that was chosen last."""
        for name, picture in self._members.items():
            checked = self._table.command(name).checked
            if checked is not None and checked():
                if name != self._last:
                    self._last = name
                    self._table.action(self._id).setIcon(icon(picture))
                return True
        return False
