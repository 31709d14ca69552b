"""PET headers read without pydicom say the same as with it."""

from __future__ import annotations

from pathlib import Path

import pydicom
import pytest

from tests.conftest import RealData
from tests.dicom.reading import only_stack
from tests.phantoms import write_pet
from viewer.dicom.pet import suv_inputs
from viewer.dicom.raw_dataset import read_dataset
from viewer.dicom.read import read_header


@pytest.mark.parametrize("name", ["petct-acrin", "suv-dro-a", "sts-a"])
def test_that_raw_headers_give_the_same_suv_inputs_as_pydicom(name: str, real_data: RealData) -> None:
    compared = 0
    for path in sorted(real_data(name).rglob("*"))[::11]:
        if not path.is_file() or path.suffix in (".gz", ".json", ".nii"):
            continue
        header = read_header(path)
        if header.modality != "PT" or not header.is_image:
            continue
        raw, full = read_dataset(header), read_dataset(header, quick=False)
        # Files of the second set have no group length in their meta information: pydicom reads them.
        assert isinstance(raw, pydicom.Dataset) is (name == "suv-dro-a")
        assert suv_inputs([raw]) == suv_inputs([full])
        assert set(raw.keys()) == set(full.keys())
        compared += 1
    assert compared > 4


@pytest.mark.parametrize("syntax", ["1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"])
def test_that_every_encoding_gives_the_same_factor(syntax: str, tmp_path: Path) -> None:
    stack = only_stack(write_pet(tmp_path, transfer_syntax=syntax))
    assert stack.suv is not None
    assert stack.suv.factor == pytest.approx(2.7633668e-4, rel=1e-6)


def test_that_sequences_of_undefined_length_are_opened(tmp_path: Path) -> None:
    write_pet(tmp_path)
    for path in tmp_path.iterdir():
        dataset = pydicom.dcmread(path)
        dataset["RadiopharmaceuticalInformationSequence"].is_undefined_length = True
        dataset.RadiopharmaceuticalInformationSequence[0].is_undefined_length_sequence_item = True
        dataset.save_as(path)
    stack = only_stack(tmp_path)
    assert stack.suv is not None
    assert not isinstance(read_dataset(read_header(stack.frames[0].path)), pydicom.Dataset)


def test_that_a_damaged_sequence_costs_the_suv_and_not_the_series(tmp_path: Path) -> None:
    write_pet(tmp_path)
    for path in tmp_path.iterdir():
        content = path.read_bytes()
        at = content.find(b"\x54\x00\x16\x00SQ")
        assert at > 0
        # The item becomes an element that is none.
        path.write_bytes(content[: at + 12] + b"\xff\xff\xff\xff" + content[at + 16 :])
    stack = only_stack(tmp_path)
    assert stack.suv is None
    assert stack.suv_note.endswith(".")
    assert stack.multiplanar
