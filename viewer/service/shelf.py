"""What is served: the series found at the start, slices of them from where they lie, and whole volumes.

A slice as it was stored is read alone, from its chunk of an archive or its file of a study. What lies across the slices
needs the whole volume, which is read once and kept while there is room (`viewer.service.room`), or a coarse level of an
archive. All of it comes through the loading of the viewer, so a value served is the value the viewer shows.
"""

from __future__ import annotations

import hashlib
import math
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import TracebackType
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from viewer.archive.address import Place
from viewer.archive.layout import coarse_geometry
from viewer.dicom.build import some_slices, volume_bytes
from viewer.dicom.choice import DefaultChoice
from viewer.dicom.model import Catalogue, Problem, Series, Stack, Study
from viewer.errors import EmptyStudyError, ViewerError
from viewer.formats.zarr_volume import ZarrSource
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Volume
from viewer.imaging.window import Voi
from viewer.loading.cache import default_budget_bytes
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Failed, Finished, GeometryReady, Indexed, ProblemFound
from viewer.loading.pipeline import load, load_stack
from viewer.service.room import Lease, Read, Room
from viewer.state.first_window import first_window, window_slices

_T = TypeVar("_T")

ID_DIGITS = 16
READERS = 4
"""Volumes that are read at the same time; on a slow disk or share they wait more than they work."""
MOST_OPEN = 8
"""Archives that stay open, with some megabytes of chunks each."""
LEVEL_SHARE = 8
"""Coarse levels have this part of the budget."""
FEW_SLICES = 32
"""A window made from no more slices than this is made from them alone, beside the budget, one at a time."""


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

    @property
    def remote(self) -> bool:
        """Whether it lies on a server."""
        return self.stack.source is not None and self.stack.source.remote


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


def find(paths: Sequence[Place], cancel: CancelToken) -> Found:
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
            case Failed() as failed:
                raise EmptyStudyError(failed.because_of(problems))
            case Finished(cancelled=True):
                cancel.check()
            case _:
                pass
    return Found(catalogue, names, tuple(problems))


@dataclass(frozen=True, eq=False)
class Part:
    """Voxels of a volume that are there: all of them, one slice, or none.

    Parameters
    ----------
    volume
        Slices `first` to `first + k - 1`.
    geometry
        Of the whole volume.
    first
        Slice of the whole volume that is the first one here.
    missing
        Slices of the whole volume that are known to be damaged, ascending.
    whole
        Whether all slices were read, so that no others are damaged.
    """

    volume: Volume
    geometry: VolumeGeometry
    first: int = 0
    missing: npt.NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    whole: bool = False


def whole(volume: Volume) -> Part:
    """All of a volume as a part of it."""
    return Part(volume, volume.geometry, 0, np.flatnonzero(volume.corrupt), whole=True)


@dataclass(frozen=True, eq=False)
class Level:
    """A volume, or every n-th voxel of it.

    Parameters
    ----------
    step
        Voxels of the whole volume from one to the next along (k, j, i).
    geometry
        Where its voxels are.
    voxel_bytes
        Of one voxel.
    """

    step: tuple[int, int, int]
    geometry: VolumeGeometry
    voxel_bytes: int

    @property
    def nbytes(self) -> int:
        """Of all its voxels."""
        return math.prod(self.geometry.shape) * self.voxel_bytes


def coarse_part(
    volume: Volume, level: Level, geometry: VolumeGeometry, missing: npt.NDArray[np.int64]
) -> Part:
    """A coarse level, for pictures of its volume in which slices that could not be decoded are seen to be missing.

    Parameters
    ----------
    volume
        The level. Slices of it between which one is missing get a gap between them.
    level
        Its step.
    geometry
        Of the whole volume.
    missing
        Slices of the whole volume that are known to be damaged.
    """
    step, last = level.step[0], volume.geometry.shape[0] - 1
    lost = np.union1d(missing, np.flatnonzero(volume.corrupt) * step)
    corrupt, before = volume.corrupt.copy(), lost // step
    # The last slice stands for those behind it, too.
    corrupt[before[(lost % step == 0) | (before == last)]] = True
    gaps = sorted({*volume.geometry.gaps, *before[before < last].tolist()})
    marked = replace(volume, geometry=replace(volume.geometry, gaps=tuple(gaps)), corrupt=corrupt)
    return Part(marked, geometry, 0, lost)


class Shelf:
    """The volumes of a catalogue. Every method may be called by any thread.

    Parameters
    ----------
    found
        What `find` gave.
    budget_bytes
        Voxel bytes of volumes and coarse levels in memory, those that are being read and those that are kept; half of
        the computer's memory when None. A volume larger than that is kept in a temporary file.
    """

    def __init__(self, found: Found, budget_bytes: int | None = None) -> None:
        self._names = found.names
        budget_bytes = default_budget_bytes() if budget_bytes is None else budget_bytes
        levels = budget_bytes // LEVEL_SHARE
        self._room = Room(budget_bytes - levels, READERS)
        # Of their own, so that they do not wait for the whole volumes that they stand for.
        self._level_room = Room(levels, READERS)
        self._cancel = CancelToken()
        self._lock = threading.Lock()
        self._sources: OrderedDict[str, ZarrSource] = OrderedDict()
        self._windows: dict[str, Voi] = {}
        self._levels: dict[str, list[Level]] = {}
        # Nothing that lies here waits for slices of a server.
        self._looking = {remote: threading.Lock() for remote in (False, True)}
        self.studies = found.catalogue.studies
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

    @property
    def reads(self) -> int:
        """How many whole volumes and coarse levels were read so far."""
        return self._room.reads + self._level_room.reads

    @property
    def held_bytes(self) -> int:
        """Voxel bytes of the volumes that are being read and of those that are kept."""
        return self._room.held_bytes + self._level_room.held_bytes

    def scan(self, scan_id: str) -> Scan | None:
        """The scan of an address, None when there is no such."""
        return self._scans.get(scan_id)

    def kept(self, scan: Scan) -> Volume | None:
        """The whole volume when it is in memory."""
        return self._room.kept((scan.id, 0))

    def ask(self, scan: Scan, level: int = 0) -> Lease:
        """The use of a whole volume, or of a level of it (`levels`); it is read when it is not kept. Does not wait.

        Its future raises `Cancelled` when the service ends, and `ViewerError` when the volume cannot be opened.
        """
        room, key = self._level_room if level else self._room, (scan.id, level)
        return room.use(key) or room.ask(key, *self._reading(scan, level))

    def has_slices(self, scan: Scan) -> bool:
        """Whether slices can be read alone: not from a file that has to be unpacked from its beginning."""
        return scan.stack.source is None or not scan.stack.source.sequential

    def slice(self, scan: Scan, k: int) -> Part:
        """A slice alone, from where it lies.

        Raises
        ------
        ViewerError
            Its archive cannot be opened. A slice that cannot be decoded is marked.
        """
        part = self._part(self._stack(scan), (k,))
        if not isinstance(scan.stack.source, ZarrSource):
            # Files of a study take longer each time than memory; the rest follows while nothing else is read.
            self._room.begin((scan.id, 0), *self._reading(scan, 0))
        return part

    def facts(self, scan: Scan) -> Part:
        """What is known of a volume without reading it.

        Raises
        ------
        ViewerError
            Its archive cannot be opened.
        """
        kept = self.kept(scan)
        return whole(kept) if kept is not None else self._part(self._stack(scan), ())

    def levels(self, scan: Scan) -> list[Level]:
        """What can be asked for: the whole volume, and coarser levels of an archive behind it.

        Raises
        ------
        ViewerError
            Its archive cannot be opened.
        """
        if scan.id not in self._levels:
            self._levels[scan.id] = self._read_levels(scan)
        return self._levels[scan.id]

    def _read_levels(self, scan: Scan) -> list[Level]:
        source = self._stack(scan).source
        geometry = scan.stack.geometry
        steps = [(1, 1, 1)]
        if isinstance(source, ZarrSource):
            with _as_sentence():
                steps = list(source.opened().steps)
        voxel_bytes = volume_bytes(scan.stack) // math.prod(geometry.shape)
        return [
            Level(
                step, coarse_geometry(geometry, step) if any(n > 1 for n in step) else geometry, voxel_bytes
            )
            for step in steps
        ]

    def known_window(self, scan: Scan) -> Voi | None:
        """The window the viewer would open the volume with, when it was asked for before."""
        return self._windows.get(scan.id)

    def window(self, scan: Scan) -> Voi | None:
        """The window the viewer would open the volume with, from a few slices where no header says it.

        None when the whole volume is needed for it, see `look`.

        Raises
        ------
        ViewerError
            Its archive cannot be opened.
        """
        facts = self.facts(scan)
        if facts.whole:
            return self.look(scan, facts.volume)
        usable = np.setdiff1d(np.arange(facts.geometry.shape[0]), facts.missing)
        needed = window_slices(facts.volume, usable)
        if not len(needed):
            return self.look(scan, facts.volume)
        if not self.has_slices(scan) or len(needed) > FEW_SLICES:
            return None
        with self._looking[scan.remote]:
            if scan.id not in self._windows:
                few = some_slices(self._stack(scan), needed.tolist())
                if few.corrupt.any():
                    return None
                self.look(scan, few)
            return self._windows[scan.id]

    def look(self, scan: Scan, volume: Volume) -> Voi:
        """The same window, made from the whole volume, or from the slices that it depends on."""
        return self._windows.setdefault(scan.id, first_window(volume)[0])

    def waited(self, scan: Scan, work: Callable[[], _T]) -> _T:
        """What a function gives that reads of a scan; what waits for a server is left to itself at the end.

        Raises
        ------
        Cancelled
            The service ends.
        """
        if not scan.remote:
            return work()
        from viewer.archive.remote import interruptible

        self._cancel.check()
        return interruptible(work, self._cancel)

    def close(self) -> None:
        """Stop reading and let all volumes go."""
        self._cancel.cancel()
        self._room.close()
        self._level_room.close()

    def _part(self, stack: Stack, slices: tuple[int, ...]) -> Part:
        with _as_sentence():
            volume = some_slices(stack, slices)
            known = np.zeros(0, np.int64)
            if isinstance(stack.source, ZarrSource):
                records = stack.source.opened().slices
                known = np.array([k for k, record in enumerate(records) if record.problem], np.int64)
        damaged = np.array(slices, np.int64)[volume.corrupt]
        first = slices[0] if slices else 0
        return Part(volume, stack.geometry, first, np.union1d(known, damaged))

    def _stack(self, scan: Scan) -> Stack:
        """The stack of a scan; of an archive with a source that is open while it is among the last used."""
        if not isinstance(scan.stack.source, ZarrSource):
            return scan.stack
        with self._lock:
            source = self._sources.get(scan.id)
            if source is None:
                source = self._sources[scan.id] = scan.stack.source.again()
            self._sources.move_to_end(scan.id)
            if len(self._sources) > MOST_OPEN:
                self._sources.popitem(last=False)
        return replace(scan.stack, source=source)

    def _reading(self, scan: Scan, level: int) -> tuple[int, Read]:
        """Bytes of a level, and how it is read."""
        stack = self._stack(scan)
        source = stack.source
        if not isinstance(source, ZarrSource):
            return volume_bytes(stack), lambda budget: self._read(scan, stack, budget)
        nbytes = self.levels(scan)[level].nbytes if level else volume_bytes(stack)

        def read(budget: int) -> Volume:
            with _as_sentence():
                archive = self.waited(scan, source.opened)
            # Of the archive itself: the viewer's source would read a coarse level to show meanwhile, too.
            coarse = archive.at_level(level) if level else replace(stack, source=archive.stack.source)
            return self._read(scan, coarse, budget)

        return nbytes, read

    def _read(self, scan: Scan, stack: Stack, budget_bytes: int) -> Volume:
        volume: Volume | None = None
        reason = ""
        for event in load_stack(
            stack, scan.series, scan.study, cancel=self._cancel, budget_bytes=budget_bytes, names=self._names
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
        return volume


class _as_sentence:  # noqa: N801 - reads like a function where it is used
    """Turn what the system says when an archive is gone into a sentence without its path."""

    def __enter__(self) -> None:
        return None

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if isinstance(error, OSError):
            reason = error.strerror or "system error"
            raise ViewerError(f"The volume cannot be read any more ({reason}).") from error


def id_of(uid: str) -> str:
    """A name for addresses that does not show the UID, the same in every run."""
    return hashlib.sha256(f"triptych-scan {uid}".encode()).hexdigest()[:ID_DIGITS]
