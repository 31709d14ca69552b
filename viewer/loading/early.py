"""A first picture before the whole of a large folder has been read (rule J34).

Which files belong to a series is only certain at the end. What can be shown before is a series that has not grown for a
while, when its files form one even stack without holes: its slices lie where they will lie in any case. It is marked as
preliminary; what opens by itself at the end is decided by the whole folder as ever.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import replace

from viewer.dicom.build import volume_bytes
from viewer.dicom.choice import choose_default
from viewer.dicom.model import SeriesKind, Stack
from viewer.loading.cache import VolumeCache, default_budget_bytes
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady, LoadEvent, VolumeFinished, Withdrawn
from viewer.loading.filling import FillJob
from viewer.loading.search import Search, owners

AFTER_S = 1.0
"""A folder that is read faster opens as a whole."""
QUIET_FILES = 64
"""A series that none of so many files belongs to seems to be complete."""
AT_ONCE = 4
"""So many series are looked at between two words about the progress."""
LEAST_SLICES = 10
BUDGET_SHARE = 4
"""The preliminary volume takes at most this part of the memory limit: the final one may be another."""
PASSES = 2
"""The middle slice, then every 16th."""
MODALITIES = ("CT", "MR")
"""Of PET the times of all slices decide about the SUV; it waits."""


class FirstSight:
    """Shows one series while headers are still being read.

    Parameters
    ----------
    cancel, cache
        Of the job.
    """

    def __init__(self, cancel: CancelToken, cache: VolumeCache | None) -> None:
        self._cancel = cancel
        self._limit = (cache.budget_bytes if cache is not None else default_budget_bytes()) // BUDGET_SHARE
        self._started = time.monotonic()
        self.uid = ""
        """Of the stack that is shown, empty while there is none."""

    def look(self, search: Search) -> Iterator[LoadEvent]:
        """Show the best of the series that seem to be complete, once there is one."""
        if self.uid or time.monotonic() - self._started < AFTER_S:
            return
        catalogue = search.quiet_series(QUIET_FILES, AT_ONCE)
        stack = choose_default(catalogue).ct
        if stack is None or not _fit_to_show(stack) or volume_bytes(stack) > self._limit:
            return
        series, study = owners(catalogue, stack)
        job = FillJob(self._cancel, None, self._limit, search.names, passes=PASSES)
        for event in job.prepare(replace(stack, preliminary=True), series, study):
            if isinstance(event, GeometryReady):
                self.uid = stack.uid
            yield event
        yield from (event for event in job.fill(None) if not isinstance(event, VolumeFinished))

    def give_way(self, chosen: list[Stack]) -> Iterator[LoadEvent]:
        """Take the picture back when something else opens by itself."""
        if self.uid and all(stack.uid != self.uid for stack in chosen):
            yield Withdrawn(self.uid)


def _fit_to_show(stack: Stack) -> bool:
    return (
        stack.modality in MODALITIES
        and stack.kind is SeriesKind.VOLUME
        and stack.multiplanar
        and not stack.on_request
        and not stack.label
        and stack.report.uniform
        and not stack.geometry.gaps
        and len(stack.frames) >= LEAST_SLICES
    )
