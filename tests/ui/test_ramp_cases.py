"""The ramp phantom in every orientation, in the real window: letters, value and millimetres under the mouse.

The phantom says where each voxel is and what it holds; nothing here asks the program for its own geometry.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PySide6.QtCore import QPoint

from tests.phantoms import RAMP_CASES, write_ramp
from viewer.state.panes import PlaneKind

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

LETTERS = {PlaneKind.AXIAL: "RLAP", PlaneKind.SAGITTAL: "APHF", PlaneKind.CORONAL: "RLHF"}
VOLUMES = [case for case in RAMP_CASES if case != "G8"]


def opened(qtbot: QtBot, window: MainWindow, folder: Path) -> None:
    window.open([folder])
    qtbot.waitUntil(
        lambda: not window.context.loader.busy and window.context.view.base is not None, timeout=60_000
    )
    qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))


def voxel_mm(case: str, k: int, j: int, i: int) -> np.ndarray:
    """Position of a voxel by the phantom's own header values."""
    ramp = RAMP_CASES[case]
    row, column = np.array(ramp.row), np.array(ramp.column)
    position: np.ndarray = (
        ramp.positions_mm[k] + i * ramp.spacing_mm[1] * row + j * ramp.spacing_mm[0] * column
    )
    return position


@pytest.mark.parametrize("case", VOLUMES)
def test_that_A22_letters_values_and_millimetres_are_right_in_every_pane(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, case: str
) -> None:
    opened(qtbot, window, write_ramp(tmp_path, case))
    view = window.context.view
    kept = RAMP_CASES[case].kept
    for k, j, i in ((kept[0], 1, 2), (kept[len(kept) // 2], 3, 4), (kept[-1], 4, 6)):
        wanted = voxel_mm(case, k, j, i)
        view.set_cursor(wanted)
        assert view.cursor_mm == pytest.approx(wanted, abs=1e-6)
        qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))
        for shown in window.grid.panes():
            scene = shown.scene_shown
            assert scene is not None
            assert "".join(scene.letters) == LETTERS[shown.pane.kind]
            column, row, depth = scene.plane.project(wanted)
            assert depth == pytest.approx(0, abs=1e-6)
            place = QPoint(round(column), round(row))
            qtbot.mouseMove(shown.viewport(), place + QPoint(1, 0))
            qtbot.mouseMove(shown.viewport(), place)
            assert window.status.value.text() == f"HU {1000 * k + 100 * j + 10 * i}"
            numbers = [float(word) for word in window.status.position.text().split() if _is_number(word)]
            assert numbers[:3] == pytest.approx(list(wanted), abs=scene.plane.mm_per_pixel + 0.06)


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return True


def test_that_E1_an_enhanced_object_is_sorted_and_rescaled(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    opened(qtbot, window, write_ramp(tmp_path, "E1"))
    view = window.context.view
    view.set_cursor(voxel_mm("G1", 3, 0, 0))
    window.status.show_point(None)
    assert window.status.value.text() == "HU 5000"
    axial = next(shown for shown in window.grid.panes() if shown.pane.kind is PlaneKind.AXIAL)
    qtbot.waitUntil(lambda: not axial.stale)
    assert axial.scene_shown is not None
    assert axial.scene_shown.slice_text == "4/5"


def test_that_A14_a_single_slice_is_shown_flat_and_says_so(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    opened(qtbot, window, write_ramp(tmp_path, "G8"))
    assert window.context.view.layout.id == "single"
    (shown,) = window.grid.panes()
    assert shown.scene_shown is not None
    assert "".join(shown.scene_shown.letters) == "RLAP"
    notes = window.context.view.base_volume.stack.report.notes  # type: ignore[union-attr]
    assert any("single" in note.text.lower() for note in notes)


@pytest.mark.parametrize("case, words", [("G7", "slice spacing"), ("G5", "tilt 15.0"), ("G11", "tilt 18.5")])
def test_that_unusual_geometry_is_said_in_the_pane(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, case: str, words: str
) -> None:
    from viewer.state.annotations import corners
    from viewer.state.panes import Density

    opened(qtbot, window, write_ramp(tmp_path, case))
    shown = window.grid.panes()[0]
    assert shown.scene_shown is not None
    texts = corners(window.context.view, shown.scene_shown, Density.OFF, identity=False)
    assert any(words in line for line in texts.warnings)
