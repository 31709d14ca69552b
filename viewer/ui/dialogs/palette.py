"""The command palette (Ctrl+K): type a few letters of what should happen, press Enter.

Every command is in it, also those without a key or a place in a menu; those that cannot run now are greyed. What was
run last from here stands first.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeyEvent
from PySide6.QtWidgets import (
    QApplication,
    QDialog,
    QHeaderView,
    QLineEdit,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from viewer.settings import Settings
from viewer.state.matching import distance
from viewer.ui.commands import Command, CommandTable
from viewer.ui.context import UiContext
from viewer.ui.dialogs._parts import Hint, column, prepare, show
from viewer.ui.theme import GRID_PX

MOST_RECENT = 8
"""Commands that are remembered."""

_OWN_ID = "help.palette"
_RECENT = "palette.recent"
_ID = Qt.ItemDataRole.UserRole
_LIST_KEYS = (Qt.Key.Key_Up, Qt.Key.Key_Down, Qt.Key.Key_PageUp, Qt.Key.Key_PageDown)


def commands(context: UiContext) -> Iterable[Command]:
    """The command that opens the palette."""
    yield Command(_OWN_ID, "All commands…", lambda: show_palette(context), "Help")


def show_palette(context: UiContext) -> None:
    """Open the palette; what is chosen runs after it has closed, with the focus back where it was."""
    dialog = PaletteDialog(context.commands, recent_commands(context.settings), context.window)

    def run() -> None:
        remember_command(context.settings, dialog.chosen)
        context.commands.run(dialog.chosen)

    dialog.accepted.connect(run)
    show(dialog)


def recent_commands(settings: Settings) -> tuple[str, ...]:
    """Ids of the commands run from the palette, the latest first."""
    kept = settings.get(_RECENT)
    return kept if isinstance(kept, tuple) else ()


def remember_command(settings: Settings, command_id: str) -> None:
    """Put a command to the front of the recent ones."""
    kept = [command_id, *(other for other in recent_commands(settings) if other != command_id)]
    settings.set(_RECENT, kept[:MOST_RECENT])


def found(table: Iterable[Command], typed: str, recent: Sequence[str]) -> tuple[Command, ...]:
    """Commands that fit what was typed, the best first; of equals the recent ones, then the order of the table."""
    ranked: list[tuple[float, int, int, Command]] = []
    for number, command in enumerate(table):
        if command.id == _OWN_ID:
            continue
        far = distance(typed, command.text)
        if far is None and (by_menu := distance(typed, f"{command.group} {command.text}")) is not None:
            far = by_menu + 1  # the name of the menu helps to find, the name of the command counts more
        if far is not None:
            place = recent.index(command.id) if command.id in recent else len(recent)
            ranked.append((far, place, number, command))
    return tuple(command for *_, command in sorted(ranked, key=lambda row: row[:3]))


class PaletteDialog(QDialog):
    """See the module text; `chosen` is the answer.

    Parameters
    ----------
    table
        The command table.
    recent
        Ids of commands that stand first, the latest first.
    """

    def __init__(self, table: CommandTable, recent: Sequence[str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "palette-dialog", "All commands")
        self._table = table
        self._recent = recent
        self.chosen = ""
        self.field = QLineEdit()
        self.field.setObjectName("palette-field")
        self.field.setAccessibleName("Command")
        self.field.setPlaceholderText("Type what should happen")
        self.list = QTreeWidget()
        self.list.setObjectName("palette-list")
        self.list.setAccessibleName("Commands that fit")
        self.list.setColumnCount(3)
        self.list.setHeaderLabels(["Command", "Menu", "Keys"])
        self.list.setRootIsDecorated(False)
        self.list.setAllColumnsShowFocus(True)
        # One stop for the Tab key: the arrows reach the list from the field.
        self.list.setFocusPolicy(Qt.FocusPolicy.NoFocus)
        header = self.list.header()
        header.setStretchLastSection(False)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        for section in (1, 2):
            header.setSectionResizeMode(section, QHeaderView.ResizeMode.ResizeToContents)
        self.hint = Hint()
        outer = column(self)
        for widget in (self.field, self.list, self.hint):
            outer.addWidget(widget)
        self.resize(GRID_PX * 72, GRID_PX * 56)
        self.field.installEventFilter(self)
        self.field.textChanged.connect(self._fill)
        self.field.returnPressed.connect(self._take)
        self.list.itemActivated.connect(lambda _item, _column: self._take())
        self.list.itemClicked.connect(lambda _item, _column: self._take())
        self._fill()
        self.field.setFocus()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Up, Down and the page keys move in the list while the field keeps the focus."""
        if (
            watched is self.field
            and isinstance(event, QKeyEvent)
            and event.type() is QEvent.Type.KeyPress
            and event.key() in _LIST_KEYS
        ):
            QApplication.sendEvent(self.list, event)
            return True
        return super().eventFilter(watched, event)

    def _fill(self) -> None:
        from viewer.ui.dialogs.shortcuts_dialog import native

        self._table.refresh()
        self.list.clear()
        first: QTreeWidgetItem | None = None
        for command in found(self._table, self.field.text(), self._recent):
            action = self._table.action(command.id)
            mark = "✓ " if action.isCheckable() and action.isChecked() else ""
            row = QTreeWidgetItem([mark + command.text, command.group, native(self._table.keys(command.id))])
            row.setData(0, _ID, command.id)
            row.setDisabled(not action.isEnabled())
            self.list.addTopLevelItem(row)
            if first is None and action.isEnabled():
                first = row
        if first is not None:
            self.list.setCurrentItem(first)
        if self.list.topLevelItemCount() == 0:
            self.hint.setText("No command fits. Try fewer letters.")
        elif first is None:
            self.hint.setText("Not available now: greyed commands need an open study or another layer.")
        else:
            self.hint.setText("Enter runs the marked command, Esc closes. Greyed ones cannot run now.")

    def _take(self) -> None:
        row = self.list.currentItem()
        if row is None:  # Qt never makes a greyed row the current one
            return
        self.chosen = str(row.data(0, _ID))
        self.accept()
