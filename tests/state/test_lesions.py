"""The store of lesions: numbers that follow the SUV, sums, the liver, undo (rules D20 to D22, G11)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tests.state.pet_study import (
    GROUND_SUV,
    HOT,
    HOT_RADIUS_MM,
    HOT_SUV,
    WARM,
    WARM_RADIUS_MM,
    WARM_SUV,
    ball,
    point_of,
    show,
)
from viewer.imaging.lesion import Drawing
from viewer.imaging.plane import Plane
from viewer.imaging.uptake import Threshold, ThresholdKind
from viewer.imaging.voi import Box, Sphere
from viewer.state.lesion_shapes import Part, dragged_box, dragged_sphere, handle_at, pulled
from viewer.state.lesions import Lesion, Lesions, Measured, threshold_text
from viewer.state.library import Library, OpenVolume
from viewer.state.suv_edit import edit_suv, reset_suv, show_kind
from viewer.state.undo import Edit, History
from viewer.state.view import ViewState

ML = 0.064
HOT_COUNT = int(ball(HOT, HOT_RADIUS_MM).sum())
WARM_COUNT = int(ball(WARM, WARM_RADIUS_MM).sum())


@pytest.fixture
def view() -> ViewState:
    return ViewState(Library())


@pytest.fixture
def pet(view: ViewState) -> OpenVolume:
    return show(view.library, view)


@pytest.fixture
def store(view: ViewState, pet: OpenVolume) -> Lesions:
    return view.work.of(Lesions)


def made(store: Lesions, index: tuple[int, int, int]) -> Lesion:
    found = store.grow(None, point_of(index))
    assert found is not None
    return found


def numbers(measured: Measured) -> tuple[float, float, float, float]:
    assert measured.uptake is not None
    uptake = measured.uptake
    return uptake.max, uptake.mean, uptake.volume_ml, uptake.glycolysis


def test_that_D20_D22_a_click_makes_a_lesion_with_its_numbers(store: Lesions) -> None:
    lesion = made(store, (HOT[0] + 1, HOT[1], HOT[2] - 1))
    assert (lesion.name, lesion.volume_uid, store.selected) == ("L1", "pt", lesion.uid)
    found = store.measured(lesion)
    assert found.unit == "SUV"
    assert numbers(found) == pytest.approx((8.0, 8.0, HOT_COUNT * ML, HOT_COUNT * ML * 8))
    assert store.measured(lesion) is not found
    assert store.measured(lesion).outlined is found.outlined  # computed once


def test_that_a_second_click_into_a_lesion_chooses_it(store: Lesions) -> None:
    first = made(store, HOT)
    other = made(store, WARM)
    assert [lesion.name for lesion in store.of("pt")] == ["L1", "L2"]
    assert first.colour != other.colour
    assert made(store, (HOT[0] + 2, HOT[1], HOT[2])).uid == first.uid
    assert store.selected == first.uid


def test_that_where_there_is_no_lesion_none_is_made_and_why_is_said(store: Lesions) -> None:
    said: list[str] = []
    store.told.connect(said.append)
    assert store.grow(None, point_of((5, 5, 5))) is None
    assert said == ["No lesion here: not hotter than what surrounds it."]
    assert not store.of("pt")


def test_that_numbers_follow_an_edited_weight_and_its_star(view: ViewState, store: Lesions) -> None:
    lesion = made(store, HOT)
    edit_suv(view.library, "pt", weight_kg=40.0)
    found = store.measured(lesion)
    assert found.unit == "SUV*"
    assert numbers(found) == pytest.approx((4.0, 4.0, HOT_COUNT * ML, HOT_COUNT * ML * 4))
    reset_suv(view.library, "pt")
    assert store.measured(lesion).unit == "SUV"


def test_that_a_fixed_threshold_stays_in_its_own_quantity(view: ViewState, store: Lesions) -> None:
    """4.5 SUV holds the warm ball by 5 SUV; 4.5 SUL would not."""
    lesion = made(store, WARM)
    store.set_threshold(lesion.uid, Threshold(ThresholdKind.FIXED, 4.5, "SUV"))
    kept = store.of("pt")[0]
    before = numbers(store.measured(kept))
    show_kind(view.library, "pt", "lbmjanma")
    found = store.measured(kept)
    assert found.unit == "SUL Janma"
    # 80 kg, 1.80 m: lean mass by the published formula.
    ratio = 9270 / (6680 + 216 * 80 / 1.8**2)
    assert numbers(found) == pytest.approx(
        (before[0] * ratio, before[1] * ratio, before[2], before[3] * ratio)
    )
    assert found.outlined is not None
    assert found.outlined.level == pytest.approx(4.5 * ratio)
    assert threshold_text(kept.drawing.threshold) == "≥ 4.50 SUV"
    # At 60 kg the ball has 3.75 SUV: none of it reaches 4.5 any more.
    show_kind(view.library, "pt", "bw")
    edit_suv(view.library, "pt", weight_kg=60.0)
    assert store.measured(kept).region is None


def test_that_without_an_suv_the_stored_unit_is_shown(view: ViewState) -> None:
    show(view.library, view, suv=False)
    store = view.work.of(Lesions)
    store.threshold = Threshold(ThresholdKind.FIXED, 2.5, "SUV")
    lesion = made(store, HOT)
    assert lesion.drawing.threshold == Threshold(ThresholdKind.PERCENT, 41.0)
    found = store.measured(lesion)
    assert found.unit == "PROPCNTS"
    assert numbers(found)[0] == pytest.approx(8000.0)
    store.set_threshold(lesion.uid, Threshold(ThresholdKind.FIXED, 2.5, "SUV"))
    assert store.measured(store.of("pt")[0]).uptake is None


def test_that_D22_sums_count_a_voxel_of_two_lesions_once(store: Lesions, pet: OpenVolume) -> None:
    made(store, HOT)
    made(store, WARM)
    x, y, z = point_of(HOT).tolist()
    store.add(pet, Drawing(Sphere((x, y, z), HOT_RADIUS_MM), Threshold(ThresholdKind.WHOLE)))
    assert store.set_liver(point_of((30, 35, 30))) is not None
    totals = store.totals("pt")
    assert totals is not None
    assert totals.count == 3
    assert totals.max == 8.0
    assert totals.volume_ml == pytest.approx((HOT_COUNT + WARM_COUNT) * ML)
    assert totals.glycolysis == pytest.approx((HOT_COUNT * HOT_SUV + WARM_COUNT * WARM_SUV) * ML)


def test_that_D22_the_percist_threshold_follows_the_liver(store: Lesions, view: ViewState) -> None:
    lesion = made(store, HOT)
    store.set_threshold(lesion.uid, Threshold(ThresholdKind.PERCIST))
    assert store.measured(store.of("pt")[0]).region is None
    assert store.set_liver(point_of((30, 35, 30))) is not None
    assert store.percist("pt") == pytest.approx(1.5 * GROUND_SUV)
    found = store.measured(store.of("pt")[0])
    assert found.outlined is not None
    assert found.outlined.level == pytest.approx(1.5)
    liver = store.liver("pt")
    assert liver is not None
    assert liver.uptake is not None
    # 3 cm wide.
    assert liver.uptake.count == int(ball((30, 35, 30), 15.0).sum())
    store.set_liver(point_of(HOT))
    assert [lesion.name for lesion in store.of("pt") if lesion.liver] == ["Liver"]
    moved = store.percist("pt")
    assert moved is not None
    assert moved > 8


def test_that_G11_everything_can_be_undone(store: Lesions, view: ViewState) -> None:
    edits: list[Edit] = []
    view.work.of(History).done.connect(edits.append)
    kept: list[str] = []
    store.edited.connect(kept.append)
    states = [store.of("pt")]

    def did() -> None:
        states.append(store.of("pt"))

    first = made(store, HOT)
    did()
    made(store, WARM)
    did()
    store.set_threshold(first.uid, Threshold(ThresholdKind.PERCENT, 50.0))
    did()
    store.change(first.uid, "Rename lesion", name="Node 4R")
    did()
    store.remove([lesion.uid for lesion in store.of("pt")])
    did()
    assert [edit.text for edit in edits] == [
        "Add lesion",
        "Add lesion",
        "Change threshold",
        "Rename lesion",
        "Delete lesions",
    ]
    assert len(kept) == 5
    for edit, before in zip(reversed(edits), reversed(states[:-1]), strict=True):
        edit.undo()
        assert store.of("pt") == before
    for edit, after in zip(edits, states[1:], strict=True):
        edit.redo()
        assert store.of("pt") == after


def test_that_nothing_is_measured_before_the_last_slice(
    view: ViewState, store: Lesions, pet: OpenVolume
) -> None:
    lesion = made(store, HOT)
    pet.volume.ready[3] = False
    view.library.touch("pt")
    assert store.measured(lesion).outlined is None
    assert store.grow(None, point_of(WARM)) is None
    pet.volume.ready[3] = True
    view.library.touch("pt")
    assert store.measured(lesion).uptake is not None


def test_that_a_jump_goes_to_the_hottest_voxel(store: Lesions, view: ViewState, pet: OpenVolume) -> None:
    pet.volume.array[HOT[0], HOT[1] + 1, HOT[2]] = 9000.0
    view.library.touch("pt")
    lesion = made(store, HOT)
    made(store, WARM)
    store.jump(lesion.uid)
    assert view.cursor_mm == pytest.approx(point_of((HOT[0], HOT[1] + 1, HOT[2])))
    assert store.selected == lesion.uid


def test_that_lesions_of_a_series_out_of_view_are_not_drawn(store: Lesions, view: ViewState) -> None:
    lesion = made(store, HOT)
    assert store.shown() == (lesion,)
    view.set_overlay(None)
    assert store.shown() == ()
    assert store.of("pt") == (lesion,)


# --- By hand ----------------------------------------------------------------------------------------------------

PLANE = Plane.centred(point_of(HOT), (1, 0, 0), (0, 1, 0), 1.0, 101, 101)


def test_that_a_drag_draws_a_sphere_from_its_centre_and_a_box_from_its_corner() -> None:
    begin = point_of(HOT)
    sphere = dragged_sphere(begin, begin + np.array([3.0, 4.0, 0.0]))
    assert sphere.centre_mm == pytest.approx(begin)
    assert sphere.radius_mm == 5.0
    box = dragged_box(begin, begin + np.array([-8.0, 20.0, 0.0]), PLANE)
    assert box.centre_mm == pytest.approx(begin + np.array([-4.0, 10.0, 0.0]))
    assert np.abs(np.array(box.half_axes_mm)).tolist() == [[4, 0, 0], [0, 10, 0], [0, 0, 4]]


def test_that_handles_of_the_selected_shape_move_and_size_it(
    view: ViewState, store: Lesions, pet: OpenVolume
) -> None:
    x, y, z = point_of(HOT).tolist()
    whole = Threshold(ThresholdKind.WHOLE)
    sphere = store.add(pet, Drawing(Sphere((x, y, z), 12.0), whole))
    edge, centre, away = np.array([x + 11, y, z]), np.array([x, y + 2, z]), np.array([x + 30, y, z])
    assert handle_at(view, Sphere, PLANE, away, 0.5) is None
    held = handle_at(view, Sphere, PLANE, edge, 0.5)
    assert held is not None
    assert held.part is Part.EDGE
    sized = pulled(held, edge, np.array([x + 20, y, z])).shape
    assert isinstance(sized, Sphere)
    assert sized.radius_mm == pytest.approx(20.0)
    held = handle_at(view, Sphere, PLANE, centre, 0.5)
    assert held is not None
    assert held.part is Part.CENTRE
    assert pulled(held, centre, centre + np.array([5.0, -1.0, 0.0])).shape.centre_mm == pytest.approx(
        (x + 5, y - 1, z)
    )
    assert handle_at(view, Box, PLANE, edge, 0.5) is None
    box = Box((x, y, z), ((10.0, 0, 0), (0, 8.0, 0), (0, 0, 6.0)))
    store.add(pet, Drawing(box, whole))
    held = handle_at(view, Box, PLANE, np.array([x + 3, y - 8.5, z]), 0.5)
    assert held is not None
    assert (held.part, held.axis) == (Part.EDGE, 1)
    longer = pulled(held, np.array([x, y - 8, z]), np.array([x, y - 15, z])).shape
    assert isinstance(longer, Box)
    assert np.linalg.norm(longer.half_axes_mm, axis=1) == pytest.approx([10, 15, 6])
    # Another lesion is selected: its handles are the only ones.
    assert handle_at(view, Sphere, PLANE, edge, 0.5) is None
    assert sphere is not None
    store.change(sphere.uid, "Hide", visible=False)
    store.select(sphere.uid)
    assert handle_at(view, Sphere, PLANE, edge, 0.5) is None


def test_that_a_drag_is_one_edit_and_can_be_undone(view: ViewState, store: Lesions, pet: OpenVolume) -> None:
    x, y, z = point_of(HOT).tolist()
    before = Drawing(Sphere((x, y, z), 12.0), Threshold(ThresholdKind.WHOLE))
    lesion = store.add(pet, before)
    assert lesion is not None
    edits: list[Edit] = []
    view.work.of(History).done.connect(edits.append)
    for radius in (13.0, 14.0, 15.0):
        store.move(lesion.uid, replace(before, shape=Sphere((x, y, z), radius)))
    store.moved(lesion.uid, before)
    assert len(edits) == 1
    (after,) = store.of("pt")
    assert after.drawing.shape == Sphere((x, y, z), 15.0)
    edits[0].undo()
    (back,) = store.of("pt")
    assert back.drawing == before
    edits[0].redo()
    assert store.of("pt") == (after,)
    store.moved(lesion.uid, after.drawing)
    assert len(edits) == 1
