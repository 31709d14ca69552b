"""Silhouettes against closed forms: a ball is a disc from every side, a slab of it a disc of the widest part."""

from __future__ import annotations

import numpy as np
import pytest

from viewer.imaging import silhouette as module
from viewer.imaging.contours import ContourSet
from viewer.imaging.geometry import VolumeGeometry, unit
from viewer.imaging.labelmap import Mask, Patch
from viewer.imaging.plane import Plane
from viewer.imaging.silhouette import shadow, silhouette, voxels_of

CENTRE = np.array([12.0, -7.0, 30.0])
RADIUS_MM = 20.0
SIZE = 160

DIRECTIONS = {
    "axial": (0, 0, 1),
    "coronal": (0, 1, 0),
    "sagittal": (1, 0, 0),
    "turned MIP": (0.6, 0.8, 0),
    "double oblique": (0.5, -0.6, 0.7),
}


def grid(kind: str) -> VolumeGeometry:
    """Voxels of 1.2 x 0.9 x 2.5 mm around the ball: straight, oblique, tilted by a gantry, or on uneven slices."""
    steps = np.array([2.5, 1.2, 0.9])
    axes = np.eye(3)[:, [2, 1, 0]]
    if kind == "oblique":
        a, b = np.radians(25), np.radians(-15)
        about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        axes = about_z @ about_x @ axes
    affine = np.eye(4)
    affine[:3, :3] = axes * steps
    if kind == "tilted":
        affine[1, 0] = 2.5 * np.tan(np.radians(20))
    shape = (24, 50, 64)
    offsets = None
    if kind == "uneven":
        gaps = np.where(np.arange(23) < 8, 1.5, 1.0)
        offsets = np.concatenate([[0], np.cumsum(gaps)]) * 23 / gaps.sum()
    middle = affine[:3, :3] @ (np.array(shape) - 1) / 2
    affine[:3, 3] = CENTRE - middle
    return VolumeGeometry(shape, affine, "1.2", slice_offsets=offsets)


def ball(geometry: VolumeGeometry) -> Mask:
    places = geometry.to_patient(np.moveaxis(np.indices(geometry.shape), 0, -1))
    return Mask.of(np.linalg.norm(places - CENTRE, axis=-1) <= RADIUS_MM, geometry)


def pane(direction: tuple[float, ...], away_mm: float = 0.0, mm_per_pixel: float = 0.4) -> Plane:
    """A plane across a direction, its middle beside the ball's."""
    normal = unit(np.array(direction, dtype=float))
    right = unit(np.cross(normal, (0.1, 0.9, 0.3)))
    centre = CENTRE + 5 * right + normal * away_mm
    return Plane.centred(centre, right, np.cross(normal, right), mm_per_pixel, SIZE, SIZE)


def whole(patch: Patch) -> np.ndarray:
    """The pane with the patch in it."""
    framed = np.zeros((SIZE + 200, SIZE + 200), bool)
    rows, columns = patch.mask.shape
    framed[100 + patch.top : 100 + patch.top + rows, 100 + patch.left : 100 + patch.left + columns] = (
        patch.mask
    )
    return framed[100 : 100 + SIZE, 100 : 100 + SIZE]


def check_disc(patch: Patch, plane: Plane, radius_mm: float, slack_mm: float, area: float = 0.05) -> None:
    """The pixels are those of a disc around the ball, but for the voxels at its edge."""
    column, row = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    offset = plane.origin_mm + column[..., None] * plane.u_mm + row[..., None] * plane.v_mm - CENTRE
    offset -= (offset @ plane.normal)[..., None] * plane.normal
    distance = np.linalg.norm(offset, axis=-1)
    found = whole(patch)
    assert found[distance < radius_mm - slack_mm].all()
    assert not found[distance > radius_mm + slack_mm].any()
    expected = np.count_nonzero(distance < radius_mm)
    assert np.count_nonzero(found) == pytest.approx(expected, rel=area)


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
@pytest.mark.parametrize("kind", ["straight", "oblique", "tilted", "uneven"])
def test_that_the_silhouette_of_a_ball_is_a_disc_of_its_radius_from_every_side(
    kind: str, direction: tuple[float, ...]
) -> None:
    plane = pane(direction)
    check_disc(shadow(ball(grid(kind)), plane.normal).section(plane), plane, RADIUS_MM, 2.1, area=0.07)


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_that_a_shadow_and_the_rays_of_a_slab_through_the_whole_body_agree(
    direction: tuple[float, ...],
) -> None:
    plane = pane(direction, away_mm=9.0)
    mask = ball(grid("oblique"))
    one = whole(shadow(mask, plane.normal).section(plane))
    other = whole(silhouette(mask, plane, 200.0))
    assert np.count_nonzero(one ^ other) < 0.04 * np.count_nonzero(one)


@pytest.mark.parametrize("away_mm, thickness_mm", [(0.0, 10.0), (17.0, 10.0), (-15.0, 6.0), (4.0, 8.0)])
@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_that_a_slab_shows_the_widest_part_of_the_ball_in_it(
    direction: tuple[float, ...], away_mm: float, thickness_mm: float
) -> None:
    plane = pane(direction, away_mm=away_mm)
    nearest = max(0.0, abs(away_mm) - thickness_mm / 2)
    radius = float(np.sqrt(RADIUS_MM**2 - nearest**2))
    # Where the ball narrows quickly, half a step along the ray is more across it.
    check_disc(silhouette(ball(grid("straight")), plane, thickness_mm), plane, radius, 2.6, area=0.14)


def test_that_a_slab_beside_the_structure_shows_nothing() -> None:
    plane = pane((0, 0, 1), away_mm=40.0)
    assert silhouette(ball(grid("straight")), plane, 20.0).empty
    assert silhouette(Mask.empty(grid("straight")), plane, 20.0).empty
    assert shadow(Mask.empty(grid("straight")), plane.normal).section(plane).empty


def test_that_a_ring_keeps_its_hole_and_a_voxel_is_as_large_as_it_is() -> None:
    geometry = grid("straight")
    dense = np.zeros(geometry.shape, bool)
    dense[:, 10:40, 10:50] = True
    dense[:, 20:30, 20:40] = False
    plane = pane((0, 0, 1))
    area = np.count_nonzero(whole(shadow(Mask.of(dense, geometry), plane.normal).section(plane)))
    assert area * 0.4**2 == pytest.approx((30 * 40 - 10 * 20) * 1.2 * 0.9, rel=0.02)
    single = np.zeros(geometry.shape, bool)
    single[11, 25, 32] = True
    sideways = pane((0, 1, 0), mm_per_pixel=0.1)
    found = shadow(Mask.of(single, geometry), sideways.normal).section(sideways)
    assert np.count_nonzero(whole(found)) * 0.1**2 == pytest.approx(0.9 * 2.5, rel=0.05)


def test_that_many_samples_are_taken_from_fewer_pixels(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_SAMPLES", 60_000)
    plane = pane((0.5, -0.6, 0.7))
    patch = silhouette(ball(grid("straight")), plane, 30.0)
    check_disc(patch, plane, RADIUS_MM, 3.0)
    border = np.concatenate([patch.mask[0], patch.mask[-1], patch.mask[:, 0], patch.mask[:, -1]])
    assert not border.any()


@pytest.mark.parametrize("direction", DIRECTIONS.values(), ids=DIRECTIONS)
def test_that_contours_have_the_silhouette_of_what_they_stand_for(direction: tuple[float, ...]) -> None:
    angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
    rings = [
        CENTRE + np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(180, z)])
        for z, r in ((z, np.sqrt(RADIUS_MM**2 - z**2)) for z in np.arange(-19.0, 20.0, 2.0))
    ]
    plane = pane(direction)
    mask = voxels_of(ContourSet.of(rings))
    assert mask.volume_mm3 == pytest.approx(ContourSet.of(rings).volume_mm3, rel=0.01)
    check_disc(shadow(mask, plane.normal).section(plane), plane, RADIUS_MM, 1.7)
