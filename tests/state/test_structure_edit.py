"""Painting structures: on any plane, within a threshold, and back again."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.imaging.test_contours import SQUARE, at_height
from tests.state.conftest import MakeVolume
from viewer.dicom.structure_facts import SegmentIdentity
from viewer.imaging.contours import ContourSet
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import Mask
from viewer.imaging.mask_edit import grown
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.library import OpenVolume
from viewer.state.structure_edit import (
    StructureEditor,
    axis_across,
    change_body,
    new_structure,
    operate,
    to_voxels,
)
from viewer.state.structures import Structure, StructureStore
from viewer.state.undo import Edit, History
from viewer.state.view import ViewState

Z = np.array([0.0, 0.0, 1.0])
HERE = np.array([-6.0, -14.0, -24.0])


@pytest.fixture
def item(view: ViewState, make_volume: MakeVolume) -> OpenVolume:
    """The ramp on screen."""
    made = make_volume("1")
    view.library.add(made)
    view.show(ImageLayer("1", Window(40, 400)))
    return made


@pytest.fixture
def edits(view: ViewState) -> list[Edit]:
    """What was done, in order."""
    found: list[Edit] = []
    view.work.of(History).done.connect(found.append)
    return found


def only(view: ViewState) -> Structure:
    (structure,) = view.work.of(StructureStore)
    return structure


def voxels(view: ViewState) -> int:
    body = only(view).body
    assert isinstance(body, Mask)
    return body.voxels


def test_that_a_first_stroke_makes_a_structure_on_the_grid_of_the_image(
    view: ViewState, item: OpenVolume, edits: list[Edit]
) -> None:
    editor = view.work.of(StructureEditor)
    editor.set_options(radius_mm=2.1)
    assert editor.begin(HERE, Z, erase=False)
    assert editor.stroking
    editor.stroke(HERE + np.array([2, 0, 0]), Z, erase=False)
    editor.end(erase=False)
    body = only(view).body
    assert isinstance(body, Mask)
    assert body.geometry is item.volume.geometry
    # Two discs of 2.1 mm and what lies between them, on pixels of 1 x 2 mm, one slice thick.
    places = item.volume.geometry.to_patient(np.argwhere(body.dense()))
    assert np.unique(places[:, 2]).tolist() == [-24.0]
    assert sorted({*places[:, 0].tolist()}) == [-8, -7, -6, -5, -4, -3]
    assert [edit.text for edit in edits] == ["New Structure 1", "Paint Structure 1"]


def test_that_every_stroke_can_be_undone_and_done_again(
    view: ViewState, item: OpenVolume, edits: list[Edit]
) -> None:
    editor = view.work.of(StructureEditor)
    editor.set_options(radius_mm=3.0, ball=True)
    counts = [0]
    for point, erase in ((HERE, False), (HERE + np.array([3, 0, 3]), False), (HERE, True)):
        editor.begin(point, Z, erase=erase)
        editor.end(erase=erase)
        counts.append(voxels(view))
    assert counts[1] > 0
    assert counts[2] > counts[1]
    assert counts[3] < counts[2]
    for count, edit in zip(reversed(counts[:-1]), reversed(edits[1:]), strict=True):
        edit.undo()
        assert voxels(view) == count
    for count, edit in zip(counts[1:], edits[1:], strict=True):
        edit.redo()
        assert voxels(view) == count


def test_that_only_values_within_the_threshold_are_painted(view: ViewState, item: OpenVolume) -> None:
    editor = view.work.of(StructureEditor)
    editor.set_options(radius_mm=50.0, ball=True, threshold=(2000.0, 2999.0))
    editor.begin(HERE, Z, erase=False)
    editor.end(erase=False)
    body = only(view).body
    assert isinstance(body, Mask)
    # 1000 k + 100 j + 10 i: exactly the third slice.
    values = item.volume.array[body.dense()]
    assert (values.min(), values.max(), values.size) == (2000, 2570, 48)


def test_that_the_threshold_looks_at_the_image_under_a_structure_of_another_grid(
    view: ViewState, item: OpenVolume
) -> None:
    affine = item.volume.geometry.patient_from_index.copy()
    affine[:3, :3] /= 2
    fine = VolumeGeometry((9, 11, 15), affine, "1.9")
    store = view.work.of(StructureStore)
    store.put([store.make("fine", Mask.empty(fine), "1.9")])
    editor = view.work.of(StructureEditor)
    editor.set_options(radius_mm=50.0, ball=True, threshold=(2000.0, 2999.0))
    editor.begin(HERE, Z, erase=False)
    editor.end(erase=False)
    body = only(view).body
    assert isinstance(body, Mask)
    nearest = np.floor(np.argwhere(body.dense())[:, 0] / 2 + 0.5 + 1e-6)
    assert set(nearest.tolist()) == {2.0}


def test_that_escape_takes_an_unfinished_stroke_back(
    view: ViewState, item: OpenVolume, edits: list[Edit]
) -> None:
    editor = view.work.of(StructureEditor)
    new_structure(view)
    editor.begin(HERE, Z, erase=False)
    assert voxels(view) > 0
    assert editor.give_up()
    assert voxels(view) == 0
    assert not editor.give_up()
    assert len(edits) == 1


def test_that_contours_become_voxels_before_they_are_painted_and_come_back_by_undo(
    view: ViewState, item: OpenVolume, edits: list[Edit]
) -> None:
    store, editor = view.work.of(StructureStore), view.work.of(StructureEditor)
    contours = ContourSet.of([at_height(SQUARE * 0.5 - (9, 19), z) for z in (-27.0, -24.0, -21.0)])
    structure = store.make("GTV", contours, "1.9")
    store.put([structure])
    editor.begin(HERE, Z, erase=False)
    editor.end(erase=False)
    assert voxels(view) > contours.mask(item.volume.geometry).voxels
    for edit in reversed(edits):
        edit.undo()
    assert only(view).body is contours
    to_voxels(view, only(view))
    assert voxels(view) == contours.mask(item.volume.geometry).voxels


def test_that_a_structure_of_another_space_is_not_painted(view: ViewState, item: OpenVolume) -> None:
    store, editor = view.work.of(StructureStore), view.work.of(StructureEditor)
    store.put([store.make("elsewhere", Mask.empty(item.volume.geometry), "7.7")])
    assert not editor.begin(HERE, Z, erase=False)
    assert operate(view, "Grow", lambda mask: grown(mask, 2.0)).startswith("Select a structure")
    assert view.work.of(StructureEditor).target(make=True) is None


def test_that_an_operation_is_one_step_and_says_when_nothing_changed(
    view: ViewState, item: OpenVolume, edits: list[Edit]
) -> None:
    store = view.work.of(StructureStore)
    array = np.zeros((5, 6, 8), bool)
    array[2, 3, 4] = True
    made = store.make("dot", Mask.of(array, item.volume.geometry), "1.9")
    store.put([made])
    assert operate(view, "Grow", lambda mask: grown(mask, 3.1)) == ""
    assert [edit.text for edit in edits] == ["Grow dot"]
    grown_to = voxels(view)
    assert grown_to > 9
    assert operate(view, "Grow", lambda mask: mask) == "Nothing changed."
    edits[0].undo()
    assert voxels(view) == 1
    assert not change_body(view, replace(made, body=None), Mask.empty(item.volume.geometry), "x")


def test_that_what_a_program_found_counts_as_half_its_work_once_a_person_changed_it(
    view: ViewState, item: OpenVolume, edits: list[Edit]
) -> None:
    store = view.work.of(StructureStore)
    array = np.zeros((5, 6, 8), bool)
    array[2, 3, 4] = True
    found = SegmentIdentity(algorithm_type="AUTOMATIC", algorithm="A model")
    store.put([replace(store.make("dot", Mask.of(array, item.volume.geometry), "1.9"), identity=found)])
    operate(view, "Grow", lambda mask: grown(mask, 3.1))
    assert only(view).identity == replace(found, algorithm_type="SEMIAUTOMATIC")
    edits[0].undo()
    assert only(view).identity == found
    edits[0].redo()
    assert only(view).identity.made == "SEMIAUTOMATIC, A model"


def test_that_slices_follow_each_other_across_the_plane_they_were_drawn_on(item: OpenVolume) -> None:
    mask = Mask.empty(item.volume.geometry)
    assert [axis_across(mask, np.array(n)) for n in ((0, 0, 1.0), (0, 1.0, 0), (-1.0, 0, 0))] == [0, 1, 2]


def test_that_nothing_is_painted_without_images(view: ViewState) -> None:
    assert new_structure(view) is None
    assert not view.work.of(StructureEditor).begin(HERE, Z, erase=False)
