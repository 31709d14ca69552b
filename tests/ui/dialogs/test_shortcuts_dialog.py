"""The shortcut sheet: complete, searchable, and a key belongs to one command."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import QTreeWidgetItem, QWidget
from pytestqt.qtbot import QtBot

from viewer.ui.commands import Command, CommandTable, Shortcuts
from viewer.ui.dialogs.shortcuts_dialog import (
    ShortcutsDialog,
    action_text,
    assign,
    conflicts,
    gesture_text,
    portable,
)


@pytest.fixture
def window(qtbot: QtBot) -> QWidget:
    widget = QWidget()
    qtbot.addWidget(widget)
    return widget


@pytest.fixture
def ran() -> list[str]:
    return []


@pytest.fixture
def table(window: QWidget, tmp_path: Path, ran: list[str]) -> CommandTable:
    commands = CommandTable(Shortcuts(tmp_path / "shortcuts.toml"), window)

    def command(name: str, text: str, group: str, keys: tuple[str, ...] = ()) -> Command:
        return Command(name, text, lambda: ran.append(name), group, keys=keys)

    commands.register(
        [
            command("export.pane", "Picture of the pane…", "Export"),
            command("view.next-slice", "Next slice", "Navigate"),
            command("cine.toggle", "Play slices", "Export"),
            command("own.thing", "Own thing", "View", ("J",)),
            command("own.keyless", "Thing without a key", "View"),
        ]
    )
    return commands


@pytest.fixture
def dialog(table: CommandTable, window: QWidget) -> Iterator[ShortcutsDialog]:
    made = ShortcutsDialog(table, table.shortcuts.mouse, window)
    yield made
    made.close()


def _rows(dialog: ShortcutsDialog) -> dict[str, QTreeWidgetItem]:
    return {str(row.data(0, Qt.ItemDataRole.UserRole)): row for row in dialog._rows()}


def test_that_every_command_stands_on_the_sheet_with_its_keys(
    dialog: ShortcutsDialog, table: CommandTable
) -> None:
    rows = _rows(dialog)
    assert set(rows) == {command.id for command in table}
    assert rows["export.pane"].text(0) == "Picture of the pane"
    assert rows["export.pane"].text(1) == "Ctrl+S"
    assert rows["own.thing"].text(1) == "J"
    assert rows["own.keyless"].text(1) == ""


def test_that_the_mouse_gestures_stand_on_the_sheet_in_words(
    dialog: ShortcutsDialog, table: CommandTable
) -> None:
    shown = {}
    for number in range(dialog.mouse.topLevelItemCount()):
        item = dialog.mouse.topLevelItem(number)
        assert item is not None
        shown[item.text(0)] = item.text(1)
    assert len(shown) == len(table.shortcuts.mouse)
    assert shown["Ctrl + left drag"] == "Move the linked crosshair"
    assert shown["Wheel"] == "Scroll slices"
    assert shown["Left double click"] == "Maximise or restore the pane"


def test_that_a_gesture_nobody_foresaw_is_still_readable() -> None:
    assert gesture_text("alt+shift+left.drag") == "Alt + Shift + left drag"
    assert action_text("measure-length") == "Measure length"


@pytest.mark.parametrize(
    "words, found", [("play", {"cine.toggle"}), ("ctrl+s", {"export.pane"}), ("zzz", set())]
)
def test_that_the_search_finds_actions_and_keys(dialog: ShortcutsDialog, words: str, found: set[str]) -> None:
    dialog.search.setText(words)
    assert {name for name, row in _rows(dialog).items() if not row.isHidden()} == found


def test_that_a_conflict_is_found_in_any_spelling(table: CommandTable) -> None:
    assert portable("ctrl+s") == "Ctrl+S"
    assert [command.id for command in conflicts(table, "own.thing", "ctrl+s")] == ["export.pane"]
    assert conflicts(table, "export.pane", "Ctrl+S") == ()


def test_that_a_taken_key_is_not_given_away_silently(table: CommandTable, tmp_path: Path) -> None:
    taken = assign(table, "own.thing", "Ctrl+S")
    assert [command.id for command in taken] == ["export.pane"]
    assert table.keys("own.thing") == ("J",)
    assert table.keys("export.pane") == ("Ctrl+S",)
    assert not (tmp_path / "shortcuts.toml").exists()


def test_that_taking_over_moves_the_key_now_and_after_a_restart(table: CommandTable, tmp_path: Path) -> None:
    assign(table, "own.thing", "Ctrl+S", take_over=True)
    assert table.keys("export.pane") == ()
    assert table.keys("own.thing") == ("J", "Ctrl+S")
    assert QKeySequence("Ctrl+S") in table.action("own.thing").shortcuts()
    assert table.action("export.pane").shortcuts() == []
    kept = tomllib.loads((tmp_path / "shortcuts.toml").read_text())["keys"]
    assert kept == {"export.pane": [], "own.thing": ["J", "Ctrl+S"]}
    again = Shortcuts(tmp_path / "shortcuts.toml")
    assert again.keys(table.command("own.thing")) == ("J", "Ctrl+S")
    assert again.keys(table.command("view.next-slice")) == ("Down",)


def test_that_the_dialog_names_the_conflict_and_offers_to_take_over(
    dialog: ShortcutsDialog, table: CommandTable
) -> None:
    dialog.choose("cine.toggle")
    dialog.editor.setKeySequence(QKeySequence("Ctrl+S"))
    assert "Picture of the pane" in dialog.note.text()
    assert dialog.add.isHidden()
    assert not dialog.take_over.isHidden()
    dialog.take_over.click()
    assert table.keys("cine.toggle") == ("K", "Ctrl+S")
    assert _rows(dialog)["cine.toggle"].text(1) == "K, Ctrl+S"
    assert _rows(dialog)["export.pane"].text(1) == ""


def test_that_a_free_key_is_added_and_the_built_in_keys_come_back(
    dialog: ShortcutsDialog, table: CommandTable
) -> None:
    dialog.choose("cine.toggle")
    dialog.editor.setKeySequence(QKeySequence("Ctrl+K"))
    dialog.add.click()
    assert table.keys("cine.toggle") == ("K", "Ctrl+K")
    dialog.default.click()
    assert table.keys("cine.toggle") == ("K",)
    assert table.action("cine.toggle").shortcuts() == [QKeySequence("K")]
    dialog.clear.click()
    assert table.keys("cine.toggle") == ()


def test_that_a_pressed_key_is_recorded_and_does_not_run_its_command(
    dialog: ShortcutsDialog, ran: list[str], qtbot: QtBot
) -> None:
    dialog.show()
    dialog.choose("cine.toggle")
    dialog.editor.setFocus()
    qtbot.keyClick(dialog.editor, Qt.Key.Key_J)
    assert portable(dialog.editor.keySequence()) == "J"
    assert "Own thing" in dialog.note.text()
    assert ran == []


def test_that_a_file_that_cannot_be_written_is_reported(
    dialog: ShortcutsDialog, table: CommandTable, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    table.shortcuts.user_file = tmp_path / "file" / "shortcuts.toml"
    dialog.choose("cine.toggle")
    dialog.editor.setKeySequence(QKeySequence("Ctrl+K"))
    dialog.add.click()
    assert "could not be written" in dialog.note.text()
