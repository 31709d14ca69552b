"""SUV of a PET stack: the headers of its slices in, a factor or the reason why there is none out (rules D01-D16)."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.charset import clean_text
from viewer.dicom.fast_header import UnusualError
from viewer.dicom.header import FRAME_GROUPS, Header
from viewer.dicom.model import Stack
from viewer.dicom.pet import acquisition_moment, first_moment, parse_offset, suv_inputs
from viewer.dicom.raw_dataset import read_dataset
from viewer.errors import SuvUnavailable, ViewerError
from viewer.imaging.suv import SuvGap, SuvInputs, SuvResult, suv_factor

if TYPE_CHECKING:
    from pydicom.dataset import Dataset

AGENT_LENGTH = 24


def with_suv(stack: Stack, headers: Sequence[Header], earliest: dt.datetime | None = None) -> Stack:
    """A PET stack with its SUV, its tracer line and the warnings that belong to them.

    Parameters
    ----------
    stack
        Without SUV.
    headers
        Of its slices, in the order of `stack.frames`.
    earliest
        Start of the first acquisition of the whole series (`earliest_acquisition`), of which the stack may be a part.

    Returns
    -------
    Stack
        `suv` set, or `suv_note` with the reason why there is none, and `suv_gap` when the user can mend that. When
        factors differ per slice every frame carries its own (DecayCorrection NONE, step D04).
    """
    try:
        inputs, agent = _inputs(headers, earliest)
    except ViewerError as error:
        return replace(stack, suv_note=f"No SUV: {error.user_message}")
    except OSError:
        return replace(stack, suv_note="No SUV: a header cannot be read any more.")
    try:
        result = suv_factor(inputs)
    except SuvUnavailable as error:
        gap = SuvGap(inputs, error.field) if error.field else None
        return replace(stack, suv_note=error.user_message, suv_gap=gap)
    frames = stack.frames
    if result.factor is None:
        frames = tuple(
            replace(frame, slice_suv_factor=factor)
            for frame, factor in zip(frames, result.slice_factors, strict=True)
        )
    return replace(
        stack,
        suv=result,
        frames=frames,
        tracer_text=_tracer_text(result, agent),
        warnings=tuple(dict.fromkeys((*stack.warnings, *result.warnings))),
    )


def earliest_acquisition(headers: Iterable[Header]) -> dt.datetime | None:
    """Start of the first acquisition among the images of a PET series; None when no header says one (rule D05)."""
    return first_moment(
        acquisition_moment(
            header.acquisition_date,
            header.acquisition_time,
            header.acquisition_datetime,
            header.series_date,
            parse_offset(header.utc_offset),
        )
        for header in headers
        # The frames of an enhanced object are read with its header.
        if header.modality == "PT" and FRAME_GROUPS not in header.sequences
    )


def _inputs(headers: Sequence[Header], earliest: dt.datetime | None) -> tuple[SuvInputs, str]:
    """What the headers say, one frame for each of them, and the name of the tracer.

    Raises
    ------
    ViewerError, OSError
        A header cannot be read any more.
    """
    # One header of every file: the frames of a multi-frame object come with it.
    files = list({header.path: header for header in headers}.values())
    with careful_pydicom("A PET header"):
        try:
            datasets = [read_dataset(header) for header in files]
            inputs = suv_inputs(datasets, earliest)
        except UnusualError:
            datasets = [read_dataset(header, quick=False) for header in files]
            inputs = suv_inputs(datasets, earliest)
        agent = _agent(datasets[0])
    places: list[tuple[Path, int]] = []
    for header in files:
        grouped = FRAME_GROUPS in header.sequences
        places.extend((header.path, n) for n in range(header.frames if grouped else 1))
    if len(places) != len(inputs.frames):
        raise ViewerError("The frames of the PET series do not fit its headers.")
    frames = dict(zip(places, inputs.frames, strict=True))
    ordered = tuple(frames.get((h.path, h.frame), frames[h.path, 0]) for h in headers)
    return replace(inputs, frames=ordered), agent


def _agent(dataset: Dataset) -> str:
    """Radiopharmaceutical (0018,0031) in short: "FDG" of "FDG -- fluorodeoxyglucose"."""
    items = dataset[0x00540016].value if 0x00540016 in dataset else ()
    if not items or 0x00180031 not in items[0]:
        return ""
    value = items[0].get_item(0x00180031).value
    text = value.decode("latin_1") if isinstance(value, bytes) else str(value or "")
    return clean_text(text.split("--")[0].strip(" \0"), AGENT_LENGTH)


def _tracer_text(result: SuvResult, agent: str) -> str:
    """A line for the corner: "FDG, 589 MBq, 159 min"."""
    parts = [text for text in (agent or result.inputs.radionuclide,) if text]
    if result.dose_bq is not None:
        parts.append(f"{result.dose_bq / 1e6:.0f} MBq")
    if result.uptake_s is not None:
        parts.append(f"{result.uptake_s / 60:.0f} min")
    return ", ".join(parts)
