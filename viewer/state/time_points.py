"""Times, echoes and b-values of one series: stacks at the same place, to be stepped through (rules A02, A27)."""

from __future__ import annotations

import numpy as np

from viewer.dicom.model import SeriesKind, Stack
from viewer.state.layers import Role
from viewer.state.library import OpenVolume
from viewer.state.view import ViewState

_NAMES = {
    "time": "Time",
    "trigger": "Trigger",
    "frame time": "Time",
    "acquisition": "Acquisition",
    "acquisition time": "Time",
    "content time": "Time",
    "echo": "Echo",
    "b": "b-value",
}
"""Dimensions to step through, in words; image type and kernel make other pictures of the same moment."""
GRID_MM = 1e-3


def time_points(item: OpenVolume) -> tuple[Stack, ...]:
    """Stacks of the series that differ from a volume only in time, echo or b-value, itself among them, in order.

    Empty when there is nothing to step through. Slices may be missing in some of them; rows and columns may not lie
    elsewhere.
    """
    here = next((stack for stack in item.series.stacks if stack.uid == item.stack.uid), None)
    if here is None or not any(name in _NAMES for name, _ in here.parts):
        return ()
    family = tuple(stack for stack in item.series.stacks if _belongs(stack, here))
    return family if len(family) > 1 else ()


def place_in_time(item: OpenVolume) -> int:
    """Number of a volume among its time points, from 0; -1 when it has none."""
    return next((n for n, stack in enumerate(time_points(item)) if stack.uid == item.stack.uid), -1)


def dimension_name(item: OpenVolume) -> str:
    """What is stepped through, in words: "Time", "Echo", or both."""
    points = time_points(item)
    names: dict[str, set[str]] = {}
    for stack in points:
        for dimension, value in stack.parts:
            if dimension in _NAMES:
                names.setdefault(_NAMES[dimension], set()).add(value)
    return ", ".join(name for name, values in names.items() if len(values) > 1)


def time_role(view: ViewState) -> Role | None:
    """The layer that is stepped through: the active one when it has time points, else the other."""
    roles: tuple[Role, ...] = (view.active_role, Role.BASE, Role.OVERLAY)
    for role in roles:
        item = view.volume(role)
        if item is not None and time_points(item):
            return role
    return None


def _belongs(stack: Stack, here: Stack) -> bool:
    return (
        stack.kind is SeriesKind.VOLUME
        and stack.multiplanar
        and not stack.on_request
        and [name for name, _ in stack.parts] == [name for name, _ in here.parts]
        and _fixed(stack) == _fixed(here)
        and stack.geometry.frame_of_reference_uid == here.geometry.frame_of_reference_uid
        and stack.geometry.shape[1:] == here.geometry.shape[1:]
        and np.allclose(
            stack.geometry.patient_from_index[:3, 1:3],
            here.geometry.patient_from_index[:3, 1:3],
            atol=GRID_MM,
        )
    )


def _fixed(stack: Stack) -> tuple[tuple[str, str], ...]:
    """What must be equal: the dimensions that are not stepped through."""
    return tuple(part for part in stack.parts if part[0] not in _NAMES)
