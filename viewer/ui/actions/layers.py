"""Overlay commands: on and off, opacity, swap, threshold, which layer keys act on."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.state.gap_filling import gaps_interpolated, has_gaps, toggle_gap_interpolation
from viewer.state.layers import Role
from viewer.state.navigation import set_opacity, swap_layers
from viewer.ui.commands import Command
from viewer.ui.context import UiContext

OPACITY_STEP = 0.05


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Layers menu."""
    view = context.view

    def both() -> bool:
        return view.base is not None and view.overlay is not None

    def more(step: float) -> None:
        if view.overlay is not None:
            set_opacity(view, view.overlay.opacity + step)

    def threshold() -> None:
        if view.overlay is not None:
            view.update_layer(Role.OVERLAY, transparent_below=not view.overlay.transparent_below)

    def other_role() -> None:
        view.set_active_role(Role.OVERLAY if view.active_role is Role.BASE else Role.BASE)

    menu = "Layers"
    yield Command(
        "layer.fused", "Overlay on", view.toggle_fused, menu, both, checked=lambda: view.fused, icon="fused"
    )
    yield Command("layer.opacity-down", "Less overlay", lambda: more(-OPACITY_STEP), menu, both)
    yield Command("layer.opacity-up", "More overlay", lambda: more(OPACITY_STEP), menu, both)
    yield Command(
        "layer.threshold",
        "Transparent below the window",
        threshold,
        menu,
        both,
        checked=lambda: view.overlay is not None and view.overlay.transparent_below,
    )
    yield Command(
        "layer.interpolate-gaps",
        "Interpolate across missing slices",
        lambda: toggle_gap_interpolation(view),
        menu,
        lambda: has_gaps(view),
        checked=lambda: gaps_interpolated(view),
    )
    yield Command("layer.swap", "Swap layers", lambda: swap_layers(view), menu, both)
    yield Command(
        "layer.next-role",
        "Window keys and drags act on the other layer",
        other_role,
        menu,
        both,
        panes_only=True,
    )
    yield Command("layer.remove", "Take the overlay off", lambda: view.set_overlay(None), menu, both)
