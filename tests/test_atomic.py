"""Exports are complete or not there (rule J50)."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from viewer.atomic import export_error, write_bytes, written_aside
from viewer.errors import ExportError


def test_that_a_file_appears_whole_and_nothing_else_stays(tmp_path: Path) -> None:
    write_bytes(tmp_path / "a.png", b"picture")
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"picture"


def test_that_an_export_is_as_readable_as_other_files_of_the_user(tmp_path: Path) -> None:
    (tmp_path / "plain").write_bytes(b"")
    write_bytes(tmp_path / "a.png", b"picture")
    assert (tmp_path / "a.png").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_that_an_older_file_survives_a_failed_export(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"old")

    def fail() -> None:
        with written_aside(tmp_path / "a.png") as aside:
            aside.write_bytes(b"half")
            raise OSError(errno.EIO, "Input/output error")

    with pytest.raises(ExportError):
        fail()
    assert [entry.name for entry in tmp_path.iterdir()] == ["a.png"]
    assert (tmp_path / "a.png").read_bytes() == b"old"


def test_that_J50_a_vanished_folder_is_named_as_the_cause(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="folder is no longer there"):
        write_bytes(tmp_path / "gone" / "a.png", b"picture")


def test_that_a_folder_is_put_in_place_as_a_whole(tmp_path: Path) -> None:
    with written_aside(tmp_path / "film") as aside:
        aside.mkdir()
        (aside / "1.png").write_bytes(b"1")
        assert not (tmp_path / "film").exists()
    assert [entry.name for entry in (tmp_path / "film").iterdir()] == ["1.png"]
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EACCES, errno.EROFS, errno.ENAMETOOLONG, errno.EIO])
def test_that_the_message_has_a_cause_but_no_path(number: int) -> None:
    message = export_error(OSError(number, os.strerror(number), "/media/Muster^Anna/a.png")).user_message
    assert "Muster" not in message
    assert message.endswith("Nothing was left half written.")


@pytest.fixture
def full_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "full"
    folder.mkdir()
    if sys.platform != "linux" or os.geteuid() != 0:
        pytest.skip("a file system of its own needs Linux and root")
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], check=False)
    if mounted.returncode != 0:
        pytest.skip("this container may not mount a file system")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_that_J50_a_full_disk_leaves_no_half_file(full_disk: Path) -> None:
    with pytest.raises(ExportError, match="disk is full"):
        write_bytes(full_disk / "a.png", b"x" * 1_000_000)
    assert list(full_disk.iterdir()) == []


def test_that_J50_a_refused_write_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same without a file system of its own: the sync is what a full disk refuses last."""

    def refuse(_descriptor: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(ExportError, match="disk is full"):
        write_bytes(tmp_path / "a.png", b"x")
    assert list(tmp_path.iterdir()) == []
