"""The layout of each kind of study across two runs of the program (rule E21)."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from tests.ui.panes.test_frames import open_volume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow


def show(window: MainWindow, *modalities: str) -> str:
    """Show one or two series, and say in which layout they are."""
    for modality in modalities:
        window.context.library.add(open_volume(modality, modality, 2.0))
    window.context.view.show(*(ImageLayer(name, Window(40, 400)) for name in modalities))
    return window.context.view.layout.id


def test_that_E21_the_next_run_hangs_a_kind_as_the_user_did(
    qtbot: QtBot, make_window: Callable[[], MainWindow]
) -> None:
    first = make_window()
    by_itself = show(first, "CT", "PT")
    first.context.commands.run("layout.rows")
    assert first.context.view.layout.id == "rows" != by_itself
    first.close()
    second = make_window()
    assert show(second, "CT", "PT") == "rows"
    second.context.commands.run("layout.forget")
    assert not second.context.commands.action("layout.forget").isEnabled()
    second.close()
    assert show(make_window(), "CT", "PT") == by_itself


def test_that_the_MIP_stands_beside_all_three_rows(qtbot: QtBot, window: MainWindow) -> None:
    show(window, "CT", "PT")
    window.context.commands.run("layout.rows-mip")
    qtbot.waitUntil(lambda: all(pane.scene_shown is not None for pane in window.grid.panes()))
    places = {pane.pane.id: pane.geometry() for pane in window.grid.panes()}
    mip, first, last = places["mip"], places["base-axial"], places["fused-coronal"]
    assert (mip.top(), mip.bottom()) == (first.top(), last.bottom())
    assert mip.left() > last.right()
    assert abs(mip.width() - first.width()) <= 1
    window.context.commands.run("layout.three")
    edge = window.grid.rect().right()
    qtbot.waitUntil(lambda: window.grid.pane("fused-coronal").geometry().right() == edge)
