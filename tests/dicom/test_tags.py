"""The tag tree: complete, clean, bounded, and honest about what identifies the patient."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pydicom
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence

from tests.conftest import RealData
from tests.phantoms import write_ramp
from viewer.dicom import tags
from viewer.dicom.tags import TagRow, tag_rows
from viewer.errors import NotDicomError, ViewerError


def _rows(folder: Path, **values: Any) -> dict[str, TagRow]:
    write_ramp(folder, **values)
    return {row.tag: row for row in tag_rows(folder / "im0001.dcm")}


def test_that_every_element_is_a_row(tmp_path: Path) -> None:
    rows = _rows(tmp_path)
    dataset = pydicom.dcmread(tmp_path / "im0001.dcm", stop_before_pixels=True)
    for tag in [*dataset.keys(), *dataset.file_meta.keys()]:
        assert f"({tag.group:04X},{tag.element:04X})" in rows
    assert rows["(0028,0010)"].value == "6"
    assert rows["(0028,0010)"].name == "Rows"
    assert rows["(0020,0032)"].value.startswith("-10")


@pytest.mark.parametrize(
    "tag, identity",
    [
        ("(0010,0010)", True),
        ("(0010,0020)", True),
        ("(0008,0020)", True),
        ("(0020,000D)", True),
        ("(0008,0016)", False),
        ("(0028,0010)", False),
        ("(0028,0030)", False),
        ("(0018,0050)", False),
    ],
)
def test_that_identity_follows_the_basic_profile(tag: str, identity: bool, tmp_path: Path) -> None:
    assert _rows(tmp_path)[tag].identity is identity


def test_that_J24_binary_is_counted_and_never_shown(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    path = tmp_path / "im0001.dcm"
    dataset = pydicom.dcmread(path)
    block = dataset.private_block(0x0009, "SOMEONE", create=True)
    block.add_new(0x01, "OB", bytes(1 << 20))
    dataset.save_as(path)
    row = {row.tag: row for row in tag_rows(path)}["(0009,1001)"]
    assert row.value == "<1048576 bytes>"
    assert row.private
    assert row.identity


def test_that_J25_text_is_cleaned_and_bounded(tmp_path: Path) -> None:
    row = _rows(tmp_path, ImageComments="line\x07 one\x1b[31m " + "x" * 5000)["(0020,4000)"]
    assert "\x07" not in row.value
    assert "\x1b" not in row.value
    assert len(row.value) <= tags.MAX_TEXT + 1


def test_that_sequences_are_indented_and_inherit_privacy(tmp_path: Path) -> None:
    inner = Dataset()
    inner.CodeValue = "A"
    rows = _rows(tmp_path, RequestAttributesSequence=Sequence([inner]))
    assert rows["(0040,0275)"].value == "1 item"
    assert rows["(0008,0100)"].depth == 1
    assert rows["(0008,0100)"].identity


def test_that_deep_and_long_files_end_in_a_row(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tags, "MAX_ROWS", 10)
    write_ramp(tmp_path)
    rows = tag_rows(tmp_path / "im0001.dcm")
    assert len(rows) == 11
    assert "not listed" in rows[-1].value


def test_that_every_real_file_has_rows_or_a_sentence(real_data: RealData) -> None:
    listed = 0
    sentences = []
    for name in ("broken-a", "zoo-a"):
        for path in sorted(real_data(name).rglob("*")):
            if not path.is_file():
                continue
            try:
                listed += len(tag_rows(path)) > 0
            except ViewerError as error:
                sentences.append(error.user_message)
    assert listed > 180
    assert all(sentence.endswith(".") for sentence in sentences)


def test_that_other_files_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.txt"
    path.write_text("hello")
    with pytest.raises(NotDicomError):
        tag_rows(path)
