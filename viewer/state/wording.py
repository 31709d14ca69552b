"""Dates, times and ages of headers in words (rule E26: ISO dates)."""

from __future__ import annotations

import re


def date_text(value: str) -> str:
    """DA "20250131" (or the old "2025.01.31") as 2025-01-31; anything else as it is."""
    found = re.fullmatch(r"(\d{4})[.\-]?(\d{2})[.\-]?(\d{2})", value.strip())
    return "-".join(found.groups()) if found else value.strip()


def time_text(value: str) -> str:
    """TM "095640.5" (or "09:56:40") as 09:56; anything else as it is."""
    found = re.match(r"(\d{2}):?(\d{2})", value.strip())
    return ":".join(found.groups()) if found else value.strip()


def age_text(value: str) -> str:
    """AS "069Y" as "69 y"; anything else as it is."""
    found = re.fullmatch(r"0*(\d+)([DWMY])", value.strip().upper())
    return f"{found[1]} {found[2].lower()}" if found else value.strip()
