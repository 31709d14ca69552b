"""Layers section: a card for the base, one for the overlay, and what must be known about their alignment."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtWidgets import QPushButton

from viewer.state.contents import same_frame_of_reference
from viewer.state.layers import Role
from viewer.state.navigation import swap_layers
from viewer.ui.binding import bind
from viewer.ui.sidebar._layer_card import LayerCard
from viewer.ui.sidebar._layer_data import acquisition_gap_text
from viewer.ui.sidebar._parts import Banner, Column, label
from viewer.ui.sidebar._section import Section
from viewer.ui.sidebar._time_block import TimeBlock
from viewer.ui.theme import icon

if TYPE_CHECKING:
    from viewer.ui.context import UiContext

NOT_REGISTERED = "NOT REGISTERED: different frame of reference. The overlay may lie in the wrong place."


class LayersPanel(Column):
    """See the module text."""

    def __init__(self, context: UiContext) -> None:
        super().__init__("layers", "Layers")
        self._context = context
        self._view = context.view
        self._empty = label("Nothing is open.", "dim", wrap=True)
        self.cards = {role: LayerCard(context, role) for role in Role}
        self.warning = Banner("not-registered", "error", "error")
        self.confirm = QPushButton("Show it all the same")
        self.confirm.setObjectName("confirm-registration")
        self.confirm.clicked.connect(self._view.confirm_registration)
        self.warning.body.addWidget(self.confirm)
        self.gap = label("", "dim", wrap=True)
        self.gap.setObjectName("acquisition-gap")
        self.swap = QPushButton(icon("swap"), "Swap layers")
        self.swap.setObjectName("swap-layers")
        self.swap.clicked.connect(lambda: swap_layers(self._view))
        self.time = TimeBlock(context)
        for block in (
            self._empty,
            self.warning,
            self.time,
            self.cards[Role.BASE],
            self.cards[Role.OVERLAY],
            self.gap,
            self.swap,
        ):
            self.blocks.addWidget(block)
        self.blocks.addStretch(1)
        bind(self, self._view.layers_changed, self.refresh)
        bind(self, self._view.display_changed, self.refresh)
        bind(self, context.library.volume_added, self.refresh)
        bind(self, context.library.volume_removed, self.refresh)
        self.refresh()

    def refresh(self) -> None:
        """Follow the state."""
        base, overlay = self._view.volume(Role.BASE), self._view.volume(Role.OVERLAY)
        for card in self.cards.values():
            card.refresh()
        self.time.refresh()
        both = base is not None and overlay is not None
        self._empty.setVisible(base is None and overlay is None)
        self.swap.setVisible(both)
        self.warning.set_text("" if same_frame_of_reference(self._view) else NOT_REGISTERED)
        self.confirm.setVisible(not self._view.registration_confirmed)
        self.gap.setText(acquisition_gap_text(base.series, overlay.series) if base and overlay else "")
        self.gap.setVisible(both)


SECTION = Section("layers", "Layers", "right", 10, LayersPanel, icon="layers")
