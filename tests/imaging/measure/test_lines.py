"""Length, angle, Cobb angle, bidirectional, against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from tests.phantoms import ramp_affine
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.measure.angle import angle_deg
from viewer.imaging.measure.bidirectional import bidirectional, first_short_axis, moved
from viewer.imaging.measure.cobb import cobb_deg
from viewer.imaging.measure.length import length_mm

G1 = VolumeGeometry((5, 6, 8), ramp_affine("G1"))
AXES = {"sagittal": (1.0, 0.0, 0.0), "oblique": (0.6, 0.0, 0.8)}


def at(k: float, j: float, i: float) -> np.ndarray:
    point: np.ndarray = G1.to_patient(np.array([k, j, i]))
    return point


def turn(degrees_x: float, degrees_z: float) -> np.ndarray:
    """A double oblique: about x, then about z."""
    cx, sx, cz, sz = (f(np.radians(d)) for d in (degrees_x, degrees_z) for f in (np.cos, np.sin))
    rotation: np.ndarray = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, cx, -sx], [0, sx, cx]]
    )
    return rotation


def test_that_G01_a_length_is_taken_in_the_patient_not_in_pixels() -> None:
    assert length_mm(at(1, 1, 2), at(1, 4, 6)) == pytest.approx(7.2111, abs=5e-5)


def test_that_G02_an_angle_is_taken_in_the_patient_not_in_pixels() -> None:
    assert angle_deg(at(1, 1, 6), at(1, 1, 2), at(1, 4, 6)) == pytest.approx(56.3099, abs=5e-5)


@pytest.mark.parametrize("degrees", [0.0, 1e-6, 30.0, 90.0, 179.999999, 180.0])
def test_that_an_angle_is_exact_near_its_ends_too(degrees: float) -> None:
    arm = np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees)), 0.0])
    assert angle_deg([5, 0, 0], [0, 0, 0], 3 * arm) == pytest.approx(degrees, abs=1e-9)


def test_that_an_arm_without_length_has_no_angle() -> None:
    assert angle_deg([1, 2, 3], [1, 2, 3], [4, 5, 6]) is None
    assert cobb_deg([[0, 0, 0], [0, 0, 0], [0, 0, 0], [1, 0, 0]]) is None


@pytest.mark.parametrize("backwards", [False, True])
def test_that_a_cobb_angle_does_not_depend_on_the_way_a_line_is_drawn(backwards: bool) -> None:
    second = [[0.0, 50.0, 0.0], [10 * np.cos(np.radians(25)), 50 + 10 * np.sin(np.radians(25)), 0.0]]
    points = [[0, 0, 0], [7, 0, 0], *(reversed(second) if backwards else second)]
    assert cobb_deg(list(points)) == pytest.approx(25.0)


def test_that_lengths_and_angles_stay_when_the_plane_turns() -> None:
    flat = np.array([[0, 0, 0], [30, 0, 0], [12, 16, 0]], float)
    turned = flat @ turn(30, 45).T + (5, -7, 11)
    assert length_mm(turned[0], turned[2]) == pytest.approx(20.0)
    assert angle_deg(turned[1], turned[0], turned[2]) == pytest.approx(np.degrees(np.arctan2(16, 12)))


def test_that_G06_the_longer_axis_is_the_long_one_whichever_was_drawn_first() -> None:
    sizes = bidirectional([[0, 0, 0], [8, 0, 0], [4, -6, 0], [4, 6, 0]])
    assert (sizes.long_mm, sizes.short_mm) == (12.0, 8.0)


@pytest.mark.parametrize("moving", [0, 1, 2, 3])
def test_that_G06_the_axes_stay_perpendicular_whatever_end_is_moved(moving: int) -> None:
    rotation = turn(30, 45)
    start = rotation @ (1, 2, 3)
    end = rotation @ (31, 12, 3)
    normal = rotation @ (0, 0, 1)
    points = np.concatenate([[start, end], first_short_axis(start, end, normal)])
    target = points[moving] + rotation @ (3.0, -5.0, 0)
    after = moved(points, moving, target)
    long, short = after[1] - after[0], after[3] - after[2]
    assert long @ short == pytest.approx(0.0, abs=1e-9)
    assert np.abs((after - start) @ normal).max() < 1e-9, "it left its plane"
    # The short axis meets the long one, so the pair stays one lesion's.
    share = (after[2] - after[0]) @ long / (long @ long)
    assert -1e-9 <= share <= 1 + 1e-9
    if moving < 2:
        np.testing.assert_allclose(after[moving], target)
        assert length_mm(after[2], after[3]) == pytest.approx(length_mm(points[2], points[3]))
    else:
        np.testing.assert_allclose(after[:2], points[:2])
