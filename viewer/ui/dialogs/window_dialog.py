"""Exact window entry (rule C05): width and level, or lower and upper value, whichever the user thinks in."""

from __future__ import annotations

from PySide6.QtCore import Signal
from PySide6.QtWidgets import QDialog, QWidget

from viewer.imaging.window import Window
from viewer.ui.dialogs._parts import buttons, column, prepare
from viewer.ui.dialogs.window_fields import WindowFields


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
        self.fields = WindowFields(window, unit)
        box, self._accept = buttons(self, "Apply")
        outer = column(self)
        outer.addWidget(self.fields)
        outer.addStretch()
        outer.addWidget(box)
        self.fields.changed.connect(self._changed)
        self.fields.focus_first()

    @property
    def window_value(self) -> Window:
        """The window as typed; the last valid one while the fields make no sense."""
        return self.fields.window_value

    def _changed(self) -> None:
        self._accept.setEnabled(self.fields.valid)
        if self.fields.valid:
            self.changed.emit(self.fields.window_value)
