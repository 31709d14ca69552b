"""Opening a volume file the way the program does, for tests."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.choice import DefaultChoice
from viewer.dicom.model import Catalogue, Problem, Series, Stack
from viewer.imaging.volume import Volume
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Failed, GeometryReady, Indexed, LoadEvent, ProblemFound
from viewer.loading.pipeline import load, load_stack

FloatArray = npt.NDArray[np.float64]


def events_of(
    paths: Sequence[Path], choose: Callable[[Catalogue], DefaultChoice] | None = None, **options: Any
) -> list[LoadEvent]:
    return list(load(paths, cancel=CancelToken(), choose=choose, **options))


def catalogue_of(*paths: Path, known: Catalogue | None = None) -> Catalogue:
    events = events_of(paths, lambda _: DefaultChoice(None, None), known=known, thumbnails=False)
    return next((e.catalogue for e in reversed(events) if isinstance(e, Indexed)), Catalogue())


def failure_of(path: Path) -> str:
    """The sentences with which a path is refused."""
    events = events_of([path], thumbnails=False)
    assert any(isinstance(event, Failed) for event in events)
    return " ".join(e.problem.reason for e in events if isinstance(e, ProblemFound))


def all_series(catalogue: Catalogue) -> dict[str, Series]:
    return {series.description: series for study in catalogue.studies for series in study.series}


def the_series(path: Path) -> Series:
    (series,) = all_series(catalogue_of(path)).values()
    return series


def the_stack(path: Path) -> Stack:
    return the_series(path).stacks[0]


def opened(stack: Stack, catalogue: Catalogue) -> tuple[Volume, list[Problem]]:
    """A stack with its pixels, and what went wrong."""
    series, study = next(
        (s, study) for study in catalogue.studies for s in study.series if any(x is stack for x in s.stacks)
    )
    events = list(load_stack(stack, series, study, cancel=CancelToken()))
    (ready,) = (event for event in events if isinstance(event, GeometryReady))
    return ready.volume, [event.problem for event in events if isinstance(event, ProblemFound)]


def the_volume(path: Path, stack: int = 0) -> Volume:
    catalogue = catalogue_of(path)
    (series,) = all_series(catalogue).values()
    volume, problems = opened(series.stacks[stack], catalogue)
    assert not problems
    assert volume.ready.all()
    return volume


def value_at(volume: Volume, point_mm: Sequence[float] | FloatArray) -> float:
    """Physical value of the voxel whose centre is at an LPS point."""
    index = volume.geometry.to_index(np.asarray(point_mm, dtype=np.float64))
    assert np.allclose(index, np.rint(index), atol=1e-3)
    k, j, i = np.rint(index).astype(int)
    return float(volume.physical(volume.array[k, j, i]))
