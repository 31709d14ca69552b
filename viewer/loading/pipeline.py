"""From dropped paths to volumes on screen: one generator of frozen events, run on any thread, without Qt.

The order of what it does is the order in which the user needs it: names, headers (a catalogue that grows), the geometry
of the series that will be shown, one slice under the cursor, every sixteenth slice, and then the rest, CT and PET in
turn. Everything that goes wrong with one file is a `Problem`; only what ends the whole job is `Failed`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from viewer.archive.address import Place
from viewer.dicom.model import Catalogue, PyramidSource, Series, Stack, Study
from viewer.errors import Cancelled, EmptyStudyError, ViewerError
from viewer.imaging.volume import Volume
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.events import (
    Failed,
    Finished,
    GeometryReady,
    LoadEvent,
    SlicesReady,
    ThumbnailReady,
    VolumeFinished,
)
from viewer.loading.filling import FillJob
from viewer.loading.focus import Focus, Point, followed
from viewer.loading.search import Choose, Search, default_stacks, owners

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

_log = logging.getLogger(__name__)


def load(
    paths: Sequence[Place],
    *,
    cancel: CancelToken,
    choose: Choose | None = None,
    focus_mm: Point | Focus | None = None,
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
        Folders, DICOM files, DICOMDIRs, zip archives, NIfTI and .npy volumes, and addresses, in any mixture.
    cancel
        Stops the job within about 100 ms; the last event then is `Finished(cancelled=True)`.
    choose
        Picks the CT and PET to open from the complete catalogue; `choose_default` when None. For reading the index
        only, pass a function that picks none.
    focus_mm
        LPS point under the cursor; the centre of the first volume when None. With a `Focus`, what the cursor moves to
        is read next, and a volume that fits neither memory nor disk may be one whose slices come and go
        (`Volume.resident`): whoever shows it has them read (`viewer.loading.on_demand`).
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
        start, focus = followed(focus_mm)
        job = FillJob(cancel, cache, budget_bytes, search.names, focus=focus)
        chosen = default_stacks(catalogue, choose, known)
        if sight is not None:
            yield from sight.give_way(chosen)
        for stack in chosen:
            yield from job.prepare(stack, *owners(catalogue, stack))
        yield from job.fill(start)
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
    focus_mm: Point | Focus | None = None,
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
            start, focus = followed(focus_mm)
            job = FillJob(cancel, cache, budget_bytes, names or {}, focus=focus)
            yield from job.prepare(stack, series, study)
            if not job.volumes:
                raise EmptyStudyError("The series could not be opened; the problems panel says why.")
            yield from job.fill(start)
    except Cancelled:
        yield Finished(time.monotonic() - started, cancelled=True)
    except ViewerError as error:
        yield Failed(error.user_message)
    else:
        yield Finished(time.monotonic() - started)


def _nothing_found(catalogue: Catalogue) -> str:
    if catalogue.files_seen == 0 and not catalogue.problems:
        return "There are no files here."
    if catalogue.problems:
        return "No DICOM study could be read here; the problems panel lists what was found."
    if catalogue.files_seen == 1:
        return "The one file here is not DICOM."
    return f"None of the {catalogue.files_seen} files here is DICOM."


# --- Thumbnails --------------------------------------------------------------------------------------------------


def _thumbnails(catalogue: Catalogue, volumes: dict[str, Volume], cancel: CancelToken) -> Iterator[LoadEvent]:
    """A picture of each image series; one that cannot be made is left out, its file is told of when it is opened."""
    from viewer.loading.thumbnails import upright, volume_thumbnail

    for study in catalogue.studies:
        for series in study.series:
            if not series.stacks:
                continue
            cancel.check()
            stack = max(series.stacks, key=lambda candidate: len(candidate.frames))
            volume = volumes.get(stack.uid)
            try:
                there = volume is not None and volume.resident is None
                image = volume_thumbnail(volume) if volume is not None and there else _picture(stack, cancel)
            except Cancelled:
                raise
            except (ViewerError, OSError, MemoryError):
                _log.info("no thumbnail: the middle slice of a series cannot be decoded")
                continue
            if stack.source is not None:
                image = upright(image, stack.geometry)
            yield ThumbnailReady(series.uid, image)


def _picture(stack: Stack, cancel: CancelToken) -> npt.NDArray[np.uint8]:
    """The picture of a stack that is not loaded, without keeping its store open or waiting for its server for long."""
    from viewer.loading.thumbnails import stack_thumbnail

    source = stack.source
    if isinstance(source, PyramidSource):
        stack = replace(stack, source=source.again())
    if source is None or not source.remote:
        return stack_thumbnail(stack)
    from viewer.archive.remote import interruptible

    return interruptible(partial(stack_thumbnail, stack), cancel)
