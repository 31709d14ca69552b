"""Texts in tables that spreadsheets open: never formulas (rule J44).

At the bottom of the rooms, because windows, reports about models and structures all write tables, and none of these may
import another.
"""

from __future__ import annotations

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r", "\n")
"""What makes a spreadsheet take a text for a formula, or lets one begin in the next cell."""


def as_text(text: str) -> str:
    """A text that a spreadsheet shows as it is: one that would be a formula gets an apostrophe before it."""
    return f"'{text}" if text.startswith(FORMULA_STARTS) else text


def as_cell(text: str) -> str:
    """The same for a cell that may be a number: "-5" stays one."""
    if text != text.strip():
        return as_text(text)
    try:
        float(text)
    except ValueError:
        return as_text(text)
    return text
