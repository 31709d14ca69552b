"""Measurements as a person should see them: whole in their plane, dashed where they pass through another."""

from __future__ import annotations

import numpy as np
from PySide6.QtWidgets import QApplication

from tests.golden.test_golden import Golden, check, drawn, fused_view
from viewer.imaging.geometry import FloatArray
from viewer.state.layers import Role
from viewer.state.measurement import Kind, Measurement, as_points, placed_points
from viewer.state.measurements import Measurements
from viewer.state.oblique import set_angles
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState

SIZE = 420


def put(view: ViewState, kind: PlaneKind, *wanted: tuple[Kind, list[tuple[float, float]]]) -> None:
    """Draw on a plane, at millimetres to the right and down from the linked point."""
    right, down = view.axes(kind)
    item = view.volume(Role.BASE)
    assert item is not None
    for number, (what, places) in enumerate(wanted):
        hand: FloatArray = np.array([view.cursor_mm + right * x + down * y for x, y in places])
        points = placed_points(what, hand, right, down)
        made = Measurement(
            f"2.25.{kind.value}.{number}",
            what,
            as_points(points),
            as_points(np.cross(right, down)[None])[0],
            item.study.uid,
            item.volume.geometry.frame_of_reference_uid,
            item.volume.uid if kind is not PlaneKind.SAGITTAL else "pt",
            text="hot spot" if what is Kind.ARROW else "",
        )
        view.work.of(Measurements).bring([made])


def filled_view() -> ViewState:
    """A length, a region on the CT and an arrow on the axial plane; a region of the PET on the sagittal one."""
    view = fused_view()
    put(
        view,
        PlaneKind.AXIAL,
        (Kind.LENGTH, [(-50, -30), (8, -38)]),
        (Kind.ELLIPSE, [(-45, 12), (-15, 36)]),
        (Kind.ARROW, [(4, 6), (22, 30)]),
    )
    put(view, PlaneKind.SAGITTAL, (Kind.RECTANGLE, [(-14, -12), (14, 12)]))
    return view


def test_that_measurements_are_whole_in_their_plane_and_dashed_where_they_cross(qapp: QApplication) -> None:
    """See: length above, ellipse lower left with three lines, arrow on the hot spot, a dashed upright stroke there."""
    golden = Golden("measurements-axial", "", PlaneKind.AXIAL, annotated=True)
    check("measurements-axial", drawn(filled_view(), golden, SIZE), tolerant=True)


def test_that_a_measurement_of_the_pet_says_suv(qapp: QApplication) -> None:
    """See: a square about the hot spot with SUV beside it; dashed marks of the axial ones on the axial line."""
    golden = Golden("measurements-sagittal", "", PlaneKind.SAGITTAL, annotated=True)
    check("measurements-sagittal", drawn(filled_view(), golden, SIZE), tolerant=True)


def test_that_measurements_on_a_double_oblique_lie_on_what_was_measured(qapp: QApplication) -> None:
    """See: letters of two or three parts, the ellipse about the hot spot, its label off the crosshair."""
    view = fused_view()
    set_angles(view, 30, 0, 45)
    put(
        view,
        PlaneKind.AXIAL,
        (Kind.ELLIPSE, [(-12, -10), (12, 10)]),
        (Kind.ANGLE, [(-50, -10), (-20, -30), (-5, -55)]),
    )
    golden = Golden("measurements-oblique", "", PlaneKind.AXIAL, annotated=True)
    check("measurements-oblique", drawn(view, golden, SIZE), tolerant=True)
