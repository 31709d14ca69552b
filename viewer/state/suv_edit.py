"""SUV inputs the user enters or corrects, and what the uptake is divided by: all that depends on it follows (D15).

The voxels stay as they are; only the factor between them and the SUV changes, and an edited SUV is marked. What the
header says is kept in the catalogue, so it can be taken back at any time.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

from viewer.errors import SuvUnavailable
from viewer.imaging.body_size import UPTAKE_UNITS, BodySize
from viewer.imaging.suv import SuvInputs, SuvResult, as_kind, edited, suv_factor, user_values
from viewer.state.library import Library, OpenVolume

BODY_WEIGHT = "bw"
SAME_SHARE = 1e-9
"""Slices whose factors change by shares that differ by less change together; the rest is rounding."""


def known_inputs(item: OpenVolume) -> SuvInputs | None:
    """What is known about the SUV of a volume: its inputs, complete or not; None when no entry could help."""
    stack = item.stack
    if stack.suv is not None:
        return stack.suv.inputs
    return None if stack.suv_gap is None else stack.suv_gap.inputs


def can_edit_suv(item: OpenVolume) -> bool:
    """Whether the SUV can be edited, or made by entering what the header lacks."""
    return known_inputs(item) is not None


def shown_kind(item: OpenVolume) -> str:
    """What the uptake is divided by, `viewer.imaging.suv.SuvResult.kind`."""
    return BODY_WEIGHT if item.stack.suv is None else item.stack.suv.kind


def edit_suv(library: Library, uid: str, **values: float | str | dt.datetime) -> None:
    """Give an open PET other SUV inputs.

    Parameters
    ----------
    library
        Holds the volume.
    uid
        Of the volume.
    values
        By field name: weight_kg, height_cm, sex, dose_bq, residual_bq, half_life_s, injection.

    Raises
    ------
    SuvUnavailable
        No SUV follows from these values; nothing was changed.
    """
    item, inputs = _editable(library, uid)
    _take(library, item, _by_kind(edited(inputs, **values), shown_kind(item)))


def show_kind(library: Library, uid: str, kind: str) -> None:
    """Divide the uptake of an open PET by something else.

    Parameters
    ----------
    library, uid
        The volume.
    kind
        A key of `viewer.imaging.body_size.UPTAKE_UNITS`: "bw", "lbmjanma", "bsa", ...

    Raises
    ------
    SuvUnavailable
        There is no SUV, or the height is missing or not plausible; nothing was changed.
    """
    item, inputs = _editable(library, uid)
    _take(library, item, _by_kind(inputs, kind))


def reset_suv(library: Library, uid: str) -> None:
    """Back to what the header says; the kind stays as long as the header has what it needs."""
    item, stack = library.get(uid), library.catalogue.find_stack(uid)
    if item is None or stack is None or known_inputs(replace(item, stack=stack)) is None:
        return
    if stack.suv is None:
        library.replace(replace(item, volume=replace(item.volume, suv_factor=None), stack=stack))
        return
    try:
        result = _by_kind(stack.suv.inputs, shown_kind(item))
    except SuvUnavailable:
        result = stack.suv
    _take(library, item, result)


def carry_suv(library: Library, before: OpenVolume, uid: str) -> None:
    """Take edits and kind over from one time of a series to another.

    Raises
    ------
    SuvUnavailable
        They give no SUV there; nothing was changed.
    """
    item = library.get(uid)
    inputs = known_inputs(before)
    if item is None or inputs is None or known_inputs(item) is None:
        return
    values, kind = user_values(inputs), shown_kind(before)
    if values or kind != shown_kind(item):
        _take(library, item, _by_kind(edited(_editable(library, uid)[1], **values), kind))


def uptake_ratio(item: OpenVolume, before: str, after: str) -> float | None:
    """How many times larger a value of an open PET is in another quantity.

    Parameters
    ----------
    item
        The volume.
    before, after
        `viewer.imaging.volume.Volume.preset_unit` of both quantities.

    Returns
    -------
    float or None
        None when one does not follow from the other.
    """
    if before == after:
        return 1.0
    kinds = {unit: kind for kind, unit in UPTAKE_UNITS.items()}
    inputs = known_inputs(item)
    if inputs is None or before not in kinds or after not in kinds:
        return None
    try:
        first, second = (_by_kind(inputs, kinds[unit]).slice_factors[0] for unit in (before, after))
    except SuvUnavailable:
        return None
    return second / first


def _editable(library: Library, uid: str) -> tuple[OpenVolume, SuvInputs]:
    item = library.get(uid)
    inputs = None if item is None else known_inputs(item)
    if item is None or inputs is None:
        raise SuvUnavailable("This series has no SUV inputs that can be edited.")
    return item, inputs


def _by_kind(inputs: SuvInputs, kind: str) -> SuvResult:
    result = suv_factor(inputs)
    return result if kind == BODY_WEIGHT else as_kind(result, BodySize(kind.upper()))


def _take(library: Library, item: OpenVolume, result: SuvResult) -> None:
    factor = _display_factor(item, result)
    before = item.stack.suv.warnings if item.stack.suv is not None else ()
    others = tuple(text for text in item.stack.warnings if text not in before)
    stack = replace(item.stack, suv=result, warnings=tuple(dict.fromkeys((*others, *result.warnings))))
    volume = replace(item.volume, suv_factor=factor, suv_unit=result.unit)
    library.replace(replace(item, volume=volume, stack=stack))


def _display_factor(item: OpenVolume, result: SuvResult) -> float:
    """The one factor from the values of the array to the SUV.

    Where slices were decay corrected one by one (DecayCorrection NONE) the array holds the header's SUV already, and
    the factor is what an edit multiplies it by.
    """
    stored = tuple(frame.slice_suv_factor for frame in item.stack.frames)
    held = tuple(factor for factor in stored if factor is not None)
    factors = result.slice_factors
    if held:
        factors = tuple(new / old for new, old in zip(factors, held, strict=True))
    if max(factors) - min(factors) > SAME_SHARE * max(factors):
        raise SuvUnavailable("These inputs would change every slice by a factor of its own.")
    return factors[0]
