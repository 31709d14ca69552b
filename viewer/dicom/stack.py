"""From a sorted draft to a `Stack`: pixel layout, units, windows, padding and the lines of the corner annotation."""

from __future__ import annotations

import datetime as dt
import math
from collections import Counter
from collections.abc import Sequence

from viewer.dicom.header import (
    DOUBLE_PIXEL_DATA,
    EXPLICIT_LITTLE,
    FLOAT_PIXEL_DATA,
    IMPLICIT_LITTLE,
    MODALITY_LUT,
    Header,
)
from viewer.dicom.lut import Luts, read_luts
from viewer.dicom.model import FrameSource, PixelFormat, Stack
from viewer.dicom.pet_stack import with_suv
from viewer.dicom.series import StackDraft
from viewer.dicom.units import rescale, unit_name, unit_of
from viewer.errors import ViewerError
from viewer.imaging.stored import padding_range
from viewer.imaging.window import Window, header_windows

BELOW_AIR_HU = -1024.0
_RESCALE_DIFFERS = (
    "The rescale differs between the slices, which is unusual for a CT; each slice has its own."
)


def pixel_format(header: Header) -> PixelFormat:
    """How the samples of a frame are laid out (PS3.5 8.1.1)."""
    return PixelFormat(
        rows=header.rows,
        columns=header.columns,
        samples_per_pixel=header.samples,
        photometric=header.photometric,
        bits_allocated=header.bits_allocated,
        bits_stored=header.bits_stored,
        high_bit=header.high_bit,
        signed=header.signed,
        planar=header.planar == 1,
        float_pixels=header.pixel_tag in (FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA),
    )


def _common_format(headers: Sequence[Header]) -> PixelFormat:
    """Layout of a stack: that of its frames, with the largest depth among them."""
    deepest = max(headers, key=lambda header: header.bits_stored)
    return pixel_format(deepest)


def frame_source(header: Header) -> FrameSource:
    """Where the pixels of a frame are and how they become values."""
    scale = rescale(header)
    offset = length = -1
    bits = header.frame_bits
    if (
        header.tile is None
        and header.transfer_syntax in (EXPLICIT_LITTLE, IMPLICIT_LITTLE)
        and header.pixel_offset >= 0
        and bits % 8 == 0
    ):
        start = header.pixel_offset + header.frame * bits // 8
        if start + bits // 8 <= min(header.size, header.pixel_offset + max(header.pixel_length, 0)):
            offset, length = start, bits // 8
    return FrameSource(
        path=header.path,
        frame=header.frame,
        sop_instance_uid=header.sop_instance,
        transfer_syntax=header.transfer_syntax,
        offset=offset,
        length=length,
        data_offset=header.pixel_offset,
        data_length=header.pixel_length,
        frames=header.frames,
        slope=scale.slope,
        intercept=scale.intercept,
        tile=header.tile,
    )


def padding_of(header: Header, unit: str) -> tuple[float, float] | None:
    """(low, high) stored values that mean "no value" (rule B07), or None.

    CT numbers below -1024 HU do not exist in a patient. When the declared padding lies there, everything below it is
    padding too: some tools rescale the pixels and leave the declared value behind.
    """
    if header.samples > 1 or header.bits_allocated < 8:
        return None
    if header.pixel_tag in (FLOAT_PIXEL_DATA, DOUBLE_PIXEL_DATA):
        limits = tuple(value for value in header.float_padding if math.isfinite(value))
        return (min(limits), max(limits)) if limits else None
    declared = padding_range(header.padding_value, header.padding_limit, header.bits_allocated, header.signed)
    if declared is None:
        return None
    low, high = declared
    scale = rescale(header)
    if unit == "HU" and scale.slope > 0 and high * scale.slope + scale.intercept < BELOW_AIR_HU:
        low = min(low, -(2.0 ** (header.bits_allocated - 1)) if header.signed else 0.0)
    return low, high


def make_stack(draft: StackDraft, uid: str, earliest: dt.datetime | None = None) -> Stack:
    """Turn a draft into a stack of the catalogue.

    Parameters
    ----------
    draft
        Sorted frames with their geometry.
    uid
        Of the stack.
    earliest
        Start of the first acquisition of its series, for PET.
    """
    headers = draft.headers
    middle = headers[len(headers) // 2]
    luts = _common_luts(headers)
    unit = unit_of(middle) if luts.modality is None else unit_name(luts.unit)
    windows, window_notes = _windows(middle)
    padding, padding_notes = _common_padding(headers, unit)
    notes = dict.fromkeys(note for header in headers for note in rescale(header).notes)
    if unit == "HU" and len({(header.slope, header.intercept) for header in headers}) > 1:
        notes[_RESCALE_DIFFERS] = None
    stack = Stack(
        uid=uid,
        frames=tuple(frame_source(header) for header in headers),
        pixels=_common_format(headers),
        geometry=draft.fit.geometry,
        report=draft.fit.report,
        label=draft.label,
        parts=draft.parts,
        modality=middle.modality,
        unit=unit,
        padding=padding,
        windows=windows,
        voi_tables=luts.voi,
        modality_lut=luts.modality,
        multiplanar=draft.fit.multiplanar,
        kind=draft.kind,
        on_request=draft.on_request,
        image_type=middle.image_type,
        kernel=middle.kernel,
        acquisition_text=acquisition_text(middle),
        lossy_text=lossy_text(headers),
        overlays=any(header.overlays for header in headers),
        warnings=tuple(
            dict.fromkeys(
                (*draft.fit.report.warnings, *window_notes, *notes, *luts.notes, *padding_notes),
            )
        ),
    )
    if middle.modality == "PT" and draft.fit.geometry.oriented:
        return with_suv(stack, headers, earliest)
    return stack


def _common_luts(headers: Sequence[Header]) -> Luts:
    """Lookup tables of a stack: those of its middle frame, when the values of all frames go through the same one.

    Raises
    ------
    ViewerError
        The frames have different modality tables, so no value could be trusted (rule B03), or a header has become
        unreadable.
    """
    luts = read_luts(headers[len(headers) // 2])
    if MODALITY_LUT in headers[0].sequences:
        files = {header.path: header for header in headers}.values()
        if any(read_luts(header).modality != luts.modality for header in files):
            raise ViewerError(
                "The images of the series have different modality lookup tables; it is not shown."
            )
    return luts


def _common_padding(
    headers: Sequence[Header], unit: str
) -> tuple[tuple[float, float] | None, tuple[str, ...]]:
    """Padding that most frames declare: one damaged header must not hide the values of all others (rule B07)."""
    counts = Counter(padding_of(header, unit) for header in headers)
    padding = counts.most_common(1)[0][0]
    if len(counts) == 1:
        return padding, ()
    return padding, ("The images declare different padding values; that of most of them is used.",)


def _windows(header: Header) -> tuple[tuple[Window, ...], tuple[str, ...]]:
    if not header.window_centers and not header.window_widths:
        return (), ()
    return header_windows(
        header.window_centers, header.window_widths, header.window_names, header.window_function
    )


def acquisition_text(header: Header) -> str:
    """A short technical line: "120 kVp, 200 mA, contrast", "TE 30 ms"."""
    parts = []
    if header.kvp:
        parts.append(f"{header.kvp:g} kVp")
    if header.tube_current_ma:
        parts.append(f"{header.tube_current_ma:g} mA")
    if header.modality == "MR" and header.echo_time_ms is not None:
        parts.append(f"TE {header.echo_time_ms:g} ms")
    if header.kernel:
        parts.append(header.kernel)
    if header.contrast:
        parts.append("contrast")
    return ", ".join(parts)


def lossy_text(headers: Sequence[Header]) -> str:
    """Whether any frame went through lossy compression, and how strong (rule B22)."""
    lossy = [header for header in headers if header.lossy]
    if not lossy:
        return ""
    ratios = [
        header.lossy_ratio for header in lossy if header.lossy_ratio and math.isfinite(header.lossy_ratio)
    ]
    return f"lossy {max(ratios):.1f}:1" if ratios else "lossy"
