"""One command a tool; tools of one family share a button of the toolbar and a submenu."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtWidgets import QMenu

from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.theme import icon
from viewer.ui.tools import Kindred, Tool, tools


def commands(context: UiContext) -> Iterable[Command]:
    """Commands that choose what the left mouse button does."""
    families: dict[str, list[Tool]] = {}
    for tool in tools():
        family = tool.family if isinstance(tool, Kindred) else ""
        if family:
            families.setdefault(family, []).append(tool)
        yield _command(context, tool, alone=not family)
    for family, members in families.items():
        button = FamilyButton(context, family, members)
        yield button.command()
        button.fill()


def _command(context: UiContext, tool: Tool, *, alone: bool) -> Command:
    view = context.view
    return Command(
        f"tool.{tool.id}",
        tool.text,
        lambda: view.set_display(tool=tool.id),
        "Tools",
        checked=lambda: view.tool == tool.id,
        icon=tool.icon if alone else "",
        menu=alone,
    )


class FamilyButton:
    """A button for many tools: a press takes the one that was used last, its arrow offers all of them.

    Parameters
    ----------
    context
        The session.
    family
        Its name.
    members
        Its tools.
    """

    def __init__(self, context: UiContext, family: str, members: list[Tool]) -> None:
        self._context = context
        self._family = family
        self._members = {tool.id: tool for tool in members}
        self._last = members[0].id

    def command(self) -> Command:
        """The command of the button."""
        return Command(
            self._id,
            self._family,
            lambda: self._context.view.set_display(tool=self._last),
            "Tools",
            checked=self._follow,
            icon=self._members[self._last].icon,
        )

    def fill(self) -> None:
        """Put the tools into the menu of the button; all of them are commands by now."""
        table = self._context.commands
        menu = QMenu(self._context.window)
        for tool in self._members.values():
            action = table.action(f"tool.{tool.id}")
            action.setIcon(icon(tool.icon))
            menu.addAction(action)
        table.action(self._id).setMenu(menu)

    @property
    def _id(self) -> str:
        return f"tool.family-{self._family.lower().replace(' ', '-')}"

    def _follow(self) -> bool:
        """Whether one of them is chosen; the button shows the one that was chosen last."""
        chosen = self._context.view.tool
        if chosen in self._members and chosen != self._last:
            self._last = chosen
            self._context.commands.action(self._id).setIcon(icon(self._members[chosen].icon))
        return chosen in self._members
