"""Patients as they lay (rule A22): the side on the table is down, nothing is mirrored, and the picture says so.

Which side is where on the table is held against the directions that PS3.17 FFF.1.2.2.2 lists for every position: the
table's X runs to the right of the picture and its Y down. Feet-first patients are seen from their feet all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from viewer.imaging.window import Window
from viewer.state.annotations import corners
from viewer.state.as_acquired import acquired_turns, shown_as_acquired, toggle_as_acquired
from viewer.state.layers import ImageLayer
from viewer.state.library import OpenVolume
from viewer.state.oblique import turn
from viewer.state.panes import Density, Pane, PlaneKind
from viewer.state.resolve import PaneScene, resolve
from viewer.state.view import ViewState

MakeVolume = Callable[..., OpenVolume]

# PS3.17 table of patient directions in table coordinates (X to the right, Y down): position, left, posterior.
PS3_17 = [
    ("HFS", (1, 0), (0, 1)),
    ("HFP", (-1, 0), (0, -1)),
    ("HFDR", (0, -1), (1, 0)),
    ("HFDL", (0, 1), (-1, 0)),
]
EDGES = {"L": "R", "R": "L", "A": "P", "P": "A"}


def affine_of(row: tuple[float, ...], column: tuple[float, ...], step: tuple[float, ...]) -> np.ndarray:
    matrix = np.eye(4)
    matrix[:3, 0], matrix[:3, 1], matrix[:3, 2] = np.array(step) * 3, np.array(column) * 2, row
    matrix[:3, 3] = (-10, -20, -30)
    return matrix


def shown(view: ViewState, item: OpenVolume, position: str) -> None:
    report = replace(item.stack.report, patient_position=position)
    view.library.add(replace(item, stack=replace(item.stack, report=report)))
    view.show(ImageLayer("1.2.3", Window(40, 80)))


def axial(view: ViewState, kind: PlaneKind = PlaneKind.AXIAL) -> PaneScene:
    scene = resolve(view, Pane("p", kind), 200, 200)
    assert scene is not None
    return scene


def edges_of(left: tuple[int, int], posterior: tuple[int, int]) -> tuple[str, ...]:
    """(left, right, top, bottom) letters of a picture in which the patient's left and back point there."""
    found = {}
    for letter, (x, y) in (("L", left), ("P", posterior)):
        edge = {(1, 0): 1, (-1, 0): 0, (0, 1): 3, (0, -1): 2}[(x, y)]
        found[edge] = letter
        found[edge ^ 1] = EDGES[letter]
    return tuple(found[n] for n in range(4))


@pytest.mark.parametrize("position, left, posterior", PS3_17)
@pytest.mark.parametrize("first", ["HF", "FF"])
def test_that_A22_as_acquired_the_patient_lies_as_the_standard_says(
    first: str,
    position: str,
    left: tuple[int, int],
    posterior: tuple[int, int],
    view: ViewState,
    make_volume: MakeVolume,
) -> None:
    # Sagittal slices: their rows and columns do not tell how the patient lay.
    item = make_volume(affine=affine_of((0, 1, 0), (0, 0, -1), (1, 0, 0)))
    shown(view, item, first + position[2:])
    assert axial(view).letters == ("R", "L", "A", "P")
    toggle_as_acquired(view)
    if position == "HFS":
        assert acquired_turns(view) == 0
        assert not shown_as_acquired(view)
    assert axial(view).letters == edges_of(left, posterior)


@pytest.mark.parametrize(
    "row, column",
    [((-1, 0, 0), (0, -1, 0)), ((0, -1, 0), (1, 0, 0)), ((0, 1, 0), (-1, 0, 0)), ((1, 0, 0), (0, 1, 0))],
)
def test_that_A22_axial_slices_are_shown_as_they_are_stored(
    row: tuple[float, ...], column: tuple[float, ...], view: ViewState, make_volume: MakeVolume
) -> None:
    shown(view, make_volume(affine=affine_of(row, column, (0, 0, 1))), "")
    toggle_as_acquired(view)
    plane = axial(view).plane
    assert plane.u_mm / np.linalg.norm(plane.u_mm) == pytest.approx(row)
    assert plane.v_mm / np.linalg.norm(plane.v_mm) == pytest.approx(column)


def test_that_A22_the_picture_says_that_it_is_turned_and_the_next_series_is_not(
    view: ViewState, make_volume: MakeVolume
) -> None:
    shown(view, make_volume(affine=affine_of((-1, 0, 0), (0, -1, 0), (0, 0, 1))), "HFP")
    for density in Density:
        assert not any(
            "acquired" in text for text in corners(view, axial(view), density, identity=True).warnings
        )
    toggle_as_acquired(view)
    for density in Density:
        found = corners(view, axial(view), density, identity=True).warnings
        assert "as acquired: front down" in found
        assert "flipped" not in found
    others = [axial(view, kind) for kind in (PlaneKind.SAGITTAL, PlaneKind.CORONAL)]
    assert [scene.letters for scene in others] == [("A", "P", "H", "F"), ("R", "L", "H", "F")]
    toggle_as_acquired(view)
    assert axial(view).letters == ("R", "L", "A", "P")
    toggle_as_acquired(view)
    view.library.add(make_volume("2"))
    view.show(ImageLayer("2", Window(40, 80)))
    assert axial(view).letters == ("R", "L", "A", "P")


def test_that_A22_lines_of_the_other_planes_turn_with_the_picture(
    view: ViewState, make_volume: MakeVolume
) -> None:
    shown(view, make_volume(affine=affine_of((0, 1, 0), (-1, 0, 0), (0, 0, 1))), "HFDR")
    before = {line.kind: line.vertical for line in axial(view).lines}
    toggle_as_acquired(view)
    after = {line.kind: line.vertical for line in axial(view).lines}
    assert before == {PlaneKind.SAGITTAL: True, PlaneKind.CORONAL: False}
    assert after == {PlaneKind.SAGITTAL: False, PlaneKind.CORONAL: True}


def test_that_A22_planes_turned_by_hand_carry_the_turn_once(view: ViewState, make_volume: MakeVolume) -> None:
    shown(view, make_volume(affine=affine_of((-1, 0, 0), (0, -1, 0), (0, 0, 1))), "HFP")
    toggle_as_acquired(view)
    turn(view, PlaneKind.SAGITTAL, 10.0)
    _, _, top, bottom = axial(view).letters
    assert (top[0], bottom[0]) == ("P", "A")
    toggle_as_acquired(view)
    assert axial(view).letters == ("R", "L", "A", "P")
