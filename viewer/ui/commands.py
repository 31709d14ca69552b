"""Everything the user can do, as one table: menus, toolbar, shortcut sheet and palette are built from it.

A module of `viewer.ui.actions`, `viewer.ui.export` or `viewer.ui.dialogs` that defines `commands(context)` adds its
commands. Keys come from `resources/shortcuts.toml` with the user's file on top.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from PySide6.QtCore import QObject, Qt, QTimer
from PySide6.QtGui import QAction, QKeySequence
from PySide6.QtWidgets import QWidget

from viewer.assets import asset_path
from viewer.errors import SettingsError

MENU_ORDER = (
    "File",
    "Edit",
    "View",
    "Layout",
    "Window",
    "Layers",
    "Structures",
    "Navigate",
    "Tools",
    "Export",
    "Help",
)


@dataclass(frozen=True)
class Command:
    """One thing the user can do.

    Parameters
    ----------
    id
        Stable identifier, "area.verb".
    text
        Menu text, without a mnemonic.
    run
        What happens.
    group
        Menu it stands in, one of `MENU_ORDER`.
    enabled, checked
        Asked before a menu opens and after each change; None means always enabled, not checkable.
    icon
        Name of an icon, empty for none.
    keys
        Default keys that come with the data of the command (a preset's key); the shortcut file goes before.
    panes_only
        The keys act only while a pane has the focus (arrows, Home, Space), so that lists keep theirs.
    menu
        False leaves the command out of the menus.
    """

    id: str
    text: str
    run: Callable[[], None]
    group: str
    enabled: Callable[[], bool] | None = None
    checked: Callable[[], bool] | None = None
    icon: str = ""
    keys: tuple[str, ...] = ()
    panes_only: bool = False
    menu: bool = True


class Shortcuts:
    """Keys by command id and mouse gestures, built-in with the user's own on top.

    Parameters
    ----------
    user_file
        TOML file with the same tables; need not exist.

    Raises
    ------
    SettingsError
        The user's file is not valid.
    """

    def __init__(self, user_file: Path | None = None) -> None:
        self.user_file = user_file
        builtin = tomllib.loads(asset_path("shortcuts.toml").read_text(encoding="utf-8"))
        self._default: dict[str, tuple[str, ...]] = _key_table(builtin.get("keys", {}))
        self.mouse: dict[str, str] = dict(builtin.get("mouse", {}))
        self._user: dict[str, tuple[str, ...]] = {}
        if user_file is not None and user_file.is_file():
            try:
                table = tomllib.loads(user_file.read_text(encoding="utf-8"))
            except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
                raise SettingsError(
                    f"The shortcut file {user_file.name} is not valid TOML: {error}."
                ) from error
            self._user = _key_table(table.get("keys", {}))
            self.mouse.update(table.get("mouse", {}))

    def keys(self, command: Command) -> tuple[str, ...]:
        """Keys of a command in Qt's portable notation."""
        return self._user.get(command.id, self._default.get(command.id, command.keys))

    def rebind(self, command_id: str, keys: Iterable[str]) -> None:
        """Give a command other keys and keep them in the user's file."""
        self._user[command_id] = tuple(keys)
        self._save()

    def reset(self, command_id: str) -> None:
        """Back to the built-in keys."""
        if self._user.pop(command_id, None) is not None:
            self._save()

    def _save(self) -> None:
        if self.user_file is None:
            return
        rows = [
            f'"{name}" = [{", ".join(_quoted(key) for key in keys)}]'
            for name, keys in sorted(self._user.items())
        ]
        builtin_mouse = tomllib.loads(asset_path("shortcuts.toml").read_text(encoding="utf-8")).get(
            "mouse", {}
        )
        own_mouse = [
            f'"{k}" = {_quoted(v)}' for k, v in sorted(self.mouse.items()) if builtin_mouse.get(k) != v
        ]
        text = "\n".join(["[keys]", *rows, "", "[mouse]", *own_mouse, ""])
        self.user_file.parent.mkdir(parents=True, exist_ok=True)
        partial = self.user_file.with_suffix(".part")
        partial.write_text(text, encoding="utf-8")
        partial.replace(self.user_file)


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _key_table(table: Mapping[str, object]) -> dict[str, tuple[str, ...]]:
    result: dict[str, tuple[str, ...]] = {}
    for name, keys in table.items():
        if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
            raise SettingsError(f"The keys of {name!r} in the shortcut file must be a list of strings.")
        result[name] = tuple(keys)
    return result


SOON_MS = 30
"""Menus and buttons may lag behind a drag by so much; asking every command takes some milliseconds."""


class CommandTable(QObject):
    """All commands and their actions.

    Parameters
    ----------
    shortcuts
        Where keys come from.
    parent
        The window; its actions live and die with it.
    """

    def __init__(self, shortcuts: Shortcuts, parent: QWidget) -> None:
        super().__init__(parent)
        self.shortcuts = shortcuts
        self._window = parent
        self._panes: QWidget | None = None
        self._commands: dict[str, Command] = {}
        self._actions: dict[str, QAction] = {}
        self._soon = QTimer(self)
        self._soon.setSingleShot(True)
        self._soon.setInterval(SOON_MS)
        self._soon.timeout.connect(self.refresh)

    def set_pane_area(self, widget: QWidget) -> None:
        """The widget whose focus `panes_only` keys need."""
        self._panes = widget

    def register(self, commands: Iterable[Command]) -> None:
        """Add commands.

        Raises
        ------
        ValueError
            An id is taken.
        """
        for command in commands:
            if command.id in self._commands:
                raise ValueError(f"command {command.id!r} is registered twice")
            self._commands[command.id] = command
            action = QAction(command.text, self)
            action.setObjectName(command.id)
            action.setCheckable(command.checked is not None)
            action.triggered.connect(lambda _checked=False, cid=command.id: self.run(cid))
            self._actions[command.id] = action
            self._place(command, action)

    def unregister(self, prefix: str) -> None:
        """Take away the commands whose id starts with a prefix (presets after an edit)."""
        for name in [name for name in self._commands if name.startswith(prefix)]:
            del self._commands[name]
            self._actions.pop(name).deleteLater()

    def _place(self, command: Command, action: QAction) -> None:
        owner = self._panes if command.panes_only and self._panes is not None else self._window
        context = (
            Qt.ShortcutContext.WidgetWithChildrenShortcut
            if command.panes_only
            else Qt.ShortcutContext.WindowShortcut
        )
        action.setShortcutContext(context)
        action.setShortcuts([QKeySequence(key) for key in self.shortcuts.keys(command)])
        owner.addAction(action)

    def rebind(self, command_id: str, keys: Iterable[str]) -> None:
        """Give a command other keys, now and after a restart."""
        self.shortcuts.rebind(command_id, keys)
        self._actions[command_id].setShortcuts(
            [QKeySequence(key) for key in self.shortcuts.keys(self._commands[command_id])]
        )

    def __iter__(self) -> Iterator[Command]:
        return iter(tuple(self._commands.values()))

    def __contains__(self, command_id: str) -> bool:
        return command_id in self._commands

    def command(self, command_id: str) -> Command:
        """The command with an id (KeyError when there is none)."""
        return self._commands[command_id]

    def action(self, command_id: str) -> QAction:
        """The action of a command, for menus, buttons and toolbars."""
        return self._actions[command_id]

    def keys(self, command_id: str) -> tuple[str, ...]:
        """Keys of a command in Qt's portable notation."""
        return self.shortcuts.keys(self._commands[command_id])

    def run(self, command_id: str) -> None:
        """Run a command if it is enabled."""
        command = self._commands[command_id]
        if command.enabled is None or command.enabled():
            command.run()
        self.refresh()

    def refresh_soon(self) -> None:
        """Bring the marks up to date once for everything that changes within a moment, as in a drag."""
        if not self._soon.isActive():
            self._soon.start()

    def settle(self) -> None:
        """Do at once what `refresh_soon` has promised: an action that is not enabled yet would not hear its key."""
        if self._soon.isActive():
            self.refresh()

    def refresh(self) -> None:
        """Bring enabled and checked marks up to date."""
        self._soon.stop()
        for name, command in self._commands.items():
            action = self._actions[name]
            if command.enabled is not None:
                action.setEnabled(command.enabled())
            if command.checked is not None:
                action.setChecked(command.checked())
