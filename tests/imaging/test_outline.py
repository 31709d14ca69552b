"""Outlines on a plane, against pixels asked one by one and closed forms."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.outline import box_polygon, mask_edges, region_lines, sphere_circle
from viewer.imaging.plane import Plane
from viewer.imaging.voi import Box, Region, Sphere, shape_region

OBLIQUE = np.linalg.qr(np.array([[1.0, 0.5, 0.1], [-0.3, 1.0, 0.6], [0.1, -0.4, 1.0]]))[0]


def geometry(offsets: list[float] | None = None) -> VolumeGeometry:
    affine = np.eye(4)
    affine[:3, :3] = np.fliplr(np.eye(3)) * (4.0, 4.0, 3.0)
    affine[:3, 3] = (-30.0, -40.0, -20.0)
    return VolumeGeometry((12, 16, 18), affine, slice_offsets=None if offsets is None else np.array(offsets))


def plane(where: VolumeGeometry, turn: npt.NDArray[np.float64], shift_mm: float = 0.0) -> Plane:
    return Plane.centred(where.centre_mm + turn[:, 2] * shift_mm, turn[:, 0], turn[:, 1], 0.5, 160, 140)


def filled(lines: npt.NDArray[np.float64], width: int, height: int) -> npt.NDArray[np.bool_]:
    """Pixels inside the outline: those left of which an odd number of vertical edges lies."""
    crossings = np.zeros((height, width + 1), int)
    for x0, y0, x1, y1 in lines:
        assert x0 == x1 or y0 == y1
        if x0 == x1:
            for row in range(round(min(y0, y1) + 0.5), round(max(y0, y1) + 0.5)):
                if 0 <= row < height:
                    crossings[row, max(0, round(x0 + 0.5))] += 1
    inside: npt.NDArray[np.bool_] = np.cumsum(crossings, axis=1)[:, :width] % 2 == 1
    return inside


@pytest.mark.parametrize("turn", [np.eye(3), np.fliplr(np.eye(3)) * 1.0, OBLIQUE])
@pytest.mark.parametrize("uneven", [False, True])
def test_that_the_outline_of_a_region_is_exact_on_every_plane(
    turn: npt.NDArray[np.float64], uneven: bool
) -> None:
    where = geometry([0, 0.4, 1, 2.5, 4, 5, 6, 7, 8.2, 9, 10.4, 11] if uneven else None)
    x, y, z = where.to_patient([5.2, 7.1, 8.8]).tolist()
    region = shape_region(where, Sphere((x, y, z), 15.0))
    mask = region.full(where.shape)
    seen = plane(where, turn, 1.3)
    inside = filled(region_lines(where, region, seen), seen.width, seen.height)
    rows, columns = np.indices((seen.height, seen.width))
    points = seen.origin_mm + columns[..., None] * seen.u_mm + rows[..., None] * seen.v_mm
    w = where.index_from_patient[:3, :3] @ points.reshape(-1, 3).T + where.index_from_patient[:3, 3:]
    offsets = where.slice_offsets if uneven else np.arange(12.0)
    assert offsets is not None
    k = np.abs(w[0][:, None] - offsets).argmin(axis=1)
    j, i = (np.clip(np.floor(part + 0.5).astype(int), 0, n - 1) for part, n in ((w[1], 16), (w[2], 18)))
    in_grid = (np.abs(w[1] - 7.5) <= 8) & (np.abs(w[2] - 8.5) <= 9)
    expected = (mask[k, j, i] & in_grid).reshape(rows.shape)
    wrong = np.count_nonzero(inside != expected)
    assert wrong <= (12 if uneven else 0), wrong  # exactly halfway between two uneven slices both are right
    assert np.count_nonzero(expected) > 500


def test_that_the_silhouette_in_a_projection_covers_every_voxel() -> None:
    where = geometry()
    x, y, z = where.centre_mm.tolist()
    region = shape_region(where, Sphere((x, y, z), 12.0))
    seen = plane(where, np.eye(3), 100.0)
    inside = filled(region_lines(where, region, seen, thickness_mm=400.0), seen.width, seen.height)
    expected = np.zeros_like(inside)
    for index in np.argwhere(region.full(where.shape)):
        column, row, _ = seen.project(where.to_patient(index.astype(float)))
        expected[
            math.ceil(row - 4) : math.floor(row + 4) + 1, math.ceil(column - 3) : math.floor(column + 3) + 1
        ] = True
    assert np.count_nonzero(inside ^ expected) <= np.count_nonzero(expected) * 0.02
    assert not len(region_lines(where, region, seen))
    assert not len(region_lines(where, region, seen, thickness_mm=100.0))


def test_that_edges_run_in_one_piece_and_holes_have_edges() -> None:
    mask = np.zeros((5, 6), bool)
    mask[1:4, 1:5] = True
    assert sorted(map(tuple, mask_edges(mask).tolist())) == [
        (0.5, 0.5, 0.5, 3.5),
        (0.5, 0.5, 4.5, 0.5),
        (0.5, 3.5, 4.5, 3.5),
        (4.5, 0.5, 4.5, 3.5),
    ]
    mask[2, 2] = False
    assert len(mask_edges(mask)) == 8
    assert not len(mask_edges(np.zeros((3, 3), bool)))
    whole = np.ones((2, 3), bool)
    assert len(mask_edges(whole)) == 4


def test_that_a_sphere_is_a_circle_of_the_right_size_on_every_plane() -> None:
    seen = Plane.centred(np.zeros(3), OBLIQUE[:, 0], OBLIQUE[:, 1], 0.5, 101, 101)
    x, y, z = (OBLIQUE[:, 0] * 5 + OBLIQUE[:, 2] * 6).tolist()
    ball = Sphere((x, y, z), 10.0)
    circle = sphere_circle(ball, seen)
    assert circle is not None
    assert (circle.column, circle.row, circle.radius_px) == pytest.approx((60.0, 50.0, 16.0))
    assert sphere_circle(Sphere((x, y, z), 5.9), seen) is None
    thick = sphere_circle(ball, seen, thickness_mm=20.0)
    assert thick is not None
    assert thick.radius_px == pytest.approx(20.0)


def test_that_the_cut_of_a_box_is_its_polygon() -> None:
    seen = Plane.centred(np.zeros(3), (1, 0, 0), (0, 1, 0), 1.0, 101, 101)
    straight = Box((2.0, 3.0, 1.0), ((4.0, 0, 0), (0, 5.0, 0), (0, 0, 6.0)))
    found = sorted(map(tuple, box_polygon(straight, seen).tolist()))
    assert found == [(48.0, 48.0), (48.0, 58.0), (56.0, 48.0), (56.0, 58.0)]
    # A cube cut through its middle across a space diagonal is a regular hexagon.
    diagonal = np.linalg.qr(np.array([[1.0, 1.0, 1.0], [1.0, -1.0, 0.0], [1.0, 0.0, -1.0]]).T)[0]
    cut = Plane.centred(np.zeros(3), diagonal[:, 1], diagonal[:, 2], 1.0, 101, 101)
    cube = Box((0.0, 0.0, 0.0), ((5.0, 0, 0), (0, 5.0, 0), (0, 0, 5.0)))
    hexagon = box_polygon(cube, cut)
    assert len(hexagon) == 6
    sides = np.linalg.norm(hexagon - np.roll(hexagon, 1, axis=0), axis=1)
    assert sides == pytest.approx(np.full(6, 5 * math.sqrt(2)))
    assert not len(box_polygon(Box((0.0, 0.0, 90.0), cube.half_axes_mm), seen))
    assert len(box_polygon(Box((0.0, 0.0, 90.0), cube.half_axes_mm), seen, thickness_mm=400.0)) == 4


def test_that_an_empty_region_has_no_outline() -> None:
    where = geometry()
    assert not len(region_lines(where, Region((0, 0, 0), np.zeros((2, 2, 2), bool)), plane(where, np.eye(3))))
