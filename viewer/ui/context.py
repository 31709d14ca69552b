"""What the parts of the window may use: handed to each of them, typed, instead of the window itself."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from viewer.settings import Settings
    from viewer.state.library import Library
    from viewer.state.view import ViewState
    from viewer.ui.commands import CommandTable
    from viewer.ui.loader_thread import Loader
    from viewer.ui.presets import PresetBook


@dataclass(frozen=True)
class UiContext:
    """The session's objects.

    Parameters
    ----------
    library, view
        The state.
    settings
        User settings.
    presets
        Window presets, built-in and own.
    loader
        Opens paths and series in the background.
    commands
        The command table.
    window
        Parent for dialogs, nothing else.
    """

    library: Library
    view: ViewState
    settings: Settings
    presets: PresetBook
    loader: Loader
    commands: CommandTable
    window: QWidget
