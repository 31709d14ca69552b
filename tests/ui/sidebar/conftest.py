"""A session without a window around it: real state, real presets and keys, a loader that only writes down wishes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QMainWindow

from tests.ui.sidebar import builders
from viewer.imaging.window import Window
from viewer.settings import Settings
from viewer.state.library import Library
from viewer.state.view import ViewState
from viewer.ui.commands import CommandTable, Shortcuts
from viewer.ui.context import UiContext
from viewer.ui.loader_thread import Loader
from viewer.ui.presets import PresetBook

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def context(qtbot: QtBot, tmp_path: Path) -> UiContext:
    """The session's objects; nothing is open."""
    window = QMainWindow()
    qtbot.addWidget(window)
    library = Library()
    return UiContext(
        library,
        ViewState(library),
        Settings(tmp_path / "settings.json"),
        PresetBook(tmp_path / "presets.json"),
        Loader(window),
        CommandTable(Shortcuts(), window),
        window,
    )


@pytest.fixture
def fused(context: UiContext) -> UiContext:
    """CT below, PET above, both of the same frame of reference."""
    catalogue = builders.petct()
    context.library.set_catalogue(catalogue)
    for uid in ("ct", "pt"):
        context.library.add(builders.opened(catalogue, uid))
    context.view.show(builders.layer("ct"), builders.layer("pt", Window.from_bounds(0, 7)))
    return context
