"""All keys and mouse gestures on one sheet, made from the command table; searchable, and keys can be changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from PySide6.QtCore import QEvent, QObject, Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QKeySequenceEdit,
    QLabel,
    QLineEdit,
    QPushButton,
    QTabWidget,
    QTreeWidget,
    QTreeWidgetItem,
    QWidget,
)

from viewer.ui.commands import MENU_ORDER, Command, CommandTable
from viewer.ui.dialogs._parts import Hint, buttons, column, prepare
from viewer.ui.theme import GRID_PX

_ID = Qt.ItemDataRole.UserRole
_GESTURES = {
    "click": "click",
    "drag": "drag",
    "double": "double click",
}
_ACTIONS = {
    "crosshair": "Move the linked crosshair",
    "tool": "Use the active tool (window and level at first)",
    "window": "Change window and level",
    "pan": "Pan",
    "zoom": "Zoom",
    "zoom-at": "Zoom at the mouse",
    "scroll": "Scroll slices",
    "scroll-ten": "Scroll ten slices",
    "rotate": "Rotate the planes",
    "menu": "Open the menu",
    "maximise": "Maximise or restore the pane",
}


def portable(sequence: str | QKeySequence) -> str:
    """A key in Qt's portable notation, in one spelling ("pgup" and "PgUp" are one key)."""
    return QKeySequence(sequence).toString(QKeySequence.SequenceFormat.PortableText)


def native(keys: Iterable[str]) -> str:
    """Keys as this system writes them, for reading."""
    native_text = QKeySequence.SequenceFormat.NativeText
    return ", ".join(QKeySequence(key).toString(native_text) for key in keys)


def conflicts(table: CommandTable, command_id: str, key: str) -> tuple[Command, ...]:
    """Other commands that already answer to a key."""
    wanted = portable(key)
    return tuple(
        command
        for command in table
        if command.id != command_id and wanted in {portable(own) for own in table.keys(command.id)}
    )


def assign(table: CommandTable, command_id: str, key: str, *, take_over: bool = False) -> tuple[Command, ...]:
    """Add a key to a command, now and in the user's file.

    Parameters
    ----------
    key
        In Qt's notation.
    take_over
        Take the key away from the commands that have it.

    Returns
    -------
    tuple
        The commands in the way; when there are any and `take_over` is False nothing was changed.

    Raises
    ------
    OSError
        The user's file could not be written.
    """
    key = portable(key)
    taken = conflicts(table, command_id, key)
    if taken and not take_over:
        return taken
    for other in taken:
        table.rebind(other.id, [own for own in table.keys(other.id) if portable(own) != key])
    own_keys = [own for own in table.keys(command_id) if portable(own) != key]
    table.rebind(command_id, [*own_keys, key])
    return taken


def gesture_text(gesture: str) -> str:
    """A gesture as people read it: "Ctrl + left drag" for "ctrl+left.drag"."""
    where, _, what = gesture.partition(".")
    *modifiers, button = where.split("+")
    words = " ".join(filter(None, (button, _GESTURES.get(what, what))))
    return " + ".join(
        [*(modifier.capitalize() for modifier in modifiers), words if modifiers else words.capitalize()]
    )


def action_text(action: str) -> str:
    """What a gesture does, in words."""
    return _ACTIONS.get(action, action.replace("-", " ").capitalize())


class ShortcutsDialog(QDialog):
    """See the module text. Changes act at once; there is nothing to accept.

    Parameters
    ----------
    table
        Commands and their keys.
    mouse
        Gesture to action.
    """

    def __init__(self, table: CommandTable, mouse: Mapping[str, str], parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "shortcuts-dialog", "Keys and mouse")
        self.resize(80 * GRID_PX, 76 * GRID_PX)
        self._table = table
        self._pending = ""
        self.search = QLineEdit()
        self.search.setObjectName("shortcut-search")
        self.search.setPlaceholderText("Search actions and keys")
        self.search.setAccessibleName("Search actions and keys")
        self.search.setClearButtonEnabled(True)
        self.tree = _tree("shortcut-list", ("Action", "Keys"))
        self.mouse = _tree("mouse-list", ("Gesture", "What it does"))
        self.tabs = QTabWidget()
        self.tabs.addTab(self.tree, "Keys")
        self.tabs.addTab(self.mouse, "Mouse")
        self.editor = QKeySequenceEdit()
        self.editor.setObjectName("shortcut-editor")
        self.editor.setAccessibleName("New key for the chosen action")
        self.editor.setMaximumSequenceLength(1)
        self.add = _button("shortcut-add", "Add key")
        self.take_over = _button("shortcut-take-over", "Take over")
        self.clear = _button("shortcut-clear", "No keys")
        self.default = _button("shortcut-default", "Built-in keys")
        self.note = Hint()
        self.note.setObjectName("shortcut-note")
        self._change_row = QWidget()
        row = QHBoxLayout(self._change_row)
        row.setContentsMargins(0, 0, 0, 0)
        row.setSpacing(GRID_PX)
        row.addWidget(QLabel("New key"))
        for widget in (self.editor, self.add, self.take_over, self.clear, self.default):
            row.addWidget(widget, 1 if widget is self.editor else 0)
        outer = column(self)
        outer.addWidget(self.search)
        outer.addWidget(self.tabs, 1)
        outer.addWidget(self._change_row)
        outer.addWidget(self.note)
        box, close = buttons(self, "Close", cancel=False)
        close.setAutoDefault(False)
        close.setDefault(False)
        outer.addWidget(box)
        self._fill_keys()
        self._fill_mouse(mouse)
        self.search.textChanged.connect(self._filter)
        self.tree.currentItemChanged.connect(self._chosen)
        self.editor.keySequenceChanged.connect(self._typed)
        self.add.clicked.connect(lambda: self._assign(take_over=False))
        self.take_over.clicked.connect(lambda: self._assign(take_over=True))
        self.clear.clicked.connect(self._clear)
        self.default.clicked.connect(self._reset)
        self.tabs.currentChanged.connect(self._chosen)
        self.editor.installEventFilter(self)
        self.search.setFocus()
        self._chosen()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys that are being chosen must not run the command they belong to now."""
        if watched is self.editor and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().eventFilter(watched, event)

    @property
    def chosen(self) -> str:
        """Id of the chosen command, empty for none."""
        item = self.tree.currentItem()
        if item is None or self.tabs.currentWidget() is not self.tree:
            return ""
        return str(item.data(0, _ID) or "")

    def choose(self, command_id: str) -> None:
        """Choose a command as a click would."""
        for item in self._rows():
            if item.data(0, _ID) == command_id:
                self.tree.setCurrentItem(item)
                return

    def _rows(self) -> Iterable[QTreeWidgetItem]:
        for group in _items(self.tree.invisibleRootItem()):
            yield from _items(group)

    def _fill_keys(self) -> None:
        for group in MENU_ORDER:
            members = [command for command in self._table if command.group == group]
            if not members:
                continue
            top = QTreeWidgetItem(self.tree, [group])
            top.setFlags(Qt.ItemFlag.ItemIsEnabled)
            font = top.font(0)
            font.setBold(True)
            top.setFont(0, font)
            for command in members:
                row = QTreeWidgetItem(top, [command.text.rstrip("…"), native(self._table.keys(command.id))])
                row.setData(0, _ID, command.id)
            top.setExpanded(True)

    def _fill_mouse(self, mouse: Mapping[str, str]) -> None:
        for gesture, action in mouse.items():
            QTreeWidgetItem(self.mouse, [gesture_text(gesture), action_text(action)])

    def _filter(self, text: str) -> None:
        words = text.lower().split()

        def fits(item: QTreeWidgetItem, more: str = "") -> bool:
            shown = f"{item.text(0)} {item.text(1)} {more}".lower()
            return all(word in shown for word in words)

        for top in _items(self.tree.invisibleRootItem()):
            rows = _items(top)
            for row in rows:
                row.setHidden(not fits(row, top.text(0)))
            top.setHidden(all(row.isHidden() for row in rows))
        for gesture in _items(self.mouse.invisibleRootItem()):
            gesture.setHidden(not fits(gesture))

    def _chosen(self) -> None:
        chosen = bool(self.chosen)
        for widget in (self.editor, self.clear, self.default):
            widget.setEnabled(chosen)
        self.editor.clear()
        self._typed()
        keys = self.tabs.currentWidget() is self.tree
        self._change_row.setVisible(keys)
        if not keys:
            self.note.setText("Settings, Mouse chooses between two profiles.")
        elif not chosen:
            self.note.setText("Choose an action to change its keys.")

    def _typed(self) -> None:
        self._pending = portable(self.editor.keySequence())
        taken = conflicts(self._table, self.chosen, self._pending) if self._pending and self.chosen else ()
        self.add.setEnabled(bool(self._pending and self.chosen and not taken))
        self.take_over.setVisible(bool(taken))
        self.add.setVisible(not taken)
        if taken:
            names = ", ".join(f"“{command.text.rstrip('…')}”" for command in taken)
            self.note.setText(f"{native([self._pending])} already belongs to {names}.")
        else:
            self.note.clear()

    def _assign(self, *, take_over: bool) -> None:
        if self.chosen and self._pending:
            pending = self._pending
            self._change(lambda: assign(self._table, self.chosen, pending, take_over=take_over))

    def _clear(self) -> None:
        if self.chosen:
            self._change(lambda: self._table.rebind(self.chosen, ()))

    def _reset(self) -> None:
        if not self.chosen:
            return
        command_id = self.chosen

        def reset() -> None:
            self._table.shortcuts.reset(command_id)
            keys = [QKeySequence(key) for key in self._table.keys(command_id)]
            self._table.action(command_id).setShortcuts(keys)

        self._change(reset)
        taken = {
            other.text
            for key in self._table.keys(command_id)
            for other in conflicts(self._table, command_id, key)
        }
        if taken:
            self.note.setText("Also used by: " + ", ".join(sorted(taken)) + ".")

    def _change(self, change: Callable[[], object]) -> None:
        try:
            change()
        except OSError as error:
            self.note.setText(f"The shortcut file could not be written ({error.strerror}).")
            return
        for row in self._rows():
            row.setText(1, native(self._table.keys(str(row.data(0, _ID)))))
        self.editor.clear()
        self._typed()


def _items(parent: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    children = (parent.child(number) for number in range(parent.childCount()))
    return [child for child in children if child is not None]


def _tree(name: str, headers: tuple[str, str]) -> QTreeWidget:
    tree = QTreeWidget()
    tree.setObjectName(name)
    tree.setAccessibleName(headers[0])
    tree.setHeaderLabels(list(headers))
    tree.setRootIsDecorated(False)
    tree.setUniformRowHeights(True)
    tree.setAlternatingRowColors(True)
    tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
    tree.header().setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
    tree.header().setStretchLastSection(False)
    return tree


def _button(name: str, text: str) -> QPushButton:
    button = QPushButton(text)
    button.setObjectName(name)
    button.setAutoDefault(False)
    return button
