"""A coarse level of a volume, shown until enough of its slices have arrived.

Every n-th voxel along each axis, as a pyramid keeps it: each value was measured and is sampled at its true place. It is
for pictures only. Readings and statistics never see it: they ask `Volume.ready`, which speaks of the slices themselves.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt


@dataclass(frozen=True, eq=False)
class CoarseLevel:
    """All of a volume at once, thinned out.

    Parameters
    ----------
    array
        (k, j, i) in the type of the volume, or (3, k, j, i) uint8 for colour, C order: its voxel (k, j, i) is voxel
        (k, j, i) * `step` of the volume.
    step
        (k, j, i) voxels of the volume from one to the next.
    damaged
        Slices of the volume that are known to be unreadable.
    """

    array: npt.NDArray[np.generic]
    step: tuple[int, int, int]
    damaged: tuple[int, ...] = ()


@dataclass(eq=False)
class Preview:
    """Where the loader puts the coarse level of a volume, and takes it away when every slice is there.

    Parameters
    ----------
    level
        None before and after.
    """

    level: CoarseLevel | None = None
