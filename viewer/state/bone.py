"""Leaving bone out of the CT's projection: voxels above a threshold do not take part."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from psygnal import Signal

from viewer.imaging.volume import Volume

if TYPE_CHECKING:
    from viewer.state.view import ViewState

DEFAULT_HU = 250.0
"""Between enhanced soft tissue and spongy bone; vessels full of contrast medium may need more."""
RANGE_HU = (-1000.0, 10000.0)


class BoneRemoval:
    """Whether and above which value voxels of a CT stay out of its rotating projection.

    Attributes
    ----------
    changed
        The threshold or whether it counts.
    """

    changed = Signal()

    def __init__(self, _view: ViewState) -> None:
        self.on = False
        self.threshold_hu = DEFAULT_HU

    def set(self, *, on: bool | None = None, threshold_hu: float | None = None) -> None:
        """Change either; a threshold out of range becomes the nearest possible one."""
        on = self.on if on is None else on
        low, high = RANGE_HU
        threshold = self.threshold_hu if threshold_hu is None else min(high, max(low, threshold_hu))
        if (on, threshold) != (self.on, self.threshold_hu):
            self.on, self.threshold_hu = on, threshold
            self.changed.emit()

    def applies(self, volume: Volume) -> bool:
        """Whether something is left out of the projection of a volume."""
        return self.on and volume.quantity.is_hounsfield and not volume.is_colour

    def text(self, volume: Volume) -> str:
        """What is written in the pane, "" when nothing is left out."""
        return f"without > {self.threshold_hu:g} HU" if self.applies(volume) else ""

    def without_bone(self, volume: Volume) -> Volume:
        """The volume with bone as padding, on the same voxels; the volume itself when nothing is left out.

        Padding below the threshold becomes ordinary: of a highest value it is never the one.
        """
        if not self.applies(volume):
            return volume
        stored = (self.threshold_hu - volume.intercept) / volume.slope
        return replace(volume, padding=(math.nextafter(stored, math.inf), math.inf))
