"""Zip archives, friendly and hostile (rule J38)."""

from __future__ import annotations

import stat
import struct
import sys
import zipfile
from pathlib import Path

import pytest

from viewer.dicom.model import Problem
from viewer.errors import Cancelled, FormatError
from viewer.formats.registry import Found, FoundFile
from viewer.formats.zip_archive import ZipArchive, ZipLimits
from viewer.loading.cancel import CancelToken


def make_zip(path: Path, members: dict[str, bytes], compression: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", compression) as archive:
        for name, content in members.items():
            archive.writestr(zipfile.ZipInfo(name), content, compression)
    return path


def unpacked(path: Path, limits: ZipLimits | None = None) -> list[Found]:
    return list(ZipArchive(limits).expand(path, CancelToken()))


def only_problem(found: list[Found]) -> Problem:
    assert len(found) == 1
    assert isinstance(found[0], Problem)
    return found[0]


def test_that_members_are_unpacked_whole_under_the_name_the_user_knows(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "study.zip", {"series/1": b"one", "series/2": b"two" * 1000})
    files = [item for item in unpacked(path) if isinstance(item, FoundFile)]
    assert [file.shown for file in files] == ["study.zip/series/1", "study.zip/series/2"]
    assert [file.path.read_bytes() for file in files] == [b"one", b"two" * 1000]


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions")
def test_that_J38_the_folder_is_for_this_user_only_and_beside_nothing_else(tmp_path: Path) -> None:
    (file,) = unpacked(make_zip(tmp_path / "study.zip", {"image": b"x"}))
    assert isinstance(file, FoundFile)
    assert stat.S_IMODE(file.path.parent.stat().st_mode) == 0o700
    assert tmp_path not in file.path.parents


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/etc/evil", "\\evil", "C:\\evil", "..\\evil", "a\\..\\..\\evil"]
)
def test_that_J38_a_name_that_leads_out_of_the_archive_is_left_out(tmp_path: Path, name: str) -> None:
    found = unpacked(make_zip(tmp_path / "study.zip", {name: b"evil", "good": b"good"}))
    assert [type(item) for item in found] == [Problem, FoundFile]
    assert isinstance(found[0], Problem)
    assert "leads out of the archive" in found[0].reason
    assert not list(tmp_path.parent.rglob("evil"))


def test_that_J38_names_that_differ_only_in_odd_characters_do_not_overwrite_each_other(
    tmp_path: Path,
) -> None:
    path = make_zip(tmp_path / "study.zip", {"a:b": b"1", "a?b": b"2", "A?B": b"3", "x/" + "n" * 300: b"4"})
    files = [item for item in unpacked(path) if isinstance(item, FoundFile)]
    assert [file.path.read_bytes() for file in files] == [b"1", b"2", b"3", b"4"]
    assert all(len(file.path.name) < 80 and file.path.name.isascii() for file in files)


def test_that_J38_a_bomb_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "bomb.zip", {"zeros": bytes(3_000_000)})
    with pytest.raises(FormatError, match="bomb"):
        unpacked(path, ZipLimits(harmless_bytes=1_000_000))


def test_that_J38_one_bomb_among_honest_members_is_left_out_alone(tmp_path: Path) -> None:
    honest = bytes(range(256)) * 400
    path = make_zip(tmp_path / "study.zip", {"honest": honest}, zipfile.ZIP_STORED)
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(3_000_000))
    found = unpacked(path, ZipLimits(harmless_bytes=1_000_000))
    assert [type(item) for item in found] == [FoundFile, Problem]
    assert isinstance(found[1], Problem)
    assert "100 times" in found[1].reason


def test_that_an_empty_mask_that_packs_a_thousand_to_one_is_no_bomb(tmp_path: Path) -> None:
    found = unpacked(make_zip(tmp_path / "study.zip", {"mask": bytes(3_000_000)}))
    assert [type(item) for item in found] == [FoundFile]


def test_that_J38_more_than_the_limit_is_refused(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "study.zip", {"a": b"x" * 1000, "b": b"x" * 1000})
    with pytest.raises(FormatError, match="more than the limit"):
        unpacked(path, ZipLimits(total_bytes=1500))
    with pytest.raises(FormatError, match="more than 1 members"):
        unpacked(path, ZipLimits(members=1))


def test_that_links_and_devices_in_an_archive_are_left_out(tmp_path: Path) -> None:
    path = tmp_path / "study.zip"
    with zipfile.ZipFile(path, "w") as archive:
        link = zipfile.ZipInfo("link")
        link.create_system = 3
        link.external_attr = (stat.S_IFLNK | 0o777) << 16
        archive.writestr(link, "/etc/passwd")
    assert "link or a device" in only_problem(unpacked(path)).reason


def test_that_a_password_is_named_as_the_reason(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "study.zip", {"image": b"x" * 100}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[6] |= 1
    content[central + 8] |= 1
    path.write_bytes(content)
    assert "password" in only_problem(unpacked(path)).reason


def test_that_a_damaged_member_is_one_problem_and_its_rest_is_removed(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "study.zip", {"bad": b"b" * 500, "good": b"g"}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    content[content.index(b"b" * 500) + 3] ^= 0xFF
    path.write_bytes(content)
    found = unpacked(path)
    assert [type(item) for item in found] == [Problem, FoundFile]
    assert isinstance(found[1], FoundFile)
    assert len(list(found[1].path.parent.iterdir())) == 1


def test_that_an_unknown_compression_is_one_problem(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "study.zip", {"image": b"x" * 100}, zipfile.ZIP_STORED)
    content = bytearray(path.read_bytes())
    central = content.index(b"PK\x01\x02")
    content[8:10] = content[central + 10 : central + 12] = struct.pack("<H", 97)
    path.write_bytes(content)
    assert "cannot be read" in only_problem(unpacked(path)).reason


def test_that_a_truncated_archive_is_refused_in_words(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "study.zip", {"image": b"x" * 1000})
    path.write_bytes(path.read_bytes()[:-30])
    with pytest.raises(FormatError, match=r"study\.zip: the zip archive is damaged"):
        unpacked(path)


def test_that_media_directories_and_clutter_in_an_archive_are_no_images(tmp_path: Path) -> None:
    members = {"DICOMDIR": b"x", "__MACOSX/._1": b"x", ".DS_Store": b"x", "1": b"x"}
    found = unpacked(make_zip(tmp_path / "study.zip", members))
    assert [item.shown for item in found if isinstance(item, FoundFile)] == ["study.zip/1"]
    assert len(found) == 1


def test_that_unpacking_stops_when_cancelled(tmp_path: Path) -> None:
    path = make_zip(tmp_path / "study.zip", {f"{n}": b"x" for n in range(10)})
    token = CancelToken()
    unpacking = ZipArchive().expand(path, token)
    next(unpacking)
    token.cancel()
    with pytest.raises(Cancelled):
        list(unpacking)
