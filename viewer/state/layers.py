"""How a volume is shown: window, colours, opacity. Frozen; a change is a new object."""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum

from viewer.imaging.window import Voi


class Role(StrEnum):
    """The two places a volume can take."""

    BASE = "base"
    """The anatomy below: CT, MR, or whatever is shown alone."""
    OVERLAY = "overlay"
    """The function on top: PET."""


@dataclass(frozen=True)
class ImageLayer:
    """Display of one volume.

    Parameters
    ----------
    volume_uid
        Which volume.
    window
        Window or VOI lookup table on the displayed quantity (HU, SUV, ...).
    colormap
        Colormap id when the layer is shown alone.
    fused_colormap
        Colormap id when it lies on another layer.
    opacity
        0..1, weight of the layer when it lies on another (rule D34).
    invert
        User's inversion, on top of MONOCHROME1 (rule B16).
    transparent_below
        Values at or below the window's lower bound let the layer below through (rule D35).
    window_name
        Name of the preset the window came from, empty after a manual change.
    """

    volume_uid: str
    window: Voi
    colormap: str = "grey"
    fused_colormap: str = "hot-iron"
    opacity: float = 0.5
    invert: bool = False
    transparent_below: bool = True
    window_name: str = ""

    def with_window(self, window: Voi, name: str = "") -> ImageLayer:
        """The layer with another window."""
        return replace(self, window=window, window_name=name)
