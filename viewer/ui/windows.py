"""Small helpers on top-level windows that commands need."""

from __future__ import annotations

from PySide6.QtWidgets import QWidget


def is_full_screen(widget: QWidget) -> bool:
    """Whether the window of a widget covers the screen."""
    return widget.window().isFullScreen()


def toggle_full_screen(widget: QWidget) -> None:
    """Cover the screen or go back."""
    window = widget.window()
    if window.isFullScreen():
        window.showNormal()
    else:
        window.showFullScreen()
