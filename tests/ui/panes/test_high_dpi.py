"""Panes on screens with more than one device pixel a logical pixel: sampled there, not enlarged."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]

SCRIPT = """
import json
from PySide6.QtWidgets import QApplication
from tests.ui.panes.test_frames import open_volume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer
from viewer.state.library import Library
from viewer.state.panes import Density
from viewer.state.view import ViewState
from viewer.ui.panes.grid import PaneGrid
app = QApplication([])
library = Library()
library.add(open_volume("ct", "CT", 1.0))
view = ViewState(library)
view.show(ImageLayer("ct", Window(30, 80)))
view.set_layout("three")
view.set_display(density=Density.OFF)
grid = PaneGrid(view, {})
grid.resize(3 * 160 + 4, 120)
grid.show()
app.processEvents()
rows = []
for pane in grid.panes():
    shot = pane.grab().toImage()
    image = pane.picture.image
    # Away from lines, letters and the frame.
    column, row = round(image.width() * 0.4), round(image.height() * 0.3)
    rows.append([
        pane.viewport().width(), pane.devicePixelRatioF(), image.width(), image.height(), shot.width(),
        shot.pixelColor(column, row).name(), image.pixelColor(column, row).name(),
    ])
print(json.dumps(rows))
grid.disconnect_state()
"""


@pytest.mark.parametrize("factor", ["1", "1.5", "2", "3"])
def test_that_a_pane_is_sampled_at_the_pixels_of_the_screen(factor: str) -> None:
    # Qt reads the factor once, so each takes a process of its own.
    answer = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen", "QT_SCALE_FACTOR": factor},
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert answer.returncode == 0, answer.stderr
    panes = json.loads(answer.stdout)
    assert len(panes) == 3
    for logical, ratio, width, height, grabbed, shown, sampled in panes:
        assert ratio == float(factor)
        assert width == round(logical * ratio)
        assert height == round(120 * ratio)
        assert abs(grabbed - width) <= 1
        assert shown == sampled  # one to one: no pixel is made from others
