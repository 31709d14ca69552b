"""One command a layout."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.state.panes import LAYOUTS, Layout
from viewer.ui.commands import Command
from viewer.ui.context import UiContext


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Layout menu."""
    view = context.view

    def possible(layout: Layout) -> bool:
        item = view.base_volume
        flat = item is not None and not item.stack.multiplanar
        return item is not None and not flat and (view.overlay is not None or not layout.needs_overlay)

    for layout in LAYOUTS:
        if layout.id == "single":
            continue
        yield Command(
            f"layout.{layout.id}",
            layout.text,
            lambda chosen=layout.id: view.set_layout(chosen),  # type: ignore[misc]
            "Layout",
            lambda chosen=layout: possible(chosen),  # type: ignore[misc]
            checked=lambda chosen=layout.id: view.layout.id == chosen,  # type: ignore[misc]
            icon=f"layout-{layout.id}",
        )
