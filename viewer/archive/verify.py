"""An archive against its sources: the values that lie in it, its digests and its geometry, read anew from both ends.

A slice is right when three digests agree: that of the stored values in the volume, the one written down when it was
converted, and that of the values decoded now from the source file.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np

from viewer.archive.keys import needed_key, require_key
from viewer.archive.layout import md5_of
from viewer.archive.reader import ArchiveVolume, volumes_below
from viewer.archive.series_files import is_encrypted, read_series_json, read_slices_csv
from viewer.dicom.build import fill_slice, make_volume, stored_stack
from viewer.dicom.index import Indexer
from viewer.dicom.model import Stack
from viewer.errors import DecodeError, FormatError, ViewerError
from viewer.imaging.geometry import VolumeGeometry

Tell = Callable[[int, int], None]
"""Called with volumes done and volumes known."""


class Verdict(StrEnum):
    """What came of a volume."""

    EQUAL = "equal"
    DIFFERS = "DIFFERS"
    """A value or the geometry is not that of the source."""
    DAMAGED = "DAMAGED"
    """The archive itself cannot be read."""
    NO_SOURCE = "no source"
    """The source is gone; the digests in the archive fit each other."""


@dataclass(frozen=True)
class Checked:
    """What came of a volume.

    Parameters
    ----------
    name
        Study, series and volume.
    slices
        Slices that were compared.
    findings
        What is wrong, in words.
    """

    name: str
    verdict: Verdict
    slices: int
    findings: tuple[str, ...] = ()


@dataclass
class _Findings:
    """Collects what is wrong with a volume; the worst decides."""

    texts: list[str] = field(default_factory=list)
    verdict: Verdict = Verdict.EQUAL

    def add(self, verdict: Verdict, text: str) -> None:
        order = (Verdict.EQUAL, Verdict.NO_SOURCE, Verdict.DIFFERS, Verdict.DAMAGED)
        self.verdict = max(self.verdict, verdict, key=order.index)
        self.texts.append(text)


def verify(archive: Path, slices: int | None, tell: Tell | None = None) -> Iterator[Checked]:
    """Check every volume of an archive, several at a time.

    Parameters
    ----------
    archive
        Its folder.
    slices
        How many slices of each volume, spread from the first to the last; all when None.
    tell
        Called after each volume.

    Yields
    ------
    Checked
        In the order of their names.

    Raises
    ------
    FormatError
        There are no volumes, or the key of an encrypted archive is not here.
    """
    require_key(archive)
    paths = list(volumes_below(archive))
    if not paths:
        raise FormatError(f"{archive.name}: there are no volumes.")
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        for done, checked in enumerate(pool.map(lambda path: check(path, archive, slices), paths), 1):
            if tell is not None:
                tell(done, len(paths))
            yield checked


def check(path: Path, archive: Path, slices: int | None) -> Checked:
    """Check one volume; see `verify`."""
    found = _Findings()
    count = 0
    try:
        all_rows = read_slices_csv(path.parent)
        rows = [row for row in all_rows if row["volume"] == path.name]
        content = read_series_json(path.parent)
        with ArchiveVolume(path) as volume:
            _compare_series(content, volume, path.name, found)
            _compare_encryption(path.parent, volume, needed_key(archive), found)
            picked = _picked(len(volume.slices), slices)
            source = _source_of(all_rows, rows, found)
            if source is not None:
                _compare_geometry(volume.stack, source, found)
            for k in picked:
                count += 1
                _compare_slice(volume, source, rows, k, found)
    except (ViewerError, OSError) as error:
        text = (
            error.user_message if isinstance(error, ViewerError) else f"{error.strerror or 'system error'}."
        )
        found.add(Verdict.DAMAGED, text)
    return Checked(path.relative_to(archive).as_posix(), found.verdict, count, tuple(found.texts))


def _compare_series(content: dict[str, Any], volume: ArchiveVolume, name: str, found: _Findings) -> None:
    """Whether what is said about the series is said about this volume: files may have been exchanged."""
    try:
        names = [stored["name"] for stored in content["volumes"]]
        uids = (content["study"]["uid"], content["series"]["uid"])
    except (KeyError, TypeError) as error:
        raise FormatError("series.json is damaged.") from error
    if name not in names or uids != (volume.study.uid, volume.series.uid):
        found.add(Verdict.DAMAGED, "series.json and the volume are not of the same series.")


def _compare_encryption(folder: Path, volume: ArchiveVolume, key_id: str, found: _Findings) -> None:
    """Whether all is encrypted in an archive that is: anyone can put what is not in the place of what was."""
    if volume.key_id != key_id or is_encrypted(folder) != bool(key_id):
        found.add(Verdict.DAMAGED, "It is not encrypted as the archive is; somebody may have put it there.")


def _picked(total: int, wanted: int | None) -> list[int]:
    """Evenly spread slices, the first and the last among them."""
    if wanted is None or wanted >= total:
        return list(range(total))
    return sorted({round(k) for k in np.linspace(0, total - 1, wanted)})


def _source_of(
    all_rows: Sequence[dict[str, str]], rows: Sequence[dict[str, str]], found: _Findings
) -> Stack | None:
    """The stack as the sources of the series give it now; None when they do not."""
    indexer = Indexer()
    # Some stacks are what they are because of the others.
    paths = list(dict.fromkeys(row["path"] for row in all_rows))
    if not any(paths):
        found.add(Verdict.NO_SOURCE, "The sources are not known; the volume was de-identified.")
        return None
    missing = 0
    for path in paths:
        if not Path(path).is_file():
            missing += 1
        elif (problem := indexer.add(Path(path), Path(path).name)) is not None:
            found.add(Verdict.DIFFERS, f"{problem.file}: {problem.reason}")
    if missing:
        found.add(Verdict.NO_SOURCE, f"{missing} of {len(paths)} source files are gone.")
        return None
    expected = sorted((row["path"], row["frame"]) for row in rows)
    stacks = [
        stack
        for study in indexer.catalogue(complete=True).studies
        for series in study.series
        for stack in series.stacks
        if sorted((str(frame.path), str(frame.frame)) for frame in stack.frames) == expected
    ]
    if len(stacks) != 1:
        found.add(Verdict.DIFFERS, "The sources no longer form this volume.")
        return None
    return stacks[0]


def _compare_geometry(ours: Stack, source: Stack, found: _Findings) -> None:
    if not same_geometry(ours.geometry, source.geometry):
        found.add(Verdict.DIFFERS, "The geometry is not that of the sources.")
    orders = [[f.sop_instance_uid for f in stack.frames] for stack in (ours, source)]
    if orders[0] != orders[1]:
        found.add(Verdict.DIFFERS, "The order of the slices is not that of the sources.")
    scales = [[(f.slope, f.intercept) for f in stack.frames] for stack in (ours, source)]
    if scales[0] != scales[1]:
        found.add(Verdict.DIFFERS, "Slopes and intercepts are not those of the sources.")


def same_geometry(first: VolumeGeometry, second: VolumeGeometry) -> bool:
    """Whether two geometries are equal in every number."""
    mine, other = first.slice_offsets, second.slice_offsets
    return (
        first.shape == second.shape
        and np.array_equal(first.patient_from_index, second.patient_from_index)
        and (
            mine is other is None or (mine is not None and other is not None and np.array_equal(mine, other))
        )
        and first.gaps == second.gaps
        and (first.oriented, first.calibrated) == (second.oriented, second.calibrated)
    )


def _compare_slice(
    volume: ArchiveVolume, source: Stack | None, rows: Sequence[dict[str, str]], k: int, found: _Findings
) -> None:
    record = volume.slices[k]
    where = f"slice {k + 1} of {len(volume.slices)}"
    if k >= len(rows) or rows[k]["md5"] != record.md5:
        found.add(Verdict.DAMAGED, f"{where}: slices.csv and the volume name different digests.")
    if not record.problem:
        try:
            if md5_of(volume.stored_slice(k)) != record.md5:
                found.add(Verdict.DAMAGED, f"{where}: The stored slice does not fit its digest.")
        except DecodeError as error:
            found.add(Verdict.DAMAGED, f"{where}: {error.user_message}")
    if source is None:
        return
    alone = stored_stack(source, k, k + 1)
    values = make_volume(alone)
    try:
        fill_slice(values, alone, 0)
    except DecodeError as error:
        if not record.problem:
            found.add(Verdict.DIFFERS, f"{where}: the source cannot be decoded: {error.user_message}")
        return
    if record.problem:
        found.add(Verdict.DIFFERS, f"{where}: the source can be decoded now; convert the series again.")
    elif md5_of(values.array[..., 0, :, :]) != record.md5:
        found.add(Verdict.DIFFERS, f"{where}: the values are not those of the source.")
