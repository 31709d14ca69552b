"""Stepping through the times, echoes or b-values of a series; what is not in memory is loaded."""

from __future__ import annotations

from viewer.state.time_points import place_in_time, time_points, time_role
from viewer.ui.context import UiContext


def step_time(context: UiContext, steps: int, *, wrap: bool = False) -> None:
    """Show a later or earlier time; at the ends it stays, or goes round with `wrap`."""
    role = time_role(context.view)
    item = None if role is None else context.view.volume(role)
    if item is None:
        return
    count = len(time_points(item))
    number = place_in_time(item) + steps
    show_time(context, number % count if wrap else min(max(number, 0), count - 1))


def show_time(context: UiContext, number: int) -> None:
    """Show a time by its number, from 0."""
    role = time_role(context.view)
    item = None if role is None else context.view.volume(role)
    if item is None or role is None:
        return
    wanted = time_points(item)[number]
    if wanted.uid != item.volume.uid:
        context.loader.open_series(wanted.uid, role.value)
