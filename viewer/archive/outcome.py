"""What became of each series, one summary a shard, and all of them together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from viewer.atomic import write_bytes
from viewer.errors import FormatError

SUMMARIES = "summaries"


class Status(StrEnum):
    """What became of a series."""

    CONVERTED = "converted"
    PRESENT = "present"
    """It was there already, made of the same files."""
    LEFT_OUT = "left out"
    """It holds nothing but scouts and pages."""
    FAILED = "failed"
    NOT_TRIED = "not tried"
    """The disk was full before its turn came."""


@dataclass(frozen=True)
class Outcome:
    """What became of a series.

    Parameters
    ----------
    name
        Its folder in the archive.
    series_uid
        Its SeriesInstanceUID.
    reason
        Why it failed or was left out.
    volumes, slices
        What was written.
    left_out
        Kind ("localizer", "capture", ...) to number of pictures of the series that are in no volume.
    problems
        "file: reason" for each slice that could not be decoded; it keeps its place and holds no values.
    raw_bytes, stored_bytes
        Of the stored values, and of what lies on the disk.
    seconds
        Of work.
    worker
        Which process did it.
    """

    name: str
    series_uid: str
    status: Status
    reason: str = ""
    volumes: int = 0
    slices: int = 0
    left_out: tuple[tuple[str, int], ...] = ()
    problems: tuple[str, ...] = ()
    raw_bytes: int = 0
    stored_bytes: int = 0
    seconds: float = 0.0
    worker: str = ""


@dataclass
class Summary:
    """What became of a shard.

    Parameters
    ----------
    shard
        Its name.
    counts
        Status to number of series.
    left_out
        Kind to number of pictures in no volume.
    failures
        Series that failed or were not tried, with the reason.
    problems
        Slices that could not be decoded.
    seconds
        From the first series to the last.
    complete
        The run came to its end.
    """

    shard: str
    counts: Counter[str] = field(default_factory=Counter)
    left_out: Counter[str] = field(default_factory=Counter)
    failures: list[dict[str, str]] = field(default_factory=list)
    problems: list[dict[str, str]] = field(default_factory=list)
    volumes: int = 0
    slices: int = 0
    raw_bytes: int = 0
    stored_bytes: int = 0
    seconds: float = 0.0
    complete: bool = False

    @property
    def failed(self) -> int:
        """Series that are not in the archive although they should be."""
        return self.counts[Status.FAILED.value] + self.counts[Status.NOT_TRIED.value]

    def add(self, outcome: Outcome) -> None:
        """Count a series."""
        self.counts[outcome.status.value] += 1
        self.left_out.update(dict(outcome.left_out))
        self.volumes += outcome.volumes
        self.slices += outcome.slices
        self.raw_bytes += outcome.raw_bytes
        self.stored_bytes += outcome.stored_bytes
        if outcome.status in (Status.FAILED, Status.NOT_TRIED):
            self.failures.append(
                {"name": outcome.name, "series_uid": outcome.series_uid, "reason": outcome.reason}
            )
        self.problems += [{"name": outcome.name, "slice": problem} for problem in outcome.problems]

    def plain(self) -> dict[str, Any]:
        """As JSON holds it."""
        return {**vars(self), "counts": dict(self.counts), "left_out": dict(self.left_out)}

    def write(self, archive: Path) -> None:
        """Put it into the folder of summaries."""
        folder = archive / SUMMARIES
        folder.mkdir(parents=True, exist_ok=True)
        text = json.dumps(self.plain(), indent=1, ensure_ascii=False)
        write_bytes(folder / f"{self.shard}.json", text.encode("utf-8", "backslashreplace"))


def summarize(archive: Path) -> list[Summary]:
    """All summaries of an archive, by shard.

    Raises
    ------
    FormatError
        There are none, or one is damaged.
    """
    files = sorted((archive / SUMMARIES).glob("*.json"))
    if not files:
        raise FormatError(f"{archive.name}: there are no summaries of a conversion.")
    return [_read(path) for path in files]


def _read(path: Path) -> Summary:
    try:
        plain: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for name in ("counts", "left_out"):
            plain[name] = Counter(plain[name])
        return Summary(**plain)
    except (ValueError, TypeError, KeyError) as error:
        raise FormatError(f"{path.name}: the summary is damaged.") from error


def sum_of(each: Iterable[Summary]) -> Summary:
    """All summaries as one."""
    total = Summary("all", complete=True)
    for one in each:
        total.counts += one.counts
        total.left_out += one.left_out
        total.failures += one.failures
        total.problems += one.problems
        for name in ("volumes", "slices", "raw_bytes", "stored_bytes", "seconds"):
            setattr(total, name, getattr(total, name) + getattr(one, name))
        total.complete = total.complete and one.complete
    return total
