"""Structures that lie in no file are never lost without a question."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtWidgets import QFileDialog, QMessageBox, QPushButton

from tests.phantoms import write_ramp
from viewer.imaging.labelmap import Mask
from viewer.state.structure_edit import change_body
from viewer.state.structures import Structure, StructureStore, space_of
from viewer.state.undo import Edit, History
from viewer.ui.opening import open_demo

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

QUESTION = "unsaved-structures-question"
LEAVE: dict[str, Callable[[MainWindow, Path], object]] = {
    "window": lambda window, _: window.close(),
    "study": lambda window, _: window.context.commands.action("file.close").trigger(),
    "drop": lambda window, other: window.open([other]),
    "demo": lambda window, _: open_demo(window.context),
}


@pytest.fixture
def painted(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> MainWindow:
    """A study with one structure that was made here."""
    write_ramp(tmp_path / "study")
    window.open([tmp_path / "study"])
    view = window.context.view
    qtbot.waitUntil(lambda: view.base_volume is not None and not window.context.loader.busy, timeout=60_000)
    assert view.base_volume is not None
    volume = view.base_volume.volume
    array = np.zeros(volume.geometry.shape, bool)
    array[1:4, 1:5, 2:6] = True
    store = view.work.of(StructureStore)
    store.put([store.make("box", Mask.of(array, volume.geometry), space_of(volume))])
    return window


def only(window: MainWindow) -> Structure:
    (structure,) = window.context.view.work.of(StructureStore)
    return structure


def question(window: MainWindow) -> QMessageBox:
    """The question that is open."""
    (box,) = (found for found in window.findChildren(QMessageBox, QUESTION) if found.isVisible())
    return box


def answer(window: MainWindow, name: str) -> None:
    button = question(window).findChild(QPushButton, name)
    assert button is not None
    button.click()


@pytest.mark.parametrize("way", LEAVE)
def test_that_leaving_unsaved_structures_is_asked_once_and_cancel_keeps_everything(
    painted: MainWindow, way: str, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "other", "G2")
    LEAVE[way](painted, tmp_path / "other")
    assert question(painted).text() == "One structure was changed and not saved."
    assert question(painted).informativeText() == "box"
    LEAVE[way](painted, tmp_path / "other")  # asked again while the question is open: still one
    answer(painted, "cancel")
    assert painted.isVisible()
    assert not painted.context.loader.busy
    assert painted.context.library.catalogue.studies
    assert only(painted).volume_mm3 == 288.0


@pytest.mark.parametrize("way", ["window", "study", "drop"])
def test_that_what_is_discarded_goes_without_another_question(
    qtbot: QtBot, painted: MainWindow, way: str, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "other", "G2")
    LEAVE[way](painted, tmp_path / "other")
    answer(painted, "discard")
    if way == "window":
        assert not painted.isVisible()
    else:
        qtbot.waitUntil(lambda: not len(painted.context.view.work.of(StructureStore)), timeout=20_000)
        qtbot.waitUntil(lambda: not painted.context.loader.busy, timeout=60_000)


def test_that_the_question_saves_and_then_leaves(
    qtbot: QtBot, painted: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.nii.gz"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: (str(target), "NIfTI labels (*.nii.gz)"))
    painted.close()
    answer(painted, "save")
    qtbot.waitUntil(lambda: not painted.isVisible(), timeout=20_000)
    assert target.exists()


def test_that_a_save_that_was_given_up_leaves_nothing(
    painted: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *_: ("", ""))
    painted.close()
    answer(painted, "save")
    assert painted.isVisible()
    assert only(painted).unsaved


def test_that_only_what_differs_from_its_file_counts_as_unsaved(painted: MainWindow) -> None:
    store = painted.context.view.work.of(StructureStore)
    edits: list[Edit] = []
    painted.context.view.work.of(History).done.connect(edits.append)
    assert only(painted).unsaved
    store.saved([only(painted)])
    assert not store.unsaved
    structure = only(painted)
    body = structure.body
    assert isinstance(body, Mask)
    change_body(painted.context.view, structure, Mask.empty(body.geometry), "Erase")
    assert store.unsaved  # emptied, and its file is not
    edits[-1].undo()
    assert not store.unsaved
    store.update(structure.id, opacity=0.9, visible=False)
    assert not store.unsaved
    store.update(structure.id, name="liver")
    assert store.unsaved
    store.saved([replace(structure, name="liver")])
    painted.close()
    assert not painted.isVisible()
