"""DICOMDIR: an index that may lie (rules A06, J41)."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pytest
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.uid import UID, ExplicitVRLittleEndian, MediaStorageDirectoryStorage

from tests.conftest import RealData
from viewer.dicom.model import Problem
from viewer.errors import FormatError
from viewer.formats.dicom_folder import DicomFolder
from viewer.formats.dicomdir import DicomDir
from viewer.formats.dicomdir_index import read_media_directory
from viewer.formats.registry import Found, FoundFile
from viewer.loading.cancel import CancelToken


def write_media_directory(path: Path, file_ids: list[str | list[str]]) -> Path:
    """A DICOMDIR with one record for each ReferencedFileID (0004,1500)."""
    meta = FileMetaDataset()
    meta.TransferSyntaxUID = ExplicitVRLittleEndian
    meta.MediaStorageSOPClassUID = MediaStorageDirectoryStorage
    meta.MediaStorageSOPInstanceUID = UID("2.25.1")
    dataset = FileDataset(str(path), {}, file_meta=meta, preamble=bytes(128))
    dataset.FileSetID = "TEST"
    records = []
    for value in file_ids:
        record = Dataset()
        record.DirectoryRecordType = "IMAGE"
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            record.ReferencedFileID = value
        records.append(record)
    dataset.DirectoryRecordSequence = records
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        dataset.save_as(path, enforce_file_format=True)
    return path


def shown(found: list[Found]) -> list[str]:
    return [item.shown for item in found if isinstance(item, FoundFile)]


def problems(found: list[Found]) -> list[Problem]:
    return [item for item in found if isinstance(item, Problem)]


@pytest.fixture
def disc(tmp_path: Path) -> Path:
    folder = tmp_path / "disc"
    (folder / "Images").mkdir(parents=True)
    (folder / "Images" / "im1").write_bytes(b"1")
    (folder / "Images" / "im2").write_bytes(b"2")
    (tmp_path / "SECRET").write_bytes(b"secret")
    return folder


def test_that_J41_names_are_found_without_regard_to_letter_case(disc: Path) -> None:
    path = write_media_directory(disc / "dicomdir", [["IMAGES", "IM2"], ["IMAGES", "IM1"]])
    found = list(DicomDir().expand(path, CancelToken()))
    assert shown(found) == ["disc/Images/im2", "disc/Images/im1"]
    assert not problems(found)


@pytest.mark.parametrize(
    "escape", [["..", "SECRET"], ["IMAGES", "..", "..", "SECRET"], "../SECRET", "..\\SECRET"]
)
def test_that_J41_a_name_never_leads_out_of_the_disc(disc: Path, escape: str | list[str]) -> None:
    path = write_media_directory(disc / "DICOMDIR", [["IMAGES", "IM1"], escape])
    directory = read_media_directory(path, CancelToken())
    assert directory.present == ((disc / "Images" / "im1").resolve(),)
    assert directory.missing == 1


def test_that_J41_a_link_on_the_disc_is_not_followed(disc: Path) -> None:
    (disc / "LINK").symlink_to(disc.parent / "SECRET")
    path = write_media_directory(disc / "DICOMDIR", ["LINK"])
    assert read_media_directory(path, CancelToken()).missing == 1


def test_that_A06_a_stale_directory_gives_a_note_and_the_whole_folder(disc: Path) -> None:
    path = write_media_directory(disc / "DICOMDIR", [["IMAGES", "IM1"], ["IMAGES", "GONE"]])
    found = list(DicomDir().expand(path, CancelToken()))
    assert shown(found) == ["disc/Images/im1", "disc/Images/im2"]
    assert [problem.reason for problem in problems(found)] == [
        "1 of 2 files that the DICOMDIR names is missing. The folder was searched instead."
    ]


def test_that_A06_a_folder_with_a_good_directory_says_nothing_about_it(disc: Path) -> None:
    write_media_directory(disc / "DICOMDIR", [["IMAGES", "IM1"]])
    found = list(DicomFolder().expand(disc, CancelToken()))
    # The unlisted file is read as well: the directory is not needed.
    assert shown(found) == ["disc/Images/im1", "disc/Images/im2"]
    assert not problems(found)


@pytest.mark.parametrize("content", [b"", b"nonsense" * 100, bytes(128) + b"DICM" + b"\xff" * 64])
def test_that_a_broken_directory_gives_a_note_and_the_whole_folder(disc: Path, content: bytes) -> None:
    (disc / "DICOMDIR").write_bytes(content)
    assert DicomDir().can_open(disc / "DICOMDIR")
    for found in (
        list(DicomDir().expand(disc / "DICOMDIR", CancelToken())),
        list(DicomFolder().expand(disc, CancelToken())),
    ):
        assert shown(found) == ["disc/Images/im1", "disc/Images/im2"]
        assert len(problems(found)) == 1
        assert "searched instead" in problems(found)[0].reason


def test_that_a_directory_without_records_is_an_error_in_words(disc: Path) -> None:
    path = write_media_directory(disc / "DICOMDIR", [])
    with pytest.raises(FormatError, match="no records"):
        read_media_directory(path, CancelToken())


def test_that_real_directories_open_what_is_there(real_data: RealData) -> None:
    root = real_data("dicomdir") / "pydicom" / "dicomdirtests"
    tiny = list(DicomDir().expand(root / "TINY_ALPHA" / "DICOMDIR", CancelToken()))
    assert len(shown(tiny)) == 50
    assert not problems(tiny)
    files = sorted(path for path in root.rglob("*") if path.is_file())
    for name in (
        "DICOMDIR",
        "DICOMDIR-implicit",
        "DICOMDIR-bigEnd",
        "DICOMDIR-reordered",
        "DICOMDIR-nooffset",
    ):
        path = root / name
        assert DicomDir().can_open(path), name
        found = list(DicomDir().expand(path, CancelToken()))
        if problems(found):
            # Stale: the folder is searched, all but the file called DICOMDIR in it and below it.
            assert len(shown(found)) == len(files) - 2, name
        else:
            assert len(shown(found)) == 31, name


def test_that_the_broken_directory_of_a_real_disc_is_one_problem(real_data: RealData, tmp_path: Path) -> None:
    folder = real_data("head-philips")
    found = list(DicomFolder().expand(folder, CancelToken()))
    assert len(problems(found)) == 1
    assert problems(found)[0].file == "head-philips/DICOMDIR"
    copy = tmp_path / "DICOMDIR"
    shutil.copy(folder / "DICOMDIR", copy)
    assert read_media_directory(copy, CancelToken()).present == ()
