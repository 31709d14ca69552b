"""The command palette and the keyboard: every command can be reached, nothing traps the focus."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QAbstractButton,
    QApplication,
    QDialog,
    QDockWidget,
    QMenu,
    QTreeWidgetItem,
    QWidget,
)

from tests.phantoms import write_ramp
from viewer.ui.commands import Command
from viewer.ui.dialogs.palette import MOST_RECENT, PaletteDialog, found, recent_commands, remember_command

if TYPE_CHECKING:
    from collections.abc import Iterator

    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

_MOST_TABS = 400


def palette(qtbot: QtBot, window: MainWindow) -> PaletteDialog:
    window.context.commands.run("help.palette")
    dialog = window.findChild(PaletteDialog)
    assert isinstance(dialog, PaletteDialog)
    qtbot.waitExposed(dialog)
    return dialog


def row_at(dialog: PaletteDialog, number: int) -> QTreeWidgetItem:
    row = dialog.list.topLevelItem(number)
    assert row is not None
    return row


def rows(dialog: PaletteDialog) -> list[str]:
    return [row_at(dialog, n).text(0) for n in range(dialog.list.topLevelItemCount())]


def focus_in(root: QWidget) -> QWidget | None:
    """Qt's answer may be None, whatever the stubs say."""
    return root.focusWidget()


def test_that_every_command_but_its_own_is_in_the_palette_with_its_keys(
    qtbot: QtBot, window: MainWindow
) -> None:
    dialog = palette(qtbot, window)
    shown = {row.removeprefix("✓ ") for row in rows(dialog)}
    assert shown == {command.text for command in window.context.commands if command.id != "help.palette"}
    dialog.field.setText("full screen")
    assert row_at(dialog, 0).text(2) == "F11"


def test_that_E24_the_key_opens_the_palette_and_enter_runs_the_first_fit(
    qtbot: QtBot, window: MainWindow
) -> None:
    assert window.context.commands.keys("help.palette") == ("Ctrl+K",)
    dialog = palette(qtbot, window)
    before = window.context.view.density
    qtbot.keyClicks(dialog.field, "annot dens")
    assert rows(dialog)[0] == "Annotation density"
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    qtbot.waitUntil(lambda: window.context.view.density is not before)
    assert recent_commands(window.context.settings) == ("view.density",)
    again = palette(qtbot, window)
    assert rows(again)[0] == "Annotation density"


def test_that_the_arrows_choose_while_the_field_keeps_the_focus(qtbot: QtBot, window: MainWindow) -> None:
    dialog = palette(qtbot, window)
    dialog.field.setText("tool")
    first = dialog.list.currentItem()
    qtbot.keyClick(dialog.field, Qt.Key.Key_Down)
    assert dialog.list.currentItem() is not first
    assert focus_in(dialog) is dialog.field


def test_that_what_cannot_run_is_greyed_and_enter_does_not_run_it(qtbot: QtBot, window: MainWindow) -> None:
    dialog = palette(qtbot, window)
    dialog.field.setText("zoom in")
    assert row_at(dialog, 0).isDisabled()
    dialog.list.setCurrentItem(row_at(dialog, 0))
    qtbot.keyClick(dialog.field, Qt.Key.Key_Return)
    assert dialog.isVisible()
    assert dialog.chosen == ""
    assert "Not available now" in dialog.hint.text()


def test_that_only_so_many_are_remembered_and_the_latest_is_first(window: MainWindow) -> None:
    settings = window.context.settings
    for number in range(MOST_RECENT + 3):
        remember_command(settings, f"a.{number}")
    remember_command(settings, "a.5")
    assert recent_commands(settings)[0] == "a.5"
    assert len(recent_commands(settings)) == MOST_RECENT
    assert len(set(recent_commands(settings))) == MOST_RECENT


def test_that_a_better_fit_goes_before_a_recent_one() -> None:
    one = Command("a.zoom", "Zoom in", lambda: None, "View")
    two = Command("a.other", "Fuzzy order of many", lambda: None, "View")
    assert found([two, one], "zo", ["a.other"]) == (one, two)
    assert found([one, two], "", ["a.other"]) == (two, one)
    assert found([one, two], "view zoom", [])[0] is one


# --- everything from the keyboard ---------------------------------------------------------------------------------


def menu_actions(window: MainWindow) -> set[str]:
    def walk(menu: QMenu) -> Iterator[str]:
        for action in menu.actions():
            if isinstance(inner := action.menu(), QMenu):
                yield from walk(inner)
            if action.objectName():
                yield action.objectName()

    names: set[str] = set()
    for action in window.menuBar().actions():
        if isinstance(menu := action.menu(), QMenu):
            menu.aboutToShow.emit()
            names.update(walk(menu))
    return names


def test_that_E24_every_command_has_a_key_or_stands_in_a_menu(window: MainWindow) -> None:
    in_menus = menu_actions(window)
    table = window.context.commands
    lost = [c.id for c in table if not table.keys(c.id) and c.id not in in_menus]
    assert lost == []


def test_that_no_key_belongs_to_two_commands(window: MainWindow) -> None:
    table = window.context.commands
    owners: dict[str, list[str]] = {}
    for command in table:
        for key in table.keys(command.id):
            owners.setdefault(key, []).append(command.id)
    assert {key: ids for key, ids in owners.items() if len(ids) > 1} == {}


def tab_round(root: QWidget, start: QWidget, key: Qt.Key, qtbot: QtBot) -> list[QWidget]:
    """Widgets that get the focus, one after the other, until it comes back to the first."""
    start.setFocus(Qt.FocusReason.TabFocusReason)
    seen = [start]
    for _ in range(_MOST_TABS):
        now = focus_in(root)
        assert now is not None
        qtbot.keyClick(now, key)
        after = focus_in(root)
        assert after is not None
        if after is start:
            return seen
        assert after is not now, f"the focus is trapped in {now.objectName() or type(now).__name__}"
        assert after not in seen, "the focus goes round in a smaller circle"
        seen.append(after)
    raise AssertionError("the focus does not come back")


def wants_focus(widget: QWidget) -> bool:
    return bool(widget.focusPolicy() & Qt.FocusPolicy.TabFocus) and widget.isEnabled() and widget.isVisible()


@pytest.mark.parametrize(
    "command_id",
    ["help.shortcuts", "settings.open", "presets.manage", "help.about", "help.palette", "display.calibrate"],
)
def test_that_E24_tab_goes_round_in_every_dialog_and_escape_leaves_it(
    qtbot: QtBot, window: MainWindow, command_id: str
) -> None:
    window.context.commands.run(command_id)
    qtbot.waitUntil(lambda: any(d.isVisible() for d in window.findChildren(QDialog)))
    dialog = next(d for d in window.findChildren(QDialog) if d.isVisible())
    dialog.activateWindow()
    qtbot.waitUntil(dialog.isActiveWindow)
    start = focus_in(dialog) or next(w for w in dialog.findChildren(QWidget) if wants_focus(w))
    seen = tab_round(dialog, start, Qt.Key.Key_Tab, qtbot)
    buttons = {b for b in dialog.findChildren(QAbstractButton) if wants_focus(b)}
    assert {b.text() for b in buttons - set(seen)} == set()
    qtbot.keyClick(focus_in(dialog) or dialog, Qt.Key.Key_Escape)
    qtbot.waitUntil(lambda: QApplication.activeModalWidget() is None)


def test_that_E24_the_docks_are_reached_and_left_by_tab(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "ct")
    window.context.loader.open_paths([tmp_path / "ct"])
    qtbot.waitUntil(
        lambda: not window.context.loader.busy and window.context.view.base is not None, timeout=60_000
    )
    window.activateWindow()
    qtbot.waitUntil(window.isActiveWindow)
    start = focus_in(window) or next(w for w in window.findChildren(QWidget) if wants_focus(w))
    seen = tab_round(window, start, Qt.Key.Key_Tab, qtbot)
    for dock in window.findChildren(QDockWidget):
        if dock.isVisible():
            assert any(dock.isAncestorOf(widget) for widget in seen), dock.objectName()
    assert any(window.grid.isAncestorOf(widget) for widget in seen)
