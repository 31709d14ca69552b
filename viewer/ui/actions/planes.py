"""Turning the three planes and drawing them as a slab, by keys and by numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from viewer.imaging.sample import Projection, Slab
from viewer.state import slab
from viewer.state.oblique import (
    FINE_STEP_DEG,
    PLANES,
    STEP_DEG,
    angles,
    is_turned,
    set_angles,
    straighten,
    turn,
)
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.dialogs._parts import show
from viewer.ui.dialogs.planes_dialog import SlabDialog, TurnDialog


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the View menu."""
    view, look = context.view, "View"

    def opened() -> bool:
        return view.base_volume is not None

    def planes() -> bool:
        return opened() and view.active.kind in PLANES

    def turning(degrees: float) -> Callable[[], None]:
        return lambda: turn(view, view.active.kind, degrees)

    for name, text, degrees in (
        ("left", f"Turn planes {STEP_DEG:g}° left", -STEP_DEG),
        ("right", f"Turn planes {STEP_DEG:g}° right", STEP_DEG),
        ("left-fine", f"Turn planes {FINE_STEP_DEG:g}° left", -FINE_STEP_DEG),
        ("right-fine", f"Turn planes {FINE_STEP_DEG:g}° right", FINE_STEP_DEG),
    ):
        yield Command(f"planes.{name}", text, turning(degrees), look, planes, panes_only=True)
    yield Command("planes.exact", "Turn planes…", lambda: ask_angles(context), look, planes)
    yield Command(
        "planes.straighten", "Straighten planes", lambda: straighten(view), look, lambda: is_turned(view)
    )

    yield Command(
        "view.slab",
        "Slab",
        lambda: slab.toggle(view),
        look,
        opened,
        checked=lambda: view.slab is not None,
        icon="slab",
    )
    for projection, name in slab.NAMES.items():
        yield Command(
            f"slab.{projection.value}",
            f"Slab: {name}",
            _projecting(context, projection),
            look,
            opened,
            checked=_is_projected(context, projection),
        )
    yield Command(
        "slab.thicker", "Thicker slab", lambda: slab.step_thickness(view, 1), look, opened, panes_only=True
    )
    yield Command(
        "slab.thinner", "Thinner slab", lambda: slab.step_thickness(view, -1), look, opened, panes_only=True
    )
    yield Command("slab.exact", "Slab…", lambda: ask_slab(context), look, opened)


def _projecting(context: UiContext, projection: Projection) -> Callable[[], None]:
    return lambda: slab.set_projection(context.view, projection)


def _is_projected(context: UiContext, projection: Projection) -> Callable[[], bool]:
    def answer() -> bool:
        now = context.view.slab
        return now is not None and now.projection is projection

    return answer


def ask_angles(context: UiContext) -> None:
    """Type the angles of the planes; the panes follow, Cancel brings the old planes back."""
    view = context.view
    before = (view.frame, dict(view.turned), dict(view.framings), view.base)
    dialog = TurnDialog(angles(view), context.window)

    def back() -> None:
        frame, turned, framings, base = before
        if view.base is not None and base is not None and view.base.volume_uid == base.volume_uid:
            view.framings = framings
            view.set_frame(frame, turned)

    dialog.changed.connect(lambda *degrees: set_angles(view, *degrees))
    dialog.rejected.connect(back)
    show(dialog)


def ask_slab(context: UiContext) -> None:
    """Type thickness and projection of the slab; the panes follow, Cancel brings the old one back."""
    view = context.view
    before: Slab | None = view.slab
    dialog = SlabDialog(before or slab.FIRST, context.window)
    dialog.changed.connect(view.set_slab)
    dialog.rejected.connect(lambda: view.set_slab(before))
    dialog.accepted.connect(lambda: view.set_slab(view.slab or slab.FIRST))
    show(dialog)
