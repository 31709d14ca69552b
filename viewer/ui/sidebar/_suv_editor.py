"""Dialog for the inputs of an SUV: what the header says, what the user knows better (rule D15)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QDate, QDateTime, QTime
from PySide6.QtWidgets import (
    QDateTimeEdit,
    QDialog,
    QDialogButtonBox,
    QDoubleSpinBox,
    QGridLayout,
    QPushButton,
    QVBoxLayout,
    QWidget,
)

from viewer.errors import SuvUnavailable
from viewer.state.suv_edit import edit_suv, reset_suv
from viewer.ui.sidebar._parts import Banner, label
from viewer.ui.theme import GRID_PX

if TYPE_CHECKING:
    from viewer.imaging.suv import SuvResult
    from viewer.state.library import Library

BQ_PER_MBQ = 1e6


@dataclass(frozen=True)
class _Number:
    """A number field: label, unit, decimals, largest value, and what one unit is in the input's own unit."""

    text: str
    unit: str
    digits: int
    largest: float
    scale: float = 1.0


_NUMBERS = {
    "weight_kg": _Number("Weight", "kg", 2, 500.0),
    "dose_bq": _Number("Injected dose", "MBq", 3, 1e5, BQ_PER_MBQ),
    "residual_bq": _Number("Residual activity", "MBq", 3, 1e5, BQ_PER_MBQ),
    "half_life_s": _Number("Half-life", "s", 1, 1e9),
}


def _given(result: SuvResult) -> dict[str, tuple[float, str]]:
    """Values as used (after the checks of D10 and D11) and their origins, in the inputs' own units."""
    inputs = result.inputs
    return {
        "weight_kg": (result.weight_kg or inputs.weight_kg.value or 0.0, inputs.weight_kg.origin),
        "dose_bq": (result.dose_bq or inputs.dose_bq.value or 0.0, inputs.dose_bq.origin),
        "residual_bq": (inputs.residual_bq.value or 0.0, inputs.residual_bq.origin or "not entered"),
        "half_life_s": (inputs.half_life_s.value or 0.0, inputs.half_life_s.origin),
    }


class SuvEditor(QDialog):
    """See the module text. Accepting changes only the inputs that were changed here.

    Parameters
    ----------
    library
        Holds the volume.
    uid
        Of the PET volume.
    result
        Its SUV as it is.
    """

    def __init__(self, library: Library, uid: str, result: SuvResult, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._library = library
        self._uid = uid
        self._zone = result.injection.tzinfo if result.injection is not None else None
        self.setObjectName("suv-editor")
        self.setWindowTitle("SUV inputs")
        self.problem = Banner("suv-editor-problem", "error", "error")
        self.problem.set_text("")
        self.numbers: dict[str, QDoubleSpinBox] = {}
        self.injection: QDateTimeEdit | None = None
        grid = QGridLayout()
        grid.setHorizontalSpacing(GRID_PX)
        grid.setVerticalSpacing(GRID_PX)
        grid.setColumnStretch(3, 1)
        for name, (value, origin) in _given(result).items():
            self._add_number(grid, name, value, origin)
        if result.injection is not None:
            self._add_injection(grid, result.injection, result.injection_origin)
        self._before = self._entered()
        outer = QVBoxLayout(self)
        outer.setContentsMargins(*(2 * GRID_PX,) * 4)
        outer.setSpacing(2 * GRID_PX)
        outer.addWidget(
            label("SUV from edited inputs is marked SUV* in the panes and in exports.", "dim", wrap=True)
        )
        outer.addLayout(grid)
        outer.addWidget(self.problem)
        outer.addWidget(self._buttons())

    def _add_number(self, grid: QGridLayout, name: str, value: float, origin: str) -> None:
        kind = _NUMBERS[name]
        field = QDoubleSpinBox()
        field.setObjectName(f"suv-{name}")
        field.setAccessibleName(f"{kind.text} in {kind.unit}")
        field.setDecimals(kind.digits)
        field.setRange(0.0, kind.largest)
        field.setGroupSeparatorShown(False)
        field.setValue(value / kind.scale)
        self.numbers[name] = field
        self._add_row(grid, kind.text, field, kind.unit, origin)

    def _add_injection(self, grid: QGridLayout, moment: dt.datetime, origin: str) -> None:
        field = QDateTimeEdit(
            QDateTime(
                QDate(moment.year, moment.month, moment.day), QTime(moment.hour, moment.minute, moment.second)
            )
        )
        field.setObjectName("suv-injection")
        field.setAccessibleName("Time of injection")
        field.setDisplayFormat("yyyy-MM-dd HH:mm:ss")
        field.setCalendarPopup(False)
        self.injection = field
        self._add_row(grid, "Injection", field, "", origin)

    @staticmethod
    def _add_row(grid: QGridLayout, text: str, field: QWidget, unit: str, origin: str) -> None:
        row = grid.rowCount()
        tag = label(text)
        tag.setBuddy(field)
        grid.addWidget(tag, row, 0)
        grid.addWidget(field, row, 1)
        grid.addWidget(label(unit, "dim"), row, 2)
        grid.addWidget(label(origin, "dim"), row, 3)

    def _buttons(self) -> QDialogButtonBox:
        box = QDialogButtonBox(
            QDialogButtonBox.StandardButton.Ok | QDialogButtonBox.StandardButton.Cancel, parent=self
        )
        self.reset = QPushButton("Header values")
        self.reset.setObjectName("suv-reset")
        self.reset.setToolTip("Take back everything that was entered")
        box.addButton(self.reset, QDialogButtonBox.ButtonRole.ResetRole)
        box.accepted.connect(self.accept)
        box.rejected.connect(self.reject)
        self.reset.clicked.connect(self._reset)
        return box

    def _entered(self) -> dict[str, float | dt.datetime]:
        values: dict[str, float | dt.datetime] = {
            name: field.value() * _NUMBERS[name].scale for name, field in self.numbers.items()
        }
        if self.injection is not None:
            day, time = self.injection.date(), self.injection.time()
            values["injection"] = dt.datetime(
                day.year(),
                day.month(),
                day.day(),
                time.hour(),
                time.minute(),
                time.second(),
                tzinfo=self._zone,
            )
        return values

    def accept(self) -> None:
        """Take the changed inputs over, or say why no SUV follows from them."""
        changed = {name: value for name, value in self._entered().items() if value != self._before[name]}
        if changed:
            try:
                edit_suv(self._library, self._uid, **changed)
            except SuvUnavailable as error:
                self.problem.set_text(error.user_message)
                return
        super().accept()

    def _reset(self) -> None:
        reset_suv(self._library, self._uid)
        super().accept()
