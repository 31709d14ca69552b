"""What lies under the mouse: value, unit, voxel and position (rule B23)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

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
    continuous = volume.geometry.to_index(point_mm)
    if np.any(continuous < -0.5) or np.any(continuous > np.array(volume.geometry.shape) - 0.5):
        return None
    nearest = np.clip(np.floor(continuous + 0.5), 0, np.array(volume.geometry.shape) - 1).astype(int)
    k, j, i = (int(n) for n in nearest)
    index = (k, j, i)
    below = int(np.floor(continuous[0]))
    if below in volume.geometry.gaps and 0.02 < continuous[0] - below < 0.98:
        return Reading(role, "no data (gap)", None, None)
    if not volume.ready[k]:
        return Reading(role, "no data" if volume.corrupt[k] else "loading", None, index)
    if volume.is_colour:
        red, green, blue = (int(volume.array[channel, k, j, i]) for channel in range(3))
        return Reading(role, f"RGB {red} {green} {blue}", None, index)
    stored = volume.array[k, j, i]
    if volume.is_padding(stored):
        return Reading(role, "padding", None, index)
    value = float(stored) * volume.display_slope + volume.display_intercept
    return Reading(role, format_value(value, volume.display_unit), value, index)


def format_value(value: float, unit: str) -> str:
    """A value with its unit: whole HU, SUV with two decimals, others with at least four significant digits."""
    if unit == "HU":
        return f"HU {value:.0f}"
    if unit == "SUV":
        return f"SUV {value:.2f}"
    number = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return f"{number} {unit}".rstrip()
