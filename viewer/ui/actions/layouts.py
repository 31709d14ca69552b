"""One command a layout; the less usual ones share a button of the toolbar. What is chosen goes to the settings."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.settings import Value
from viewer.state.panes import LAYOUTS, Layout
from viewer.ui.actions._menu_button import MenuButton
from viewer.ui.commands import Command
from viewer.ui.context import UiContext

DIRECT = ("three", "three-large", "rows")
"""Layouts with a button of their own; the toolbar has to fit into the smallest window."""


_REMEMBERED = "layout.remembered"


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Layout menu."""
    view, settings = context.view, context.settings
    view.hanging.restore(_texts(settings.get(_REMEMBERED)))
    view.hanging.changed.connect(lambda: settings.set(_REMEMBERED, view.hanging.texts))

    def possible(layout: Layout) -> bool:
        item = view.base_volume
        flat = item is not None and not item.stack.multiplanar
        return item is not None and not flat and (view.overlay is not None or not layout.needs_overlay)

    more = {}
    for layout in LAYOUTS:
        if layout.id == "single":
            continue
        direct = layout.id in DIRECT
        if not direct:
            more[f"layout.{layout.id}"] = f"layout-{layout.id}"
        yield Command(
            f"layout.{layout.id}",
            layout.text,
            lambda chosen=layout.id: view.set_layout(chosen),  # type: ignore[misc]
            "Layout",
            lambda chosen=layout: possible(chosen),  # type: ignore[misc]
            checked=lambda chosen=layout.id: view.layout.id == chosen,  # type: ignore[misc]
            icon=f"layout-{layout.id}" if direct else "",
            menu=direct,
        )
    button = MenuButton(context, "layout.more", "More layouts", "Layout", more)
    yield button.command()
    button.fill()
    yield Command(
        "layout.forget",
        "Forget remembered layouts",
        view.hanging.forget,
        "Layout",
        lambda: bool(view.hanging.texts),
    )


def _texts(value: Value) -> tuple[str, ...]:
    return value if isinstance(value, tuple) else ()
