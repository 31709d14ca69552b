"""Add an archive key…: what could not be read for want of it opens at once, and a wrong file is said."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog, QPushButton

from tests.needs import library
from tests.phantoms import ramp_array, write_ramp
from viewer.archive.keys import ENVIRONMENT, make_key, private_folder
from viewer.ui.sidebar.problems import all_problems

library("zarr")
library("pyarrow")
library("cryptography")

from tests.archive.hospital import archive_of  # noqa: E402

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow


@pytest.fixture(autouse=True)
def no_key_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ENVIRONMENT, "")


def _choose(monkeypatch: pytest.MonkeyPatch, path: Path | str) -> None:
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *_: (str(path), ""))


def test_that_an_encrypted_archive_opens_once_its_key_was_added(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = window.context
    key = make_key(tmp_path / "hospital.key")
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path, encrypt=key)
    window.open([archive])
    qtbot.waitUntil(lambda: not context.loader.busy and bool(all_problems(context.library)), timeout=20_000)
    assert context.view.base is None
    assert any(key.id in problem.reason for problem in all_problems(context.library))
    assert any(str(private_folder()) in problem.reason for problem in all_problems(context.library))
    badge = window.findChild(QPushButton, "status-problems")
    assert isinstance(badge, QPushButton)
    assert badge.isVisible()
    _choose(monkeypatch, "")
    context.commands.run("file.archive-key")
    assert not private_folder().exists()
    _choose(monkeypatch, tmp_path / "hospital.key")
    context.commands.run("file.archive-key")
    assert window.statusBar().currentMessage() == f"The key {key.id} was added."
    qtbot.waitUntil(lambda: not context.loader.busy and context.view.base_volume is not None, timeout=20_000)
    item = context.view.base_volume
    assert item is not None
    qtbot.waitUntil(lambda: bool(item.volume.ready.all()), timeout=20_000)
    np.testing.assert_array_equal(item.volume.array, ramp_array())
    assert all_problems(context.library) == ()
    assert not badge.isVisible()


def test_that_a_file_that_is_no_key_is_said_and_not_copied(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "picture.key").write_bytes(bytes(200))
    _choose(monkeypatch, tmp_path / "picture.key")
    window.context.commands.run("file.archive-key")
    (problem,) = window.context.library.problems
    assert problem.reason == "The key was not added. picture.key: this is no key file of an archive."
    assert not private_folder().exists()
