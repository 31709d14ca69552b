"""Presentation states of the open studies: which there are, and their look for the volume they are for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from psygnal import Signal

from viewer.imaging.histogram import value_range
from viewer.imaging.presentation import as_table
from viewer.imaging.volume import Volume
from viewer.imaging.window import Voi, Window
from viewer.state.layers import Role
from viewer.state.panes import PlaneKind

if TYPE_CHECKING:
    # Read when a study has one: the window starts without what reads them.
    from viewer.dicom.presentation_state import PresentationState
    from viewer.state.view import ViewState


class Presentations:
    """The presentation states that were read.

    Attributes
    ----------
    changed
        There are more of them, or other ones.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._view = view
        self._items: list[PresentationState] = []
        self._next = 0

    @property
    def items(self) -> tuple[PresentationState, ...]:
        """All of them."""
        return tuple(self._items)

    def bring(self, states: Iterable[PresentationState]) -> None:
        """Take over what was read."""
        known = {item.sop_instance_uid for item in self._items}
        new = [state for state in states if state.sop_instance_uid not in known]
        if new:
            self._items += new
            self.changed.emit()

    def clear(self) -> None:
        """Forget all."""
        self._items, self._next = [], 0
        self.changed.emit()

    def fitting(self) -> tuple[PresentationState, ...]:
        """Those for images of the base."""
        item = self._view.volume(Role.BASE)
        if item is None:
            return ()
        shown = {frame.sop_instance_uid for frame in item.stack.frames}
        return tuple(
            state for state in self._items if any(image.sop_instance_uid in shown for image in state.images)
        )

    def apply_next(self) -> None:
        """Show the base as the next fitting presentation state says: grey values and flips."""
        fitting = self.fitting()
        item, layer = self._view.volume(Role.BASE), self._view.layer(Role.BASE)
        if not fitting or item is None or layer is None:
            return
        state = fitting[self._next % len(fitting)]
        self._next += 1
        window, inverse = look_of(state, item.volume)
        name = state.label or "presentation state"
        self._view.update_layer(
            Role.BASE, window=window, window_name=name, invert=inverse != item.volume.inverted
        )
        for pane in self._view.layout.panes:
            if pane.kind is PlaneKind.ACQUIRED:
                flips = flips_of(state)
                if flips is not None:
                    self._view.update_framing(pane.kind, flip_horizontal=flips[0], flip_vertical=flips[1])


def look_of(state: PresentationState, volume: Volume) -> tuple[Voi, bool]:
    """(window on the displayed quantity, inverse) of a presentation state for a volume.

    A simple window stays a window, so that dragging goes on from there; everything else becomes one table.
    """
    chain = state.chain
    same = (chain.slope, chain.intercept) == (volume.slope, volume.intercept)
    factor = volume.suv_factor if volume.suv_factor is not None else 1.0
    plain = chain.modality is None and chain.presentation is None
    if (
        plain
        and isinstance(chain.voi, Window)
        and (same or (volume.slope == 1.0 and volume.intercept == 0.0))
    ):
        window = chain.voi
        if factor != 1.0:
            window = Window.from_bounds(window.lower * factor, window.upper * factor)
        return window, chain.inverse
    found = value_range(volume.array, volume.padding) or (0.0, 1.0)
    return as_table(chain, *found, volume.display_slope, volume.display_intercept), False


def flips_of(state: PresentationState) -> tuple[bool, bool] | None:
    """(left and right, up and down) exchanged; None when it takes a quarter turn, which panes do not do."""
    if state.rotation_deg == 0:
        return state.flipped, False
    return (not state.flipped, True) if state.rotation_deg == 180 else None
