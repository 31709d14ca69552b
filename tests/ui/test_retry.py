"""The button that tries again (rule J35), in the real window."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tests.phantoms import RAMP_SHAPE, ramp_array, write_ramp
from viewer.imaging.window import Window
from viewer.state.layers import Role
from viewer.ui.sidebar.problems import ProblemsPanel, all_problems

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow


def test_that_J35_a_button_reads_a_file_again_and_leaves_what_is_on_screen(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    loader, view, library = window.context.loader, window.context.view, window.context.library
    path = write_ramp(tmp_path / "study") / "im0002.dcm"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    window.open([tmp_path / "study"])
    qtbot.waitUntil(lambda: not loader.busy and view.base is not None, timeout=20_000)
    panel = window.findChild(ProblemsPanel)
    assert panel is not None
    assert len(all_problems(library)) == 1
    assert panel.retry_button.isEnabled()
    point = view.base_volume.volume.geometry.to_patient([1.0, 2.0, 3.0])  # type: ignore[union-attr]
    view.set_cursor(point)
    view.set_window(Role.BASE, Window(123.0, 456.0), "mine")
    path.write_bytes(whole)
    panel.retry_button.click()
    assert not panel.retry_button.isEnabled()
    qtbot.waitUntil(lambda: not loader.busy, timeout=20_000)
    item = view.base_volume
    assert item is not None
    assert item.volume.geometry.shape == RAMP_SHAPE
    qtbot.waitUntil(lambda: bool(item.volume.ready.all()))
    np.testing.assert_array_equal(item.volume.array, ramp_array())
    np.testing.assert_allclose(view.cursor_mm, point)
    assert view.base is not None
    assert (view.base.window, view.base.window_name) == (Window(123.0, 456.0), "mine")
    assert all_problems(library) == ()
    assert not panel.retry_button.isEnabled()


def test_that_J35_a_cancelled_try_keeps_what_was_wrong(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    loader, library = window.context.loader, window.context.library
    path = write_ramp(tmp_path) / "im0002.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    window.open([tmp_path])
    qtbot.waitUntil(lambda: not loader.busy and library.problems != (), timeout=20_000)
    before = all_problems(library)
    loader.retry()
    loader.cancel()
    assert all_problems(library) == before
    qtbot.waitUntil(lambda: not loader.busy, timeout=20_000)
