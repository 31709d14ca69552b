"""Rigid movements of patient space: 4x4 matrices on LPS millimetres that keep distances and handedness."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.errors import GeometryError
from viewer.imaging.geometry import FloatArray

_RIGID = 1e-3
"""Matrices of files are written with a few digits; larger deviations are scaling or shear."""


@dataclass(frozen=True)
class Movement:
    """A rigid movement in numbers that people can type.

    Parameters
    ----------
    shift_mm
        (x, y, z): where the pivot goes, LPS.
    turn_deg
        Rotations about the patient's x, y and z axes through the pivot, done in this order.
    """

    shift_mm: tuple[float, float, float] = (0.0, 0.0, 0.0)
    turn_deg: tuple[float, float, float] = (0.0, 0.0, 0.0)


def rotation(axis: npt.ArrayLike, angle_deg: float) -> FloatArray:
    """(3, 3) rotation about a direction, right-handed (Rodrigues)."""
    x, y, z = np.asarray(axis, float) / np.linalg.norm(axis)
    angle = math.radians(angle_deg)
    k = np.array([[0, -z, y], [z, 0, -x], [-y, x, 0]])
    result: FloatArray = np.eye(3) + math.sin(angle) * k + (1 - math.cos(angle)) * (k @ k)
    return result


def shift(vector_mm: npt.ArrayLike) -> FloatArray:
    """(4, 4) translation."""
    matrix = np.eye(4)
    matrix[:3, 3] = vector_mm
    return matrix


def about(point_mm: npt.ArrayLike, turn: FloatArray) -> FloatArray:
    """(4, 4) of a (3, 3) rotation that leaves a point where it is."""
    point = np.asarray(point_mm, float)
    matrix = np.eye(4)
    matrix[:3, :3] = turn
    matrix[:3, 3] = point - turn @ point
    return matrix


def matrix_of(movement: Movement, pivot_mm: npt.ArrayLike) -> FloatArray:
    """(4, 4) of a movement about a pivot."""
    turn = np.eye(3)
    for axis, angle in zip(np.eye(3), movement.turn_deg, strict=True):
        turn = rotation(axis, angle) @ turn
    result: FloatArray = shift(movement.shift_mm) @ about(pivot_mm, turn)
    return result


def movement_of(matrix: FloatArray, pivot_mm: npt.ArrayLike) -> Movement:
    """The inverse of `matrix_of`; the turn about y lies between -90 and 90 degrees."""
    r = matrix[:3, :3]
    y = math.asin(max(-1.0, min(1.0, -r[2, 0])))
    if abs(r[2, 0]) < 1 - 1e-12:
        x, z = math.atan2(r[2, 1], r[2, 2]), math.atan2(r[1, 0], r[0, 0])
    else:  # x and z turn about the same line: all of it is given to z
        x, z = 0.0, math.atan2(-r[0, 1], r[1, 1])
    pivot = np.asarray(pivot_mm, float)
    away = r @ pivot + matrix[:3, 3] - pivot
    return Movement(
        (float(away[0]), float(away[1]), float(away[2])),
        (math.degrees(x), math.degrees(y), math.degrees(z)),
    )


def angle_deg(matrix: FloatArray) -> float:
    """Angle of the rotation in a movement."""
    r = matrix[:3, :3]
    # The sine part keeps small angles exact, where the cosine is flat.
    sine = float(np.linalg.norm([r[2, 1] - r[1, 2], r[0, 2] - r[2, 0], r[1, 0] - r[0, 1]])) / 2
    return math.degrees(math.atan2(sine, (float(np.trace(r)) - 1) / 2))


def farthest_mm(matrix: FloatArray, points_mm: FloatArray) -> float:
    """How far a movement takes the point of (n, 3) that it takes the farthest."""
    moved = points_mm @ matrix[:3, :3].T + matrix[:3, 3]
    return float(np.linalg.norm(moved - points_mm, axis=1).max())


def as_rigid(matrix: npt.ArrayLike) -> FloatArray:
    """The rigid movement that a matrix from a file says, its digits rounded away.

    Parameters
    ----------
    matrix
        (4, 4) or 16 numbers row by row.

    Raises
    ------
    GeometryError
        It scales, shears, mirrors or projects.
    """
    found = np.asarray(matrix, np.float64)
    if found.size != 16 or not np.isfinite(found).all():
        raise GeometryError("The transformation is not a matrix of 16 numbers.")
    found = found.reshape(4, 4)
    turn = found[:3, :3]
    if not np.allclose(found[3], [0, 0, 0, 1], atol=1e-9) or np.linalg.det(turn) <= 0:
        raise GeometryError("The transformation is not a rigid movement.")
    if np.abs(turn @ turn.T - np.eye(3)).max() > _RIGID:
        raise GeometryError("The transformation scales or shears; only rigid movements are applied.")
    u, _, v = np.linalg.svd(turn)
    result = np.eye(4)
    result[:3, :3] = u @ v
    result[:3, 3] = found[:3, 3]
    return result
