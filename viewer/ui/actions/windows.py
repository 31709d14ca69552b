"""Window commands: presets by key, header windows, full range, invert."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.imaging.presets import Preset
from viewer.imaging.window import Window
from viewer.state.contents import window_role
from viewer.state.first_window import AUTOMATIC, automatic_window, first_window, header_windows, volume_range
from viewer.state.layers import Role
from viewer.ui.commands import Command
from viewer.ui.context import UiContext


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Window menu."""
    view = context.view

    def opened() -> bool:
        return view.base_volume is not None

    yield Command("window.header", "Header window (again: next)", lambda: _header(context), "Window", opened)
    yield Command("window.full", "Full range", lambda: _full(context), "Window", opened)
    yield Command("window.automatic", "Automatic window", lambda: _automatic(context), "Window", opened)
    yield Command("window.invert", "Invert", lambda: _invert(context), "Window", opened, icon="invert")
    yield from preset_commands(context)


def preset_commands(context: UiContext) -> Iterable[Command]:
    """One command a preset; keys come with the preset."""
    for preset in context.presets.presets:
        yield Command(
            f"preset.{preset.id}",
            preset.name,
            lambda chosen=preset: apply_preset(context, chosen),  # type: ignore[misc]
            "Window",
            lambda chosen=preset: preset_role(context, chosen) is not None,  # type: ignore[misc]
            keys=(preset.key,) if preset.key else (),
        )


def preset_role(context: UiContext, preset: Preset) -> Role | None:
    """The layer a preset applies to: the active one when the quantity fits, else the other one of the pane (C01)."""
    view = context.view
    roles = view.roles_of(view.active)
    first = window_role(view, view.active)
    for role in (first, *(role for role in roles if role is not first)):
        item = view.volume(role)
        if item is not None and item.volume.preset_unit == preset.quantity:
            return role
    return None


def apply_preset(context: UiContext, preset: Preset) -> None:
    """Give the fitting layer the preset's window."""
    role = preset_role(context, preset)
    if role is not None:
        context.view.set_window(role, preset.window, preset.name)


def _header(context: UiContext) -> None:
    view = context.view
    role = window_role(view, view.active)
    item, layer = view.volume(role), view.layer(role)
    if item is None or layer is None:
        return
    windows = header_windows(item.volume)
    if not windows:
        view.set_window(role, *first_window(item.volume))
        return
    names = [window.name for window in windows]
    place = names.index(layer.window_name) + 1 if layer.window_name in names else 0
    chosen = windows[place % len(windows)]
    view.set_window(role, chosen, chosen.name)


def _full(context: UiContext) -> None:
    view = context.view
    role = window_role(view, view.active)
    item = view.volume(role)
    if item is None or item.volume.is_colour:
        return
    volume = item.volume
    found = volume_range(volume)
    if found is None:
        return
    low, high = sorted(value * volume.display_slope + volume.display_intercept for value in found)
    if high > low:
        view.set_window(role, Window.from_bounds(low, high, name="full range"), "full range")


def _automatic(context: UiContext) -> None:
    """From the values (section C, Shift+5): 0 to the 99.5th percentile for PET, 1st to 99th elsewhere."""
    view = context.view
    role = window_role(view, view.active)
    item = view.volume(role)
    if item is not None and not item.volume.is_colour:
        view.set_window(role, automatic_window(item.volume), AUTOMATIC)


def _invert(context: UiContext) -> None:
    view = context.view
    role = window_role(view, view.active)
    layer = view.layer(role)
    if layer is not None:
        view.update_layer(role, invert=not layer.invert)
