"""The phantom's shapes against closed forms."""

from __future__ import annotations

import numpy as np
import pytest

from viewer.dicom.demo import ct
from viewer.dicom.demo.shapes import Array, Capsule, Ellipsoid, Grid, Mirrored, union, waves, without


def small_grid() -> Grid:
    axis = np.linspace(-12, 12, 25, dtype=np.float32)
    return Grid(axis, axis[:21], axis[:19])


def test_that_a_sphere_and_a_capsule_have_their_closed_form_distance() -> None:
    x, y, z = small_grid().points
    radius = np.sqrt((x - 1) ** 2 + (y + 2) ** 2 + z**2)
    sphere = Ellipsoid((1.0, -2.0, 0.0), (5.0, 5.0, 5.0)).distance(x, y, z)
    assert np.allclose(sphere, radius - 5, atol=1e-4)
    capsule = Capsule((0.0, 0.0, -4.0), (0.0, 0.0, 4.0), 2.0, 2.0).distance(x, y, z)
    beyond = np.maximum(np.abs(z) - 4, 0)
    assert np.allclose(capsule, np.sqrt(x**2 + y**2 + beyond**2) - 2, atol=1e-4)


def test_that_a_mirrored_shape_is_the_same_on_the_other_side() -> None:
    x, y, z = small_grid().points
    shape = Ellipsoid((4.0, 1.0, 0.0), (3.0, 5.0, 2.0), 30.0)
    assert np.array_equal(Mirrored(shape).distance(x, y, z), shape.distance(-x, y, z))
    (low, _, _), (high, _, _) = Mirrored(shape).bounds
    assert (low, high) == (-shape.bounds[1][0], -shape.bounds[0][0])


def test_that_union_and_difference_are_minimum_and_maximum_away_from_the_seam() -> None:
    a, b = np.array([-3, 5, 0.0], np.float32), np.array([4, -2, 0.0], np.float32)
    assert np.array_equal(union(a, b, 1.0)[:2], [-3, -2])
    assert union(a, b, 4.0)[2] == pytest.approx(-1.0)  # a quarter of the blend where both surfaces meet
    assert np.array_equal(without(a, b), np.maximum(a, -b))


def test_that_a_grid_distance_agrees_with_the_shape_within_reach() -> None:
    grid = small_grid()
    shape = Ellipsoid((0.0, 0.0, -2.0), (3.0, 3.0, 3.0))
    got = grid.distance_to([shape], reach_mm=4.0)
    direct = shape.distance(*grid.points)
    assert np.allclose(got[direct < 3.9], direct[direct < 3.9])


def test_that_noise_is_the_same_function_on_every_grid() -> None:
    grid = small_grid()
    x, y, z = grid.points
    noise = waves(3, 9.0)
    whole = noise(x, y, z)
    points = [np.broadcast_to(axis, grid.shape).ravel() for axis in (x, y, z)]
    assert np.allclose(whole.ravel(), noise(*points), atol=1e-4)
    assert whole.std() == pytest.approx(1, abs=0.35)


def test_that_the_coarse_fields_are_interpolated_exactly_where_they_are_linear() -> None:
    coarse, fine = ct.coarse_grid(), ct.fine_grid(7)

    def ramp(grid: Grid) -> Array:
        x, y, z = grid.points
        out: Array = (0.2 * x - 0.1 * y + 0.3 * z).astype(np.float32)
        return out

    scanner = ct.Scanner.__new__(ct.Scanner)
    scanner._anatomy = type("Fields", (), {"skin": ramp(coarse)})()
    got = scanner.field("skin", 7, (slice(40, 80), slice(8, 512)))
    assert np.allclose(got, ramp(fine)[0, 40:80, 8:512], atol=1e-3)
