"""The short form of `soak.py`: enough rounds to see a leak of one object a round."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.soak.soak import Counts, Soak, count, growth_mb, small_study

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

MEMORY_MARGIN_MB = 40
"""A volume or a window kept for each round would be more; noise of a shared test process is less."""


@pytest.fixture(params=["in memory", "on the disk"])
def soak(
    qtbot: QtBot, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> Iterator[Soak]:
    for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_STATE_HOME", "APPDATA", "LOCALAPPDATA"):
        monkeypatch.setenv(name, str(tmp_path / name.lower()))
    from viewer.app import make_window
    from viewer.settings import Settings

    if request.param == "on the disk":
        monkeypatch.setattr(Settings, "memory_budget_bytes", lambda _self: 1)

    def make() -> MainWindow:
        made = make_window(Settings.load())
        made.resize(900, 600)
        made.show()
        return made

    running = Soak(make, small_study(tmp_path / "study"))
    yield running
    running.close()
    count()


def test_that_opening_and_closing_leaves_nothing_behind(soak: Soak) -> None:
    soak.turn_wheel(20)
    for _ in range(3):
        soak.open_and_close()
    soak.renew_window()
    soak.open_and_close()
    before = count()
    for _ in range(6):
        soak.open_and_close()
    soak.renew_window()
    for _ in range(6):
        soak.open_and_close()
    after = count()
    assert all(late <= early for late, early in zip(after.things, before.things, strict=True)), (
        before,
        after,
    )
    assert after.memory_mb < before.memory_mb + MEMORY_MARGIN_MB


def test_that_turning_the_wheel_leaves_nothing_behind(soak: Soak) -> None:
    soak.turn_wheel(1000)
    before = count()
    soak.turn_wheel(3000)
    after = count()
    assert all(late <= early for late, early in zip(after.things, before.things, strict=True)), (
        before,
        after,
    )
    assert after.memory_mb < before.memory_mb + MEMORY_MARGIN_MB


@pytest.mark.parametrize(
    "memory_mb, grown_mb",
    [
        ([100, 140, 150, 151, 150, 151, 151, 150, 151], 0),  # caches fill, then nothing
        ([100, 110, 120, 130, 140, 150, 160, 170, 180], 30),
        ([100, 200], 0),  # too few to say
    ],
)
def test_that_filling_caches_is_told_from_growing(memory_mb: list[float], grown_mb: float) -> None:
    assert growth_mb([Counts(value, 1, 1, 1, 1, 1) for value in memory_mb]) == grown_mb
