"""Films of a stack and of the rotating MIP, made while the window stays usable; live playing."""

from __future__ import annotations

import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageSequence
from PySide6.QtCore import QThread
from pytestqt.qtbot import QtBot

from tests.ui.export.conftest import open_volume
from viewer.errors import ExportError
from viewer.imaging.window import Window
from viewer.state import slab
from viewer.state.layers import ImageLayer
from viewer.state.library import Library
from viewer.state.navigation import scroll
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.background import Work
from viewer.ui.export.cine_job import CineJob
from viewer.ui.export.frames import CineFrames, CineRequest, Motion, Order, detached, mip_pane, stack_points
from viewer.ui.export.movie import FilmFormat, Frame
from viewer.ui.export.options import Mode
from viewer.ui.export.player import CinePlayer

_SMALL = CineRequest(Motion.STACK, 64, 60, 0, 5, mode=Mode.IMAGE, footer=False)


# --- order ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "order, numbers",
    [
        (Order.FORWARD, (2, 3, 4, 5)),
        (Order.BACKWARD, (5, 4, 3, 2)),
        (Order.BOUNCE, (2, 3, 4, 5, 4, 3)),
    ],
)
def test_that_the_range_is_shown_in_the_chosen_order(order: Order, numbers: tuple[int, ...]) -> None:
    assert CineRequest(Motion.STACK, 10, 10, 2, 5, order=order).sequence == numbers


def test_that_a_single_picture_bounces_to_itself() -> None:
    assert CineRequest(Motion.STACK, 10, 10, 3, 3, order=Order.BOUNCE).sequence == (3,)


def test_that_a_turn_has_as_many_pictures_as_angles() -> None:
    assert CineRequest(Motion.ROTATION, 10, 10, angles=24).sequence == tuple(range(24))


# --- positions --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind, axis, ends",
    [
        (PlaneKind.AXIAL, 2, (100.0, 144.0)),  # 12 slices of 4 mm from z = 100
        (PlaneKind.CORONAL, 1, (-30.0, 27.0)),  # 20 rows of 3 mm from y = -30
        (PlaneKind.SAGITTAL, 0, (-24.0, 22.0)),  # 24 columns of 2 mm from x = -24
    ],
)
def test_that_E13_there_is_one_position_an_acquired_slice(
    view: ViewState, kind: PlaneKind, axis: int, ends: tuple[float, float]
) -> None:
    points = stack_points(view, kind)
    assert len(points) == {2: 12, 1: 20, 0: 24}[axis]
    assert sorted((points[0, axis], points[-1, axis])) == pytest.approx(ends)
    others = [n for n in range(3) if n != axis]
    assert np.allclose(points[:, others], view.cursor_mm[others])


def test_that_positions_run_as_scrolling_does(view: ViewState) -> None:
    for kind in (PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL):
        points = stack_points(view, kind)
        view.set_cursor(points[3])
        scroll(view, kind, 1)
        assert np.allclose(view.cursor_mm, points[4])


def test_that_positions_run_as_scrolling_does_in_a_stack_stored_from_head_to_foot() -> None:
    library = Library()
    matrix = np.zeros((4, 4))
    matrix[2, 0], matrix[1, 1], matrix[0, 2] = -4, 3, 2
    matrix[:, 3] = (-24, -30, 144, 1)
    library.add(open_volume("1.1", "CT", "HU", affine=matrix))
    view = ViewState(library)
    view.show(ImageLayer("1.1", Window(150, 300)))
    points = stack_points(view, PlaneKind.AXIAL)
    assert points[:, 2].tolist() == [100.0 + 4 * n for n in range(12)]
    view.set_cursor(points[3])
    scroll(view, PlaneKind.AXIAL, 1)
    assert np.allclose(view.cursor_mm, points[4])


def test_that_an_oblique_plane_walks_straight_through_the_linked_point(view: ViewState) -> None:
    turn = np.radians(30)
    view.set_frame([[1, 0, 0], [0, np.cos(turn), -np.sin(turn)], [0, np.sin(turn), np.cos(turn)]])
    points = stack_points(view, PlaneKind.AXIAL)
    steps = np.diff(points, axis=0)
    assert len(points) > 5
    assert np.allclose(steps, steps[0])
    assert np.allclose(np.cross(steps[0], view.normal(PlaneKind.AXIAL)), 0)
    assert np.linalg.norm(points - view.cursor_mm, axis=1).min() < 1e-6
    geometry = view.base_volume.volume.geometry  # type: ignore[union-attr]
    index = geometry.to_index(points)
    assert index.min() >= -1e-6
    assert np.all(index <= np.array(geometry.shape) - 1 + 1e-6)


def test_that_nothing_open_has_no_positions() -> None:
    assert stack_points(ViewState(Library()), PlaneKind.AXIAL).shape == (0, 3)


# --- a copy of the view -----------------------------------------------------------------------------------------


def test_that_the_copy_has_every_field_of_the_view(view: ViewState) -> None:
    slab.toggle(view, PlaneKind.AXIAL)
    view.update_framing(PlaneKind.AXIAL, zoom=3.0)
    copy = detached(view)
    names = [
        name
        for name, value in vars(view).items()
        if not hasattr(value, "emit") and not isinstance(value, dict)
    ]
    assert {"cursor_mm", "frame", "base", "overlay", "slab", "layout", "density"} <= set(names)
    assert all(getattr(copy, name) is getattr(view, name) for name in names)
    assert copy.framings == view.framings
    assert copy.framings is not view.framings


def test_that_the_slab_of_a_copy_is_not_that_of_the_view_afterwards(view: ViewState) -> None:
    slab.toggle(view, PlaneKind.AXIAL)
    copy = detached(view)
    slab.toggle(view, PlaneKind.AXIAL)
    assert slab.slab_of(copy, PlaneKind.AXIAL) == slab.FIRST
    assert slab.slab_of(view, PlaneKind.AXIAL) is None


def test_that_the_window_stays_still_while_a_film_is_painted(qtbot: QtBot, view: ViewState) -> None:
    heard: list[str] = []
    for name in ("cursor_changed", "layers_changed", "framing_changed", "layout_changed", "display_changed"):
        getattr(view, name).connect(lambda name=name: heard.append(name))
    before = view.cursor_mm.copy()
    frames = CineFrames(view, _SMALL)
    for number in range(len(frames)):
        _ = frames[number]
    assert heard == []
    assert np.array_equal(view.cursor_mm, before)


# --- frames -----------------------------------------------------------------------------------------------------


def test_that_frames_show_the_slices_of_the_range(qtbot: QtBot, view: ViewState) -> None:
    """Slices of the phantom get brighter by 20 HU each; the window of 300 HU makes that 17 grey levels."""
    view.set_overlay(None)
    frames = CineFrames(view, _SMALL)
    middles = [frames[number][28:32, 30:34].mean() for number in range(len(frames))]
    assert np.diff(middles) == pytest.approx([20 * 255 / 299] * 5, abs=1.0)


def test_that_F05_a_film_holds_no_identity_unless_asked(
    qtbot: QtBot, view: ViewState, library: Library
) -> None:
    request = CineRequest(Motion.STACK, 400, 300, 0, 0)
    plain = CineFrames(view, request)[0]
    named = CineFrames(view, CineRequest(Motion.STACK, 400, 300, 0, 0, mode=Mode.IDENTIFIED))[0]
    assert plain.shape == named.shape
    assert not np.array_equal(plain, named)


def test_that_all_frames_have_one_size(qtbot: QtBot, view: ViewState) -> None:
    frames = CineFrames(view, CineRequest(Motion.STACK, 200, 150, 0, 11))
    assert len({frames[number].shape for number in range(len(frames))}) == 1


def test_that_a_turn_ends_where_it_began(qtbot: QtBot, view: ViewState) -> None:
    view.set_mip_angle(view.mip_angle_deg + 20)
    request = CineRequest(Motion.ROTATION, 64, 60, angles=8, mode=Mode.IMAGE, footer=False)
    frames = CineFrames(view, request)
    seen = [frames[number] for number in range(8)]
    assert not np.array_equal(seen[0], seen[2])
    opposite = detached(view)
    opposite.set_mip_angle(opposite.mip_angle_deg + 360)
    assert np.array_equal(CineFrames(opposite, request)[0], seen[0])
    assert mip_pane(view).kind is PlaneKind.MIP


def test_that_a_film_ends_with_a_reason_when_its_images_are_closed(
    qtbot: QtBot, view: ViewState, library: Library
) -> None:
    frames = CineFrames(view, _SMALL)
    library.clear()
    with pytest.raises(ExportError, match="closed"):
        _ = frames[0]


# --- the job ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [FilmFormat.GIF, FilmFormat.WEBP])
def test_that_a_film_of_the_stack_has_a_frame_a_slice(
    qtbot: QtBot, view: ViewState, tmp_path: Path, kind: FilmFormat
) -> None:
    target = tmp_path / f"film.{kind.extension}"
    frames = CineFrames(view, CineRequest(Motion.STACK, 96, 80, 0, 11))
    job = CineJob(frames, target, kind, 15)
    seen: list[tuple[int, int]] = []
    job.progressed.connect(lambda done, total: seen.append((done, total)))
    with qtbot.waitSignal(job.succeeded, timeout=20_000):
        job.start()
    with Image.open(target) as film:
        assert sum(1 for _ in ImageSequence.Iterator(film)) == 12
    assert seen == [(n + 1, 12) for n in range(12)]
    assert not job.running


def test_that_a_cancelled_job_leaves_nothing_behind(qtbot: QtBot, view: ViewState, tmp_path: Path) -> None:
    job = CineJob(
        CineFrames(view, CineRequest(Motion.STACK, 96, 80, 0, 11)), tmp_path / "a.gif", FilmFormat.GIF, 15
    )
    job.progressed.connect(lambda done, _total: job.cancel() if done == 4 else None)
    with qtbot.waitSignal(job.cancelled, timeout=20_000):
        job.start()
    assert list(tmp_path.iterdir()) == []
    assert not job.running


def test_that_closing_the_images_ends_the_job_with_a_message(
    qtbot: QtBot, view: ViewState, library: Library, tmp_path: Path
) -> None:
    job = CineJob(
        CineFrames(view, CineRequest(Motion.STACK, 96, 80, 0, 11)), tmp_path / "a.gif", FilmFormat.GIF, 15
    )
    job.progressed.connect(lambda done, _total: library.clear() if done == 4 else None)
    with qtbot.waitSignal(job.failed, timeout=20_000) as blocker:
        job.start()
    assert blocker.args is not None
    assert "closed" in blocker.args[0]
    assert list(tmp_path.iterdir()) == []


def test_that_J50_a_vanished_folder_ends_the_job_with_a_message(
    qtbot: QtBot, view: ViewState, tmp_path: Path
) -> None:
    job = CineJob(CineFrames(view, _SMALL), tmp_path / "gone" / "a.gif", FilmFormat.GIF, 15)
    with qtbot.waitSignal(job.failed, timeout=20_000) as blocker:
        job.start()
    assert blocker.args is not None
    assert "folder is no longer there" in blocker.args[0]


def test_that_few_frames_wait_in_memory(qtbot: QtBot, tmp_path: Path) -> None:
    """Painting stops while the encoder is behind."""
    gate = threading.Event()
    painted: list[int] = []

    class Slow:
        def __len__(self) -> int:
            return 30

        def __getitem__(self, number: int) -> Frame:
            painted.append(number)
            return np.full((8, 8, 3), number, np.uint8)

    job = CineJob(Slow(), tmp_path / "a.gif", FilmFormat.GIF, 10)
    stream = job._stream

    def held(count: int):  # type: ignore[no-untyped-def]
        gate.wait(10)
        yield from stream(count)

    job._stream = held  # type: ignore[method-assign]
    with qtbot.waitSignal(job.succeeded, timeout=20_000):
        job.start()
        qtbot.wait(150)
        assert len(painted) <= 4
        gate.set()
    assert painted == list(range(30))


def test_that_answers_of_a_thread_arrive_in_the_gui_thread(qtbot: QtBot) -> None:
    where: list[bool] = []
    work = Work(lambda: None)
    work.succeeded.connect(lambda: where.append(QThread.isMainThread()))
    with qtbot.waitSignal(work.succeeded):
        work.start()
    work.wait()
    assert where == [True]


def test_that_an_unforeseen_error_in_the_thread_reaches_the_user(qtbot: QtBot) -> None:
    def broken() -> None:
        raise ZeroDivisionError("MUSTERFRAU")

    work = Work(broken)
    with qtbot.waitSignal(work.failed) as blocker:
        work.start()
    work.wait()
    assert blocker.args is not None
    assert "MUSTERFRAU" not in blocker.args[0]


# --- live -------------------------------------------------------------------------------------------------------


def test_that_playing_scrolls_the_active_pane_and_starts_over(qtbot: QtBot, view: ViewState) -> None:
    points = stack_points(view, PlaneKind.AXIAL)
    view.set_cursor(points[10])
    player = CinePlayer(view, 50)
    for expected in (11, 0, 1):
        player._step()
        assert np.allclose(view.cursor_mm, points[expected])


def test_that_the_user_may_scroll_while_it_plays(qtbot: QtBot, view: ViewState) -> None:
    points = stack_points(view, PlaneKind.AXIAL)
    player = CinePlayer(view, 50)
    player._step()
    view.set_cursor(points[2] + [4.0, 3.0, 0.0])
    player._step()
    assert np.allclose(view.cursor_mm, points[3] + [4.0, 3.0, 0.0])


def test_that_playing_toggles_and_stops_with_the_study(
    qtbot: QtBot, view: ViewState, library: Library
) -> None:
    player = CinePlayer(view, 50)
    heard: list[bool] = []
    player.playing_changed.connect(heard.append)
    player.toggle()
    with qtbot.waitCallback() as moved:
        view.cursor_changed.connect(moved, check_nargs=False)
    view.cursor_changed.disconnect()
    library.clear()
    assert heard == [True, False]
    player.toggle()  # nothing to play
    assert heard == [True, False]
    assert not player.playing


def test_that_the_speed_can_be_set_while_it_plays_and_is_clipped(qtbot: QtBot, view: ViewState) -> None:
    player = CinePlayer(view, 10)
    player.set_fps(20)
    assert player._timer.interval() == 50
    player.set_fps(1000)
    assert player.fps == 50
    assert not player.playing


def test_that_a_mip_turns_while_it_plays(qtbot: QtBot, view: ViewState) -> None:
    view.set_layout("three-mip")
    view.activate("mip")
    CinePlayer(view, 10)._step()
    assert view.mip_angle_deg == 5.0
