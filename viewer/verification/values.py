"""The two rows about values that every program is asked for: the range and all voxels."""

from __future__ import annotations

from collections.abc import Sequence

from viewer.dicom.model import FrameSource
from viewer.verification.checks import Check, Slices, Verdict, compare_values, range_text
from viewer.verification.predictions import explain
from viewer.verification.subject import Subject


def value_checks(
    subject: Subject, theirs: Slices, tool: str, siblings: Sequence[FrameSource]
) -> tuple[Check, ...]:
    """Compare the range and every voxel.

    Parameters
    ----------
    subject
        The stack.
    theirs
        Values of the other program, by our slice number, in our orientation.
    tool
        Its name.
    siblings
        All frames of the series.
    """
    found = compare_values(subject.count, subject.values, theirs, subject.intercept)
    if not found.compared:
        reason = "No slice holds values that could be compared."
        return (Check("values", tool, "none", "none", Verdict.NO_ANSWER, reason),)
    verdict, reason = Verdict.AGREE, ""
    if not found.agrees:
        reason = explain(subject, theirs, tool, siblings)
        verdict = Verdict.EXPLAINED if reason else Verdict.DISAGREE
    damaged = int(subject.volume.corrupt.sum())
    voxels = f"{found.compared} voxels"
    if found.left_out:
        voxels += f", {found.left_out} padding"
    if damaged:
        voxels += f", {damaged} damaged slice{'s' * (damaged != 1)} left out"
    differ = "all equal" if found.agrees else f"{found.differing} differ, by up to {found.largest:.6g}"
    ends_differ = max(abs(a - b) for a, b in zip(found.ours, found.theirs, strict=True))
    ends_agree = found.agrees or ends_differ == 0
    return (
        Check(
            "value range",
            tool,
            range_text(found.ours, subject.unit),
            range_text(found.theirs, subject.unit),
            Verdict.AGREE if ends_agree else verdict,
            "" if ends_agree else reason,
            ends_differ,
        ),
        Check("values", tool, voxels, differ, verdict, reason, found.largest),
    )
