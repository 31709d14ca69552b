"""Dialog for the inputs of an SUV: what the header says, what the user knows better (rule D15)."""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QDate, QDateTime, QTime
from PySide6.QtWidgets import (
    QComboBox,
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
from viewer.imaging.suv import as_used
from viewer.imaging.suv_times import earliest_acquisition
from viewer.state.suv_edit import edit_suv, known_inputs, reset_suv
from viewer.ui.sidebar._parts import Banner, label
from viewer.ui.theme import GRID_PX

if TYPE_CHECKING:
    from viewer.imaging.suv import SuvInputs
    from viewer.state.library import Library, OpenVolume

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
    "height_cm": _Number("Height", "cm", 1, 260.0),
}
_OPTIONAL = ("residual_bq", "height_cm")
_SEXES = {"": "not given", "F": "female", "M": "male", "O": "other"}


def _given(inputs: SuvInputs) -> dict[str, tuple[float, str]]:
    """Values as used (after the checks of D10 and D11) and their origins, in the inputs' own units.

    What is missing or unclear is 0, so that it has to be entered: a dose that may be in Bq or MBq is a question, not
    a suggestion.
    """
    used = as_used(inputs)
    return {
        "weight_kg": (used.get("weight_kg", 0.0), inputs.weight_kg.origin),
        "dose_bq": (used.get("dose_bq", 0.0), inputs.dose_bq.origin),
        "residual_bq": (inputs.residual_bq.value or 0.0, inputs.residual_bq.origin),
        "half_life_s": (inputs.half_life_s.value or 0.0, inputs.half_life_s.origin),
        "height_cm": (inputs.height_cm.value or 0.0, inputs.height_cm.origin),
    }


def _injection(item: OpenVolume, inputs: SuvInputs) -> tuple[dt.datetime, str] | None:
    """The injection as used, or as far as the header knows it, for the user to correct; None without any date."""
    suv = item.stack.suv
    if suv is not None and suv.injection is not None:
        return suv.injection, suv.injection_origin
    if inputs.injection.value is not None:
        return inputs.injection.value, inputs.injection.origin
    start = earliest_acquisition(inputs) or inputs.series_start.value
    if start is None:
        return None
    time = inputs.injection_time
    if time.value is None:
        return start, "missing: this is the acquisition"
    return dt.datetime.combine(start.date(), time.value, start.tzinfo), f"{time.origin}, date not known"


class SuvEditor(QDialog):
    """See the module text. Accepting changes only the inputs that were changed here.

    Parameters
    ----------
    library
        Holds the volume.
    item
        The PET volume, with an SUV or with a gap in the inputs of one.
    """

    def __init__(self, library: Library, item: OpenVolume, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        inputs = known_inputs(item)
        if inputs is None:
            raise LookupError("the volume has no SUV inputs")
        self._library = library
        self._uid = item.volume.uid
        injection = _injection(item, inputs)
        self._zone = injection[0].tzinfo if injection is not None else None
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
        for name, (value, origin) in _given(inputs).items():
            self._add_number(grid, name, value, origin)
        self._add_sex(grid, inputs.sex.value or "", inputs.sex.origin)
        if injection is not None:
            self._add_injection(grid, *injection)
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
        gap = item.stack.suv_gap if item.stack.suv is None else None
        if gap is not None:
            self._ask(gap.field, item.stack.suv_note)

    def _add_number(self, grid: QGridLayout, name: str, value: float, origin: str) -> None:
        kind = _NUMBERS[name]
        field = QDoubleSpinBox()
        field.setObjectName(f"suv-{name}")
        field.setAccessibleName(f"{kind.text} in {kind.unit}")
        field.setDecimals(kind.digits)
        field.setRange(0.0, kind.largest)
        field.setGroupSeparatorShown(False)
        field.setSpecialValueText("not entered" if name in _OPTIONAL else "missing")
        field.setValue(value / kind.scale)
        self.numbers[name] = field
        self._add_row(grid, kind.text, field, kind.unit, origin)

    def _add_sex(self, grid: QGridLayout, sex: str, origin: str) -> None:
        self.sex = QComboBox()
        self.sex.setObjectName("suv-sex")
        self.sex.setAccessibleName("Sex, for lean and ideal body mass")
        for code, text in (_SEXES if sex in _SEXES else {**_SEXES, sex: sex}).items():
            self.sex.addItem(text, code)
        self.sex.setCurrentIndex(self.sex.findData(sex))
        self._add_row(grid, "Sex", self.sex, "", origin)

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

    def _ask(self, missing: str, reason: str) -> None:
        """Say what stands between the header and an SUV, with the cursor where the answer goes."""
        self.problem.set_text(reason)
        field: QWidget | None = self.injection if missing == "injection" else self.numbers.get(missing)
        if field is not None:
            field.setFocus()

    def _entered(self) -> dict[str, float | str | dt.datetime]:
        values: dict[str, float | str | dt.datetime] = {
            name: field.value() * _NUMBERS[name].scale for name, field in self.numbers.items()
        }
        values["sex"] = str(self.sex.currentData())
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
