"""dcm2niix's answers about a stack: the volume it writes, its affine and every value."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import FrameSource
from viewer.verification.checks import (
    POSITION_MM,
    Check,
    FloatArray,
    Verdict,
    compare_values,
    point_text,
)
from viewer.verification.subject import Subject
from viewer.verification.tools import DCM2NIIX, ToolError, dcm2niix_program, link_files, run
from viewer.verification.values import value_checks

RESAMPLED = ("_Eq", "_Tilt", "_ROI")
"""Marks in the names of what dcm2niix computes beside the volume itself."""
STEP_MM = 0.01
EQUAL_MM = 1e-3
TILT_DEG = 0.1

_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True)
class _Candidate:
    """A volume that dcm2niix wrote, turned into our index order.

    Parameters
    ----------
    values
        (k, j, i), a view.
    affine
        Maps our (k, j, i, 1) to LPS mm by dcm2niix's affine.
    """

    values: npt.NDArray[Any]
    affine: FloatArray


def niix_checks(subject: Subject, siblings: Sequence[FrameSource]) -> list[Check]:
    """Ask dcm2niix about a stack.

    Parameters
    ----------
    subject
        The stack with its filled volume.
    siblings
        All frames of the series.
    """
    if subject.volume.is_colour:
        reason = "Colour pictures hold no measured values."
        return [Check("values", DCM2NIIX, "colour", "-", Verdict.NOT_COMPARED, reason)]
    if not subject.oriented and subject.count > 1:
        reason = "Pictures without a place in the patient have no order to compare."
        return [Check("slices", DCM2NIIX, f"{subject.count}", "-", Verdict.NOT_COMPARED, reason)]
    with tempfile.TemporaryDirectory(prefix="triptych-", ignore_cleanup_errors=True) as name:
        try:
            written = _convert(subject, Path(name))
            return _compare(subject, written, siblings)
        except ToolError as error:
            return [Check("reading", DCM2NIIX, "read", "not read", Verdict.NO_ANSWER, error.user_message)]


def _convert(subject: Subject, folder: Path) -> list[tuple[npt.NDArray[Any], FloatArray]]:
    """Run dcm2niix on the files of the stack; (data, LPS affine) of everything it wrote.

    Raises
    ------
    ToolError
        It gave no answer.
    """
    program = dcm2niix_program()
    if program is None:
        raise ToolError("dcm2niix is not installed.")
    files, result = folder / "files", folder / "result"
    files.mkdir()
    result.mkdir()
    try:
        link_files(subject.files, files)
    except OSError as error:
        raise ToolError("The files could not be laid out for it.") from error
    # -m y: slices of one stack stay together whatever their exposure. -p: the rescale of the standard for all but
    # PET, where only the precise scaling follows the slope of each slice. -l o: values as they are. -g i: no defaults
    # of the user. -x i: axes as acquired.
    scaling = "y" if subject.stack.modality == "PT" else "n"
    options = {"b": "n", "z": "n", "m": "y", "p": scaling, "l": "o", "g": "i", "x": "i", "f": "v"}
    arguments = [text for key, value in options.items() for text in (f"-{key}", value)]
    run([str(program), *arguments, "-o", str(result), str(files)], any_code=True)
    written = list(_written(result))
    if not written:
        raise ToolError("It wrote no volume for this series.")
    return written


def _written(folder: Path) -> Iterator[tuple[npt.NDArray[Any], FloatArray]]:
    from nibabel.filebasedimages import ImageFileError
    from nibabel.nifti1 import Nifti1Image

    for path in sorted(folder.glob("*.nii")):
        if any(mark in path.stem for mark in RESAMPLED):
            continue
        try:
            image = Nifti1Image.from_filename(path)
            # In memory, so that Windows can remove the folder.
            data = np.array(image.dataobj[...])
        except (ImageFileError, OSError, ValueError) as error:
            raise ToolError("What it wrote cannot be read.") from error
        if data.dtype.names is None and data.ndim >= 3:
            yield data, _LPS_FROM_RAS @ image.affine


def _compare(
    subject: Subject, written: list[tuple[npt.NDArray[Any], FloatArray]], siblings: Sequence[FrameSource]
) -> list[Check]:
    candidates = [found for data, affine in written for found in _candidates(subject, data, affine)]
    shape = subject.stack.geometry.shape
    if not candidates:
        return [_other_shape(subject, written)]
    best = min(candidates, key=lambda candidate: _differing(subject, candidate))
    checks = [Check("slices", DCM2NIIX, f"{shape[0]}", f"{best.values.shape[0]}", Verdict.AGREE)]
    if subject.oriented:
        checks.append(_place(subject, best))
    return [*checks, *value_checks(subject, lambda k: best.values[k], DCM2NIIX, siblings)]


def _other_shape(subject: Subject, written: list[tuple[npt.NDArray[Any], FloatArray]]) -> Check:
    """Nothing of our shape: a mosaic that was cut up, or a disagreement."""
    ours = " x ".join(str(n) for n in subject.stack.geometry.shape[::-1])
    theirs = ", ".join(" x ".join(str(n) for n in data.shape) for data, _ in written[:3])
    verdict, reason = Verdict.DISAGREE, ""
    values = subject.values(0)
    if "MOSAIC" in subject.stack.image_type and values is not None:
        sums = [float(data.sum(dtype=np.float64)) for data, _ in written]
        if len(sums) == 1 and abs(sums[0] - np.nansum(values)) <= 1e-6 * np.nansum(np.abs(values)):
            verdict = Verdict.EXPLAINED
            reason = (
                "A mosaic: dcm2niix cuts it into slices by private elements, here it is shown as the picture it is. "
                "The sum of all values is the same."
            )
    return Check("slices", DCM2NIIX, ours, theirs, verdict, reason)


def _candidates(subject: Subject, data: npt.NDArray[Any], affine: FloatArray) -> Iterator[_Candidate]:
    """Each volume of what was written, in our index order; none when the shape is another."""
    geometry = subject.stack.geometry
    ours = geometry.patient_from_index[:3, :3]
    axes, signs = [0, 1, 2], [1, 1, 1]
    if subject.oriented:
        turned = (ours / np.linalg.norm(ours, axis=0)).T @ (
            affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
        )
        axes = [int(n) for n in np.abs(turned).argmax(axis=1)]
        if sorted(axes) != [0, 1, 2]:
            return
        signs = [1 if turned[row, axis] > 0 else -1 for row, axis in enumerate(axes)]
    else:
        axes, signs = [2, 1, 0], [1, -1, 1]  # rows of NIfTI run upwards
    if tuple(data.shape[axis] for axis in axes) != geometry.shape:
        return
    turn = np.zeros((4, 4))
    turn[3, 3] = 1.0
    for row, (axis, sign) in enumerate(zip(axes, signs, strict=True)):
        turn[axis, row] = sign
        turn[axis, 3] = 0.0 if sign > 0 else geometry.shape[row] - 1.0
    flips = tuple(slice(None, None, sign) for sign in signs)
    times = data.reshape(*data.shape[:3], -1)
    for n in range(times.shape[3]):
        yield _Candidate(times[..., n].transpose(axes)[flips], affine @ turn)


def _differing(subject: Subject, candidate: _Candidate) -> float:
    """How far the middle slice is from ours, to tell the echoes and times of one file apart."""
    k = subject.count // 2
    found = compare_values(1, lambda _: subject.values(k), lambda _: candidate.values[k], subject.intercept)
    return found.differing + min(found.largest, 1e30) / 1e31


def _place(subject: Subject, candidate: _Candidate) -> Check:
    """Corner voxels of every slice by dcm2niix's affine."""
    geometry = subject.stack.geometry
    depth, rows, columns = geometry.shape
    ends = [(j, i) for j in (0, rows - 1) for i in (0, columns - 1)]
    index = np.array([[(k, j, i, 1.0) for j, i in ends] for k in range(depth)])
    theirs = (index @ candidate.affine.T)[..., :3]
    apart = np.linalg.norm(theirs - subject.corners_mm, axis=2)
    largest = float(apart.max())
    k = int(apart.max(axis=1).argmax())
    ours_text, theirs_text = (f"{point_text(c[k][0])} slice {k + 1}" for c in (subject.corners_mm, theirs))
    if largest <= POSITION_MM:
        return Check("voxel centres", DCM2NIIX, ours_text, theirs_text, Verdict.AGREE, "", largest)
    reason = _why_elsewhere(subject, candidate, apart)
    verdict = Verdict.EXPLAINED if reason else Verdict.DISAGREE
    return Check("voxel centres", DCM2NIIX, ours_text, theirs_text, verdict, reason, largest)


def _why_elsewhere(subject: Subject, candidate: _Candidate, apart: FloatArray) -> str:
    """A NIfTI volume has one step and no shear: dcm2niix writes the interval at one end of the stack.

    It anchors that volume at one end; where the stack is sheared, up to the whole shear away from it.
    """
    if subject.count < 2:
        return ""
    report = subject.stack.report
    tilted = report.tilt_deg > TILT_DEG
    anchor_mm = float(min(apart[0].max(), apart[-1].max()))
    if anchor_mm > POSITION_MM + (_shear_mm(subject) if tilted else 0.0):
        return ""
    step_mm = float(np.linalg.norm(candidate.affine[:3, 0]))
    along = 1.0 / np.cos(np.radians(report.tilt_deg))
    intervals = [gap * factor for gap in (report.gaps_mm[0], report.gaps_mm[-1]) for factor in (1.0, along)]
    if min(abs(step_mm - interval) for interval in intervals) > STEP_MM:
        return ""
    found = ["one spacing"] if max(report.gaps_mm) - min(report.gaps_mm) > EQUAL_MM else []
    found += ["no shear"] if tilted else []
    if not found:
        return ""
    return (
        f"The plain volume of dcm2niix has {' and '.join(found)} ({step_mm:.3f} mm a slice): up to "
        f"{apart.max():.1f} mm off. Here every slice is where its position says."
    )


def _shear_mm(subject: Subject) -> float:
    """How far the last slice is shifted within its plane against the first."""
    normal = subject.stack.geometry.slice_normal
    way = subject.corners_mm[-1][0] - subject.corners_mm[0][0]
    return float(np.linalg.norm(way - (way @ normal) * normal))
