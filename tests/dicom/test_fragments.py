"""Where compressed frames lie (PS3.5 A.4): offset table, start markers, counting; fragments written by hand (J12)."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from pathlib import Path

import pytest

from viewer.dicom.fragments import frame_data
from viewer.dicom.model import FrameSource
from viewer.errors import DecodeError

START = 40
"""Bytes in front of the pixel data; any number will do."""
JPEG = b"\xff\xd8\xff"


def _item(content: bytes, length: int | None = None) -> bytes:
    return b"\xfe\xff\x00\xe0" + struct.pack("<I", len(content) if length is None else length) + content


def _write(
    folder: Path,
    fragments: Sequence[bytes],
    table: Sequence[int] = (),
    *,
    end: bytes = b"\xfe\xff\xdd\xe0\0\0\0\0",
) -> Path:
    """A file that holds nothing but fragments, behind an offset table."""
    path = folder / "fragments"
    body = b"".join(_item(fragment) for fragment in fragments)
    path.write_bytes(bytes(START) + _item(struct.pack(f"<{len(table)}I", *table)) + body + end)
    return path


def _frames(path: Path, frames: int) -> list[bytes]:
    return [
        frame_data(FrameSource(path, frame=n, frames=frames, data_offset=START, data_length=-1))
        for n in range(frames)
    ]


PARTS = (b"aaaa", b"bb", b"cccccc", b"dddd", b"ee")
"""Five fragments; their items start at 0, 12, 22, 36 and 48."""


@pytest.mark.parametrize(
    "table, expected",
    [
        ((0, 22), [b"aaaabb", b"ccccccddddee"]),
        ((0, 12), [b"aaaa", b"bbccccccddddee"]),
        ((0, 48), [b"aaaabbccccccdddd", b"ee"]),
        ((0, 12, 22), [b"aaaa", b"bb", b"ccccccddddee"]),
    ],
)
def test_that_J12_the_offset_table_says_which_fragments_make_a_frame(
    table: tuple[int, ...], expected: list[bytes], tmp_path: Path
) -> None:
    assert _frames(_write(tmp_path, PARTS, table), len(expected)) == expected


@pytest.mark.parametrize(
    "table",
    [(), (0,), (0, 0), (22, 0), (0, 22, 36), (0, 23), (0, 999999), (1 << 31, 22)],
    ids=str,
)
def test_that_J12_without_a_table_to_trust_codestreams_are_told_by_their_first_bytes(
    table: tuple[int, ...], tmp_path: Path
) -> None:
    parts = [JPEG + b"1", b"more", JPEG + b"2", b"rest", b"rest"]
    assert _frames(_write(tmp_path, parts, table), 2) == [JPEG + b"1more", JPEG + b"2restrest"]


def test_that_J12_one_fragment_a_frame_needs_no_table(tmp_path: Path) -> None:
    assert _frames(_write(tmp_path, PARTS), 5) == list(PARTS)


def test_that_J12_a_table_of_wrong_length_does_not_stop_one_fragment_a_frame(tmp_path: Path) -> None:
    assert _frames(_write(tmp_path, PARTS, (0, 22)), 5) == list(PARTS)


def test_that_J12_the_only_frame_of_a_file_is_all_its_fragments(tmp_path: Path) -> None:
    # Even when each looks like a codestream of its own, and whatever the table says.
    parts = [JPEG + b"1", JPEG + b"2"]
    assert _frames(_write(tmp_path, parts, (0, 12)), 1) == [JPEG + b"1" + JPEG + b"2"]


def test_that_J12_a_missing_delimiter_at_the_end_is_accepted(tmp_path: Path) -> None:
    assert _frames(_write(tmp_path, PARTS, end=b""), 5) == list(PARTS)


def test_that_J12_nothing_behind_the_delimiter_is_read(tmp_path: Path) -> None:
    path = _write(tmp_path, PARTS, end=b"\xfe\xff\xdd\xe0\0\0\0\0" + _item(b"other"))
    assert _frames(path, 1) == [b"".join(PARTS)]


def test_that_J12_a_frame_that_is_not_there_is_named(tmp_path: Path) -> None:
    path = _write(tmp_path, [JPEG + b"1", JPEG + b"2"])
    with pytest.raises(DecodeError, match="Frame 3 is not in the file"):
        _frames(path, 3)


@pytest.mark.parametrize(
    "content, words",
    [
        (b"", "offset table"),
        (b"\0" * 20, "offset table"),
        (_item(b"", length=1 << 30), "damaged"),
        (_item(b"") + b"garbage that is no item", "damaged"),
        (_item(b""), "no fragment"),
        (_item(b"") + b"\xfe\xff\xdd\xe0\0\0\0\0", "no fragment"),
    ],
)
def test_that_J12_damaged_fragments_are_refused_with_a_sentence(
    content: bytes, words: str, tmp_path: Path
) -> None:
    path = tmp_path / "fragments"
    path.write_bytes(bytes(START) + content)
    with pytest.raises(DecodeError, match=words):
        _frames(path, 1)


def test_that_J12_a_fragment_longer_than_the_file_ends_with_it(tmp_path: Path) -> None:
    path = tmp_path / "fragments"
    path.write_bytes(bytes(START) + _item(b"") + _item(b"abc", length=1 << 30))
    assert _frames(path, 1) == [b"abc"]


def test_that_J35_a_file_that_was_written_again_is_looked_at_again(tmp_path: Path) -> None:
    assert _frames(_write(tmp_path, PARTS), 5) == list(PARTS)
    assert _frames(_write(tmp_path, [b"longer than before"] * 5), 5) == [b"longer than before"] * 5
