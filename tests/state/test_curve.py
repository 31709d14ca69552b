"""The drawn path as state: points that can be undone, and a pane that shows it and is linked both ways."""

from __future__ import annotations

import numpy as np
import pytest

from tests.state.conftest import MakeVolume
from viewer.imaging.sample import sample_plane
from viewer.imaging.window import Window
from viewer.state.annotations import corners
from viewer.state.curve import CurvedMode, CurvedPath, place_on_path
from viewer.state.framing import zoom_about
from viewer.state.layers import ImageLayer
from viewer.state.navigation import scroll
from viewer.state.panes import Density, Pane, PlaneKind
from viewer.state.resolve import PaneScene, resolve
from viewer.state.undo import Edit, History
from viewer.state.view import ViewState

SHAPE = (30, 30, 40)
PANE = Pane("curved", PlaneKind.CURVED)
BENDS = ((-5.0, -12.0, -20.0), (4.0, 0.0, 0.0), (12.0, 14.0, 20.0), (20.0, 10.0, 40.0))


def opened(view: ViewState, make_volume: MakeVolume, **fields: object) -> CurvedPath:
    view.library.add(make_volume(shape=SHAPE, **fields))
    view.show(ImageLayer("1.2.3", Window(40, 400)))
    return view.work.of(CurvedPath)


def drawn(view: ViewState, make_volume: MakeVolume, **fields: object) -> CurvedPath:
    path = opened(view, make_volume, **fields)
    for point in BENDS:
        path.add(point)
    return path


def scene(view: ViewState) -> PaneScene:
    found = resolve(view, PANE, 200, 160)
    assert found is not None
    return found


def test_that_there_is_no_picture_before_there_is_a_path(view: ViewState, make_volume: MakeVolume) -> None:
    path = opened(view, make_volume)
    for count in range(3):
        found = scene(view)
        assert (found.layers != ()) == (count == 2)
        path.add(BENDS[count])


@pytest.mark.parametrize("mode", CurvedMode)
def test_that_each_pixel_shows_the_ramp_where_it_says_it_lies(
    view: ViewState, make_volume: MakeVolume, mode: CurvedMode
) -> None:
    """Values of 1000 k + 100 j + 10 i, sampled once along the path and once for the screen."""
    path = drawn(view, make_volume)
    path.show_as(mode=mode, angle_deg=25.0, width_mm=30.0)
    found = scene(view)
    layer = found.layers[0]
    picture = sample_plane(layer.volume, found.plane, interpolation=layer.interpolation)
    item = view.base_volume
    assert item is not None
    checked = 0
    for row, column in np.argwhere(np.isfinite(picture))[::37]:
        _, *place = layer.volume.geometry.to_index(found.plane.at(float(column), float(row)))
        if min(place) < 0 or np.any(np.array(place) > np.array(layer.volume.geometry.shape[1:]) - 1):
            continue  # half a sample beyond the ends the last one holds
        index = item.volume.geometry.to_index(found.at(float(column), float(row)))
        if np.all(index > 1) and np.all(index < np.array(SHAPE) - 2):
            assert picture[row, column] == pytest.approx(index @ [1000, 100, 10], abs=0.5)
            checked += 1
    assert checked > 100


@pytest.mark.parametrize("mode", CurvedMode)
def test_that_the_linked_point_is_shown_where_it_lies(
    view: ViewState, make_volume: MakeVolume, mode: CurvedMode
) -> None:
    path = drawn(view, make_volume)
    path.show_as(mode=mode)
    for column, row in ((100.0, 40.0), (112.0, 80.0), (95.0, 120.0)):
        view.set_cursor(scene(view).at(column, row))
        assert scene(view).cursor_px == pytest.approx((column, row), abs=0.2)
        assert [line.vertical for line in scene(view).lines] == [True, False]


def test_that_off_the_surface_only_the_place_along_the_path_is_shown(
    view: ViewState, make_volume: MakeVolume
) -> None:
    drawn(view, make_volume)
    surface = scene(view).surface
    assert surface is not None
    middle = surface.at(0.0, 30.0)
    out = np.cross(surface.at(1.0, 30.0) - middle, surface.at(0.0, 30.5) - middle)
    view.set_cursor(middle + 6.0 * out / np.linalg.norm(out))
    found = scene(view)
    assert [line.vertical for line in found.lines] == [False]
    assert found.position_text.startswith("30.")


def test_that_the_scale_is_that_of_the_path(view: ViewState, make_volume: MakeVolume) -> None:
    path = drawn(view, make_volume)
    found = scene(view)
    (_, first, _), (_, last, _) = found.place(BENDS[0]), found.place(BENDS[-1])
    line = path.path()
    assert line is not None
    assert (last - first) * found.plane.mm_per_pixel == pytest.approx(line.length_mm, abs=0.05)
    assert found.position_text.endswith(f"/{line.length_mm:.1f} mm")


def test_that_letters_are_those_all_rows_share(view: ViewState, make_volume: MakeVolume) -> None:
    path = opened(view, make_volume)
    for point in ((0.0, 0.0, -20.0), (0.0, 0.0, 30.0)):
        path.add(point)
    assert scene(view).letters == ("R", "L", "start", "end")
    path.show_as(angle_deg=90)
    assert scene(view).letters == ("A", "P", "start", "end")
    view.update_framing(PlaneKind.CURVED, flip_horizontal=True, flip_vertical=True)
    assert scene(view).letters == ("P", "A", "end", "start")
    assert scene(view).mirrored
    path.add((30.0, 0.0, 30.0))
    path.show_as(mode=CurvedMode.STRETCHED)
    assert scene(view).letters[:2] == ("P", "A")


def test_that_the_wheel_turns_the_rows_about_the_path(view: ViewState, make_volume: MakeVolume) -> None:
    path = drawn(view, make_volume)
    before = scene(view)
    scroll(view, PlaneKind.CURVED, 3)
    assert path.angle_deg == 15
    assert scene(view).layers[0].sample_key != before.layers[0].sample_key
    assert "straightened 15°" in " ".join(
        corners(view, scene(view), Density.MINIMAL, identity=False).bottom_left
    )
    scroll(view, PlaneKind.CURVED, -4)
    assert path.angle_deg == 355


def test_that_zooming_keeps_the_point_under_the_hand(view: ViewState, make_volume: MakeVolume) -> None:
    drawn(view, make_volume)
    before = scene(view)
    point = before.at(115.0, 60.0)
    zoom_about(view, before, point, 2.0)
    column, row, _ = scene(view).place(point)
    assert (column, row) == pytest.approx((115.0, 60.0), abs=0.2)
    assert scene(view).plane.mm_per_pixel == pytest.approx(before.plane.mm_per_pixel / 2)


def test_that_every_change_of_the_points_can_be_undone(view: ViewState, make_volume: MakeVolume) -> None:
    path = opened(view, make_volume)
    edits: list[Edit] = []
    view.work.of(History).done.connect(edits.append)
    states = [path.points]

    def note() -> None:
        states.append(path.points)

    path.add(BENDS[0])
    note()
    path.add(BENDS[2])
    note()
    path.add(BENDS[1], 1)
    note()
    path.preview([BENDS[0], (1.0, 1.0, 1.0), BENDS[2]], moving=True)
    path.move(1, (2.0, 2.0, 2.0), before=states[-1])
    note()
    path.select(0)
    path.remove()
    note()
    path.clear()
    note()
    assert [len(points) for points in states] == [0, 1, 2, 3, 3, 2, 0]
    assert states[4][1] == (2.0, 2.0, 2.0)
    for edit, state in zip(reversed(edits), reversed(states[:-1]), strict=True):
        edit.undo()
        assert path.points == state
    for edit, state in zip(edits, states[1:], strict=True):
        edit.redo()
        assert path.points == state


def test_that_a_new_point_is_put_where_the_path_was_clicked(view: ViewState, make_volume: MakeVolume) -> None:
    path = drawn(view, make_volume).path()
    assert path is not None
    for span in range(3):
        s = (path.knots_mm[span] + path.knots_mm[span + 1]) / 2
        assert place_on_path(path, path.points[round(s / path.step_mm)]) == span + 1


def test_that_a_path_belongs_to_its_frame_of_reference(view: ViewState, make_volume: MakeVolume) -> None:
    path = drawn(view, make_volume)
    view.library.add(make_volume(uid="other", shape=SHAPE, frame_of_reference="2.7"))
    view.show(ImageLayer("other", Window(40, 400)))
    shown = [len(path.points), len(scene(view).layers)]
    view.show(ImageLayer("1.2.3", Window(40, 400)))
    assert shown == [0, 0]
    assert path.points == BENDS


def test_that_other_values_make_another_picture_and_the_window_does_not(
    view: ViewState, make_volume: MakeVolume
) -> None:
    drawn(view, make_volume)
    before = scene(view).layers[0]
    view.set_cursor((3, 3, 3))
    assert scene(view).layers[0].volume is before.volume
    item = view.base_volume
    assert item is not None
    item.volume.array[...] = 7
    view.library.touch("1.2.3")
    after = scene(view).layers[0]
    assert after.sample_key != before.sample_key
    assert np.nanmax(after.volume.array) == pytest.approx(7)


def test_that_pet_lies_on_ct_along_the_path(view: ViewState, make_volume: MakeVolume) -> None:
    """Both on one surface: the ramp of a PET with twice the pitch says half the index."""
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2] = 6, 4, 2
    affine[:, 3] = (-10, -20, -30, 1)
    view.library.add(make_volume(shape=SHAPE))
    view.library.add(make_volume(uid="pt", shape=(15, 15, 20), affine=affine, modality="PT"))
    view.show(ImageLayer("1.2.3", Window(40, 400)), ImageLayer("pt", Window(40, 400)))
    path = view.work.of(CurvedPath)
    for point in BENDS:
        path.add(point)
    found = scene(view)
    ct, pet = (sample_plane(layer.volume, found.plane) for layer in found.layers)
    both = np.isfinite(ct) & np.isfinite(pet)
    inside = both & (ct > 5000) & (ct < 20000)
    assert inside.sum() > 200
    assert np.median(np.abs(ct[inside] - 2 * pet[inside])) < 5


def test_that_the_width_goes_by_usual_steps_from_any_width(view: ViewState, make_volume: MakeVolume) -> None:
    path = drawn(view, make_volume)
    widths = []
    path.show_as(width_mm=33.0)
    for steps in (1, 1, -1, -1, -20, -1, 20):
        path.step_width(steps)
        widths.append(path.width_mm)
    assert widths == [40, 60, 40, 30, 20, 20, 300]
