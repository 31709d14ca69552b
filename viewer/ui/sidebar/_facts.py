"""The Study section as plain values: what is known about patient, study, series and geometry, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from viewer.ui.sidebar._browser_rows import image_count, moment
from viewer.ui.sidebar._parts import Fact, number

if TYPE_CHECKING:
    from viewer.dicom.model import Series, Stack, Study
    from viewer.imaging.geometry import VolumeGeometry
    from viewer.imaging.geometry_report import GeometryReport
    from viewer.imaging.volume import Volume

HIDDEN = "hidden"
_TILT_ABOVE_DEG = 0.1


def _present(*facts: Fact) -> tuple[Fact, ...]:
    return tuple(fact for fact in facts if fact.value)


def age_text(text: str) -> str:
    """A DICOM age (069Y, 006M) as "69 y"; anything else unchanged (PS3.5 6.2, AS)."""
    text = text.strip()
    if len(text) == 4 and text[:3].isdigit() and text[3] in "DWMY":
        return f"{int(text[:3])} {text[3].lower()}"
    return text


def patient_facts(study: Study, *, identity: bool) -> tuple[Fact, ...]:
    """Who it is; with `identity` False nothing at all: the tag list hides sex and age too."""
    patient = study.patient
    if not identity:
        return (Fact("Patient", HIDDEN, tone="dim"),)
    return _present(
        Fact("Name", patient.name, *(("character set guessed", "warning") if patient.name_guessed else ())),
        Fact("ID", patient.patient_id),
        Fact("Born", moment(patient.birth_date, "")),
        Fact("Sex", patient.sex),
        Fact("Age", age_text(study.age)),
    )


def study_facts(study: Study, *, identity: bool) -> tuple[Fact, ...]:
    """The study; its date, number and hospital can identify and are hidden with the patient."""
    return _present(
        Fact("Description", study.description),
        Fact("Date", moment(study.date, study.time) if identity else ""),
        Fact("Institution", study.institution if identity else ""),
        Fact("Accession", study.accession if identity else ""),
    )


def series_facts(series: Series, stack: Stack, volume: Volume, *, identity: bool) -> tuple[Fact, ...]:
    """The series and the stack that is shown."""
    k, j, i = volume.geometry.shape
    corrupt = int(volume.corrupt.sum())
    return _present(
        Fact("Series", " ".join(part for part in (str(series.number or ""), series.description) if part)),
        Fact("Stack", stack.label),
        Fact("Modality", series.modality),
        Fact("Date", moment(series.date, series.time) if identity else ""),
        Fact("Images", image_count(series)),
        Fact("Matrix", f"{i} × {j} × {k}"),
        Fact("Unit", volume.display_unit or "none in the header"),
        Fact("Acquisition", stack.acquisition_text),
        Fact("Tracer", stack.tracer_text),
        Fact("Body part", series.body_part),
        Fact("Maker", series.manufacturer),
        Fact("Compression", stack.lossy_text, tone="warning"),
        Fact("Unreadable", f"{corrupt} slices, shown as no data" if corrupt else "", tone="warning"),
    )


def _spacing(report: GeometryReport) -> str:
    slice_mm, row_mm, column_mm = report.spacing_mm
    if row_mm is None or column_mm is None:
        return "unknown: no millimetres"
    parts = [number(column_mm, 3), number(row_mm, 3)]
    if slice_mm is not None:
        parts.append(number(slice_mm, 3))
    return " × ".join(parts) + " mm"


def _gaps(report: GeometryReport) -> Fact:
    if len(report.gaps_mm) == 0:
        return Fact("Slice gaps", "")
    low, high = min(report.gaps_mm), max(report.gaps_mm)
    if report.uniform:
        deviation = max(high - (report.spacing_mm[0] or high), (report.spacing_mm[0] or low) - low)
        return Fact("Slice gaps", f"uniform within {number(deviation, 3)} mm", tone="good")
    return Fact(
        "Slice gaps",
        f"{number(low, 2)} to {number(high, 2)} mm",
        tone="warning",
    )


def geometry_facts(
    report: GeometryReport, geometry: VolumeGeometry, *, interpolate_gaps: bool = False
) -> tuple[Fact, ...]:
    """What was measured and what was done about it (rules A10 to A23)."""
    filled = "interpolated as you asked" if interpolate_gaps else "shown as no data"
    tilted = report.tilt_deg > _TILT_ABOVE_DEG
    oblique = report.obliquity_deg > _TILT_ABOVE_DEG
    thickness = "" if report.thickness_mm is None else f"{number(report.thickness_mm, 2)} mm, a label only"
    return _present(
        Fact("Spacing", _spacing(report), tone="" if geometry.calibrated else "warning"),
        Fact("Thickness", thickness),
        Fact("Slices", str(report.slices)),
        _gaps(report),
        Fact(
            "Missing",
            f"{report.missing} interval{'s' * (report.missing != 1)}, {filled}" if report.missing else "",
            tone="warning",
        ),
        Fact(
            "Tilt",
            f"{number(report.tilt_deg, 1)}°" if tilted else "none",
            tone="warning" if tilted else "good",
        ),
        Fact("Plane", report.acquired_plane if geometry.oriented else "orientation unknown"),
        Fact("Obliquity", f"{number(report.obliquity_deg, 1)}°" if oblique else "none"),
        Fact(
            "Duplicates",
            f"{report.duplicates} ignored" if report.duplicates else "none",
            tone="warning" if report.duplicates else "good",
        ),
        Fact("Position", report.patient_position),
    )


def warning_texts(series: Series, stack: Stack) -> tuple[str, ...]:
    """Every warning of a series and its stack, each once."""
    return tuple(dict.fromkeys((*stack.report.warnings, *stack.warnings, *series.warnings)))


def information_texts(stack: Stack) -> tuple[str, ...]:
    """Findings that are no warnings."""
    warnings = set(stack.report.warnings)
    return tuple(note.text for note in stack.report.notes if note.text not in warnings)
