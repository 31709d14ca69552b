"""Save lesions as…: complete files or none, failures said once, never over what is open (rule J50)."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QFileDialog

from tests.state.pet_study import HOT, point_of, show
from tests.ui.conftest import MakeWindow
from viewer.state.lesions import Lesions
from viewer.ui.actions.lesion_files import KINDS, LesionFiles
from viewer.ui.main_window import MainWindow


@pytest.fixture
def window(make_window: MakeWindow) -> MainWindow:
    made = make_window()
    show(made.context.library, made.context.view)
    return made


def files_of(window: MainWindow) -> LesionFiles:
    found = window.findChild(LesionFiles, "lesion-files")
    assert isinstance(found, LesionFiles)
    return found


def test_that_the_proposed_name_says_nothing_of_the_patient(
    window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = window.context.commands.command("lesion.save")
    assert command.enabled is not None
    assert not command.enabled()
    window.context.view.work.of(Lesions).grow(None, point_of(HOT))
    assert command.enabled()
    asked: list[str] = []

    def answer(_parent: object, _title: str, proposed: str, filters: str) -> tuple[str, str]:
        asked.append(Path(proposed).name)
        assert filters == ";;".join(KINDS.values())
        return str(tmp_path / "table"), KINDS[".xlsx"]

    monkeypatch.setattr(QFileDialog, "getSaveFileName", answer)
    window.context.commands.run("lesion.save")
    assert asked[0].startswith("triptych-lesions-")
    assert asked[0].endswith("-1.csv")
    assert (tmp_path / "table.xlsx").read_bytes().startswith(b"PK")
    assert window.statusBar().currentMessage() == "Saved table.xlsx."


def test_that_J50_a_file_that_cannot_be_written_is_said_and_leaves_nothing(
    window: MainWindow, tmp_path: Path
) -> None:
    window.context.view.work.of(Lesions).grow(None, point_of(HOT))
    files_of(window).save(tmp_path / "gone" / "table.csv")
    (problem,) = window.context.library.problems
    assert problem.reason.startswith("The lesions were not saved. The folder is no longer there.")
    assert list(tmp_path.glob("**/*.part")) == []
    files_of(window).save(tmp_path / "report.dcm")
    files_of(window).wait()
    assert not (tmp_path / "report.dcm").exists()
