"""Corners, letters and warnings keep clear of each other, whatever the size of the pane."""

from __future__ import annotations

from dataclasses import replace

import pytest
from PySide6.QtCore import QRectF
from PySide6.QtGui import QColor, QImage, QPainter
from pytestqt.qtbot import QtBot

from tests.ui.panes.test_frames import open_volume
from viewer.dicom.model import Patient
from viewer.imaging.sample import Slab
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.library import Library
from viewer.state.panes import Density
from viewer.state.resolve import resolve
from viewer.state.view import ViewState
from viewer.ui.overlays import OverlayInput, corners, letters
from viewer.ui.overlays._lettering import Lettering
from viewer.ui.panes.picture import annotation_font


def view_of(*, oriented: bool, suv: bool) -> ViewState:
    """A PET over a CT in a slab, with every line a corner may have."""
    library = Library()
    for uid, modality in (("ct", "CT"), ("pt", "PT")):
        item = open_volume(uid, modality, 1.0)
        geometry = replace(item.volume.geometry, oriented=oriented)
        study = replace(
            item.study,
            patient=Patient("p", "DOE, Jane", "ID-77", "1970-01-31", "F"),
            date="2025-01-31",
            time="10:00",
            description="whole body",
        )
        series = replace(
            item.series, description="a long description of a series that fills half of the pane"
        )
        stack = replace(item.stack, geometry=geometry)
        factor = 0.001 if suv and modality == "PT" else None
        volume = replace(item.volume, geometry=geometry, suv_factor=factor)
        library.add(replace(item, volume=volume, stack=stack, series=series, study=study))
    view = ViewState(library)
    view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 7)))
    view.set_slab(Slab(10.0))
    return view


def written(
    view: ViewState, monkeypatch: pytest.MonkeyPatch, width: int, height: int
) -> list[tuple[str, QRectF]]:
    """Texts of a pane with the room that their letters take."""
    found: list[tuple[str, QRectF]] = []

    def note(self: Lettering, _painter: QPainter, x: float, y: float, text: str, _colour: QColor) -> None:
        if text:
            found.append((text, QRectF(x, y - self.cap_height, self.width(text), self.cap_height)))

    monkeypatch.setattr(Lettering, "draw", note)
    scene = resolve(view, view.layout.panes[0], width, height)
    assert scene is not None
    image = QImage(width, height, QImage.Format.Format_RGB32)
    painter = QPainter(image)
    given = OverlayInput(scene, view, width, height, 1.0, annotation_font(), Density.FULL, identity=True)
    for overlay in (corners, letters):
        overlay.paint(painter, given)
    painter.end()
    return found


@pytest.mark.parametrize("suv", [True, False])
@pytest.mark.parametrize("oriented", [True, False])
@pytest.mark.parametrize("size", [(239, 111), (298, 152), (247, 176), (400, 240), (600, 500), (900, 800)])
def test_that_E01_no_text_of_a_pane_covers_another(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch, size: tuple[int, int], oriented: bool, suv: bool
) -> None:
    texts = written(view_of(oriented=oriented, suv=suv), monkeypatch, *size)
    over = [
        (one, other)
        for n, (one, room) in enumerate(texts)
        for other, place in texts[n + 1 :]
        if room.intersects(place)
    ]
    assert over == []
    assert all(QRectF(0, 0, *size).contains(room) for _, room in texts)
    said = {text for text, _ in texts}
    if oriented:
        assert {"R", "L", "A", "P"} <= said
        assert any("MIP 10 mm" in text for text in said) or (size[1] < 120 and "⚠ no SUV" in said)
    else:
        assert "orientation unknown" in said
