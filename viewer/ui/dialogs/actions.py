"""Commands that open dialogs. Each dialog is imported when it is opened: the window does not wait for them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from PySide6.QtWidgets import QMessageBox, QWidget

from viewer.imaging.presets import Preset
from viewer.imaging.window import as_window
from viewer.state.contents import window_role
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import OpenVolume
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.dialogs._apply import follow_settings
from viewer.ui.dialogs._parts import show


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the dialogs; also makes the settings count from now on."""
    follow_settings(context)

    def windowed() -> bool:
        return _active(context) is not None

    yield Command("window.exact", "Exact window…", lambda: ask_window(context), "Window", windowed)
    yield Command("presets.save", "Save window as preset…", lambda: ask_preset(context), "Window", windowed)
    yield Command("presets.manage", "Presets…", lambda: ask_presets(context), "Window")
    yield Command("view.true-size", "True size", lambda: show_true_size(context), "View", windowed)
    yield Command("display.calibrate", "Calibrate true size…", lambda: ask_calibration(context), "View")
    yield Command("settings.open", "Settings…", lambda: ask_settings(context), "File")
    yield Command("help.shortcuts", "Keys and mouse", lambda: show_shortcuts(context), "Help")
    yield Command("help.display-test", "Display test", lambda: show_display_test(context), "Help")
    yield Command("help.about", "About Triptych", lambda: show_about(context), "Help")


def _active(context: UiContext) -> tuple[Role, ImageLayer, OpenVolume] | None:
    """The layer that window keys act on, when it has a window."""
    view = context.view
    role = window_role(view, view.active)
    layer, item = view.layer(role), view.volume(role)
    return None if layer is None or item is None or item.volume.is_colour else (role, layer, item)


def ask_window(context: UiContext) -> None:
    """Type the window of the active layer; the panes follow while typing, Cancel brings the old window back."""
    from viewer.ui.dialogs.window_dialog import WindowDialog

    active = _active(context)
    if active is None:
        return
    role, layer, item = active
    dialog = WindowDialog(
        as_window(layer.window), item.volume.display_unit, item.series.modality, context.window
    )

    def still_there() -> bool:
        now = context.view.layer(role)
        return now is not None and now.volume_uid == layer.volume_uid

    def follow(window: object) -> None:
        if still_there() and dialog.window_value == window:
            context.view.set_window(role, dialog.window_value)

    def back() -> None:
        if still_there():
            context.view.set_window(role, layer.window, layer.window_name)

    dialog.changed.connect(follow)
    dialog.rejected.connect(back)
    show(dialog)


def current_preset(context: UiContext) -> Preset | None:
    """The window of the active layer as a preset of the user."""
    from viewer.ui.dialogs.preset_editor import free_id

    active = _active(context)
    if active is None:
        return None
    _, layer, item = active
    name = f"My {item.series.modality} window".replace("  ", " ")
    return Preset(
        free_id(name, (preset.id for preset in context.presets.presets)),
        name,
        replace(as_window(layer.window), name=name),
        item.volume.preset_unit,
        item.series.modality,
    )


def ask_preset(context: UiContext) -> None:
    """Keep the window of the active layer under a name."""
    from viewer.ui.dialogs.preset_editor import PresetEditor, free_id

    fresh = current_preset(context)
    if fresh is None:
        return
    editor = PresetEditor(fresh, lambda key, own: key_owner(context, key, own), "New preset", context.window)

    def keep() -> None:
        preset = editor.preset
        taken = (other.id for other in context.presets.presets)
        _save_presets(context, (*context.presets.own, replace(preset, id=free_id(preset.name, taken))))

    editor.accepted.connect(keep)
    show(editor)


def ask_presets(context: UiContext) -> None:
    """Open the preset manager."""
    from viewer.ui.dialogs.presets_dialog import PresetsDialog

    dialog = PresetsDialog(
        context.presets.own,
        current_preset(context),
        lambda key, own: key_owner(context, key, own, presets=False),
        context.window,
    )
    dialog.accepted.connect(lambda: _save_presets(context, dialog.own))
    show(dialog)


def key_owner(context: UiContext, key: str, preset_id: str, *, presets: bool = True) -> str:
    """Text of the command that has a key; `presets` says whether presets count too."""
    from viewer.ui.dialogs.shortcuts_dialog import conflicts

    taken = conflicts(context.commands, f"preset.{preset_id}", key)
    names = [command.text for command in taken if presets or not command.id.startswith("preset.")]
    return names[0] if names else ""


def _save_presets(context: UiContext, own: Iterable[Preset]) -> None:
    try:
        context.presets.save_own(own)
    except OSError as error:
        box = QMessageBox(
            QMessageBox.Icon.Warning,
            "Presets",
            f"The presets could not be saved ({error.strerror}).",
            QMessageBox.StandardButton.Ok,
            context.window,
        )
        show(box)


def ask_settings(context: UiContext) -> None:
    """Open the settings."""
    from viewer.ui.dialogs.settings_dialog import SettingsDialog

    show(SettingsDialog(context.settings, context.window))


def show_shortcuts(context: UiContext) -> None:
    """Open the sheet of keys and gestures."""
    from viewer.ui.dialogs.shortcuts_dialog import ShortcutsDialog

    show(ShortcutsDialog(context.commands, context.commands.shortcuts.mouse, context.window))


def show_display_test(context: UiContext) -> None:
    """Open the test picture."""
    from viewer.ui.dialogs.display_test import DisplayTestDialog

    show(DisplayTestDialog(context.window))


def show_about(context: UiContext) -> None:
    """Open what the program is and is made of."""
    from viewer.ui.dialogs.about_dialog import AboutDialog

    show(AboutDialog(context.window))


def _pixels_per_mm(context: UiContext) -> float:
    from viewer.ui.dialogs.true_size import screen_pixels_per_mm

    measured = context.settings.get("display.pixels-per-mm")
    return screen_pixels_per_mm(context.window, measured if isinstance(measured, float) else 0.0)


def show_true_size(context: UiContext) -> None:
    """Zoom the active pane to true size (rule E10)."""
    from viewer.ui.dialogs.true_size import true_size_zoom

    view = context.view
    pane = context.window.findChild(QWidget, f"pane-{view.active.id}")
    if isinstance(pane, QWidget):
        zoom = true_size_zoom(view, pane.width(), pane.height(), _pixels_per_mm(context))
        if zoom is not None:
            view.update_framing(view.active.kind, zoom=zoom)


def ask_calibration(context: UiContext) -> None:
    """Measure the screen with a bank card."""
    from viewer.ui.dialogs.true_size import CalibrationDialog

    dialog = CalibrationDialog(_pixels_per_mm(context), context.window)

    def keep() -> None:
        context.settings.set("display.pixels-per-mm", dialog.pixels_per_mm)

    dialog.accepted.connect(keep)
    show(dialog)
