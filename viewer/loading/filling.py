"""Volumes and the order in which their slices come: memory or disk within the budget, the eye's order, problems."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from itertools import chain, zip_longest

import numpy as np
import numpy.typing as npt

from viewer.dicom.build import array_dtype, array_shape, fill_slice, make_volume, volume_bytes
from viewer.dicom.model import Problem, PyramidSource, Series, Stack, Study
from viewer.errors import DecodeError, StorageError, UnreadableError, ViewerError
from viewer.imaging.coarse import coarse_copy, copy_slice
from viewer.imaging.columns import Columns, column_starts, columns_shape
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.preview import CoarseLevel, Preview
from viewer.imaging.resident import ResidentSlices
from viewer.imaging.volume import Volume
from viewer.loading.cache import VolumeCache, default_budget_bytes
from viewer.loading.cancel import CancelToken
from viewer.loading.decode_pool import GIVE_UP_S, DecodePool, GivenUp, decode_threads
from viewer.loading.events import (
    GeometryReady,
    LoadEvent,
    PreviewReady,
    ProblemFound,
    SlicesReady,
    VolumeFinished,
)
from viewer.loading.focus import Focus, Point
from viewer.loading.order import interleave, load_passes
from viewer.loading.volume_copies import CopyReader, VolumeCopies, copy_is_faster, usual_time
from viewer.loading.voxel_file import VoxelFile
from viewer.settings import cache_dir

_log = logging.getLogger(__name__)

COARSE_SHARE = 8
"""The coarser copy of a volume on the disk takes at most this part of the memory limit."""
SLICES_SHARE, LEVEL_SHARE = 2, 4
"""Of a volume that the disk cannot hold either: what its slices and its coarse level take at most of the limit."""
PREVIEW_BYTES = 8 << 20
"""A coarse level that is shown first is no larger: it is read in one go."""
AROUND = 9
"""So many slices are read next around a cursor that moves to one that is not there yet."""
_PREVIEW = -1
"""Stands for the number of a slice in the task of reading the coarse level."""


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
    come_and_go: bool = False
    """The slice under the cursor is read now, the others when they are looked at."""
    copy: CopyReader | None = None
    whole: bool = False
    """Its voxels are in memory and all from this job, so a copy may be made of it."""
    read_s: list[float] = field(default_factory=list)
    copy_s: list[float] = field(default_factory=list)

    @property
    def total(self) -> int:
        """Number of slices that are read."""
        return 1 if self.come_and_go else len(self.stack.frames)

    @property
    def complete(self) -> bool:
        """Whether every slice of the volume was tried."""
        return bool((self.volume.ready | self.volume.corrupt).all())

    @property
    def level(self) -> CoarseLevel | None:
        """The coarse level that is shown meanwhile, if it is there."""
        return None if self.volume.preview is None else self.volume.preview.level

    def drop_level(self) -> None:
        """Let the coarse level go."""
        if self.volume.preview is not None:
            self.volume.preview.level = None

    @property
    def wants_preview(self) -> bool:
        """Whether a coarse level is to be read."""
        return self.volume.preview is not None and self.done == 0


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
        focus: Focus | None = None,
    ) -> None:
        self._focus = focus
        self._cancel = cancel
        self._names = names
        self._passes = passes
        self._cache = cache
        self._budget_bytes = budget_bytes
        self._held_bytes = 0
        self._fillings: list[_Filling] = []
        self._copies: VolumeCopies | None = None
        self._started_ns = 0
        self._threads = 1

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
            volume = make_volume(stack)
            return _Filling(replace(volume, preview=self._preview(stack)), stack, self._names)
        _log.info(
            "a volume of %.1f GB exceeds the memory limit and goes to the disk", volume_bytes(stack) / 1e9
        )
        columns_file = None
        try:
            file = VoxelFile(array_shape(stack), array_dtype(stack), cache_dir())
        except StorageError:
            filling = self._come_and_go(stack) if self._focus is not None else None
            if filling is None:
                raise
            return filling
        volume = make_volume(stack, array=file.array)
        coarse = coarse_copy(volume, self._whole_budget() // COARSE_SHARE)
        self._claim(coarse.nbytes)
        columns = None
        if not volume.is_colour:
            with suppress(StorageError):  # without room for it sagittal planes take longer
                shape = volume.geometry.shape
                columns_file = VoxelFile(columns_shape(shape), volume.array.dtype, cache_dir())
                columns = Columns(columns_file.array, column_starts(shape[2]))
        volume = replace(volume, coarse=coarse, columns=columns, preview=self._preview(stack))
        return _Filling(volume, stack, self._names, file, columns_file)

    def _come_and_go(self, stack: Stack) -> _Filling | None:
        """A volume whose slices are read when they are looked at; None when its source or the system cannot do that."""
        if not isinstance(stack.source, PyramidSource):
            return None
        free = self._whole_budget()
        if self._budget_bytes is None and self._cache is not None:
            free = self._cache.make_room(free)
        limit = (free - self._held_bytes) // SLICES_SHARE
        try:
            resident = ResidentSlices(array_shape(stack), array_dtype(stack), limit)
        except MemoryError:
            return None
        self._held_bytes += resident.nbytes
        volume = replace(
            make_volume(stack, array=resident.array), resident=resident, preview=self._preview(stack)
        )
        return _Filling(volume, stack, self._names, come_and_go=True)

    def _preview(self, stack: Stack) -> Preview | None:
        """Where a coarse level goes, if the source of the stack has some."""
        return Preview() if isinstance(stack.source, PyramidSource) else None

    def _whole_budget(self) -> int:
        if self._budget_bytes is not None:
            return self._budget_bytes
        return default_budget_bytes() if self._cache is None else self._cache.budget_bytes

    def read_again(self, volume: Volume, stack: Stack) -> None:
        """Let `fill` read the slices of a volume that could not be read before (rule J35).

        Of a volume whose slices come and go they are read when they are looked at; its coarse level is read here.
        """
        if volume.resident is not None:
            level = None if volume.preview is None else volume.preview.level
            volume.corrupt[:] = False
            if level is None:
                again = _Filling(volume, stack, self._names, passes=[()], come_and_go=True)
                self._fillings.append(again)
            else:
                volume.corrupt[list(level.damaged)] = True
            return
        slices = tuple(int(k) for k in np.flatnonzero(volume.corrupt))
        if slices:
            done = len(stack.frames) - len(slices)
            self._fillings.append(_Filling(volume, stack, self._names, passes=[slices], done=done))

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
        started, self._started_ns = time.monotonic(), time.time_ns()
        self._copies = None if self._cache is None else self._cache.copies
        first = self._fillings[0].volume.geometry
        point = first.centre_mm if focus_mm is None else np.asarray(focus_mm, dtype=np.float64)
        for filling in self._fillings:
            filling.started = started
            if filling.passes:
                continue
            filling.whole = filling.file is None and not filling.come_and_go
            if self._copies is not None and filling.whole:
                filling.copy = self._copies.find(filling.stack)
            geometry = filling.volume.geometry
            linked = geometry.oriented and geometry.frame_of_reference_uid == first.frame_of_reference_uid
            if filling.stack.source is not None and filling.stack.source.sequential:
                filling.passes = [tuple(range(filling.total))]
            elif filling.come_and_go:
                middle = _focus_slice(geometry, point if linked else geometry.centre_mm)
                filling.passes = [(middle,)]
            else:
                filling.passes = load_passes(filling.total, _focus_slice(geometry, point) if linked else None)
        # One thread reads as fast as two; only decoding gains from more.
        packed = any(_is_packed(filling.stack) or filling.copy is not None for filling in self._fillings)
        sources = [filling.stack.source for filling in self._fillings]
        asked = [source.readers for source in sources if isinstance(source, PyramidSource)]
        self._threads = max(decode_threads() if packed else 1, *asked, 1)
        budget = self._whole_budget()

        def work(task: _Task) -> Problem | None:
            filling, k = task
            if k != _PREVIEW:
                return _fill_one(filling, k)
            # Where planes across will never be made of slices it is all there is of them.
            share = budget // LEVEL_SHARE if filling.come_and_go else budget // COARSE_SHARE
            return _read_preview(filling, share if filling.come_and_go else min(PREVIEW_BYTES, share))

        with DecodePool[_Task, Problem | None](
            work, self._threads, self._cancel, GIVE_UP_S, _may_hang
        ) as pool:
            for batch in pool.run(self._tasks()):
                if self._focus is not None and (moved := self._focus.take()) is not None:
                    pool.prefer(self._around(moved))
                yield from self._tell(batch)

    def _around(self, point_mm: Point) -> list[_Task]:
        """Slices under the cursor and next to it that have not been read, of the volumes in its space."""
        uid = self._fillings[0].volume.geometry.frame_of_reference_uid
        nearest: list[list[_Task]] = []
        for filling in self._fillings:
            geometry, there = filling.volume.geometry, filling.volume.ready | filling.volume.corrupt
            sequential = filling.stack.source is not None and filling.stack.source.sequential
            if sequential or geometry.frame_of_reference_uid != uid:
                continue
            middle = _focus_slice(geometry, np.asarray(point_mm, dtype=np.float64))
            if there[middle]:
                continue
            order = sorted(range(len(there)), key=lambda k: abs(k - middle))[:AROUND]
            nearest.append([(filling, k) for k in order if not there[k]])
        return list(interleave(*nearest))

    def _tasks(self) -> Iterator[_Task]:
        """All slices of all volumes: pass by pass, and within a pass the volumes in turn.

        Coarse levels come behind the slices under the cursor: those are small, and what the eye rests on.
        """
        every = [filling.passes[: self._passes] for filling in self._fillings]
        rows = [
            interleave(
                *(
                    [(filling, k) for k in one_pass]
                    for filling, one_pass in zip(self._fillings, passes, strict=True)
                )
            )
            for passes in zip_longest(*every, fillvalue=())
        ]
        yield from rows[0]
        yield from ((filling, _PREVIEW) for filling in self._fillings if filling.wants_preview)
        yield from chain.from_iterable(rows[1:])

    def _tell(self, batch: Iterable[tuple[_Task, Problem | GivenUp | None]]) -> Iterator[LoadEvent]:
        """Turn the answers of a batch into events, one `SlicesReady` a volume."""
        ready: dict[str, list[int]] = {}
        fillings: dict[str, _Filling] = {}
        for (filling, k), answer in batch:
            uid = filling.volume.uid
            if k == _PREVIEW:
                if filling.level is not None:
                    yield PreviewReady(uid)
                if isinstance(answer, Problem):
                    yield ProblemFound(answer)
                continue
            filling.done += 1
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
            copy = filling.copy
            if copy is not None:
                copy.start()
            if filling.done == filling.total:
                if filling.complete:
                    filling.drop_level()
                if self._cache is not None:
                    self._cache.put(filling.stack, filling.volume)
                if self._copies is not None and filling.whole and (copy is None or not copy.good):
                    seconds = usual_time(filling.read_s) / self._threads
                    self._copies.offer(filling.stack, filling.volume, seconds, self._started_ns)
                yield VolumeFinished(uid, now - filling.started)


def _fill_one(filling: _Filling, k: int) -> Problem | None:
    """Work of the pool: one slice, its expected errors as a value."""
    damaged = True
    try:
        _put_in_place(filling, k)
    except UnreadableError as error:
        reason = error.user_message
        damaged = not filling.come_and_go  # else the next look tries again
    except DecodeError as error:
        reason = error.user_message
    except OSError as error:
        reason = f"The file cannot be read any more ({error.strerror or 'system error'})."
    except MemoryError:
        reason = "There is not enough memory to decode it."
    else:
        filling.volume.corrupt[k] = False
        return None
    filling.volume.corrupt[k] = damaged
    return _problem(filling, k, reason)


def _read_preview(filling: _Filling, limit_bytes: int) -> Problem | None:
    """Work of the pool: the coarse level. Without it the slices are waited for, which tell of their own errors.

    Where slices come and go nothing takes its place, so what is wrong with it is a problem of its own.
    """
    source, volume = filling.stack.source, filling.volume
    if not isinstance(source, PyramidSource) or volume.preview is None:
        return None
    try:
        level = source.coarse(limit_bytes)
    except (ViewerError, OSError, MemoryError) as error:
        _log.info("the coarse level of a volume cannot be read")
        if not filling.come_and_go:
            return None
        reason = error.user_message if isinstance(error, ViewerError) else "The coarse levels cannot be read."
        path = filling.stack.frames[0].path
        return Problem(filling.names.get(str(path), path.name), reason)
    if level is None or filling.complete:
        return None
    for k in level.damaged:
        volume.corrupt[k] = True
        if volume.ready[k]:  # another thread has put it in place meanwhile
            volume.corrupt[k] = False
    volume.preview.level = level
    return None


def _put_in_place(filling: _Filling, k: int) -> None:
    volume, coarse = filling.volume, filling.volume.coarse
    if coarse is None:
        if not _copied(filling, k):
            started = time.perf_counter()
            fill_slice(volume, filling.stack, k)
            filling.read_s.append(time.perf_counter() - started)
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


def _copied(filling: _Filling, k: int) -> bool:
    """Put a slice in place out of the kept copy, if there is one and it is faster than the files are today."""
    copy = filling.copy
    if copy is None:
        return False
    started = time.perf_counter()
    if not copy.fill(filling.volume, k):
        return False
    filling.copy_s.append(time.perf_counter() - started)
    if not copy_is_faster(filling.read_s, filling.copy_s):
        filling.copy, filling.whole = None, False  # it is good all the same, so it is not made anew
    return True


def _problem(filling: _Filling, k: int, reason: str) -> Problem:
    frame = filling.stack.frames[k]
    return Problem(
        filling.names.get(str(frame.path), frame.path.name), f"Slice {k + 1} of {filling.total}: {reason}"
    )


def _may_hang(task: _Task) -> bool:
    """Whether only a codec that hangs takes long: servers do, and reading from one ends by a timeout of its own."""
    source = task[0].stack.source
    return source is None or not source.remote


def _is_packed(stack: Stack) -> bool:
    """Whether slices have to be decoded one by one."""
    if stack.source is not None:
        return stack.source.packed
    return any(frame.offset < 0 for frame in stack.frames)


def _focus_slice(geometry: VolumeGeometry, point_mm: npt.NDArray[np.float64]) -> int:
    """The slice of a volume nearest to a point."""
    k = float(geometry.to_index(point_mm)[0])
    return min(max(round(k), 0), geometry.shape[0] - 1)
