"""Turned planes: values, letters, scale and the linked point against closed forms of the ramp phantom."""

from __future__ import annotations

import numpy as np
import pytest

from tests.state.conftest import MakeVolume, g1_affine
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.sample import sample_plane
from viewer.imaging.volume import Volume
from viewer.imaging.window import Window
from viewer.state.annotations import corners
from viewer.state.layers import ImageLayer
from viewer.state.library import OpenVolume
from viewer.state.navigation import scroll
from viewer.state.oblique import PLANES, angles, is_turned, off_axis_deg, set_angles, straighten, turn
from viewer.state.panes import Density, Pane, PlaneKind
from viewer.state.resolve import PaneScene, resolve
from viewer.state.view import ViewState

AXIAL, SAGITTAL, CORONAL = PLANES
SHAPE = (21, 24, 40)
GREY = Window(40, 400)


def sheared() -> np.ndarray:
    """Rows tilted by 15 degrees against the stacking direction (gantry tilt, case G5)."""
    matrix = g1_affine()
    matrix[:3, 1] = 2 * np.array([0, np.cos(np.radians(15)), -np.sin(np.radians(15))])
    return matrix


UNEVEN = np.cumsum([0, *[1.0, 1.5, 0.7, 2.0] * 5])
AFFINES = {"straight": g1_affine(), "tilted": sheared(), "uneven": g1_affine()}


def opened(view: ViewState, make_volume: MakeVolume, case: str = "straight") -> OpenVolume:
    """A ramp large enough to turn planes in, linked point off centre."""
    item = make_volume(shape=SHAPE, affine=AFFINES[case])
    if case == "uneven":
        offsets = UNEVEN / UNEVEN[-1] * (SHAPE[0] - 1)
        geometry = VolumeGeometry(SHAPE, AFFINES[case], "1.9", offsets)
        volume = Volume("1.2.3", item.volume.array, geometry, modality="CT")
        item = OpenVolume(volume, item.stack, item.series, item.study)
    view.library.add(item)
    view.show(ImageLayer("1.2.3", GREY))
    view.set_cursor(item.volume.geometry.to_patient((10, 12, 21)))
    return item


def scene(view: ViewState, kind: PlaneKind, width: int = 90, height: int = 70) -> PaneScene:
    found = resolve(view, Pane(kind.value, kind), width, height)
    assert found is not None
    return found


def rodrigues(axis: tuple[float, float, float], degrees: float) -> np.ndarray:
    """Rotation by a quaternion: another way than the one under test."""
    half = np.radians(degrees) / 2
    w, (x, y, z) = np.cos(half), np.sin(half) * np.array(axis) / np.linalg.norm(axis)
    return np.array(
        [
            [1 - 2 * (y * y + z * z), 2 * (x * y - z * w), 2 * (x * z + y * w)],
            [2 * (x * y + z * w), 1 - 2 * (x * x + z * z), 2 * (y * z - x * w)],
            [2 * (x * z - y * w), 2 * (y * z + x * w), 1 - 2 * (x * x + y * y)],
        ]
    )


def double_oblique(view: ViewState) -> None:
    """30 degrees in the axial pane, then 45 in the sagittal one."""
    turn(view, AXIAL, 30)
    turn(view, SAGITTAL, 45)


def test_that_turning_in_one_pane_turns_the_other_two_about_its_normal(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume)
    turn(view, AXIAL, 30)  # clockwise on screen: x towards y
    c, s = np.cos(np.radians(30)), np.sin(np.radians(30))
    assert view.frame == pytest.approx(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]))
    assert view.axes(AXIAL)[0].tolist() == [1, 0, 0]
    assert view.axes(CORONAL)[0] == pytest.approx([c, s, 0])
    assert view.axes(SAGITTAL)[0] == pytest.approx([-s, c, 0])
    assert view.axes(CORONAL)[1] == pytest.approx([0, 0, -1])


def test_that_a_double_oblique_is_the_product_of_its_turns(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume)
    double_oblique(view)
    first = rodrigues((0, 0, 1), 30)
    across = first @ [-1, 0, 0]  # into the sagittal pane, whose rows are -z and columns y
    assert view.frame == pytest.approx(rodrigues(tuple(across), 45) @ first)
    assert view.frame.T @ view.frame == pytest.approx(np.eye(3), abs=1e-14)


@pytest.mark.parametrize("case", AFFINES)
@pytest.mark.parametrize("kind", PLANES)
def test_that_G01_the_value_under_the_cursor_is_that_of_the_ramp_on_a_double_oblique(
    view: ViewState, make_volume: MakeVolume, case: str, kind: PlaneKind
) -> None:
    """Each pixel of each plane: 1000 k + 100 j + 10 i at the place the scene says it shows."""
    item = opened(view, make_volume, case)
    double_oblique(view)
    found = scene(view, kind)
    picture = sample_plane(item.volume, found.plane)
    rows, columns = np.nonzero(np.isfinite(picture))
    points = np.array([found.plane.at(float(c), float(r)) for r, c in zip(rows, columns, strict=True)])
    wji = (points - AFFINES[case][:3, 3]) @ np.linalg.inv(AFFINES[case][:3, :3]).T
    if case == "uneven":
        wji[:, 0] = np.interp(wji[:, 0], UNEVEN / UNEVEN[-1] * 20, np.arange(21.0))
    inside = np.all((wji >= 0) & (wji <= np.array(SHAPE) - 1), axis=1)
    assert inside.sum() > 500
    expected = wji[inside] @ [1000, 100, 10]
    assert picture[rows[inside], columns[inside]] == pytest.approx(expected, abs=0.3)


@pytest.mark.parametrize("case", AFFINES)
def test_that_the_linked_point_keeps_its_place_and_the_scale_stays(
    view: ViewState, make_volume: MakeVolume, case: str
) -> None:
    opened(view, make_volume, case)
    view.update_framing(CORONAL, zoom=2.5, pan_mm=(3.0, -2.0))
    before = {kind: scene(view, kind) for kind in PLANES}
    for kind, degrees in ((AXIAL, 30), (SAGITTAL, 45), (CORONAL, -70), (AXIAL, 200)):
        turn(view, kind, degrees)
        for other in PLANES:
            now = scene(view, other)
            assert now.cursor_px == pytest.approx(before[other].cursor_px, abs=1e-4)
            assert now.plane.mm_per_pixel == pytest.approx(before[other].plane.mm_per_pixel, rel=1e-12)
            assert now.plane.at(*now.cursor_px or (0, 0)) == pytest.approx(view.cursor_mm, abs=1e-4)


def test_that_the_picture_of_the_pane_that_is_turned_in_needs_no_new_sampling(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume)
    double_oblique(view)
    before = scene(view, SAGITTAL).layers[0].sample_key
    turn(view, SAGITTAL, 7)
    assert scene(view, SAGITTAL).layers[0].sample_key == before


def test_that_E02_the_letters_of_a_double_oblique_are_composite(
    view: ViewState, make_volume: MakeVolume
) -> None:
    """Worked out by hand; with z = (0, 0, 1) and a = 30, b = 45 degrees.

    Coronal after the first turn: rows (cos a, sin a, 0) = LP. Axial after both: rows (.927, .127, .354) = LH, columns
    (.127, .780, -.612) = PF. Coronal after both: columns (.354, -.612, -.707) = FAL.
    """
    opened(view, make_volume)
    turn(view, AXIAL, 30)
    assert scene(view, CORONAL).letters == ("RA", "LP", "H", "F")
    assert scene(view, AXIAL).letters == ("R", "L", "A", "P")
    turn(view, SAGITTAL, 45)
    assert scene(view, AXIAL).letters == ("RF", "LH", "AH", "PF")
    assert scene(view, CORONAL).letters == ("RA", "LP", "HPR", "FAL")


@pytest.mark.parametrize("kind", PLANES)
def test_that_the_lines_are_where_the_other_planes_cut(
    view: ViewState, make_volume: MakeVolume, kind: PlaneKind
) -> None:
    """Every point of a drawn line lies in both planes."""
    opened(view, make_volume)
    set_angles(view, 20, -35, 50)
    found = scene(view, kind)
    assert {line.kind for line in found.lines} == set(PLANES) - {kind}
    for line in found.lines:
        assert found.cursor_px is not None
        x, y = found.cursor_px
        for distance in (-20, 35):
            point = found.plane.at(x + distance * line.direction[0], y + distance * line.direction[1])
            for plane in (kind, line.kind):
                assert (point - view.cursor_mm) @ view.normal(plane) == pytest.approx(0, abs=1e-5)


def test_that_lines_are_exactly_straight_before_and_after_a_turn(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume)
    lines = {kind: scene(view, kind).lines for kind in PLANES}
    assert [line.direction for line in lines[AXIAL]] == [(0, 1), (1, 0)]
    assert [line.kind for line in lines[SAGITTAL]] == [CORONAL, AXIAL]
    double_oblique(view)
    assert scene(view, AXIAL).lines != lines[AXIAL]
    straighten(view)
    assert {kind: scene(view, kind).lines for kind in PLANES} == lines


def test_that_a_flipped_pane_shows_the_mirrored_line(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume)
    turn(view, AXIAL, 30)
    (plain, _) = scene(view, AXIAL).lines
    view.update_framing(AXIAL, flip_horizontal=True)
    (mirrored, _) = scene(view, AXIAL).lines
    assert mirrored.direction == pytest.approx((-plain.direction[0], plain.direction[1])) or (
        mirrored.direction == pytest.approx((plain.direction[0], -plain.direction[1]))
    )


def test_that_exact_angles_are_read_back_and_reset(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume)
    before = [scene(view, kind).plane for kind in PLANES]
    set_angles(view, 30, 45, -12.5)
    assert angles(view) == pytest.approx((30, 45, -12.5))
    set_angles(view, -100, 10, 170)
    assert angles(view) == pytest.approx((-100, 10, 170))
    assert is_turned(view)
    straighten(view)
    assert not is_turned(view)
    assert angles(view) == (0, 0, 0)
    for plane, kind in zip(before, PLANES, strict=True):
        now = scene(view, kind).plane
        assert now.origin_mm == pytest.approx(plane.origin_mm, abs=1e-5)
        assert (now.u_mm.tolist(), now.v_mm.tolist()) == (plane.u_mm.tolist(), plane.v_mm.tolist())


def test_that_the_angle_is_written_while_a_plane_is_off_its_axis(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume)
    turn(view, AXIAL, 30)

    def text(kind: PlaneKind) -> str:
        return " ".join(corners(view, scene(view, kind), Density.MINIMAL, identity=False).bottom_left)

    assert "turned" not in text(AXIAL)
    assert "turned 30.0°" in text(SAGITTAL)
    turn(view, SAGITTAL, 45)
    assert "turned 45.0°" in text(AXIAL)
    # cos of the angle between (0, 1, 0) and the plane turned by 30 and then 45 degrees.
    expected = np.degrees(np.arccos(np.cos(np.radians(30)) * np.cos(np.radians(45))))
    assert off_axis_deg(view, CORONAL) == pytest.approx(expected)
    assert f"turned {expected:.1f}°" in text(CORONAL)


def test_that_scrolling_an_oblique_plane_moves_it_along_its_normal_only(
    view: ViewState, make_volume: MakeVolume
) -> None:
    """Also at the border: the linked point stops there instead of sliding along it and moving the other planes."""
    opened(view, make_volume)
    double_oblique(view)
    start = view.cursor_mm
    for steps in (1, 3, 500, -1000):
        scroll(view, CORONAL, steps)
        moved = view.cursor_mm - start
        assert moved - (moved @ view.normal(CORONAL)) * view.normal(CORONAL) == pytest.approx(0, abs=1e-9)
    assert view.base_volume is not None
    assert view.base_volume.volume.geometry.contains(view.cursor_mm)
    assert np.linalg.norm(view.cursor_mm - start) > 5


def test_that_thousands_of_small_turns_stay_perpendicular(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume)
    for n in range(3000):
        turn(view, PLANES[n % 3], 0.37)
    axes = np.array([view.axes(kind) for kind in PLANES])
    assert np.linalg.norm(axes, axis=2) == pytest.approx(1, abs=1e-12)
    for kind in PLANES:
        right, down = view.axes(kind)
        assert right @ down == pytest.approx(0, abs=1e-12)
    normals = np.column_stack([view.normal(kind) for kind in (SAGITTAL, CORONAL, AXIAL)])
    assert normals == pytest.approx(view.frame, abs=1e-10)


def test_that_new_planes_and_a_reset_view_are_not_turned(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume)
    double_oblique(view)
    view.reset_view()
    assert not is_turned(view)
    double_oblique(view)
    view.set_frame(np.eye(3))
    assert not is_turned(view)
    assert view.axes(CORONAL)[0].tolist() == [1, 0, 0]
