"""Bone in a CT: what is dense and large, with its rim and its marrow.

A threshold alone leaves a shell of every bone, whose voxels hold bone in part, and its marrow; the highest value of a
ray is then nearly everywhere that shell. And it takes calcified plaques and vessels full of contrast medium that are
no bone. So bone is what hangs together above the threshold and is large, closed over its marrow and widened by its rim.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import BoolArray, bounding_box
from viewer.imaging.parts import without_small_parts

SMALLEST_MM3 = 1000.0
"""A dense part smaller than this is no bone by itself: a plaque, a clip, a catheter, noise."""
NEAR_MM = 8.0
"""Nearer to bone it is a piece of it: dense marrow, a small joint."""
MARROW_MM = 3.0
"""Gaps up to twice as wide between dense parts belong to the bone."""
RIM_MM = 2.0
"""So far around dense voxels others hold bone in part."""


def bone(dense: BoolArray, geometry: VolumeGeometry) -> BoolArray:
    """The voxels of bone.

    Parameters
    ----------
    dense
        (k, j, i) what lies above the threshold.
    geometry
        Of the grid.
    """
    found = without_small_parts(dense, geometry.slice_volumes_mm3, SMALLEST_MM3)
    box = bounding_box(found)
    if box is None:
        return found
    spacing = geometry.spacing_mm
    rims = [round(RIM_MM / step) for step in spacing]
    wide = [round((MARROW_MM + RIM_MM) / step) for step in spacing]
    near = [round(NEAR_MM / step) for step in spacing]
    # Only around the bones, with room for all that widens them.
    around = tuple(
        slice(max(low - 2 * most, 0), high + 2 * most) for (low, high), most in zip(box, near, strict=True)
    )
    part = found[around].copy()
    for axis, voxels in enumerate(near):
        _widen(part, axis, voxels)
    part &= dense[around]
    for axis, voxels in enumerate(wide):
        _widen(part, axis, voxels)
    np.logical_not(part, out=part)
    for axis, voxels in enumerate(wide):
        _widen(part, axis, voxels - rims[axis])
    found[around] = ~part
    return found


def without(array: npt.NDArray[np.generic], mask: BoolArray) -> npt.NDArray[np.generic]:
    """A copy of stored values in which what a mask holds is as low as the lowest of them: no projection shows it."""
    copy = array.copy()
    copy[mask] = array.min()
    return copy


def _widen(mask: BoolArray, axis: int, voxels: int) -> None:
    """Widen a mask in place by so many voxels to both sides along an axis."""
    lines = np.moveaxis(mask, axis, 0)
    reach = 0
    while reach < voxels:
        # What is widened already is shifted by as much: the reach doubles with every pass.
        step = min(max(reach, 1), voxels - reach)
        before = np.moveaxis(mask.copy(), axis, 0)
        lines[step:] |= before[:-step]
        lines[:-step] |= before[step:]
        reach += step
