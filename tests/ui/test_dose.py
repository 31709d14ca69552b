"""Isodose lines where the dose has their value, with what is 100 % said; histograms as curves and table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtGui import QColor, QFont, QImage, QPainter

from tests.ui.sidebar import builders
from tests.ui.test_structure_overlay import FRAME, SIZE, grid, points, scenes
from viewer.imaging.labelmap import Mask
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window
from viewer.state.dose import DoseStore
from viewer.state.first_window import first_window
from viewer.state.layers import ImageLayer
from viewer.state.library import Library, OpenVolume
from viewer.state.panes import Density
from viewer.state.structures import StructureStore
from viewer.state.view import ViewState
from viewer.ui.export.dvh_dialog import DvhDialog
from viewer.ui.overlays import OverlayInput
from viewer.ui.overlays._lettering import Lettering
from viewer.ui.overlays.isodose import paint

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def with_dose(case: str = "G1", frame: str = FRAME) -> tuple[ViewState, Volume]:
    """A view of a dose of 60 Gy at the origin that falls by 2 Gy a millimetre, over an empty CT."""
    catalogue = builders.petct()
    item, above = builders.opened(catalogue, "ct"), builders.opened(catalogue, "pt")
    geometry = grid(case)
    places = geometry.to_patient(np.moveaxis(np.indices(geometry.shape), 0, -1))
    radius = np.sqrt((places**2).sum(axis=-1))
    stored = np.rint(np.clip(60 - 2 * radius, 0, None) * 100).astype(np.uint16)
    library = Library()
    library.set_catalogue(catalogue)
    ct = Volume("ct", np.zeros(geometry.shape, np.int16), geometry, Quantity("HU"), "CT")
    lying = geometry if frame == FRAME else type(geometry)(geometry.shape, geometry.patient_from_index, frame)
    dose = Volume("pt", stored, lying, Quantity("Gy"), "RTDOSE", slope=0.01)
    library.add(OpenVolume(ct, item.stack, item.series, item.study))
    library.add(OpenVolume(dose, above.stack, above.series, above.study))
    view = ViewState(library)
    view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(3, 60)))
    view.set_cursor([0.0, 0.0, 0.0])
    return view, dose


@pytest.mark.parametrize("case", ["G1", "G4", "G5"])
def test_that_I07_isodose_lines_run_where_the_dose_has_their_value(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, case: str
) -> None:
    view, dose = with_dose(case)
    store = view.work.of(DoseStore)
    store.set_reference(50.0)
    texts: list[str] = []
    monkeypatch.setattr(Lettering, "draw", lambda self, painter, x, y, text, colour: texts.append(text))
    for scene in scenes(view):
        image = QImage(SIZE, SIZE, QImage.Format.Format_RGB32)
        image.fill(QColor(0, 0, 0))
        painter = QPainter(image)
        paint(painter, OverlayInput(scene, view, SIZE, 400, 1.0, QFont(), Density.FULL, identity=False))
        painter.end()
        pixels = np.frombuffer(image.constBits(), np.uint8).reshape(SIZE, SIZE, 4)[..., 2::-1]
        offset = points(scene.plane)
        radius = np.sqrt((offset**2).sum(axis=-1))
        for level in store.levels(dose):
            line = (pixels == level.colour).all(axis=-1)
            # The line runs inside the level, one pixel wide; the grid is 1.5 mm at most.
            assert line.any()
            assert np.abs(radius[line] - (60 - level.dose) / 2).max() < 1.0 + 2 * scene.plane.mm_per_pixel
    assert "100 % = 50 Gy" in texts
    assert "95 %  47.5 Gy" in texts


def test_that_I07_without_a_prescription_the_maximum_is_100_percent_and_said(qtbot: QtBot) -> None:
    view, dose = with_dose()
    store = view.work.of(DoseStore)
    assert store.reference_text(dose) == "100 % = maximum 60.00 Gy"
    assert [level.percent for level in store.levels(dose)] == [95, 80, 50, 30, 10]
    assert store.levels(dose)[0].dose == pytest.approx(57)
    window, _ = first_window(dose)
    assert (window.lower, window.upper) == pytest.approx((3, 60))


def test_that_D31_no_isodose_is_drawn_on_images_of_another_frame_until_the_user_confirms(
    qtbot: QtBot,
) -> None:
    view, _ = with_dose(frame="2.25.44")

    def drawn() -> bool:
        scene = next(scenes(view))
        image = QImage(SIZE, SIZE, QImage.Format.Format_RGB32)
        image.fill(QColor(0, 0, 0))
        painter = QPainter(image)
        paint(painter, OverlayInput(scene, view, SIZE, SIZE, 1.0, QFont(), Density.OFF, identity=False))
        painter.end()
        return bool(np.frombuffer(image.constBits(), np.uint8).reshape(-1, 4)[:, :3].any())

    assert not drawn()
    view.confirm_registration()
    assert drawn()
    view.work.of(DoseStore).show_lines(False)
    assert not drawn()


def test_that_I07_histograms_are_shown_as_curves_and_as_a_table(qtbot: QtBot) -> None:
    view, dose = with_dose()
    store = view.work.of(StructureStore)
    places = dose.geometry.to_patient(np.moveaxis(np.indices(dose.geometry.shape), 0, -1))
    radius = np.sqrt((places**2).sum(axis=-1))
    ball = store.make("=ball", Mask.of(radius <= 10, dose.geometry), FRAME)
    far = store.make("far", Mask.empty(dose.geometry), FRAME)
    dialog = DvhDialog([ball, far], dose)
    qtbot.addWidget(dialog)
    qtbot.waitUntil(lambda: dialog.table.rowCount() == 2, timeout=20_000)
    assert len(dialog.plot.listDataItems()) == 1
    mean = float((60 - 2 * radius[radius <= 10]).mean())
    cell = dialog.table.item(0, 3)
    assert cell is not None
    assert float(cell.text()) == pytest.approx(mean, abs=0.02)
    head, first, second = dialog.table_text().splitlines()
    assert head.startswith("Structure,mL,Min (Gy),Mean (Gy)")
    assert first.startswith("'=ball,")
    assert "outside the dose grid" in second
    dialog.close()
