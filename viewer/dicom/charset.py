"""Text of DICOM headers: character sets, person names and what must never reach a screen, a log or a file name.

Character sets follow PS3.3 C.12.1.1.2 and PS3.5 6.1.2; code extensions (ISO 2022) are resolved here, because real
files contain escapes that common decoders leave in the text (rule J28) and declare sets that do not exist (J29).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass

TEXT_LIMIT = 256
NAME_LIMIT = 64
"""Characters shown of a value and of a person name; the rest is elided (rule J25)."""

_ASCII = "ascii"

# Defined terms without code extensions and the Python codec of each; the digits tell them apart.
_CODECS = {
    "6": _ASCII,
    "100": "latin_1",
    "101": "iso8859_2",
    "109": "iso8859_3",
    "110": "iso8859_4",
    "144": "iso8859_5",
    "127": "iso8859_6",
    "126": "iso8859_7",
    "138": "iso8859_8",
    "148": "iso8859_9",
    "203": "iso8859_15",
    "13": "shift_jis",
    "166": "tis_620",
    "192": "utf_8",
    "149": "euc_kr",
    "58": "gb2312",
    "87": "iso2022_jp",
    "159": "iso2022_jp_2",
}
_NAMED = {"GB18030": "gb18030", "GBK": "gbk", "UTF8": "utf_8", "LATIN1": "latin_1", "ASCII": _ASCII}
_WHOLE_VALUE = {"utf_8", "gb18030", "gbk"}
"""Codecs without code extensions: escapes do not switch, delimiters do not reset."""

# Escape sequences of PS3.3 tables C.12-3 and C.12-4 behind ESC: the codec they put into G0 or G1.
_G0 = {b"(B": _ASCII, b"(J": _ASCII, b"$B": "iso2022_jp", b"$@": "iso2022_jp", b"$(D": "iso2022_jp_2"}
_G1 = {
    b")I": "shift_jis",
    b"-A": "latin_1",
    b"-B": "iso8859_2",
    b"-C": "iso8859_3",
    b"-D": "iso8859_4",
    b"-L": "iso8859_5",
    b"-G": "iso8859_6",
    b"-F": "iso8859_7",
    b"-H": "iso8859_8",
    b"-M": "iso8859_9",
    b"-b": "iso8859_15",
    b"-T": "tis_620",
    b"$)C": "euc_kr",
    b"$)A": "gb2312",
}
_ESCAPE = re.compile(rb"\x1b([\x20-\x2f]*[\x30-\x7e]?)")
_ESCAPE_PREFIX = {"iso2022_jp": b"\x1b$B", "iso2022_jp_2": b"\x1b$(D"}
_HIGH_OR_LOW = re.compile(rb"[\x80-\xff]+|[\x00-\x7f]+")
_RESET = re.compile(rb"([\^=\\\t\n\f\r])")
_BIDI = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
_DROPPED = dict.fromkeys(map(ord, _BIDI))
_ESCAPE_TEXT = re.compile(r"\x1b(?:\[[0-9;?]*[ -/]*[@-~]|[ -/]*[0-~])")
_SPACES = re.compile(r"[\s\u2028\u2029]+")


@dataclass(frozen=True)
class Decoded:
    """A decoded value.

    Parameters
    ----------
    text
        As in the file, delimiters and control characters included; `clean_text` makes it fit to show.
    guessed
        The declared character set was missing or did not fit, so the text may be wrong ("charset guessed").
    """

    text: str
    guessed: bool = False


def decode_text(value: bytes, charsets: Sequence[str] = ()) -> str:
    """Text of a value; see `decode`."""
    return decode(value, charsets).text


def decode(value: bytes, charsets: Sequence[str] = ()) -> Decoded:
    """Decode a text value (LO, PN, SH, ST, UT, ...). Never fails: what cannot be decoded becomes U+FFFD.

    Parameters
    ----------
    value
        Bytes of the element.
    charsets
        Values of Specific Character Set (0008,0005), the first possibly empty.

    Returns
    -------
    Decoded
        The text; for undeclared bytes beyond ASCII UTF-8 when they are valid UTF-8, else Latin-1 (rule J29).
    """
    codecs = [_codec(name) for name in charsets]
    if value.isascii() and b"\x1b" not in value:
        return Decoded(value.decode("ascii"))
    if None in codecs or not any(codec not in (None, _ASCII) for codec in codecs):
        if b"\x1b" not in value:
            return _guessed(value)
        codecs = [codec or _ASCII for codec in codecs]
    first = (codecs[0] if codecs else None) or _ASCII
    if first in _WHOLE_VALUE:
        try:
            return Decoded(value.decode(first))
        except UnicodeDecodeError:
            return Decoded(value.decode(first, "replace"), guessed=True)
    return _extended(value, first)


def _codec(name: str) -> str | None:
    """Python codec of a defined term, also in the ways people misspell it; None when it means nothing."""
    plain = re.sub(r"[\s_-]+", "", name).upper()
    if not plain:
        return _ASCII
    if plain in _NAMED:
        return _NAMED[plain]
    match = re.fullmatch(r"ISO(?:2022)?IR(\d+)", plain)
    return _CODECS.get(match.group(1)) if match else None


def _guessed(value: bytes) -> Decoded:
    try:
        return Decoded(value.decode("utf_8"), guessed=True)
    except UnicodeDecodeError:
        return Decoded(value.decode("latin_1"), guessed=True)


def _extended(value: bytes, first: str) -> Decoded:
    """Resolve code extensions: escapes switch G0 or G1, delimiters switch back to the first set (PS3.5 6.1.2.5.3)."""
    start_g0, start_g1 = _ASCII, first
    if first in _ESCAPE_PREFIX:
        start_g1 = _ASCII
    g0, g1 = start_g0, start_g1
    parts: list[str] = []
    guessed = False
    position = 0
    while position < len(value):
        if value[position] == 0x1B:
            match = _ESCAPE.match(value, position)
            sequence = match.group(1) if match else b""
            if sequence in _G0:
                g0 = _G0[sequence]
            elif sequence in _G1:
                g1 = _G1[sequence]
            else:
                guessed = True
            position += 1 + len(sequence)
            continue
        stop = value.find(b"\x1b", position)
        run = value[position : stop if stop >= 0 else len(value)]
        position += len(run)
        if g0 != _ASCII:  # two bytes a character: delimiters cannot be told from their halves
            text, fine = _strict(_ESCAPE_PREFIX[g0] + run, g0)
            parts.append(text)
            guessed |= not fine
            continue
        for piece in _RESET.split(run):
            if _RESET.fullmatch(piece):
                g0, g1 = start_g0, start_g1
                parts.append(piece.decode("ascii"))
                continue
            for half in _HIGH_OR_LOW.findall(piece):
                text, fine = _strict(half, _ASCII if half[0] < 0x80 else g1)
                parts.append(text)
                guessed |= not fine
    return Decoded("".join(parts), guessed)


def _strict(value: bytes, codec: str) -> tuple[str, bool]:
    """Decode, and whether that went without replacements; bytes beyond a plain ASCII set are taken for Latin-1."""
    try:
        return value.decode(codec), True
    except UnicodeDecodeError:
        return value.decode("latin_1" if codec == _ASCII else codec, "replace"), False


def clean_text(text: str, limit: int = TEXT_LIMIT) -> str:
    """One line that is safe to show, log or put into a file name's place (rule J25).

    Control characters (C0, C1), terminal escapes and marks that turn the writing direction are removed, white space
    is collapsed, lone surrogates are replaced, and what is longer than `limit` characters ends in "…".
    """
    text = _ESCAPE_TEXT.sub("", text)
    text = _SPACES.sub(" ", text.translate(_DROPPED))
    text = "".join(
        "\ufffd" if "\ud800" <= c <= "\udfff" else c for c in text if unicodedata.category(c) != "Cc"
    ).strip()
    return text if len(text) <= limit else text[: max(limit - 1, 0)].rstrip() + "…"


def format_person_name(text: str, limit: int = NAME_LIMIT) -> str:
    """A person name (PN, PS3.5 6.2.1) as "FAMILY, Given (ideographic)" (rule E40).

    Parameters
    ----------
    text
        Decoded value: groups (alphabetic, ideographic, phonetic) separated by "=", parts (family, given, middle,
        prefix, suffix) by "^".
    limit
        Characters of the result.

    Returns
    -------
    str
        Empty when nothing is left.
    """
    groups = [[clean_text(part, limit) for part in group.split("^")] for group in text.split("=")]
    alphabetic = _alphabetic(groups[0])
    others = [shown for group in groups[1:] if (shown := " ".join(part for part in group if part))]
    if not alphabetic:
        return clean_text(others[0] if others else "", limit)
    ideographic = " ".join(part for part in groups[1] if part) if len(groups) > 1 else ""
    return clean_text(f"{alphabetic} ({ideographic})" if ideographic else alphabetic, limit)


def _alphabetic(parts: list[str]) -> str:
    family, given, middle, prefix, suffix = (parts + [""] * 5)[:5]
    rest = " ".join(part for part in (prefix, given, middle) if part)
    name = ", ".join(part for part in (family.upper(), rest) if part)
    return f"{name}, {suffix}" if suffix and name else name or suffix
