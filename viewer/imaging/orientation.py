"""Directions in words: edge letters and the three standard planes (clinical rules A20-A22, E01-E03)."""

from __future__ import annotations

import math
from enum import StrEnum
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, cross

LABEL_THRESHOLD = 0.2
"""A further letter is added when its direction cosine exceeds this (rule E02, the overlay's value)."""

_LETTERS = (("L", "R"), ("P", "A"), ("H", "F"))
_OPPOSITE = {"L": "R", "R": "L", "P": "A", "A": "P", "H": "F", "F": "H"}


class Anatomy(StrEnum):
    """The three planes of a multiplanar view."""

    AXIAL = "axial"
    SAGITTAL = "sagittal"
    CORONAL = "coronal"


SCREEN_AXES: dict[Anatomy, tuple[tuple[int, int, int], tuple[int, int, int]]] = {
    # (right, down) in LPS, radiological convention (rule A22): the observer faces the patient or stands at the feet.
    Anatomy.AXIAL: ((1, 0, 0), (0, 1, 0)),
    Anatomy.CORONAL: ((1, 0, 0), (0, 0, -1)),
    Anatomy.SAGITTAL: ((0, 1, 0), (0, 0, -1)),
}


def letters(direction: npt.ArrayLike, threshold: float = LABEL_THRESHOLD) -> str:
    """Letters of the patient direction a vector points to, by decreasing component (PS3.3 C.7.6.1.1.1).

    Parameters
    ----------
    direction
        (3,) LPS vector, need not be of unit length.
    threshold
        Least direction cosine of the second and third letter.

    Returns
    -------
    str
        One to three of L R P A H F; empty for a zero or non-finite vector.
    """
    # Every pane asks for its letters in every frame, nearly always for the same ones.
    x, y, z = np.asarray(direction, dtype=np.float64).tolist()
    return _letters((x, y, z), threshold)


@lru_cache(256)
def _letters(given: tuple[float, float, float], threshold: float) -> str:
    length = math.hypot(*given)
    if not math.isfinite(length) or length == 0:
        return ""
    vector = [component / length for component in given]
    order = sorted(range(3), key=lambda axis: -abs(vector[axis]))
    found = [axis for rank, axis in enumerate(order) if rank == 0 or abs(vector[axis]) > threshold]
    return "".join(_LETTERS[axis][0 if vector[axis] > 0 else 1] for axis in found)


def opposite(text: str) -> str:
    """The letters of the other edge."""
    return "".join(_OPPOSITE[letter] for letter in text)


def nearest_anatomy(normal: npt.ArrayLike) -> Anatomy:
    """The anatomical plane whose normal is nearest to a vector."""
    axis = int(np.argmax(np.abs(np.asarray(normal, dtype=np.float64))))
    return (Anatomy.SAGITTAL, Anatomy.CORONAL, Anatomy.AXIAL)[axis]


def plane_axes(anatomy: Anatomy, frame: npt.ArrayLike | None = None) -> tuple[FloatArray, FloatArray]:
    """(right, down) unit vectors of a pane.

    Parameters
    ----------
    anatomy
        Which plane.
    frame
        (3, 3) orthonormal matrix whose columns replace the patient axes x, y, z (acquired planes of an oblique
        series, rule A20); None for the patient's own axes.
    """
    right, down, _ = _axes(anatomy, None if frame is None else np.asarray(frame, dtype=np.float64).tobytes())
    return right, down


def plane_normal(anatomy: Anatomy, frame: npt.ArrayLike | None = None) -> FloatArray:
    """Unit vector right x down of a pane; see `plane_axes`."""
    return _axes(anatomy, None if frame is None else np.asarray(frame, dtype=np.float64).tobytes())[2]


@lru_cache(256)
def _axes(anatomy: Anatomy, frame: bytes | None) -> tuple[FloatArray, FloatArray, FloatArray]:
    """(right, down, normal), read-only: a frame asks for them dozens of times."""
    rotation = np.eye(3) if frame is None else np.frombuffer(frame).reshape(3, 3)
    right, down = (rotation @ np.array(axis, dtype=np.float64) for axis in SCREEN_AXES[anatomy])
    axes = (right, down, cross(right, down))
    for axis in axes:
        axis.setflags(write=False)
    return axes


def acquired_frame(patient_from_index: npt.ArrayLike) -> FloatArray:
    """The rotation nearest to the patient axes whose columns lie along an acquisition's own axes.

    Rows and columns of the slices are kept exactly; the third axis is their normal, so a sheared stack gives an
    orthonormal frame as well.

    Parameters
    ----------
    patient_from_index
        4x4 affine with columns (slice, row, column).

    Returns
    -------
    ndarray
        (3, 3) orthonormal, determinant +1; columns replace x, y and z.
    """
    affine = np.asarray(patient_from_index, dtype=np.float64)
    i_axis = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    normal = np.cross(affine[:3, 2], affine[:3, 1])
    normal /= np.linalg.norm(normal)
    axes = [i_axis, np.cross(normal, i_axis), normal]
    best: FloatArray = np.eye(3)
    best_trace = -np.inf
    for order in ((0, 1, 2), (0, 2, 1), (1, 0, 2), (1, 2, 0), (2, 0, 1), (2, 1, 0)):
        columns = []
        trace = 0.0
        for patient_axis, which in enumerate(order):
            sign = 1.0 if axes[which][patient_axis] >= 0 else -1.0
            columns.append(sign * axes[which])
            trace += abs(axes[which][patient_axis])
        candidate = np.column_stack(columns)
        if trace > best_trace + 1e-9 and np.linalg.det(candidate) > 0:
            best, best_trace = candidate, trace
    return best
