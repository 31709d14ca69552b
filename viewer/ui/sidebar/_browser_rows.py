"""What the study browser lists, as plain values: patients, studies, series and stacks, objects in groups apart."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from viewer.dicom.model import Catalogue, Patient, Series, SeriesKind, Stack, Study

if TYPE_CHECKING:
    from pathlib import Path


class RowKind(StrEnum):
    """What a row stands for."""

    PATIENT = "patient"
    STUDY = "study"
    GROUP = "group"
    SERIES = "series"
    STACK = "stack"


@dataclass(frozen=True)
class Row:
    """One row of the browser.

    Parameters
    ----------
    key
        Unique among all rows and equal in every newer catalogue, so that selection and folding survive.
    title, detail, date
        Three lines; the title is the description.
    modality
        Text of the chip, empty for none.
    icon
        Icon of the thumbnail tile while, or because, there is no picture.
    stack_uid
        Stack that opens, empty when nothing can be shown.
    series_uid
        Series whose thumbnail and tags belong to the row.
    path
        A file of it, for its tags.
    structures
        Files that hold structures, which open over the images.
    open
        Unfolded at first.
    """

    key: str
    kind: RowKind
    title: str
    detail: str = ""
    date: str = ""
    modality: str = ""
    icon: str = ""
    series_uid: str = ""
    stack_uid: str = ""
    path: Path | None = None
    structures: tuple[Path, ...] = ()
    tooltip: str = ""
    open: bool = True
    children: tuple[Row, ...] = ()

    def walk(self) -> Iterator[Row]:
        """Yield the row and all below it."""
        yield self
        for child in self.children:
            yield from child.walk()


_GROUPS = (
    ("localizers", "Localizers", (SeriesKind.LOCALIZER,)),
    ("captures", "Captures", (SeriesKind.CAPTURE,)),
)
_STRUCTURE_KINDS = (SeriesKind.SEGMENTATION, SeriesKind.STRUCTURES)
_IN_LIST = (SeriesKind.VOLUME, SeriesKind.IMAGE, SeriesKind.DOSE)


def iso_date(text: str) -> str:
    """A DICOM date (20250131) as 2025-01-31; anything else unchanged."""
    text = text.strip()
    return f"{text[:4]}-{text[4:6]}-{text[6:8]}" if len(text) == 8 and text.isdigit() else text


def clock(text: str) -> str:
    """A DICOM time (HHMMSS.FFFFFF, HHMM, ...) as HH:MM; anything else unchanged."""
    text = text.strip()
    digits = text.split(".", maxsplit=1)[0]
    return f"{digits[:2]}:{digits[2:4]}" if len(digits) in (4, 6) and digits.isdigit() else text


def moment(date: str, time: str) -> str:
    """Date and time in one text."""
    return " ".join(part for part in (iso_date(date), clock(time)) if part)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def image_count(series: Series) -> str:
    """Counts of a series: "140 images", "3 x 40 images", "62 images, 2 stacks", or files when it has none."""
    sizes = [len(stack.frames) for stack in series.stacks]
    if not sizes:
        return _count(series.files, "file")
    if len(sizes) == 1:
        return _count(sizes[0], "image")
    if len(set(sizes)) == 1:
        return f"{len(sizes)} × {_count(sizes[0], 'image')}"
    return f"{_count(sum(sizes), 'image')}, {len(sizes)} stacks"


def _stack_detail(stack: Stack) -> str:
    parts = [_count(len(stack.frames), "image"), f"{stack.pixels.columns} × {stack.pixels.rows}"]
    return ", ".join(parts)


def _stack_row(series: Series, number: int, stack: Stack) -> Row:
    return Row(
        key=f"stack:{stack.uid}",
        kind=RowKind.STACK,
        title=stack.label or f"Stack {number}",
        detail=_stack_detail(stack),
        series_uid=series.uid,
        stack_uid=stack.uid,
        path=stack.frames[0].path if stack.frames else None,
        tooltip="\n".join(stack.warnings),
    )


def series_row(series: Series, *, identity: bool) -> Row:
    """The row of a series, with a row for each stack when there are several; no date when identity is hidden."""
    title = series.description or series.kind.value.capitalize()
    if series.number is not None:
        title = f"{series.number}  {title}"
    showable = bool(series.stacks)
    first = series.stacks[0] if showable else None
    paths = series.paths or tuple(frame.path for frame in (first.frames if first else ())[:1])
    thickness = _thickness(first)
    facts = (series.body_part, series.manufacturer, *series.warnings)
    return Row(
        key=f"series:{series.uid}",
        kind=RowKind.SERIES,
        title=title,
        detail=", ".join(part for part in (image_count(series), thickness) if part),
        date=moment(series.date, series.time) if identity else "",
        modality=series.modality,
        icon=f"series-{series.kind.value.replace(' ', '-')}",
        series_uid=series.uid,
        stack_uid=first.uid if first else "",
        path=(first.frames[0].path if first and first.frames else paths[0] if paths else None),
        structures=series.paths if series.kind in _STRUCTURE_KINDS else (),
        tooltip="\n".join(part for part in (title, *facts) if part),
        open=False,
        children=(
            tuple(_stack_row(series, n, stack) for n, stack in enumerate(series.stacks, 1))
            if showable and len(series.stacks) > 1
            else ()
        ),
    )


def _thickness(stack: Stack | None) -> str:
    if stack is None or not stack.multiplanar or stack.report.spacing_mm[0] is None:
        return ""
    return f"{stack.report.spacing_mm[0]:.3g} mm"


def _group(
    study: Study, name: str, text: str, members: Iterable[Series], *, identity: bool
) -> tuple[Row, ...]:
    rows = tuple(series_row(series, identity=identity) for series in members)
    if not rows:
        return ()
    return (
        Row(f"group:{study.uid}:{name}", RowKind.GROUP, f"{text} ({len(rows)})", open=False, children=rows),
    )


def _study_row(study: Study, *, identity: bool) -> Row:
    listed = tuple(
        series_row(series, identity=identity) for series in study.series if series.kind in _IN_LIST
    )
    groups: tuple[Row, ...] = ()
    grouped = set(_IN_LIST)
    for name, text, kinds in _GROUPS:
        groups += _group(study, name, text, (s for s in study.series if s.kind in kinds), identity=identity)
        grouped.update(kinds)
    groups += _group(
        study, "objects", "Objects", (s for s in study.series if s.kind not in grouped), identity=identity
    )
    return Row(
        key=f"study:{study.uid}",
        kind=RowKind.STUDY,
        title=study.description or "Study",
        detail=f"{len(study.series)} series",
        date=moment(study.date, study.time) if identity else "",
        children=listed + groups,
    )


def _patient_row(patient: Patient, number: int, studies: Iterable[Study], *, identity: bool) -> Row:
    if identity:
        title = patient.name or patient.patient_id or "No name"
        guessed = "character set guessed" if patient.name_guessed else ""
        details = (guessed, patient.patient_id, iso_date(patient.birth_date), patient.sex)
        detail = ", ".join(part for part in details if part)
    else:
        title, detail = f"Patient {number}", "identity hidden"
    return Row(
        key=f"patient:{patient.key}",
        kind=RowKind.PATIENT,
        title=title,
        detail=detail,
        children=tuple(_study_row(study, identity=identity) for study in studies),
    )


def browser_rows(catalogue: Catalogue, *, identity: bool) -> tuple[Row, ...]:
    """All rows of a catalogue.

    Parameters
    ----------
    catalogue
        What was found.
    identity
        False replaces names and numbers of patients by "Patient 1", "Patient 2", ... and leaves dates out.

    Returns
    -------
    tuple of Row
        One for each patient (rule A01: patients are told apart by PatientID and issuer), in order of appearance.
    """
    by_patient: dict[str, list[Study]] = {}
    for study in catalogue.studies:
        by_patient.setdefault(study.patient.key, []).append(study)
    return tuple(
        _patient_row(studies[0].patient, number, studies, identity=identity)
        for number, studies in enumerate(by_patient.values(), 1)
    )
