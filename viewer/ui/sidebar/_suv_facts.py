"""The SUV block as plain values: every input with its origin (rule D15), the factor, or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewer.ui.sidebar._facts import HIDDEN
from viewer.ui.sidebar._parts import Fact

if TYPE_CHECKING:
    from viewer.imaging.suv import Given, SuvGap, SuvResult

_IDENTIFYING = frozenset({"Weight", "Height", "Sex", "Injection", "Decay reference"})
KIND_NAMES = {
    "bw": "body weight",
    "lbmjanma": "lean body mass (Janmahasatian)",
    "lbmjames128": "lean body mass (James, 128)",
    "lbm": "lean body mass (Morgan, 120)",
    "ibw": "ideal body weight",
    "bsa": "body surface area, cm²/mL",
}
"""What an uptake can be divided by, in words; every formula by its name."""


def suv_headline(result: SuvResult | None) -> str:
    """Title of the block: what the uptake is divided by, and "SUV*" when the user entered an input."""
    if result is None:
        return "SUV"
    mark = "SUV*" if result.edited else "SUV"
    return f"{mark} by {KIND_NAMES[result.kind]}"


def suv_facts(
    result: SuvResult | None, note: str, *, identity: bool, gap: SuvGap | None = None
) -> tuple[Fact, ...]:
    """Inputs and factor of an SUV with their origins, or the reason why there is none.

    With `identity` False the patient's measures and all dates are hidden, as in the tag list.
    """
    if result is None:
        return (
            Fact("No SUV", note or "The header does not allow it.", tone="warning"),
            *_gap_facts(gap, identity),
        )
    rows = tuple(
        Fact(row.label, row.value, row.origin)
        if identity or row.label not in _IDENTIFYING
        else Fact(row.label, HIDDEN, row.origin, "dim")
        for row in result.rows()
        if row.value
    )
    warnings = tuple(Fact("Check", text, tone="warning") for text in result.warnings)
    return warnings + rows


def _gap_facts(gap: SuvGap | None, identity: bool) -> tuple[Fact, ...]:
    """What an SUV would need and what the header says of it, as it stands there."""
    if gap is None:
        return ()
    inputs = gap.inputs
    rows: tuple[tuple[str, str, Given[float], str], ...] = (
        ("Weight", "weight_kg", inputs.weight_kg, "kg"),
        ("Injected dose", "dose_bq", inputs.dose_bq, "in the header, which should give Bq"),
        ("Half-life", "half_life_s", inputs.half_life_s, "s"),
        ("Height", "height_cm", inputs.height_cm, "cm"),
    )
    facts = []
    for text, name, given, unit in rows:
        tone = "warning" if name == gap.field else ""
        value = "missing" if given.value is None else f"{given.value:g} {unit}"
        if not identity and text in _IDENTIFYING:
            value, tone = HIDDEN, "dim"
        facts.append(Fact(text, value, given.origin, tone))
    return tuple(facts)
