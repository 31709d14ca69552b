"""Missing slices (rule A12): no data by default, interpolated by position on request, and never silently.

The oracle is the ramp: its value is linear in the position, so what lies between two slices is known exactly.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.phantoms import write_ramp
from viewer.imaging.plane import Plane
from viewer.imaging.sample import VoxelState, sample_plane, voxel_at
from viewer.imaging.window import Window
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady
from viewer.loading.pipeline import load
from viewer.state.annotations import corners
from viewer.state.gap_filling import gaps_interpolated, has_gaps, toggle_gap_interpolation
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.panes import Density, Pane, PlaneKind
from viewer.state.resolve import resolve
from viewer.state.view import ViewState
from viewer.ui.sidebar._facts import geometry_facts, warning_texts

IN_THE_GAP = (-10.0, -20.0, -21.0)
"""Where the slice that the phantom leaves out would be: its value would be 3000."""


def opened(folder: Path) -> ViewState:
    view = ViewState(Library())
    for event in load([folder], cancel=CancelToken()):
        if isinstance(event, GeometryReady):
            view.library.add(OpenVolume(event.volume, event.stack, event.series, event.study))
            view.show(ImageLayer(event.volume.uid, Window(40, 80)))
    return view


def shown(view: ViewState) -> OpenVolume:
    item = view.volume(Role.BASE)
    assert item is not None
    return item


def value_at(view: ViewState, point: tuple[float, float, float]) -> float:
    """What a picture shows at a point."""
    plane = Plane(np.array(point), np.array([1.0, 0, 0]), np.array([0, 1.0, 0]), 1, 1)
    return float(sample_plane(shown(view).volume, plane)[0, 0])


def said(view: ViewState) -> str:
    """Everything that is said about the geometry: pane, report, warnings."""
    item = shown(view)
    scene = resolve(view, Pane("p", PlaneKind.CORONAL), 200, 200)
    assert scene is not None
    facts = geometry_facts(
        item.stack.report, item.volume.geometry, interpolate_gaps=item.volume.interpolate_gaps
    )
    pane = corners(view, scene, Density.OFF, identity=False).warnings
    texts = (*(fact.value for fact in facts), *pane, *warning_texts(item.series, item.stack))
    return "\n".join(texts)


def test_that_A12_a_gap_holds_no_data_until_it_is_interpolated_on_request(tmp_path: Path) -> None:
    view = opened(write_ramp(tmp_path, "G7"))
    assert has_gaps(view)
    assert not gaps_interpolated(view)
    assert value_at(view, IN_THE_GAP) == np.inf
    version = view.library.version(shown(view).volume.uid)
    toggle_gap_interpolation(view)
    assert gaps_interpolated(view)
    assert view.library.version(shown(view).volume.uid) != version
    assert value_at(view, IN_THE_GAP) == pytest.approx(3000)
    assert value_at(view, (-8.0, -16.0, -23.0)) == pytest.approx(2000 + 1000 / 3 + 200 + 20)
    toggle_gap_interpolation(view)
    assert value_at(view, IN_THE_GAP) == np.inf


def test_that_A12_an_interpolated_gap_is_marked_in_pane_report_and_warnings(tmp_path: Path) -> None:
    view = opened(write_ramp(tmp_path, "G7"))
    before = said(view)
    assert "shown as no data" in before
    assert "shown hatched" in before
    assert "interpolated, as you asked" not in before
    toggle_gap_interpolation(view)
    after = said(view)
    assert "1 gap interpolated" in after
    assert "1 interval, interpolated as you asked" in after
    assert "the values shown there are interpolated, as you asked." in after
    assert "hatched" not in after
    toggle_gap_interpolation(view)
    assert said(view) == before


def test_that_A12_a_reading_in_an_interpolated_gap_is_still_no_data(tmp_path: Path) -> None:
    view = opened(write_ramp(tmp_path, "G7"))
    toggle_gap_interpolation(view)
    assert voxel_at(shown(view).volume, IN_THE_GAP).state is VoxelState.NO_DATA
    assert shown(view).volume.geometry.gaps == (2,)


def test_that_A12_a_slice_that_could_not_be_read_is_not_filled(tmp_path: Path) -> None:
    view = opened(write_ramp(tmp_path, "G7"))
    shown(view).volume.corrupt[1] = True
    toggle_gap_interpolation(view)
    assert value_at(view, (-10.0, -20.0, -27.0)) == np.inf


def test_that_A12_nothing_is_offered_where_nothing_is_missing(tmp_path: Path) -> None:
    view = opened(write_ramp(tmp_path))
    assert not has_gaps(view)
    toggle_gap_interpolation(view)
    assert not gaps_interpolated(view)
