"""Bits of stored values: the words of rule B05 and an independent decoder that works on one integer at a time."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.imaging.stored import float_padding_range, padding_range, stored_values


def words(*values: int) -> np.ndarray[tuple[int], np.dtype[np.uint16]]:
    return np.array(values, dtype=np.uint16)


def test_that_B05_twelve_bit_signed_words_are_read_with_and_without_extended_sign() -> None:
    for raw in (words(0xF800, 0xFFFF, 0x0000, 0x07FF), words(0x0800, 0x0FFF, 0x0000, 0x07FF)):
        assert stored_values(raw, 16, 12, 11, signed=True).tolist() == [-2048, -1, 0, 2047]


def test_that_B05_an_overlay_in_bit_12_does_not_change_the_value() -> None:
    assert stored_values(words(0x1000, 0x1FFF), 16, 12, 11, signed=False).tolist() == [0, 4095]


def test_that_B05_a_high_bit_of_15_with_12_bits_stored_is_shifted_down() -> None:
    raw = words(0x8000, 0xFFF0, 0x0000, 0x7FF0)
    assert stored_values(raw, 16, 12, 15, signed=False).tolist() == [2048, 4095, 0, 2047]
    assert stored_values(raw, 16, 12, 15, signed=True).tolist() == [-2048, -1, 0, 2047]


def test_that_B06_large_unsigned_values_do_not_wrap() -> None:
    found = stored_values(words(32768, 65535), 16, 16, 15, signed=False)
    assert found.tolist() == [32768, 65535]
    assert found.dtype == np.uint16


@given(st.data())
def test_that_B05_any_layout_agrees_with_bit_arithmetic_on_single_words(data: st.DataObject) -> None:
    allocated = data.draw(st.sampled_from([8, 16, 32]))
    stored = data.draw(st.integers(1, allocated))
    high = data.draw(st.integers(stored - 1, allocated - 1))
    signed = data.draw(st.booleans())
    values = data.draw(st.lists(st.integers(0, 2**allocated - 1), min_size=1, max_size=8))
    expected = []
    for word in values:
        bits = (word >> (high + 1 - stored)) & (2**stored - 1)
        expected.append(bits - 2**stored if signed and bits >> (stored - 1) else bits)
    raw = np.array(values, dtype=f"u{allocated // 8}")
    kept = raw.copy()
    assert stored_values(raw, allocated, stored, high, signed).tolist() == expected
    assert np.array_equal(raw, kept)
    assert stored_values(raw, allocated, stored, high, signed, in_place=True).tolist() == expected


def test_that_nothing_is_copied_when_every_bit_is_stored() -> None:
    raw = words(1, 2, 65535)
    assert np.shares_memory(stored_values(raw, 16, 16, 15, signed=True), raw)
    assert stored_values(raw, 16, 16, 15, signed=False) is raw


def test_that_in_place_writes_into_the_given_memory() -> None:
    raw = words(0x0FFF, 0x0800)
    found = stored_values(raw, 16, 12, 11, signed=True, in_place=True)
    assert np.shares_memory(found, raw)
    assert raw.view(np.int16).tolist() == [-1, -2048]


@pytest.mark.parametrize(
    "layout", [(16, 0, 0), (16, 17, 16), (16, 12, 10), (16, 12, 16), (8, 8, 7), (32, 16, 15)]
)
def test_that_a_contradictory_layout_is_refused(layout: tuple[int, int, int]) -> None:
    with pytest.raises(ValueError, match="bits"):
        stored_values(words(1), *layout, signed=False)


@pytest.mark.parametrize(
    "value,limit,signed,expected",
    [
        (-2000, None, True, (-2000.0, -2000.0)),
        (-2000, -1025, True, (-2000.0, -1025.0)),
        (-1025, -2000, True, (-2000.0, -1025.0)),
        (63536, None, True, (-2000.0, -2000.0)),
        (-2000, None, False, (63536.0, 63536.0)),
        (63536, None, False, (63536.0, 63536.0)),
        (0, None, False, (0.0, 0.0)),
        (None, 5, True, None),
    ],
)
def test_that_B07_padding_takes_the_sign_of_the_pixels_and_any_order(
    value: int | None, limit: int | None, signed: bool, expected: tuple[float, float] | None
) -> None:
    assert padding_range(value, limit, 16, signed) == expected


def test_that_B07_a_range_holds_the_values_between_its_ends() -> None:
    low, high = padding_range(-2000, -1025, 16, signed=True) or (0, 0)
    assert low <= -1500 <= high


def test_that_B07_float_padding_works_alike() -> None:
    assert float_padding_range(-1e30, None) == (-1e30, -1e30)
    assert float_padding_range(5.0, -5.0) == (-5.0, 5.0)
    assert float_padding_range(None, 3.0) is None
    assert float_padding_range(float("nan"), None) is None
