"""The study index: files in, a catalogue of patients, studies, series and stacks out. Headers only.

An `Indexer` belongs to one thread. `catalogue()` may be called at any time; while files still arrive it lists
series without stacks, which costs little, and with `complete=True` it sorts and measures them.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from pathlib import Path

from viewer.dicom.header import REAL_WORLD_VALUES, Header
from viewer.dicom.model import Catalogue, Patient, Problem, Series, SeriesKind, Study
from viewer.dicom.mosaic import is_mosaic, tiles
from viewer.dicom.pet_stack import earliest_acquisition
from viewer.dicom.read import read_header
from viewer.dicom.rtdose import read_dose
from viewer.dicom.series import is_capture, is_localizer, split_series
from viewer.dicom.sop_classes import DICOMDIR, MULTIFRAME_VOLUMES, kind_of_class
from viewer.dicom.stack import make_stack
from viewer.dicom.values import CHARSET_GUESSED
from viewer.errors import NotDicomError, ViewerError

SeriesKey = tuple[str, str, str]
"""(patient key, StudyInstanceUID, series uid)."""


@dataclass
class _SeriesFiles:
    """Everything known about one series while files arrive."""

    uid: str
    headers: list[Header] = field(default_factory=list)
    sketch: Series | None = None
    built: Series | None = None
    problems: tuple[Problem, ...] = ()
    grown_at: int = 0
    """Number of files that had been read when the last one of the series was found."""
    quiet: bool = False
    """It was told by `quiet_series` and has not grown since."""


class Indexer:
    """Collects files into a catalogue."""

    def __init__(self) -> None:
        self._series: dict[SeriesKey, _SeriesFiles] = {}
        self._names: dict[Path, str] = {}
        self._problems: list[Problem] = []
        self._files = 0
        self._not_dicom = 0
        self._dicomdirs = 0
        self._uids: Counter[str] = Counter()

    def add(self, path: Path, name: str | None = None) -> Problem | None:
        """Read one file.

        Parameters
        ----------
        path
            The file.
        name
            What the user knows it as ("archive.zip/member"); the path when None.

        Returns
        -------
        Problem | None
            What is wrong with the file; None also for a file that is not DICOM, which is only counted (J01).
        """
        self._files += 1
        shown = str(path) if name is None else name
        try:
            header = read_header(path)
        except NotDicomError:
            self._not_dicom += 1
            return None
        except ViewerError as error:
            return self._problem(shown, error.user_message)
        except OSError as error:
            return self._problem(
                shown, f"The file cannot be read ({error.strerror or type(error).__name__})."
            )
        if header.sop_class == DICOMDIR:
            self._dicomdirs += 1
            return None
        if name is not None:
            self._names[path] = name
        uid = series_identity(header)
        key = (patient_key(header), header.study_uid, uid)
        files = self._series.get(key)
        if files is None:
            self._uids[uid] += 1
            times = self._uids[uid]
            files = self._series[key] = _SeriesFiles(uid if times == 1 else f"{uid}@{times}")
        files.headers.append(header)
        files.sketch = files.built = None
        files.grown_at, files.quiet = self._files, False
        return None

    def _problem(self, file: str, reason: str) -> Problem:
        problem = Problem(file, reason)
        self._problems.append(problem)
        return problem

    def catalogue(self, complete: bool = False) -> Catalogue:
        """What has been found so far.

        Parameters
        ----------
        complete
            True when no more files come: series are split into stacks and measured.
        """
        studies: dict[tuple[str, str], list[_SeriesFiles]] = {}
        for (patient, study, _), files in self._series.items():
            studies.setdefault((patient, study), []).append(files)
        if complete:
            for files in self._series.values():
                if files.built is None:
                    files.built, files.problems = self._build(files)
        else:
            for files in self._series.values():
                if files.built is None and files.sketch is None:
                    files.sketch = _sketch(files)
        found = [_study(members) for members in studies.values()]
        found.sort(key=lambda study: (study.patient.key, study.date, study.time, study.uid))
        problems = [
            *self._problems,
            *(problem for files in self._series.values() for problem in files.problems),
        ]
        return Catalogue(
            studies=tuple(found),
            problems=tuple(problems),
            files_seen=self._files,
            not_dicom=self._not_dicom,
            notes=self._notes(),
        )

    def quiet_series(self, files: int, most: int) -> Catalogue:
        """Series that seem to be complete, split into stacks as if no more of their files were to come.

        Nothing is told for good: a series that gets another file is built anew.

        Parameters
        ----------
        files
            So many files were read since the last one of the series. Each series is told once, unless it grows.
        most
            Series that are split in one call; the others are told by the next.
        """
        studies: dict[tuple[str, str], list[_SeriesFiles]] = {}
        for (patient, study, _), found in self._series.items():
            if found.quiet or self._files - found.grown_at < files:
                continue
            most -= 1
            if most < 0:
                break
            found.quiet = True
            if found.built is None:
                found.built, found.problems = self._build(found)
            studies.setdefault((patient, study), []).append(found)
        return Catalogue(studies=tuple(_study(members) for members in studies.values()))

    def _notes(self) -> tuple[str, ...]:
        """Sentences about the folder as a whole, without patient data (rule A01)."""
        notes = []
        identities: dict[str, set[tuple[str, str]]] = {}
        studies: dict[str, set[str]] = {}
        for (patient, study, _), files in self._series.items():
            first = files.headers[0]
            identities.setdefault(patient, set()).add((first.patient_name, first.birth_date))
            studies.setdefault(study, set()).add(patient)
        if len(identities) > 1:
            notes.append(f"The files belong to {len(identities)} patients.")
        if any(len(patients) > 1 for patients in studies.values()):
            notes.append("One study names more than one patient; its series are listed per patient.")
        if any(len(people) > 1 for people in identities.values()):
            notes.append("One patient ID comes with different names or birth dates.")
        if self._dicomdirs:
            notes.append(f"{self._dicomdirs} DICOMDIR index file{'s' * (self._dicomdirs != 1)} not needed.")
        return tuple(notes)

    def _build(self, files: _SeriesFiles) -> tuple[Series, tuple[Problem, ...]]:
        """Split one series into stacks."""
        images, problems = self._frames(files.headers)
        result = split_series(images, _same_pixels)
        stacks = []
        earliest = earliest_acquisition(images)
        for n, draft in enumerate(result.drafts):
            try:
                stacks.append(make_stack(draft, files.uid if n == 0 else f"{files.uid}#{n + 1}", earliest))
            except (ViewerError, OSError) as error:
                problems.append(Problem(self._name(draft.headers[0].path), _reason(error)))
        for header in files.headers:
            if kind_of_class(header.sop_class) is SeriesKind.DOSE:
                try:
                    stacks.append(
                        read_dose(header.path, files.uid if not stacks else f"{files.uid}#{len(stacks) + 1}")
                    )
                except (ViewerError, OSError) as error:
                    problems.append(Problem(self._name(header.path), _reason(error)))
        doses = [stack for stack in stacks if stack.kind is SeriesKind.DOSE]
        if len(doses) > 1:
            # A plan and its beams in one series: the list of stacks has to tell which is which.
            stacks = [stack for stack in stacks if stack not in doses] + [
                replace(stack, label=f"Dose {n}: {stack.acquisition_text}")
                for n, stack in enumerate(doses, 1)
            ]
        problems.extend(Problem(self._name(header.path), text) for header, text in result.conflicts)
        sketch = files.sketch or _sketch(files)
        return (
            replace(
                sketch,
                kind=stacks[0].kind
                if stacks
                else sketch.kind
                if not sketch.kind.has_images
                else SeriesKind.OTHER,
                stacks=tuple(stacks),
                paths=tuple(sorted(header.path for header in files.headers)),
                warnings=result.warnings,
            ),
            tuple(problems),
        )

    def _frames(self, headers: Iterable[Header]) -> tuple[list[Header], list[Problem]]:
        """One header a frame for the images among the files."""
        frames: list[Header] = []
        problems: list[Problem] = []
        for header in headers:
            kind = kind_of_class(header.sop_class)
            if not header.is_image or (kind is not None and not kind.has_images):
                continue
            if header.frames == 1 and header.position_mm is not None and is_mosaic(header):
                frames.extend(self._slices_of_mosaic(header, problems))
            elif (
                header.frames == 1
                and (header.sop_class not in MULTIFRAME_VOLUMES or header.position_mm is not None)
                and REAL_WORLD_VALUES not in header.sequences
            ):
                frames.append(header)
            else:
                from viewer.dicom.enhanced import expand

                try:
                    frames.extend(expand(header))
                except ViewerError as error:
                    problems.append(Problem(self._name(header.path), error.user_message))
                except OSError as error:
                    reason = f"The file cannot be read ({error.strerror or type(error).__name__})."
                    problems.append(Problem(self._name(header.path), reason))
        return frames, problems

    def _slices_of_mosaic(self, header: Header, problems: list[Problem]) -> list[Header]:
        """One header a slice of a mosaic, or the picture as it is (rule A26)."""
        try:
            return tiles(header) or [header]
        except ViewerError as error:
            problems.append(Problem(self._name(header.path), error.user_message))
        except OSError as error:
            reason = f"The file cannot be read ({error.strerror or type(error).__name__})."
            problems.append(Problem(self._name(header.path), reason))
        return [header]

    def _name(self, path: Path) -> str:
        return self._names.get(path, str(path))


def patient_key(header: Header) -> str:
    """PatientID with its issuer: what tells patients apart (rule A01)."""
    return f"{header.patient_id}\x1f{header.issuer}" if header.issuer else header.patient_id


def series_identity(header: Header) -> str:
    """SeriesInstanceUID; for files without one a name that those of one folder share."""
    if header.series_uid:
        return header.series_uid
    folder = str(header.path.parent).encode("utf-8", "surrogateescape")
    return "unnamed-" + hashlib.sha256(folder).hexdigest()[:12]


def _reason(error: ViewerError | OSError) -> str:
    if isinstance(error, ViewerError):
        return error.user_message
    return f"The file cannot be read ({error.strerror or type(error).__name__})."


def _sketch(files: _SeriesFiles) -> Series:
    """A series as far as single headers tell."""
    first = files.headers[0]
    return Series(
        uid=files.uid,
        study_uid=first.study_uid,
        modality=_clean(first.modality),
        description=_clean(first.series_description or first.protocol),
        kind=_kind_of(files.headers),
        files=len(files.headers),
        number=first.series_number,
        date=first.series_date or first.acquisition_date or first.study_date,
        time=first.series_time or first.acquisition_time,
        body_part=_clean(first.body_part),
        frame_of_reference_uid=first.frame_of_reference,
        manufacturer=_clean(first.manufacturer),
        paths=tuple(header.path for header in files.headers),
    )


def _kind_of(headers: list[Header]) -> SeriesKind:
    """What a series seems to be before it is split: its first image decides, else its first object."""
    first = next((h for h in headers if h.is_image), headers[0])
    kind = kind_of_class(first.sop_class)
    if kind is None:
        return SeriesKind.IMAGE if first.is_image else SeriesKind.OTHER
    if not kind.has_images:
        return kind
    if is_localizer(first):
        return SeriesKind.LOCALIZER
    return SeriesKind.CAPTURE if is_capture(first) else kind


def _study(members: list[_SeriesFiles]) -> Study:
    first = members[0].headers[0]
    series = [files.built or files.sketch for files in members]
    present = [s for s in series if s is not None]
    present.sort(key=lambda s: (s.number is None, s.number or 0, s.date, s.time, s.uid))
    return Study(
        uid=first.study_uid,
        patient=Patient(
            key=patient_key(first),
            name=_person_name(first.patient_name),
            patient_id=_clean(first.patient_id),
            birth_date=first.birth_date,
            sex=first.sex,
            name_guessed=CHARSET_GUESSED in first.warnings and not first.patient_name.isascii(),
        ),
        description=_clean(first.study_description),
        date=first.study_date,
        time=first.study_time,
        accession=_clean(first.accession),
        institution=_clean(first.institution),
        age=first.age,
        series=tuple(present),
    )


def _person_name(raw: str) -> str:
    from viewer.dicom.charset import format_person_name

    return format_person_name(raw)


def _clean(raw: str) -> str:
    from viewer.dicom.charset import clean_text

    return clean_text(raw)


def _same_pixels(first: Header, second: Header) -> bool:
    """Whether two files hold the same pixel data, byte by byte."""
    # Deflated data has no place for the pixels: there the whole files are compared.
    deflated = first.pixel_offset < 0 or second.pixel_offset < 0
    left_start, right_start = (0, 0) if deflated else (first.pixel_offset, second.pixel_offset)
    if first.size - left_start != second.size - right_start:
        return False
    try:
        with first.path.open("rb") as a, second.path.open("rb") as b:
            a.seek(left_start)
            b.seek(right_start)
            while True:
                left, right = a.read(1 << 20), b.read(1 << 20)
                if left != right:
                    return False
                if not left:
                    return True
    except OSError:
        return False
