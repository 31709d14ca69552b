"""Making and changing a structure: brush, threshold, and operations on the whole of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import (
    QCheckBox,
    QComboBox,
    QDoubleSpinBox,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QPushButton,
    QToolButton,
    QVBoxLayout,
)

from viewer.imaging.labelmap import Mask
from viewer.imaging.mask_edit import between_slices, grown, smoothed, without_islands
from viewer.state.structure_edit import RADIUS_RANGE_MM, StructureEditor, axis_across, new_structure, operate
from viewer.ui.binding import bind, quiet
from viewer.ui.sidebar._parts import label
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from viewer.ui.context import UiContext

_MOST = 100_000.0
_STEP_MM = 2.0


class EditBlock(QFrame):
    """See the module text.

    Parameters
    ----------
    context
        The session's objects.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__()
        self._view = context.view
        self._editor = context.view.work.of(StructureEditor)
        self.setObjectName("structure-edit")
        self.setProperty("tone", "card")
        self.new = QToolButton()
        self.new.setIcon(icon("add"))
        self.new.setObjectName("structure-new")
        self.new.setToolTip("New structure")
        self.new.setAccessibleName("New structure")
        self.tools = {name: self._tool(name) for name in ("brush", "eraser")}
        self.form = QComboBox()
        self.form.setObjectName("brush-form")
        self.form.setAccessibleName("Form of the brush")
        self.form.addItems(["Disc", "Ball"])
        self.radius = self._number("brush-radius", "Radius of the brush", RADIUS_RANGE_MM, 1, " mm")
        self.radius.setSingleStep(0.5)
        self.radius.setMinimumWidth(GRID_PX * 11)
        self.limit = QCheckBox("Only values")
        self.limit.setObjectName("brush-threshold")
        limits = (-_MOST, _MOST)
        self.lowest = self._number("brush-lowest", "Lowest value to paint", limits, 1)
        self.highest = self._number("brush-highest", "Highest value to paint", limits, 1)
        self.highest.setValue(300.0)
        self.margin = self._number(
            "structure-margin", "Margin of growth, smoothing and islands", (0.1, 50.0), 1, " mm"
        )
        self.margin.setValue(_STEP_MM)
        self.said = label("", "dim", wrap=True)
        self.said.hide()
        self.operations = {
            name: self._operation(name, text, hint)
            for name, text, hint in (
                ("grow", "Grow", "Add everything within the margin"),
                ("shrink", "Shrink", "Take away everything within the margin of the surface"),
                ("smooth", "Smooth", "Take roughness below the margin away, keeping the volume"),
                ("interpolate", "Interpolate", "Fill empty slices between drawn ones, along the active pane"),
                ("islands", "Largest part", "Keep only the largest connected part"),
            )
        }
        self._arrange()
        self._connect()
        bind(self, self._editor.changed, self._follow)
        bind(self, self._view.display_changed, self._follow)
        self._follow()

    def _tool(self, name: str) -> QToolButton:
        button = QToolButton()
        button.setObjectName(f"structure-{name}")
        button.setIcon(icon(name))
        button.setCheckable(True)
        button.setToolTip(name.capitalize())
        button.setAccessibleName(name.capitalize())
        button.clicked.connect(lambda _on: self._view.set_display(tool=name))
        return button

    def _number(
        self, name: str, spoken: str, limits: tuple[float, float], digits: int, unit: str = ""
    ) -> QDoubleSpinBox:
        box = QDoubleSpinBox()
        box.setObjectName(name)
        box.setAccessibleName(spoken)
        box.setToolTip(spoken)
        box.setDecimals(digits)
        box.setRange(*limits)
        box.setSuffix(unit)
        box.setKeyboardTracking(False)
        box.setMinimumWidth(GRID_PX * 8)
        return box

    def _operation(self, name: str, text: str, hint: str) -> QPushButton:
        button = QPushButton(text)
        button.setObjectName(f"structure-{name}")
        button.setToolTip(hint)
        button.clicked.connect(lambda: self._operate(name, text))
        return button

    def _arrange(self) -> None:
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        layout.setSpacing(GRID_PX)
        head, values = QHBoxLayout(), QHBoxLayout()
        for row in (head, values):
            row.setSpacing(GRID_PX * 3 // 4)
        head.addWidget(self.new)
        for button in self.tools.values():
            head.addWidget(button)
        head.addWidget(self.form, 1)
        head.addWidget(self.radius)
        values.addWidget(self.limit)
        values.addWidget(self.lowest, 1)
        values.addWidget(label("to", "dim"))
        values.addWidget(self.highest, 1)
        grid = QGridLayout()
        grid.setSpacing(GRID_PX)
        # Row, first column, columns: in six, so that no row is wider than the narrowest sidebar.
        places = {
            "grow": (0, 2, 2),
            "shrink": (0, 4, 2),
            "smooth": (1, 0, 3),
            "interpolate": (1, 3, 3),
            "islands": (2, 0, 6),
        }
        grid.addWidget(self.margin, 0, 0, 1, 2)
        for name, (row_, column, columns) in places.items():
            grid.addWidget(self.operations[name], row_, column, 1, columns)
        for column in range(6):
            grid.setColumnStretch(column, 1)
        for part in (head, values, grid):
            layout.addLayout(part)
        layout.addWidget(self.said)

    def _connect(self) -> None:
        self.new.clicked.connect(lambda: new_structure(self._view))
        self.form.currentIndexChanged.connect(lambda n: self._editor.set_options(ball=n == 1))
        self.radius.valueChanged.connect(lambda value: self._editor.set_options(radius_mm=value))
        self.limit.toggled.connect(lambda _on: self._set_threshold())
        for box in (self.lowest, self.highest):
            box.valueChanged.connect(lambda _value: self._set_threshold())

    def _set_threshold(self) -> None:
        on = self.limit.isChecked()
        self._editor.set_options(threshold=(self.lowest.value(), self.highest.value()) if on else None)

    def refresh(self) -> None:
        """Nothing can be drawn without images."""
        base = self._view.base_volume
        self.setVisible(base is not None and base.volume.geometry.oriented)

    def _follow(self) -> None:
        options = self._editor.options
        with quiet(self.form, self.radius, self.limit, *self.tools.values()):
            self.form.setCurrentIndex(int(options.ball))
            self.radius.setValue(options.radius_mm)
            self.limit.setChecked(options.threshold is not None)
            for name, button in self.tools.items():
                button.setChecked(self._view.tool == name)
        for box in (self.lowest, self.highest):
            box.setEnabled(options.threshold is not None)

    def _operate(self, name: str, text: str) -> None:
        margin = self.margin.value()
        normal = self._view.normal(self._view.active.kind)
        changes: dict[str, Callable[[Mask], Mask]] = {
            "grow": lambda mask: grown(mask, margin),
            "shrink": lambda mask: grown(mask, -margin),
            "smooth": lambda mask: smoothed(mask, margin),
            "interpolate": lambda mask: between_slices(mask, axis_across(mask, normal)),
            "islands": without_islands,
        }
        said = operate(self._view, text, changes[name])
        self.said.setText(said)
        self.said.setVisible(bool(said))
