"""The lesions of a series as a sheet that leaves the program: rows, sums, what the numbers rest on (rule D23)."""

from __future__ import annotations

from dataclasses import dataclass

from viewer import __version__
from viewer.imaging.body_size import is_uptake
from viewer.state.lesion_table import glycolysis_unit, quantity_note, rows, suv_basis
from viewer.state.lesions import Lesions
from viewer.state.library import OpenVolume

Cell = str | float | int | None


@dataclass(frozen=True)
class Sheet:
    """A table with what has to stand below it.

    Parameters
    ----------
    header
        Titles of the columns, with units.
    rows
        Cells of each row; None for an empty one.
    facts
        (label, value) lines below the table.
    """

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    facts: tuple[tuple[str, Cell], ...]


def lesion_sheet(store: Lesions, item: OpenVolume) -> Sheet:
    """The sheet of a series: no patient, no dates, no header texts but the unit (rule F01)."""
    unit = item.volume.display_unit
    shown = f" ({unit})" if unit else ""
    prefix = "SUV" if is_uptake(unit) else ""
    header = (
        "Lesion",
        "Threshold",
        f"Voxels from{shown}",
        "Voxels",
        f"{prefix}max{shown}",
        f"{prefix}mean{shown}",
        f"SD{shown}",
        f"{prefix}peak{shown}",
        "MTV (mL)",
        f"TLG ({glycolysis_unit(unit)})",
        "x of max (mm, LPS)",
        "y of max (mm, LPS)",
        "z of max (mm, LPS)",
        "Remarks",
    )
    body: list[tuple[Cell, ...]] = []
    for one in rows(store, item):
        volumes = (None, None) if one.liver else (_rounded(one.volume_ml), _rounded(one.glycolysis))
        numbers = tuple(_rounded(value) for value in (one.max, one.mean, one.sd, one.peak))
        place = one.max_mm or (None, None, None)
        body.append(
            (
                one.name,
                one.threshold,
                _rounded(one.level),
                one.voxels,
                *numbers,
                *volumes,
                *(_rounded(value) for value in place),
                "Liver reference" if one.liver else one.notes,
            )
        )
    totals = store.totals(item.volume.uid)
    if totals is not None:
        body.append(
            (
                f"All {totals.count}",
                "",
                None,
                None,
                _rounded(totals.max),
                None,
                None,
                None,
                _rounded(totals.volume_ml),
                _rounded(totals.glycolysis),
                None,
                None,
                None,
                "A voxel of two lesions is counted once",
            )
        )
    return Sheet(header, tuple(body), tuple(_facts(store, item)))


def _facts(store: Lesions, item: OpenVolume) -> list[tuple[str, Cell]]:
    found: list[tuple[str, Cell]] = []
    note = quantity_note(item)
    if note:
        found.append(("No SUV", note.removeprefix("No SUV: ")))
    percist = store.percist(item.volume.uid)
    if percist is not None:
        found.append((f"PERCIST threshold ({item.volume.display_unit})", _rounded(percist)))
    found += list(suv_basis(item))
    found.append(("SD", "sample standard deviation, n - 1"))
    found.append(("Peak", "highest mean in a sphere of 1 mL around a voxel of the lesion"))
    found.append(("Software", f"Triptych {__version__}"))
    return found


def _rounded(value: float | None) -> float | None:
    """Seven significant digits: all that single precision holds."""
    return None if value is None else float(f"{value:.7g}")
