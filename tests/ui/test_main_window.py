"""What a clinician does first: drop, look, scroll, window, fuse, cancel, drop again, quit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from PySide6.QtCore import QMimeData, QPoint, QPointF, Qt, QUrl
from PySide6.QtGui import QDragEnterEvent, QDropEvent, QWheelEvent
from PySide6.QtWidgets import QApplication, QPushButton

from tests.phantoms import PET_SUV_FACTOR, write_pet, write_ramp, write_series
from viewer.imaging.labelmap import Mask
from viewer.imaging.window import as_window
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Finished, LoadEvent, SlicesReady
from viewer.state.layers import Role
from viewer.state.panes import Content, PlaneKind
from viewer.state.structures import StructureStore
from viewer.ui.commands import SOON_MS
from viewer.ui.panes.plane_pane import PlanePane

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow


def drop(window: MainWindow, *paths: Path) -> None:
    """What the window gets when files are dropped on it."""
    data = QMimeData()
    data.setUrls([QUrl.fromLocalFile(str(path)) for path in paths])
    action, buttons, keys = (
        Qt.DropAction.CopyAction,
        Qt.MouseButton.LeftButton,
        Qt.KeyboardModifier.NoModifier,
    )
    enter = QDragEnterEvent(QPoint(300, 300), action, data, buttons, keys)
    window.dragEnterEvent(enter)
    assert enter.isAccepted()
    window.dropEvent(QDropEvent(QPointF(300, 300), action, data, buttons, keys))


def settled(window: MainWindow) -> bool:
    return not window.context.loader.busy and window.context.view.base is not None


def opened(qtbot: QtBot, window: MainWindow, *paths: Path) -> None:
    drop(window, *paths)
    qtbot.waitUntil(lambda: settled(window), timeout=60_000)
    qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))


def pane(window: MainWindow, kind: PlaneKind) -> PlanePane:
    return next(found for found in window.grid.panes() if found.pane.kind is kind)


def place_of(shown: PlanePane, point_mm: np.ndarray) -> QPoint:
    assert shown.scene_shown is not None
    column, row, _ = shown.scene_shown.plane.project(point_mm)
    return QPoint(round(column), round(row))


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """The ramp phantom with a PET of known SUV on its own grid."""
    write_ramp(tmp_path / "study" / "ct")
    write_pet(tmp_path / "study" / "pet")
    return tmp_path / "study"


def test_that_an_empty_window_says_what_to_do(window: MainWindow) -> None:
    texts = [label.text() for label in window.start_page.findChildren(QPushButton)]
    assert "Open the demo study" in texts
    assert window.start_page.isVisible()
    assert not window.grid.isVisible()


def test_that_a_dropped_folder_opens_ct_and_pet_fused(qtbot: QtBot, window: MainWindow, study: Path) -> None:
    opened(qtbot, window, study)
    view = window.context.view
    assert view.volume(Role.BASE).series.modality == "CT"  # type: ignore[union-attr]
    assert view.volume(Role.OVERLAY).series.modality == "PT"  # type: ignore[union-attr]
    assert window.grid.isVisible()
    roles = [layer.role for layer in pane(window, PlaneKind.AXIAL).scene_shown.layers]  # type: ignore[union-attr]
    assert roles == [Role.BASE, Role.OVERLAY]
    assert window.context.library.problems == ()


def test_that_B23_E06_the_value_under_the_mouse_is_the_ramp_and_the_known_suv(
    qtbot: QtBot, window: MainWindow, study: Path
) -> None:
    opened(qtbot, window, study)
    shown = pane(window, PlaneKind.AXIAL)
    view = window.context.view
    overlay = view.volume(Role.OVERLAY)
    assert overlay is not None
    assert overlay.volume.suv_factor == pytest.approx(PET_SUV_FACTOR, rel=1e-6)
    place = place_of(shown, view.cursor_mm)
    qtbot.mouseMove(shown.viewport(), place)
    qtbot.waitUntil(lambda: "HU" in window.status.value.text())
    k, j, i = (round(n) for n in view.base_volume.volume.geometry.to_index(view.cursor_mm))  # type: ignore[union-attr]
    assert f"HU {1000 * k + 100 * j + 10 * i}" in window.status.value.text()
    assert "SUV" in window.status.value.text()
    assert f"voxel {k},{j},{i}" in window.status.position.text()


@pytest.mark.parametrize("kind", [PlaneKind.AXIAL, PlaneKind.SAGITTAL, PlaneKind.CORONAL])
def test_that_E06_a_click_moves_the_linked_point_to_the_position_under_it(
    qtbot: QtBot, window: MainWindow, study: Path, kind: PlaneKind
) -> None:
    opened(qtbot, window, study)
    shown = pane(window, kind)
    scene = shown.scene_shown
    assert scene is not None
    place = place_of(shown, window.context.view.cursor_mm) + QPoint(37, -29)
    wanted = scene.plane.at(place.x(), place.y())
    qtbot.mouseClick(shown.viewport(), Qt.MouseButton.LeftButton, pos=place)
    assert window.context.view.cursor_mm == pytest.approx(wanted, abs=scene.plane.mm_per_pixel)


def test_that_E06_dragging_the_crosshair_moves_the_other_planes(
    qtbot: QtBot, window: MainWindow, study: Path
) -> None:
    opened(qtbot, window, study)
    shown = pane(window, PlaneKind.AXIAL)
    view = window.context.view
    start = place_of(shown, view.cursor_mm)
    before = {kind: pane(window, kind).scene_shown.position_text for kind in PlaneKind if kind.anatomy}  # type: ignore[union-attr]
    keys = Qt.KeyboardModifier.ControlModifier
    qtbot.mousePress(shown.viewport(), Qt.MouseButton.LeftButton, keys, start)
    for step in range(1, 6):
        _move(shown, start + QPoint(12 * step, 9 * step), Qt.MouseButton.LeftButton, keys)
    end = start + QPoint(60, 45)
    wanted = shown.scene_shown.plane.at(end.x(), end.y())  # type: ignore[union-attr]
    qtbot.mouseRelease(shown.viewport(), Qt.MouseButton.LeftButton, keys, end)
    assert view.cursor_mm == pytest.approx(wanted, abs=shown.scene_shown.plane.mm_per_pixel)  # type: ignore[union-attr]
    qtbot.wait(30)
    after = {kind: pane(window, kind).scene_shown.position_text for kind in PlaneKind if kind.anatomy}  # type: ignore[union-attr]
    assert after[PlaneKind.AXIAL] == before[PlaneKind.AXIAL]
    assert after[PlaneKind.SAGITTAL] != before[PlaneKind.SAGITTAL]
    assert after[PlaneKind.CORONAL] != before[PlaneKind.CORONAL]


def _move(shown: PlanePane, place: QPoint, button: Qt.MouseButton, keys: Qt.KeyboardModifier) -> None:
    from PySide6.QtCore import QEvent
    from PySide6.QtGui import QMouseEvent

    position = QPointF(place)
    event = QMouseEvent(
        QEvent.Type.MouseMove,
        position,
        shown.viewport().mapToGlobal(position),
        Qt.MouseButton.NoButton,
        button,
        keys,
    )
    QApplication.sendEvent(shown.viewport(), event)


def test_that_a_left_drag_widens_the_window(qtbot: QtBot, window: MainWindow, study: Path) -> None:
    opened(qtbot, window, study)
    shown = pane(window, PlaneKind.SAGITTAL)
    before = as_window(window.context.view.base.window)  # type: ignore[union-attr]
    start = QPoint(60, 60)
    none = Qt.KeyboardModifier.NoModifier
    qtbot.mousePress(shown.viewport(), Qt.MouseButton.LeftButton, none, start)
    for step in range(1, 5):
        _move(shown, start + QPoint(15 * step, 0), Qt.MouseButton.LeftButton, none)
    qtbot.mouseRelease(shown.viewport(), Qt.MouseButton.LeftButton, none, start + QPoint(60, 0))
    after = as_window(window.context.view.base.window)  # type: ignore[union-attr]
    assert after.width > before.width
    assert after.center == pytest.approx(before.center)


def test_that_the_wheel_scrolls_one_slice_a_notch(qtbot: QtBot, window: MainWindow, study: Path) -> None:
    opened(qtbot, window, study)
    shown = pane(window, PlaneKind.AXIAL)
    before = window.context.view.cursor_mm.copy()
    position = QPointF(80, 80)
    event = QWheelEvent(
        position,
        shown.viewport().mapToGlobal(position),
        QPoint(),
        QPoint(0, -120),
        Qt.MouseButton.NoButton,
        Qt.KeyboardModifier.NoModifier,
        Qt.ScrollPhase.NoScrollPhase,
        False,
    )
    QApplication.sendEvent(shown.viewport(), event)
    assert window.context.view.cursor_mm - before == pytest.approx([0, 0, 3])


@pytest.mark.parametrize(
    "key, width, level", [(Qt.Key.Key_1, 80, 40), (Qt.Key.Key_2, 2500, 480), (Qt.Key.Key_6, 1500, -600)]
)
def test_that_number_keys_set_the_presets_of_the_ct(
    qtbot: QtBot, window: MainWindow, study: Path, key: Qt.Key, width: float, level: float
) -> None:
    opened(qtbot, window, study)
    window.grid.focus_active()
    qtbot.keyClick(QApplication.focusWidget(), key)
    chosen = as_window(window.context.view.base.window)  # type: ignore[union-attr]
    assert (chosen.width, chosen.center) == (width, level)


def test_that_C01_suv_keys_act_on_the_pet_only(qtbot: QtBot, window: MainWindow, study: Path) -> None:
    opened(qtbot, window, study)
    view = window.context.view
    ct = view.base.window  # type: ignore[union-attr]
    window.grid.focus_active()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_3, Qt.KeyboardModifier.ShiftModifier)
    assert view.base.window == ct  # type: ignore[union-attr]
    assert (view.overlay.window.lower, view.overlay.window.upper) == (0, 10)  # type: ignore[union-attr]


def test_that_a_key_acts_in_the_moment_its_command_is_made_possible(
    qtbot: QtBot, window: MainWindow, study: Path
) -> None:
    """Menus and buttons may lag a moment behind; keys do not."""
    opened(qtbot, window, study)
    view, action = window.context.view, window.context.commands.action("layer.fused")
    base, overlay = view.base, view.overlay
    view.show(base)
    qtbot.waitUntil(lambda: not action.isEnabled())
    view.show(base, overlay)
    assert not action.isEnabled()
    window.grid.focus_active()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F)
    assert not view.fused
    assert action.isEnabled()


def test_that_bracket_keys_change_the_opacity_and_f_hides_the_overlay(
    qtbot: QtBot, window: MainWindow, study: Path
) -> None:
    opened(qtbot, window, study)
    view = window.context.view
    window.grid.focus_active()
    shown = pane(window, PlaneKind.AXIAL)
    with_pet = shown.picture.pixels.copy()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_BracketLeft)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_BracketLeft)
    assert view.overlay.opacity == pytest.approx(0.4)  # type: ignore[union-attr]
    qtbot.waitUntil(lambda: not np.array_equal(shown.picture.pixels, with_pet))
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_F)
    qtbot.waitUntil(lambda: len(shown.scene_shown.layers) == 1)  # type: ignore[union-attr]


def test_that_arrow_keys_scroll_the_active_pane(qtbot: QtBot, window: MainWindow, study: Path) -> None:
    opened(qtbot, window, study)
    window.grid.focus_active()
    before = window.context.view.cursor_mm.copy()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Up)
    assert window.context.view.cursor_mm - before == pytest.approx([0, 0, -3])
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Right)
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_Down)
    assert window.context.view.cursor_mm - before == pytest.approx([1, 0, -3])


def test_that_layouts_can_be_changed_over_and_over(qtbot: QtBot, window: MainWindow, study: Path) -> None:
    opened(qtbot, window, study)
    for _ in range(5):
        for layout in ("rows", "three", "three-mip", "three-large", "base-only", "overlay-only"):
            window.context.view.set_layout(layout)
            qtbot.wait(5)
            window.grab()
    qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))
    assert [shown.pane.content for shown in window.grid.panes()] == [Content.OVERLAY] * 3


@pytest.fixture(scope="module")
def long_study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A stack of many small slices."""
    array = (np.indices((200, 64, 64)).sum(axis=0) % 2000).astype(np.int16)
    affine = np.zeros((4, 4))
    affine[2, 0], affine[1, 1], affine[0, 2], affine[3, 3] = 1, 1, 1, 1
    return write_series(tmp_path_factory.mktemp("long") / "ct", array, affine)


@pytest.fixture
def slow_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each slice takes a while, as on a slow disk, so that a test is always in time to interfere."""
    from viewer.dicom.build import fill_slice as quick

    def slow(*given: Any) -> None:
        time.sleep(0.015)
        quick(*given)

    monkeypatch.setattr("viewer.loading.filling.fill_slice", slow)


def when_loading(qtbot: QtBot, window: MainWindow, act: Callable[[], None]) -> None:
    """Do something as soon as the first slices are in place."""
    done: list[float] = []

    def follow(event: object) -> None:
        if isinstance(event, SlicesReady) and not done:
            done.append(time.monotonic())
            act()

    window.session.progressed.connect(follow)
    qtbot.waitUntil(lambda: bool(done), timeout=60_000)
    window.session.progressed.disconnect(follow)


@pytest.mark.usefixtures("slow_decoding")
def test_that_loading_can_be_cancelled_and_keeps_what_is_there(
    qtbot: QtBot, window: MainWindow, long_study: Path
) -> None:
    drop(window, long_study)
    when_loading(qtbot, window, window.context.loader.cancel)
    assert not window.context.loader.busy
    item = window.context.view.base_volume
    assert item is not None
    assert item.volume.ready.any()
    assert not item.volume.ready.all()
    assert window.status.message.text() == "Cancelled"
    seen: list[object] = []
    window.session.progressed.connect(seen.append)
    qtbot.wait(100)
    window.session.progressed.disconnect(seen.append)
    assert seen == []


@pytest.mark.usefixtures("slow_decoding")
@pytest.mark.parametrize("answer", ["replace", "add", "cancel"])
def test_that_a_second_drop_replaces_adds_or_does_nothing_as_the_user_says(
    qtbot: QtBot,
    window: MainWindow,
    long_study: Path,
    study: Path,
    answer: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("viewer.ui.opening.ask_second_drop", lambda _parent: answer)
    drop(window, long_study)
    when_loading(qtbot, window, lambda: drop(window, study))
    qtbot.waitUntil(lambda: settled(window), timeout=90_000)
    series = {s.uid for found in window.context.library.catalogue.studies for s in found.series}
    assert len(series) == {"replace": 2, "add": 3, "cancel": 1}[answer]
    slices = window.context.view.base_volume.volume.geometry.shape[0]  # type: ignore[union-attr]
    assert slices == (5 if answer in ("replace", "add") else 200)


@pytest.mark.usefixtures("slow_decoding")
def test_that_closing_the_window_while_loading_stops_the_thread(
    qtbot: QtBot, window: MainWindow, long_study: Path
) -> None:
    drop(window, long_study)
    when_loading(qtbot, window, lambda: None)
    window.close()
    assert not window.context.loader.busy


def test_that_settings_survive_a_restart(qtbot: QtBot, make_window: Callable[[], MainWindow]) -> None:
    first = make_window()
    first.context.settings.set("annotations.density", "minimal")
    first.context.settings.set("annotations.letters", "S/I")
    first.context.commands.rebind("window.invert", ["Ctrl+I"])
    first.resize(1111, 777)
    first.close()
    second = make_window()
    assert second.context.view.density.value == "minimal"
    assert second.context.view.superior_inferior
    assert second.context.commands.keys("window.invert") == ("Ctrl+I",)


def test_that_a_folder_without_dicom_says_so(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "readme.txt").write_text("nothing here")
    drop(window, tmp_path / "notes")
    qtbot.waitUntil(lambda: bool(window.context.library.problems), timeout=30_000)
    assert "DICOM" in window.context.library.problems[0].reason
    assert window.start_page.isVisible()
    assert window.status.problems.isVisible()


def test_that_every_command_has_a_text_and_every_key_a_command(window: MainWindow) -> None:
    commands = window.context.commands
    assert all(command.text for command in commands)
    keys: dict[str, str] = {}
    for command in commands:
        for key in commands.keys(command.id):
            assert key not in keys, f"{key} belongs to {keys.get(key)} and {command.id}"
            keys[key] = command.id
    named = set(commands.shortcuts._default)
    assert named <= {command.id for command in commands}


def test_that_finishing_reports_no_progress_for_ever(qtbot: QtBot, window: MainWindow, study: Path) -> None:
    ended: list[Finished] = []
    window.session.progressed.connect(
        lambda event: ended.append(event) if isinstance(event, Finished) else None
    )
    opened(qtbot, window, study)
    qtbot.waitUntil(lambda: not window.context.loader.busy)
    assert len(ended) == 1
    assert not window.status.progress.isVisible()


def test_that_commands_follow_the_beginning_and_the_end_of_loading(qtbot: QtBot, window: MainWindow) -> None:
    gate = threading.Event()

    def job(_token: CancelToken) -> Iterator[LoadEvent]:
        gate.wait(10)
        yield Finished(0.0)

    cancel = window.context.commands.action("load.cancel")
    window.context.loader.start(job)
    qtbot.waitUntil(cancel.isEnabled, timeout=1000)
    gate.set()
    qtbot.waitUntil(lambda: not cancel.isEnabled(), timeout=1000)


def test_that_commands_follow_what_is_added_to_a_study(qtbot: QtBot, window: MainWindow, study: Path) -> None:
    opened(qtbot, window, study)
    qtbot.wait(2 * SOON_MS)
    action = window.context.commands.action("structures.visible")
    assert not action.isEnabled()
    item = window.context.view.base_volume
    assert item is not None
    store = window.context.view.work.of(StructureStore)
    store.put([store.make("one", Mask(item.volume.geometry, np.ones((1, 1, 1), bool), (0, 0, 0)), "1.9")])
    qtbot.waitUntil(action.isEnabled, timeout=1000)
    window.grid.focus_active()
    qtbot.keyClick(QApplication.focusWidget(), Qt.Key.Key_S, Qt.KeyboardModifier.ShiftModifier)
    assert [structure.visible for structure in store] == [False]
