"""Outlines on curved pictures: straight paths give the plane's own, balls on a bent path lie at their distance."""

from __future__ import annotations

import numpy as np
import pytest

from viewer.imaging.curved import path_through, straightened, stretched
from viewer.imaging.curved_outline import positions_of, region_lines, shape_lines
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.plane import Plane
from viewer.imaging.voi import Box, Region, Sphere

SIZE = 160
BENT = np.array([(-30.0, -20.0, -25.0), (0.0, 5.0, -8.0), (5.0, 10.0, 12.0), (-15.0, 20.0, 30.0)])
PICTURES = {"straightened": straightened, "stretched": stretched}
CENTRE = (0.0, 6.0, -4.0)


def picture(kind: str, control_mm: FloatArray = BENT) -> tuple[FloatArray, Plane]:
    """Positions of the pixels of a curved picture 80 mm wide, and its plane."""
    surface = PICTURES[kind](path_through(control_mm, 0.5), 80.0)
    scale = 1.1 * max(80, surface.height_mm) / SIZE
    centre = np.array([0.0, surface.height_mm / 2, 1e4])
    plane = Plane.centred(centre, np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), scale, SIZE, SIZE)
    return positions_of(surface, plane), plane


def places(lines: FloatArray, positions: FloatArray) -> FloatArray:
    """LPS positions of the corners of an outline, as means of the pixels around them."""
    corners = lines.reshape(-1, 2)
    found = []
    for column, row in corners[(corners > 0).all(axis=1) & (corners < SIZE - 1).all(axis=1)]:
        c, r = int(np.floor(column)), int(np.floor(row))
        found.append(positions[r : r + 2, c : c + 2].reshape(-1, 3).mean(axis=0))
    return np.array(found)


@pytest.mark.parametrize("kind", PICTURES)
@pytest.mark.parametrize("radius_mm", [5.0, 12.0])
def test_that_the_outline_of_a_ball_lies_at_its_radius_from_its_centre(kind: str, radius_mm: float) -> None:
    positions, plane = picture(kind)
    lines = shape_lines(Sphere(CENTRE, radius_mm), positions)
    points = places(lines, positions)
    distance = np.linalg.norm(points - CENTRE, axis=1)
    assert len(distance) > 20
    # The rows of a bent path lie closer or farther than its pixels are large.
    np.testing.assert_allclose(distance, radius_mm, atol=1.6 * plane.mm_per_pixel)


def test_that_on_a_straight_path_a_ball_is_a_disc_and_a_box_a_rectangle() -> None:
    positions, plane = picture("straightened", np.array([(0.0, 6.0, -40.0), (0.0, 6.0, 40.0)]))
    pixel = plane.mm_per_pixel
    disc = shape_lines(Sphere(CENTRE, 15.0), positions)
    assert np.ptp(disc[:, [0, 2]]) * pixel == pytest.approx(30, abs=1.5 * pixel)
    assert np.ptp(disc[:, [1, 3]]) * pixel == pytest.approx(30, abs=1.5 * pixel)
    box = shape_lines(Box(CENTRE, ((12.0, 0, 0), (0, 5.0, 0), (0, 0, 20.0))), positions)
    assert np.ptp(box[:, [0, 2]]) * pixel == pytest.approx(24, abs=1.5 * pixel)
    assert np.ptp(box[:, [1, 3]]) * pixel == pytest.approx(40, abs=1.5 * pixel)
    assert len(box) == 4


@pytest.mark.parametrize("kind", PICTURES)
def test_that_D22_the_outline_of_a_region_goes_round_its_voxels(kind: str) -> None:
    """A ball of oblong voxels, 2 x 2 x 4 mm: the line is at most half a voxel from its surface."""
    affine = np.diag([4.0, 2.0, 2.0, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = (-40, -40, -50)
    geometry = VolumeGeometry((25, 40, 40), affine, "1.9")
    index = np.moveaxis(np.indices(geometry.shape), 0, -1)
    inside = np.linalg.norm(geometry.to_patient(index) - CENTRE, axis=-1) <= 13
    start = (5, 12, 10)
    region = Region(start, inside[5:, 12:, 10:])
    positions, plane = picture(kind)
    points = places(region_lines(geometry, region, positions), positions)
    distance = np.linalg.norm(points - CENTRE, axis=1)
    assert len(distance) > 20
    assert np.abs(distance - 13).max() < np.linalg.norm([1, 1, 2]) + plane.mm_per_pixel


def test_that_what_the_surface_misses_has_no_outline() -> None:
    positions, _ = picture("straightened")
    assert not len(shape_lines(Sphere((200.0, 0, 0), 10.0), positions))
