"""The render kernel: one small C library called without the interpreter lock, and its numpy twin.

`render` goes to the compiled kernel when it is there, else to the twin: slower, same picture. The
environment variable TRIPTYCH_KERNEL=numpy chooses the twin.
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from viewer.imaging.kernel import binding, twin
from viewer.imaging.kernel.jobs import ComposeJob, PictureJob, SampleJob

SWITCH = "TRIPTYCH_KERNEL"


def available() -> bool:
    """Whether the compiled kernel is in use."""
    return not _twin_wanted() and binding.load().library is not None


def reason() -> str:
    """Return one sentence for the About box: which kernel is in use and why."""
    if _twin_wanted():
        return f"numpy kernel, chosen by {SWITCH}"
    return binding.load().note


def render(jobs: Sequence[PictureJob]) -> None:
    """Fill `out` of every job of every picture, all pictures in one call over all cores."""
    (binding if available() else twin).render(jobs)


def sample(jobs: Sequence[SampleJob]) -> None:
    """Fill `out` of every job with sampled values, on all cores."""
    render([PictureJob((job,)) for job in jobs])


def compose(jobs: Sequence[ComposeJob]) -> None:
    """Fill `out` of every job with colours, on all cores."""
    render([PictureJob((), job) for job in jobs])


def turned_columns(data: npt.NDArray[np.generic], first: int, count: int) -> npt.NDArray[np.generic]:
    """Copy some columns of a C-ordered array so that each lies together.

    Parameters
    ----------
    data
        (k, j, i).
    first, count
        Which columns.

    Returns
    -------
    ndarray
        (count, k, j) of the same type.

    Raises
    ------
    ValueError
        There are no such columns.
    """
    if available():
        return binding.turned_columns(data, first, count)
    return twin.turned_columns(data, first, count)


def _twin_wanted() -> bool:
    return os.environ.get(SWITCH, "").lower() == "numpy"
