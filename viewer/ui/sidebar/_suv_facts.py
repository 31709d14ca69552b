"""The SUV block as plain values: every input with its origin (rule D15), the factor, or why there is none."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewer.ui.sidebar._parts import Fact

if TYPE_CHECKING:
    from viewer.imaging.suv import SuvResult


def suv_headline(result: SuvResult | None) -> str:
    """Title of the block."""
    return "SUV" if result is None else "SUV (body weight)"


def suv_facts(result: SuvResult | None, note: str) -> tuple[Fact, ...]:
    """Inputs and factor of an SUV, or the reason why there is none."""
    if result is None:
        return (Fact("No SUV", note or "The header does not allow it.", tone="warning"),)
    return ()
