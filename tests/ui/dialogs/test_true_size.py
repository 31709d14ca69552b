"""True size on the screen (rule E10)."""

from __future__ import annotations

import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from tests.ui.export.conftest import open_volume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.library import Library
from viewer.state.panes import PlaneKind
from viewer.state.resolve import resolve
from viewer.state.view import ViewState
from viewer.ui.dialogs.true_size import CARD_MM, CalibrationDialog, true_size_zoom


@pytest.fixture
def view() -> ViewState:
    library = Library()
    library.add(open_volume("1.1", "CT", "HU"))
    made = ViewState(library)
    made.show(ImageLayer("1.1", Window(150, 300)))
    return made


@pytest.mark.parametrize("zoom_before", [1.0, 2.5])
def test_that_E10_ten_millimetres_in_the_patient_are_ten_on_the_screen(
    view: ViewState, zoom_before: float
) -> None:
    view.update_framing(PlaneKind.AXIAL, zoom=zoom_before)
    zoom = true_size_zoom(view, 500, 400, 4.0)
    assert zoom is not None
    view.update_framing(PlaneKind.AXIAL, zoom=zoom)
    scene = resolve(view, view.active, 500, 400)
    assert scene is not None
    here = np.array(scene.plane.project(view.cursor_mm)[:2])
    there = np.array(scene.plane.project(view.cursor_mm + np.array([10.0, 0, 0]))[:2])
    assert np.linalg.norm(there - here) == pytest.approx(40.0)


def test_that_nothing_open_has_no_true_size() -> None:
    assert true_size_zoom(ViewState(Library()), 500, 400, 4.0) is None


def test_that_the_outline_is_a_bank_card_at_the_chosen_size(qtbot: QtBot) -> None:
    dialog = CalibrationDialog(3.78)
    qtbot.addWidget(dialog)
    dialog.slider.setValue(500)
    assert dialog.pixels_per_mm == 5.0
    outline = dialog.card.outline
    assert (outline.width(), outline.height()) == pytest.approx((CARD_MM[0] * 5, CARD_MM[1] * 5))
    assert dialog.card.sizeHint().width() >= outline.width()
