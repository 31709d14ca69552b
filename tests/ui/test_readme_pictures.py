"""The pictures of the README are the demo study in the real window, made here and nowhere else.

`TRIPTYCH_UPDATE_PICTURES=1 pytest tests/ui/test_readme_pictures.py` makes them anew; otherwise the window must still
look like them, but for fonts.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QImage

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "help" / "pictures"
LAYOUTS = {"three-large": "window-planes.jpg", "rows": "window-rows.jpg", "three-mip": "window-mip.jpg"}


@pytest.fixture(scope="session")
def demo(pytestconfig: pytest.Config) -> Path:
    """The demo study, written once for all runs."""
    from viewer.dicom.demo import demo_folder

    assert pytestconfig.cache is not None
    return demo_folder(pytestconfig.cache.mkdir("demo-study"))


def test_that_the_pictures_of_the_readme_show_the_program(
    qtbot: QtBot, window: MainWindow, demo: Path
) -> None:
    """CT and PET of the demo fused on three planes, crosshair on the hot tonsil at the patient's left."""
    from viewer.dicom.demo import LESIONS
    from viewer.ui.export.picture import pixels

    window.resize(1280, 800)
    window.open([demo])
    view = window.context.view
    qtbot.waitUntil(lambda: view.overlay is not None and not window.context.loader.busy, timeout=90_000)
    view.set_cursor(LESIONS[0].centre_mm)
    view.set_display(identity_visible=False)
    for layout, name in LAYOUTS.items():
        view.set_layout(layout)
        qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))
        qtbot.wait(50)
        made = np.asarray(pixels(window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)))
        path = FOLDER / name
        if os.environ.get("TRIPTYCH_UPDATE_PICTURES"):
            FOLDER.mkdir(parents=True, exist_ok=True)
            Image.fromarray(made).save(path, quality=86, optimize=True)
        kept = np.asarray(Image.open(path).convert("RGB")).astype(int)
        assert kept.shape == made.shape
        if sys.platform == "linux":
            assert (np.abs(kept - made.astype(int)).max(axis=2) > 60).mean() < 0.06, name
