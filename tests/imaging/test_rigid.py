"""Rigid movements against SciPy's rotations and numbers from paper."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from viewer.errors import GeometryError
from viewer.imaging.rigid import (
    Movement,
    about,
    angle_deg,
    as_rigid,
    farthest_mm,
    matrix_of,
    movement_of,
    rotation,
    shift,
)

numbers = st.floats(-300, 300)
triples = st.tuples(numbers, numbers, numbers)


@given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1), st.floats(-180, 180))
def test_that_a_rotation_about_a_direction_is_scipys(axis: tuple[float, float, float], angle: float) -> None:
    vector = np.array(axis) / np.linalg.norm(axis) * np.radians(angle)
    np.testing.assert_allclose(rotation(axis, angle), Rotation.from_rotvec(vector).as_matrix(), atol=1e-12)
    assert angle_deg(about((1, 2, 3), rotation(axis, angle))) == pytest.approx(abs(angle), abs=1e-6)


@given(triples, st.tuples(st.floats(-179, 179), st.floats(-89, 89), st.floats(-179, 179)), triples)
def test_that_typed_numbers_come_back(
    away: tuple[float, float, float], turn: tuple[float, float, float], pivot: tuple[float, float, float]
) -> None:
    matrix = matrix_of(Movement(away, turn), pivot)
    np.testing.assert_allclose(
        matrix[:3, :3], Rotation.from_euler("xyz", turn, degrees=True).as_matrix(), atol=1e-12
    )
    np.testing.assert_allclose(matrix[:3, :3] @ pivot + matrix[:3, 3], np.add(pivot, away), atol=1e-9)
    found = movement_of(matrix, pivot)
    np.testing.assert_allclose(found.shift_mm, away, atol=1e-8)
    np.testing.assert_allclose(found.turn_deg, turn, atol=1e-6)


def test_that_a_quarter_turn_about_y_still_gives_the_same_matrix() -> None:
    matrix = matrix_of(Movement((1, 2, 3), (20, 90, 30)), (0, 0, 0))
    np.testing.assert_allclose(matrix_of(movement_of(matrix, (0, 0, 0)), (0, 0, 0)), matrix, atol=1e-9)


def test_that_the_farthest_point_counts() -> None:
    matrix = about((0, 0, 0), rotation((0, 0, 1), 90))
    assert farthest_mm(matrix, np.array([[0.0, 0, 5], [3.0, 4.0, 0]])) == pytest.approx(5 * np.sqrt(2))
    assert farthest_mm(shift((2, 3, 6)), np.zeros((1, 3))) == pytest.approx(7)


def test_that_matrices_of_files_lose_their_rounding_and_nothing_else() -> None:
    exact = matrix_of(Movement((10, 20, 30), (5, 6, 7)), (0, 0, 0))
    found = as_rigid([float(f"{value:.5f}") for value in exact.ravel()])
    np.testing.assert_allclose(found, exact, atol=2e-5)
    np.testing.assert_allclose(found[:3, :3] @ found[:3, :3].T, np.eye(3), atol=1e-12)


@pytest.mark.parametrize(
    "matrix,reason",
    [
        (np.eye(3), "16 numbers"),
        (np.full(16, np.nan), "16 numbers"),
        (np.diag([1, 1, -1, 1]), "not a rigid movement"),
        (np.diag([1.01, 1, 1, 1]), "scales or shears"),
        (np.array([[1, 0.01, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]]), "scales or shears"),
        (np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 1, 1]]), "not a rigid movement"),
    ],
)
def test_that_what_is_not_rigid_is_refused(matrix: np.ndarray, reason: str) -> None:
    with pytest.raises(GeometryError, match=reason):
        as_rigid(matrix)
