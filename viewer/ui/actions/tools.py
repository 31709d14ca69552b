"""One command a tool."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.tools import tools


def commands(context: UiContext) -> Iterable[Command]:
    """Commands that choose what the left mouse button does."""
    view = context.view
    for tool in tools():
        yield Command(
            f"tool.{tool.id}",
            tool.text,
            lambda chosen=tool.id: view.set_display(tool=chosen),  # type: ignore[misc]
            "Tools",
            checked=lambda chosen=tool.id: view.tool == chosen,  # type: ignore[misc]
            icon=tool.icon,
        )
