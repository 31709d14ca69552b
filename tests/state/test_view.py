"""The linked point, scrolling, layers and layouts, judged by patient positions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from viewer.imaging.window import Window
from viewer.state.contents import same_frame_of_reference
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import OpenVolume
from viewer.state.navigation import scroll, scroll_to_end, set_opacity
from viewer.state.panes import PlaneKind
from viewer.state.planes import default_frame
from viewer.state.view import ViewState

MakeVolume = Callable[..., OpenVolume]
WINDOW = Window(2000, 4000)


def layer(item: OpenVolume) -> ImageLayer:
    return ImageLayer(item.volume.uid, WINDOW)


def opened(view: ViewState, item: OpenVolume) -> OpenVolume:
    view.library.add(item)
    view.show(layer(item))
    return item


def test_that_a_new_volume_starts_at_the_voxel_in_its_middle(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume())
    assert view.cursor_mm == pytest.approx([-7, -16, -24])


@pytest.mark.parametrize(
    "kind, axis, step",
    [(PlaneKind.AXIAL, 2, 3.0), (PlaneKind.SAGITTAL, 0, 1.0), (PlaneKind.CORONAL, 1, 2.0)],
)
def test_that_scrolling_moves_by_one_voxel_along_the_normal(
    view: ViewState, make_volume: MakeVolume, kind: PlaneKind, axis: int, step: float
) -> None:
    opened(view, make_volume())
    before = view.cursor_mm.copy()
    scroll(view, kind, 1)
    moved = view.cursor_mm - before
    assert moved[axis] == pytest.approx(step)
    assert np.delete(moved, axis) == pytest.approx([0, 0])


def test_that_scrolling_stops_at_the_last_slice(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    scroll_to_end(view, PlaneKind.AXIAL, last=True)
    assert view.cursor_mm[2] == pytest.approx(-18)
    scroll(view, PlaneKind.AXIAL, 3)
    assert view.cursor_mm[2] == pytest.approx(-18)


def test_that_E13_scrolling_visits_each_acquired_slice_of_an_uneven_stack(
    view: ViewState, make_volume: MakeVolume
) -> None:
    item = make_volume()
    positions = np.array([0, 3, 6, 12, 15.0])
    affine = item.volume.geometry.patient_from_index.copy()
    affine[2, 0] = 15 / 4
    from viewer.imaging.geometry import VolumeGeometry
    from viewer.imaging.volume import Volume

    geometry = VolumeGeometry((5, 6, 8), affine, "1.9", positions / 15 * 4)
    volume = Volume("1.2.3", item.volume.array, geometry)
    uneven = OpenVolume(volume, item.stack, item.series, item.study)
    opened(view, uneven)
    scroll_to_end(view, PlaneKind.AXIAL, last=False)
    seen = [float(view.cursor_mm[2])]
    for _ in range(4):
        scroll(view, PlaneKind.AXIAL, 1)
        seen.append(float(view.cursor_mm[2]))
    assert seen == pytest.approx(list(-30 + positions))


def test_that_the_linked_point_stays_inside_the_volume(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    view.set_cursor((1000, 1000, 1000))
    assert view.cursor_mm == pytest.approx([-3, -10, -18])


def test_that_D30_an_overlay_needs_an_equal_frame_of_reference(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume())
    for uid, frame, same in (("2", "1.9", True), ("3", "1.10", False), ("4", "", False)):
        other = make_volume(uid, modality="PT", frame_of_reference=frame)
        view.library.add(other)
        view.set_overlay(layer(other))
        assert same_frame_of_reference(view) is same


def test_that_D30_two_empty_frames_of_reference_are_not_equal(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume(frame_of_reference=""))
    other = make_volume("2", modality="PT", frame_of_reference="")
    view.library.add(other)
    view.set_overlay(layer(other))
    assert not same_frame_of_reference(view)


def test_that_a_closed_volume_leaves_its_role(view: ViewState, make_volume: MakeVolume) -> None:
    item = opened(view, make_volume())
    view.library.remove(item.volume.uid)
    assert view.base is None


def test_that_D38_windows_of_the_two_layers_are_independent(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    other = make_volume("2", modality="PT")
    view.library.add(other)
    view.set_overlay(layer(other))
    view.set_window(Role.OVERLAY, Window(1, 2))
    assert view.base is not None
    assert view.overlay is not None
    assert (view.base.window, view.overlay.window) == (WINDOW, Window(1, 2))


def test_that_opacity_is_kept_between_0_and_1(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    view.set_overlay(layer(view.library.get("1.2.3")))  # type: ignore[arg-type]
    set_opacity(view, 1.7)
    assert view.overlay is not None
    assert view.overlay.opacity == 1.0
    set_opacity(view, -1)
    assert view.overlay.opacity == 0.0


def tilted(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[0, 0, 1, 0], [0, 2 * c, 0, 0], [3, -2 * s, 0, 0], [0, 0, 0, 1.0]])


def oblique(degrees: float) -> np.ndarray:
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.array([[0, 0, 1, 0], [-3 * s, 2 * c, 0, 0], [3 * c, 2 * s, 0, 0], [0, 0, 0, 1.0]])


def test_that_A15_a_tilted_stack_is_shown_on_the_patient_axes(make_volume: MakeVolume) -> None:
    assert default_frame(make_volume(affine=tilted(15)).volume.geometry) == pytest.approx(np.eye(3))


def test_that_A20_planes_follow_a_slightly_oblique_acquisition_only(make_volume: MakeVolume) -> None:
    frame = default_frame(make_volume(affine=oblique(12)).volume.geometry)
    assert np.degrees(np.arccos(frame[2, 2])) == pytest.approx(12)
    assert default_frame(make_volume(affine=oblique(25)).volume.geometry) == pytest.approx(np.eye(3))


def test_that_the_user_may_prefer_the_patient_axes(view: ViewState, make_volume: MakeVolume) -> None:
    view.prefer_patient_planes = True
    opened(view, make_volume(affine=oblique(12)))
    assert view.frame == pytest.approx(np.eye(3))


def test_that_layouts_with_pet_are_refused_without_pet(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    view.set_layout("rows")
    assert view.layout.id == "three"
    other = make_volume("2", modality="PT")
    view.library.add(other)
    view.set_overlay(layer(other))
    view.set_layout("rows")
    assert view.layout.id == "rows"
    view.set_overlay(None)
    assert view.layout.id == "three"


@pytest.mark.parametrize(
    "slices, area, expected",
    [
        (5, (900, 900), "three-large"),
        (20, (900, 900), "three"),
        (5, (1800, 700), "three"),
        (5, (400, 900), "three-large"),
    ],
)
def test_that_the_layout_is_the_one_that_shows_the_planes_larger(
    view: ViewState, make_volume: MakeVolume, slices: int, area: tuple[int, int], expected: str
) -> None:
    view.area = area
    opened(view, make_volume(shape=(slices, 6, 8)))
    assert view.layout.id == expected


def test_that_each_signal_is_sent_once_a_change(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    counts = {"cursor": 0, "layers": 0}
    view.cursor_changed.connect(lambda: counts.__setitem__("cursor", counts["cursor"] + 1))
    view.layers_changed.connect(lambda: counts.__setitem__("layers", counts["layers"] + 1))
    view.set_cursor(view.cursor_mm)
    assert counts == {"cursor": 0, "layers": 0}
    scroll(view, PlaneKind.AXIAL, 1)
    view.set_window(Role.BASE, Window(1, 2))
    view.set_window(Role.BASE, Window(1, 2))
    assert counts == {"cursor": 1, "layers": 1}


def test_that_the_acquired_plane_gets_the_large_pane(view: ViewState, make_volume: MakeVolume) -> None:
    sagittal = np.array([[-3.0, 0, 0, 0], [0, 0, 1, 0], [0, -1, 0, 0], [0, 0, 0, 1]])
    view.area = (500, 900)
    opened(view, make_volume(affine=sagittal, shape=(3, 6, 8)))
    assert view.layout.id == "three-large"
    assert [pane.kind for pane in view.layout.panes] == [
        PlaneKind.SAGITTAL,
        PlaneKind.AXIAL,
        PlaneKind.CORONAL,
    ]
    assert view.active.kind is PlaneKind.SAGITTAL
