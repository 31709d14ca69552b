"""One command a tool; tools of one family share a button of the toolbar and a submenu."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.ui.actions._menu_button import MenuButton
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
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
        name = f"tool.family-{family.lower().replace(' ', '-')}"
        icons = {f"tool.{tool.id}": tool.icon for tool in members}
        button = MenuButton(context, name, family, "Tools", icons)
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
