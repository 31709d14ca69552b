"""How the three planes lie to a grid of voxels. Pure functions of a geometry."""

from __future__ import annotations

import math

import numpy as np

from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.orientation import acquired_frame

ACQUIRED_BELOW_DEG = 20.0
"""Up to this obliquity panes follow the acquired planes (rule A20)."""
TILT_ABOVE_DEG = 0.1
"""A stack sheared by more is shown on the patient's axes (rule A15)."""


def default_frame(geometry: VolumeGeometry, *, patient: bool = False) -> FloatArray:
    """Directions of the three planes for a new volume (rules A15, A20): acquired unless tilted or very oblique.

    With `patient` always the patient's own axes.
    """
    if (
        patient
        or not geometry.oriented
        or geometry.tilt_deg > TILT_ABOVE_DEG
        or geometry.obliquity_deg >= ACQUIRED_BELOW_DEG
    ):
        return np.eye(3)
    frame = acquired_frame(geometry.patient_from_index)
    return np.eye(3) if np.allclose(frame, np.eye(3), atol=1e-6) else frame


def grid_axis(geometry: VolumeGeometry, normal: FloatArray, tolerance: float = 1e-4) -> int | None:
    """The array axis whose index planes are parallel to a plane with this normal, or None when it cuts across."""
    x, y, z = normal.tolist()
    for axis, (gx, gy, gz) in enumerate(geometry.index_from_patient[:3, :3].tolist()):
        along = (gx * x + gy * y + gz * z) / math.hypot(gx, gy, gz)
        if abs(abs(along) - 1.0) < tolerance:
            return axis
    return None


def pitch_along(geometry: VolumeGeometry, direction: FloatArray) -> float:
    """Voxel pitch in mm along a unit direction."""
    per_mm = geometry.index_from_patient[:3, :3] @ direction
    return float(1.0 / np.abs(per_mm).max())


def voxel_centre(geometry: VolumeGeometry, point_mm: FloatArray) -> FloatArray:
    """Centre of the voxel at a point, so that a first picture shows acquired slices, not a blend of two."""
    index = np.floor(geometry.to_index(point_mm) + 1e-6)
    return geometry.to_patient(np.clip(index, 0, np.array(geometry.shape) - 1))


def share_inside(geometry: VolumeGeometry, point_mm: FloatArray, step_mm: FloatArray) -> float:
    """How much of a step, 0 to 1, stays between the outermost voxel centres, for a point that lies there.

    A plane that is scrolled must move along its normal only; a point that slid along the border would move the others.
    """
    start, end = geometry.to_index(point_mm), geometry.to_index(point_mm + step_mm)
    last = np.array(geometry.shape) - 1.0
    share = 1.0
    for at, to, most in zip(start, end, last, strict=True):
        if to > most and to > at:
            share = min(share, max(0.0, (most - at) / (to - at)))
        elif to < 0 and to < at:
            share = min(share, max(0.0, at / (at - to)))
    return float(share)
