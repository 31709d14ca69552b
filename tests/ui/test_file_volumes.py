"""NIfTI volumes in the real window: on a study, beside it, and alone (rules I08, I09)."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from tests.loading.test_file_volumes import SHIFT_MM, write_g1, write_labels
from tests.phantoms import write_ramp
from viewer.state.layers import Role
from viewer.state.panes import Density
from viewer.state.probe import read_point

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow


def add(qtbot: QtBot, window: MainWindow, path: Path, *, to_open: bool = True) -> None:
    window.context.loader.open_paths([path], add=to_open)
    qtbot.waitUntil(lambda: window.context.view.base is not None, timeout=20_000)
    qtbot.waitUntil(lambda: not window.context.loader.busy, timeout=20_000)
    qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))


def warnings_in(window: MainWindow) -> set[str]:
    from viewer.state.annotations import corners
    from viewer.state.resolve import resolve

    view = window.context.view
    found: set[str] = set()
    for pane in view.layout.panes:
        scene = resolve(view, pane, 200, 200)
        assert scene is not None
        found |= set(corners(view, scene, Density.FULL, identity=True).warnings)
    return found


def test_that_I09_labels_of_the_same_grid_lie_on_the_study_without_a_question(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "dicom")
    add(qtbot, window, tmp_path / "dicom", to_open=False)
    add(qtbot, window, write_labels(tmp_path / "liver_seg.nii.gz"))
    view = window.context.view
    base, overlay = view.volume(Role.BASE), view.volume(Role.OVERLAY)
    assert base is not None
    assert overlay is not None
    assert (base.series.modality, overlay.series.modality) == ("CT", "SEG")
    assert not {text for text in warnings_in(window) if "REGISTERED" in text}
    # DICOM (k 3, r 4, c 2) holds 3420, and the labels are 1 where the ramp is above 2000.
    readings = {found.role: found for found in read_point(view, (-8.0, -12.0, -21.0))}
    assert readings[Role.BASE].value == 3420
    assert readings[Role.OVERLAY].text == "1 label"
    readings = {found.role: found for found in read_point(view, (-8.0, -12.0, -30.0))}
    assert (readings[Role.BASE].value, readings[Role.OVERLAY].value) == (420, 0)


def test_that_I09_another_grid_is_called_not_registered(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "dicom")
    add(qtbot, window, tmp_path / "dicom", to_open=False)
    path = write_g1(tmp_path / "moved_mask.nii.gz", SHIFT_MM)
    add(qtbot, window, path)
    view = window.context.view
    overlay = view.volume(Role.OVERLAY)
    assert overlay is not None
    assert any("NOT REGISTERED" in text for text in warnings_in(window))
    assert any("geometry differs" in text for text in overlay.stack.warnings)


def test_that_I08_a_volume_without_orientation_opens_without_letters(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    path = write_g1(tmp_path / "a.nii")
    content = bytearray(path.read_bytes())
    content[252:256] = bytes(4)  # qform_code and sform_code
    path.write_bytes(content)
    add(qtbot, window, path, to_open=False)
    assert "orientation unknown" in warnings_in(window)
    assert not window.context.library.problems


def test_that_a_pair_of_arrays_opens_fused(qtbot: QtBot, window: MainWindow, tmp_path: Path) -> None:
    folder = tmp_path / "pair"
    folder.mkdir()
    values = np.arange(4 * 5 * 6, dtype=np.int16).reshape(4, 5, 6)
    np.save(folder / "ct.npy", values)
    np.save(folder / "pet.npy", values / np.float32(10))
    (folder / "volume.json").write_text(
        '{"spacing_mm": [3, 2, 2], "direction": [[0, 0, 1], [0, 1, 0], [1, 0, 0]]}'
    )
    add(qtbot, window, folder, to_open=False)
    view = window.context.view
    qtbot.waitUntil(lambda: view.overlay is not None, timeout=20_000)
    assert not any("REGISTERED" in text for text in warnings_in(window))
    readings = {found.role: found.value for found in read_point(view, (2 * 5, 2 * 4, 3 * 3))}
    assert readings[Role.BASE] == 119
    assert readings[Role.OVERLAY] == pytest.approx(11.9)
