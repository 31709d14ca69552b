"""Which reader takes which path."""

from __future__ import annotations

import os
import zipfile
from pathlib import Path

import pytest

from viewer.errors import FormatError
from viewer.formats.registry import FoundFile, format_for, formats
from viewer.loading.cancel import CancelToken


def test_that_readers_are_found_in_their_folder_and_sorted_by_priority() -> None:
    assert [reader.id for reader in formats()] == [
        "zarr",
        "dicom-folder",
        "dicomdir",
        "zip",
        "nifti",
        "numpy",
        "dicom-file",
    ]


def test_that_content_decides_not_the_name(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "image.dcm", "w") as archive:
        archive.writestr("1", b"x")
    (tmp_path / "study.zip").write_bytes(bytes(128) + b"DICM" + bytes(100))
    (tmp_path / "preamble").write_bytes(b"PK\x03\x04" + bytes(124) + b"DICM" + bytes(100))
    (tmp_path / "empty").touch()
    assert format_for(tmp_path).id == "dicom-folder"
    assert format_for(tmp_path / "image.dcm").id == "zip"
    assert format_for(tmp_path / "study.zip").id == "dicom-file"
    assert format_for(tmp_path / "preamble").id == "dicom-file"
    assert format_for(tmp_path / "empty").id == "dicom-file"


def test_that_a_missing_path_is_an_error_in_words(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="gone: there is no such file or folder"):
        format_for(tmp_path / "gone")


@pytest.mark.skipif(os.name != "posix", reason="a pipe")
def test_that_J37_a_pipe_is_refused_and_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(FormatError, match="only folders and regular files"):
        format_for(tmp_path / "pipe")


@pytest.mark.skipif(not Path("/dev/zero").exists(), reason="no such device")
def test_that_J37_a_device_is_refused_and_never_opened() -> None:
    with pytest.raises(FormatError, match="only folders and regular files"):
        format_for(Path("/dev/zero"))


@pytest.mark.parametrize(
    "magic, name",
    [(b"7z\xbc\xaf\x27\x1c", "7z"), (b"Rar!\x1a\x07\x00", "RAR"), (b"\x1f\x8b\x08", "gzip")],
)
def test_that_J38_other_archives_are_refused_with_advice(tmp_path: Path, magic: bytes, name: str) -> None:
    path = tmp_path / "study"
    path.write_bytes(magic + bytes(100))
    with pytest.raises(FormatError, match=f"{name} archives cannot be opened. Unpack it"):
        list(format_for(path).expand(path, CancelToken()))


def test_that_a_single_file_is_found_under_its_real_path(tmp_path: Path) -> None:
    path = tmp_path / "image"
    path.write_bytes(b"x")
    assert list(format_for(path).expand(path, CancelToken())) == [FoundFile(path.resolve(), "image")]
