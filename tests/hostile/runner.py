"""Opens folders the way the product does, in a process of its own with little memory, and says what came out.

`python -m tests.hostile.runner` reads a JSON list of `{"name", "path"}` from standard input and writes one line
`{"started": name}` and one line with the outcome for each. A case that hangs ends the process with its stack on
standard error; the caller sees which one it was.
"""

from __future__ import annotations

import faulthandler
import hashlib
import json
import logging
import resource
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import Series, Stack, Study
from viewer.imaging.volume import Volume
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Failed, Finished, GeometryReady, Indexed, LoadEvent, ProblemFound
from viewer.loading.pipeline import load, load_stack

MEMORY_BYTES: Final = 2 << 30
"""Address space a case may use; resident memory is less."""
CPU_S: Final = 5.0
"""Processor time a case may use: unlike the time on the wall it does not grow on a busy machine."""
HANG_S: Final = 30.0
"""Time on the wall after which a case counts as hanging and the process ends."""
SLICES_TOLD: Final = 64
"""Slices of a stack that are described one by one."""


@dataclass
class StackOutcome:
    """One stack as the user gets it.

    Parameters
    ----------
    corners_mm
        For every slice the LPS positions of its first and its last voxel, six numbers; empty when not oriented.
    digests
        For every slice the md5 of its physical values with padding as NaN, "corrupt" when it is shown as no data,
        "" when it was not filled.
    files
        Name of the file of every slice.
    """

    uid: str
    kind: str
    shape: list[int]
    oriented: bool
    multiplanar: bool
    on_request: bool
    label: str
    unit: str
    warnings: list[str]
    spacing_mm: list[float | None]
    gaps: list[int]
    suv_factor: float | None = None
    suv_note: str = ""
    windows: int = 0
    corners_mm: list[list[float]] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)
    files: list[str] = field(default_factory=list)


@dataclass
class SeriesOutcome:
    """One series of the catalogue."""

    uid: str
    kind: str
    modality: str
    description: str
    files: int
    patient: str
    patient_id: str
    warnings: list[str]
    stacks: list[StackOutcome] = field(default_factory=list)


@dataclass
class Outcome:
    """What opening a path came to.

    Parameters
    ----------
    opened
        Uids of the stacks that opened by themselves.
    log
        Everything that was logged, at any level.
    peak_bytes
        Largest resident memory while the case ran, that of Python and its libraries included.
    """

    name: str
    failure: str = ""
    problems: list[tuple[str, str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    not_dicom: int = 0
    opened: list[str] = field(default_factory=list)
    series: list[SeriesOutcome] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    cpu_s: float = 0.0
    peak_bytes: int = 0

    @property
    def stacks(self) -> list[StackOutcome]:
        """All stacks of all series."""
        return [stack for series in self.series for stack in series.stacks]

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Outcome:
        """The inverse of `dataclasses.asdict`."""
        series = [
            SeriesOutcome(**{**one, "stacks": [StackOutcome(**stack) for stack in one["stacks"]]})
            for one in values["series"]
        ]
        problems = [(file, reason) for file, reason in values["problems"]]
        return cls(**{**values, "series": series, "problems": problems})


class _Records(logging.Handler):
    """Keeps what is logged, tracebacks included."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.texts.append(self.format(record))


_records = _Records()


def prepare() -> None:
    """Limit the memory of this process and listen to its log; to be called once, after everything is imported."""
    import pydicom  # noqa: F401 - what is loaded later would count as memory of the first case

    logging.getLogger().addHandler(_records)
    logging.getLogger().setLevel(logging.DEBUG)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def open_path(name: str, path: Path, kept: dict[str, Volume] | None = None) -> Outcome:
    """Open a path by `load`, then every other stack of it as if the user had clicked on it.

    The volumes go into `kept` by the uid of their stack, where that is given. Only what the product raises on purpose
    is caught; anything else is a fault of the product and ends the process.
    """
    outcome = Outcome(name)
    _records.texts = outcome.log
    _forget_peak()
    faulthandler.dump_traceback_later(HANG_S, exit=True)
    start = time.process_time()
    volumes: dict[str, Volume] = {}
    catalogue = None
    for event in load([path], cancel=CancelToken()):
        _note(event, outcome, volumes)
        if isinstance(event, Indexed) and event.complete:
            catalogue = event.catalogue
    outcome.opened = list(volumes)
    for study in () if catalogue is None else catalogue.studies:
        for series in study.series:
            outcome.series.append(_series(study, series))
            for stack in series.stacks:
                volume = volumes.pop(stack.uid, None)
                if volume is None:
                    volume = _open_stack(stack, series, study, outcome)
                outcome.series[-1].stacks.append(_stack(stack, volume))
                if kept is not None and volume is not None:
                    kept[stack.uid] = volume
    if catalogue is not None:
        outcome.notes, outcome.not_dicom = list(catalogue.notes), catalogue.not_dicom
        outcome.problems = list(
            dict.fromkeys((*((p.file, p.reason) for p in catalogue.problems), *outcome.problems))
        )
    outcome.cpu_s = time.process_time() - start
    faulthandler.cancel_dump_traceback_later()
    outcome.peak_bytes = _peak_bytes()
    return outcome


def _note(event: LoadEvent, outcome: Outcome, volumes: dict[str, Volume]) -> None:
    if isinstance(event, ProblemFound):
        outcome.problems.append((event.problem.file, event.problem.reason))
    elif isinstance(event, Failed):
        outcome.failure = event.message
    elif isinstance(event, GeometryReady):
        volumes[event.stack.uid] = event.volume
    elif isinstance(event, Finished):
        assert not event.cancelled


def _open_stack(stack: Stack, series: Series, study: Study, outcome: Outcome) -> Volume | None:
    volumes: dict[str, Volume] = {}
    failure = outcome.failure
    for event in load_stack(stack, series, study, cancel=CancelToken()):
        _note(event, outcome, volumes)
    outcome.failure = failure
    return volumes.get(stack.uid)


def _series(study: Study, series: Series) -> SeriesOutcome:
    return SeriesOutcome(
        uid=series.uid,
        kind=series.kind.value,
        modality=series.modality,
        description=series.description,
        files=series.files,
        patient=study.patient.name,
        patient_id=study.patient.patient_id,
        warnings=list(series.warnings),
    )


def _stack(stack: Stack, volume: Volume | None) -> StackOutcome:
    told = range(min(len(stack.frames), SLICES_TOLD))
    result = StackOutcome(
        uid=stack.uid,
        kind=stack.kind.value,
        shape=list(stack.geometry.shape),
        oriented=stack.geometry.oriented,
        multiplanar=stack.multiplanar,
        on_request=stack.on_request,
        label=stack.label,
        unit=stack.unit,
        warnings=[*stack.warnings],
        spacing_mm=list(stack.report.spacing_mm),
        gaps=list(stack.geometry.gaps),
        suv_factor=None if stack.suv is None else stack.suv.factor,
        suv_note=stack.suv_note,
        windows=len(stack.windows),
        files=[stack.frames[k].path.name for k in told],
    )
    if stack.geometry.oriented:
        _, rows, columns = stack.geometry.shape
        ends = np.array([[[k, 0, 0], [k, rows - 1, columns - 1]] for k in told], dtype=np.float64)
        result.corners_mm = stack.geometry.to_patient(ends).reshape(len(ends), 6).tolist()
    if volume is not None:
        result.digests = [_slice_digest(volume, k) for k in told]
    return result


def _slice_digest(volume: Volume, k: int) -> str:
    if volume.corrupt[k]:
        return "corrupt"
    if not volume.ready[k]:
        return ""
    stored = volume.array[..., k, :, :]
    if volume.is_colour:
        return hashlib.md5(stored.tobytes()).hexdigest()
    return digest(np.where(volume.is_padding(stored), np.nan, volume.physical(stored)))


def digest(values: npt.NDArray[np.floating[Any]]) -> str:
    """Name of a slice of physical values: equal for values that are equal as float32."""
    with np.errstate(over="ignore"):
        return hashlib.md5(values.astype("<f4").tobytes()).hexdigest()


def _forget_peak() -> None:
    """Start measuring the largest resident memory anew (Linux)."""
    Path("/proc/self/clear_refs").write_text("5")


def _peak_bytes() -> int:
    """Largest resident memory since `_forget_peak`."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) << 10
    raise AssertionError("this system does not tell the peak of the resident memory")


def lines(cases: list[dict[str, str]]) -> Iterator[str]:
    """The lines of output for some cases."""
    for case in cases:
        yield json.dumps({"started": case["name"]})
        yield json.dumps(asdict(open_path(case["name"], Path(case["path"]))))


def main() -> None:
    """Answer the cases on standard input."""
    cases = json.load(sys.stdin)
    prepare()
    for line in lines(cases):
        sys.stdout.write(line + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
