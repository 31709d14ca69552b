"""Trying again what could not be read, without giving up what is open (rule J35).

A drive that was unplugged, a file that was locked: the paths are indexed once more, slices that are missing in an open
volume are read into their place, and a volume whose series has changed on the disk is loaded anew.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

from viewer.archive.address import Place
from viewer.dicom.model import Catalogue, Series, Stack, Study
from viewer.errors import Cancelled, ViewerError
from viewer.imaging.volume import Volume
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Failed, Finished, Indexed, LoadEvent
from viewer.loading.filling import FillJob
from viewer.loading.search import Search, default_stacks, owners


def retry(
    paths: Sequence[Place],
    earlier: Catalogue,
    shown: Sequence[tuple[Volume, Stack]],
    *,
    cancel: CancelToken,
    cache: VolumeCache | None = None,
) -> Iterator[LoadEvent]:
    """Read again what had problems.

    Parameters
    ----------
    paths
        What the user opened; with none only the missing slices of open volumes are read.
    earlier
        The catalogue so far. A series of it that cannot be reached now stays as it was.
    shown
        Open volumes with the stacks they were made of.
    cancel, cache
        As for `load`.

    Yields
    ------
    LoadEvent
        As for `load`, with one `Indexed` when all headers were read.
    """
    started = time.monotonic()
    try:
        names: dict[str, str] = {}
        catalogue = earlier
        if paths:
            search = Search(paths, cancel, None)
            for event in search.run():
                if not isinstance(event, Indexed):
                    yield event
            names = search.names
            catalogue = _with_unreachable(search.catalogue, earlier)
            yield Indexed(catalogue, complete=True, names=names)
        job = FillJob(cancel, cache, None, names)
        for volume, stack in shown:
            found = catalogue.find_stack(stack.uid)
            if found is None or _same_slices(found, stack):
                job.read_again(volume, found or stack)
            else:
                yield from job.prepare(found, *owners(catalogue, found))
        if not shown:
            for stack in default_stacks(catalogue):
                yield from job.prepare(stack, *owners(catalogue, stack))
        yield from job.fill(None)
    except Cancelled:
        yield Finished(time.monotonic() - started, cancelled=True)
    except ViewerError as error:
        yield Failed(error.user_message)
    else:
        yield Finished(time.monotonic() - started)


def _same_slices(one: Stack, other: Stack) -> bool:
    """Whether two readings of a stack have the same slices at the same places; copies may lie elsewhere."""
    return (
        [replace(frame, path=Path()) for frame in one.frames]
        == [replace(frame, path=Path()) for frame in other.frames]
        and one.geometry.shape == other.geometry.shape
        and one.pixels == other.pixels
        and bool((one.geometry.patient_from_index == other.geometry.patient_from_index).all())
    )


def _with_unreachable(fresh: Catalogue, earlier: Catalogue) -> Catalogue:
    """The new catalogue, with the series of the earlier one of which files cannot be reached now."""
    studies = {(study.patient.key, study.uid): study for study in fresh.studies}
    for study in earlier.studies:
        key = (study.patient.key, study.uid)
        kept = tuple(series for series in study.series if _unreachable(series, fresh))
        if kept:
            studies[key] = _joined(studies.get(key, replace(study, series=())), kept)
    return replace(fresh, studies=tuple(studies.values()))


def _unreachable(series: Series, fresh: Catalogue) -> bool:
    """Whether files are gone, or volumes on a server, which has no path to look at, were not found again."""
    return not all(path.exists() for path in series.paths) or any(
        stack.source is not None and stack.source.remote and fresh.find_stack(stack.uid) is None
        for stack in series.stacks
    )


def _joined(study: Study, kept: Sequence[Series]) -> Study:
    uids = {series.uid for series in kept}
    others = tuple(series for series in study.series if series.uid not in uids)
    return replace(study, series=(*others, *kept))
