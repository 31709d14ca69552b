"""Volumes that are files of their own beside the DICOM catalogue: where they belong, and what may lie over what.

NIfTI and .npy files have no FrameOfReferenceUID. What decides is their grid (rule I09): a volume with the voxels of a
DICOM series takes the frame of reference of that series and can lie over it; so do volumes of one folder among each
other. Everything else keeps its own place, and a warning says that it was not recognised: it is never put on a study
by its indices.

A volume of an archive (Zarr) was a DICOM series once and knows its patient, study and frame of reference: it stands
where that series would, unless the series itself is there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from viewer.dicom.model import Catalogue, Series, Stack, Study
from viewer.formats.registry import FoundVolume
from viewer.imaging.geometry_report import Note
from viewer.imaging.same_grid import same_grid
from viewer.imaging.volume import LABEL_UNIT

GEOMETRY_DIFFERS = Note(
    "geometry-differs",
    "The geometry differs from every open DICOM series: the volume lies where its own header says. "
    "Check that it belongs to this patient before comparing positions.",
)


class FileVolumes:
    """Collects the files of a job."""

    def __init__(self) -> None:
        self._found: dict[str, Study] = {}
        self._archived: dict[str, Study] = {}

    def __len__(self) -> int:
        return len(self._found) + len(self._archived)

    def add(self, found: FoundVolume) -> None:
        """Take a file; the same one twice counts once."""
        (series,) = found.study.series
        if found.own_study:
            (stack,) = series.stacks
            self._archived.setdefault(stack.uid, found.study)
        else:
            self._found.setdefault(series.uid, found.study)

    def merged(self, dicom: Catalogue, known: Catalogue | None) -> Catalogue:
        """The catalogue of the index with these volumes behind it.

        Parameters
        ----------
        dicom
            Of the index.
        known
            What was open before the job. Files that come together with DICOM images never open by themselves.
        """
        if self._archived:
            dicom = replace(
                dicom,
                studies=_with_archived(dicom.studies, self._archived.values()),
                files_seen=dicom.files_seen + len(self._archived),
            )
        if not self._found:
            return dicom
        images = tuple(_volumes_of(dicom.studies))
        fresh = known is None or any(known.find_series(series.uid) is None for series, _ in images)
        studies = [_joined(members) for members in self._by_study()]
        placed = tuple(
            replace(
                study,
                series=tuple(
                    _placed(series, study, images, quiet=bool(images) and fresh) for series in study.series
                ),
            )
            for study in studies
        )
        return replace(
            dicom, studies=(*dicom.studies, *placed), files_seen=dicom.files_seen + len(self._found)
        )

    def _by_study(self) -> Iterator[list[Study]]:
        members: dict[str, list[Study]] = {}
        for study in self._found.values():
            members.setdefault(study.uid, []).append(study)
        yield from members.values()


def _with_archived(studies: tuple[Study, ...], archived: Iterable[Study]) -> tuple[Study, ...]:
    """Studies with the volumes of archives in their places; a series that is there as DICOM is left as it is."""
    result = {(study.patient.key, study.uid): study for study in studies}
    there = {series.uid for study in studies for series in study.series}
    for study in archived:
        (series,) = study.series
        if series.uid in there:
            continue
        key = (study.patient.key, study.uid)
        known = result.get(key, replace(study, series=()))
        result[key] = replace(known, series=_with_series(known.series, series))
    return tuple(result.values())


def _with_series(present: tuple[Series, ...], series: Series) -> tuple[Series, ...]:
    """The series of a study with one more, or with one more stack of one of them."""
    for n, other in enumerate(present):
        if other.uid == series.uid:
            stacks = sorted((*other.stacks, *series.stacks), key=lambda stack: _number(stack.uid))
            whole = replace(
                other,
                stacks=tuple(stacks),
                paths=(*other.paths, *series.paths),
                files=other.files + series.files,
            )
            return (*present[:n], whole, *present[n + 1 :])
    return tuple(
        sorted((*present, series), key=lambda s: (s.number is None, s.number or 0, s.date, s.time, s.uid))
    )


def _number(uid: str) -> int:
    """Place of a stack in its series, from its uid."""
    number = uid.rpartition("#")[2] if "#" in uid else "1"
    return int(number) if number.isdigit() else 1


def _joined(members: list[Study]) -> Study:
    """One study of the files of a folder, by name."""
    series = sorted((s for study in members for s in study.series), key=lambda s: (s.description, s.uid))
    return replace(members[0], series=tuple(series))


def _volumes_of(studies: tuple[Study, ...]) -> Iterator[tuple[Series, Stack]]:
    for study in studies:
        for series in study.series:
            yield from ((series, stack) for stack in series.stacks if stack.multiplanar)


def _placed(series: Series, study: Study, images: tuple[tuple[Series, Stack], ...], *, quiet: bool) -> Series:
    """A series with the frame of reference of what has the same grid."""
    first = series.stacks[0]
    frame = next(
        (
            stack.geometry.frame_of_reference_uid
            for _, stack in images
            if stack.geometry.frame_of_reference_uid and same_grid(first.geometry, stack.geometry)
        ),
        "",
    )
    notes: tuple[Note, ...] = ()
    if not frame and images and first.geometry.oriented:
        notes = (GEOMETRY_DIFFERS,)
    if not frame:
        frame = first.geometry.frame_of_reference_uid or _frame_in_folder(series, study)
    labels_of_others = first.unit == LABEL_UNIT and any(
        stack.unit != LABEL_UNIT for other in study.series for stack in other.stacks
    )
    stacks = tuple(_changed(stack, frame, notes, quiet=quiet or labels_of_others) for stack in series.stacks)
    return replace(series, stacks=stacks, frame_of_reference_uid=frame)


def _frame_in_folder(series: Series, study: Study) -> str:
    """A name for the space that this volume shares with another of its folder, or ""."""
    geometry = series.stacks[0].geometry
    alike = [other.uid for other in study.series if same_grid(geometry, other.stacks[0].geometry)]
    if len(alike) > 1 or len(series.stacks) > 1:
        return f"grid-{min((*alike, series.uid))}"
    return ""


def _changed(stack: Stack, frame: str, notes: tuple[Note, ...], *, quiet: bool) -> Stack:
    report = replace(stack.report, notes=(*stack.report.notes, *notes))
    return replace(
        stack,
        geometry=replace(stack.geometry, frame_of_reference_uid=frame),
        report=report,
        warnings=report.warnings,
        on_request=quiet,
    )
