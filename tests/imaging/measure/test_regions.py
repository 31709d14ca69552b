"""Regions: area by formula, voxels by their centres, on acquired, oblique, tilted and uneven stacks."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
from matplotlib.path import Path as SecondOpinion

from tests.phantoms import ramp_affine, ramp_array
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.measure.ellipse import Ellipse
from viewer.imaging.measure.freehand import simplified
from viewer.imaging.measure.polygon import Polygon
from viewer.imaging.measure.rectangle import Rectangle
from viewer.imaging.measure.region import Shape, crosses_gap, region_statistics, region_voxels
from viewer.imaging.volume import Volume

G1 = VolumeGeometry((5, 6, 8), ramp_affine("G1"))
RAMP = Volume("ramp", ramp_array(), G1)


def turn(degrees_x: float, degrees_z: float) -> np.ndarray:
    """A double oblique: about x, then about z."""
    cx, sx, cz, sz = (f(np.radians(d)) for d in (degrees_x, degrees_z) for f in (np.cos, np.sin))
    rotation: np.ndarray = np.array([[cz, -sz, 0], [sz, cz, 0], [0, 0, 1]]) @ np.array(
        [[1, 0, 0], [0, cx, -sx], [0, sx, cx]]
    )
    return rotation


def edges(
    k: float, rows: tuple[int, int], columns: tuple[int, int], geometry: VolumeGeometry = G1
) -> np.ndarray:
    """(4, 3) corners along voxel edges, so that whole voxels are enclosed."""
    (j0, j1), (i0, i1) = (rows[0] - 0.5, rows[1] + 0.5), (columns[0] - 0.5, columns[1] + 0.5)
    return geometry.to_patient(np.array([[k, j0, i0], [k, j0, i1], [k, j1, i1], [k, j1, i0]]))


def by_looking_at_every_voxel(geometry: VolumeGeometry, shape: Shape) -> set[tuple[int, int, int]]:
    """The rule of the module, voxel by voxel."""
    normal = shape.normal
    assert normal is not None
    index: np.ndarray = np.moveaxis(np.indices(geometry.shape), 0, -1)
    steps = geometry.patient_from_index[:3, :3].T @ normal
    across = int(np.abs(steps).argmax())
    away = np.abs((geometry.to_patient(index) - shape.box_mm()[0]) @ normal)
    nearest = away == away.min(axis=across, keepdims=True)
    # The plane passes through it: the end voxels of a line only when it does not pass beside the volume.
    ahead, behind = index.astype(float), index.astype(float)
    ahead[..., across] += 0.5
    behind[..., across] -= 0.5
    sides = [(geometry.to_patient(end) - shape.box_mm()[0]) @ normal for end in (ahead, behind)]
    through = nearest & (sides[0] * sides[1] <= 0)
    found = index[through]
    return {(int(k), int(j), int(i)) for k, j, i in found[shape.contains(geometry.to_patient(found))]}


# --- the table of the clinical spec -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [Rectangle, Polygon])
def test_that_G03_statistics_are_those_of_the_voxels_whose_centres_lie_inside(
    kind: type[Rectangle | Polygon],
) -> None:
    shape = kind.of(edges(1, (1, 3), (2, 5)))
    found = region_statistics(RAMP, shape)
    assert found.count == 12
    assert found.mean == pytest.approx(1235)
    assert found.sd == pytest.approx(86.0761, abs=5e-5)
    assert float(found.values.std()) == pytest.approx(82.4116, abs=5e-5)
    assert (found.minimum, found.maximum) == (1120, 1350)
    assert shape.area_mm2 == pytest.approx(24)
    assert found.volume_mm3 == pytest.approx(72)


def test_that_G04_a_region_between_the_centres_has_no_voxel_and_no_number() -> None:
    found = region_statistics(
        RAMP, Rectangle.of(G1.to_patient([[1, 1.2, 2.2], [1, 1.2, 2.7], [1, 1.7, 2.7], [1, 1.7, 2.2]]))
    )
    assert (found.count, found.mean, found.sd, found.minimum, found.maximum) == (0, None, None, None, None)
    assert found.volume_mm3 == 0.0


def test_that_G04_one_voxel_has_no_sample_standard_deviation() -> None:
    found = region_statistics(RAMP, Rectangle.of(edges(2, (3, 3), (4, 4))))
    assert (found.count, found.mean, found.sd) == (1, 2340.0, None)


def test_that_G05_the_area_of_an_ellipse_is_that_of_the_formula() -> None:
    ends = G1.to_patient([[1, 3, 0], [1, 3, 8], [1, 0, 4], [1, 6, 4]])
    assert Ellipse.of(ends).area_mm2 == pytest.approx(75.398, abs=5e-4)


def test_that_G03_padding_and_slices_without_data_are_left_out() -> None:
    shape = Rectangle.of(edges(1, (1, 3), (2, 5)))
    padded = Volume("p", ramp_array(), G1, padding=(1120, 1120))
    assert region_statistics(padded, shape).count == 11
    corrupt = np.array([False, True, False, False, False])
    assert region_statistics(Volume("c", ramp_array(), G1, corrupt=corrupt), shape).count == 0
    assert region_statistics(Volume("l", ramp_array(), G1, ready=~corrupt), shape).count == 0


def test_that_statistics_are_in_the_quantity_on_display() -> None:
    shape = Rectangle.of(edges(1, (1, 3), (2, 5)))
    found = region_statistics(Volume("s", ramp_array(), G1, slope=2.0, intercept=10.0, suv_factor=0.5), shape)
    assert found.mean == pytest.approx((1235 * 2 + 10) * 0.5)


# --- planes that cut across -------------------------------------------------------------------------------------

SHEARED = np.array([[0.7, 0, 0, 0], [0, 0.7, 0, 0], [0, 0, 3, 0], [0, 0, 0, 1.0]])[:, [2, 1, 0, 3]]
SHEARED[1, 0] = -1.0
OFFSETS = np.array([0, 0.6, 2.0, 3.1, 4.4, 5.0, 6.7, 8.0, 9.3, 10.2, 11.0])
STACKS = {
    "even": VolumeGeometry((11, 40, 44), np.abs(SHEARED)),
    "tilted": VolumeGeometry((11, 40, 44), SHEARED),
    "uneven": VolumeGeometry((11, 40, 44), SHEARED, slice_offsets=OFFSETS * 10 / 11),
}
SHAPES: dict[str, Callable[[np.ndarray], Shape]] = {
    "rectangle": Rectangle.of,
    "ellipse": Ellipse.of,
    "polygon": Polygon.of,
}
TURNS = {"acquired": (0, 0), "30/45": (30, 45), "70/20": (70, 20), "sagittal-like": (90, 10)}


@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("turned", TURNS)
@pytest.mark.parametrize("kind", ["rectangle", "ellipse", "polygon"])
def test_that_G03_the_voxels_of_a_region_are_found_on_every_plane_of_every_stack(
    stack: str, turned: str, kind: str
) -> None:
    geometry = STACKS[stack]
    rotation = turn(*TURNS[turned])
    centre = geometry.centre_mm + np.array([0.31, -0.17, 0.23])
    flat = {
        "rectangle": [(-6, -4), (6, -4), (6, 4), (-6, 4)],
        "ellipse": [(-7, 0), (7, 0), (0, -4), (0, 4)],
        "polygon": [(-7, -5), (6, -4), (1, 0), (7, 6), (-5, 3)],
    }[kind]
    points = centre + np.array([(*point, 0.0) for point in flat]) @ rotation.T
    shape = SHAPES[kind](points)
    found = {(int(k), int(j), int(i)) for k, j, i in region_voxels(geometry, shape)}
    assert found == by_looking_at_every_voxel(geometry, shape)
    assert len(found) > 30


def test_that_G07_a_region_on_a_sheared_stack_has_the_volume_of_its_own_slices() -> None:
    geometry = STACKS["uneven"]
    array = np.zeros(geometry.shape, np.int16)
    found = region_statistics(Volume("u", array, geometry), Rectangle.of(edges(3, (5, 8), (5, 9), geometry)))
    assert found.count == 20
    assert found.volume_mm3 == pytest.approx(20 * geometry.slice_volumes_mm3[3])


def test_that_a_plane_in_the_middle_between_two_slices_reads_one_of_them_only() -> None:
    shape = Rectangle.of(edges(1.5, (1, 3), (2, 5)) + np.array([0, 0, 1e-13]))
    assert set(region_voxels(G1, shape)[:, 0].tolist()) == {1}


def test_that_a_region_beside_the_volume_has_no_voxel() -> None:
    for k in (-0.6, 4.6):
        assert not region_voxels(G1, Rectangle.of(edges(k, (1, 3), (2, 5)))).size


def test_that_the_mean_of_a_region_on_a_double_oblique_follows_the_ramp() -> None:
    """A centred region on a linear ramp means what the ramp says at its centre, to the half voxel of the rule."""
    shape_of = (41, 41, 41)
    k, j, i = np.indices(shape_of)
    affine = np.eye(4)[:, [2, 1, 0, 3]]
    volume = Volume("r", (3.0 * k + 2.0 * j + i).astype(np.float32), VolumeGeometry(shape_of, affine))
    rotation = turn(30, 45)
    ends = np.array([(-12, 0, 0), (12, 0, 0), (0, -9, 0), (0, 9, 0)]) @ rotation.T + 20
    found = region_statistics(volume, Ellipse.of(ends))
    assert found.mean == pytest.approx(6 * 20, abs=0.5)
    # The variance of a coordinate over an ellipse is a quarter of the square of its semi-axis.
    slopes = rotation.T @ (1.0, 2.0, 3.0)
    assert found.sd == pytest.approx(float(np.hypot(slopes[0] * 12, slopes[1] * 9)) / 2, rel=0.03)


# --- areas and outlines -----------------------------------------------------------------------------------------


def test_that_the_area_of_a_polygon_is_exact_on_a_double_oblique_plane() -> None:
    flat = np.array([(0, 0, 0), (10, 0, 0), (10, 4, 0), (4, 4, 0), (4, 12, 0), (0, 12, 0)], float)
    polygon = Polygon.of(flat @ turn(30, 45).T + (100, -200, 300))
    assert polygon.area_mm2 == pytest.approx(10 * 4 + 4 * 8)
    assert polygon.perimeter_mm == pytest.approx(10 + 4 + 6 + 8 + 4 + 12)
    assert polygon.normal is not None
    np.testing.assert_allclose(np.abs(polygon.normal), np.abs(turn(30, 45)[:, 2]))


def test_that_inside_a_polygon_is_where_another_library_sees_it() -> None:
    rng = np.random.default_rng(5)
    corners = np.concatenate([rng.uniform(-5, 5, (17, 2)), np.zeros((17, 1))], axis=1)
    points = np.concatenate([rng.uniform(-6, 6, (4000, 2)), np.zeros((4000, 1))], axis=1)
    # Even-odd: the sum of the crossings of every triangle of a fan.
    expected = np.zeros(4000, bool)
    for n in range(1, 16):
        expected ^= SecondOpinion(corners[[0, n, n + 1], :2]).contains_points(points[:, :2])
    np.testing.assert_array_equal(Polygon.of(corners).contains(points), expected)


def test_that_an_outline_that_crosses_itself_is_known() -> None:
    assert Polygon.of([[0, 0, 0], [4, 4, 0], [4, 0, 0], [0, 4, 0]]).crosses_itself()
    assert not Polygon.of([[0, 0, 0], [4, 0, 0], [4, 4, 0], [0, 4, 0]]).crosses_itself()


def test_that_corners_on_one_line_enclose_nothing() -> None:
    line = Polygon.of([[0, 0, 0], [1, 1, 1], [2, 2, 2]])
    assert line.normal is None
    assert line.area_mm2 == 0.0
    assert line.diameters_mm() is None
    assert not region_voxels(G1, line).size


def test_that_G06_the_diameters_of_an_outline_are_the_longest_and_the_longest_across() -> None:
    turns = np.linspace(0, 2 * np.pi, 721)[:-1]
    ellipse = np.stack([15 * np.cos(turns), 6 * np.sin(turns), np.zeros(720)], axis=1)
    found = Polygon.of(ellipse @ turn(30, 45).T).diameters_mm()
    assert found is not None
    assert [np.linalg.norm(ends[1] - ends[0]) for ends in found] == pytest.approx([30.0, 12.0])
    assert (found[0][1] - found[0][0]) @ (found[1][1] - found[1][0]) == pytest.approx(0, abs=1e-9)


def test_that_a_simplified_outline_stays_within_its_tolerance() -> None:
    turns = np.linspace(0, 2 * np.pi, 400)
    drawn = np.stack([20 * np.cos(turns), 20 * np.sin(turns), np.zeros(400)], axis=1) @ turn(30, 45).T
    few = simplified(drawn, 0.1)
    assert len(few) < 60
    assert Polygon.of(few).area_mm2 == pytest.approx(np.pi * 400, rel=0.01)
    np.testing.assert_array_equal(few[[0, -1]], drawn[[0, -1]])


def test_that_G12_what_lies_across_a_flagged_gap_is_known() -> None:
    gapped = VolumeGeometry((5, 6, 8), ramp_affine("G1"), gaps=(2,))
    assert crosses_gap(gapped, gapped.to_patient([[2, 1, 1], [3, 1, 1]]))
    assert crosses_gap(gapped, gapped.to_patient([[2.4, 1, 1], [2.4, 3, 3]]))
    assert not crosses_gap(gapped, gapped.to_patient([[0, 1, 1], [2, 1, 1]]))
    assert not crosses_gap(G1, G1.to_patient([[0, 1, 1], [4, 1, 1]]))
