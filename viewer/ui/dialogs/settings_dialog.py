"""Settings, one row for each entry of the schema that a user may want to change."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

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
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from viewer.errors import SettingsError
from viewer.imaging.colormap import colormaps
from viewer.settings import Setting, Settings, Value
from viewer.ui.dialogs._parts import buttons, column, heading, hint, prepare
from viewer.ui.dialogs.recent import forget_all, recent_paths
from viewer.ui.theme import GRID_PX

KEPT_BY_THE_PROGRAM = frozenset(
    {
        "window.geometry",
        "window.docks",
        "recent.paths",
        "intended-use.seen",
        "export.folder",
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
    "export": "Export",
    "recent": "Recent studies",
}
_CHOICES = {
    "window-first": "Left changes the window, right zooms",
    "crosshair-first": "Left moves the crosshair, right changes the window",
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
        rows = QVBoxLayout(body)
        rows.setSpacing(GRID_PX)
        sections: dict[str, QFormLayout] = {}
        for key in settings.keys():  # noqa: SIM118 - not a mapping
            if key in KEPT_BY_THE_PROGRAM:
                continue
            section = key.partition(".")[0]
            if section not in sections:
                sections[section] = self._section(rows, section)
            self._add(sections[section], settings.describe(key))
        self.forget = QPushButton("Forget recent studies")
        self.forget.setObjectName("recent-clear")
        self.forget.setAutoDefault(False)
        self.forget.setEnabled(bool(recent_paths(settings)))
        self.forget.clicked.connect(self._forget)
        rows.addWidget(self.forget)
        rows.addStretch()
        scroll = QScrollArea()
        scroll.setWidget(body)
        scroll.setWidgetResizable(True)
        scroll.setFrameShape(QFrame.Shape.NoFrame)
        self.note = hint()
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
        self.resize(76 * GRID_PX, 80 * GRID_PX)

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

    def _section(self, rows: QVBoxLayout, section: str) -> QFormLayout:
        if rows.count():
            rows.addSpacing(GRID_PX)
        rows.addWidget(heading(_SECTIONS.get(section, section.capitalize())))
        form = QFormLayout()
        form.setSpacing(GRID_PX)
        form.setRowWrapPolicy(QFormLayout.RowWrapPolicy.WrapLongRows)
        form.setFieldGrowthPolicy(QFormLayout.FieldGrowthPolicy.FieldsStayAtSizeHint)
        rows.addLayout(form)
        return form

    def _add(self, form: QFormLayout, setting: Setting) -> None:
        field = _field(setting, self._settings.get(setting.key))
        field.widget.setObjectName(setting.key)
        field.widget.setAccessibleName(setting.text)
        self._fields[setting.key] = field
        if isinstance(field.widget, QCheckBox):
            form.addRow(field.widget)
        else:
            form.addRow(setting.text, field.widget)

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
        whole.setRange(int(low), int(high))
        return _Field(whole, whole.value, lambda value: whole.setValue(int(value)))  # type: ignore[arg-type]
    number = QDoubleSpinBox()
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
