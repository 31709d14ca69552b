"""The SUV block as plain values: every input with its origin (rule D15), the factor, or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewer.ui.sidebar._facts import HIDDEN
from viewer.ui.sidebar._parts import Fact

if TYPE_CHECKING:
    from viewer.imaging.suv import SuvResult

_IDENTIFYING = frozenset({"Weight", "Height", "Sex", "Injection", "Decay reference"})
_NAMES = {"bw": "body weight", "ibw": "ideal body weight", "bsa": "body surface area"}


def suv_headline(result: SuvResult | None) -> str:
    """Title of the block: what the uptake is divided by, and "SUV*" when the user entered an input."""
    if result is None:
        return "SUV"
    mark = "SUV*" if result.edited else "SUV"
    return f"{mark} by {_NAMES.get(result.kind, f'lean body mass ({result.kind})')}"


def suv_facts(result: SuvResult | None, note: str, *, identity: bool) -> tuple[Fact, ...]:
    """Inputs and factor of an SUV with their origins, or the reason why there is none.

    With `identity` False the patient's measures and all dates are hidden, as in the tag list.
    """
    if result is None:
        return (Fact("No SUV", note or "The header does not allow it.", tone="warning"),)
    rows = tuple(
        Fact(row.label, row.value, row.origin)
        if identity or row.label not in _IDENTIFYING
        else Fact(row.label, HIDDEN, row.origin, "dim")
        for row in result.rows()
        if row.value
    )
    warnings = tuple(Fact("Check", text, tone="warning") for text in result.warnings)
    return warnings + rows
