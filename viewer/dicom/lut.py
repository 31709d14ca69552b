"""Lookup tables of a header: Modality LUT (rule B03) and VOI LUT (rule B14) sequences."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.header import MODALITY_LUT, VOI_LUT, Header
from viewer.imaging.modality import lut_data, lut_descriptor, voi_table
from viewer.imaging.window import VoiTable

if TYPE_CHECKING:
    from pydicom.dataset import Dataset


@dataclass(frozen=True)
class Luts:
    """Lookup tables of one image.

    Parameters
    ----------
    modality
        (first mapped stored value, entries) of the Modality LUT, or None.
    unit
        Its Modality LUT Type (0028,3004).
    voi
        Tables of the VOI LUT Sequence, in order.
    notes
        A sentence for everything that could not be used.
    """

    modality: tuple[int, tuple[float, ...]] | None = None
    unit: str = ""
    voi: tuple[VoiTable, ...] = ()
    notes: tuple[str, ...] = ()


def read_luts(header: Header) -> Luts:
    """Read the lookup tables of an image; without any in its header the file is not opened.

    Parameters
    ----------
    header
        Of the image.

    Raises
    ------
    ViewerError
        The header has become unreadable.
    OSError
        The file cannot be read.
    """
    if not header.sequences & {MODALITY_LUT, VOI_LUT}:
        return Luts()
    from viewer.dicom.slow_header import open_dataset

    with header.path.open("rb") as stream:
        dataset = open_dataset(stream, header.size)[0]
    notes: list[str] = []
    with careful_pydicom("A lookup table of the header"):
        modality, unit = _modality(dataset, header, notes)
        voi = _voi(dataset, header, modality is not None, notes)
    return Luts(modality, unit, voi, tuple(notes))


def _modality(
    dataset: Dataset, header: Header, notes: list[str]
) -> tuple[tuple[int, tuple[float, ...]] | None, str]:
    sequence: Sequence[Any] = dataset.get("ModalityLUTSequence") or ()
    if not sequence:
        return None, ""
    try:
        descriptor = lut_descriptor(sequence[0].LUTDescriptor, header.signed)
        entries = lut_data(sequence[0].LUTData, descriptor)
    except (ValueError, TypeError, AttributeError) as error:
        notes.append(
            f"The modality lookup table is not usable ({type(error).__name__}); raw values are shown."
        )
        return None, ""
    return (descriptor.first_mapped, tuple(float(v) for v in entries)), str(
        sequence[0].get("ModalityLUTType") or ""
    )


def _voi(dataset: Dataset, header: Header, has_modality_lut: bool, notes: list[str]) -> tuple[VoiTable, ...]:
    tables = []
    # The input is the output of the modality transformation, which is signed when it can be negative (C.11.2.1.1).
    signed = not has_modality_lut and (header.signed or (header.intercept or 0.0) < 0)
    for item in dataset.get("VOILUTSequence") or ():
        try:
            descriptor = lut_descriptor(item.LUTDescriptor, signed)
            tables.append(voi_table(descriptor, item.LUTData, str(item.get("LUTExplanation") or "")))
        except (ValueError, TypeError, AttributeError):
            notes.append("A VOI lookup table of the header is not usable and was left out.")
    return tuple(tables)
