"""Navigation, framing and annotation commands."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from viewer.dicom.choice import next_stack
from viewer.imaging.sample import Interpolation
from viewer.state.as_acquired import acquired_turns, shown_as_acquired, toggle_as_acquired
from viewer.state.first_window import first_window
from viewer.state.navigation import (
    cycle_density,
    cycle_pane,
    scroll,
    scroll_to_end,
    toggle_maximised,
    toggle_patient_planes,
)
from viewer.state.panes import Density
from viewer.state.presentations import Presentations
from viewer.state.second_window import arrangement_of
from viewer.state.slab import OwnSlabs
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.tools import Cancelling, tool
from viewer.ui.windows import is_full_screen, toggle_full_screen

ZOOM_STEP = 1.25


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the View and Navigate menus."""
    view = context.view

    def opened() -> bool:
        return view.base_volume is not None

    def scrolling(steps: int) -> Callable[[], None]:
        return lambda: scroll(view, view.active.kind, steps)

    def zoom(factor: float) -> None:
        kind = view.active.kind
        view.update_framing(kind, zoom=view.framing(kind).zoom * factor)

    def fit() -> None:
        view.update_framing(view.active.kind, zoom=1.0, pan_mm=(0.0, 0.0))

    def flip(which: str) -> None:
        framing = view.framing(view.active.kind)
        view.update_framing(view.active.kind, **{which: not getattr(framing, which)})

    def reset() -> None:
        view.reset_view()
        view.work.of(OwnSlabs).give_up()
        view.work.of(Presentations).take_off()
        for role, layer in ((r, view.layer(r)) for r in type(view.active_role)):
            item = view.volume(role)
            if layer is not None and item is not None:
                window, name = first_window(item.volume)
                view.set_window(role, window, name)

    def nearest() -> None:
        now = view.interpolation
        view.set_interpolation(
            Interpolation.LINEAR if now is Interpolation.NEAREST else Interpolation.NEAREST
        )

    go = "Navigate"
    yield Command("view.previous-slice", "Previous slice", scrolling(-1), go, opened, panes_only=True)
    yield Command("view.next-slice", "Next slice", scrolling(1), go, opened, panes_only=True)
    yield Command("view.previous-ten", "Ten slices back", scrolling(-10), go, opened, panes_only=True)
    yield Command("view.next-ten", "Ten slices on", scrolling(10), go, opened, panes_only=True)
    yield Command(
        "view.first-slice",
        "First slice",
        lambda: scroll_to_end(view, view.active.kind, last=False),
        go,
        opened,
        panes_only=True,
    )
    yield Command(
        "view.last-slice",
        "Last slice",
        lambda: scroll_to_end(view, view.active.kind, last=True),
        go,
        opened,
        panes_only=True,
    )
    yield Command(
        "view.previous-pane", "Previous pane", lambda: cycle_pane(view, -1), go, opened, panes_only=True
    )
    yield Command("view.next-pane", "Next pane", lambda: cycle_pane(view, 1), go, opened, panes_only=True)
    yield Command("view.previous-series", "Previous series", lambda: _neighbour(context, -1), go, opened)
    yield Command("view.next-series", "Next series", lambda: _neighbour(context, 1), go, opened)

    look = "View"
    yield Command("view.reset", "Reset view", reset, look, opened, icon="reset", panes_only=True)
    yield Command("view.zoom-in", "Zoom in", lambda: zoom(ZOOM_STEP), look, opened)
    yield Command("view.zoom-out", "Zoom out", lambda: zoom(1 / ZOOM_STEP), look, opened)
    yield Command("view.fit", "Fit to pane", fit, look, opened)
    yield Command(
        "view.flip-horizontal", "Flip left and right", lambda: flip("flip_horizontal"), look, opened
    )
    yield Command("view.flip-vertical", "Flip up and down", lambda: flip("flip_vertical"), look, opened)
    yield Command(
        "view.nearest",
        "Show voxels (nearest)",
        nearest,
        look,
        opened,
        checked=lambda: view.interpolation is Interpolation.NEAREST,
    )
    yield Command(
        "view.patient-planes", "Acquired or patient planes", lambda: toggle_patient_planes(view), look, opened
    )
    yield Command(
        "view.as-acquired",
        "Prone or decubitus as acquired",
        lambda: toggle_as_acquired(view),
        look,
        lambda: shown_as_acquired(view) or acquired_turns(view) != 0,
        checked=lambda: shown_as_acquired(view),
    )
    yield Command(
        "view.maximise",
        "Maximise pane",
        lambda: toggle_maximised(arrangement_of(view, view.active.id), view.active.id),
        look,
        opened,
        checked=lambda: bool(arrangement_of(view, view.active.id).maximised),
        icon="maximise",
    )
    yield Command("view.density", "Annotation density", lambda: cycle_density(view), look)
    yield Command(
        "view.warnings-only",
        "Hide annotations",
        lambda: view.set_display(density=Density.FULL if view.density is Density.OFF else Density.OFF),
        look,
        checked=lambda: view.density is Density.OFF,
    )
    yield Command(
        "view.identity",
        "Show patient identity",
        lambda: view.set_display(identity_visible=not view.identity_visible),
        look,
        checked=lambda: view.identity_visible,
    )
    yield Command(
        "view.full-screen",
        "Full screen",
        lambda: toggle_full_screen(context.window),
        look,
        checked=lambda: is_full_screen(context.window),
    )
    yield Command(
        "view.leave-full-screen",
        "Give up what was begun, or leave full screen or a maximised pane",
        lambda: _leave(context),
        look,
        enabled=lambda: (
            is_full_screen(context.window)
            or bool(arrangement_of(view, view.active.id).maximised)
            or isinstance(tool(view.tool), Cancelling)
        ),
        menu=False,
    )


def _leave(context: UiContext) -> None:
    chosen = tool(context.view.tool)
    if isinstance(chosen, Cancelling) and chosen.cancel(context.view):
        return
    if is_full_screen(context.window):
        toggle_full_screen(context.window)
        return
    arrangement = arrangement_of(context.view, context.view.active.id)
    if arrangement.maximised:
        arrangement.maximise("")


def _neighbour(context: UiContext, steps: int) -> None:
    """Open the next or previous stack of images."""
    base = context.view.base
    wanted = "" if base is None else next_stack(context.library.catalogue, base.volume_uid, steps)
    if wanted:
        context.loader.open_series(wanted, "base")
