"""Which series opens by itself (the CT a radiologist would take, and its PET), and which one follows another."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from viewer.dicom.model import Catalogue, Series, SeriesKind, Stack, Study

_SHARP_KERNEL = re.compile(
    r"^(BONE|EDGE|LUNG|DETAIL|ULTRA|HEAD BONE)|^([BHU][A-Z]?[6-9]\d)|^FC[3-9]\d$|^(Y[A-D]|D|E|L)$",
    re.IGNORECASE,
)
"""Edge-enhancing kernels by GE words, Siemens numbers from 60, Canon FC30 and above, Philips letters."""
_LOCALIZER_HINT = re.compile(r"\b(loc|localizer|scout|survey|topogram|surview|3-plane)\b", re.IGNORECASE)
_PARTIAL_HINT = re.compile(
    r"\b(mip|minip|mpr|subtraction|perfusion|monitoring|smart ?prep|test bolus)\b", re.IGNORECASE
)
_BESIDE = (SeriesKind.LOCALIZER, SeriesKind.CAPTURE)
"""What is looked at beside the images, not among them (rule A04)."""
FULL_COUNT = 40
"""From this many slices on, a stack is not better for being longer alone."""


@dataclass(frozen=True)
class DefaultChoice:
    """What opens by itself.

    Parameters
    ----------
    ct
        The stack underneath: a CT, else the best other volume or picture; None when only a PET or nothing was found.
    pet
        The PET that belongs to it (same frame of reference), or None.
    """

    ct: Stack | None
    pet: Stack | None


def choose_default(catalogue: Catalogue) -> DefaultChoice:
    """The CT and PET to open from a complete catalogue.

    A CT should be axial, original, thin, long enough, of a standard kernel, and better with a PET in its frame of
    reference; a PET should have SUV (attenuation corrected) rather than not.
    """
    best: tuple[tuple[float, ...], DefaultChoice] | None = None
    for study in catalogue.studies:
        choice = _choose_in(study)
        for value in choice:
            if best is None or value[0] > best[0]:
                best = value
    return best[1] if best is not None else DefaultChoice(None, None)


def next_stack(catalogue: Catalogue, uid: str, steps: int) -> str:
    """Uid of the stack that lies so many steps after another in the order of the catalogue, round its end.

    Localizers and captures (rule A04) are stepped over as long as there are other images.

    Parameters
    ----------
    catalogue
        What is there.
    uid
        Of the stack that is shown; it may be one that is stepped over, or none of the catalogue.
    steps
        Negative towards the beginning.

    Returns
    -------
    str
        Empty when the catalogue has no images.
    """
    shown = [
        stack
        for study in catalogue.studies
        for series in study.series
        if series.kind.has_images
        for stack in series.stacks
    ]
    wanted = [stack for stack in shown if stack.kind not in _BESIDE] or shown
    if not wanted:
        return ""
    uids = [stack.uid for stack in wanted]
    if uid in uids:
        return uids[(uids.index(uid) + steps) % len(uids)]
    here = next((number for number, stack in enumerate(shown) if stack.uid == uid), len(shown))
    before = sum(stack.kind not in _BESIDE for stack in shown[:here])
    # From between two of them the first step back leads to the one before, the first step on to the one after.
    return uids[(before + steps - (steps > 0)) % len(uids)]


def _choose_in(study: Study) -> Iterator[tuple[tuple[float, ...], DefaultChoice]]:
    """Candidates of one study with their rank."""
    volumes = [(series, stack) for series in study.series for stack in series.stacks if _is_volume(stack)]
    pets = [(series, stack) for series, stack in volumes if stack.modality == "PT"]
    for series, stack in volumes:
        if stack.modality == "CT":
            pet = _pet_for(stack, pets)
            bonus = 1.0 if pet is not None and pet.suv is not None else 0.5 if pet is not None else 0.0
            yield (3.0, _quality(series, stack) + bonus), DefaultChoice(stack, pet)
    for series, stack in pets:
        yield (2.0 if stack.suv is not None else 1.5, _quality(series, stack)), DefaultChoice(None, stack)
    for series, stack in volumes:
        if stack.modality not in ("CT", "PT"):
            yield (2.0, _quality(series, stack)), DefaultChoice(stack, None)
    for kind, rank in ((SeriesKind.IMAGE, 1.0), (SeriesKind.LOCALIZER, 0.5), (SeriesKind.CAPTURE, 0.2)):
        for stack in _stacks_of(study.series, kind):
            yield (rank, float(len(stack.frames))), DefaultChoice(stack, None)
    for stack in _stacks_of(study.series, SeriesKind.VOLUME):
        if not stack.multiplanar:
            yield (1.0, float(len(stack.frames))), DefaultChoice(stack, None)


def _stacks_of(series: Iterable[Series], kind: SeriesKind) -> Iterator[Stack]:
    return (stack for s in series for stack in s.stacks if stack.kind is kind)


def _is_volume(stack: Stack) -> bool:
    return stack.kind is SeriesKind.VOLUME and stack.multiplanar and not stack.on_request


def _quality(series: Series, stack: Stack) -> float:
    """How well a stack suits reading in three planes; differences matter, not the value."""
    count = len(stack.frames)
    spacing = stack.report.spacing_mm[0] or 10.0
    extent = spacing * (count - 1)
    value = 2.0 * min(count / FULL_COUNT, 1.0) + min(extent / 100.0, 1.0)
    value += 2.0 / max(spacing, 0.5)
    value += 1.0 if stack.report.acquired_plane == "axial" else 0.0
    value += 1.0 if stack.image_type[:1] != ("DERIVED",) else 0.0
    value += 0.5 if stack.unit == "HU" else 0.0
    value -= 1.5 if _SHARP_KERNEL.match(stack.kernel) else 0.0
    value -= 3.0 if _LOCALIZER_HINT.search(series.description) else 0.0
    value -= 1.5 if _PARTIAL_HINT.search(series.description) else 0.0
    value -= 0.5 if stack.geometry.gaps else 0.0
    return value


def _pet_for(ct: Stack, pets: Iterable[tuple[Series, Stack]]) -> Stack | None:
    """The PET that may be laid over a CT without a question (rule D30), SUV first."""
    frame = ct.geometry.frame_of_reference_uid
    fitting = [
        (stack.suv is not None, "NAC" not in series.description.upper(), len(stack.frames), stack)
        for series, stack in pets
        if frame and stack.geometry.frame_of_reference_uid == frame
    ]
    return max(fitting, key=lambda entry: entry[:3])[3] if fitting else None
