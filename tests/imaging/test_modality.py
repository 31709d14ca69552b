"""Modality LUT and rescale: the table of rule B03 and pydicom as second implementation."""

from __future__ import annotations

import math

import numpy as np
import pytest
from pydicom import Dataset
from pydicom.pixels.processing import apply_modality_lut as pydicom_modality_lut

from viewer.imaging.modality import (
    LutDescriptor,
    Rescale,
    apply_modality_lut,
    checked_rescale,
    lut_data,
    lut_descriptor,
    voi_table,
)


def test_that_B03_values_outside_the_table_take_its_ends() -> None:
    stored = np.array([0, 1, 2, 3, 4, 9], np.int16)
    assert apply_modality_lut(stored, 1, (5, 50, 500, 5000)).tolist() == [5, 5, 50, 500, 5000, 5000]


def test_that_B03_a_second_implementation_agrees() -> None:
    item = Dataset()
    item.LUTDescriptor, item.ModalityLUTType, item.LUTData = [4, 1, 16], "US", [5, 50, 500, 5000]
    dataset = Dataset()
    dataset.ModalityLUTSequence, dataset.PixelRepresentation = [item], 0
    stored = np.array([0, 1, 2, 3, 4, 9], np.uint16)
    descriptor = lut_descriptor([4, 1, 16], input_signed=False)
    ours = apply_modality_lut(stored, descriptor.first_mapped, lut_data([5, 50, 500, 5000], descriptor))
    assert ours.tolist() == pydicom_modality_lut(stored, dataset).tolist()


def test_that_B03_sixteen_bit_entries_are_exact_and_large_tables_reach_the_end() -> None:
    stored = np.array([-32768, 0, 32767], np.int16)
    values = np.arange(65536)
    assert apply_modality_lut(stored, -32768, values).tolist() == [0.0, 32768.0, 65535.0]


def test_that_B03_an_entry_count_of_zero_means_65536() -> None:
    assert lut_descriptor([0, 0, 16], input_signed=False) == LutDescriptor(65536, 0, 16)


@pytest.mark.parametrize(
    "second,signed,first",
    [(65535, True, -1), (-1, True, -1), (65535, False, 65535), (-1, False, 65535), (5, True, 5)],
)
def test_that_B14_the_first_mapped_value_has_the_sign_of_the_input(
    second: int, signed: bool, first: int
) -> None:
    assert lut_descriptor([4, second, 16], signed).first_mapped == first


@pytest.mark.parametrize("values", [[4, 0], [4, 0, 16, 1], [4, 0, 0], [4, 0, 17]])
def test_that_a_descriptor_that_makes_no_sense_is_refused(values: list[int]) -> None:
    with pytest.raises(ValueError, match="LUT"):
        lut_descriptor(values, input_signed=False)


def test_that_B20_bytes_packed_in_words_are_read_as_entries() -> None:
    descriptor = LutDescriptor(5, 0, 8)
    assert lut_data(bytes([1, 2, 3, 4, 255, 0]), descriptor).tolist() == [1, 2, 3, 4, 255]
    assert lut_data(bytes([1, 0, 2, 0, 3, 0, 4, 0, 255, 0]), descriptor).tolist() == [1, 2, 3, 4, 255]
    assert lut_data([1, 2, 3, 4, 65535], LutDescriptor(5, 0, 16)).tolist() == [1, 2, 3, 4, 65535]
    assert lut_data([0x0201, 0x0403, 0x00FF], descriptor).tolist() == [1, 2, 3, 4, 255]
    with pytest.raises(ValueError, match="need"):
        lut_data(b"\x01\x02", LutDescriptor(5, 0, 16))


def test_that_B14_a_voi_table_is_made_from_its_item() -> None:
    table = voi_table(lut_descriptor([4, 0, 8], input_signed=True), bytes([0, 10, 100, 255]), "SOFT")
    assert (table.apply([-5, 0, 1, 2, 3, 9]) * 255).round(9).tolist() == [0, 0, 10, 100, 255, 255]
    assert table.name == "SOFT"


@pytest.mark.parametrize("slope", [0.0, math.inf, math.nan, -math.inf])
def test_that_J18_an_unusable_slope_gives_raw_values_without_a_unit(slope: float) -> None:
    found = checked_rescale(slope, -1024.0)
    assert (found.slope, found.intercept, found.usable) == (1.0, 0.0, False)
    assert found.notes


def test_that_J18_absent_means_one_and_empty_means_one_with_a_note() -> None:
    assert checked_rescale(None, None) == Rescale()
    empty = checked_rescale(None, -1024.0, slope_empty=True)
    assert (empty.slope, empty.intercept, empty.usable, len(empty.notes)) == (1.0, -1024.0, True, 1)
    assert not checked_rescale(1.0, math.nan).usable


def test_that_B02_a_tiny_slope_keeps_its_value() -> None:
    found = checked_rescale(0.00031, 0.0)
    assert 1000 * found.slope + found.intercept == pytest.approx(0.31)
