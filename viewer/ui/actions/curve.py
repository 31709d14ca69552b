"""The path of the curved picture and how it is shown, from the keyboard."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.state.curve import CurvedMode, CurvedPath
from viewer.ui.commands import Command
from viewer.ui.context import UiContext


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Edit and View menus."""
    view = context.view
    path = view.work.of(CurvedPath)

    def opened() -> bool:
        item = view.base_volume
        return item is not None and item.stack.multiplanar

    def drawn() -> bool:
        return bool(path.points)

    def other_mode() -> None:
        stretched = path.mode is CurvedMode.STRETCHED
        path.show_as(mode=CurvedMode.STRAIGHTENED if stretched else CurvedMode.STRETCHED)

    yield Command(
        "curve.add", "Add crosshair to curved path", lambda: path.add(view.cursor_mm), "Edit", opened
    )
    yield Command("curve.remove", "Remove point of curved path", path.remove, "Edit", drawn, panes_only=True)
    yield Command("curve.clear", "Delete curved path", path.clear, "Edit", drawn)
    yield Command(
        "curve.stretched",
        "Curved picture stretched",
        other_mode,
        "View",
        drawn,
        checked=lambda: path.mode is CurvedMode.STRETCHED,
    )
    yield Command("curve.wider", "Wider curved picture", lambda: path.step_width(1), "View", drawn)
    yield Command("curve.narrower", "Narrower curved picture", lambda: path.step_width(-1), "View", drawn)
