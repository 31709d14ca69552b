"""Make settings count: once at start and whenever one changes."""

from __future__ import annotations

from PySide6.QtWidgets import QApplication

from viewer.imaging.sample import Interpolation
from viewer.settings import Value
from viewer.state.panes import Density
from viewer.ui.context import UiContext
from viewer.ui.theme import apply_theme

_PROFILES = {
    "window-first": {"left.drag": "tool", "right.drag": "zoom"},
    "crosshair-first": {"left.drag": "crosshair", "right.drag": "window"},
}
"""Mouse profiles of clinical spec E.3."""

_AT_START = (
    "annotations.density",
    "annotations.identity",
    "annotations.letters",
    "display.interpolation",
    "display.planes",
    "mouse.invert-window-drag",
)


def follow_settings(context: UiContext) -> None:
    """Apply the settings of this user to the session, now and after each change."""
    for key in _AT_START:
        apply(context, key, context.settings.get(key))
    mouse = context.commands.shortcuts.mouse
    other = _PROFILES["crosshair-first"]
    profile = str(context.settings.get("mouse.profile"))
    # A user's own gestures stay, unless they are what the other profile left behind in the shortcut file.
    if profile != "window-first" or all(mouse.get(gesture) == action for gesture, action in other.items()):
        apply(context, "mouse.profile", profile)
    unsubscribe = context.settings.subscribe(lambda key, value: apply(context, key, value))
    context.window.destroyed.connect(unsubscribe)


def apply(context: UiContext, key: str, value: Value) -> None:
    """Make one setting count; settings that are read where they are used need nothing here."""
    view = context.view
    if key == "ui.theme":
        application = QApplication.instance()
        if isinstance(application, QApplication):
            apply_theme(application, str(value))
    elif key == "mouse.profile":
        context.commands.shortcuts.mouse.update(_PROFILES[str(value)])
    elif key == "mouse.invert-window-drag":
        view.window_drag_inverted = bool(value)
    elif key == "annotations.density":
        view.set_display(density=Density(str(value)))
    elif key == "annotations.identity":
        view.set_display(identity_visible=bool(value))
    elif key == "annotations.letters":
        view.set_display(superior_inferior=value == "S/I")
    elif key == "display.planes":
        view.prefer_patient_planes = value == "patient"
    elif key == "display.interpolation":
        view.set_interpolation(Interpolation(str(value)))
