"""What the loader says while it works. All events are frozen values and carry the job's generation number."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import Catalogue, Problem, Series, Stack, Study
from viewer.imaging.volume import Volume

if TYPE_CHECKING:
    from viewer.dicom.structure_file import StructureFile


@dataclass(frozen=True)
class Preparing:
    """Something is made ready before anything can be read.

    Parameters
    ----------
    text
        What, in words.
    done, total
        Steps.
    """

    text: str
    done: int
    total: int


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
    """The catalogue so far.

    Parameters
    ----------
    catalogue
        What was found.
    complete
        True for the last one of a job.
    names
        Path on the disk to the name the user knows ("archive.zip/member"); grows while the job runs.
    """

    catalogue: Catalogue
    complete: bool
    names: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class GeometryReady:
    """A volume is allocated and can be placed; its slices arrive later in the same array."""

    volume: Volume
    stack: Stack
    series: Series
    study: Study


@dataclass(frozen=True)
class PreviewReady:
    """The coarse level of a volume is there (`Volume.preview`)."""

    volume_uid: str


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


@dataclass(frozen=True, eq=False)
class ThumbnailReady:
    """A small picture of a series for the study browser.

    Parameters
    ----------
    series_uid
        SeriesInstanceUID.
    image
        uint8, (h, w) grey or (h, w, 3) RGB, at most 128 pixels a side, true to the pixel aspect.
    """

    series_uid: str
    image: npt.NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class StructuresReady:
    """The structures of a file were read."""

    file: StructureFile


@dataclass(frozen=True)
class Withdrawn:
    """A preliminary volume is not what opens by itself after all."""

    volume_uid: str


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

    def because_of(self, problems: Iterable[Problem]) -> str:
        """The message for those who have no panel of problems: the reason itself, when it is the same for all."""
        reasons = {problem.reason for problem in problems}
        return f"Nothing here can be shown. {reasons.pop()}" if len(reasons) == 1 else self.message


LoadEvent = (
    Preparing
    | Scanning
    | Indexed
    | GeometryReady
    | PreviewReady
    | SlicesReady
    | VolumeFinished
    | Withdrawn
    | ThumbnailReady
    | StructuresReady
    | ProblemFound
    | Finished
    | Failed
)
