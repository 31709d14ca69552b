"""The window of one layer: preset, exact entry, function, histogram with limits to drag."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QSize, Qt, QTimer
from PySide6.QtGui import QPaintEvent
from PySide6.QtWidgets import (
    QComboBox,
    QDoubleSpinBox,
    QGridLayout,
    QHBoxLayout,
    QLabel,
    QStyle,
    QStyleOptionComboBox,
    QStylePainter,
    QToolButton,
    QWidget,
)

from viewer.imaging.colormap import colormap
from viewer.imaging.window import Voi, VoiFunction, VoiTable, Window, as_window
from viewer.state.first_window import header_windows
from viewer.state.layers import Role
from viewer.ui.binding import bind, quiet
from viewer.ui.sidebar._histogram_view import HistogramView
from viewer.ui.sidebar._layer_data import Entry, entry_for, user_function, volume_histogram
from viewer.ui.sidebar._parts import ElidedLabel, label
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from collections.abc import Iterable

    from viewer.imaging.presets import Preset
    from viewer.imaging.volume import Volume
    from viewer.state.layers import ImageLayer
    from viewer.ui.context import UiContext

HISTOGRAM_MS = 400
"""While slices arrive the histogram is counted anew at this pace."""
_LARGEST = 1e9
_FUNCTIONS = {
    VoiFunction.LINEAR: "Linear",
    VoiFunction.LINEAR_EXACT: "Linear exact",
    VoiFunction.SIGMOID: "Sigmoid",
}


class _Field(QDoubleSpinBox):
    """A number that is taken over with Enter, Tab or the arrows, never while it is being typed."""

    def __init__(self, name: str) -> None:
        super().__init__()
        self.setObjectName(name)
        self.setKeyboardTracking(False)
        self.setRange(-_LARGEST, _LARGEST)
        self.setAlignment(Qt.AlignmentFlag.AlignRight)
        self.setGroupSeparatorShown(False)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)

    def minimumSizeHint(self) -> QSize:
        return QSize(GRID_PX * 15 // 2, super().minimumSizeHint().height())

    def sizeHint(self) -> QSize:
        return self.minimumSizeHint()


class PresetCombo(QComboBox):
    """Shows the bare name when closed, cut with an ellipsis; the list below it shows the keys too."""

    def shown_text(self) -> str:
        """Name of the preset in force, or the placeholder."""
        name = self.currentData(_NAME_ROLE)
        return self.placeholderText() if name is None else str(name)

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QStylePainter(self)
        option = QStyleOptionComboBox()
        self.initStyleOption(option)
        painter.drawComplexControl(QStyle.ComplexControl.CC_ComboBox, option)
        room = self.style().subControlRect(
            QStyle.ComplexControl.CC_ComboBox, option, QStyle.SubControl.SC_ComboBoxEditField, self
        )
        option.currentText = self.fontMetrics().elidedText(
            self.shown_text(), Qt.TextElideMode.ElideRight, room.width() - GRID_PX
        )
        painter.drawControl(QStyle.ControlElement.CE_ComboBoxLabel, option)


class WindowBlock(QWidget):
    """See the module text.

    Parameters
    ----------
    context
        The session's objects.
    role
        The layer whose window this is.
    """

    def __init__(self, context: UiContext, role: Role) -> None:
        super().__init__()
        self._context = context
        self._view = context.view
        self._role = role
        self._counted = ""
        self._preset_key: tuple[object, ...] = ()
        self._entry = Entry("width-level", 0, VoiFunction.LINEAR)
        self.setObjectName(f"{role}-window")

        self.preset = PresetCombo()
        self.preset.setObjectName(f"{role}-preset")
        self.preset.setAccessibleName(f"Window preset of the {role} layer")
        self.preset.setSizeAdjustPolicy(QComboBox.SizeAdjustPolicy.AdjustToMinimumContentsLengthWithIcon)
        self.preset.setMinimumContentsLength(10)
        self.save = QToolButton()
        self.save.setObjectName(f"{role}-save-preset")
        self.save.setIcon(icon("save"))
        self.save.setToolTip("Save this window as a preset of your own…")
        self.save.setAccessibleName("Save preset")
        self.first, self.second = _Field(f"{role}-window-first"), _Field(f"{role}-window-second")
        self._first_label, self._second_label = label(), label()
        self.unit = ElidedLabel("", "dim")
        self.unit.setObjectName(f"{role}-unit")
        self.function = QComboBox()
        self.function.setObjectName(f"{role}-function")
        self.function.setAccessibleName("Function of the window (PS3.3 C.11.2.1.2)")
        for function, text in _FUNCTIONS.items():
            self.function.addItem(text, function)
        self._function_label = label("Function", "dim")
        self.histogram = HistogramView(f"{role}-histogram")
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(HISTOGRAM_MS)
        self._arrange()
        self._connect()

    def _arrange(self) -> None:
        grid = QGridLayout(self)
        grid.setContentsMargins(0, 0, 0, 0)
        grid.setHorizontalSpacing(GRID_PX)
        grid.setVerticalSpacing(GRID_PX)
        grid.setColumnMinimumWidth(0, GRID_PX * 7)
        grid.setColumnStretch(1, 1)
        chooser = QHBoxLayout()
        chooser.setSpacing(GRID_PX // 2)
        chooser.addWidget(self.preset, 1)
        chooser.addWidget(self.save)
        fields = QHBoxLayout()
        fields.setSpacing(GRID_PX // 2)
        for part in (self._first_label, self.first, self._second_label, self.second, self.unit):
            fields.addWidget(part, 1 if isinstance(part, _Field) else 0)
        grid.addWidget(self._tied("Preset", self.preset), 0, 0)
        grid.addLayout(chooser, 0, 1)
        grid.addLayout(fields, 1, 0, 1, 2)
        grid.addWidget(self._function_label, 2, 0)
        grid.addWidget(self.function, 2, 1)
        grid.addWidget(self.histogram, 3, 0, 1, 2)
        self._first_label.setBuddy(self.first)
        self._second_label.setBuddy(self.second)
        self._function_label.setBuddy(self.function)

    @staticmethod
    def _tied(text: str, widget: QWidget) -> QLabel:
        result = label(text, "dim")
        result.setBuddy(widget)
        return result

    def _connect(self) -> None:
        self.preset.activated.connect(self._choose_preset)
        self.save.clicked.connect(self._save_preset)
        self.first.valueChanged.connect(self._typed)
        self.second.valueChanged.connect(self._typed)
        self.function.activated.connect(self._choose_function)
        self.histogram.limits_dragged.connect(self._dragged)
        self._timer.timeout.connect(self._count)
        bind(self, self._context.library.slices_changed, self._on_slices)
        bind(self, self._context.presets.changed, self._on_presets)

    # --- showing -----------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the window that is in force."""
        layer, item = self._view.layer(self._role), self._view.volume(self._role)
        self.setVisible(layer is not None and item is not None and not item.volume.is_colour)
        if layer is None or item is None or item.volume.is_colour:
            self._timer.stop()
            self._counted = ""
            return
        volume = item.volume
        self._entry = entry_for(volume, layer.window)
        self._show_presets(volume, layer)
        self._show_numbers(volume, as_window(layer.window))
        special = any(window.function is not VoiFunction.LINEAR for window in volume.windows)
        window = as_window(layer.window)
        self.function.setVisible(
            not isinstance(layer.window, VoiTable) and (special or window.function is VoiFunction.SIGMOID)
        )
        self._function_label.setVisible(not self.function.isHidden())
        with quiet(self.function):
            self.function.setCurrentIndex(self.function.findData(window.function))
        self._show_colours(layer)
        if self._counted != volume.uid:
            self._count()

    def _show_presets(self, volume: Volume, layer: ImageLayer) -> None:
        presets = self._context.presets.matching(volume.preset_unit)
        key = (volume.uid, volume.display_unit, presets)
        with quiet(self.preset):
            if key != self._preset_key:
                self._preset_key = key
                self._fill_presets(volume, presets)
            self.preset.setCurrentIndex(self._preset_in_force(layer))
            self.preset.setPlaceholderText(layer.window_name or "own window")

    def _fill_presets(self, volume: Volume, presets: Iterable[Preset]) -> None:
        self.preset.clear()
        # The header's windows are for stored quantities: on an SUV they would be a plain fault (rule C02).
        windows = header_windows(volume) if volume.display_unit == volume.quantity.unit else ()
        for window in windows:
            self._add_preset(window.name, "0" if window is windows[0] else "", window)
        if windows and presets:
            self.preset.insertSeparator(self.preset.count())
        for preset in presets:
            self._add_preset(preset.name, self._preset_shortcut(preset.id, preset.key), preset.window)
        popup = self.preset.view()
        popup.setMinimumWidth(min(popup.sizeHintForColumn(0) + 2 * GRID_PX, GRID_PX * 56))

    def _preset_in_force(self, layer: ImageLayer) -> int:
        """Entry of the layer's window: by name, else by the same values; -1 for a window of the user's own."""
        entries = range(self.preset.count())
        named = [
            n
            for n in entries
            if layer.window_name and self.preset.itemData(n, _NAME_ROLE) == layer.window_name
        ]
        wanted = _values(layer.window)
        equal = [
            n
            for n in entries
            if (window := self.preset.itemData(n)) is not None and _values(window) == wanted
        ]
        return next(iter(named + equal), -1)

    def _preset_shortcut(self, preset_id: str, default: str) -> str:
        command = f"preset.{preset_id}"
        commands = self._context.commands
        keys = commands.keys(command) if command in commands else (default,) if default else ()
        return ", ".join(keys)

    def _add_preset(self, name: str, keys: str, window: Voi) -> None:
        self.preset.addItem(f"{name}   [{keys}]" if keys else name, window)
        self.preset.setItemData(self.preset.count() - 1, name, _NAME_ROLE)

    def _show_numbers(self, volume: Volume, window: Window) -> None:
        entry = self._entry
        bounds = entry.style == "bounds"
        names = ("Lower", "Upper") if bounds else ("W", "L")
        spoken = ("Lower limit", "Upper limit") if bounds else ("Window width", "Window level")
        values = (window.lower, window.upper) if bounds else (window.width, window.center)
        step = max(10.0**-entry.digits, round(window.width / 50, entry.digits))
        fields = ((self.first, self._first_label), (self.second, self._second_label))
        for (field, tag), name, said, value in zip(fields, names, spoken, values, strict=True):
            tag.setText(name)
            field.setAccessibleName(f"{said} of the {self._role} layer")
            with quiet(field):
                field.setDecimals(entry.digits)
                field.setSingleStep(step)
                field.setMinimum(entry.narrowest if said == "Window width" else -_LARGEST)
                field.setValue(value)
        self.unit.setText(volume.display_unit)
        # A long one ("proportional to counts") must not push the fields out of the sidebar.
        needed = self.unit.fontMetrics().horizontalAdvance(self.unit.text())
        self.unit.setFixedWidth(min(needed, GRID_PX * 5))
        self.unit.setToolTip(volume.display_unit)
        self.histogram.set_limits(
            window.lower, window.upper, narrowest=entry.narrowest, digits=min(entry.digits, 2)
        )

    def _show_colours(self, layer: ImageLayer) -> None:
        colours = np.asarray(
            colormap(layer.colormap if self._role is Role.BASE else layer.fused_colormap).rgb, dtype=np.uint8
        )
        colours = colours[::-1] if layer.invert else colours
        voi = layer.window
        if isinstance(voi, VoiTable):
            # Grey levels of a table need not rise evenly, or at all.
            levels = voi.apply(np.linspace(voi.lower, voi.upper, len(colours)))
            colours = colours[np.floor(levels * (len(colours) - 1) + 0.5).astype(np.intp)]
        self.histogram.set_colours(colours)

    def _on_presets(self) -> None:
        self._preset_key = ()
        self.refresh()

    def _on_slices(self, uid: str) -> None:
        layer = self._view.layer(self._role)
        if layer is not None and layer.volume_uid == uid and not self._timer.isActive():
            self._timer.start()

    def _count(self) -> None:
        item = self._view.volume(self._role)
        if item is None:
            return
        found = volume_histogram(item.volume)
        if found is not None:
            self.histogram.set_data(found.edges, found.counts)
            if self._counted != item.volume.uid:
                self.histogram.settle()
            self._counted = item.volume.uid

    # --- changing ----------------------------------------------------------------------------------------------

    def _set(self, window: Voi, name: str = "") -> None:
        self._view.set_window(self._role, window, name)

    def _choose_preset(self, index: int) -> None:
        window = self.preset.itemData(index)
        if window is not None:
            self._set(window, self.preset.itemData(index, _NAME_ROLE))

    def _save_preset(self) -> None:
        self._view.set_active_role(self._role)
        if "presets.save" in self._context.commands:
            self._context.commands.run("presets.save")

    def _typed(self) -> None:
        layer = self._view.layer(self._role)
        if layer is None:
            return
        first, second = self.first.value(), self.second.value()
        function = user_function(self._entry, layer.window)
        if self._entry.style == "width-level":
            self._set(Window(second, max(first, self._entry.narrowest), function))
        elif second - first >= self._entry.narrowest / 2:
            self._set(Window.from_bounds(first, second, function=function))
        else:
            self._show_numbers(self._volume(), as_window(layer.window))

    def _volume(self) -> Volume:
        item = self._view.volume(self._role)
        if item is None:
            raise LookupError("the layer was taken away")
        return item.volume

    def _dragged(self, lower: float, upper: float) -> None:
        layer = self._view.layer(self._role)
        if layer is None:
            return
        digits = self._entry.digits
        lower, upper = round(lower, digits), round(upper, digits)
        if upper - lower >= self._entry.narrowest / 2:
            self._set(Window.from_bounds(lower, upper, function=user_function(self._entry, layer.window)))

    def _choose_function(self) -> None:
        layer = self._view.layer(self._role)
        if layer is not None:
            window = as_window(layer.window)
            function = VoiFunction(self.function.currentData())  # Qt hands a StrEnum back as a plain string
            least = 1.0 if function is VoiFunction.LINEAR else 0.0
            self._set(Window(window.center, max(window.width, least), function))


_NAME_ROLE = Qt.ItemDataRole.UserRole + 1


def _values(voi: Voi) -> object:
    """What two windows have in common when they look the same; a table is only like itself."""
    if isinstance(voi, VoiTable):
        return voi
    return voi.center, voi.width, voi.function
