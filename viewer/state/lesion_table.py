"""The lesions of a series as a table: what sidebar, CSV, XLSX and report say alike (rules D20 to D23)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from viewer.imaging.body_size import is_uptake
from viewer.imaging.uptake import ThresholdKind
from viewer.state.lesions import Lesions, Measured, threshold_text

if TYPE_CHECKING:
    from viewer.state.library import OpenVolume


@dataclass(frozen=True)
class Row:
    """One lesion, numbers in the displayed quantity; None where there is no number.

    Parameters
    ----------
    name, threshold
        Its name and how its voxels were chosen, in words.
    level
        Lowest value of its voxels.
    voxels
        Their number.
    max, mean, sd, peak
        SUVmax, SUVmean, sample standard deviation, SUVpeak, or the same of the stored quantity.
    volume_ml, glycolysis
        MTV, and TLG in mL x the quantity.
    max_mm
        LPS position of the hottest voxel.
    notes
        What must be known about the row.
    liver
        The liver reference.
    """

    name: str
    threshold: str
    level: float | None
    voxels: int
    max: float | None
    mean: float | None
    sd: float | None
    peak: float | None
    volume_ml: float | None
    glycolysis: float | None
    max_mm: tuple[float, float, float] | None
    notes: str = ""
    liver: bool = False


def row(item: OpenVolume, measured: Measured) -> Row:
    """The row of a lesion."""
    lesion, found, uptake = measured.lesion, measured.outlined, measured.uptake
    threshold = threshold_text(lesion.drawing.threshold)
    notes = ". ".join(text[0].upper() + text[1:] for text in _notes(item, measured))
    level = None if found is None else found.level
    if uptake is None:
        nothing = (None,) * 7
        return Row(lesion.name, threshold, level, 0, *nothing, notes=notes, liver=lesion.liver)
    return Row(
        lesion.name,
        threshold,
        level,
        uptake.count,
        uptake.max,
        uptake.mean,
        uptake.sd,
        uptake.peak,
        uptake.volume_ml,
        uptake.glycolysis,
        uptake.max_mm,
        notes,
        lesion.liver,
    )


def rows(store: Lesions, item: OpenVolume) -> tuple[Row, ...]:
    """All rows of a series, the liver last."""
    found = [row(item, store.measured(lesion)) for lesion in store.of(item.volume.uid)]
    return tuple(sorted(found, key=lambda one: one.liver))


def _notes(item: OpenVolume, measured: Measured) -> list[str]:
    found = measured.outlined
    if found is None:
        return ["the series is still loading"]
    notes = []
    if found.trouble is not None:
        notes.append(str(found.trouble))
    if found.stopped:
        notes.append("threshold raised to stop at the background")
    region = measured.region
    if region is not None and measured.lesion.drawing.threshold.kind is not ThresholdKind.WHOLE:
        first, count = region.start[0], region.mask.shape[0]
        if first == 0 or first + count == item.volume.geometry.shape[0]:
            notes.append("cut off by the end of the series")
    percist = measured.lesion.drawing.threshold.kind is ThresholdKind.PERCIST
    if percist and not item.volume.preset_unit.startswith("SUL"):
        notes.append("PERCIST is defined for SUL")
    return notes


def quantity_note(item: OpenVolume) -> str:
    """Why a series has no SUV, or "": then its stored unit is what the table shows."""
    if is_uptake(item.volume.display_unit):
        return ""
    reason = item.volume.suv_note or item.stack.suv_note or "The header does not allow it."
    unit = item.volume.display_unit or "a unit that is not named"
    return f"No SUV: {reason} Values are in {unit}."


def glycolysis_unit(unit: str) -> str:
    """Unit of the TLG: grams for SUV and SUL (mL x g/mL), else mL x the stored unit."""
    plain = unit.removesuffix("*")
    if plain == "SUVbsa":
        return "cm²"
    return "g" if is_uptake(plain) else f"mL·{plain}" if plain else "mL"


_QUOTED = frozenset(
    {
        "SUV factor",
        "Units",
        "Decay correction",
        "Weight",
        "Injected dose",
        "Dose without residual",
        "Residual activity",
        "Half-life",
        "Uptake time",
        "Dose at reference",
    }
)
"""What stands beside numbers that leave the program: no dates, no sex (rules D23, F01)."""


def suv_basis(item: OpenVolume) -> tuple[tuple[str, str], ...]:
    """(label, value) of what the numbers rest on: quantity, formula, dose, weight, uptake time (rule D23)."""
    suv = item.stack.suv
    if suv is None:
        return ()
    edited = (("Edited", "inputs entered by the user"),) if suv.edited else ()
    kept = tuple((part.label, part.value) for part in suv.rows() if part.label in _QUOTED and part.value)
    return (("Quantity", item.volume.display_unit), *edited, ("Formula", suv.method), *kept)
