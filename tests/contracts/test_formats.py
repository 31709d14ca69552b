"""What every format must keep, whoever wrote it: found by the registry, tried on what it opens and what it does not."""

from __future__ import annotations

import os
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from viewer.dicom.model import Problem
from viewer.errors import Cancelled, FormatError
from viewer.formats.registry import Format, FoundFile, FoundNote, format_for, formats
from viewer.loading.cancel import CancelToken


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "study" / "series").mkdir(parents=True)
    (tmp_path / "study" / "series" / "image").write_bytes(b"content")
    return tmp_path / "study"


def _file(tmp_path: Path) -> Path:
    (tmp_path / "image").write_bytes(b"content")
    return tmp_path / "image"


def _archive(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.writestr("series/image", b"content")
    return tmp_path / "study.zip"


def _media_directory(tmp_path: Path) -> Path:
    folder = _folder(tmp_path)
    (folder / "DICOMDIR").write_bytes(b"broken")
    return folder / "DICOMDIR"


SAMPLES: dict[str, Callable[[Path], Path]] = {
    "dicom-folder": _folder,
    "dicom-file": _file,
    "zip": _archive,
    "dicomdir": _media_directory,
}

each_format = pytest.mark.parametrize("reader", formats(), ids=lambda reader: reader.id)


@each_format
def test_that_a_format_has_all_attributes_and_a_sample_here(reader: Format) -> None:
    assert isinstance(reader, Format)
    assert reader.name
    assert reader.id in SAMPLES, "add a sample for the new format"


def test_that_ids_and_priorities_are_unique() -> None:
    assert len({reader.id for reader in formats()}) == len(formats())
    assert len({reader.priority for reader in formats()}) == len(formats())


@each_format
def test_that_a_format_opens_its_sample_and_yields_regular_files_with_their_bytes(
    reader: Format, tmp_path: Path
) -> None:
    path = SAMPLES[reader.id](tmp_path)
    assert reader.can_open(path)
    assert format_for(path) is reader
    found = list(reader.expand(path, CancelToken()))
    files = [item for item in found if isinstance(item, FoundFile)]
    assert all(isinstance(item, FoundFile | FoundNote | Problem) for item in found)
    assert [file.path.read_bytes() for file in files] == [b"content"]
    assert all(file.path.is_absolute() and file.path.is_file() for file in files)
    assert all("\\" not in file.shown and not Path(file.shown).is_absolute() for file in files)


@each_format
def test_that_a_format_yields_the_same_order_twice(reader: Format, tmp_path: Path) -> None:
    path = SAMPLES[reader.id](tmp_path)
    first, second = (
        [getattr(item, "shown", item) for item in reader.expand(path, CancelToken())] for _ in range(2)
    )
    assert first == second


@each_format
def test_that_a_format_obeys_a_token_that_is_set(reader: Format, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        list(reader.expand(SAMPLES[reader.id](tmp_path), token))


@each_format
@pytest.mark.skipif(os.name != "posix", reason="a pipe")
def test_that_no_format_wants_a_pipe(reader: Format, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not reader.can_open(tmp_path / "pipe")


@each_format
def test_that_a_vanished_path_is_an_expected_error_or_a_problem(reader: Format, tmp_path: Path) -> None:
    path = SAMPLES[reader.id](tmp_path)
    moved = tmp_path / "moved"
    path.rename(moved)
    try:
        found = list(reader.expand(path, CancelToken()))
    except (FormatError, OSError):
        return
    assert not [
        item for item in found if isinstance(item, FoundFile) and item.path.exists() and item.path == path
    ]
