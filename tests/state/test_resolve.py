"""Scenes: true millimetres, letters, slice counter, and values of the ramp at the sampled pixels."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from viewer.imaging.sample import sample_plane
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import OpenVolume
from viewer.state.panes import Content, Pane, PlaneKind
from viewer.state.resolve import PaneScene, resolve
from viewer.state.view import ViewState

MakeVolume = Callable[..., OpenVolume]
KINDS = (PlaneKind.AXIAL, PlaneKind.SAGITTAL, PlaneKind.CORONAL)


def opened(view: ViewState, item: OpenVolume, **changes: object) -> OpenVolume:
    view.library.add(item)
    view.show(ImageLayer(item.volume.uid, Window(2000, 4000), **changes))  # type: ignore[arg-type]
    return item


def scene(view: ViewState, kind: PlaneKind, content: Content = Content.FUSED, size: int = 120) -> PaneScene:
    found = resolve(view, Pane(kind.value, kind, content), size, size)
    assert found is not None
    return found


def turned(columns: tuple[tuple[float, ...], ...]) -> np.ndarray:
    """Affine with unit steps 3, 2, 1 along the given slice, row and column directions."""
    matrix = np.eye(4)
    for axis, (direction, step) in enumerate(zip(columns, (3, 2, 1), strict=True)):
        matrix[:3, axis] = np.array(direction) * step
    return matrix


ACQUISITIONS = {
    "axial": turned(((0, 0, 1), (0, 1, 0), (1, 0, 0))),
    "sagittal": turned(((-1, 0, 0), (0, 0, -1), (0, 1, 0))),
    "coronal": turned(((0, 1, 0), (0, 0, -1), (1, 0, 0))),
    "prone": turned(((0, 0, 1), (0, -1, 0), (-1, 0, 0))),
    "rotated": turned(((0, 0, 1), (1, 0, 0), (0, -1, 0))),
}


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
@pytest.mark.parametrize(
    "kind, expected",
    [(PlaneKind.AXIAL, "RLAP"), (PlaneKind.SAGITTAL, "APHF"), (PlaneKind.CORONAL, "RLHF")],
)
def test_that_A22_letters_do_not_depend_on_the_acquisition(
    view: ViewState, make_volume: MakeVolume, acquisition: str, kind: PlaneKind, expected: str
) -> None:
    opened(view, make_volume(affine=ACQUISITIONS[acquisition]))
    assert "".join(scene(view, kind).letters) == expected


@pytest.mark.parametrize("acquisition", ACQUISITIONS)
@pytest.mark.parametrize("kind", KINDS)
def test_that_each_pixel_shows_the_voxel_at_its_patient_position(
    view: ViewState, make_volume: MakeVolume, acquisition: str, kind: PlaneKind
) -> None:
    item = opened(view, make_volume(affine=ACQUISITIONS[acquisition]))
    found = scene(view, kind)
    values = sample_plane(item.volume, found.plane)
    checked = 0
    for row in range(0, 120, 7):
        for column in range(0, 120, 7):
            k, j, i = item.volume.geometry.to_index(found.plane.at(column, row))
            if np.all((np.array([k, j, i]) >= 0) & (np.array([k, j, i]) <= [4, 5, 7])):
                assert values[row, column] == pytest.approx(1000 * k + 100 * j + 10 * i, abs=0.01)
                checked += 1
    assert checked > 20


@pytest.mark.parametrize("kind", KINDS)
def test_that_pixels_are_square_millimetres_and_the_volume_fits(
    view: ViewState, make_volume: MakeVolume, kind: PlaneKind
) -> None:
    item = opened(view, make_volume())
    plane = scene(view, kind).plane
    assert np.linalg.norm(plane.u_mm) == pytest.approx(np.linalg.norm(plane.v_mm))
    places = np.array([plane.project(corner)[:2] for corner in item.volume.geometry.corners_mm()])
    assert places.min() == pytest.approx(-0.5)
    assert places.max() == pytest.approx(119.5)


def test_that_E05_flips_move_the_letters_and_are_marked(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    view.update_framing(PlaneKind.AXIAL, flip_horizontal=True)
    found = scene(view, PlaneKind.AXIAL)
    assert "".join(found.letters) == "LRAP"
    assert found.mirrored


def test_that_E01_letters_can_be_superior_and_inferior(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    view.set_display(superior_inferior=True)
    assert "".join(scene(view, PlaneKind.CORONAL).letters) == "RLSI"


def test_that_E13_acquired_planes_count_slices_and_others_do_not(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume())
    assert [scene(view, kind).slice_text for kind in KINDS] == ["3/5", "4/8", "3/6"]
    c, s = np.cos(0.5), np.sin(0.5)
    view.set_frame(np.array([[c, -s, 0], [s, c, 0], [0, 0, 1]]))
    assert [scene(view, kind).slice_text for kind in KINDS] == ["3/5", "", ""]


def test_that_the_position_names_the_side(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    assert scene(view, PlaneKind.AXIAL).position_text == "F 24.0 mm"
    assert scene(view, PlaneKind.SAGITTAL).position_text == "R 7.0 mm"
    assert scene(view, PlaneKind.CORONAL).position_text == "A 16.0 mm"


def test_that_the_crosshair_lies_at_the_linked_point(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    view.set_cursor((-5, -14, -21))
    for kind in KINDS:
        found = scene(view, kind)
        assert found.cursor_px is not None
        assert found.plane.at(*found.cursor_px) == pytest.approx([-5, -14, -21])


def test_that_a_window_change_asks_for_colouring_only(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    before = scene(view, PlaneKind.AXIAL).layers[0]
    view.set_window(Role.BASE, Window(100, 200))
    after = scene(view, PlaneKind.AXIAL).layers[0]
    assert before.sample_key == after.sample_key
    assert before.colour_key != after.colour_key


def test_that_moving_inside_a_plane_asks_for_nothing(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    before = scene(view, PlaneKind.AXIAL).layers[0]
    view.set_cursor(view.cursor_mm + np.array([1, 2, 0]))
    assert scene(view, PlaneKind.AXIAL).layers[0].sample_key == before.sample_key


def test_that_D30_an_unregistered_overlay_is_not_drawn_before_it_is_confirmed(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume())
    other = make_volume("2", modality="PT", frame_of_reference="other")
    view.library.add(other)
    view.set_overlay(ImageLayer("2", Window(2000, 4000)))
    assert [found.role for found in scene(view, PlaneKind.AXIAL).layers] == [Role.BASE]
    view.confirm_registration()
    assert [found.role for found in scene(view, PlaneKind.AXIAL).layers] == [Role.BASE, Role.OVERLAY]


def test_that_D34_opacity_goes_into_the_overlay_only(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    other = make_volume("2", modality="PT")
    view.library.add(other)
    view.set_overlay(ImageLayer("2", Window(2000, 4000), opacity=0.4))
    base, overlay = scene(view, PlaneKind.AXIAL).layers
    assert set(base.table[:, 3]) == {255}
    assert set(overlay.table[1:, 3]) == {102}
    assert overlay.table[0, 3] == 0
    alone = scene(view, PlaneKind.AXIAL, Content.OVERLAY).layers
    assert set(alone[0].table[:, 3]) == {255}


def test_that_B16_inversion_of_the_user_and_of_monochrome1_cancel(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume(inverted=True))
    first = scene(view, PlaneKind.AXIAL).layers[0].table
    assert tuple(first[0, :3]) == (255, 255, 255)
    view.update_layer(Role.BASE, invert=True)
    assert tuple(scene(view, PlaneKind.AXIAL).layers[0].table[0, :3]) == (0, 0, 0)
