"""Draining the loading pipeline for commands that wait for its end."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from viewer.archive.address import Place
from viewer.cli.progress import Progress
from viewer.dicom.choice import DefaultChoice
from viewer.dicom.model import Catalogue, Problem, Series, Stack, Study
from viewer.errors import ViewerError
from viewer.imaging.volume import Volume
from viewer.loading.cancel import CancelToken
from viewer.loading.events import (
    Failed,
    GeometryReady,
    Indexed,
    LoadEvent,
    ProblemFound,
    Scanning,
    SlicesReady,
)
from viewer.loading.pipeline import load, load_stack


@dataclass(eq=False)
class Reading:
    """What came out of a loading job.

    Parameters
    ----------
    catalogue
        The complete catalogue.
    names
        Path on the disk to the name the user knows.
    opened
        Volumes in the order in which they were announced, with where they come from.
    problems
        Everything that went wrong with single files.
    failure
        Why the whole job ended early, or "".
    """

    catalogue: Catalogue = field(default_factory=Catalogue)
    names: Mapping[str, str] = field(default_factory=dict)
    opened: list[GeometryReady] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    failure: str = ""


def read(paths: Sequence[Place], choose: Callable[[Catalogue], DefaultChoice] | None = None) -> Reading:
    """Index paths and load what `choose` picks, with progress.

    Raises
    ------
    KeyboardInterrupt
        The user pressed Ctrl+C; the threads were told to stop.
    """
    with _cancelled_at_exit() as token:
        return _drain(load(paths, cancel=token, choose=choose, thumbnails=False))


def index(paths: Sequence[Place]) -> Reading:
    """Read headers only."""
    return read(paths, lambda _: DefaultChoice(None, None))


def read_stack(
    stack: Stack, series: Series, study: Study, names: Mapping[str, str]
) -> tuple[Volume | None, list[Problem]]:
    """Load one stack of a catalogue; None for the volume when it cannot be opened at all."""
    with _cancelled_at_exit() as token:
        reading = _drain(load_stack(stack, series, study, cancel=token, names=names))
    return (reading.opened[0].volume if reading.opened else None), reading.problems


@contextmanager
def _cancelled_at_exit() -> Iterator[CancelToken]:
    """A token that is cancelled when the work ends, however it ends."""
    token = CancelToken()
    try:
        yield token
    finally:
        token.cancel()


def _drain(events: Iterable[LoadEvent]) -> Reading:
    reading = Reading()
    with Progress() as progress:
        for event in events:
            match event:
                case Scanning(files, total, rate):
                    progress.show("reading headers", files, total, rate)
                case Indexed(catalogue, complete=True, names=names):
                    reading.catalogue, reading.names = catalogue, names
                case GeometryReady():
                    reading.opened.append(event)
                case SlicesReady(done=done, total=total, rate_per_s=rate):
                    progress.show("reading slices", done, total, rate)
                case ProblemFound(problem):
                    reading.problems.append(problem)
                case Failed(message):
                    reading.failure = message
                case _:
                    pass
    return reading


def require(reading: Reading) -> Reading:
    """The reading, unless the job failed.

    Raises
    ------
    ViewerError
        With the reason of the job.
    """
    if reading.failure:
        raise ViewerError(Failed(reading.failure).because_of(reading.problems))
    return reading
