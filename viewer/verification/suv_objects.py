"""SUV factors against the real-world value objects of the same study, which another program wrote."""

from __future__ import annotations

from collections.abc import Sequence

from viewer.dicom.value_maps import ValueMap
from viewer.errors import SuvUnavailable
from viewer.imaging.body_size import BodySize
from viewer.imaging.suv import SuvResult, as_kind
from viewer.verification.checks import Check, Verdict
from viewer.verification.subject import Subject

TOOL = "value object"
FACTOR_SHARE = 1e-4
"""Such objects hold five or six digits."""

_KINDS: dict[str, tuple[str, tuple[BodySize, ...]]] = {
    "{suvbw}g/ml": ("SUV factor", ()),
    "{suvlbm}g/ml": ("SUL factor", (BodySize.LBMJAMES128, BodySize.LBM, BodySize.LBMJANMA)),
    "{suvbsa}cm2/ml": ("SUV factor, BSA", (BodySize.BSA,)),
    "{suvibw}g/ml": ("SUV factor, IBW", (BodySize.IBW,)),
}
"""UCUM code of the unit in lower case: name of the check, and the formulas that it may stand for."""


def suv_checks(subject: Subject, maps: Sequence[ValueMap]) -> list[Check]:
    """Compare the factors of a PET stack.

    Parameters
    ----------
    subject
        The stack; nothing is asked of other modalities.
    maps
        All mappings of the study.
    """
    stack = subject.stack
    if stack.modality != "PT":
        return []
    instances = {frame.sop_instance_uid for frame in stack.frames}
    fitting = [m for m in maps if m.unit.lower() in _KINDS and instances & m.instances]
    if not fitting:
        ours = "none" if stack.suv is None else _factor_text(stack.suv)
        reason = "The study holds no real-world value object for this series."
        return [Check("SUV factor", TOOL, ours, "-", Verdict.NOT_COMPARED, reason)]
    distinct = {(m.unit.lower(), m.slope): m for m in fitting}
    return [_check(subject, found) for found in distinct.values()]


def _check(subject: Subject, found: ValueMap) -> Check:
    stack = subject.stack
    name, measures = _KINDS[found.unit.lower()]
    theirs = f"{found.slope:.7g}"
    if stack.suv is None:
        reason = f"{stack.suv_note} The factor of the object is not used."
        return Check(name, TOOL, "none", theirs, Verdict.EXPLAINED, reason)
    candidates = _candidates(stack.suv, measures)
    slope = stack.frames[0].slope
    one_slope = all(frame.slope == slope for frame in stack.frames)
    text, difference = "none", float("inf")
    for label, factor in candidates:
        # The standard applies the object to stored values, most writers to those after the modality LUT.
        for value in (factor, factor * slope) if one_slope else (factor,):
            share = abs(value / found.slope - 1.0) if found.slope else float("inf")
            if share < difference:
                text, difference = f"{value:.7g}{label}", share
    if not candidates:
        reason = "The header holds too little for this factor."
        return Check(name, TOOL, "none", theirs, Verdict.NOT_COMPARED, reason)
    if difference <= FACTOR_SHARE:
        return Check(name, TOOL, text, theirs, Verdict.AGREE, "", difference)
    if measures == (BodySize.BSA,) and abs(candidates[0][1] / (found.slope * 10.0) - 1.0) <= FACTOR_SHARE:
        reason = "The object counts 1000 cm2 to the square metre; there are 10 000."
        return Check(name, TOOL, text, theirs, Verdict.EXPLAINED, reason, difference)
    if len(measures) > 1:
        reason = "The object does not name its formula, and none of those known here gives its factor."
        return Check(name, TOOL, text, theirs, Verdict.NOT_COMPARED, reason, difference)
    return Check(name, TOOL, text, theirs, Verdict.DISAGREE, "", difference)


def _candidates(suv: SuvResult, measures: tuple[BodySize, ...]) -> list[tuple[str, float]]:
    """(label, factor) for each formula; none where the header lacks the height or slices differ."""
    if not measures:
        return [] if suv.factor is None else [("", suv.factor)]
    found = []
    for measure in measures:
        try:
            factor = as_kind(suv, measure).factor
        except SuvUnavailable:
            continue
        if factor is not None:
            found.append((f" ({measure.value})", factor))
    return found


def _factor_text(suv: SuvResult) -> str:
    return "one a slice" if suv.factor is None else f"{suv.factor:.7g}"
