"""What stands where in the menus: blocks and submenus of `resources/menus.toml`, filled from the command table.

A command that the file does not name still stands in its menu, so a new one needs no row.
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterable
from functools import lru_cache
from typing import Any

from PySide6.QtWidgets import QMenu

from viewer.assets import asset_path
from viewer.ui.commands import CommandTable

_LINE = "-"
_REST = "*"


def fill_menu(menu: QMenu, group: str, table: CommandTable) -> bool:
    """Put the commands of a group into a menu, each once.

    Parameters
    ----------
    menu
        Empty menu.
    group
        One of `viewer.ui.commands.MENU_ORDER`.
    table
        The commands; those with `menu` False are left out.

    Returns
    -------
    bool
        False when there is nothing to put into it.
    """
    members = [command.id for command in table if command.group == group and command.menu]
    entries = [*_places().get(group, [])]
    if _REST not in entries:
        entries.append(_REST)
    named = {entry for entry in _flat(entries) if not entry.endswith(_REST)}
    areas = tuple(
        entry[: -len(_REST)] for entry in _flat(entries) if entry.endswith(_REST) and entry != _REST
    )
    free = [name for name in members if name not in named]
    rest = [name for name in free if not name.startswith(areas)]
    _put(menu, entries, members, free, rest, table)
    return bool(members)


def _put(
    menu: QMenu,
    entries: Iterable[Any],
    members: list[str],
    free: list[str],
    rest: list[str],
    table: CommandTable,
) -> None:
    line = False
    for entry in entries:
        if isinstance(entry, dict):
            inner = QMenu(str(entry["title"]), menu)
            _put(inner, entry["entries"], members, free, rest, table)
            actions = [] if inner.isEmpty() else [inner.menuAction()]
        elif entry == _LINE:
            line = not menu.isEmpty()
            continue
        elif entry == _REST:
            actions = [table.action(name) for name in rest]
        elif entry.endswith(_REST):
            actions = [table.action(name) for name in free if name.startswith(entry[: -len(_REST)])]
        else:
            actions = [table.action(entry)] if entry in members else []
        if actions and line:
            menu.addSeparator()
            line = False
        menu.addActions(actions)


def _flat(entries: Iterable[Any]) -> Iterable[str]:
    for entry in entries:
        if isinstance(entry, dict):
            yield from _flat(entry["entries"])
        elif entry != _LINE:
            yield entry


@lru_cache(maxsize=1)
def _places() -> dict[str, list[Any]]:
    return tomllib.loads(asset_path("menus.toml").read_text(encoding="utf-8"))
