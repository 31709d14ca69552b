"""Settings, one row for each entry of the schema that a user may want to change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import Qt
from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDialog,
    QDoubleSpinBox,
    QFormLayout,
    QFrame,
    QHBoxLayout,
    QPushButton,
    QScrollArea,
    QSpacerItem,
    QSpinBox,
    QWidget,
)

from viewer.errors import SettingsError
from viewer.imaging.colormap import colormaps
from viewer.settings import Setting, Settings, Value
from viewer.ui.dialogs._parts import Hint, buttons, column, heading, prepare, rows
from viewer.ui.dialogs.recent import forget_all, recent_paths
from viewer.ui.theme import GRID_PX

KEPT_BY_THE_PROGRAM = frozenset(
    {
        "palette.recent",
        "window.geometry",
        "window.docks",
        "layout.remembered",
        "second.layout",
        "second.geometry",
        "recent.paths",
        "intended-use.seen",
        "export.folder",
        "display.pixels-per-mm",
    }
)
"""Settings that remember something and are not asked for."""

_SECTIONS = {
    "ui": "Window",
    "mouse": "Mouse",
    "annotations": "Annotations",
    "display": "Pictures",
    "pet": "PET",
    "cine": "Playing",
    "memory": "Memory",
    "cache": "Volume cache",
    "export": "Export",
    "recent": "Recent studies",
}
_CHOICES = {
    "window-first": "Left: window, right: zoom",
    "crosshair-first": "Left: crosshair, right: window",
    "full": "Full",
    "minimal": "Minimal",
    "off": "Warnings only",
    "linear": "Linear",
    "nearest": "Nearest voxel",
    "cubic": "Cubic",
    "acquired": "As they were acquired",
    "patient": "Along the patient's axes",
    "dark": "Dark",
    "light": "Light",
}


@dataclass(frozen=True)
class _Field:
    widget: QWidget
    read: Callable[[], Value]
    write: Callable[[Value], None]


class SettingsDialog(QDialog):
    """See the module text. `values` is the answer; `accept` puts it into the settings and saves them.

    Parameters
    ----------
    settings
        What is changed.
    """

    def __init__(self, settings: Settings, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "settings-dialog", "Settings")
        self._settings = settings
        self._fields: dict[str, _Field] = {}
        body = QWidget()
        form = rows(body)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.DontWrapRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        section = ""
        for key in settings.keys():  # noqa: SIM118 - not a mapping
            if key in KEPT_BY_THE_PROGRAM:
                continue
            if key.partition(".")[0] != section:
                section = key.partition(".")[0]
                self._begin(form, section)
            self._add(form, settings.describe(key))
        self.forget = QPushButton("Forget recent studies")
        self.forget.setObjectName("recent-clear")
        self.forget.setAutoDefault(False)
        self.forget.setEnabled(bool(recent_paths(settings)))
        self.forget.clicked.connect(self._forget)
        form.addRow("", self.forget)
        scroll = QScrollArea()
        scroll.setWidget(body)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.note = Hint()
        self.note.setObjectName("settings-note")
        self.note.hide()
        defaults = QPushButton("Built-in settings")
        defaults.setObjectName("settings-defaults")
        defaults.setAutoDefault(False)
        defaults.clicked.connect(self.show_defaults)
        box, _ = buttons(self, "Save")
        bottom = QHBoxLayout()
        bottom.addWidget(defaults)
        bottom.addStretch()
        bottom.addWidget(box)
        outer = column(self)
        outer.addWidget(scroll, 1)
        outer.addWidget(self.note)
        outer.addLayout(bottom)
        self.resize(body.sizeHint().width() + 8 * GRID_PX, 80 * GRID_PX)

    @property
    def values(self) -> dict[str, Value]:
        """The settings as chosen now."""
        return {key: field.read() for key, field in self._fields.items()}

    def choose(self, key: str, value: Value) -> None:
        """Choose a value as the user would."""
        self._fields[key].write(value)

    def show_defaults(self) -> None:
        """Put the built-in values into the fields; `accept` makes them count."""
        for key, field in self._fields.items():
            field.write(self._settings.describe(key).default)

    def accept(self) -> None:
        """Take the values over; they act at once."""
        for key, value in self.values.items():
            self._settings.set(key, value)
        try:
            self._settings.save()
        except SettingsError as error:
            self.note.setText(f"{error.user_message} The changes count until the program ends.")
            self.note.show()
            return
        super().accept()

    def _begin(self, form: QFormLayout, section: str) -> None:
        if form.rowCount():
            form.addItem(QSpacerItem(0, GRID_PX))
        form.addRow(heading(_SECTIONS.get(section, section.capitalize())))

    def _add(self, form: QFormLayout, setting: Setting) -> None:
        field = _field(setting, self._settings.get(setting.key))
        field.widget.setObjectName(setting.key)
        field.widget.setAccessibleName(setting.text)
        self._fields[setting.key] = field
        if isinstance(field.widget, QCheckBox):
            form.addRow("", field.widget)
        else:
            form.addRow(setting.text, field.widget)
        if setting.key == "cache.volumes":
            self._explain_cache(form, field.widget)

    def _explain_cache(self, form: QFormLayout, switch: QWidget) -> None:
        """What is kept, or why nothing can be."""
        from viewer.archive.copies import copies_available
        from viewer.archive.extra import EXTRA

        text = (
            "They open fast the next time. Decoded pixels of patients, without names, stay in your own cache folder, "
            "readable by you alone; switching this off removes them."
        )
        if not copies_available():
            text = EXTRA.replace("The archive needs", "This needs")
            switch.setEnabled(False)
        hint = Hint(text)
        hint.setObjectName("cache-hint")
        form.addRow(hint)

    def _forget(self) -> None:
        forget_all(self._settings)
        self.forget.setEnabled(False)


def _field(setting: Setting, value: Value) -> _Field:
    """The control that fits the type of a setting."""
    if setting.kind == "bool":
        field = _check_field(setting)
    elif setting.kind in ("int", "float"):
        field = _number_field(setting)
    elif setting.key == "pet.fused-colormap":
        field = _combo_field({found.id: found.name for found in colormaps()})
    else:
        field = _combo_field({choice: _CHOICES.get(choice, choice) for choice in setting.choices})
    field.write(value)
    return field


def _check_field(setting: Setting) -> _Field:
    check = QCheckBox(setting.text)
    return _Field(check, check.isChecked, lambda value: check.setChecked(bool(value)))


def _number_field(setting: Setting) -> _Field:
    low, high = setting.low or 0.0, 1e6 if setting.high is None else setting.high
    if setting.kind == "int":
        whole = QSpinBox()
        whole.setAlignment(Qt.AlignmentFlag.AlignRight)
        whole.setRange(int(low), int(high))
        return _Field(whole, whole.value, lambda value: whole.setValue(int(value)))  # type: ignore[arg-type]
    number = QDoubleSpinBox()
    number.setAlignment(Qt.AlignmentFlag.AlignRight)
    number.setRange(low, high)
    number.setSingleStep(0.05)
    return _Field(
        number,
        lambda: round(number.value(), 2),
        lambda value: number.setValue(float(value)),  # type: ignore[arg-type]
    )


def _combo_field(choices: dict[str, str]) -> _Field:
    combo = QComboBox()
    for value, text in choices.items():
        combo.addItem(text, value)
    return _Field(
        combo, lambda: str(combo.currentData()), lambda value: combo.setCurrentIndex(combo.findData(value))
    )
