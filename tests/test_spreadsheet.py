"""Texts in tables are never formulas (rule J44)."""

from __future__ import annotations

import pytest

from viewer.spreadsheet import as_cell, as_text


@pytest.mark.parametrize(
    "text", ["=1+1", "+cmd", "-a", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "-1 0", " -1\n"[1:]]
)
def test_that_J44_a_text_that_would_be_a_formula_is_made_harmless_in_every_cell(text: str) -> None:
    assert as_text(text) == as_cell(text) == f"'{text}"


@pytest.mark.parametrize("text", ["-5", "+3.5", "-1e-3", "-inf"])
def test_that_J44_a_number_stays_one_only_where_numbers_are_expected(text: str) -> None:
    assert as_cell(text) == text
    assert as_text(text) == f"'{text}"


@pytest.mark.parametrize("text", ["", "L1", "a=b", "1-2", "spleen"])
def test_that_J44_any_other_text_stays_as_it_is(text: str) -> None:
    assert as_cell(text) == as_text(text) == text
