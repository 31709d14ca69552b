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
        lambda: slab.toggle(view, view.active.kind),
        look,
        opened,
        checked=lambda: slab.slab_of(view, view.active.kind) is not None,
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
    for name, text, steps in (("thicker", "Thicker slab", 1), ("thinner", "Thinner slab", -1)):
        yield Command(f"slab.{name}", text, _stepping(context, steps), look, opened, panes_only=True)
    yield Command(
        "slab.own",
        "Slab of this plane only",
        lambda: slab.toggle_own(view, view.active.kind),
        look,
        planes,
        checked=lambda: view.work.of(slab.OwnSlabs).has(view.active.kind),
    )
    yield Command("slab.exact", "Slab…", lambda: ask_slab(context), look, opened)


def _projecting(context: UiContext, projection: Projection) -> Callable[[], None]:
    return lambda: slab.set_projection(context.view, projection, context.view.active.kind)


def _stepping(context: UiContext, steps: int) -> Callable[[], None]:
    return lambda: slab.step_thickness(context.view, steps, context.view.active.kind)


def _is_projected(context: UiContext, projection: Projection) -> Callable[[], bool]:
    def answer() -> bool:
        now = slab.slab_of(context.view, context.view.active.kind)
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
    """Type thickness and projection of the slab; the panes follow, Cancel brings the old ones back."""
    view, kind = context.view, context.view.active.kind
    own = view.work.of(slab.OwnSlabs)
    common, before, apart = view.slab, slab.slab_of(view, kind), own.has(kind)
    name = kind.value if kind in PLANES else ""
    dialog = SlabDialog(before or slab.FIRST, context.window, plane=name, own=apart)

    def follow(wanted: Slab, only_here: bool) -> None:
        if only_here:
            view.set_slab(common)
            own.put(kind, wanted)
        else:
            if own.has(kind):
                own.give_up(kind)
            view.set_slab(wanted)

    def back() -> None:
        view.set_slab(common)
        if apart:
            own.put(kind, before)
        elif own.has(kind):
            own.give_up(kind)

    dialog.changed.connect(follow)
    dialog.rejected.connect(back)
    dialog.accepted.connect(lambda: follow(*dialog.wanted))
    show(dialog)
