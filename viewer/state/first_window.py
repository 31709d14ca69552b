"""The window a volume opens with: the header's, else one for its quantity (rule B15, clinical spec section C)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from viewer.dicom.model import DOSE_MODALITY
from viewer.imaging.histogram import histogram, value_range
from viewer.imaging.volume import Volume
from viewer.imaging.window import Voi, Window, default_window

LOWEST_DOSE = 0.05
"""Share of the largest dose below which the images show without colour."""
AUTOMATIC = "automatic"
"""Name of a window that came from neither header nor preset."""


def first_window(volume: Volume) -> tuple[Voi, str]:
    """Window of a volume that just opened, with its name."""
    known = _without_voxels(volume)
    if known is not None:
        return known
    if volume.modality == DOSE_MODALITY:
        loaded = np.flatnonzero(volume.ready & ~volume.corrupt)
        largest = max((float(volume.array[k].max()) for k in loaded), default=0.0)
        upper = max(largest * volume.display_slope, 1e-6)
        return Window.from_bounds(LOWEST_DOSE * upper, upper), AUTOMATIC
    return automatic_window(volume), AUTOMATIC


def _without_voxels(volume: Volume) -> tuple[Voi, str] | None:
    """Window that the header or the quantity decides, with its name."""
    if volume.preset_unit == "SUV":
        return Window.from_bounds(0.0, 7.0, name="SUV 0-7"), "SUV 0-7"
    named = header_windows(volume) if volume.modality != "PT" else ()
    if named:
        return named[0], named[0].name
    if volume.display_unit == "HU" and volume.modality != DOSE_MODALITY:
        return default_window("HU"), AUTOMATIC
    return None


def window_slices(volume: Volume, usable: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Slices whose values `first_window` looks at: a volume of these alone gets the same window.

    Parameters
    ----------
    volume
        What is known of it without its voxels.
    usable
        Slices of the whole volume that can be decoded, ascending.
    """
    if volume.is_colour or _without_voxels(volume) is not None:
        return usable[:0]
    every = volume.modality == DOSE_MODALITY or volume.quantity.is_label
    return usable if every else _few(usable)


def _few(slices: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """At most 31 slices; all of those when asked again."""
    return slices[:: max(1, slices.size // 16)]


def automatic_window(volume: Volume) -> Window:
    """Window from the values that have arrived: 0 to the 99.5th percentile for PET, 1st to 99th elsewhere."""
    loaded = np.flatnonzero(volume.ready & ~volume.corrupt)
    if not volume.is_colour and not volume.quantity.is_label and not volume.ready.all():
        early = _of_level(volume)
        if early is not None:
            return early
    if volume.is_colour or not loaded.size:
        return default_window("", volume.modality)
    if volume.quantity.is_label:
        # Rare labels count as much as frequent ones.
        return Window.from_bounds(0.0, max(1.0, *(float(volume.array[k].max()) for k in loaded)))
    few = _few(loaded)
    step = 2 if volume.coarse is None else 1
    return _window_of(volume, (volume.coarse or volume).array[few, ::step, ::step])


def _of_level(volume: Volume) -> Window | None:
    """Window from the coarse level that is shown until the slices have arrived, None when there is none."""
    level = None if volume.preview is None else volume.preview.level
    if level is None:
        return None
    usable = ~volume.corrupt[:: level.step[0]]
    return _window_of(volume, level.array[usable]) if usable.any() else None


def volume_range(volume: Volume) -> tuple[float, float] | None:
    """Lowest and highest stored value of the slices that are there and of the coarse level that stands for others.

    Returns
    -------
    tuple or None
        (lowest, highest) without padding, NaN and infinity; None when no value is there.
    """
    parts = [volume.array[..., k, :, :] for k in np.flatnonzero(volume.ready & ~volume.corrupt)]
    level = None if volume.preview is None else volume.preview.level
    if level is not None:
        parts.append(level.array[..., ~volume.corrupt[:: level.step[0]], :, :])
    ranges = [found for part in parts if (found := value_range(part, volume.padding)) is not None]
    return (min(low for low, _ in ranges), max(high for _, high in ranges)) if ranges else None


def _window_of(volume: Volume, stored: npt.NDArray[np.generic]) -> Window:
    sample = np.ascontiguousarray(stored)
    stats = histogram(sample, volume.display_slope, volume.display_intercept, volume.padding)
    return default_window("", "PT" if volume.modality == "PT" else "", stats)


def header_windows(volume: Volume) -> tuple[Voi, ...]:
    """The header's windows, then its VOI lookup tables, with a name each of its own, for the preset list and key 0.

    None for a PET shown as SUV: its header speaks of Bq/mL (rule C02).
    """
    if volume.suv_factor is not None:
        return ()
    named: list[Voi] = []
    for number, window in enumerate(volume.windows, 1):
        name = window.name or (f"header {number}" if len(volume.windows) > 1 else "header")
        named.append(replace(window, name=_free(name, named)))
    for number, table in enumerate(volume.voi_tables, 1):
        name = table.name or (f"header table {number}" if len(volume.voi_tables) > 1 else "header table")
        named.append(replace(table, name=_free(name, named)))
    return tuple(named)


def _free(name: str, taken: list[Voi]) -> str:
    """A name nothing else has, because key 0 finds its place by it: "BONE", "BONE (2)"."""
    names = {entry.name for entry in taken}
    several = (name if n == 1 else f"{name} ({n})" for n in range(1, len(names) + 2))
    return next(text for text in several if text not in names)
