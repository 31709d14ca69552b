"""Contours in the patient: areas, masks and sections against closed forms."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.imaging.test_labelmap import ramp_geometry
from viewer.errors import GeometryError
from viewer.imaging.contours import ContourSet, crossings, even_odd_area, fill_polygons
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.plane import Plane

SQUARE = np.array([[0.0, 0], [10, 0], [10, 10], [0, 10]])
HOLE = np.array([[2.0, 2], [2, 8], [8, 8], [8, 2]])


def circle(radius: float, n: int = 360, centre: tuple[float, float] = (0.0, 0.0)) -> FloatArray:
    """(n, 2) corners of a regular polygon."""
    angle = np.linspace(0, 2 * np.pi, n, endpoint=False)
    points: FloatArray = np.column_stack([np.cos(angle), np.sin(angle)]) * radius + np.array(centre)
    return points


def at_height(polygon: FloatArray, z: float) -> FloatArray:
    """(n, 3) points of a polygon at a height."""
    return np.column_stack([polygon, np.full(len(polygon), z)])


def sphere(radius: float, spacing: float) -> ContourSet:
    """Axial contours of a sphere around the origin."""
    heights = np.arange(-radius + spacing / 2, radius, spacing)
    return ContourSet.of([at_height(circle(np.sqrt(radius**2 - z**2)), z) for z in heights])


@pytest.mark.parametrize("direction", [1, -1])
def test_that_I06_a_hole_is_taken_out_whatever_way_it_was_drawn(direction: int) -> None:
    assert even_odd_area([SQUARE, HOLE[::direction]]) == pytest.approx(100 - 36)


@pytest.mark.parametrize("direction", [1, -1])
def test_that_I06_a_hole_joined_by_a_keyhole_is_taken_out(direction: int) -> None:
    inner = np.vstack([HOLE, HOLE[:1]])[::direction]
    keyhole = np.vstack([SQUARE, SQUARE[:1], inner])
    assert even_odd_area([keyhole]) == pytest.approx(100 - 36)
    filled = fill_polygons([keyhole + 0.5], (12, 12))
    assert np.count_nonzero(filled) == 100 - 36


@given(st.integers(3, 40), st.floats(0.5, 20), st.floats(-3, 3), st.floats(-3, 3))
def test_that_the_area_of_a_polygon_is_that_of_the_shoelace_formula(
    n: int, radius: float, x: float, y: float
) -> None:
    polygon = circle(radius, n, (x, y))
    assert even_odd_area([polygon]) == pytest.approx(0.5 * n * radius**2 * np.sin(2 * np.pi / n), rel=1e-9)


def test_that_every_line_crosses_a_closed_polygon_an_even_number_of_times() -> None:
    rng = np.random.default_rng(1)
    polygon = np.round(rng.normal(size=(200, 2)) * 5)  # with many vertices exactly on lines
    line, _ = crossings([polygon], np.arange(-20.0, 20.0))
    assert not np.any(np.bincount(line) % 2)


def test_that_I06_a_pixel_is_inside_when_its_centre_is() -> None:
    # A contour along voxel edges encloses its voxels; one through their centres would lose half of the border.
    filled = fill_polygons([np.array([[1.5, 1.5], [5.5, 1.5], [5.5, 5.5], [1.5, 5.5]])], (8, 8))
    expected = np.zeros((8, 8), bool)
    expected[2:6, 2:6] = True
    assert np.array_equal(filled, expected)


def test_that_I06_contours_one_slice_apart_measure_a_sphere() -> None:
    volume = sphere(20, 1.0).volume_mm3
    assert volume == pytest.approx(4 / 3 * np.pi * 20**3, rel=2e-3)


def test_that_I06_a_gap_between_two_parts_holds_nothing() -> None:
    heights = [0, 3, 6, 30, 33]
    found = ContourSet.of([at_height(SQUARE, z) for z in heights])
    assert found.spacing_mm == 3
    assert found.volume_mm3 == pytest.approx(100 * 3 * 5)
    assert found.level_at([5, 5, 18]) is None
    level = found.level_at([5, 5, 31.4])
    assert level is not None
    assert level.height_mm == 30


def test_that_I05_contours_a_little_off_the_slice_are_still_on_it() -> None:
    found = ContourSet.of([at_height(SQUARE, z + 0.013) for z in (0.0, 3.0, 6.0)])
    plane = Plane(np.array([-5.0, -5.0, 3.0]), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 20, 20)
    (polygon,) = found.outline(plane) or []
    assert np.allclose(polygon, SQUARE + 5)


@settings(max_examples=30)
@given(st.floats(-0.9, 0.9), st.floats(0, np.pi), st.floats(-8, 8))
def test_that_I05_any_plane_cuts_a_sphere_of_contours_in_its_circle(
    tilt: float, turn: float, distance: float
) -> None:
    body = sphere(20, 0.5)
    normal = np.array([np.sqrt(1 - tilt**2) * np.cos(turn), np.sqrt(1 - tilt**2) * np.sin(turn), tilt])
    right = np.cross(normal, [0, 0, 1.0])
    right /= np.linalg.norm(right)
    plane = Plane.centred(normal * distance, right, np.cross(normal, right), 0.2, 240, 240)
    patch = body.section(plane)
    area = np.count_nonzero(patch.mask) * 0.04
    assert area == pytest.approx(np.pi * (20**2 - distance**2), rel=0.015)
    r, c = np.nonzero(patch.mask)
    centre = plane.at(patch.left + c.mean(), patch.top + r.mean())
    assert np.linalg.norm(centre - normal * distance) < 0.2


@pytest.mark.parametrize("case", ["G1", "G3", "G4", "G5", "G6", "G9"])
def test_that_I05_I06_a_box_drawn_on_a_grid_comes_back_as_its_voxels(case: str) -> None:
    geometry = ramp_geometry(case)
    edges = np.array(
        [[0.5, 1.5], [0.5, 5.5], [4.5, 5.5], [4.5, 1.5]]
    )  # j 1 to 4, i 2 to 5, along voxel edges
    contours = [geometry.to_patient(np.column_stack([np.full(4, k), edges])) for k in (1, 2, 3)]
    found = ContourSet.of(contours)
    mask = found.mask(geometry)
    expected = np.zeros(geometry.shape, bool)
    expected[1:4, 1:5, 2:6] = True
    assert np.array_equal(mask.dense(), expected)
    assert mask.volume_mm3 == pytest.approx(found.volume_mm3)


def test_that_a_single_contour_takes_the_height_of_the_slices_it_was_drawn_on() -> None:
    alone = ContourSet.of([at_height(SQUARE, 4.0)])
    assert alone.volume_mm3 == 0
    assert alone.with_spacing(2.5).volume_mm3 == pytest.approx(250)
    thin = alone.mask(VolumeGeometry((5, 12, 12), np.diag([2.0, 1, 1, 1])[[2, 1, 0, 3]]))
    assert thin.voxels == 100  # on the slice at 4 mm, and only there


def test_that_contours_of_crossing_planes_are_refused() -> None:
    upright = np.column_stack([np.zeros(4), SQUARE])
    with pytest.raises(GeometryError, match="parallel"):
        ContourSet.of([at_height(SQUARE, 0.0), upright])
    with pytest.raises(GeometryError, match="no closed contour"):
        ContourSet.of([])


@pytest.mark.parametrize("direction", [1, -1])
def test_that_G07_I06_contours_on_uneven_slices_are_as_high_as_their_slices(direction: int) -> None:
    """Slices at 0, 2, 3, 7, 10 and 20 mm; nothing was imaged between 10 and 20."""
    affine = np.eye(4)[[2, 1, 0, 3]]
    affine[2, 0] = 4.0 * direction
    offsets = np.array([0.0, 2, 3, 7, 10, 20]) / 4
    geometry = VolumeGeometry((6, 20, 20), affine, "1.9", offsets, (4,))

    def volume(*heights: float) -> float:
        contours = [at_height(SQUARE, direction * height) for height in heights]
        return ContourSet.of(contours).with_spacing(1.0).on_slices(geometry).volume_mm3 / 100

    # From half way before to half way after: 2 is 1 + 0.5 high, 3 is 0.5 + 2, 7 is 2 + 1.5.
    assert volume(2, 3, 7) == pytest.approx(1.5 + 2.5 + 3.5)
    assert volume(3) == pytest.approx(2.5)
    # At the end of the stack and beside the gap as far as on the other side.
    assert volume(0, 2) == pytest.approx(2.0 + 1.5)
    assert volume(7, 10, 20) == pytest.approx(3.5 + 3.0 + geometry.slice_volumes_mm3[5])
    # Two parts: the slices between them that hold no contour stay empty.
    assert volume(0, 2, 10) == pytest.approx(2.0 + 1.5 + 3.0)
    # A slice left out among others: its neighbours meet half way.
    assert volume(0, 3, 7) == pytest.approx(2.5 + 3.5 + 3.5)
    # A contour that lies on no slice: contours alone decide.
    off = ContourSet.of([at_height(SQUARE, direction * height) for height in (2.5, 5.0)])
    assert off.on_slices(geometry) is off


def test_that_I05_a_point_lies_in_a_structure_where_its_slab_and_its_polygons_hold_it() -> None:
    big = np.array([(0.0, 0), (10, 0), (10, 10), (0, 10)])
    hole = big * 0.4 + 3
    found = ContourSet.of([at_height(polygon, z) for z in (0.0, 2.0, 8.0) for polygon in (big, hole)])
    rng = np.random.default_rng(4)
    points = rng.uniform(-3, 13, (40, 50, 3))
    x, y, z = np.moveaxis(points, -1, 0)
    square = (np.minimum(x, y) > 0) & (np.maximum(x, y) < 10)
    inner = (np.minimum(x, y) > 3) & (np.maximum(x, y) < 7)
    # Slabs of 2 mm; nothing in the gap between 3 and 7 mm.
    slab = ((z >= -1) & (z < 3)) | ((z >= 7) & (z < 9))
    assert np.array_equal(found.contains(points), square & ~inner & slab)
    assert not found.contains([np.nan, 1.0, 1.0])
    assert found.contains([1.0, 1.0, 2.0])


def test_that_the_centre_of_a_ring_lies_in_the_ring() -> None:
    ring = ContourSet.of([at_height(part, z) for z in (0.0, 1.0, 2.0) for part in (circle(10), circle(6))])
    x, y, z = ring.centre_mm
    assert 6 < np.hypot(x, y) < 10
    assert z == 1.0
