"""Curved pictures against closed forms: a circle, a helix, a ramp, and a straight path as an ordinary plane."""

from __future__ import annotations

import math

import numpy as np
import pytest

from viewer.imaging.curved import (
    SpacePath,
    path_through,
    sample_surface,
    straightened,
    stretched,
)
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, sample_plane
from viewer.imaging.volume import Volume

RADIUS, RISE = 12.0, 4.0
"""Helix: radius, and rise for one radian, mm."""
SPEED = math.hypot(RADIUS, RISE)


def helix(angles: np.ndarray) -> np.ndarray:
    return np.column_stack([RADIUS * np.cos(angles), RADIUS * np.sin(angles), RISE * angles])


@pytest.fixture(scope="module")
def coil() -> SpacePath:
    """One turn and a half through 55 points."""
    return path_through(helix(np.linspace(0, 3 * np.pi, 55)), 0.25)


def ramp_volume(shear: float = 0.0, offsets: np.ndarray | None = None) -> Volume:
    """Stored value 1000 k + 100 j + 10 i over 60 mm about the origin."""
    shape = (41, 41, 61)
    affine = np.zeros((4, 4))
    affine[:3, 0], affine[:3, 1], affine[:3, 2] = (0, 0, 1.5), (0, 1.5, shear), (1.0, 0, 0)
    affine[:, 3] = (-30, -30, -30, 1)
    k, j, i = np.indices(shape)
    geometry = VolumeGeometry(shape, affine, slice_offsets=offsets)
    return Volume("v", (1000 * k + 100 * j + 10 * i).astype(np.float32), geometry)


def test_that_the_length_of_a_helix_is_its_closed_form(coil: SpacePath) -> None:
    assert coil.length_mm == pytest.approx(3 * np.pi * SPEED, rel=1e-4)
    assert coil.knots_mm == pytest.approx(np.linspace(0, 3 * np.pi, 55) * SPEED, rel=1e-4, abs=5e-3)


def test_that_steps_are_equal_and_lie_on_the_helix(coil: SpacePath) -> None:
    steps = np.linalg.norm(np.diff(coil.points, axis=0), axis=1)
    assert steps == pytest.approx(coil.step_mm, rel=1e-4)
    expected = helix(np.arange(len(coil.points)) * coil.step_mm / SPEED)
    assert coil.points[10:-10] == pytest.approx(expected[10:-10], abs=5e-3)
    assert coil.points == pytest.approx(expected, abs=0.03)


def test_that_the_path_goes_through_each_control_point() -> None:
    control = np.array([[0, 0, 0], [10, 2, 0], [11, 14, 5], [30, 15, 5], [30, 15, 5], [28, 40, 20.0]])
    path = path_through(control, 0.05)
    assert len(path.knots_mm) == 5  # the repeated point counts once
    for point in control:
        assert np.linalg.norm(path.points - point, axis=1).min() < 0.05
    at_knots = path.points[np.round(path.knots_mm / path.step_mm).astype(int)]
    assert at_knots == pytest.approx(control[[0, 1, 2, 3, 5]], abs=0.05)


def barry_goldman(p: np.ndarray, share: float) -> np.ndarray:
    """Centripetal Catmull-Rom between p[1] and p[2] by the pyramid of Barry and Goldman (1988)."""
    t = np.concatenate([[0.0], np.cumsum(np.sqrt(np.linalg.norm(np.diff(p, axis=0), axis=1)))])
    at = t[1] + share * (t[2] - t[1])

    def mix(a: np.ndarray, b: np.ndarray, low: float, high: float) -> np.ndarray:
        mixed: np.ndarray = ((high - at) * a + (at - low) * b) / (high - low)
        return mixed

    a1, a2, a3 = (mix(p[n], p[n + 1], t[n], t[n + 1]) for n in range(3))
    return mix(mix(a1, a2, t[0], t[2]), mix(a2, a3, t[1], t[3]), t[1], t[2])


def test_that_the_spline_is_the_centripetal_one() -> None:
    """Unevenly spaced points are where the kinds of Catmull-Rom splines differ."""
    control = np.array([[0, 0, 0], [12, 1, 0], [13, 3, 1], [2, 9, 14.0]])
    path = path_through(control, 0.02)
    for share in (0.1, 0.35, 0.5, 0.8):
        away = np.linalg.norm(path.points - barry_goldman(control, share), axis=1)
        assert away.min() < 0.012


def test_that_the_frame_does_not_turn_about_the_path(coil: SpacePath) -> None:
    """Against the principal normal of a helix it turns back by torsion times length: RISE / SPEED^2 each mm."""
    assert np.sum(coil.normals * coil.tangents, axis=1) == pytest.approx(0, abs=1e-12)
    s = np.arange(len(coil.points)) * coil.step_mm
    angles = s / SPEED
    principal = np.column_stack([-np.cos(angles), -np.sin(angles), np.zeros_like(angles)])
    binormal = np.cross(coil.tangents, principal)
    turn = np.unwrap(
        np.arctan2(np.sum(coil.normals * binormal, axis=1), np.sum(coil.normals * principal, axis=1))
    )
    middle = slice(100, -100)  # the ends of a spline are not those of a helix
    expected = -(s[middle] - s[100]) * RISE / SPEED**2
    assert turn[middle] - turn[100] == pytest.approx(expected, abs=5e-3)


def test_that_two_points_make_a_straight_line_and_one_is_none() -> None:
    path = path_through([[0, 0, 0], [3, 4, 12]], 1.0)
    assert path.length_mm == pytest.approx(13)
    assert path.points == pytest.approx(np.linspace(0, 1, 14)[:, None] * [3, 4, 12])
    for few in ([[1, 2, 3]], [[1, 2, 3], [1, 2, 3]], []):
        with pytest.raises(ValueError, match="two different points"):
            path_through(few, 1.0)


UNEVEN = np.cumsum([0, *[1.0, 1.6, 0.6, 0.8] * 10])
VOLUMES = {
    "straight": ramp_volume(),
    "tilted": ramp_volume(shear=0.4),
    "uneven": ramp_volume(offsets=UNEVEN / UNEVEN[-1] * 40),
}


@pytest.mark.parametrize("make", [straightened, stretched])
@pytest.mark.parametrize("case", VOLUMES)
def test_that_each_pixel_has_the_value_of_the_ramp_where_it_says_it_lies(case: str, make: object) -> None:
    volume = VOLUMES[case]
    path = path_through([[-18, -15, -14], [0, 5, -5], [12, -8, 6], [15, 12, 16]], 0.5)
    surface = make(path, 12.0, 35.0)  # type: ignore[operator]
    picture = sample_surface(volume, surface, 0.5)
    columns = np.linspace(surface.low_mm, surface.high_mm, picture.shape[1])
    checked = 0
    for row in range(0, picture.shape[0], 7):
        for column in range(0, picture.shape[1], 5):
            point = surface.at(columns[column], row * surface.step_mm)
            index = volume.geometry.to_index(point)
            if np.all(index > 0) and np.all(index < np.array(volume.geometry.shape) - 1):
                assert picture[row, column] == pytest.approx(index @ [1000, 100, 10], abs=0.1)
                checked += 1
    assert checked > 60


@pytest.mark.parametrize("make", [straightened, stretched])
def test_that_a_straight_path_gives_the_oblique_plane(make: object) -> None:
    volume = VOLUMES["straight"]
    start, end = np.array([-10.0, -12, -9]), np.array([9.0, 11, 12])
    path = path_through([start, end], 0.5)
    surface = make(path, 16.0, 25.0)  # type: ignore[operator]
    picture = sample_surface(volume, surface, 0.5, Interpolation.CUBIC)
    across = surface.at(1, 0) - surface.at(0, 0)
    assert across @ (end - start) == pytest.approx(0, abs=1e-9)
    assert np.linalg.norm(across) == pytest.approx(1)
    pitch = 16.0 / (picture.shape[1] - 1)
    plane = Plane(
        start - 8 * across,
        across * pitch,
        (end - start) / (len(path.points) - 1),
        picture.shape[1],
        picture.shape[0],
    )
    expected = sample_plane(volume, plane, interpolation=Interpolation.CUBIC)
    assert picture == pytest.approx(expected, abs=0.05, nan_ok=True)


def test_that_lengths_within_a_stretched_picture_are_those_of_the_path(coil: SpacePath) -> None:
    """The surface can be unrolled: the path measures the same in the picture as in the patient."""
    for angle in (0.0, 40.0, 90.0):
        surface = stretched(coil, 10.0, angle)
        rows = np.arange(len(surface.middles)) * surface.step_mm
        drawn = np.hypot(np.diff(surface.path_x_mm), np.diff(rows)).sum()
        assert drawn == pytest.approx(coil.length_mm, rel=2e-3)
        assert surface.path_s_mm[-1] == pytest.approx(coil.length_mm)
        on_path = surface.at(surface.path_x_mm[80], rows[80])
        assert np.linalg.norm(coil.points - on_path, axis=1).min() <= coil.step_mm / 2 + 0.01


@pytest.mark.parametrize("make", [straightened, stretched])
def test_that_places_are_found_again(coil: SpacePath, make: object) -> None:
    surface = make(coil, 10.0, 20.0)  # type: ignore[operator]
    for x, y in ((0.0, 0.0), (3.0, 20.0), (-4.5, 71.3), (1.0, surface.height_mm)):
        found_x, found_y, distance = surface.project(surface.at(x, y))
        assert (found_x, found_y) == pytest.approx((x, y), abs=0.02)
        assert distance == pytest.approx(0, abs=0.01)


def test_that_the_distance_from_the_surface_is_given() -> None:
    surface = straightened(path_through([[0, 0, 0], [0, 0, 30]], 0.5), 20.0)
    x, y, distance = surface.project((4.0, 3.0, 12.2))
    assert (x, y, distance) == pytest.approx((4.0, 12.2, 3.0))
    turned = straightened(path_through([[0, 0, 0], [0, 0, 30]], 0.5), 20.0, 90.0)
    assert turned.project((0.0, 5.0, 12.0)) == pytest.approx((5.0, 12.0, 0.0), abs=1e-9)


def test_that_a_path_that_comes_back_is_unrolled_twice() -> None:
    path = path_through([[0, 0, 0], [20, 0, 0], [0, 0, 0]], 0.5)
    assert stretched(path, 10.0, 70.0).height_mm == pytest.approx(path.length_mm)
    assert path.length_mm == pytest.approx(40, rel=0.01)
