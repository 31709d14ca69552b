"""Layers section: a card for the base, one for the overlay, and what must be known about their alignment."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from PySide6.QtCore import QTimer
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
CARDS_MS = 300
"""By then the window has been painted."""


class LayersPanel(Column):
    """See the module text."""

    def __init__(self, context: UiContext) -> None:
        super().__init__("layers", "Layers")
        self._context = context
        self._view = context.view
        self._empty = label("Nothing is open.", "dim", wrap=True)
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
        for block in (self._empty, self.warning, self.time, self.gap, self.swap):
            self.blocks.addWidget(block)
        self.blocks.addStretch(1)
        bind(self, self._view.layers_changed, self.refresh)
        bind(self, self._view.display_changed, self.refresh)
        bind(self, context.library.volume_added, self.refresh)
        bind(self, context.library.volume_removed, self.refresh)
        self.refresh()
        # Nobody sees them while nothing is open, and the window would be shown later for them.
        QTimer.singleShot(CARDS_MS, self, lambda: self.cards)

    @cached_property
    def cards(self) -> dict[Role, LayerCard]:
        """A card for each role, in its place."""
        result = {role: LayerCard(self._context, role) for role in Role}
        place = self.blocks.indexOf(self.gap)
        for offset, card in enumerate(result.values()):
            self.blocks.insertWidget(place + offset, card)
            card.refresh()
        return result

    def refresh(self) -> None:
        """Follow the state."""
        base, overlay = self._view.volume(Role.BASE), self._view.volume(Role.OVERLAY)
        if base is not None or overlay is not None or "cards" in vars(self):
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
