"""The window stands before anything heavy is imported, and what depends on it is made when it is there."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QWidget

from viewer.ui import warm_up

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


@pytest.fixture
def imports(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Importing, which ends when the event is set."""
    allowed = threading.Event()
    monkeypatch.setattr(warm_up, "import_libraries", lambda: allowed.wait(30))
    monkeypatch.setattr(warm_up, "SETTLED_MS", 1)
    monkeypatch.setattr(warm_up, "LOOK_MS", 1)
    monkeypatch.setattr("gc.freeze", lambda: None)
    return allowed


def test_that_what_depends_on_the_imports_is_made_once_and_after_them(
    qtbot: QtBot, imports: threading.Event
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    made: list[str] = []
    missing = [True, True, False]
    warm = warm_up.WarmUp(
        lambda: missing.pop(0), lambda: made.append(threading.current_thread().name), window
    )
    qtbot.waitUntil(lambda: not missing)
    qtbot.wait(20)
    assert not made
    imports.set()
    qtbot.waitUntil(lambda: bool(made))
    assert made == [threading.main_thread().name]
    assert not warm._timer.isActive()


def test_that_nothing_is_made_for_a_window_that_was_closed_meanwhile(
    qtbot: QtBot, imports: threading.Event
) -> None:
    window = QWidget()
    qtbot.addWidget(window)
    window.show()
    made: list[int] = []
    warm = warm_up.WarmUp(lambda: False, lambda: made.append(1), window)
    qtbot.wait(20)
    window.close()
    imports.set()
    qtbot.waitUntil(lambda: not warm._timer.isActive())
    assert not made
