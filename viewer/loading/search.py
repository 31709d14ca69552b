"""From paths to a catalogue that grows: walking, reading headers, naming what cannot be read."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from viewer.archive.address import Address, Place
from viewer.dicom.choice import DefaultChoice, choose_default
from viewer.dicom.index import Indexer
from viewer.dicom.model import Catalogue, Problem, Series, Stack, Study
from viewer.errors import EmptyStudyError, FormatError
from viewer.formats.registry import (
    Found,
    FoundFile,
    FoundNote,
    FoundVolume,
    address_format,
    format_for,
    volume_format_for,
)
from viewer.loading.cancel import CancelToken
from viewer.loading.events import (
    Indexed,
    LoadEvent,
    Preparing,
    ProblemFound,
    Scanning,
)
from viewer.loading.file_volumes import FileVolumes

Choose = Callable[[Catalogue], DefaultChoice]

_SCANNING_S = 0.05
_SNAPSHOT_S = 0.1
_SNAPSHOT_SHARE = 0.1
"""At most this share of the time goes into snapshots of the catalogue."""
_WALK_AHEAD_S = 0.01
_INDEX_S = 0.02


class Search:
    """Walks the paths a little ahead of reading headers, so that the total is known early."""

    def __init__(self, paths: Sequence[Place], cancel: CancelToken, known: Catalogue | None) -> None:
        self._paths = paths
        self._cancel = cancel
        self._known = known
        self._indexer = Indexer()
        self._volumes = FileVolumes()
        self._notes: list[str] = []
        self._problems: list[Problem] = list(known.problems) if known is not None else []
        self._told = set(self._problems)
        self._reported = 0
        self.names: dict[str, str] = {}
        self._files = 0
        self._total = 0
        self.catalogue = Catalogue()

    def run(self) -> Iterator[LoadEvent]:
        """Yield what is found; afterwards `catalogue` is complete."""
        started = scanned = snapshot = time.monotonic()
        snapshot_every = _SNAPSHOT_S
        waiting: deque[FoundFile] = deque()
        found = self._find()
        servers = sum(isinstance(path, Address) for path in self._paths)
        if servers:
            yield Preparing("Asking the server", 0, servers)
        more = True
        while more or waiting:
            self._cancel.check()
            more = more and self._walk_ahead(found, waiting)
            yield from self._report()
            until = time.monotonic() + _INDEX_S
            while waiting and time.monotonic() < until:
                self._add(waiting.popleft())
            yield from self._report()
            now = time.monotonic()
            if now - scanned >= _SCANNING_S:
                scanned = now
                yield Scanning(self._files, self._total, self._files / max(now - started, 1e-9))
            if now - snapshot >= snapshot_every:
                yield Indexed(self._catalogue(complete=False), complete=False, names=self.names)
                snapshot = time.monotonic()
                snapshot_every = max(_SNAPSHOT_S, (snapshot - now) / _SNAPSHOT_SHARE)
        yield Scanning(self._files, self._total, self._files / max(time.monotonic() - started, 1e-9))
        self.catalogue = self._catalogue(complete=True)
        self._problems.extend(self.catalogue.problems)
        yield from self._report()
        yield Indexed(self.catalogue, complete=True, names=self.names)

    def quiet_series(self, files: int, most: int) -> Catalogue:
        """See `Indexer.quiet_series`."""
        return self._indexer.quiet_series(files, most)

    def _add(self, file: FoundFile) -> None:
        self._cancel.check()
        self._files += 1
        try:
            reader = volume_format_for(file.path)
            found = None if reader is None else reader.read(file.path, file.shown, self._cancel)
        except FormatError as error:
            self._problems.append(Problem(file.shown, _sentence(error.user_message)))
            return
        except OSError as error:
            self._problems.append(Problem(file.shown, _unreadable(error)))
            return
        if found is not None:
            self._volumes.add(found)
            return
        problem = self._indexer.add(file.path, file.shown)
        if problem is not None:
            self._problems.append(problem)

    def _find(self) -> Iterator[Found]:
        """What lies behind each path; a path that cannot be opened is a problem of its own."""
        for study in () if self._known is None else self._known.studies:
            for series in study.series:
                yield from (FoundFile(path, path.name) for path in series.paths)
                yield from _elsewhere(study, series)
        for path in self._paths:
            self._cancel.check()
            name = path.shown if isinstance(path, Address) else path.name or str(path)
            try:
                if isinstance(path, Address):
                    yield from address_format().expand_address(path, self._cancel)
                else:
                    yield from format_for(path).expand(path, self._cancel)
            except FormatError as error:
                yield Problem(name, error.user_message)
            except OSError as error:
                yield Problem(name, _unreadable(error))

    def _walk_ahead(self, found: Iterator[Found], waiting: deque[FoundFile]) -> bool:
        """Take what the walk finds within a few milliseconds; False when it has ended."""
        until = time.monotonic() + _WALK_AHEAD_S
        for item in found:
            if isinstance(item, FoundFile):
                key = str(item.path)
                if key not in self.names:
                    self.names[key] = item.shown
                    self._total += 1
                    waiting.append(item)
            elif isinstance(item, FoundVolume):
                self._volumes.add(item)
                if item.shown:
                    (series,) = item.study.series
                    self.names[str(series.stacks[0].frames[0].path)] = item.shown
            elif isinstance(item, FoundNote):
                self._notes.append(item.text)
            else:
                self._problems.append(item)
            if time.monotonic() >= until:
                return True
        return False

    def _report(self) -> Iterator[ProblemFound]:
        """Problems that were not told yet."""
        fresh, self._reported = self._problems[self._reported :], len(self._problems)
        for problem in fresh:
            if problem not in self._told:
                self._told.add(problem)
                yield ProblemFound(problem)

    def _catalogue(self, *, complete: bool) -> Catalogue:
        """The catalogue, with what went wrong before a header was read."""
        catalogue = self._volumes.merged(self._indexer.catalogue(complete=complete), self._known)
        return replace(
            catalogue,
            problems=tuple(dict.fromkeys((*self._problems, *catalogue.problems))),
            notes=tuple(dict.fromkeys((*catalogue.notes, *self._notes))),
        )


def default_stacks(
    catalogue: Catalogue, choose: Choose | None = None, known: Catalogue | None = None
) -> list[Stack]:
    """What opens by itself, among the series that were not known before."""
    if known is not None:
        catalogue = replace(
            catalogue,
            studies=tuple(
                replace(study, series=tuple(s for s in study.series if known.find_series(s.uid) is None))
                for study in catalogue.studies
            ),
        )
    choice = (choose or choose_default)(catalogue)
    return [stack for stack in (choice.ct, choice.pet) if stack is not None]


def owners(catalogue: Catalogue, stack: Stack) -> tuple[Series, Study]:
    """The series and study of a stack."""
    for study in catalogue.studies:
        for series in study.series:
            if any(candidate is stack for candidate in series.stacks):
                return series, study
    raise EmptyStudyError("The series is no longer in the catalogue.")


def _elsewhere(study: Study, series: Series) -> Iterator[Found]:
    """Volumes of a known series that lie on a server: they are not asked for again."""
    for stack in series.stacks:
        if stack.source is not None and stack.frames[0].path not in series.paths:
            alone = replace(series, stacks=(stack,), paths=(), files=1)
            yield FoundVolume(replace(study, series=(alone,)), own_study=True)


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _unreadable(error: OSError) -> str:
    return f"It cannot be read ({error.strerror or 'system error'})."
