"""Reading structures in the background: the files of a series in, one event each out."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from viewer.dicom.model import Problem
from viewer.dicom.structure_file import read_structure_file
from viewer.errors import Cancelled, ViewerError
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Finished, LoadEvent, ProblemFound, StructuresReady


def load_structures(paths: Sequence[Path], *, cancel: CancelToken) -> Iterator[LoadEvent]:
    """Read segmentations and structure sets.

    Parameters
    ----------
    paths
        Their files.
    cancel
        Stops between two files.

    Yields
    ------
    LoadEvent
        `StructuresReady` or `ProblemFound` for each file, and last `Finished`.
    """
    started = time.monotonic()
    try:
        for path in paths:
            cancel.check()
            try:
                yield StructuresReady(read_structure_file(path))
            except Cancelled:
                raise
            except ViewerError as error:
                yield ProblemFound(Problem(path.name, error.user_message))
            except OSError as error:
                yield ProblemFound(
                    Problem(path.name, f"It cannot be read ({error.strerror or 'system error'}).")
                )
    except Cancelled:
        yield Finished(time.monotonic() - started, cancelled=True)
    else:
        yield Finished(time.monotonic() - started)
