"""SimpleITK's answers about a stack: order, place of every slice, the grid of the series, every value."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import FrameSource
from viewer.verification.checks import POSITION_MM, Check, FloatArray, Verdict, point_text, spacing_text
from viewer.verification.subject import Subject
from viewer.verification.tools import SITK, ToolError, link_files, run_module
from viewer.verification.values import value_checks

WORKER = "viewer.verification.itk_worker"
UNIT_STEP_MM = 1e-6


@dataclass(frozen=True)
class _Reading:
    """What the child process wrote down, for the slices that belong to the stack."""

    slices: list[int]
    """Our slice number of each of their slices, in their order."""
    foreign: int
    """Slices of theirs that belong to another stack of the same files."""
    corners_mm: dict[int, FloatArray]
    """Our slice number to the (4, 3) centres of its corner voxels."""
    grid: dict[str, FloatArray]
    rows: dict[int, int]
    """Our slice number to the row of `values`."""
    values: npt.NDArray[np.float32]
    colour: bool


def itk_checks(subject: Subject, siblings: Sequence[FrameSource]) -> list[Check]:
    """Ask SimpleITK about a stack.

    Parameters
    ----------
    subject
        The stack with its filled volume.
    siblings
        All frames of the series.
    """
    with tempfile.TemporaryDirectory(prefix="triptych-", ignore_cleanup_errors=True) as name:
        try:
            reading = _ask(subject, Path(name))
        except ToolError as error:
            return [Check("reading", SITK, "read", "not read", Verdict.NO_ANSWER, error.user_message)]
        checks = [_mosaic(subject)] if subject.tiled else _geometry(subject, reading)
        if reading.colour or subject.volume.is_colour:
            reason = "Colour pictures hold no measured values."
            checks.append(Check("values", SITK, "colour", "colour", Verdict.NOT_COMPARED, reason))
            return checks

        def theirs(k: int) -> npt.NDArray[Any] | None:
            return subject.cut(k, reading.values[reading.rows[k]]) if k in reading.rows else None

        checks += value_checks(subject, theirs, SITK, siblings)
        return checks


def _ask(subject: Subject, folder: Path) -> _Reading:
    """Run the child process.

    Raises
    ------
    ToolError
        It gave no answer.
    """
    files, result = folder / "files", folder / "result"
    files.mkdir()
    result.mkdir()
    try:
        link_files(subject.files, files)
    except OSError as error:
        raise ToolError("The files could not be laid out for it.") from error
    run_module(WORKER, str(files), str(result))
    try:
        said = json.loads((result / "reading.json").read_text(encoding="utf-8"))
        # Copied into memory, so that Windows can remove the folder.
        values = np.load(result / "values.npy")
    except (OSError, ValueError, MemoryError) as error:
        raise ToolError("Its answer cannot be read.") from error
    _, rows, columns = subject.stack.geometry.shape
    slices, corners, places = [], {}, {}
    for n, (key, plane) in enumerate(zip(said["slices"], said["planes"], strict=True)):
        for k in subject.slices_of.get((key[0], key[1]), ()):
            slices.append(k)
            places[k] = n
            corners[k] = _corners(np.array(plane), rows, columns)
    grid = {key: np.array(value) for key, value in said["grid"].items()}
    foreign = len(said["slices"]) - len(set(places.values()))
    return _Reading(slices, foreign, corners, grid, places, values, bool(said["colour"]))


def _corners(plane: FloatArray, rows: int, columns: int) -> FloatArray:
    """(4, 3) centres of the corner voxels of (origin, along, down)."""
    ends = [(j, i) for j in (0, rows - 1) for i in (0, columns - 1)]
    return np.array([plane[0] + i * plane[1] + j * plane[2] for j, i in ends])


def _mosaic(subject: Subject) -> Check:
    reason = "A mosaic: SimpleITK returns the picture as stored, at a place that no slice has. Its parts are compared."
    pictures = len(subject.files)
    theirs = f"{pictures} picture{'s' * (pictures != 1)}"
    return Check("slices", SITK, f"{subject.count}", theirs, Verdict.EXPLAINED, reason)


def _geometry(subject: Subject, reading: _Reading) -> list[Check]:
    """Number, order and place of the slices."""
    checks = [_slices(subject, reading)]
    if subject.oriented and subject.count > 1:
        checks.append(_order(subject, reading))
    return [*checks, *_places(subject, reading)]


def _slices(subject: Subject, reading: _Reading) -> Check:
    theirs = f"{len(reading.slices)}" + (
        f" of {len(reading.slices) + reading.foreign}" * bool(reading.foreign)
    )
    agree = sorted(reading.slices) == list(range(subject.count))
    verdict = Verdict.AGREE if agree else Verdict.DISAGREE
    return Check("slices", SITK, f"{subject.count}", theirs, verdict)


def _order(subject: Subject, reading: _Reading) -> Check:
    ours = "by position"
    if reading.slices == sorted(reading.slices):
        return Check("slice order", SITK, ours, "same order", Verdict.AGREE)
    if _multi_frame(subject):
        reason = "SimpleITK leaves the frames of a file as they are stored; here they are sorted by position."
        return Check("slice order", SITK, ours, "as stored", Verdict.EXPLAINED, reason)
    moved = sum(a != b for a, b in zip(reading.slices, sorted(reading.slices), strict=True))
    return Check("slice order", SITK, ours, f"{moved} slices elsewhere", Verdict.DISAGREE)


def _multi_frame(subject: Subject) -> bool:
    return any(frame.frames > 1 for frame in subject.stack.frames)


def _places(subject: Subject, reading: _Reading) -> list[Check]:
    if not subject.oriented:
        reason = next(iter(subject.stack.report.warnings), "It has no place in the patient.")
        return [Check("voxel centres", SITK, "no place", "-", Verdict.NOT_COMPARED, reason)]
    checks = [_voxel_centres(subject, reading)]
    if subject.count > 1 and not _multi_frame(subject):
        checks.append(_grid(subject, reading))
    return checks


def _voxel_centres(subject: Subject, reading: _Reading) -> Check:
    """Corner voxels of every slice, each file read alone."""
    apart = {
        k: float(np.linalg.norm(corners - subject.corners_mm[k], axis=1).max())
        for k, corners in reading.corners_mm.items()
    }
    k = max(apart, key=lambda k: apart[k], default=0)
    largest = apart.get(k, 0.0)
    ours, theirs = (f"{point_text(c[k][0])} slice {k + 1}" for c in (subject.corners_mm, reading.corners_mm))
    if largest <= POSITION_MM:
        return Check("voxel centres", SITK, ours, theirs, Verdict.AGREE, "", largest)
    reason = _why_elsewhere(subject, reading, largest)
    verdict = Verdict.EXPLAINED if reason else Verdict.DISAGREE
    return Check("voxel centres", SITK, ours, theirs, verdict, reason, largest)


def _why_elsewhere(subject: Subject, reading: _Reading, largest_mm: float) -> str:
    if _multi_frame(subject):
        steps = [np.linalg.norm(reading.grid[name]) for name in ("step_i", "step_j", "step_k")]
        if max(abs(step - 1.0) for step in steps) < UNIT_STEP_MM:
            return "SimpleITK does not read the functional groups of this file and makes voxels of 1 mm."
        in_order = not reading.foreign and reading.slices == list(range(subject.count))
        if (not in_order or not subject.stack.geometry.uniform) and _same_plane(subject, reading):
            return (
                "SimpleITK lays the frames of a file out one behind the other as they are stored; here each is "
                "where its own position says."
            )
    elif subject.has_note("jitter") and largest_mm <= _sideways_mm(subject, reading) + POSITION_MM:
        return "Single slices are shifted sideways; here they are shown in a line, as the report says."
    elif subject.has_note("orientation-repaired"):
        return (
            "The slice directions of the header are not perpendicular and were repaired, as the report says."
        )
    return ""


def _same_plane(subject: Subject, reading: _Reading) -> bool:
    """Whether size and orientation agree and only the place along the stack does not."""
    shapes = [corners - corners[0] for corners in reading.corners_mm.values()]
    ours = [subject.corners_mm[k] - subject.corners_mm[k][0] for k in reading.corners_mm]
    return all(np.abs(a - b).max() <= POSITION_MM for a, b in zip(shapes, ours, strict=True))


def _sideways_mm(subject: Subject, reading: _Reading) -> float:
    """Largest distance between the two answers within the plane of the slices."""
    normal = subject.stack.geometry.slice_normal
    apart = np.array([corners[0] - subject.corners_mm[k][0] for k, corners in reading.corners_mm.items()])
    within = apart - np.outer(apart @ normal, normal)
    return float(np.linalg.norm(within, axis=1).max())


def _grid(subject: Subject, reading: _Reading) -> Check:
    """The grid that SimpleITK's series reader hands out: one step for all slices."""
    geometry = subject.stack.geometry
    _, rows, columns = geometry.shape
    grid = reading.grid
    theirs = np.array(
        [
            _corners(
                np.array([grid["origin"] + n * grid["step_k"], grid["step_i"], grid["step_j"]]), rows, columns
            )
            for n in range(len(reading.slices))
        ]
    )
    largest = float(np.linalg.norm(theirs - subject.corners_mm[reading.slices], axis=2).max())
    slice_mm, row_mm, column_mm = geometry.spacing_mm
    ours = spacing_text((column_mm, row_mm, slice_mm))
    said = spacing_text([np.linalg.norm(grid[name]) for name in ("step_i", "step_j", "step_k")])
    if largest <= POSITION_MM:
        return Check("grid", SITK, ours, said, Verdict.AGREE, "", largest)
    first, last = subject.corners_mm[reading.slices[0]][0], subject.corners_mm[reading.slices[-1]][0]
    across = geometry.slice_normal * np.linalg.norm(last - first) / (len(reading.slices) - 1)
    known = np.linalg.norm(grid["step_k"] - across) <= 1e-3
    reason = ""
    if known and subject.stack.report.tilt_deg > 0.1:
        reason = (
            f"SimpleITK returns a rectangular grid and leaves out the shear of {subject.stack.report.tilt_deg:.1f} "
            f"degrees: its voxels lie up to {largest:.1f} mm off. Here every slice is where its position says."
        )
    elif known and not geometry.uniform:
        reason = (
            f"SimpleITK spreads the slices evenly although their spacing varies: up to {largest:.1f} mm off. "
            "Here every slice is where its position says."
        )
    return Check("grid", SITK, ours, said, Verdict.EXPLAINED if reason else Verdict.DISAGREE, reason, largest)
