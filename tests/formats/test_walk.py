"""The walk through a folder: what it must not follow, open or miss (rules J33, J36, J37, J39, J41)."""

from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from viewer.dicom.model import Problem
from viewer.errors import Cancelled
from viewer.formats.registry import Found, FoundFile, FoundNote
from viewer.formats.walk import DEPTH_LIMIT, find_media_directory, walk
from viewer.loading.cancel import CancelToken

posix = pytest.mark.skipif(os.name != "posix", reason="links and special files as POSIX knows them")


def walked(folder: Path) -> list[Found]:
    return list(walk(folder, folder.name, CancelToken()))


def names(found: list[Found]) -> list[str]:
    return [item.shown for item in found if isinstance(item, FoundFile)]


def notes(found: list[Found]) -> str:
    return " ".join(item.text for item in found if isinstance(item, FoundNote))


def test_that_files_come_before_folders_and_both_by_name(tmp_path: Path) -> None:
    for name in ("b/2", "b/1", "a/x", "z", "c"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    top = tmp_path.name
    assert names(walked(tmp_path)) == [f"{top}/c", f"{top}/z", f"{top}/a/x", f"{top}/b/1", f"{top}/b/2"]


@posix
def test_that_J33_a_loop_of_links_ends_and_links_are_counted_not_followed(tmp_path: Path) -> None:
    study = tmp_path / "study"
    (study / "series").mkdir(parents=True)
    (study / "series" / "image").touch()
    (study / "series" / "up").symlink_to(study)
    (study / "outside").symlink_to(tmp_path)
    (study / "linked-image").symlink_to(study / "series" / "image")
    found = walked(study)
    assert names(found) == ["study/series/image"]
    assert "3 links were not followed" in notes(found)


@posix
def test_that_J33_a_link_the_user_names_is_followed_once(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "real" / "image").touch()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert [item.path for item in walked(tmp_path / "link") if isinstance(item, FoundFile)] == [
        (tmp_path / "real" / "image").resolve()
    ]


def test_that_J33_folders_deeper_than_the_limit_are_a_problem_not_a_crash(tmp_path: Path) -> None:
    folder = tmp_path
    for _ in range(DEPTH_LIMIT + 3):
        folder = folder / "d"
        folder.mkdir()
        (folder / "image").touch()
    found = walked(tmp_path)
    assert len(names(found)) == DEPTH_LIMIT
    problems = [item for item in found if isinstance(item, Problem)]
    assert len(problems) == 1
    assert "32 levels" in problems[0].reason


@posix
def test_that_J37_pipes_and_sockets_are_counted_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        here = Path.cwd()
        os.chdir(tmp_path)  # the path of a socket may not be long
        try:
            server.bind("socket")
        finally:
            os.chdir(here)
        (tmp_path / "image").touch()
        found = walked(tmp_path)
    assert names(found) == [f"{tmp_path.name}/image"]
    assert "2 devices, pipes or sockets were skipped" in notes(found)


def test_that_hidden_and_system_entries_are_skipped_with_their_count(tmp_path: Path) -> None:
    (tmp_path / ".DS_Store").touch()
    (tmp_path / "Thumbs.db").touch()
    (tmp_path / "__MACOSX").mkdir()
    (tmp_path / "__MACOSX" / "._image").touch()
    (tmp_path / "image").touch()
    found = walked(tmp_path)
    assert names(found) == [f"{tmp_path.name}/image"]
    assert "3 hidden or system entries were skipped" in notes(found)


def test_that_J36_a_folder_that_may_not_be_read_is_listed_and_the_rest_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "closed").mkdir()
    (tmp_path / "open").mkdir()
    (tmp_path / "open" / "image").touch()
    scandir = os.scandir

    def refuse(path: str) -> object:
        if Path(path).name == "closed":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    found = walked(tmp_path)
    assert names(found) == [f"{tmp_path.name}/open/image"]
    assert [item for item in found if isinstance(item, Problem)] == [
        Problem(f"{tmp_path.name}/closed", "This folder cannot be read (Permission denied).")
    ]


@pytest.mark.parametrize("name", ["🧠 scan", 'quote\'s "n" \\', "n" * 250, "right\u202eleft", "dot."])
def test_that_J39_strange_names_are_found_as_they_are(tmp_path: Path, name: str) -> None:
    try:
        (tmp_path / name).touch()
    except OSError:
        pytest.skip("this file system has no such name")
    assert names(walked(tmp_path)) == [f"{tmp_path.name}/{name}"]


def test_that_a_walk_stops_when_cancelled(tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"{number:03d}").touch()
    token = CancelToken()
    walking = walk(tmp_path, "study", token)
    next(walking)
    token.cancel()
    with pytest.raises(Cancelled):
        list(walking)


@pytest.mark.parametrize("name", ["DICOMDIR", "dicomdir", "DicomDir"])
def test_that_J41_a_media_directory_is_known_in_any_letter_case_and_is_no_image(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).touch()
    assert find_media_directory(tmp_path) == tmp_path / name
    assert names(walked(tmp_path)) == []


def test_that_a_folder_without_media_directory_has_none(tmp_path: Path) -> None:
    assert find_media_directory(tmp_path) is None
    assert find_media_directory(tmp_path / "missing") is None
