"""Stored pixel values out of allocated words, and which of them are padding (PS3.5 8.1.1, rules B05-B07)."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt


def stored_values(
    raw: npt.NDArray[Any],
    bits_allocated: int,
    bits_stored: int,
    high_bit: int,
    signed: bool,
    *,
    in_place: bool = False,
) -> npt.NDArray[Any]:
    """Take the stored bits out of their words: bits above and below are removed, the sign is extended.

    Parameters
    ----------
    raw
        Words as they are in the file, any shape, uint8, uint16, uint32 or uint64 in native byte order.
    bits_allocated
        (0028,0100): bits of a word.
    bits_stored, high_bit
        (0028,0101) and (0028,0102): the value occupies bits `high_bit` down to `high_bit - bits_stored + 1`.
    signed
        Pixel Representation (0028,0103) is 1: two's complement in `bits_stored` bits.
    in_place
        Write into the memory of `raw`, which then holds the stored values.

    Returns
    -------
    ndarray
        Shape of `raw`, unsigned or signed integers of the same size. A view of `raw` when every bit is stored,
        so the common case costs nothing.

    Raises
    ------
    ValueError
        The three numbers contradict each other or the type of `raw`.
    """
    if raw.dtype.kind != "u" or not raw.dtype.isnative or raw.dtype.itemsize * 8 != bits_allocated:
        raise ValueError(f"pixel words are {raw.dtype}, the header says {bits_allocated} bits allocated")
    if not 1 <= bits_stored <= bits_allocated or not bits_stored - 1 <= high_bit < bits_allocated:
        raise ValueError(
            f"bits allocated {bits_allocated}, stored {bits_stored} and high bit {high_bit} contradict each other"
        )
    words = raw.view(raw.dtype.str.replace("u", "i")) if signed else raw
    if bits_stored == bits_allocated:
        return words
    above = bits_allocated - 1 - high_bit
    # Up to the top of the word and down again: drops what lies above, and an arithmetic shift extends the sign.
    result: npt.NDArray[Any] = words if in_place else words.copy()
    if above:
        np.left_shift(result, above, out=result)
    np.right_shift(result, bits_allocated - bits_stored, out=result)
    return result


def quiet(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Floats without signalling NaN, which raises a warning wherever it is touched; a copy when it must be one."""
    missing = np.isnan(values)
    if missing.any():
        values = values if values.flags.writeable else values.copy()
        values[missing] = np.nan
    return values


def padding_range(
    value: int | None, limit: int | None, bits_allocated: int, signed: bool
) -> tuple[float, float] | None:
    """Stored values that mean "no value" (PS3.3 C.7.5.1.1.2, rule B07).

    Parameters
    ----------
    value, limit
        Pixel Padding Value (0028,0120) and Pixel Padding Range Limit (0028,0121) as read, None when absent. Both
        take the sign of Pixel Representation whatever VR they were written with.
    bits_allocated, signed
        (0028,0100) and Pixel Representation (0028,0103) is 1.

    Returns
    -------
    tuple or None
        (low, high), both included, in either order of `value` and `limit`; None without a padding value.
    """
    if value is None:
        return None
    ends = [_as_stored(end, bits_allocated, signed) for end in (value, value if limit is None else limit)]
    return float(min(ends)), float(max(ends))


def float_padding_range(value: float | None, limit: float | None) -> tuple[float, float] | None:
    """The same for Float Pixel Padding Value (0028,0122) and its Range Limit (0028,0124).

    A padding value that is NaN needs no range: NaN never counts as a value.
    """
    if value is None or np.isnan(value):
        return None
    other = value if limit is None or np.isnan(limit) else limit
    return float(min(value, other)), float(max(value, other))


def _as_stored(value: int, bits_allocated: int, signed: bool) -> int:
    """Read the bits of a 16-bit (or wider) header value with the sign of the pixels."""
    bits = max(bits_allocated, 16)
    word = value % (1 << bits)
    return word - (1 << bits) if signed and word >= 1 << (bits - 1) else word
