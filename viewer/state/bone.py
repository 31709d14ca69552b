"""Leaving bone out of the CT's projection: what is denser than a threshold, hangs together and is large.

Until it was found, in the background, all voxels above the threshold stay out.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
from psygnal import Signal

from viewer.imaging.bone import bone, without
from viewer.imaging.volume import Volume

if TYPE_CHECKING:
    from viewer.state.library import Library
    from viewer.state.view import ViewState

DEFAULT_HU = 250.0
"""Between enhanced soft tissue and spongy bone; vessels full of contrast medium may need more."""
RANGE_HU = (-1000.0, 10000.0)


LARGEST_BYTES = 1 << 30
Array = npt.NDArray[np.generic]


@dataclass(frozen=True, eq=False)
class Wish:
    """Bone that is to be found.

    Parameters
    ----------
    volume, version
        Where, with the version of its voxels.
    threshold_hu
        What is denser may be bone.
    """

    volume: Volume
    version: int
    threshold_hu: float

    def same_as(self, other: Wish) -> bool:
        """Whether the same would be found."""
        return self.volume.array is other.volume.array and (self.version, self.threshold_hu) == (
            other.version,
            other.threshold_hu,
        )

    def is_open(self, library: Library) -> bool:
        """Whether its volume has not been closed."""
        item = library.get(self.volume.uid)
        return item is not None and item.volume.array is self.volume.array


class BoneRemoval:
    """Whether and above which value voxels of a CT stay out of its rotating projection.

    Attributes
    ----------
    changed
        The threshold or whether it counts, or bone was found.
    """

    changed = Signal()

    def __init__(self, view: ViewState) -> None:
        self._library = view.library
        self.on = False
        self.threshold_hu = DEFAULT_HU
        self._found: dict[str, tuple[Wish, Array]] = {}
        """By uid of the volume: each takes as much memory as the volume."""
        self._library.volume_removed.connect(self._forget)

    def set(self, *, on: bool | None = None, threshold_hu: float | None = None) -> None:
        """Change either; a threshold out of range becomes the nearest possible one."""
        on = self.on if on is None else on
        low, high = RANGE_HU
        threshold = self.threshold_hu if threshold_hu is None else min(high, max(low, threshold_hu))
        if (on, threshold) != (self.on, self.threshold_hu):
            self.on, self.threshold_hu = on, threshold
            if not on:
                self._found.clear()
            self.changed.emit()

    def applies(self, volume: Volume) -> bool:
        """Whether something is left out of the projection of a volume."""
        return self.on and volume.quantity.is_hounsfield and not volume.is_colour

    def text(self, volume: Volume) -> str:
        """What is written in the pane, "" when nothing is left out."""
        if not self.applies(volume):
            return ""
        what = "without" if self._array(volume) is None else "no bone"
        return f"{what} > {self.threshold_hu:g} HU"

    def key(self, volume: Volume) -> tuple[object, ...] | None:
        """Equal keys mean an equal projection; None when nothing is left out."""
        return (self.threshold_hu, self._array(volume) is None) if self.applies(volume) else None

    def without_bone(self, volume: Volume) -> Volume:
        """The volume to project: without bone once it was found, until then with all dense voxels as padding.

        Padding below the threshold becomes ordinary: of a highest value it is never the one. The volume itself when
        nothing is left out.
        """
        if not self.applies(volume):
            return volume
        array = self._array(volume)
        if array is not None:
            return replace(volume, array=array, columns=None)
        return replace(volume, padding=(math.nextafter(self._stored(volume), math.inf), math.inf))

    # --- finding it --------------------------------------------------------------------------------------------

    def wish(self, volume: Volume) -> Wish | None:
        """What is to be found in a volume; None when that is known, or cannot be.

        Bone is looked for when all slices are there, and not in a volume that is larger than memory: as many voxels
        again would not fit. Such a volume keeps the threshold.
        """
        if not self.applies(volume) or self._array(volume) is not None:
            return None
        there = bool((volume.ready | volume.corrupt).all())
        lean = volume.coarse is None and volume.resident is None and volume.array.nbytes <= LARGEST_BYTES
        return self._wish(volume) if there and lean else None

    def put(self, wish: Wish, array: Array) -> None:
        """Take what `find` found, if it is still wanted: its volume may have been closed meanwhile."""
        if self.on and wish.threshold_hu == self.threshold_hu and wish.is_open(self._library):
            self._found[wish.volume.uid] = wish, array
            self.changed.emit()

    def _wish(self, volume: Volume) -> Wish:
        return Wish(volume, self._library.version(volume.uid), self.threshold_hu)

    def _array(self, volume: Volume) -> Array | None:
        """Its values without bone, where that was found; also when it is the volume without bone itself."""
        if volume.uid not in self._found:
            return None
        wish, array = self._found[volume.uid]
        return array if volume.array is array or wish.same_as(self._wish(volume)) else None

    def _stored(self, volume: Volume) -> float:
        return stored_threshold(volume, self.threshold_hu)

    def _forget(self, uid: str) -> None:
        self._found.pop(uid, None)


def stored_threshold(volume: Volume, threshold_hu: float) -> float:
    """The stored value that means a number of HU."""
    return (threshold_hu - volume.intercept) / volume.slope


def find(wish: Wish) -> Array:
    """Stored values of a volume with bone as low as the lowest of them; a second for a chest, so in the background."""
    volume = wish.volume
    dense = np.asarray(volume.array > np.float64(stored_threshold(volume, wish.threshold_hu)))
    if volume.padding is not None:
        dense &= ~volume.is_padding(volume.array)
    dense[volume.corrupt] = False
    return without(volume.array, bone(dense, volume.geometry))
