"""An overlay that is shown elsewhere than it was acquired: readings, planes, words and the way back (rule D31)."""

from __future__ import annotations

import numpy as np
import pytest

from tests.ui.panes.test_frames import open_volume
from viewer.imaging.rigid import Movement, matrix_of, shift
from viewer.imaging.window import Window
from viewer.state.alignment import Alignment, How, Placement, moving_uid
from viewer.state.annotations import corners
from viewer.state.contents import same_frame_of_reference
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library
from viewer.state.panes import Density
from viewer.state.resolve import resolve
from viewer.state.undo import Edit, History
from viewer.state.view import ViewState


@pytest.fixture
def fused() -> ViewState:
    """A CT and a PET of another frame of reference, both ramps."""
    library = Library()
    library.add(open_volume("ct", "CT", 1.0))
    library.add(open_volume("pt", "PT", 2.0, frame="1.77"))
    view = ViewState(library)
    view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 7)))
    return view


def value_at(view: ViewState, point: np.ndarray) -> float:
    item = view.volume(Role.OVERLAY)
    assert item is not None
    return float(item.volume.geometry.to_index(point).sum())


def test_that_D31_a_moved_overlay_has_its_values_where_the_movement_puts_them(fused: ViewState) -> None:
    matrix = matrix_of(Movement((3, -2, 5), (4, 5, 6)), (0, 0, 0))
    point = np.array([1.0, 2.0, 3.0])
    before = value_at(fused, point)
    array = fused.volume(Role.OVERLAY).volume.array  # type: ignore[union-attr]
    fused.work.of(Alignment).place("pt", Placement(matrix, How.HAND))
    assert value_at(fused, matrix[:3, :3] @ point + matrix[:3, 3]) == pytest.approx(before)
    moved = fused.volume(Role.OVERLAY)
    assert moved is not None
    assert moved.volume.array is array


def test_that_D31_the_overlay_is_shown_once_it_was_moved_and_says_so_everywhere(fused: ViewState) -> None:
    assert not same_frame_of_reference(fused)
    pane = fused.layout.panes[0]
    hidden = resolve(fused, pane, 100, 100)
    fused.work.of(Alignment).place("pt", Placement(shift((2, 3, 6)), How.AUTOMATIC))
    scene = resolve(fused, pane, 100, 100)
    assert hidden is not None
    assert scene is not None
    assert len(hidden.layers) == 1
    assert len(scene.layers) == 2
    words = corners(fused, scene, Density.OFF, identity=False).warnings
    assert "moved automatically: 7.0 mm, 0.0°" in words
    assert not any("NOT REGISTERED" in word for word in words)


def test_that_moving_back_restores_geometry_and_frame_of_reference(fused: ViewState) -> None:
    acquired = fused.volume(Role.OVERLAY).volume.geometry  # type: ignore[union-attr]
    alignment = fused.work.of(Alignment)
    alignment.place("pt", Placement(shift((2, 3, 6)), How.HAND))
    alignment.place("pt", Placement(shift((4, 4, 4)), How.HAND))
    assert alignment.acquired("pt") is acquired
    alignment.place("pt", None)
    assert fused.volume(Role.OVERLAY).volume.geometry is acquired  # type: ignore[union-attr]
    assert alignment.text("pt") == ""
    alignment.place("pt", Placement(shift((1e-5, 0, 0)), How.HAND))
    assert alignment.placement("pt") is None


def test_that_a_movement_can_be_undone_to_where_the_drag_began(fused: ViewState) -> None:
    done: list[Edit] = []
    fused.work.of(History).done.connect(done.append)
    alignment = fused.work.of(Alignment)
    first, second = Placement(shift((1, 0, 0)), How.OBJECT), Placement(shift((5, 0, 0)), How.HAND)
    alignment.move("pt", first, "Move overlay")
    alignment.place("pt", second)  # what a drag does
    alignment.moved("pt", first, "Move overlay")
    done[1].undo()
    assert alignment.placement("pt") is first
    done[0].undo()
    assert alignment.placement("pt") is None
    done[1].redo()
    assert alignment.placement("pt") is second


def test_that_a_closed_volume_is_forgotten(fused: ViewState) -> None:
    alignment = fused.work.of(Alignment)
    alignment.place("pt", Placement(shift((1, 0, 0)), How.HAND))
    fused.library.remove("pt")
    assert alignment.placement("pt") is None
    assert moving_uid(fused) == ""
