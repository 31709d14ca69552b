"""The window presets: see all, keep own ones, change built-in ones, exchange them as files (rule C04)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from viewer.errors import SettingsError
from viewer.imaging.presets import Preset, builtin_presets, format_window, import_presets, save_presets
from viewer.ui.dialogs._parts import Hint, buttons, column, prepare, show
from viewer.ui.dialogs.preset_editor import KeyOwner, PresetEditor, free_id
from viewer.ui.dialogs.shortcuts_dialog import native
from viewer.ui.theme import GRID_PX

_ID = Qt.ItemDataRole.UserRole
_FILES = "Presets (*.json *.xml);;All files (*)"


def merge(
    own: Iterable[Preset], imported: Iterable[Preset], key_owner: KeyOwner
) -> tuple[tuple[Preset, ...], tuple[str, ...]]:
    """The user's presets with imported ones: the same id replaces, a key that is taken is left out.

    Returns
    -------
    presets, notes
        What to keep, and a sentence for everything that was changed.
    """
    kept = {preset.id: preset for preset in own}
    builtin = set(builtin_presets())
    notes = []
    for preset in imported:
        if preset in builtin:
            continue
        others = [other for other in kept.values() if other.id != preset.id and other.key == preset.key]
        owner = key_owner(preset.key, preset.id) or (others[0].name if others else "") if preset.key else ""
        if owner:
            notes.append(f"{preset.name}: the key {preset.key} belongs to “{owner}” and was left out.")
        kept[preset.id] = replace(preset, key="") if owner else preset
    return tuple(kept.values()), tuple(notes)


def _spelled(body_part: str) -> str:
    """A body part (PS3.16 CID 2) as people write it: "HEADNECK" is two words."""
    return "Head and neck" if body_part == "HEADNECK" else body_part.capitalize()


class PresetsDialog(QDialog):
    """See the module text; `own` is the answer: the presets to keep on top of the built-in ones.

    Parameters
    ----------
    own
        The user's presets.
    current
        A preset made of the active layer's window, or None when nothing is open.
    key_owner
        Says who has a key outside the presets.
    """

    def __init__(
        self,
        own: Iterable[Preset],
        current: Preset | None,
        key_owner: KeyOwner,
        parent: QWidget | None = None,
    ) -> None:
        super().__init__(parent)
        prepare(self, "presets-dialog", "Window presets")
        self.resize(100 * GRID_PX, 72 * GRID_PX)
        self.own: tuple[Preset, ...] = tuple(own)
        self._current = current
        self._outside_owner = key_owner
        self.tree = QTreeWidget()
        self.tree.setObjectName("preset-list")
        self.tree.setAccessibleName("Window presets")
        self.tree.setHeaderLabels(["Name", "For", "Window", "Key", "Origin"])
        self.tree.setRootIsDecorated(False)
        self.tree.setAlternatingRowColors(True)
        self.tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        self.tree.header().setStretchLastSection(False)
        self.add = self._button("preset-add", "Add current window…", self._add)
        self.edit = self._button("preset-edit", "Edit…", self._edit)
        self.delete = self._button("preset-delete", "Delete", self._delete)
        self.load = self._button("preset-import", "Import…", self._ask_import)
        self.export = self._button("preset-export", "Export own…", self._ask_export)
        side = QVBoxLayout()
        side.setSpacing(GRID_PX)
        for button in (self.add, self.edit, self.delete):
            side.addWidget(button)
        side.addSpacing(2 * GRID_PX)
        for button in (self.load, self.export):
            side.addWidget(button)
        side.addStretch()
        row = QHBoxLayout()
        row.setSpacing(2 * GRID_PX)
        row.addWidget(self.tree, 1)
        row.addLayout(side)
        self.note = Hint()
        self.note.setObjectName("preset-note")
        box, _ = buttons(self, "Save")
        outer = column(self)
        outer.addLayout(row, 1)
        outer.addWidget(self.note)
        outer.addWidget(box)
        self.tree.currentItemChanged.connect(self._enable)
        self.tree.itemDoubleClicked.connect(self._edit)
        self._fill()

    @property
    def presets(self) -> tuple[Preset, ...]:
        """All presets as they would be: built-in ones with the user's on top."""
        merged = {preset.id: preset for preset in builtin_presets()}
        merged.update((preset.id, preset) for preset in self.own)
        return tuple(merged.values())

    @property
    def chosen(self) -> Preset | None:
        """The chosen preset."""
        item = self.tree.currentItem()
        wanted = item.data(0, _ID) if item is not None else None
        return next((preset for preset in self.presets if preset.id == wanted), None)

    def choose(self, preset_id: str) -> None:
        """Choose a preset as a click would."""
        for number in range(self.tree.topLevelItemCount()):
            item = self.tree.topLevelItem(number)
            if item is not None and item.data(0, _ID) == preset_id:
                self.tree.setCurrentItem(item)

    def keep(self, preset: Preset) -> None:
        """Add a preset, or put it in the place of the one with its id; equal to a built-in one it is no own one."""
        mine = {other.id: other for other in self.own}
        mine[preset.id] = preset
        builtin = set(builtin_presets())
        self.own = tuple(other for other in mine.values() if other not in builtin)
        self._fill()
        self.choose(preset.id)

    def read_file(self, path: Path) -> None:
        """Import presets; what could not be taken as it is stands in the note."""
        try:
            found = import_presets(path)
        except SettingsError as error:
            self.note.setText(error.user_message)
            return
        self.own, notes = merge(self.own, found.presets, self.key_owner)
        self._fill()
        self.note.setText("\n".join([f"{len(found.presets)} presets imported.", *found.notes, *notes]))

    def write_file(self, path: Path) -> None:
        """Export the user's presets."""
        try:
            save_presets(self.own, path)
        except OSError as error:
            self.note.setText(f"The file could not be written ({error.strerror}).")
            return
        self.note.setText(f"{len(self.own)} presets written to {path.name}.")

    def key_owner(self, key: str, preset_id: str) -> str:
        """Who has a key: another preset here, or a command that is none."""
        wanted = QKeySequence(key)
        for preset in self.presets:
            if preset.id != preset_id and preset.key and QKeySequence(preset.key) == wanted:
                return preset.name
        return self._outside_owner(key, preset_id)

    def editor(self, preset: Preset, title: str) -> PresetEditor:
        """Make the editor of a preset; when it is accepted the preset is kept."""
        editor = PresetEditor(preset, self.key_owner, title, self)
        editor.accepted.connect(lambda: self.keep(editor.preset))
        return editor

    def _button(self, name: str, text: str, run: object) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(name)
        button.setAutoDefault(False)
        button.clicked.connect(run)
        return button

    def _fill(self) -> None:
        chosen = self.chosen
        builtin = {preset.id: preset for preset in builtin_presets()}
        self.tree.clear()
        for preset in self.presets:
            origin = (
                "own"
                if preset.id not in builtin
                else "built-in"
                if builtin[preset.id] == preset
                else "changed"
            )
            use = " ".join(
                filter(None, (preset.modality or preset.quantity or "any", _spelled(preset.body_part)))
            )
            item = QTreeWidgetItem(
                self.tree,
                [
                    preset.name,
                    use,
                    format_window(preset.window, preset.quantity),
                    native([preset.key]),
                    origin,
                ],
            )
            item.setData(0, _ID, preset.id)
        if chosen is not None:
            self.choose(chosen.id)
        self._enable()

    def _enable(self) -> None:
        chosen = self.chosen
        mine = chosen is not None and chosen in self.own
        changed = mine and chosen is not None and any(chosen.id == preset.id for preset in builtin_presets())
        self.add.setEnabled(self._current is not None)
        self.edit.setEnabled(chosen is not None)
        self.delete.setEnabled(mine)
        self.delete.setText("Back to built-in" if changed else "Delete")
        self.export.setEnabled(bool(self.own))

    def _add(self) -> None:
        if self._current is not None:
            fresh = replace(self._current, id=free_id(self._current.name, (p.id for p in self.presets)))
            show(self.editor(fresh, "New preset"))

    def _edit(self) -> None:
        if self.chosen is not None:
            show(self.editor(self.chosen, "Edit preset"))

    def _delete(self) -> None:
        chosen = self.chosen
        if chosen is not None:
            self.own = tuple(preset for preset in self.own if preset.id != chosen.id)
            self._fill()

    def _ask_import(self) -> None:
        name, _ = QFileDialog.getOpenFileName(self, "Import presets", "", _FILES)
        if name:
            self.read_file(Path(name))

    def _ask_export(self) -> None:
        name, _ = QFileDialog.getSaveFileName(
            self, "Export own presets", "triptych-presets.json", "Presets (*.json)"
        )
        if name:
            self.write_file(Path(name))
