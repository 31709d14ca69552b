"""JSON files in which people's work is kept: one list of entries behind a mark and a version.

A file may come from anywhere, so every field of an entry is read through one of the functions here.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

from viewer.errors import FormatError

T = TypeVar("T")
Point = tuple[float, float, float]


@dataclass(frozen=True)
class KeptFile:
    """A kind of file.

    Parameters
    ----------
    things
        What it holds: the name of the list, the end of the mark, and the word in sentences.
    version
        Files of a newer one are refused.
    """

    things: str
    version: int = 1

    @property
    def mark(self) -> str:
        """Says that a file is one of this kind."""
        return f"triptych-{self.things}"

    def text_of(self, rows: Iterable[object]) -> str:
        """A file with these entries."""
        content = {"format": self.mark, "version": self.version, self.things: list(rows)}
        return json.dumps(content, indent=1, ensure_ascii=False)

    def read(self, text: str, entry: Callable[[Any], T]) -> tuple[T, ...]:
        """The entries of a file.

        Parameters
        ----------
        text
            Of the file.
        entry
            Makes one of a row; raises KeyError, TypeError, ValueError or OverflowError when the row is none.

        Raises
        ------
        FormatError
            It is no such file, or not a whole one; or what `entry` raised.
        """
        try:
            content = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise FormatError(f"The file of {self.things} is damaged: it is not valid JSON.") from error
        if not isinstance(content, dict) or content.get("format") != self.mark:
            raise FormatError(f"The file holds no {self.things} of this program.")
        version, rows = content.get("version"), content.get(self.things)
        if not isinstance(version, int) or version > self.version:
            raise FormatError(f"The file of {self.things} was written by a newer version of this program.")
        if not isinstance(rows, list):
            raise FormatError(f"The file of {self.things} is damaged: it has no list of them.")
        try:
            return tuple(entry(row) for row in rows)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise FormatError(f"The file of {self.things} is damaged: an entry is not complete.") from error


def number_of(value: Any) -> float:
    """A finite number.

    Raises
    ------
    ValueError, OverflowError
        It is none, or larger than any.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("no number")
    return float(value)


def text_of(value: Any) -> str:
    """A text.

    Raises
    ------
    TypeError
        It is none.
    """
    if not isinstance(value, str):
        raise TypeError("no text")
    return value


def point_of(value: Any, number: Callable[[Any], float] = number_of) -> Point:
    """Three numbers.

    Raises
    ------
    TypeError, ValueError, OverflowError
        There are not three, or `number` refuses one.
    """
    x, y, z = (number(part) for part in value)
    return x, y, z
