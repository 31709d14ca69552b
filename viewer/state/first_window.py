"""The window a volume opens with: the header's, else one for its quantity (rule B15, clinical spec section C)."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from viewer.imaging.histogram import histogram
from viewer.imaging.volume import Volume
from viewer.imaging.window import Window, default_window

AUTOMATIC = "automatic"
"""Name of a window that came from neither header nor preset."""


def first_window(volume: Volume) -> tuple[Window, str]:
    """Window of a volume that just opened, with its name."""
    if volume.display_unit == "SUV":
        return Window.from_bounds(0.0, 7.0, name="SUV 0-7"), "SUV 0-7"
    if volume.windows and volume.modality != "PT":
        first = header_windows(volume)[0]
        return first, first.name
    if volume.display_unit == "HU":
        return default_window("HU"), AUTOMATIC
    return automatic_window(volume), AUTOMATIC


def automatic_window(volume: Volume) -> Window:
    """Window from the values that have arrived: 0 to the 99.5th percentile for PET, 1st to 99th elsewhere."""
    loaded = np.flatnonzero(volume.ready & ~volume.corrupt)
    if volume.is_colour or not loaded.size:
        return default_window("", volume.modality)
    few = loaded[:: max(1, loaded.size // 16)]
    sample = np.ascontiguousarray(volume.array[few, ::2, ::2])
    stats = histogram(sample, volume.display_slope, volume.display_intercept, volume.padding)
    return default_window("", "PT" if volume.modality == "PT" else "", stats)


def header_windows(volume: Volume) -> tuple[Window, ...]:
    """The header's windows with a name each, for the preset list and key 0.

    None for a PET shown as SUV: its header speaks of Bq/mL (rule C02).
    """
    if volume.suv_factor is not None:
        return ()
    several = len(volume.windows) > 1
    return tuple(
        window if window.name else replace(window, name=f"header {number + 1}" if several else "header")
        for number, window in enumerate(volume.windows)
    )
