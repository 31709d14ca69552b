"""What the loader says while it works. All events are frozen values and carry the job's generation number."""

from __future__ import annotations

from dataclasses import dataclass

from viewer.dicom.model import Catalogue, Problem, Series, Stack, Study
from viewer.imaging.volume import Volume


@dataclass(frozen=True)
class Scanning:
    """Headers are being read.

    Parameters
    ----------
    files
        Files looked at so far.
    total
        Files found so far (grows while folders are walked).
    """

    files: int
    total: int
    rate_per_s: float


@dataclass(frozen=True, eq=False)
class Indexed:
    """The catalogue so far; `complete` is True for the last one."""

    catalogue: Catalogue
    complete: bool


@dataclass(frozen=True, eq=False)
class GeometryReady:
    """A volume is allocated and can be placed; its slices arrive later in the same array."""

    volume: Volume
    stack: Stack
    series: Series
    study: Study


@dataclass(frozen=True)
class SlicesReady:
    """Slices of a volume now hold values.

    Parameters
    ----------
    volume_uid
        Which volume.
    slices
        Indices k that are new.
    done, total
        Slices in place and slices in all.
    rate_per_s
        Slices per second so far.
    """

    volume_uid: str
    slices: tuple[int, ...]
    done: int
    total: int
    rate_per_s: float


@dataclass(frozen=True)
class VolumeFinished:
    """All slices of a volume were tried."""

    volume_uid: str
    seconds: float


@dataclass(frozen=True)
class ProblemFound:
    """One line for the problems panel."""

    problem: Problem


@dataclass(frozen=True)
class Finished:
    """The job is done; nothing follows."""

    seconds: float
    cancelled: bool = False


@dataclass(frozen=True)
class Failed:
    """The job ended by an error that concerns the whole job; nothing follows."""

    message: str


LoadEvent = (
    Scanning | Indexed | GeometryReady | SlicesReady | VolumeFinished | ProblemFound | Finished | Failed
)
