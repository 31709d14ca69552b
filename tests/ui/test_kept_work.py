"""Measurements are kept by themselves and come back with their study."""

from __future__ import annotations

import stat
import sys
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from tests.phantoms import write_ramp
from tests.ui.conftest import MakeWindow
from viewer.loading.cancel import CancelToken
from viewer.loading.pipeline import load
from viewer.state.measurement import Kind, as_points
from viewer.state.measurements import Measurements
from viewer.state.undo import History
from viewer.ui.kept_work import KeptWork
from viewer.ui.main_window import MainWindow


def show(window: MainWindow, folder: Path) -> MainWindow:
    """Open a folder without waiting for threads."""
    for event in load([folder], cancel=CancelToken()):
        window.session.apply(event)
    assert window.context.view.base_volume is not None
    return window


def store_of(window: MainWindow) -> Measurements:
    return window.context.view.work.of(Measurements)


def draw(window: MainWindow) -> None:
    """A rectangle around twelve voxels, as the spec has it."""
    from viewer.state.layers import Role
    from viewer.state.measurement import Measurement, new_uid

    item = window.context.view.volume(Role.BASE)
    assert item is not None
    geometry = item.volume.geometry
    corners = geometry.to_patient([[1, 0.5, 1.5], [1, 0.5, 5.5], [1, 3.5, 5.5], [1, 3.5, 1.5]])
    made = Measurement(
        new_uid(),
        Kind.RECTANGLE,
        as_points(corners),
        (0.0, 0.0, 1.0),
        item.study.uid,
        geometry.frame_of_reference_uid,
        item.volume.uid,
        name="Liver",
    )
    store_of(window).add([made])


def files(home: Path) -> list[Path]:
    return sorted(path for path in home.rglob("*") if path.is_file() and "measurements" in path.parts)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The ramp phantom."""
    return write_ramp(tmp_path / "ramp")


def test_that_G08_reopening_a_study_brings_measurements_back(
    make_window: MakeWindow, study: Path, config_home: Path
) -> None:
    first = show(make_window(), study)
    draw(first)
    before = store_of(first).items
    first.close()
    (path,) = files(config_home)
    second = show(make_window(), study)
    assert store_of(second).items == before
    found = store_of(second).result(store_of(second).items[0])
    assert (found.get("count"), found.get("mean")) == (12, 1235)
    text = path.read_text(encoding="utf-8")
    item = second.context.view.base_volume
    assert item is not None
    for secret in (item.study.uid, item.volume.uid, item.study.patient.patient_id, item.study.patient.name):
        assert secret
        assert secret not in text
    if sys.platform != "win32":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_that_changes_are_written_by_themselves_and_an_empty_list_leaves_no_file(
    qtbot: QtBot, make_window: MakeWindow, study: Path, config_home: Path
) -> None:
    window = show(make_window(), study)
    draw(window)
    qtbot.waitUntil(lambda: len(files(config_home)) == 1, timeout=5000)
    store_of(window).remove([store_of(window).items[0].uid])
    window.close()
    assert files(config_home) == []


def test_that_closing_a_study_forgets_its_measurements_and_the_steps_back(
    make_window: MakeWindow, study: Path, config_home: Path
) -> None:
    window = show(make_window(), study)
    draw(window)
    window.context.commands.run("file.close")
    assert store_of(window).items == ()
    assert not window.context.commands.action("edit.undo").isEnabled()
    show(window, study)
    assert [item.name for item in store_of(window).items] == ["Liver"]


def test_that_a_damaged_file_is_set_aside_and_said_once(
    make_window: MakeWindow, study: Path, config_home: Path
) -> None:
    first = show(make_window(), study)
    draw(first)
    first.close()
    (path,) = files(config_home)
    path.write_text("{ damaged", encoding="utf-8")
    second = show(make_window(), study)
    assert [problem.reason for problem in second.context.library.problems] == [
        "The kept measurements of this study were set aside. The file of measurements is damaged: it is not valid JSON."
    ]
    draw(second)
    second.close()
    assert [found.suffix for found in files(config_home)] == [".json", ".unread"]


def test_that_a_disk_that_refuses_is_said(
    make_window: MakeWindow, study: Path, config_home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    window = show(make_window(), study)

    def refuse(_path: Path, _text: str) -> None:
        from viewer.errors import ExportError

        raise ExportError("The disk is full.")

    monkeypatch.setattr("viewer.ui.keeping.write_private", refuse)
    draw(window)
    keeper = window.findChild(KeptWork)
    assert isinstance(keeper, KeptWork)
    keeper.save()
    window.close()
    assert "could not be kept. The disk is full." in window.context.library.problems[-1].reason
    assert window.context.view.work.of(History) is not None
