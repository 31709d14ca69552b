"""The conversion of one series: the task a worker runs, as often as it is asked to.

Everything is written below a name of its own and gets the name of the series at the very end, so a worker that dies
leaves nothing that could be taken for a volume, and whoever takes the task over starts anew.
"""

from __future__ import annotations

import errno
import os
import platform
import secrets
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from viewer.archive.keys import only
from viewer.archive.manifest import Task
from viewer.archive.outcome import Outcome, Status
from viewer.archive.record import from_plain, to_plain
from viewer.archive.sealing import ArchiveKey
from viewer.archive.series_files import (
    SERIES_NAME,
    SLICES_NAME,
    VERSION,
    StoredVolume,
    read_series_json,
    series_tags,
    write_series_json,
    write_slices_csv,
)
from viewer.atomic import put_folder
from viewer.dicom.deidentify import may_show_identity, new_uid, technical_tags, without_identity
from viewer.dicom.index import Indexer
from viewer.dicom.model import Series, SeriesKind, Stack, Study
from viewer.errors import FormatError, ViewerError

_FULL = (errno.ENOSPC, errno.EDQUOT)
DISK_FULL = "The disk is full. Free some space and run the same command again."


@dataclass(frozen=True)
class Options:
    """How series are converted.

    Parameters
    ----------
    archive
        Folder of the archive.
    aside
        Folder on the same disk for what is not finished.
    store
        A value of `viewer.archive.stores.StoreKind`.
    overwrite
        Convert also what is there already.
    check
        Read everything back before it gets its name.
    key
        When not empty, nothing that leads to the patient is written (`viewer.dicom.deidentify`), and UIDs are others.
    seal
        When given, whatever leads to the patient is written encrypted (`viewer.archive.sealing`). Both keys travel to
        the workers, and stand in no message.
    """

    archive: Path
    aside: Path
    store: str = "shard"
    overwrite: bool = False
    check: bool = True
    key: bytes = field(default=b"", repr=False)
    seal: ArchiveKey | None = None

    @property
    def naming(self) -> bytes:
        """The key that makes the names of what lies open; empty when they may be those of the source."""
        return self.key or (self.seal.names if self.seal is not None else b"")


def convert(task: Task, options: Options) -> Outcome:
    """Convert a series, unless it is there already.

    Returns
    -------
    Outcome
        Also for everything that can go wrong with the source and for a full disk.

    Raises
    ------
    OSError
        The archive cannot be written for another reason; it may be worth another try.
    """
    started = time.monotonic()
    target = options.archive / _name(task, options)
    if not options.overwrite:
        present = _present(target, task, options)
        if present is not None:
            return present
    aside = options.aside / secrets.token_hex(8)
    try:
        aside.mkdir(parents=True)
        outcome = _convert(task, options, aside)
        if outcome.status is Status.CONVERTED:
            put_folder(aside, target)
    except OSError as error:
        if error.errno not in _FULL:
            raise
        return _timed(failed_for_good(task, options, DISK_FULL, Status.NOT_TRIED), started)
    except ViewerError as error:
        return _timed(failed_for_good(task, options, error.user_message), started)
    finally:
        shutil.rmtree(aside, ignore_errors=True)
    return _timed(outcome, started)


def _name(task: Task, options: Options) -> str:
    """Folder of the series in the archive."""
    if not options.naming:
        return task.row.name
    return "/".join(
        new_uid(f"{task.row.patient}|{part}", options.naming) for part in task.row.name.split("/")
    )


def _present(target: Path, task: Task, options: Options) -> Outcome | None:
    """What was written of the series, when it was made from the same files in the same layout."""
    try:
        content = (
            read_series_json(target) if options.seal is None else read_series_json(target, only(options.seal))
        )
        wanted = (VERSION, _digest(task, options), options.store, options.seal is not None)
        found = (
            content["version"],
            content["source_digest"],
            content["store"],
            content.get("encrypted", False),
        )
        if found != wanted:
            return None
        before: Outcome = from_plain(Outcome, content["outcome"])
    except (FormatError, OSError, KeyError):
        return None
    return replace(before, status=Status.PRESENT, seconds=0.0, worker=_worker())


def _digest(task: Task, options: Options) -> str:
    """Of the files the series is made of; one of another kind for another key."""
    return new_uid(task.row.digest, options.key) if options.key else task.row.digest


def _convert(task: Task, options: Options, aside: Path) -> Outcome:
    # Imported here, because zarr belongs to the extra.
    from viewer.archive.stores import StoreKind
    from viewer.archive.write import write_volume

    kind = StoreKind(options.store)
    study, series = _read(task)
    stacks, left_out = chosen(series)
    tags = series_tags(stacks)
    if options.key:
        stacks, refused = _without_identity(stacks, tags)
        left_out += refused
    counts = tuple(sorted(left_out.items()))
    if not stacks:
        reason = "It holds no slices, only " + ", ".join(f"{n} x {kind}" for kind, n in counts)
        return Outcome(_name(task, options), _uid(task, options), Status.LEFT_OUT, reason, left_out=counts)
    if options.key:
        tags = technical_tags(tags, options.key)
        bare = [without_identity(study, series, stack, options.key) for stack in stacks]
        study, series, stacks = bare[0][0], bare[0][1], [stack for _, _, stack in bare]
    volumes: list[StoredVolume] = []
    nbytes = 0
    for n, stack in enumerate(stacks):
        name = ("volume" if n == 0 else f"volume-{n + 1}") + kind.ending
        written = write_volume(
            aside / name, kind, stack, series, study, check=options.check, key=options.seal
        )
        volumes.append(StoredVolume(name, stack, written.slices))
        nbytes += written.nbytes
    write_slices_csv(aside / SLICES_NAME, volumes, identity=not options.key, key=options.seal)
    outcome = Outcome(
        _name(task, options),
        _uid(task, options),
        Status.CONVERTED,
        volumes=len(volumes),
        slices=sum(len(volume.slices) for volume in volumes),
        left_out=counts,
        problems=tuple(
            ("" if options.naming else f"{frame.path}: ")
            + f"slice {k + 1} of {len(volume.slices)}: {record.problem}"
            for volume in volumes
            for k, (frame, record) in enumerate(zip(volume.stack.frames, volume.slices, strict=True))
            if record.problem
        ),
        raw_bytes=nbytes,
        stored_bytes=sum(path.stat().st_size for path in aside.rglob("*") if path.is_file()),
    )
    source = {
        "source_digest": _digest(task, options),
        "store": options.store,
        "encrypted": options.seal is not None,
        "outcome": to_plain(outcome),
        "tags": tags,
    }
    write_series_json(aside / SERIES_NAME, series, study, volumes, source, key=options.seal)
    return outcome


def _uid(task: Task, options: Options) -> str:
    return new_uid(task.row.series_uid, options.naming) if options.naming else task.row.series_uid


def _without_identity(stacks: list[Stack], tags: dict[str, Any]) -> tuple[list[Stack], Counter[str]]:
    """The stacks whose pixels hold no text about the patient, and how many pictures the others have."""
    refused: Counter[str] = Counter()
    kept = []
    for stack in stacks:
        if may_show_identity(stack, tags):
            refused["picture that may show identity"] += len(stack.frames)
        else:
            kept.append(stack)
    return kept, refused


def _read(task: Task) -> tuple[Study, Series]:
    """The series as the viewer reads it.

    Raises
    ------
    ViewerError
        A file is gone or has become unreadable since the scan: nothing incomplete is converted.
    """
    indexer = Indexer()
    for path in task.files:
        problem = indexer.add(Path(path))
        if problem is not None:
            raise ViewerError(f"{problem.file}: {problem.reason} Scan the folder again.")
    catalogue = indexer.catalogue(complete=True)
    found = [(study, series) for study in catalogue.studies for series in study.series]
    if len(found) != 1 or found[0][1].files != len(task.files):
        raise ViewerError("The files are no longer those that were found. Scan the folder again.")
    study, series = found[0]
    if not series.stacks and catalogue.problems:
        raise ViewerError(f"{catalogue.problems[0].file}: {catalogue.problems[0].reason}")
    return study, series


def chosen(series: Series) -> tuple[list[Stack], Counter[str]]:
    """The stacks of a series that become volumes, and how many pictures of which kinds do not (rules A04, A09)."""
    stacks = []
    left_out: Counter[str] = Counter()
    for stack in series.stacks:
        if stack.on_request:
            # Its slices are all in the stack it was taken from.
            continue
        if stack.kind in (SeriesKind.VOLUME, SeriesKind.IMAGE):
            stacks.append(stack)
        else:
            left_out[stack.kind.value] += len(stack.frames)
    return stacks, left_out


def _timed(outcome: Outcome, started: float) -> Outcome:
    return replace(outcome, seconds=time.monotonic() - started, worker=_worker())


def _worker() -> str:
    return f"{platform.node()}:{os.getpid()}"


def failed_for_good(task: Task, options: Options, reason: str, status: Status = Status.FAILED) -> Outcome:
    """The outcome of a task that was given up."""
    if options.naming:
        reason = _without_paths(reason, task.files)
    return Outcome(_name(task, options), _uid(task, options), status, reason)


def _without_paths(reason: str, files: Sequence[str]) -> str:
    """A sentence in which no file of the source is named: its folders and its name may name the patient."""
    for part in sorted({part for file in files for part in (file, Path(file).name)}, key=len, reverse=True):
        reason = reason.replace(part, "a file")
    return reason
