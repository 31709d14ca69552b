"""From stored values to the modality's quantity: lookup tables and rescale (PS3.3 C.11.1, rules B01-B04, J18)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.imaging.window import VoiTable

SLOPE_RANGE = (1e-30, 1e28)
MAX_INTERCEPT = 1e37
"""Beyond these, values of 32 bits leave the range of float32: they would all be shown as zero or infinite."""


@dataclass(frozen=True)
class Rescale:
    """A checked pair of Rescale Slope (0028,1053) and Intercept (0028,1052).

    Parameters
    ----------
    slope, intercept
        physical = stored * slope + intercept; 1 and 0 when the header's are not usable.
    usable
        False means that values stay raw and have no unit.
    notes
        A sentence for everything that was odd.
    """

    slope: float = 1.0
    intercept: float = 0.0
    usable: bool = True
    notes: tuple[str, ...] = ()


def checked_rescale(
    slope: float | None, intercept: float | None, *, slope_empty: bool = False, intercept_empty: bool = False
) -> Rescale:
    """Decide what a header's rescale is worth (rule J18).

    Parameters
    ----------
    slope, intercept
        As parsed, None when absent or empty.
    slope_empty, intercept_empty
        The element is there without a value, which deserves a note.

    Returns
    -------
    Rescale
        Absent means 1 and 0. A slope of 0, an infinite, NaN or absurd number means raw values without a unit.
    """
    notes = []
    if slope_empty:
        notes.append("RescaleSlope is empty; 1 is used.")
    if intercept_empty:
        notes.append("RescaleIntercept is empty; 0 is used.")
    slope, intercept = 1.0 if slope is None else slope, 0.0 if intercept is None else intercept
    if not (SLOPE_RANGE[0] <= abs(slope) <= SLOPE_RANGE[1] and abs(intercept) <= MAX_INTERCEPT):
        notes.append("The rescale slope or intercept is not usable; raw values without a unit are shown.")
        return Rescale(usable=False, notes=tuple(notes))
    return Rescale(float(slope), float(intercept), notes=tuple(notes))


@dataclass(frozen=True)
class LutDescriptor:
    """LUT Descriptor (0028,3002), PS3.3 C.11.1.1.

    Parameters
    ----------
    entries
        Number of entries.
    first_mapped
        Input value of the first entry.
    bits
        Bits of an entry.
    """

    entries: int
    first_mapped: int
    bits: int


def lut_descriptor(values: Sequence[int], input_signed: bool) -> LutDescriptor:
    """Read a LUT descriptor.

    Parameters
    ----------
    values
        The three values as read, whatever sign the reader gave the second one.
    input_signed
        The input of the table is signed, so the second value is too.

    Raises
    ------
    ValueError
        Not three values, or the entries are not 1 to 16 bits wide.
    """
    if len(values) != 3:
        raise ValueError("a LUT descriptor has three values")
    entries, first, bits = (int(value) for value in values)
    if not 1 <= bits <= 16:
        raise ValueError(f"LUT entries of {bits} bits do not exist")
    entries %= 65536
    first %= 65536
    return LutDescriptor(entries or 65536, first - 65536 if input_signed and first >= 32768 else first, bits)


def lut_data(data: bytes | Sequence[int], descriptor: LutDescriptor) -> npt.NDArray[np.uint16]:
    """Entries of a lookup table, from words or from bytes packed two to a word (PS3.3 C.11.1.1).

    Parameters
    ----------
    data
        LUT Data (0028,3006): little endian bytes, or words as numbers.
    descriptor
        Number and width of the entries.

    Returns
    -------
    ndarray
        (entries,) uint16.

    Raises
    ------
    ValueError
        There is too little data.
    """
    if isinstance(data, (bytes, bytearray, memoryview)):
        raw = bytes(data)
    else:
        raw = np.asarray(data, dtype=np.int64).astype("<u2").tobytes()
    words = descriptor.entries * 2
    if len(raw) >= words:
        return np.frombuffer(raw[:words], "<u2").astype(np.uint16)
    if descriptor.bits <= 8 and len(raw) >= descriptor.entries:
        return np.frombuffer(raw[: descriptor.entries], np.uint8).astype(np.uint16)
    raise ValueError(f"LUT data holds {len(raw)} bytes, {descriptor.entries} entries need {words}")


def apply_modality_lut(
    stored: npt.NDArray[Any], first_mapped: int, values: npt.ArrayLike
) -> npt.NDArray[np.float32]:
    """Map stored values through a Modality LUT Sequence (0028,3000), which replaces the rescale (rule B03).

    Parameters
    ----------
    stored
        Integers of any shape.
    first_mapped
        Stored value of the first entry; lower ones take the first entry, those behind the last take the last.
    values
        (n,) entries in the unit of Modality LUT Type (0028,3004).

    Returns
    -------
    ndarray
        float32, shape of `stored`; entries of up to 16 bits are exact.
    """
    table = np.asarray(values, dtype=np.float32).reshape(-1)
    if table.size == 0:
        raise ValueError("a modality lookup table needs entries")
    index = np.clip(stored.astype(np.int64) - int(first_mapped), 0, table.size - 1)
    result: npt.NDArray[np.float32] = table[index]
    return result


def voi_table(descriptor: LutDescriptor, data: bytes | Sequence[int], name: str = "") -> VoiTable:
    """An item of the VOI LUT Sequence (0028,3010) as a table to show values with (rule B14)."""
    return VoiTable(float(descriptor.first_mapped), lut_data(data, descriptor), descriptor.bits, name)
