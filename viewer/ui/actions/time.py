"""Commands for series of several times, echoes or b-values."""

from __future__ import annotations

from collections.abc import Iterable

from viewer.state.time_points import time_role
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.time_steps import step_time


def commands(context: UiContext) -> Iterable[Command]:
    """Previous and next time, in the Navigate menu."""

    def several() -> bool:
        return time_role(context.view) is not None

    go = "Navigate"
    yield Command("time.previous", "Previous time or echo", lambda: step_time(context, -1), go, several)
    yield Command("time.next", "Next time or echo", lambda: step_time(context, 1), go, several)
