"""What lies under the mouse: value, unit, voxel and position (rule B23)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy.typing as npt

from viewer.imaging.body_size import is_uptake
from viewer.imaging.sample import VoxelState, voxel_at
from viewer.imaging.volume import Volume
from viewer.state.layers import Role
from viewer.state.view import ViewState


@dataclass(frozen=True)
class Reading:
    """One layer's value at a point, taken from the nearest voxel (never from the display's interpolation).

    Parameters
    ----------
    role
        Base or overlay.
    text
        "HU 37", "SUV 4.21", "padding", "no data", "loading".
    value
        Value in the displayed quantity, None where there is none.
    index
        (k, j, i) of the voxel, None outside the volume.
    """

    role: Role
    text: str
    value: float | None
    index: tuple[int, int, int] | None


def read_point(view: ViewState, point_mm: npt.ArrayLike) -> tuple[Reading, ...]:
    """Readings of base and overlay at an LPS point; layers that do not reach there are left out."""
    readings = []
    for role in Role:
        item = view.volume(role)
        if item is not None and (reading := _read(role, item.volume, point_mm)) is not None:
            readings.append(reading)
    return tuple(readings)


def _read(role: Role, volume: Volume, point_mm: npt.ArrayLike) -> Reading | None:
    found = voxel_at(volume, point_mm)
    if found.state is VoxelState.OUTSIDE:
        return None
    if found.stored is None or found.state is not VoxelState.VALUE:
        return Reading(role, found.state.value, None, found.index)
    if volume.is_colour:
        return Reading(role, "RGB " + " ".join(f"{value:.0f}" for value in found.stored), None, found.index)
    value = found.stored[0] * volume.display_slope + volume.display_intercept
    return Reading(role, format_value(value, volume.display_unit), value, found.index)


def format_value(value: float, unit: str) -> str:
    """A value with its unit: whole HU, SUV with two decimals, others with at least four significant digits."""
    if unit == "HU":
        return f"HU {value:.0f}"
    if is_uptake(unit):
        return f"{unit} {value:.2f}"
    number = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{number} {unit}".rstrip()
