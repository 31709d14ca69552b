"""What other programs are known to do differently, computed from our own data.

A difference counts as explained only when one of these reproduces the other program's values voxel by voxel.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from viewer.dicom.model import FrameSource
from viewer.imaging.modality import apply_modality_lut
from viewer.verification.checks import Slices, compare_values
from viewer.verification.subject import Subject


@dataclass(frozen=True)
class Prediction:
    """Values another program is expected to give, and why ours are right."""

    values: Slices
    reason: str


def explain(subject: Subject, theirs: Slices, tool: str, siblings: Sequence[FrameSource]) -> str:
    """Why values differ, or "" when nothing known explains them.

    Nothing explains values that are not what the file holds after its rescale: then the fault is ours.

    Parameters
    ----------
    subject
        The stack.
    theirs
        Values of the other program by our slice number.
    tool
        Its name, for the sentence.
    siblings
        All frames of the series, for programs that take one rescale for all of them.
    """
    straight = compare_values(subject.count, subject.values, _straight(subject), subject.intercept)
    if not straight.agrees:
        return ""
    for prediction in _predictions(subject, tool, siblings):
        if compare_values(subject.count, prediction.values, theirs, subject.intercept).agrees:
            return prediction.reason
    return ""


def _predictions(subject: Subject, tool: str, siblings: Sequence[FrameSource]) -> Iterator[Prediction]:
    stack = subject.stack
    pixels = stack.pixels
    if pixels.photometric == "MONOCHROME1":
        yield Prediction(
            _inverted(subject),
            f"{tool} inverts MONOCHROME1; here values stay as they are and only the picture is inverted.",
        )
    if stack.modality_lut is not None:
        yield Prediction(
            subject.stored, f"{tool} ignores the Modality LUT Sequence, which replaces the rescale."
        )
    if pixels.high_bit + 1 != pixels.bits_stored and not pixels.float_pixels:
        yield Prediction(
            _masked(subject),
            f"{tool} does not shift samples down to bit 0: HighBit is {pixels.high_bit} with "
            f"{pixels.bits_stored} bits stored (PS3.5 8.1.1).",
        )
    if pixels.signed and not pixels.float_pixels:
        yield Prediction(
            _unsigned(subject),
            f"{tool} reads the samples without the sign that the header gives them (Pixel Representation 1).",
        )
    if any(frame.slope != 1 or frame.intercept != 0 for frame in stack.frames):
        yield Prediction(
            subject.stored, f"{tool} leaves out the rescale of this kind of image and gives stored values."
        )
    scales = dict.fromkeys((frame.slope, frame.intercept) for frame in siblings)
    if len(scales) > 1:
        for slope, intercept in scales:
            yield Prediction(
                _scaled(subject, slope, intercept),
                f"{tool} takes the rescale of one frame for all frames; here every frame has its own.",
            )


def _straight(subject: Subject) -> Slices:
    """The stored values of the file after the modality LUT of each slice (PS3.3 C.11.1), computed here."""
    lut = subject.stack.modality_lut

    def values(k: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
        stored = subject.stored(k)
        if stored is None:
            return None
        if lut is not None:
            return apply_modality_lut(stored, *lut).astype(np.float64)
        frame = subject.stack.frames[k]
        return stored.astype(np.float64) * frame.slope + frame.intercept

    return values


def _scaled(subject: Subject, slope: float, intercept: float) -> Slices:
    def values(k: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
        stored = subject.stored(k)
        return None if stored is None else stored.astype(np.float64) * slope + intercept

    return values


def _inverted(subject: Subject) -> Slices:
    """Stored values counted from the other end of their range, rescaled."""
    pixels = subject.stack.pixels
    ends = -1 if pixels.signed else (1 << pixels.bits_stored) - 1

    def values(k: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
        stored = subject.stored(k)
        frame = subject.stack.frames[k]
        return None if stored is None else (ends - stored.astype(np.float64)) * frame.slope + frame.intercept

    return values


def _unsigned(subject: Subject) -> Slices:
    """Stored values read as unsigned numbers of as many bits, rescaled."""
    modulus = 1 << subject.stack.pixels.bits_stored

    def values(k: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
        stored = subject.stored(k)
        frame = subject.stack.frames[k]
        if stored is None:
            return None
        return (stored.astype(np.int64) % modulus).astype(np.float64) * frame.slope + frame.intercept

    return values


def _masked(subject: Subject) -> Slices:
    """The lowest `bits_stored` bits of each word, with their sign, rescaled."""
    pixels = subject.stack.pixels
    low = (1 << pixels.bits_stored) - 1
    sign = 1 << (pixels.bits_stored - 1)

    def values(k: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]] | None:
        words = subject.words(k)
        if words is None:
            return None
        masked = words.astype(np.int64) & low
        if pixels.signed:
            masked = (masked ^ sign) - sign
        frame = subject.stack.frames[k]
        return masked.astype(np.float64) * frame.slope + frame.intercept

    return values
