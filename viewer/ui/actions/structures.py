"""Commands for structures."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from viewer.state.layers import Role
from viewer.state.structures import StructureStore
from viewer.ui.commands import Command

if TYPE_CHECKING:
    from viewer.state.library import OpenVolume
    from viewer.ui.context import UiContext


def commands(context: UiContext) -> Iterable[Command]:
    """All commands of this module."""
    view = context.view
    store = view.work.of(StructureStore)

    def labels() -> OpenVolume | None:
        """A complete label volume on screen, the upper one first."""
        for role in (Role.OVERLAY, Role.BASE):
            item = view.volume(role)
            if item is not None and item.volume.quantity.is_label and item.volume.ready.all():
                return item
        return None

    def from_labels() -> None:
        item = labels()
        if item is None:
            return
        store.add_labels(item.volume, item.series.description or "Labels")
        if view.overlay is not None and view.overlay.volume_uid == item.volume.uid:
            # They would lie over the same colours once more.
            view.set_overlay(None)

    def show_all(visible: bool) -> None:
        for structure in store:
            store.update(structure.id, visible=visible)

    def any_visible() -> bool:
        return any(structure.visible for structure in store)

    yield Command(
        "structures.from-labels",
        "Structures from labels",
        from_labels,
        "Structures",
        enabled=lambda: labels() is not None,
    )
    yield Command(
        "structures.visible",
        "Show structures",
        lambda: show_all(not any_visible()),
        "Structures",
        enabled=lambda: len(store) > 0,
        checked=any_visible,
    )
