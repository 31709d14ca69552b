"""SUV of a PET stack: the headers of its slices in, a factor or the reason why there is none out (rules D01-D16)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from viewer.dicom.header import Header
from viewer.dicom.model import Stack
from viewer.dicom.pet import suv_inputs
from viewer.dicom.raw_dataset import read_dataset
from viewer.errors import SuvUnavailable, ViewerError
from viewer.imaging.suv import SuvResult, suv_factor


def with_suv(stack: Stack, headers: Sequence[Header]) -> Stack:
    """A PET stack with its SUV, its tracer line and the warnings that belong to them.

    Parameters
    ----------
    stack
        Without SUV.
    headers
        Of its slices, in the order of `stack.frames`.

    Returns
    -------
    Stack
        `suv` set, or `suv_note` with the reason why there is none. When factors differ per slice every frame carries
        its own (DecayCorrection NONE, step D04).
    """
    try:
        datasets = [read_dataset(header) for header in headers if header.frame == 0 or header.frames == 1]
        inputs = suv_inputs(datasets)
        if len(inputs.frames) > len(headers) and len(datasets) == 1:
            inputs = replace(inputs, frames=tuple(inputs.frames[header.frame] for header in headers))
        result = suv_factor(inputs)
    except SuvUnavailable as error:
        return replace(stack, suv_note=error.user_message)
    except (ViewerError, OSError, ValueError) as error:
        reason = error.user_message if isinstance(error, ViewerError) else "a header cannot be read any more."
        return replace(stack, suv_note=f"No SUV: {reason}")
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
        tracer_text=_tracer_text(result),
        warnings=tuple(dict.fromkeys((*stack.warnings, *result.warnings))),
    )


def _tracer_text(result: SuvResult) -> str:
    """A line for the corner: "F-18, 589 MBq, 159 min"."""
    parts = [result.inputs.radionuclide] if result.inputs.radionuclide else []
    if result.dose_bq is not None:
        parts.append(f"{result.dose_bq / 1e6:.0f} MBq")
    if result.uptake_s is not None:
        parts.append(f"{result.uptake_s / 60:.0f} min")
    return ", ".join(parts)
