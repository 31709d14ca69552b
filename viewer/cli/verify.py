"""`triptych verify`: the viewer's own reading of the user's data against other programs.

The JSON object (`--json`)
--------------------------
::

    {"tools": [{"name": str, "version": str,    "" when the program is missing
                "missing": str}],               what to do about it
     "volumes": [{
        "series_uid": str, "series_number": int | null, "modality": str,
        "stack": str,                           what tells the stack from others of its series
        "shape": [k, j, i],
        "checks": [{
            "check": str,                       "slices", "slice order", "voxel centres", "grid", "value range",
                                                "values", "SUV factor", ...
            "tool": str,                        "SimpleITK", "dcm2niix", "value object"
            "ours": str, "theirs": str,
            "verdict": str,                     "agree", "differs on purpose", "DISAGREE", "not compared", "no answer"
            "reason": str,                      "" when they agree
            "difference": float | null          mm, unit of the values, or share of a factor
        }]
     }],
     "summary": {verdict: int},
     "problems": [{"file": str, "reason": str}]}

"differs on purpose" is only said where the other program's answer was predicted from our own data; everything else
that is not equal is DISAGREE. Descriptions and names are left out: the object holds no text about the patient. Keys
are never removed or renamed; new ones may be added.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from viewer.cli.reading import Reading
    from viewer.dicom.model import Problem, Series, Stack, Study
    from viewer.dicom.value_maps import ValueMap
    from viewer.verification.checks import Check
    from viewer.verification.tools import Tool

_WIDTH = 38


@dataclass
class _Verified:
    """Everything that was compared."""

    tools: tuple[Tool, ...]
    volumes: list[tuple[Series, Stack, list[Check]]] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)

    @property
    def summary(self) -> Counter[str]:
        """Number of checks by verdict."""
        return Counter(check.verdict.value for _, _, checks in self.volumes for check in checks)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the options."""
    parser.add_argument(
        "paths", metavar="PATH", nargs="+", type=Path, help="folder, DICOM file, DICOMDIR or .zip"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object instead of a table")
    parser.add_argument(
        "--differences", action="store_true", help="leave out of the table what agrees (text only)"
    )
    parser.epilog = (
        "Order, place and value of every voxel are compared with SimpleITK and dcm2niix, where these are installed\n"
        '(pip install "triptych-viewer[verify]"), SUV factors with the real-world value objects of the study.\n\n'
        "exit codes: 0 everything agrees or differs for a stated reason, 1 something disagrees or nothing was found,\n"
        "2 wrong usage, 3 compared in part: a program is missing or could not read a series, or files had problems"
    )


def run(arguments: argparse.Namespace) -> int:
    """Compare, print, and tell the outcome as an exit code."""
    from viewer.cli import EXIT_FAILED
    from viewer.cli.reading import index, require
    from viewer.verification.tools import available

    reading = require(index(arguments.paths))
    verified = _Verified(available(), problems=[*reading.catalogue.problems, *reading.problems])
    if not arguments.json:
        _print_tools(verified.tools)
    for series, stack, checks in _compare(reading, verified):
        verified.volumes.append((series, stack, checks))
        if not arguments.json:
            _print_volume(series, stack, checks, all_rows=not arguments.differences)
    verified.problems = list(dict.fromkeys(verified.problems))
    if arguments.json:
        print(json.dumps(_described(verified), indent=2, ensure_ascii=False, allow_nan=False))
    else:
        _print_end(verified)
    return _exit_code(verified) if verified.volumes else EXIT_FAILED


def _exit_code(verified: _Verified) -> int:
    from viewer.cli import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL
    from viewer.verification.checks import Verdict

    summary = verified.summary
    if summary[Verdict.DISAGREE.value]:
        return EXIT_FAILED
    missing = any(tool.missing for tool in verified.tools)
    if missing or summary[Verdict.NO_ANSWER.value] or verified.problems:
        return EXIT_PARTIAL
    return EXIT_OK


def _compare(reading: Reading, verified: _Verified) -> Iterator[tuple[Series, Stack, list[Check]]]:
    """Each stack of DICOM pictures with its checks, one volume in memory at a time."""
    from viewer.cli.progress import Progress
    from viewer.cli.reading import read_stack
    from viewer.verification.checks import Check, Verdict

    total = sum(len(series.stacks) for study in reading.catalogue.studies for series in study.series)
    done = 0
    for study in reading.catalogue.studies:
        maps = _value_maps(study, verified)
        for series in study.series:
            for stack in series.stacks:
                if stack.source is not None:  # NIfTI and .npy: the other programs are asked about DICOM
                    continue
                volume, found = read_stack(stack, series, study, reading.names)
                verified.problems += found
                if volume is None:
                    reason = found[0].reason if found else "It cannot be opened."
                    checks = [Check("reading", "triptych", "not read", "-", Verdict.NO_ANSWER, reason)]
                else:
                    with Progress() as progress:
                        progress.show("comparing series", done, total)
                        checks = _checks(stack, volume, series, maps, verified.tools)
                done += 1
                yield series, stack, checks


def _checks(
    stack: Stack, volume: Any, series: Series, maps: Sequence[ValueMap], tools: tuple[Tool, ...]
) -> list[Check]:
    from viewer.verification.checks import Check, Verdict
    from viewer.verification.itk import itk_checks
    from viewer.verification.niix import niix_checks
    from viewer.verification.subject import Subject
    from viewer.verification.suv_objects import suv_checks
    from viewer.verification.tools import DCM2NIIX, SITK

    if not stack.frames[0].transfer_syntax:
        reason = "Only DICOM is compared."
        return [Check("reading", "triptych", "read", "-", Verdict.NOT_COMPARED, reason)]
    subject = Subject(stack, volume)
    here = {tool.name for tool in tools if not tool.missing}
    siblings = [frame for sibling in series.stacks for frame in sibling.frames]
    checks: list[Check] = []
    if SITK in here:
        checks += itk_checks(subject, siblings)
    if DCM2NIIX in here:
        checks += niix_checks(subject, siblings)
    return [*checks, *suv_checks(subject, maps)]


def _value_maps(study: Study, verified: _Verified) -> list[ValueMap]:
    """Mappings of all real-world value objects of a study."""
    from viewer.dicom.model import Problem, SeriesKind
    from viewer.dicom.value_maps import read_value_maps
    from viewer.errors import ViewerError

    maps: list[ValueMap] = []
    for series in study.series:
        for path in series.paths if series.kind is SeriesKind.VALUE_MAP else ():
            try:
                maps += read_value_maps(path)
            except ViewerError as error:
                verified.problems.append(Problem(path.name, error.user_message))
            except OSError as error:
                reason = f"It cannot be read ({error.strerror or 'system error'})."
                verified.problems.append(Problem(path.name, reason))
    return maps


def _described(verified: _Verified) -> dict[str, Any]:
    """The JSON object of the module text."""
    return {
        "tools": [
            {"name": tool.name, "version": tool.version, "missing": tool.missing} for tool in verified.tools
        ],
        "volumes": [
            {
                "series_uid": series.uid,
                "series_number": series.number,
                "modality": series.modality,
                "stack": stack.label,
                "shape": list(stack.geometry.shape),
                "checks": [
                    {
                        "check": check.name,
                        "tool": check.tool,
                        "ours": check.ours,
                        "theirs": check.theirs,
                        "verdict": check.verdict.value,
                        "reason": check.reason,
                        "difference": _finite(check.difference),
                    }
                    for check in checks
                ],
            }
            for series, stack, checks in verified.volumes
        ],
        "summary": dict(verified.summary),
        "problems": [{"file": problem.file, "reason": problem.reason} for problem in verified.problems],
    }


def _finite(value: float | None) -> float | None:
    from math import isfinite

    return value if value is not None and isfinite(value) else None


# --- For people --------------------------------------------------------------------------------------------------


def _print_tools(tools: Sequence[Tool]) -> None:
    for tool in tools:
        print(tool.missing or f"{tool.name} {tool.version}")


def _print_volume(series: Series, stack: Stack, checks: Sequence[Check], *, all_rows: bool) -> None:
    from viewer.verification.checks import Verdict

    shown = [check for check in checks if all_rows or check.verdict is not Verdict.AGREE]
    if not shown:
        return
    k, j, i = stack.geometry.shape
    number = "" if series.number is None else f" {series.number}"
    label = f"  {stack.label}" if stack.label else ""
    print(f"\nseries{number}  {series.modality}  {i} x {j} x {k}{label}")
    for check in shown:
        print(
            f"  {check.name:15} {check.tool:12}  {check.ours:{_WIDTH}}  {check.theirs:{_WIDTH}}  "
            f"{check.verdict.value}"
        )
        if check.reason:
            print(f"      {check.reason}")


def _print_end(verified: _Verified) -> None:
    from viewer.verification.checks import Verdict

    summary = verified.summary
    counts = [f"{summary[verdict.value]} {verdict.value}" for verdict in Verdict if summary[verdict.value]]
    print("\n" + (", ".join(counts) or "nothing to compare"))
    for problem in verified.problems:
        print(f"problem  {problem.file}: {problem.reason}")
