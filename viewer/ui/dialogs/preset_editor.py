"""One window preset: name, what it is for, the window, a key."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace

from PySide6.QtCore import QEvent, QObject
from PySide6.QtGui import QKeySequence
from PySide6.QtWidgets import (
    QComboBox,
    QDialog,
    QHBoxLayout,
    QKeySequenceEdit,
    QLineEdit,
    QPushButton,
    QWidget,
)

from viewer.imaging.presets import Preset
from viewer.imaging.window import VoiFunction, Window
from viewer.ui.dialogs._parts import Hint, buttons, column, prepare, rows
from viewer.ui.dialogs.window_fields import WindowFields
from viewer.ui.theme import GRID_PX

KeyOwner = Callable[[str, str], str]
"""(key, preset id) to the text of the command or preset that has the key, empty when it is free."""

_USES = {
    "HU": ("CT (Hounsfield units)", "CT"),
    "SUV": ("PET (SUV)", "PT"),
    "": ("Values without a unit", ""),
}


def free_id(name: str, taken: Iterable[str]) -> str:
    """An id for a preset of the user, made from its name."""
    slug = "own-" + (re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-") or "preset")
    present = set(taken)
    number = 1
    while (slug if number == 1 else f"{slug}-{number}") in present:
        number += 1
    return slug if number == 1 else f"{slug}-{number}"


class PresetEditor(QDialog):
    """See the module text; `preset` is the answer.

    Parameters
    ----------
    preset
        What is edited; its id stays.
    key_owner
        Says who has a key.
    title
        Of the dialog.
    """

    def __init__(
        self, preset: Preset, key_owner: KeyOwner, title: str, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        prepare(self, "preset-editor", title)
        self._preset = preset
        self._key_owner = key_owner
        self.name = QLineEdit(preset.name)
        self.name.setObjectName("preset-name")
        self.name.setMaxLength(60)
        self.use = QComboBox()
        self.use.setObjectName("preset-use")
        for unit, (text, _) in _USES.items():
            self.use.addItem(text, unit)
        if preset.quantity not in _USES:
            self.use.addItem(preset.quantity, preset.quantity)
        self.use.setCurrentIndex(self.use.findData(preset.quantity))
        self.body_part = QLineEdit(preset.body_part)
        self.body_part.setObjectName("preset-body-part")
        self.body_part.setPlaceholderText("any")
        self.key = QKeySequenceEdit(QKeySequence(preset.key))
        self.key.setObjectName("preset-key")
        self.key.setMaximumSequenceLength(1)
        no_key = QPushButton("No key")
        no_key.setAutoDefault(False)
        no_key.clicked.connect(self.key.clear)
        keys = QHBoxLayout()
        keys.addWidget(self.key, 1)
        keys.addWidget(no_key)
        self.fields = WindowFields(preset.window, preset.quantity)
        self.note = Hint()
        self.note.setObjectName("preset-note")
        box, self._accept = buttons(self, "Save")
        form = rows()
        for text, widget in (("Name", self.name), ("For", self.use), ("Body part", self.body_part)):
            widget.setAccessibleName(text)
            form.addRow(text, widget)
        self.key.setAccessibleName("Key")
        form.addRow("Key", keys)
        outer = column(self)
        outer.addLayout(form)
        outer.addSpacing(GRID_PX)
        outer.addWidget(self.fields)
        outer.addWidget(self.note)
        outer.addStretch()
        outer.addWidget(box)
        self.name.textChanged.connect(self._check)
        self.use.currentIndexChanged.connect(self._use_chosen)
        self.key.keySequenceChanged.connect(self._check)
        self.fields.changed.connect(self._check)
        self.key.installEventFilter(self)
        self.name.selectAll()
        self._check()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        """Keys that are being chosen must not run the command they belong to now."""
        if watched is self.key and event.type() == QEvent.Type.ShortcutOverride:
            event.accept()
            return True
        return super().eventFilter(watched, event)

    @property
    def preset(self) -> Preset:
        """The preset as typed."""
        name = self.name.text().strip()
        unit = str(self.use.currentData())
        modality = self._preset.modality if unit == self._preset.quantity else _USES.get(unit, ("", ""))[1]
        return replace(
            self._preset,
            name=name,
            window=replace(self.fields.window_value, name=name),
            quantity=unit,
            modality=modality,
            body_part=self.body_part.text().strip().upper(),
            key=self._key_text(),
        )

    def accept(self) -> None:
        """Close only with a preset that can be kept."""
        if self._accept.isEnabled():
            super().accept()

    def _key_text(self) -> str:
        return self.key.keySequence().toString(QKeySequence.SequenceFormat.PortableText)

    def _use_chosen(self) -> None:
        unit, window = str(self.use.currentData()), self.fields.window_value
        if unit == "SUV" and window.function is VoiFunction.LINEAR:
            window = Window.from_bounds(window.lower, window.upper)
        self.fields.set_window(window, unit)
        self._check()

    def _check(self) -> None:
        key = self._key_text()
        owner = self._key_owner(key, self._preset.id) if key else ""
        if not self.name.text().strip():
            problem = "Give the preset a name."
        elif owner:
            problem = f"{key} already belongs to “{owner}”. Choose another key or none."
        else:
            problem = ""
        self.note.setText(problem)
        self.note.setVisible(bool(problem))
        self._accept.setEnabled(not problem and self.fields.valid)
