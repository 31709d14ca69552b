"""Whether two volumes have the same voxels in the patient, in whatever order their files write them (rule I09)."""

from __future__ import annotations

import numpy as np

from viewer.imaging.geometry import VolumeGeometry

STEP_MM = 1e-3
"""Entries of two affines may differ by this in mm a voxel; NIfTI writes them in single precision."""
ORIGIN_MM = 0.01
"""And the centre of the first voxel by this."""


def same_grid(one: VolumeGeometry, other: VolumeGeometry) -> bool:
    """Whether every voxel centre of one volume is a voxel centre of the other and the other way round.

    Axes may be exchanged and reversed: a NIfTI file made from a DICOM series usually counts its rows from the other
    end. The FrameOfReferenceUID is not looked at, since only DICOM has one.

    Returns
    -------
    bool
        False as well when a position in the patient or the spacing is unknown or the slices are not equidistant.
    """
    if not all(g.oriented and g.calibrated and g.uniform for g in (one, other)):
        return False
    steps = other.index_from_patient[:3, :3] @ one.patient_from_index[:3, :3]
    turn = np.rint(steps)
    if np.abs(steps - turn).max() > 0.1 or not np.array_equal(np.abs(turn) @ np.abs(turn).T, np.eye(3)):
        return False
    if not np.array_equal(np.abs(turn) @ np.array(one.shape), np.array(other.shape)):
        return False
    # The affine of `other` in the axis order of `one`: reversed axes start at the last index.
    reordered = np.eye(4)
    reordered[:3, :3] = turn
    reordered[:3, 3] = np.where(turn.sum(axis=1) < 0, np.array(other.shape) - 1, 0)
    difference = np.abs(other.patient_from_index @ reordered - one.patient_from_index)
    return bool(difference[:3, :3].max() <= STEP_MM and difference[:3, 3].max() <= ORIGIN_MM)
