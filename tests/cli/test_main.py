"""The command line as a whole: which command, which exit code, what is said where."""

from __future__ import annotations

import subprocess
import sys
import types
from pathlib import Path

import pytest

from tests.phantoms import write_ramp
from viewer import __version__
from viewer.cli import COMMANDS, main


@pytest.fixture
def window(monkeypatch: pytest.MonkeyPatch) -> list[tuple[tuple[Path, ...], bool]]:
    """Stands for the window: remembers what it was asked to open."""
    opened: list[tuple[tuple[Path, ...], bool]] = []

    def run(paths: tuple[Path, ...] = (), *, demo: bool = False) -> int:
        opened.append((tuple(paths), demo))
        return 0

    stand_in = types.ModuleType("viewer.app")
    stand_in.run = run  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "viewer.app", stand_in)
    return opened


def exit_code(*arguments: str) -> int:
    try:
        return main(arguments)
    except SystemExit as end:
        return int(end.code or 0)


def test_that_the_program_without_arguments_opens_the_empty_window(window: list[object]) -> None:
    assert exit_code() == 0
    assert window == [((), False)]


def test_that_paths_open_in_the_window(window: list[object], tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    assert exit_code(str(tmp_path), str(tmp_path / "a")) == 0
    assert window == [((tmp_path, tmp_path / "a"), False)]


def test_that_demo_opens_the_demo_study(window: list[object]) -> None:
    assert exit_code("demo") == 0
    assert window == [((), True)]


def test_that_a_path_named_like_a_command_is_opened_after_two_dashes(
    window: list[object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "info").mkdir()
    monkeypatch.chdir(tmp_path)
    assert exit_code("--", "info") == 0
    assert exit_code("./info") == 0
    assert window == [((Path("info"),), False)] * 2


def test_that_a_missing_path_is_said_before_a_window_appears(
    window: list[object], capsys: pytest.CaptureFixture[str]
) -> None:
    assert exit_code("rendr") == 1
    assert not window
    assert "no such file or folder: rendr" in capsys.readouterr().err


def test_that_wrong_usage_ends_with_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (
        ("--nonsense",),
        ("info",),
        ("render", str(tmp_path)),
        ("render", str(tmp_path), "-o", "x.png", "--at", "1,2"),
        ("render", str(tmp_path), "-o", "x.png", "--size", "0x5"),
        ("render", str(tmp_path), "-o", "x.png", "--opacity", "1.5"),
        ("render", str(tmp_path), "-o", "x.png", "--plane", "tilted"),
    ):
        assert exit_code(*arguments) == 2, arguments
    assert "usage: triptych" in capsys.readouterr().err


def test_that_help_and_version_are_answered_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert exit_code("--version") == 0
    assert capsys.readouterr().out == f"triptych {__version__}\n"
    assert exit_code("--help") == 0
    text = capsys.readouterr().out
    assert all(name in text for name in COMMANDS)
    assert "Not a medical device." in text
    for name in COMMANDS:
        assert exit_code(name, "--help") == 0
        text = capsys.readouterr().out
        assert f"usage: triptych {name}" in text
        assert COMMANDS[name].text[1:] in " ".join(text.split())


def test_that_a_reader_who_leaves_early_gets_no_traceback(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    with subprocess.Popen(
        [sys.executable, "-m", "viewer", "info", "--json", "--no-pixels", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        said = process.stderr.read().decode()
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


def test_that_pydicom_which_quotes_header_values_does_not_reach_the_terminal(tmp_path: Path) -> None:
    code = f"""
from viewer.cli import main
main(["info", "-v", {str(tmp_path)!r}])
import pydicom, logging, viewer.dicom.careful
logging.getLogger("pydicom").error("Invalid value for VR PN: SECRET^NAME")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "SECRET" not in done.stdout + done.stderr


def test_that_the_demo_study_is_written_to_an_empty_folder_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    written: list[Path] = []
    monkeypatch.setattr("viewer.dicom.demo.write_demo_study", lambda folder, progress: written.append(folder))
    assert exit_code("demo", "--write", str(tmp_path / "new")) == 0
    assert written == [tmp_path / "new"]
    (tmp_path / "new" / "file").touch()
    assert exit_code("demo", "--write", str(tmp_path / "new")) == 1
    assert "is not empty" in capsys.readouterr().err
    assert len(written) == 1
