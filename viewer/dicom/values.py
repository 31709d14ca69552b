"""Value bytes of the elements of a header as texts and numbers (PS3.5 6.2), remembered where they recur."""

from __future__ import annotations

import math
import struct
from collections.abc import Callable, Mapping
from typing import Final, TypeVar

Elements = Mapping[int, bytes]
"""Tag to little endian value bytes."""

Value = TypeVar("Value")


class _Memo(dict[bytes, Value]):
    """Converts value bytes once: slices of a series repeat nearly all of theirs.

    It is emptied when full, so that a folder of a million files cannot fill the memory.
    """

    def __init__(self, convert: Callable[[bytes], Value], limit: int = 20_000) -> None:
        super().__init__()
        self._convert = convert
        self._limit = limit

    def __missing__(self, key: bytes) -> Value:
        if len(self) >= self._limit:
            self.clear()
        value = self[key] = self._convert(key)
        return value


def _strip(value: bytes) -> bytes:
    return value.strip(b" \0\t\r\n")


def _printable(text: str) -> str:
    """Text without controls, terminal escapes and marks that turn the writing direction (J25)."""
    if text.isprintable():
        return text
    from viewer.dicom.charset import clean_text

    return clean_text(text, len(text))


def _plain_text(value: bytes) -> str:
    return _printable(_strip(value).decode("ascii"))


def _plain_texts(value: bytes) -> tuple[str, ...]:
    stripped = _printable(_strip(value).decode("ascii"))
    return tuple(part.strip() for part in stripped.split("\\")) if stripped else ()


def _to_float(part: bytes) -> float:
    """A decimal string as float; NaN when it is none. A decimal comma is accepted (J17)."""
    if b"_" in part:  # Python's own way to group digits
        return math.nan
    try:
        return float(part)
    except ValueError:
        try:
            return float(_strip(part).replace(b",", b"."))
        except ValueError:
            return math.nan


def _to_floats(value: bytes) -> tuple[float, ...]:
    return tuple(_to_float(part) for part in value.split(b"\\")) if _strip(value) else ()


_TEXT: _Memo[str] = _Memo(_plain_text)
_TEXTS: _Memo[tuple[str, ...]] = _Memo(_plain_texts)
_FLOATS: _Memo[tuple[float, ...]] = _Memo(_to_floats)
_DECODED: dict[tuple[bytes, tuple[str, ...]], tuple[str, bool]] = {}
"""Text and whether its character set was guessed, by bytes and declared sets."""

CHARSET_GUESSED: Final = (
    "The character set is not declared or does not fit; it was guessed, so names may be misspelt."
)
"""Warning of a header with such a text (rule J29)."""


class ValueReader:
    """Typed access to value bytes; collects what made no sense."""

    __slots__ = ("_charset", "_elements", "warnings")

    def __init__(self, elements: Elements) -> None:
        self._elements = elements
        self.warnings: list[str] = []
        self._charset: tuple[str, ...] | None = None

    def text(self, tag: int) -> str:
        """One text value, stripped; other than plain ASCII goes through the character set of the file."""
        value = self._elements.get(tag)
        if value is None:
            return ""
        if value in _TEXT:
            return _TEXT[value]
        if value.isascii() and b"\x1b" not in value:
            return _TEXT[value]
        return self._decoded(value)

    def _decoded(self, value: bytes) -> str:
        from viewer.dicom.charset import decode

        if self._charset is None:
            declared = self._elements.get(0x00080005, b"")
            self._charset = _TEXTS[declared] if declared.isascii() else ()
        key = (value, self._charset)
        if key not in _DECODED:
            if len(_DECODED) > 5_000:
                _DECODED.clear()
            found = decode(_strip(value), self._charset)
            _DECODED[key] = (_printable(found.text), found.guessed)
        text, guessed = _DECODED[key]
        if guessed and CHARSET_GUESSED not in self.warnings:
            self.warnings.append(CHARSET_GUESSED)
        return text

    def texts(self, tag: int) -> tuple[str, ...]:
        """All values of a multi-valued text."""
        value = self._elements.get(tag)
        if value is None:
            return ()
        if value.isascii() and b"\x1b" not in value:
            return _TEXTS[value]
        if tag == 0x00080005:
            return ()
        return tuple(part.strip() for part in self._decoded(value).split("\\"))

    def numbers(self, tag: int) -> tuple[float, ...]:
        """All values of a decimal string; NaN where one is no number."""
        value = self._elements.get(tag)
        return () if value is None else _FLOATS[value]

    def number(self, tag: int) -> float | None:
        """First value of a decimal string when it is a finite number, else None."""
        value = self._elements.get(tag)
        if value is None:
            return None
        values = _FLOATS[value]
        return values[0] if values and math.isfinite(values[0]) else None

    def rescale(self, tag: int) -> float | None:
        """First value of a decimal string, NaN and infinity included, None when absent or empty (J18)."""
        value = self._elements.get(tag)
        return None if value is None else next(iter(_FLOATS[value]), None)

    def positive(self, tag: int) -> float | None:
        """First value when it is a finite number above 0."""
        value = self.number(tag)
        return value if value is not None and value > 0 else None

    def integer(self, tag: int) -> int | None:
        """First value of an integer string; "12.0" counts as 12 (J22)."""
        value = self.number(tag)
        return None if value is None else int(value)

    def vector(self, tag: int, length: int, name: str) -> tuple[float, ...] | None:
        """Exactly `length` finite numbers, else None and a warning (J20, J21)."""
        value = self._elements.get(tag)
        if value is None:
            return None
        # Positions differ from slice to slice, so remembering them would only push the rest out.
        values = tuple(map(_to_float, value.split(b"\\"))) if length == 3 else _FLOATS[value]
        if len(values) != length or not all(map(math.isfinite, values)):
            self.warnings.append(f"{name} is not {length} numbers and was ignored.")
            return None
        if b"," in value:
            self.warnings.append(f"{name} uses a decimal comma; it was read as a point.")
        return values

    def spacing(self, tag: int, name: str) -> tuple[float, float] | None:
        """Two finite numbers above 0, else None and a warning (J16, J17)."""
        value = self._elements.get(tag)
        if value is None or not _strip(value):
            return None
        values = _FLOATS[value]
        if len(values) < 2 or not all(math.isfinite(v) and v > 0 for v in values[:2]):
            self.warnings.append(f"{name} is not two positive numbers; sizes in millimetres are unknown.")
            return None
        if b"," in value:
            self.warnings.append(f"{name} uses a decimal comma; it was read as a point.")
        return values[0], values[1]

    def u16(self, tag: int, default: int) -> int:
        """An unsigned short, or the default when it is absent or empty."""
        value = self._elements.get(tag)
        if value is None or len(value) < 2:
            return default
        return value[0] | value[1] << 8

    def doubles(self, tag: int) -> tuple[float, ...]:
        """All values of an FD element."""
        value = self._elements.get(tag)
        if value is None:
            return ()
        return struct.unpack(f"<{len(value) // 8}d", value[: len(value) // 8 * 8])

    def floats(self, tag: int) -> tuple[float, ...]:
        """All values of an FL element."""
        value = self._elements.get(tag)
        if value is None:
            return ()
        return struct.unpack(f"<{len(value) // 4}f", value[: len(value) // 4 * 4])

    def word(self, tag: int) -> int | None:
        """An unsigned short, None when absent or empty."""
        value = self._elements.get(tag)
        return value[0] | value[1] << 8 if value is not None and len(value) >= 2 else None
