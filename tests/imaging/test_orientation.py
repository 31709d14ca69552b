"""Edge letters against the published table (clinical spec E.1) and the display convention (rule A22)."""

from __future__ import annotations

import numpy as np
import pytest

from viewer.imaging.orientation import (
    SCREEN_AXES,
    Anatomy,
    acquired_frame,
    letters,
    nearest_anatomy,
    opposite,
    plane_axes,
)


def rotation(axis: str, degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return {
        "x": np.array([[1, 0, 0], [0, c, -s], [0, s, c]]),
        "z": np.array([[c, -s, 0], [s, c, 0], [0, 0, 1.0]]),
    }[axis]


OBLIQUE = rotation("z", 10) @ rotation("x", 20)
HALF = np.sqrt(0.5)

TABLE = [
    ((1, 0, 0), (0, 1, 0), 0.2, "R", "L", "A", "P"),
    ((0, 1, 0), (0, 0, -1), 0.2, "A", "P", "H", "F"),
    ((1, 0, 0), (0, 0, -1), 0.2, "R", "L", "H", "F"),
    ((-1, 0, 0), (0, -1, 0), 0.2, "L", "R", "P", "A"),
    ((0, -1, 0), (1, 0, 0), 0.2, "P", "A", "R", "L"),
    (tuple(OBLIQUE[:, 0]), tuple(OBLIQUE[:, 1]), 0.2, "R", "L", "AF", "PH"),
    (tuple(OBLIQUE[:, 0]), tuple(OBLIQUE[:, 1]), 0.0001, "RA", "LP", "AFL", "PHR"),
    ((1, 0, 0), (0, 0.948, -0.317), 0.2, "R", "L", "AH", "PF"),
    ((HALF, HALF, 0), (0, 0, -1), 0.2, "RA", "LP", "H", "F"),
]


@pytest.mark.parametrize("row, column, threshold, left, right, top, bottom", TABLE)
def test_that_E02_letters_agree_with_the_published_table(
    row: tuple[float, ...],
    column: tuple[float, ...],
    threshold: float,
    left: str,
    right: str,
    top: str,
    bottom: str,
) -> None:
    assert letters(row, threshold) == right
    assert opposite(letters(row, threshold)) == left
    assert letters(column, threshold) == bottom
    assert letters(-np.array(column), threshold) == top


def test_that_E03_no_direction_has_no_letter() -> None:
    assert letters((0, 0, 0)) == ""
    assert letters((np.nan, 0, 0)) == ""


def test_that_A22_panes_follow_the_radiological_convention() -> None:
    edges = {}
    for plane in Anatomy:
        right, down = SCREEN_AXES[plane]
        edges[plane] = (opposite(letters(right)), opposite(letters(down)))
    assert edges == {Anatomy.AXIAL: ("R", "A"), Anatomy.CORONAL: ("R", "H"), Anatomy.SAGITTAL: ("A", "H")}


@pytest.mark.parametrize(
    "row, column, expected",
    [
        ((0, 1, 0), (0, 0, -1), "sagittal"),
        ((1, 0, 0), (0, 0, -1), "coronal"),
        ((1, 0, 0), (0, 1, 0), "axial"),
    ],
)
def test_that_A19_the_acquired_frame_of_any_plane_is_the_patient_frame(
    row: tuple[int, ...], column: tuple[int, ...], expected: str
) -> None:
    matrix = np.eye(4)
    matrix[:3, 2], matrix[:3, 1] = row, column
    matrix[:3, 0] = np.cross(row, column)
    assert acquired_frame(matrix) == pytest.approx(np.eye(3))
    assert nearest_anatomy(np.cross(row, column)) == expected


def test_that_A20_the_acquired_frame_of_an_oblique_series_contains_its_slices() -> None:
    matrix = np.eye(4)
    matrix[:3, 2], matrix[:3, 1], matrix[:3, 0] = OBLIQUE[:, 0], OBLIQUE[:, 1], OBLIQUE[:, 2] * 3
    frame = acquired_frame(matrix)
    assert frame == pytest.approx(OBLIQUE)
    right, down = plane_axes(Anatomy.AXIAL, frame)
    assert np.cross(right, down) == pytest.approx(OBLIQUE[:, 2])


def test_that_a_prone_series_keeps_the_patient_frame() -> None:
    matrix = np.zeros((4, 4))
    matrix[2, 0], matrix[1, 1], matrix[0, 2], matrix[3, 3] = 3, -1, -1, 1
    assert acquired_frame(matrix) == pytest.approx(np.eye(3))
