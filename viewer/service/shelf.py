"""What is served: the series found at the start, and their volumes, read once and kept while there is room.

Archives and DICOM studies come through the same loading pipeline, so a value served is the value the viewer shows.
"""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from viewer.dicom.choice import DefaultChoice
from viewer.dicom.model import Catalogue, Problem, Series, Stack, Study
from viewer.errors import EmptyStudyError, ViewerError
from viewer.imaging.volume import Volume
from viewer.imaging.window import Voi
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Failed, Finished, GeometryReady, Indexed, ProblemFound
from viewer.loading.pipeline import load, load_stack
from viewer.state.first_window import first_window

ID_DIGITS = 16


@dataclass(frozen=True, eq=False)
class Scan:
    """A volume that can be asked for.

    Parameters
    ----------
    id
        Its name in addresses, made from its UID but without it.
    stack, series, study
        Of the catalogue.
    """

    id: str
    stack: Stack
    series: Series
    study: Study


@dataclass(frozen=True, eq=False)
class Found:
    """What lies at some paths.

    Parameters
    ----------
    catalogue
        Studies, series, stacks.
    names
        Path on the disk to the name the user knows.
    problems
        Files that could not be used.
    """

    catalogue: Catalogue
    names: Mapping[str, str]
    problems: tuple[Problem, ...]


def find(paths: Sequence[Path], cancel: CancelToken) -> Found:
    """Read the headers of everything at some paths.

    Raises
    ------
    ViewerError
        There is nothing that can be shown.
    """
    catalogue, names = Catalogue(), dict[str, str]()
    problems: list[Problem] = []
    for event in load(paths, cancel=cancel, choose=lambda _: DefaultChoice(None, None), thumbnails=False):
        match event:
            case Indexed(found, complete=True, names=known):
                catalogue, names = found, dict(known)
            case ProblemFound(problem):
                problems.append(problem)
            case Failed(message):
                raise EmptyStudyError(message)
            case Finished(cancelled=True):
                cancel.check()
            case _:
                pass
    return Found(catalogue, names, tuple(problems))


class Shelf:
    """The volumes of a catalogue. `volume` may be called by any thread; it reads one volume at a time.

    Parameters
    ----------
    found
        What `find` gave.
    budget_bytes
        Voxel bytes kept in memory, the least recently asked for going first; half of the computer's memory when None.
        A volume larger than that is kept in a temporary file.
    """

    def __init__(self, found: Found, budget_bytes: int | None = None) -> None:
        self._names = found.names
        self._cache = VolumeCache(budget_bytes)
        self._cancel = CancelToken()
        self._lock = threading.Lock()
        self._windows: dict[str, Voi] = {}
        self.studies = found.catalogue.studies
        self.reads = 0
        """How many volumes were read so far."""
        self._scans = {
            scan.id: scan
            for study in self.studies
            for series in study.series
            for stack in series.stacks
            for scan in (Scan(id_of(stack.uid), stack, series, study),)
        }
        if not self._scans:
            raise EmptyStudyError("There are no images here that could be served.")

    @property
    def scans(self) -> tuple[Scan, ...]:
        """Everything that can be asked for, in the order of the catalogue."""
        return tuple(self._scans.values())

    def scan(self, scan_id: str) -> Scan | None:
        """The scan of an address, None when there is no such."""
        return self._scans.get(scan_id)

    def kept(self, scan: Scan) -> Volume | None:
        """The volume when it is in memory."""
        return self._cache.get(scan.stack)

    def volume(self, scan: Scan) -> Volume:
        """The volume, read when it is not kept.

        Raises
        ------
        Cancelled
            The service ends.
        ViewerError
            It cannot be opened.
        """
        with self._lock:
            kept = self.kept(scan)
            return kept if kept is not None else self._read(scan)

    def window(self, scan: Scan, volume: Volume) -> Voi:
        """The window the viewer would open the volume with."""
        known = self._windows.get(scan.id)
        if known is None:
            known = self._windows[scan.id] = first_window(volume)[0]
        return known

    def close(self) -> None:
        """Stop reading and let all volumes go."""
        self._cancel.cancel()
        self._cache.clear()

    def _read(self, scan: Scan) -> Volume:
        volume: Volume | None = None
        reason = ""
        for event in load_stack(
            scan.stack, scan.series, scan.study, cancel=self._cancel, cache=self._cache, names=self._names
        ):
            match event:
                case GeometryReady(ready):
                    volume = ready
                case ProblemFound(problem):
                    reason = reason or problem.reason
                case Failed(message):
                    raise ViewerError(reason or message)
                case _:
                    pass
        self._cancel.check()
        if volume is None:
            raise ViewerError(reason or "The series could not be opened.")
        self.reads += 1
        return volume


def id_of(uid: str) -> str:
    """A name for addresses that does not show the UID, the same in every run."""
    return hashlib.sha256(f"triptych-scan {uid}".encode()).hexdigest()[:ID_DIGITS]
