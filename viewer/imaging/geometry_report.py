"""What was found about the geometry of a stack and what was done about it, in words and numbers."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """How a note is shown: information in the sidebar, a warning in the pane too."""

    INFO = "info"
    WARNING = "warning"


@dataclass(frozen=True)
class Note:
    """One finding.

    Parameters
    ----------
    code
        Stable identifier, for example "tilt", "gap", "duplicate", "spacing-varies".
    text
        A sentence for the user without patient data: what is unusual and what was done.
    """

    code: str
    text: str
    severity: Severity = Severity.WARNING


@dataclass(frozen=True)
class GeometryReport:
    """Measured geometry of one stack (rules A10-A23).

    Parameters
    ----------
    slices
        Number of slices used.
    spacing_mm
        (slice, row, column); the slice spacing is the median perpendicular gap, None for a single slice.
    thickness_mm
        SliceThickness of the header, a label only.
    gaps_mm
        Perpendicular distance from each slice to the next (length slices - 1).
    uniform
        Largest deviation from the median gap within max(0.01 mm, 1 %).
    tilt_deg
        Angle between stacking direction and slice normal (shear).
    obliquity_deg
        Angle between slice normal and the nearest patient axis.
    acquired_plane
        "axial", "sagittal", "coronal", or "unknown".
    duplicates
        Files left out because the same instance came twice.
    missing
        Number of intervals over 1.5 times the median gap, shown as "no data".
    patient_position
        PatientPosition of the header (HFS, ...); shown, never used for orientation (rule A21).
    notes
        Findings in words.
    """

    slices: int
    spacing_mm: tuple[float | None, float | None, float | None]
    thickness_mm: float | None = None
    gaps_mm: tuple[float, ...] = ()
    uniform: bool = True
    tilt_deg: float = 0.0
    obliquity_deg: float = 0.0
    acquired_plane: str = "unknown"
    duplicates: int = 0
    missing: int = 0
    patient_position: str = ""
    notes: tuple[Note, ...] = ()

    @property
    def warnings(self) -> tuple[str, ...]:
        """The texts of all notes that are warnings."""
        return tuple(note.text for note in self.notes if note.severity is Severity.WARNING)
