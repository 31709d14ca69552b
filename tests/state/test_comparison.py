"""Two studies on screen: dates, other patients, one window for both, what is shown beside what (rule E22)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.ui.panes.test_frames import open_volume
from viewer.dicom.model import Catalogue, Patient, Study
from viewer.imaging.combine import Combination
from viewer.imaging.rigid import shift
from viewer.imaging.window import Window
from viewer.state.alignment import Alignment, How
from viewer.state.annotations import Corners, corners
from viewer.state.combining import Combining
from viewer.state.comparison import Comparison, LinkedWindows, apart
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.panes import Density
from viewer.state.resolve import resolve
from viewer.state.view import ViewState


def dated(item: OpenVolume, uid: str, date: str, patient: str = "p") -> OpenVolume:
    return replace(item, study=Study(uid, Patient(patient), date=date, series=item.study.series))


def far(item: OpenVolume, away: float) -> OpenVolume:
    geometry = item.volume.geometry
    moved = replace(geometry, patient_from_index=shift((0, 0, away)) @ geometry.patient_from_index)
    return replace(item, volume=replace(item.volume, geometry=moved))


def two(patient: str = "p", study: str = "prior", *, frame: str = "1.9", away: float = 0.0) -> ViewState:
    """A CT, and an older one that is in the library but not shown."""
    library = Library()
    now = dated(open_volume("now", "CT", 1.0), "current", "20240301")
    library.add(now)
    library.add(far(dated(open_volume("then", "CT", 1.0, frame=frame), study, "20210915", patient), away))
    library.set_catalogue(Catalogue(studies=(now.study,)))
    view = ViewState(library)
    view.show(ImageLayer("now", Window(40, 400)))
    return view


def fuse(view: ViewState) -> ViewState:
    view.set_overlay(ImageLayer("then", Window(50, 350)))
    return view


def words(view: ViewState, density: Density = Density.OFF, pane: int = 0) -> Corners:
    scene = resolve(view, view.layout.panes[pane], 200, 200)
    assert scene is not None
    return corners(view, scene, density, identity=False)


@pytest.mark.parametrize("density", Density)
def test_that_E22_two_studies_always_carry_their_dates(density: Density) -> None:
    view = fuse(two())
    assert {"study of 2024-03-01", "study of 2021-09-15"} <= set(words(view, density).warnings)
    view.set_layout("compare")
    assert "study of 2024-03-01" in words(view, density, 0).warnings
    assert "study of 2021-09-15" in words(view, density, 3).warnings
    assert "study of 2021-09-15" not in words(view, density, 0).warnings


def test_that_E22_one_study_carries_no_date_among_the_warnings() -> None:
    view = fuse(two(study="current"))
    assert not any("study of" in word for word in words(view).warnings)


@pytest.mark.parametrize("density", Density)
def test_that_E22_different_patients_always_get_the_red_band(density: Density) -> None:
    assert words(fuse(two("q")), density).alarm == "DIFFERENT PATIENTS"
    assert words(fuse(two("p")), density).alarm == ""
    assert words(two("q"), density).alarm == ""


def test_that_E20_both_series_are_scrolled_zoomed_and_panned_together() -> None:
    view = fuse(two())
    view.set_layout("compare")
    view.set_cursor((3, 4, 5))
    upper, lower = view.layout.panes[0], view.layout.panes[3]
    view.update_framing(upper.kind, zoom=2.0, pan_mm=(5.0, -3.0))
    scenes = [resolve(view, pane, 150, 130) for pane in (upper, lower)]
    assert scenes[0] is not None
    assert scenes[1] is not None
    assert scenes[0].layers[0].volume.uid == "now"
    assert scenes[1].layers[0].volume.uid == "then"
    for corner in ((0, 0), (149, 129)):
        np.testing.assert_array_equal(scenes[0].plane.at(*corner), scenes[1].plane.at(*corner))


def test_that_an_added_study_is_shown_below_and_the_base_stays() -> None:
    view = two()
    comparison = view.work.of(Comparison)
    then = view.library.get("then")
    assert then is not None
    assert not comparison.added(then)
    comparison.await_study()
    assert comparison.added(then)
    comparison.show_beside(ImageLayer("then", Window(50, 350)))
    assert view.base is not None
    assert view.overlay is not None
    assert (view.base.volume_uid, view.overlay.volume_uid) == ("now", "then")
    assert view.layout.id == "compare"
    assert view.work.of(Alignment).placement("then") is None
    view.library.clear()
    assert not comparison.added(then)


def test_that_E21_volumes_that_have_no_place_in_common_are_brought_together_and_marked() -> None:
    view = two(frame="1.77", away=900.0)
    comparison = view.work.of(Comparison)
    comparison.await_study()
    comparison.show_beside(ImageLayer("then", Window(50, 350)))
    placement = view.work.of(Alignment).placement("then")
    assert placement is not None
    assert placement.how is How.CENTRES
    np.testing.assert_allclose(placement.matrix, shift((0, 0, -900)), atol=1e-9)
    assert "moved so that the centres meet: 900.0 mm, 0.0°" in words(view, pane=3).warnings


def test_that_E21_volumes_of_one_frame_of_reference_stay_where_they_are() -> None:
    view = two(away=900.0)
    view.work.of(Comparison).await_study()
    view.work.of(Comparison).show_beside(ImageLayer("then", Window(50, 350)))
    assert view.work.of(Alignment).placement("then") is None


@pytest.mark.parametrize("away,expected", [(0.0, False), (18.5, False), (19.5, True), (-19.5, True)])
def test_that_boxes_are_apart_when_a_gap_lies_between_them(away: float, expected: bool) -> None:
    """20 slices of 1 mm: centres from -9.5 to 9.5, corners half a voxel farther at most."""
    item = open_volume("a", "CT", 1.0)
    corners_mm = item.volume.geometry.corners_mm()
    height = float(np.ptp(corners_mm[:, 2]))
    assert apart(item, far(item, np.sign(away) * (height + 0.1) if expected else away)) is expected


def test_that_one_window_for_both_follows_the_layer_that_is_changed() -> None:
    view = fuse(two())
    linked = view.work.of(LinkedWindows)
    linked.toggle()
    assert view.overlay is not None
    assert view.overlay.window == Window(40, 400)
    view.set_window(Role.BASE, Window(300, 1500), "bone")
    assert view.overlay.window == Window(300, 1500)
    view.set_active_role(Role.OVERLAY)
    view.set_window(Role.OVERLAY, Window(35, 80), "brain")
    assert view.base is not None
    assert view.base.window == Window(35, 80)
    linked.toggle()
    view.set_window(Role.OVERLAY, Window(1, 2))
    assert view.base.window == Window(35, 80)


def test_that_series_of_different_quantities_keep_their_own_windows() -> None:
    library = Library()
    for uid, modality in (("ct", "CT"), ("pt", "PT")):
        library.add(open_volume(uid, modality, 1.0))
    view = ViewState(library)
    view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 7)))
    linked = view.work.of(LinkedWindows)
    assert not linked.possible()
    linked.toggle()
    view.set_window(Role.BASE, Window(300, 1500))
    assert view.overlay is not None
    assert view.overlay.window == Window.from_bounds(0, 7)


def test_that_combined_panes_show_the_overlay_opaque_in_the_colours_of_the_base() -> None:
    view = fuse(two())
    view.update_layer(Role.OVERLAY, opacity=0.3, transparent_below=True)
    view.work.of(Combining).choose(Combination.CHECKERBOARD)
    scene = resolve(view, view.layout.panes[0], 160, 80)
    assert scene is not None
    assert scene.combined is not None
    assert scene.combined.tile == 10
    base, overlay = scene.layers
    assert (overlay.table[:, 3] == 255).all()
    np.testing.assert_array_equal(overlay.table[[0, -1], :3], base.table[[0, -1], :3])
    view.work.of(Combining).choose(Combination.CHECKERBOARD)
    blended = resolve(view, view.layout.panes[0], 160, 80)
    assert blended is not None
    assert blended.combined is None
    assert (blended.layers[1].table[:, 3] < 255).all()


def test_that_panes_of_one_layer_are_not_combined() -> None:
    view = fuse(two())
    view.work.of(Combining).choose(Combination.SWIPE)
    view.set_layout("compare")
    for pane in view.layout.panes:
        scene = resolve(view, pane, 100, 100)
        assert scene is not None
        assert scene.combined is None
