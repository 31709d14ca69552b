"""The numbers of a window as fields: width and level beside the two ends, each following the other."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Qt, Signal
from PySide6.QtWidgets import QComboBox, QDoubleSpinBox, QSpacerItem, QWidget

from viewer.imaging.body_size import is_uptake
from viewer.imaging.window import VoiFunction, Window
from viewer.ui.binding import quiet
from viewer.ui.dialogs._parts import Hint, column, heading, rows
from viewer.ui.theme import GRID_PX

_FUNCTIONS = {
    VoiFunction.LINEAR: "Linear (DICOM LINEAR)",
    VoiFunction.LINEAR_EXACT: "Linear, exact ends (LINEAR_EXACT)",
    VoiFunction.SIGMOID: "Sigmoid (SIGMOID)",
}
_LIMIT = 1e9


class WindowFields(QWidget):
    """See the module text; `window_value` is the last window that made sense, `valid` whether it is what is typed.

    Parameters
    ----------
    window
        The window to begin with.
    unit
        Unit of the displayed quantity.

    Signals
    -------
    changed
        Something was typed.
    """

    changed = Signal()

    def __init__(self, window: Window, unit: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._window = window
        self._unit = unit
        self.valid = True
        self.width_box = _number("window-width", "Width")
        self.level_box = _number("window-level", "Level")
        self.lower_box = _number("window-lower", "Black at")
        self.upper_box = _number("window-upper", "White at")
        self._numbers = (self.width_box, self.level_box, self.lower_box, self.upper_box)
        self.function_box = QComboBox()
        self.function_box.setObjectName("window-function")
        self.function_box.setAccessibleName("Function")
        for function, text in _FUNCTIONS.items():
            self.function_box.addItem(text, function)
        self.note = Hint()
        self.note.setObjectName("window-note")
        self.note.hide()
        form = rows()
        form.addRow(heading("Width and level"))
        form.addRow("Width", self.width_box)
        form.addRow("Level", self.level_box)
        form.addItem(QSpacerItem(0, GRID_PX))
        form.addRow(heading("Or the ends of the grey scale"))
        form.addRow("Black at", self.lower_box)
        form.addRow("White at", self.upper_box)
        form.addRow("Function", self.function_box)
        outer = column(self, margin=0)
        outer.addLayout(form)
        outer.addWidget(self.note)
        self.set_window(window, unit)
        self.width_box.valueChanged.connect(self._from_width)
        self.level_box.valueChanged.connect(self._from_width)
        self.lower_box.valueChanged.connect(self._from_ends)
        self.upper_box.valueChanged.connect(self._from_ends)
        self.function_box.currentIndexChanged.connect(self._function_chosen)

    @property
    def window_value(self) -> Window:
        """The window as typed; the last valid one while the fields make no sense."""
        return self._window

    def focus_first(self) -> None:
        """Begin where the unit suggests: the ends for SUV (rule C03), width and level for the rest."""
        first = self.lower_box if is_uptake(self._unit) else self.width_box
        first.setFocus()
        first.selectAll()

    def set_window(self, window: Window, unit: str) -> None:
        """Show a window on a quantity."""
        self._window, self._unit, self.valid = window, unit, True
        whole = unit == "HU" and float(window.center).is_integer() and float(window.width).is_integer()
        with quiet(*self._numbers, self.function_box):
            for box in self._numbers:
                box.setDecimals(0 if whole else 2)
                box.setSuffix(f" {unit}" if unit else "")
            self.width_box.setMinimum(1 if whole else 0.01)
        self._show(window)

    def _function(self) -> VoiFunction:
        return VoiFunction(self.function_box.currentData())

    def _function_chosen(self) -> None:
        self._from_ends() if is_uptake(self._unit) else self._from_width()

    def _from_width(self) -> None:
        self._take(lambda: Window(self.level_box.value(), self.width_box.value(), self._function()))

    def _from_ends(self) -> None:
        self._take(
            lambda: Window.from_bounds(
                self.lower_box.value(), self.upper_box.value(), function=self._function()
            )
        )

    def _take(self, make: Callable[[], Window]) -> None:
        try:
            window = make()
        except ValueError as error:
            self.valid = False
            self.note.setText(f"This is no window: {error}.")
        else:
            self.valid = True
            self.note.clear()
            self._window = window
            self._show(window)
        self.note.setVisible(not self.valid)
        self.changed.emit()

    def _show(self, window: Window) -> None:
        with quiet(*self._numbers, self.function_box):
            for box, value in zip(
                self._numbers, (window.width, window.center, window.lower, window.upper), strict=True
            ):
                if not box.hasFocus():  # what is being typed stays as it is typed
                    box.setValue(value)
            self.function_box.setCurrentIndex(self.function_box.findData(window.function))


def _number(name: str, label: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setObjectName(name)
    box.setAccessibleName(label)
    box.setRange(-_LIMIT, _LIMIT)
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    box.setAlignment(Qt.AlignmentFlag.AlignRight)
    box.setMinimumWidth(18 * GRID_PX)
    return box
