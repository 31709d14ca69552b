"""One layer: what it is, its window, its colours; the overlay also how it lies on the base."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtWidgets import QCheckBox, QFrame, QGridLayout, QHBoxLayout, QSlider, QToolButton, QVBoxLayout

from viewer.state.layers import Role
from viewer.state.navigation import set_opacity
from viewer.ui.binding import quiet
from viewer.ui.sidebar._colours import ColormapCombo
from viewer.ui.sidebar._parts import ElidedLabel, label
from viewer.ui.sidebar._window_block import WindowBlock
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from viewer.ui.context import UiContext

_TITLES = {Role.BASE: "Base", Role.OVERLAY: "Overlay"}


class LayerCard(QFrame):
    """See the module text.

    Parameters
    ----------
    context
        The session's objects.
    role
        Which layer.
    """

    def __init__(self, context: UiContext, role: Role) -> None:
        super().__init__()
        self._view = context.view
        self._role = role
        self.setObjectName(f"{role}-card")
        self.setAccessibleName(f"{_TITLES[role]} layer")
        self.setProperty("tone", "card")

        self.active = QToolButton()
        self.active.setObjectName(f"{role}-active")
        self.active.setIcon(icon("window"))
        self.active.setCheckable(True)
        self.active.setToolTip("Window drags and preset keys act on this layer")
        self.active.setAccessibleName(f"Window drags and preset keys act on the {role} layer")
        self.title = ElidedLabel("", "heading")
        self.subtitle = ElidedLabel("", "dim")
        self.modality = label("", "chip")
        self.window_block = WindowBlock(context, role)
        self.colormap = ColormapCombo(f"{role}-colormap", f"Colours of the {role} layer shown alone")
        self.invert = QCheckBox("Invert")
        self.invert.setObjectName(f"{role}-invert")
        self._colours_label = label("Colours", "dim")
        self._arrange()
        if role is Role.OVERLAY:
            self._add_overlay_controls()
        self._connect()

    def _arrange(self) -> None:
        head = QHBoxLayout()
        head.setSpacing(GRID_PX)
        head.addWidget(self.modality)
        head.addWidget(self.title, 1)
        head.addWidget(self.active)
        self._grid = QGridLayout()
        self._grid.setHorizontalSpacing(GRID_PX)
        self._grid.setVerticalSpacing(GRID_PX)
        self._grid.setColumnMinimumWidth(0, GRID_PX * 7)
        self._grid.setColumnStretch(1, 1)
        self._grid.addWidget(self._colours_label, 1, 0)
        self._grid.addWidget(self.colormap, 1, 1)
        self._grid.addWidget(self.invert, 3, 0, 1, 2)
        self._colours_label.setBuddy(self.colormap)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        layout.setSpacing(GRID_PX)
        layout.addLayout(head)
        layout.addWidget(self.subtitle)
        layout.addWidget(self.window_block)
        layout.addLayout(self._grid)

    def _add_overlay_controls(self) -> None:
        self._colours_label.setText("Alone")
        self.fused_colormap = ColormapCombo("overlay-fused-colormap", "Colours of the overlay on the base")
        self.opacity = QSlider(Qt.Orientation.Horizontal)
        self.opacity.setObjectName("overlay-opacity")
        self.opacity.setAccessibleName("Opacity of the overlay in percent")
        self.opacity.setRange(0, 100)
        self.opacity.setSingleStep(1)
        self.opacity.setPageStep(5)
        self._percent = label("100 %")
        self._percent.setFixedWidth(self._percent.sizeHint().width() + GRID_PX // 2)
        self._percent.setAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        self.threshold = QCheckBox("Transparent below the lower limit")
        self.threshold.setObjectName("overlay-threshold")
        self.fused = QCheckBox("Show on the base")
        self.fused.setObjectName("overlay-fused")
        slider = QHBoxLayout()
        slider.setSpacing(GRID_PX)
        slider.addWidget(self.opacity, 1)
        slider.addWidget(self._percent)
        fused_label, opacity_label = label("Fused", "dim"), label("Opacity", "dim")
        fused_label.setBuddy(self.fused_colormap)
        opacity_label.setBuddy(self.opacity)
        self._grid.addWidget(fused_label, 0, 0)
        self._grid.addWidget(self.fused_colormap, 0, 1)
        self._grid.addWidget(opacity_label, 2, 0)
        self._grid.addLayout(slider, 2, 1)
        self._grid.addWidget(self.threshold, 4, 0, 1, 2)
        self._grid.addWidget(self.fused, 5, 0, 1, 2)
        # The Tab key goes from above to below, whatever was made first (rule E24).
        order = (self.fused_colormap, self.colormap, self.opacity, self.invert, self.threshold, self.fused)
        for earlier, later in pairwise(order):
            self.setTabOrder(earlier, later)
        self.fused_colormap.chosen.connect(
            lambda name: self._view.update_layer(Role.OVERLAY, fused_colormap=name)
        )
        self.opacity.valueChanged.connect(lambda percent: set_opacity(self._view, percent / 100))
        self.threshold.toggled.connect(lambda on: self._view.update_layer(Role.OVERLAY, transparent_below=on))
        self.fused.toggled.connect(self._show_on_base)

    def _connect(self) -> None:
        role = self._role
        self.active.clicked.connect(self._activate)
        self.colormap.chosen.connect(lambda name: self._view.update_layer(role, colormap=name))
        self.invert.toggled.connect(lambda on: self._view.update_layer(role, invert=on))

    # --- following ---------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Show the layer; the card hides when its place is empty."""
        layer, item = self._view.layer(self._role), self._view.volume(self._role)
        self.setVisible(layer is not None and item is not None)
        self.window_block.refresh()
        if layer is None or item is None:
            return
        self.modality.setText(item.series.modality or "?")
        self.title.setText(item.series.description or item.series.kind.value.capitalize())
        parts = (_TITLES[self._role], item.stack.label, item.stack.tracer_text, item.stack.acquisition_text)
        self.subtitle.setText(", ".join(part for part in parts if part))
        grey = not item.volume.is_colour
        for widget in (self.colormap, self.invert, self._colours_label):
            widget.setVisible(grey)
        with quiet(self.active, self.invert):
            self.active.setChecked(self._view.active_role is self._role)
            self.invert.setChecked(layer.invert)
        self.colormap.show_colormap(layer.colormap)
        if self._role is Role.OVERLAY:
            percent = round(layer.opacity * 100)
            with quiet(self.opacity, self.threshold, self.fused):
                self.opacity.setValue(percent)
                self.threshold.setChecked(layer.transparent_below)
                self.fused.setChecked(self._view.fused)
            self._percent.setText(f"{percent} %")
            self.fused_colormap.show_colormap(layer.fused_colormap)

    def _activate(self) -> None:
        self._view.set_active_role(self._role)
        self.active.setChecked(self._view.active_role is self._role)

    def _show_on_base(self, on: bool) -> None:
        if on != self._view.fused:
            self._view.toggle_fused()
