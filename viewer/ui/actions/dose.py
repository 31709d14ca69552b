"""Commands for doses: isodose lines, what is 100 %, histograms."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QInputDialog

from viewer.state.dose import DoseStore
from viewer.state.structures import Structure, StructureStore, space_of
from viewer.ui.commands import Command

if TYPE_CHECKING:
    from viewer.ui.context import UiContext

MOST_GY = 1000.0


def commands(context: UiContext) -> Iterable[Command]:
    """All commands of this module."""
    view = context.view
    store = view.work.of(DoseStore)

    def has_dose() -> bool:
        return store.item() is not None

    def with_dose() -> list[Structure]:
        item, structures = store.item(), view.work.of(StructureStore)
        if item is None or not item.volume.ready.all():
            return []
        base = view.base_volume
        # A dose that the user laid over other images is in their space.
        trusted = base.volume if base is not None and view.registration_confirmed else item.volume
        return [s for s in structures if s.visible and not structures.why_not_drawn(s, space_of(trusted))]

    def ask_reference() -> None:
        item = store.item()
        if item is None:
            return
        unit = item.volume.quantity.unit
        dose, given = QInputDialog.getDouble(
            context.window,
            "Reference dose",
            f"Dose that is 100 % ({unit}); 0 for the maximum of the grid:",
            store.reference or 0.0,
            0.0,
            MOST_GY,
            2,
        )
        if given:
            store.set_reference(dose or None)

    def show_histograms() -> None:
        from viewer.ui.dialogs._parts import show
        from viewer.ui.export.dvh_dialog import DvhDialog

        item, structures = store.item(), with_dose()
        if item is not None and structures:
            show(DvhDialog(structures, item.volume, context.window))

    yield Command(
        "dose.isodose",
        "Isodose lines",
        lambda: store.show_lines(not store.visible),
        "Structures",
        enabled=has_dose,
        checked=lambda: store.visible,
    )
    yield Command("dose.reference", "Reference dose…", ask_reference, "Structures", enabled=has_dose)
    yield Command(
        "dose.histogram",
        "Dose-volume histograms…",
        show_histograms,
        "Structures",
        enabled=lambda: bool(with_dose()),
    )
