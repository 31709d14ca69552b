"""A whole window on fresh settings, closed and deleted after the test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

MakeWindow = Callable[[], "MainWindow"]


@pytest.fixture
def config_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Settings and caches of this test alone."""
    for name in (
        "XDG_CONFIG_HOME",
        "XDG_CACHE_HOME",
        "XDG_STATE_HOME",
        "XDG_DATA_HOME",
        "APPDATA",
        "LOCALAPPDATA",
    ):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    return tmp_path


@pytest.fixture
def make_window(qtbot: QtBot, config_home: Path) -> Iterator[MakeWindow]:
    """A function that opens a window as the program does."""
    from viewer.app import make_window as build
    from viewer.settings import Settings
    from viewer.state.structures import StructureStore
    from viewer.ui.theme import apply_theme

    made: list[MainWindow] = []

    def make() -> MainWindow:
        settings = Settings.load()
        settings.set("intended-use.seen", True)  # the notice of a first start has its own test
        from PySide6.QtWidgets import QApplication

        application = QApplication.instance()
        assert isinstance(application, QApplication)
        apply_theme(application, str(settings.get("ui.theme")))
        window = build(settings)
        window.resize(1280, 800)
        window.show()
        qtbot.waitExposed(window)
        made.append(window)
        return window

    yield make
    for window in made:
        store = window.context.view.work.of(StructureStore)
        store.remove([structure.id for structure in store])  # nobody is there to answer for those not saved
        window.close()
        window.deleteLater()
    qtbot.wait(0)


@pytest.fixture
def window(make_window: MakeWindow) -> MainWindow:
    """One window."""
    return make_window()
