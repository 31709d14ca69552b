"""From dropped paths to volumes on screen: one generator of frozen events, run on any thread, without Qt.

The order of what it does is the order in which the user needs it: names, headers (a catalogue that grows), the geometry
of the series that will be shown, one slice under the cursor, every sixteenth slice, and then the rest, CT and PET in
turn. Everything that goes wrong with one file is a `Problem`; only what ends the whole job is `Failed`.
"""

from __future__ import annotations

import logging
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from pathlib import Path

import numpy as np
import numpy.typing as npt

from viewer.dicom.build import array_dtype, array_shape, fill_slice, make_volume, volume_bytes
from viewer.dicom.choice import DefaultChoice, choose_default
from viewer.dicom.index import Indexer
from viewer.dicom.model import Catalogue, Problem, Series, Stack, Study
from viewer.errors import Cancelled, DecodeError, EmptyStudyError, FormatError, StorageError, ViewerError
from viewer.formats.registry import (
    Found,
    FoundFile,
    FoundNote,
    FoundVolume,
    format_for,
    volume_format_for,
)
from viewer.imaging.coarse import coarse_copy, copy_slice
from viewer.imaging.columns import Columns, column_starts, columns_shape
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Volume
from viewer.loading.cache import VolumeCache, default_budget_bytes
from viewer.loading.cancel import CancelToken
from viewer.loading.decode_pool import GIVE_UP_S, DecodePool, GivenUp, decode_threads
from viewer.loading.events import (
    Failed,
    Finished,
    GeometryReady,
    Indexed,
    LoadEvent,
    ProblemFound,
    Scanning,
    SlicesReady,
    ThumbnailReady,
    VolumeFinished,
)
from viewer.loading.file_volumes import FileVolumes
from viewer.loading.order import interleave, load_passes
from viewer.loading.voxel_file import VoxelFile
from viewer.settings import cache_dir

_log = logging.getLogger(__name__)

Point = tuple[float, float, float]
Choose = Callable[[Catalogue], DefaultChoice]

_SCANNING_S = 0.05
_SNAPSHOT_S = 0.1
_SNAPSHOT_SHARE = 0.1
"""At most this share of the time goes into snapshots of the catalogue."""
_WALK_AHEAD_S = 0.01
_INDEX_S = 0.02
COARSE_SHARE = 8
"""The coarser copy of a volume on the disk takes at most this part of the memory limit."""


def load(
    paths: Sequence[Path],
    *,
    cancel: CancelToken,
    choose: Choose | None = None,
    focus_mm: Point | None = None,
    budget_bytes: int | None = None,
    cache: VolumeCache | None = None,
    known: Catalogue | None = None,
    thumbnails: bool = True,
    early: bool = False,
) -> Iterator[LoadEvent]:
    """Index paths, then load the volumes that should open by themselves.

    Parameters
    ----------
    paths
        Folders, DICOM files, DICOMDIRs, zip archives, NIfTI and .npy volumes, in any mixture.
    cancel
        Stops the job within about 100 ms; the last event then is `Finished(cancelled=True)`.
    choose
        Picks the CT and PET to open from the complete catalogue; `choose_default` when None. For reading the index
        only, pass a function that picks none.
    focus_mm
        LPS point under the cursor; the centre of the first volume when None.
    budget_bytes
        Voxel bytes this job may hold in memory; what is free in `cache`, or half of the memory, when None. A volume
        that does not fit is opened all the same: its voxels then are in a file on the disk.
    cache
        Finished volumes are put there. Volumes in it are not reused here: a folder that is opened again may have
        changed.
    known
        A catalogue to add to: its files are indexed again beforehand, because a series may lie in two folders. Only
        what is new in comparison with it is opened.
    thumbnails
        Whether to make a picture of each image series at the end.
    early
        Whether to show a first series before a large folder has been read (`viewer.loading.early`): its events come
        while headers are read, with `Withdrawn` when something else opens in the end.

    Yields
    ------
    LoadEvent
        `Scanning` and `Indexed` while headers are read, `GeometryReady` for each volume, `SlicesReady` in batches,
        `VolumeFinished`, `ThumbnailReady`, `ProblemFound` in between, and last `Finished` or `Failed`.
    """
    started = time.monotonic()
    try:
        search = Search(paths, cancel, known)
        sight = None
        if early and known is None:
            # Imported here, because it fills volumes with what is below.
            from viewer.loading.early import FirstSight

            sight = FirstSight(cancel, cache)
        for event in search.run():
            yield event
            if sight is not None:
                yield from sight.look(search)
        catalogue = search.catalogue
        if not catalogue.studies:
            raise EmptyStudyError(_nothing_found(catalogue))
        job = FillJob(cancel, cache, budget_bytes, search.names)
        chosen = default_stacks(catalogue, choose, known)
        if sight is not None:
            yield from sight.give_way(chosen)
        for stack in chosen:
            yield from job.prepare(stack, *owners(catalogue, stack))
        yield from job.fill(focus_mm)
        if thumbnails:
            yield from _thumbnails(catalogue, job.volumes, cancel)
    except Cancelled:
        yield Finished(time.monotonic() - started, cancelled=True)
    except ViewerError as error:
        yield Failed(error.user_message)
    else:
        yield Finished(time.monotonic() - started)


def load_stack(
    stack: Stack,
    series: Series,
    study: Study,
    *,
    cancel: CancelToken,
    focus_mm: Point | None = None,
    budget_bytes: int | None = None,
    cache: VolumeCache | None = None,
    names: Mapping[str, str] | None = None,
) -> Iterator[LoadEvent]:
    """Load one stack of a catalogue, from the cache when it is there: the same events, without the index.

    Parameters
    ----------
    stack, series, study
        Of the catalogue.
    cancel, focus_mm, budget_bytes, cache
        As for `load`.
    names
        `Indexed.names` of the job that made the catalogue, for messages.
    """
    started = time.monotonic()
    try:
        kept = cache.get(stack) if cache is not None else None
        if kept is not None:
            yield GeometryReady(kept, stack, series, study)
            n = kept.geometry.shape[0]
            yield SlicesReady(kept.uid, tuple(range(n)), n, n, 0.0)
            yield VolumeFinished(kept.uid, 0.0)
        else:
            job = FillJob(cancel, cache, budget_bytes, names or {})
            yield from job.prepare(stack, series, study)
            if not job.volumes:
                raise EmptyStudyError("The series could not be opened; the problems panel says why.")
            yield from job.fill(focus_mm)
    except Cancelled:
        yield Finished(time.monotonic() - started, cancelled=True)
    except ViewerError as error:
        yield Failed(error.user_message)
    else:
        yield Finished(time.monotonic() - started)


# --- Searching and indexing --------------------------------------------------------------------------------------


class Search:
    """Walks the paths a little ahead of reading headers, so that the total is known early."""

    def __init__(self, paths: Sequence[Path], cancel: CancelToken, known: Catalogue | None) -> None:
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
        for path in self._paths:
            self._cancel.check()
            try:
                yield from format_for(path).expand(path, self._cancel)
            except FormatError as error:
                yield Problem(path.name or str(path), error.user_message)
            except OSError as error:
                yield Problem(path.name or str(path), _unreadable(error))

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


def _sentence(text: str) -> str:
    return text[:1].upper() + text[1:]


def _unreadable(error: OSError) -> str:
    return f"It cannot be read ({error.strerror or 'system error'})."


def _nothing_found(catalogue: Catalogue) -> str:
    if catalogue.files_seen == 0 and not catalogue.problems:
        return "There are no files here."
    if catalogue.problems:
        return "No DICOM study could be read here; the problems panel lists what was found."
    return f"None of the {catalogue.files_seen} files here is DICOM."


# --- Filling volumes ---------------------------------------------------------------------------------------------


@dataclass(eq=False)
class _Filling:
    """A volume while it is being filled."""

    volume: Volume
    stack: Stack
    names: Mapping[str, str]
    file: VoxelFile | None = None
    columns_file: VoxelFile | None = None
    passes: list[tuple[int, ...]] = field(default_factory=list)
    started: float = 0.0
    done: int = 0

    @property
    def total(self) -> int:
        """Number of slices."""
        return len(self.stack.frames)


_Task = tuple[_Filling, int]


class FillJob:
    """Allocates volumes within the budget and fills them in the order of the eye."""

    def __init__(
        self,
        cancel: CancelToken,
        cache: VolumeCache | None,
        budget_bytes: int | None,
        names: Mapping[str, str],
        passes: int | None = None,
    ) -> None:
        self._cancel = cancel
        self._names = names
        self._passes = passes
        self._cache = cache
        self._budget_bytes = budget_bytes
        self._held_bytes = 0
        self._fillings: list[_Filling] = []

    @property
    def volumes(self) -> dict[str, Volume]:
        """Volumes of this job by stack uid."""
        return {filling.stack.uid: filling.volume for filling in self._fillings}

    def prepare(self, stack: Stack, series: Series, study: Study) -> Iterator[LoadEvent]:
        """Allocate the volume of a stack and announce where it is."""
        self._cancel.check()
        # The description is free text and may name the patient; modality and number say enough.
        name = f"{series.modality or 'image'} series" + ("" if series.number is None else f" {series.number}")
        try:
            filling = self._filling(stack)
        except MemoryError:
            reason = f"There is not enough memory for this series ({volume_bytes(stack) / 1e9:.1f} GB)."
            yield ProblemFound(Problem(name, reason))
        except ViewerError as error:
            yield ProblemFound(Problem(name, error.user_message))
        else:
            self._fillings.append(filling)
            yield GeometryReady(filling.volume, stack, series, study)

    def _filling(self, stack: Stack) -> _Filling:
        """Allocate a volume: in memory, or on the disk with a coarser copy in memory when the budget is too small."""
        if self._claim(volume_bytes(stack)):
            return _Filling(make_volume(stack), stack, self._names)
        _log.info(
            "a volume of %.1f GB exceeds the memory limit and goes to the disk", volume_bytes(stack) / 1e9
        )
        file, columns_file = VoxelFile(array_shape(stack), array_dtype(stack), cache_dir()), None
        volume = make_volume(stack, array=file.array)
        coarse = coarse_copy(volume, self._whole_budget() // COARSE_SHARE)
        self._claim(coarse.nbytes)
        columns = None
        if not volume.is_colour:
            with suppress(StorageError):  # without room for it sagittal planes take longer
                shape = volume.geometry.shape
                columns_file = VoxelFile(columns_shape(shape), volume.array.dtype, cache_dir())
                columns = Columns(columns_file.array, column_starts(shape[2]))
        volume = replace(volume, coarse=coarse, columns=columns)
        return _Filling(volume, stack, self._names, file, columns_file)

    def _whole_budget(self) -> int:
        if self._budget_bytes is not None:
            return self._budget_bytes
        return default_budget_bytes() if self._cache is None else self._cache.budget_bytes

    def read_again(self, volume: Volume, stack: Stack) -> None:
        """Let `fill` read the slices of a volume that could not be read before (rule J35)."""
        again = tuple(int(k) for k in np.flatnonzero(volume.corrupt))
        if again:
            done = len(stack.frames) - len(again)
            self._fillings.append(_Filling(volume, stack, self._names, passes=[again], done=done))

    def _claim(self, nbytes: int) -> bool:
        """Take bytes from the budget; False when they do not fit."""
        free = self._whole_budget()
        # Nothing kept need be forgotten for what would not fit anyway.
        if self._budget_bytes is None and self._cache is not None and nbytes <= free:
            free = self._cache.make_room(self._held_bytes + nbytes)
        if nbytes > free - self._held_bytes:
            return False
        self._held_bytes += nbytes
        return True

    def fill(self, focus_mm: Point | None) -> Iterator[LoadEvent]:
        """Put all slices in place and say so in batches."""
        if not self._fillings:
            return
        started = time.monotonic()
        first = self._fillings[0].volume.geometry
        point = first.centre_mm if focus_mm is None else np.asarray(focus_mm, dtype=np.float64)
        for filling in self._fillings:
            filling.started = started
            if filling.passes:
                continue
            geometry = filling.volume.geometry
            linked = geometry.oriented and geometry.frame_of_reference_uid == first.frame_of_reference_uid
            if filling.stack.source is not None and filling.stack.source.sequential:
                filling.passes = [tuple(range(filling.total))]
            else:
                filling.passes = load_passes(filling.total, _focus_slice(geometry, point) if linked else None)
        # One thread reads as fast as two; only decoding gains from more.
        threads = decode_threads() if any(_is_packed(filling.stack) for filling in self._fillings) else 1
        with DecodePool[_Task, Problem | None](_fill_one, threads, self._cancel, GIVE_UP_S) as pool:
            for batch in pool.run(self._tasks()):
                yield from self._tell(batch)

    def _tasks(self) -> Iterator[_Task]:
        """All slices of all volumes: pass by pass, and within a pass the volumes in turn."""
        every = (filling.passes[: self._passes] for filling in self._fillings)
        for passes in zip_longest(*every, fillvalue=()):
            yield from interleave(
                *(
                    [(filling, k) for k in one_pass]
                    for filling, one_pass in zip(self._fillings, passes, strict=True)
                )
            )

    def _tell(self, batch: Iterable[tuple[_Task, Problem | GivenUp | None]]) -> Iterator[LoadEvent]:
        """Turn the answers of a batch into events, one `SlicesReady` a volume."""
        ready: dict[str, list[int]] = {}
        fillings: dict[str, _Filling] = {}
        for (filling, k), answer in batch:
            filling.done += 1
            uid = filling.volume.uid
            fillings[uid] = filling
            ready.setdefault(uid, []).append(k)
            if isinstance(answer, GivenUp):
                filling.volume.corrupt[k] = True
                reason = "Its pixel data could not be decoded in reasonable time."
                yield ProblemFound(_problem(filling, k, reason))
            elif answer is not None:
                yield ProblemFound(answer)
        now = time.monotonic()
        for uid, slices in ready.items():
            filling = fillings[uid]
            rate = filling.done / max(now - filling.started, 1e-9)
            yield SlicesReady(uid, tuple(sorted(slices)), filling.done, filling.total, rate)
            if filling.done == filling.total:
                if self._cache is not None:
                    self._cache.put(filling.stack, filling.volume)
                yield VolumeFinished(uid, now - filling.started)


def _fill_one(task: _Task) -> Problem | None:
    """Work of the pool: one slice, its expected errors as a value."""
    filling, k = task
    try:
        _put_in_place(filling, k)
    except DecodeError as error:
        reason = error.user_message
    except OSError as error:
        reason = f"The file cannot be read any more ({error.strerror or 'system error'})."
    except MemoryError:
        reason = "There is not enough memory to decode it."
    else:
        filling.volume.corrupt[k] = False
        return None
    filling.volume.corrupt[k] = True
    return _problem(filling, k, reason)


def _put_in_place(filling: _Filling, k: int) -> None:
    volume, coarse = filling.volume, filling.volume.coarse
    if coarse is None:
        fill_slice(volume, filling.stack, k)
        return
    try:
        # Shown only when the copy has it, too.
        fill_slice(replace(volume, ready=np.zeros_like(volume.ready)), filling.stack, k)
        copy_slice(volume, coarse, k)
        if volume.columns is not None:
            for part, values in enumerate(volume.columns.blocks_of(volume.array[k])):
                if filling.columns_file is not None:
                    filling.columns_file.put(part, k, values)
                else:
                    volume.columns.array[part, k] = values
        volume.ready[k] = True
    finally:
        if filling.file is not None:
            filling.file.settle(k)


def _problem(filling: _Filling, k: int, reason: str) -> Problem:
    frame = filling.stack.frames[k]
    return Problem(
        filling.names.get(str(frame.path), frame.path.name), f"Slice {k + 1} of {filling.total}: {reason}"
    )


def _is_packed(stack: Stack) -> bool:
    """Whether slices have to be decoded one by one."""
    if stack.source is not None:
        return stack.source.packed
    return any(frame.offset < 0 for frame in stack.frames)


def _focus_slice(geometry: VolumeGeometry, point_mm: npt.NDArray[np.float64]) -> int:
    """The slice of a volume nearest to a point."""
    k = float(geometry.to_index(point_mm)[0])
    return min(max(round(k), 0), geometry.shape[0] - 1)


def _voxel_file(stack: Stack) -> VoxelFile:
    _log.info("a volume of %.1f GB exceeds the memory limit and goes to the disk", volume_bytes(stack) / 1e9)
    return VoxelFile(array_shape(stack), array_dtype(stack), cache_dir())


# --- Thumbnails --------------------------------------------------------------------------------------------------


def _thumbnails(catalogue: Catalogue, volumes: dict[str, Volume], cancel: CancelToken) -> Iterator[LoadEvent]:
    """A picture of each image series; one that cannot be made is left out, its file is told of when it is opened."""
    from viewer.loading.thumbnails import stack_thumbnail, upright, volume_thumbnail

    for study in catalogue.studies:
        for series in study.series:
            if not series.stacks:
                continue
            cancel.check()
            stack = max(series.stacks, key=lambda candidate: len(candidate.frames))
            volume = volumes.get(stack.uid)
            try:
                image = stack_thumbnail(stack) if volume is None else volume_thumbnail(volume)
            except (ViewerError, OSError, MemoryError):
                _log.info("no thumbnail: the middle slice of a series cannot be decoded")
                continue
            if stack.source is not None:
                image = upright(image, stack.geometry)
            yield ThumbnailReady(series.uid, image)
