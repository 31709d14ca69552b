"""Moving the overlay in the window: by drag, by numbers, by a registration in the background."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from tests.dicom.test_spatial_registration import MATRIX, written
from tests.ui.conftest import MakeWindow
from tests.ui.panes.test_frames import open_volume
from viewer.dicom.model import Catalogue, Patient, Series, SeriesKind, Study
from viewer.errors import ViewerError
from viewer.imaging.rigid import Movement, angle_deg, matrix_of, shift
from viewer.imaging.window import Window
from viewer.registration import job
from viewer.state.alignment import Alignment, How
from viewer.state.layers import ImageLayer
from viewer.state.panes import PlaneKind
from viewer.ui.dialogs.align_dialog import AlignDialog
from viewer.ui.main_window import MainWindow
from viewer.ui.panes.gestures import point_at
from viewer.ui.panes.plane_pane import PlanePane


@pytest.fixture
def opened(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    """A PET over a CT of another frame of reference, both centred on the patient's origin."""
    window = make_window()
    for uid, modality, pitch, frame in (("ct", "CT", 1.0, "1.9"), ("pt", "PT", 2.0, "1.77")):
        window.context.library.add(open_volume(uid, modality, pitch, frame))
    window.context.view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 7)))
    qtbot.waitUntil(lambda: window.grid.panes()[0].scene_shown is not None)
    window.context.view.set_display(tool="align")
    return window


def pane_of(window: MainWindow, kind: PlaneKind) -> PlanePane:
    return next(pane for pane in window.grid.panes() if pane.pane.kind is kind)


def drag(qtbot: QtBot, pane: PlanePane, begin: QPoint, end: QPoint) -> tuple[np.ndarray, np.ndarray]:
    """Drag and return the patient points of both ends."""
    surface, left = pane.viewport(), Qt.MouseButton.LeftButton
    points = [point_at(pane, place.toPointF()) for place in (begin, end)]
    assert points[0] is not None
    assert points[1] is not None
    qtbot.mousePress(surface, left, pos=begin)
    qtbot.mouseMove(surface, (begin + end) / 2)
    qtbot.mouseMove(surface, end)
    qtbot.mouseRelease(surface, left, pos=end)
    return points[0], points[1]


def matrix(window: MainWindow) -> np.ndarray:
    placement = window.context.view.work.of(Alignment).placement("pt")
    return np.eye(4) if placement is None else placement.matrix


@pytest.mark.parametrize("kind", [PlaneKind.AXIAL, PlaneKind.SAGITTAL, PlaneKind.CORONAL])
def test_that_D31_a_drag_moves_the_overlay_by_what_the_hand_moved_in_the_patient(
    qtbot: QtBot, opened: MainWindow, kind: PlaneKind
) -> None:
    pane = pane_of(opened, kind)
    middle = pane.viewport().rect().center()
    begin, end = drag(qtbot, pane, middle, middle + QPoint(40, -24))
    np.testing.assert_allclose(matrix(opened), shift(end - begin), atol=1e-9)
    opened.context.commands.action("edit.undo").trigger()
    np.testing.assert_array_equal(matrix(opened), np.eye(4))
    opened.context.commands.action("edit.redo").trigger()
    np.testing.assert_allclose(matrix(opened), shift(end - begin), atol=1e-9)


def test_that_a_drag_near_the_border_turns_about_the_linked_point(qtbot: QtBot, opened: MainWindow) -> None:
    pane = pane_of(opened, PlaneKind.AXIAL)
    rect = pane.viewport().rect()
    corner = QPoint(rect.right() - 12, rect.center().y() - 10)
    begin, end = drag(qtbot, pane, corner, corner + QPoint(0, 90))
    cursor = opened.context.view.cursor_mm
    found = matrix(opened)
    np.testing.assert_allclose(found[:3, :3] @ cursor + found[:3, 3], cursor, atol=1e-9)
    expected = np.degrees(np.arctan2(*(end - cursor)[[1, 0]]) - np.arctan2(*(begin - cursor)[[1, 0]]))
    assert angle_deg(found) == pytest.approx(abs(expected), abs=1e-6)
    turned = found[:3, :3] @ (begin - cursor)
    assert np.cross(turned, end - cursor) == pytest.approx(np.zeros(3), abs=1e-6)


def dialog_of(opened: MainWindow) -> AlignDialog:
    opened.context.commands.action("align.move").trigger()
    found = opened.findChild(AlignDialog)
    assert isinstance(found, AlignDialog)
    return found


def test_that_typed_numbers_move_the_overlay_and_drags_show_in_the_fields(
    qtbot: QtBot, opened: MainWindow
) -> None:
    dialog = dialog_of(opened)
    dialog.shifts[2].setValue(5.0)
    dialog.turns[2].setValue(90.0)
    np.testing.assert_allclose(
        matrix(opened), matrix_of(Movement((0, 0, 5), (0, 0, 90)), (0, 0, 0)), atol=1e-9
    )
    assert "5.0 mm, 90.0°" in dialog.state.text()
    opened.context.commands.action("edit.undo").trigger()
    assert dialog.turns[2].value() == 0.0
    dialog.back.click()
    assert matrix(opened) == pytest.approx(np.eye(4))
    assert not dialog.back.isEnabled()
    dialog.close()


Job = Callable[..., Any]


def test_that_a_registration_runs_in_the_background_and_can_be_undone(
    qtbot: QtBot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = matrix_of(Movement((12, 0, 0), (0, 0, 8)), (0, 0, 0))
    release = threading.Event()

    def register(fixed: object, moving: object, *, tell: Job, cancel: Any) -> np.ndarray:
        release.wait(10)
        return found

    monkeypatch.setattr(job, "register", register)
    dialog = dialog_of(opened)
    dialog.shifts[0].setValue(3.0)
    dialog.automatic.click()
    assert dialog.cancel.isVisible()
    assert not dialog.shifts[0].isEnabled()
    release.set()
    qtbot.waitUntil(lambda: not dialog.cancel.isVisible())
    np.testing.assert_allclose(matrix(opened), found @ shift((3, 0, 0)), atol=1e-9)
    placement = opened.context.view.work.of(Alignment).placement("pt")
    assert placement is not None
    assert placement.how is How.AUTOMATIC
    opened.context.commands.action("edit.undo").trigger()
    np.testing.assert_allclose(matrix(opened), shift((3, 0, 0)), atol=1e-9)
    dialog.close()


def test_that_cancel_and_failure_leave_the_overlay_where_it_is(
    qtbot: QtBot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    def waits(fixed: object, moving: object, *, tell: Job, cancel: Any) -> np.ndarray:
        for _ in range(1000):
            cancel.check()
            threading.Event().wait(0.01)
        return np.eye(4)

    def fails(fixed: object, moving: object, *, tell: Job, cancel: Any) -> np.ndarray:
        raise ViewerError("The series is too thin to be registered.")

    dialog = dialog_of(opened)
    monkeypatch.setattr(job, "register", waits)
    dialog.automatic.click()
    dialog.cancel.click()
    qtbot.waitUntil(lambda: not dialog.cancel.isVisible())
    assert dialog.state.text() == "Cancelled; the overlay stays where it is."
    monkeypatch.setattr(job, "register", fails)
    dialog.automatic.click()
    qtbot.waitUntil(lambda: dialog.state.text() == "The series is too thin to be registered.")
    np.testing.assert_array_equal(matrix(opened), np.eye(4))
    dialog.close()


def test_that_closing_the_dialog_stops_a_running_registration(
    qtbot: QtBot, opened: MainWindow, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = threading.Event()

    def waits(fixed: object, moving: object, *, tell: Job, cancel: Any) -> np.ndarray:
        try:
            for _ in range(1000):
                cancel.check()
                threading.Event().wait(0.01)
        finally:
            stopped.set()
        return np.eye(4)

    monkeypatch.setattr(job, "register", waits)
    dialog = dialog_of(opened)
    dialog.automatic.click()
    dialog.close()
    assert stopped.is_set()


def test_that_D31_an_object_is_applied_when_it_is_found_after_the_pair_is_shown(
    opened: MainWindow, tmp_path: Path
) -> None:
    """Objects are found while the folder is still being read; each list of files is looked through once."""
    path, target, source = written(tmp_path)
    library, view = opened.context.library, opened.context.view
    for uid, frame in (("ct", target), ("pt", source)):
        item = library.get(uid)
        assert item is not None
        geometry = replace(item.volume.geometry, frame_of_reference_uid=frame)
        library.replace(replace(item, volume=replace(item.volume, geometry=geometry)))
    view.layers_changed.emit()
    np.testing.assert_array_equal(matrix(opened), np.eye(4))
    series = Series("r", "1.5", "REG", "", SeriesKind.REGISTRATION, 1, paths=(path,))
    library.set_catalogue(Catalogue(studies=(Study("1.5", Patient("p"), series=(series,)),)))
    np.testing.assert_allclose(matrix(opened), MATRIX, atol=1e-9)
    opened.context.commands.run("align.reset")
    library.set_catalogue(library.catalogue)
    np.testing.assert_array_equal(matrix(opened), np.eye(4))
