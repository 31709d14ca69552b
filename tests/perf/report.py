"""Rows of a measurement and how they are printed: value, limit, CPU time and ratio to a baseline of the same run."""

from __future__ import annotations

import dataclasses
import json
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """One figure.

    Parameters
    ----------
    what
        What was measured.
    value, unit
        The figure.
    limit
        The goal, None where there is none.
    cpu_ms
        Processor time of one event, which a busy machine changes less than wall time.
    ratio, base
        The value in units of a baseline of the same run, and its name.
    """

    what: str
    value: float
    unit: str = "ms"
    limit: float | None = None
    cpu_ms: float | None = None
    ratio: float | None = None
    base: str = ""

    @property
    def reached(self) -> bool | None:
        """Whether the goal is reached; None without one."""
        return None if self.limit is None else self.value <= self.limit


def emit(rows: Iterable[Row], *, as_json: bool) -> None:
    """Print rows as JSON lines for `all.py`, or as a table for a person."""
    if not as_json:
        print_table(tuple(rows))
        return
    for row in rows:
        sys.stdout.write(json.dumps(dataclasses.asdict(row)) + "\n")
        sys.stdout.flush()


def parse(text: str) -> list[Row]:
    """The rows of `emit(..., as_json=True)`; other lines are passed over."""
    return [Row(**json.loads(line)) for line in text.splitlines() if line.startswith('{"what"')]


def print_table(rows: Sequence[Row]) -> None:
    """Print a Markdown table."""
    out = sys.stdout
    out.write("| what | value | limit | CPU ms | ratio |\n| --- | ---: | ---: | ---: | --- |\n")
    for row in rows:
        limit = "" if row.limit is None else f"{row.limit:g}{'' if row.reached else ' missed'}"
        cpu = "" if row.cpu_ms is None else f"{row.cpu_ms:.2f}"
        ratio = "" if row.ratio is None else f"{row.ratio:.2f} x {row.base}"
        out.write(f"| {row.what} | {_number(row.value)} {row.unit} | {limit} | {cpu} | {ratio} |\n")
    out.flush()


def _number(value: float) -> str:
    return f"{value:.2f}" if abs(value) < 20 else f"{value:.0f}"
