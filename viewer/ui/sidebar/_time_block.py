"""A slider through the times, echoes or b-values of a series; there only when there are several (rule A27)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QHBoxLayout, QSlider, QVBoxLayout, QWidget

from viewer.state.time_points import dimension_name, place_in_time, time_points, time_role
from viewer.ui.binding import quiet
from viewer.ui.sidebar._parts import ElidedLabel, label
from viewer.ui.theme import GRID_PX
from viewer.ui.time_steps import show_time

if TYPE_CHECKING:
    from viewer.dicom.model import Stack
    from viewer.ui.context import UiContext


class TimeBlock(QWidget):
    """See the module text.

    Parameters
    ----------
    context
        The session's objects.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__()
        self._context = context
        self._points: tuple[Stack, ...] = ()
        self.setObjectName("time-block")
        self.title = label("", "heading")
        self.shown = ElidedLabel("", "dim")
        self.slider = QSlider(Qt.Orientation.Horizontal)
        self.slider.setObjectName("time-slider")
        self.slider.setAccessibleName("time or echo shown")
        self.slider.setPageStep(1)
        # A volume is loaded for every value: only the one where the hand comes to rest.
        self.slider.setTracking(False)
        head = QHBoxLayout()
        head.setSpacing(GRID_PX)
        head.addWidget(self.title)
        head.addWidget(self.shown, 1)
        outer = QVBoxLayout(self)
        outer.setContentsMargins(0, 0, 0, 0)
        outer.setSpacing(GRID_PX // 2)
        outer.addLayout(head)
        outer.addWidget(self.slider)
        self.slider.valueChanged.connect(lambda number: show_time(context, number))
        self.slider.sliderMoved.connect(self._name)

    def refresh(self) -> None:
        """Follow the state."""
        role = time_role(self._context.view)
        item = None if role is None else self._context.view.volume(role)
        self.setVisible(item is not None)
        if item is None:
            return
        self._points = time_points(item)
        name = dimension_name(item)
        self.title.setText(name)
        self.slider.setAccessibleName(f"{name} of the series")
        number = place_in_time(item)
        with quiet(self.slider):
            self.slider.setRange(0, len(self._points) - 1)
            self.slider.setValue(number)
        self._name(number)

    def _name(self, number: int) -> None:
        self.shown.setText(f"{number + 1} of {len(self._points)}   {self._points[number].label}")
