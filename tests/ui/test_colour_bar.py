"""The colour bar of coloured layers (D37): present, and with the numbers and the unit of what is shown."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtGui import QFont, QImage, QPainter

from tests.phantoms import write_pet, write_ramp
from tests.ui.test_main_window import opened, pane
from viewer.imaging.window import Window
from viewer.state.layers import Role
from viewer.state.panes import Density, PlaneKind
from viewer.ui.overlays import OverlayInput
from viewer.ui.overlays._lettering import Lettering
from viewer.ui.overlays.colour_bar import paint

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow
    from viewer.ui.panes.plane_pane import PlanePane


def _written(window: MainWindow, shown: PlanePane, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What the colour bar of a pane writes, top to bottom."""
    texts: list[tuple[float, str]] = []
    monkeypatch.setattr(Lettering, "draw", lambda self, painter, x, y, text, colour: texts.append((y, text)))
    assert shown.scene_shown is not None
    picture = QImage(500, 500, QImage.Format.Format_RGB32)
    painter = QPainter(picture)
    paint(
        painter,
        OverlayInput(
            shown.scene_shown, window.context.view, 500.0, 500.0, 1.0, QFont(), Density.FULL, identity=False
        ),
    )
    painter.end()
    return [text for _, text in sorted(texts)]


def test_that_D37_a_coloured_layer_has_a_bar_with_its_range_and_unit(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ramp(tmp_path / "ct")
    write_pet(tmp_path / "pet")
    opened(qtbot, window, tmp_path)
    window.context.view.set_window(Role.OVERLAY, Window.from_bounds(0.0, 12.5), "")
    shown = pane(window, PlaneKind.AXIAL)
    qtbot.waitUntil(lambda: not shown.stale)
    assert _written(window, shown, monkeypatch) == ["SUV", "12.5", "0.0"]


def test_that_D37_a_grey_ct_has_none(
    qtbot: QtBot, window: MainWindow, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    opened(qtbot, window, write_ramp(tmp_path / "ct"))
    assert _written(window, pane(window, PlaneKind.AXIAL), monkeypatch) == []
