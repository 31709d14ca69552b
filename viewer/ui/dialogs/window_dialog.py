"""Exact window entry (rule C05): width and level, or lower and upper value, whichever the user thinks in."""

from __future__ import annotations

from collections.abc import Callable

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QComboBox, QDialog, QDoubleSpinBox, QFormLayout, QWidget

from viewer.imaging.window import VoiFunction, Window
from viewer.ui.binding import quiet
from viewer.ui.dialogs._parts import buttons, column, heading, hint, prepare
from viewer.ui.theme import GRID_PX

_FUNCTIONS = {
    VoiFunction.LINEAR: "Linear (DICOM LINEAR)",
    VoiFunction.LINEAR_EXACT: "Linear, exact bounds (LINEAR_EXACT)",
    VoiFunction.SIGMOID: "Sigmoid (SIGMOID)",
}
_LIMIT = 1e9


class WindowDialog(QDialog):
    """See the module text; `window_value` is the answer.

    Parameters
    ----------
    window
        The window to begin with.
    unit
        Unit of the displayed quantity: "HU", "SUV", "Bq/mL", ...
    title
        What the window belongs to, "CT" or "PT".

    Signals
    -------
    changed
        The window as typed so far, for a live picture.
    """

    changed = Signal(object)

    def __init__(self, window: Window, unit: str, title: str, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "window-dialog", f"Window of {title}" if title else "Window")
        self._window = window
        decimals = 0 if unit == "HU" else 2
        if any(not float(value).is_integer() for value in (window.center, window.width)):
            decimals = 2
        suffix = f" {unit}" if unit else ""
        self.width_box = _number("window-width", "Width", decimals, suffix)
        self.width_box.setMinimum(10.0**-decimals)
        self.level_box = _number("window-level", "Level", decimals, suffix)
        self.lower_box = _number("window-lower", "Black at", decimals, suffix)
        self.upper_box = _number("window-upper", "White at", decimals, suffix)
        self.function_box = QComboBox()
        self.function_box.setObjectName("window-function")
        self.function_box.setAccessibleName("Function")
        for function, text in _FUNCTIONS.items():
            self.function_box.addItem(text, function)
        self.note = hint()
        self.note.setObjectName("window-note")
        box, self._accept = buttons(self, "Apply")
        form, bounds = QFormLayout(), QFormLayout()
        for layout in (form, bounds):
            layout.setSpacing(GRID_PX)
        form.addRow("Width", self.width_box)
        form.addRow("Level", self.level_box)
        bounds.addRow("Black at", self.lower_box)
        bounds.addRow("White at", self.upper_box)
        bounds.addRow("Function", self.function_box)
        outer = column(self)
        outer.addWidget(heading("Width and level"))
        outer.addLayout(form)
        outer.addSpacing(GRID_PX)
        outer.addWidget(heading("or the ends of the grey scale"))
        outer.addLayout(bounds)
        outer.addWidget(self.note)
        outer.addStretch()
        outer.addWidget(box)
        self._show(window)
        self.width_box.valueChanged.connect(self._from_width)
        self.level_box.valueChanged.connect(self._from_width)
        self.lower_box.valueChanged.connect(self._from_bounds)
        self.upper_box.valueChanged.connect(self._from_bounds)
        self.function_box.currentIndexChanged.connect(self._from_width)
        first = self.lower_box if unit == "SUV" else self.width_box
        first.setFocus()
        first.selectAll()

    @property
    def window_value(self) -> Window:
        """The window as typed; the last valid one while the fields make no sense."""
        return self._window

    def _function(self) -> VoiFunction:
        return VoiFunction(self.function_box.currentData())

    def _from_width(self) -> None:
        self._take(lambda: Window(self.level_box.value(), self.width_box.value(), self._function()))

    def _from_bounds(self) -> None:
        self._take(
            lambda: Window.from_bounds(
                self.lower_box.value(), self.upper_box.value(), function=self._function()
            )
        )

    def _take(self, make: Callable[[], Window]) -> None:
        try:
            window = make()
        except ValueError as error:
            self.note.setText(f"This is no window: {error}.")
            self._accept.setEnabled(False)
            return
        self.note.clear()
        self._accept.setEnabled(True)
        self._window = window
        self._show(window)
        self.changed.emit(window)

    def _show(self, window: Window) -> None:
        fields = (self.width_box, self.level_box, self.lower_box, self.upper_box, self.function_box)
        with quiet(*fields):
            for box, value in (
                (self.width_box, window.width),
                (self.level_box, window.center),
                (self.lower_box, window.lower),
                (self.upper_box, window.upper),
            ):
                if not box.hasFocus():  # what is being typed stays as it is typed
                    box.setValue(value)
            self.function_box.setCurrentIndex(self.function_box.findData(window.function))


def _number(name: str, label: str, decimals: int, suffix: str) -> QDoubleSpinBox:
    box = QDoubleSpinBox()
    box.setObjectName(name)
    box.setAccessibleName(label)
    box.setRange(-_LIMIT, _LIMIT)
    box.setDecimals(decimals)
    box.setSuffix(suffix)
    box.setStepType(QDoubleSpinBox.StepType.AdaptiveDecimalStepType)
    box.setKeyboardTracking(True)
    return box
