"""Headers without a usable place or direction (J20, J21), and what a folder of strangers is called (J32, J40)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.dicom.reading import catalogue_of, filled, only_stack, stacks_of
from tests.phantoms import ramp_array, write_ramp
from viewer.dicom.model import SeriesKind

BIG_ENDIAN = "1.2.840.10008.1.2.2"


@pytest.mark.parametrize("raw", [b"", b"1\\2", b"1\\2\\nan", b"1\\2\\inf", b"a\\b\\c", None], ids=str)
def test_that_J20_slices_without_a_usable_position_are_pictures_only(
    raw: bytes | None, tmp_path: Path
) -> None:
    _replace(write_ramp(tmp_path), 0x0032, raw)
    stack = only_stack(tmp_path)
    assert not stack.multiplanar
    assert not stack.geometry.oriented
    # By InstanceNumber, which runs against the position in this phantom.
    assert filled(stack).array[0, 0, 0] == 4000
    assert any("No spatial information" in text for text in stack.warnings)


@pytest.mark.parametrize(
    "raw",
    [b"", b"0\\0\\0\\0\\0\\0", b"1\\0\\0\\1\\0\\0", b"1\\0\\0\\.7\\.7\\0", b"1\\0\\0", b"nan\\0\\0\\0\\1\\0"],
    ids=str,
)
def test_that_J21_slices_without_a_usable_direction_are_pictures_only(raw: bytes, tmp_path: Path) -> None:
    _replace(write_ramp(tmp_path), 0x0037, raw)
    stack = only_stack(tmp_path)
    assert not stack.multiplanar
    assert not stack.geometry.oriented
    assert stack.warnings


def _replace(folder: Path, element: int, raw: bytes | None) -> None:
    """Change the value bytes of (0020,element) in every file, or take the element out."""
    marker = b"\x20\x00" + element.to_bytes(2, "little") + b"DS"
    for path in folder.iterdir():
        content = path.read_bytes()
        at = content.index(marker)
        end = at + 8 + int.from_bytes(content[at + 6 : at + 8], "little")
        value = b"" if raw is None else raw + b" " * (len(raw) % 2)
        element_bytes = b"" if raw is None else marker + len(value).to_bytes(2, "little") + value
        path.write_bytes(content[:at] + element_bytes + content[end:])


def test_that_J32_two_studies_of_two_patients_in_one_folder_stay_apart(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a", uid_seed="a", PatientID="P-1", PatientName="One^A")
    write_ramp(tmp_path / "b", uid_seed="b", PatientID="P-2", PatientName="Two^B")
    catalogue = catalogue_of(tmp_path)
    assert sorted(study.patient.patient_id for study in catalogue.studies) == ["P-1", "P-2"]
    assert [len(study.series) for study in catalogue.studies] == [1, 1]
    assert any("2 patients" in note for note in catalogue.notes)


def test_that_J40_an_unknown_class_with_pixels_is_shown_and_one_without_is_listed(tmp_path: Path) -> None:
    write_ramp(tmp_path / "pixels", uid_seed="a", SOPClassUID="1.2.840.10008.5.1.4.1.1.9999.1")
    absent: dict[str, Any] = dict.fromkeys(("PixelData", "Rows", "Columns", "BitsAllocated"))
    write_ramp(tmp_path / "nothing", uid_seed="b", SOPClassUID="1.2.840.10008.5.1.4.1.1.9999.2", **absent)
    catalogue = catalogue_of(tmp_path)
    (stack,) = stacks_of(catalogue)
    assert (filled(stack).array == ramp_array()).all()
    kinds = {series.kind for study in catalogue.studies for series in study.series}
    assert SeriesKind.OTHER in kinds


def test_that_J40_retired_big_endian_has_the_same_values(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path, transfer_syntax=BIG_ENDIAN))
    assert (filled(stack).array == ramp_array()).all()
