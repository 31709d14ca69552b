"""The brush in the hand: strokes in panes, its circle, the buttons beside it, and models."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtGui import QColor, QFont, QImage, QPainter

from tests.needs import library
from tests.ui.sidebar import builders
from tests.ui.test_structure_overlay import FRAME, SIZE, ball, scenes, shown
from viewer.errors import Cancelled, ViewerError
from viewer.imaging.labelmap import Mask
from viewer.imaging.volume import Volume
from viewer.segmentation.labels import Labels
from viewer.state.panes import Density
from viewer.state.structure_edit import StructureEditor
from viewer.state.structures import StructureStore
from viewer.ui.export.surface_dialog import SurfaceDialog
from viewer.ui.overlays import OverlayInput
from viewer.ui.overlays.brush import paint
from viewer.ui.sidebar.structures import StructuresPanel
from viewer.ui.tools import Pointer, tool

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytestqt.qtbot import QtBot

    from viewer.ui.context import UiContext


@pytest.mark.parametrize("case", ["G1", "G4", "G5"])
def test_that_the_brush_paints_around_the_point_under_the_mouse_on_every_plane(
    qtbot: QtBot, case: str
) -> None:
    view = shown(case)
    editor = view.work.of(StructureEditor)
    editor.set_options(radius_mm=6.0)
    centre = np.array([2.0, 3.0, -1.0])
    view.set_cursor(centre)
    for scene in scenes(view):
        column, row, _ = scene.plane.project(view.cursor_mm)
        point = scene.plane.at(column, row)
        pointer = Pointer(scene.pane, scene, point, column, row, 0, 0, point, 1.0)
        brush = tool("brush")
        brush.click(view, pointer)  # type: ignore[attr-defined]
        (structure,) = view.work.of(StructureStore)
        assert isinstance(structure.body, Mask)
        places = structure.body.geometry.to_patient(np.argwhere(structure.body.dense()))
        assert np.linalg.norm(places - point, axis=1).max() < 6.0 + 0.8
        assert np.linalg.norm(places.mean(axis=0) - point) < 0.8
        assert structure.volume_mm3 == pytest.approx(np.pi * 36 * 1.2, rel=0.5)
        view.work.of(StructureStore).remove([structure.id])


def test_that_the_circle_of_the_brush_shows_its_radius_in_the_pane_of_the_mouse(qtbot: QtBot) -> None:
    view = shown("G1")
    view.set_display(tool="brush")
    editor = view.work.of(StructureEditor)
    editor.set_options(radius_mm=10.0)
    first, second, *_ = scenes(view)
    editor.point_at(first.pane.id, first.plane.centre_mm)

    def seen(scene: object, *, interactive: bool = True) -> np.ndarray:
        image = QImage(SIZE, SIZE, QImage.Format.Format_RGB32)
        image.fill(QColor(90, 90, 90))
        painter = QPainter(image)
        given = OverlayInput(
            scene,  # type: ignore[arg-type]
            view, SIZE, SIZE, 1.0, QFont(), Density.FULL, identity=False, interactive=interactive,
        )  # fmt: skip
        paint(painter, given)
        painter.end()
        return np.frombuffer(image.constBits(), np.uint8).reshape(SIZE, SIZE, 4)[..., 0] > 200

    line = np.argwhere(seen(first))
    radius = np.hypot(*(line - (SIZE - 1) / 2).T) * first.plane.mm_per_pixel
    assert len(line) > 20
    assert np.abs(radius - 10).max() < 1.5 * first.plane.mm_per_pixel
    assert not seen(second).any()
    assert not seen(first, interactive=False).any()


def panel(qtbot: QtBot, context: UiContext) -> StructuresPanel:
    """The section on its own."""
    section = StructuresPanel(context)
    qtbot.addWidget(section)
    section.show()
    return section


def test_that_the_buttons_change_the_selected_structure(qtbot: QtBot, fused: UiContext) -> None:
    section = panel(qtbot, fused)
    store = fused.view.work.of(StructureStore)
    section.edit.new.click()
    (made,) = store
    array = np.zeros(builders.SHAPE, bool)
    array[2, 2, 3] = True
    array[4, 5, 7] = True
    store.update(made.id, body=Mask.of(array, builders.geometry()))

    def count() -> int:
        body = next(iter(store)).body
        assert isinstance(body, Mask)
        return body.voxels

    section.edit.operations["islands"].click()
    assert count() in (1, 2)  # two of the same size are both the largest
    section.edit.margin.setValue(2.0)
    section.edit.operations["grow"].click()
    assert count() > 4
    section.edit.operations["interpolate"].click()
    section.edit.operations["shrink"].click()
    section.edit.limit.setChecked(True)
    section.edit.lowest.setValue(-5.0)
    assert fused.view.work.of(StructureEditor).options.threshold == (-5.0, 300.0)
    section.edit.form.setCurrentIndex(1)
    section.edit.radius.setValue(12.5)
    assert fused.view.work.of(StructureEditor).options.ball
    assert fused.view.work.of(StructureEditor).options.radius_mm == 12.5
    section.edit.tools["eraser"].click()
    assert fused.view.tool == "eraser"


def fake(monkeypatch: pytest.MonkeyPatch, work: Callable[..., Labels]) -> None:
    """Let a function find the labels instead of a model in a process of its own."""

    class Finder:
        def check(self, _volume: Volume) -> None:
            pass

    monkeypatch.setattr("viewer.segmentation.segmenters.segmenter", lambda _model: Finder())
    monkeypatch.setattr("viewer.segmentation.job.segment", work)


def test_that_what_a_model_finds_can_be_edited_and_undone(
    qtbot: QtBot, fused: UiContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def work(volume: Volume, _model: str, *, tell: Callable[[int, int], None], cancel: object) -> Labels:
        tell(1, 2)
        array = np.zeros(volume.geometry.shape, np.uint8)
        array[1:4, 1:5, 2:6] = 1
        return Labels(array, {1: "spleen", 2: "liver"}, "A model", "MIT")

    fake(monkeypatch, work)
    section = panel(qtbot, fused)
    section.model.run_model("model.onnx")
    store = fused.view.work.of(StructureStore)
    qtbot.waitUntil(lambda: len(store) == 1, timeout=20_000)
    (found,) = store
    assert (found.name, found.volume_mm3, found.identity.algorithm) == ("spleen", 288.0, "A model")
    assert ("Licence", "MIT") in found.facts
    assert section.model.said.text() == "Not found: liver."
    qtbot.waitUntil(section.model.start.isVisible, timeout=20_000)


def test_that_a_model_can_be_cancelled_and_its_failure_is_one_sentence(
    qtbot: QtBot, fused: UiContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(_volume: Volume, _model: str, *, tell: object, cancel: object) -> Labels:
        import time

        for _ in range(2000):
            cancel.check()  # type: ignore[attr-defined]
            time.sleep(0.01)
        raise Cancelled

    fake(monkeypatch, endless)
    section = panel(qtbot, fused)
    section.model.run_model("model.onnx")
    assert section.model.cancel.isVisible()
    section.model.cancel.click()
    qtbot.waitUntil(section.model.start.isVisible, timeout=20_000)
    assert section.model.said.text() == ""

    def refused(*_words: object, **_more: object) -> Labels:
        raise ViewerError("The model wants another kind of image.")

    fake(monkeypatch, refused)
    section.model.run_model("model.onnx")
    qtbot.waitUntil(
        lambda: section.model.said.text() == "The model wants another kind of image.", timeout=20_000
    )
    qtbot.waitUntil(section.model.start.isVisible, timeout=20_000)


def test_that_a_model_that_does_not_exist_is_said(qtbot: QtBot, fused: UiContext, tmp_path: Path) -> None:
    section = panel(qtbot, fused)
    section.model.run_model(str(tmp_path / "none.txt"))
    qtbot.waitUntil(lambda: "neither an ONNX model" in section.model.said.text(), timeout=20_000)
    qtbot.waitUntil(section.model.start.isVisible, timeout=20_000)
    assert len(fused.view.work.of(StructureStore)) == 0


def test_that_the_surface_dialog_turns_saves_and_says_where(qtbot: QtBot, tmp_path: Path) -> None:
    library("vtkmodules.vtkRenderingOpenGL2")
    view = shown("G1")
    structure = view.work.of(StructureStore).make("ball", ball("voxels"), FRAME, (200, 60, 60))
    base = view.base_volume
    assert base is not None
    dialog = SurfaceDialog([structure], base.volume.geometry)
    qtbot.addWidget(dialog)
    dialog.show()
    qtbot.waitUntil(dialog.save.isEnabled, timeout=30_000)
    before = dialog.picture.grab().toImage()
    dialog.picture.turn(120, 40)
    assert np.allclose(
        [dialog.picture.right @ dialog.picture.down, np.linalg.norm(dialog.picture.down)], [0, 1]
    )
    assert dialog.picture.grab().toImage() != before
    dialog.write(tmp_path / "s.stl")
    assert dialog.hint.text() == "Saved as s.stl, in LPS millimetres."
    dialog.write(tmp_path / "s.ply")
    assert "Nothing was written" in dialog.hint.text()
    dialog.close()
