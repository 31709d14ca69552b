"""Comparing overlay and base: how they share the panes, one window for both, and moving one onto the other."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtCore import QObject

from viewer.imaging.combine import Combination
from viewer.state.alignment import Alignment, moving_uid
from viewer.state.combining import Combining
from viewer.state.comparison import LinkedWindows, bring_together
from viewer.state.registration_objects import apply_registration_object, registration_files
from viewer.ui.binding import bind
from viewer.ui.commands import Command
from viewer.ui.context import UiContext


class RegistrationObjects(QObject):
    """Applies a Spatial Registration object as soon as a pair of series is shown that it links (rule D31)."""

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self._view = context.view
        self._seen: tuple[str, str, tuple[Path, ...]] | None = None
        bind(self, self._view.layers_changed, self.look)
        bind(self, context.library.catalogue_changed, self.look)

    def look(self) -> None:
        """Look once for each pair and whenever further objects are found."""
        base, overlay = self._view.base, self._view.overlay
        if base is None or overlay is None:
            return
        pair = base.volume_uid, overlay.volume_uid, registration_files(self._view)
        if pair != self._seen:
            self._seen = pair
            apply_registration_object(self._view)


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Layers menu."""
    view = context.view
    RegistrationObjects(context)

    def two() -> bool:
        return bool(moving_uid(view))

    def reset() -> None:
        view.work.of(Alignment).move(moving_uid(view), None, "Overlay as acquired")

    combining, linked = view.work.of(Combining), view.work.of(LinkedWindows)
    for how, text in (
        (Combination.CHECKERBOARD, "Checkerboard of base and overlay"),
        (Combination.SWIPE, "Swipe between base and overlay"),
        (Combination.DIFFERENCE, "Difference of base and overlay"),
    ):
        yield Command(
            f"compare.{how}",
            text,
            lambda chosen=how: combining.choose(chosen),  # type: ignore[misc]
            "Layers",
            two,
            checked=lambda chosen=how: combining.how is chosen,  # type: ignore[misc]
        )
    yield Command(
        "compare.same-window",
        "Same window for both",
        linked.toggle,
        "Layers",
        linked.possible,
        checked=lambda: linked.on,
    )
    yield Command("align.move", "Move overlay…", lambda: ask_alignment(context), "Layers", two)
    yield Command("align.centres", "Centres together", lambda: bring_together(view), "Layers", two)
    yield Command(
        "align.reset",
        "Overlay as acquired",
        reset,
        "Layers",
        lambda: view.work.of(Alignment).placement(moving_uid(view)) is not None,
    )


def ask_alignment(context: UiContext) -> None:
    """Open the numbers beside the panes; the window stays usable."""
    from viewer.ui.dialogs.align_dialog import AlignDialog

    open_one = context.window.findChild(AlignDialog)
    dialog = open_one if isinstance(open_one, AlignDialog) else AlignDialog(context)
    dialog.show()
    dialog.raise_()
