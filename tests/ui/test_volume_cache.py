"""The volume cache in the window: filled after loading, switched off by a setting, cleared from the menu."""

from __future__ import annotations

import importlib.util
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtWidgets import QCheckBox, QLabel, QMessageBox, QPushButton

import viewer.loading.copy_key as copy_key
import viewer.loading.volume_copies as volume_copies
import viewer.ui.volume_copying as volume_copying
from tests.phantoms import write_ramp
from viewer.dicom.model import Stack
from viewer.imaging.volume import Volume
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady
from viewer.loading.pipeline import load
from viewer.settings import Settings, cache_dir
from viewer.ui.dialogs.settings_dialog import SettingsDialog
from viewer.ui.dialogs.volume_cache import readable
from viewer.ui.loader_thread import Loader
from viewer.ui.volume_copying import VolumeCopying

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

WAIT_MS = 30_000
MakeWindow = Callable[[], "MainWindow"]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A study that is worth keeping."""
    monkeypatch.setattr(volume_copies, "LEAST_S", 0.0)
    monkeypatch.setattr(volume_copies, "LEAST_GAIN", 0.0)
    monkeypatch.setattr(copy_key, "TRUSTED_AGE_NS", 0)
    return write_ramp(tmp_path / "study")


def opened(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    window.open([path])
    qtbot.waitUntil(
        lambda: not window.context.loader.busy and window.context.view.base is not None, timeout=WAIT_MS
    )


def loaded(path: Path) -> tuple[Volume, Stack]:
    """A study outside of any window."""
    events = load([path], cancel=CancelToken(), thumbnails=False)
    found = [event for event in events if isinstance(event, GeometryReady)]
    return found[0].volume, found[0].stack


def copies() -> list[Path]:
    return sorted((cache_dir() / "volumes").glob("*.zarr"))


def _kept(qtbot: QtBot, window: MainWindow, path: Path) -> None:
    opened(qtbot, window, path)
    qtbot.waitUntil(lambda: len(copies()) == 1, timeout=WAIT_MS)


def test_that_a_study_is_kept_after_it_was_loaded_and_looks_the_same_the_second_time(
    qtbot: QtBot, make_window: MakeWindow, study: Path
) -> None:
    first = make_window()
    _kept(qtbot, first, study)
    assert cache_dir() in copies()[0].parents
    second = make_window()
    opened(qtbot, second, study)
    shown = [window.context.view.base_volume for window in (first, second)]
    assert shown[0] is not None
    assert shown[1] is not None
    assert np.array_equal(shown[0].volume.array, shown[1].volume.array)
    assert not list(second.context.library.problems)


def test_that_what_a_crash_left_is_removed_when_the_next_study_is_opened(
    qtbot: QtBot, window: MainWindow, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_copies, "LEAST_S", 60.0)
    old, fresh = (cache_dir() / "volumes" / name for name in (".a.part", ".b.part"))
    for folder in (old, fresh):
        folder.mkdir(parents=True)
    os.utime(old, (1, 1))
    opened(qtbot, window, study)
    assert not old.exists()
    assert fresh.exists()  # another program may be at it


def test_that_the_command_says_what_is_kept_and_clears_it(
    qtbot: QtBot, window: MainWindow, study: Path
) -> None:
    _kept(qtbot, window, study)
    window.context.commands.run("settings.clear-cache")
    box = window.findChild(QMessageBox, "volume-cache")
    assert isinstance(box, QMessageBox)
    assert "1 series take 1 MB" in box.text()
    button = box.findChild(QPushButton, "accept")
    assert isinstance(button, QPushButton)
    button.click()
    qtbot.waitUntil(lambda: not copies(), timeout=WAIT_MS)
    window.context.commands.run("settings.clear-cache")
    texts = [found.text() for found in window.findChildren(QMessageBox)]
    assert "The volume cache is empty." in texts


def test_that_switching_it_off_removes_what_is_kept_and_keeps_nothing_more(
    qtbot: QtBot, window: MainWindow, study: Path
) -> None:
    _kept(qtbot, window, study)
    window.context.settings.set("cache.volumes", False)
    qtbot.waitUntil(lambda: not copies(), timeout=WAIT_MS)
    opened(qtbot, window, study)
    qtbot.wait(100)
    assert not copies()


def test_that_what_was_kept_goes_when_the_setting_was_switched_off_elsewhere(
    qtbot: QtBot, make_window: MakeWindow, study: Path
) -> None:
    _kept(qtbot, make_window(), study)
    other = make_window()
    other.context.settings._values["cache.volumes"] = False  # as the file says it at the start
    opened(qtbot, other, study)
    assert not copies()


def test_that_nothing_is_written_while_the_window_loads_and_nothing_after_it_closed(
    qtbot: QtBot, window: MainWindow, study: Path
) -> None:
    loader, copying = window.context.loader, VolumeCopying.of(window)
    assert copying is not None
    copying.store()

    def stay_busy(busy: bool) -> None:
        """As if something else was loaded from now on."""
        if not busy:
            loader.busy_changed.emit(True)

    def settled() -> bool:
        return copying.settled

    loader.busy_changed.connect(stay_busy)
    opened(qtbot, window, study)
    qtbot.wait(100)
    assert not copies()
    assert not settled()
    window.close()
    assert settled()
    assert not any(thread.name == "copy-writer" for thread in threading.enumerate())
    assert not copies()


class _Busy(Loader):
    """A loader that loads."""

    @property
    def busy(self) -> bool:
        return True


def test_that_what_is_first_asked_for_while_loading_is_not_written_meanwhile(
    qtbot: QtBot, config_home: Path, tmp_path: Path, study: Path
) -> None:
    loader = _Busy()
    copying = VolumeCopying(loader, Settings(tmp_path / "settings.json"))
    store = copying.store()
    volume, stack = loaded(study)
    store.offer(stack, volume, 10.0, time.time_ns())
    qtbot.wait(100)
    assert not copies()
    loader.busy_changed.emit(False)
    qtbot.waitUntil(lambda: len(copies()) == 1, timeout=WAIT_MS)
    copying.stop()


def test_that_a_lower_limit_counts_at_once(qtbot: QtBot, window: MainWindow, study: Path) -> None:
    copying = VolumeCopying.of(window)
    assert copying is not None
    assert copying.store().limit_bytes == 4 * 10**9
    window.context.settings.set("cache.limit-gb", 2)
    assert copying.store().limit_bytes == 2 * 10**9


def test_that_what_exceeds_a_lower_limit_goes_at_once(
    qtbot: QtBot, window: MainWindow, study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    _kept(qtbot, window, study)
    assert len(copies()) == 1
    monkeypatch.setattr(volume_copying, "GB", 1)
    window.context.settings.set("cache.limit-gb", 2)
    qtbot.waitUntil(lambda: not copies(), timeout=WAIT_MS)


def test_that_the_settings_say_what_is_kept_and_what_is_missing_for_it(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def parts(made: SettingsDialog) -> tuple[QCheckBox, QLabel]:
        qtbot.addWidget(made)
        switch, hint = made.findChild(QCheckBox, "cache.volumes"), made.findChild(QLabel, "cache-hint")
        assert isinstance(switch, QCheckBox)
        assert isinstance(hint, QLabel)
        return switch, hint

    settings = Settings(tmp_path / "settings.json")
    dialog = SettingsDialog(settings)
    switch, hint = parts(dialog)
    assert switch.isEnabled()
    assert "readable by you alone" in hint.text()
    find_spec = importlib.util.find_spec

    def without(name: str, package: str | None = None) -> object:
        return None if name == "numcodecs" else find_spec(name, package)

    monkeypatch.setattr(importlib.util, "find_spec", without)
    other = SettingsDialog(settings)
    switch, hint = parts(other)
    assert not switch.isEnabled()
    assert 'pip install "triptych-viewer[archive]"' in hint.text()


@pytest.mark.parametrize("nbytes, text", [(100, "1 MB"), (312_000_000, "312 MB"), (1_440_000_000, "1.4 GB")])
def test_that_sizes_are_readable(nbytes: int, text: str) -> None:
    assert readable(nbytes) == text
