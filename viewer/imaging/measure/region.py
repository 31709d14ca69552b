"""Which voxels a region on a plane holds, and what they say (rules G03, G04).

The rule, the same on every plane
---------------------------------
- A region lies on a plane. The plane passes through voxels: of each line of voxels along the array axis that points
  most across the plane, the one whose centre is nearest. On an acquired plane these are the pixels of one slice.
- Of these a voxel counts when its **centre**, seen along the normal of the plane, lies in the shape; a centre on the
  edge counts. Nothing is interpolated: the numbers are those of stored values.
- Padding, slices that have not arrived and slices that could not be decoded are left out.
- SD is the sample standard deviation (n - 1), as ITK's.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.volume import Volume

TIE = 1e-6
"""A plane in the middle between two voxels belongs to the lower one, whatever the rounding."""


class Shape(Protocol):
    """A planar region: `Ellipse`, `Rectangle`, `Polygon`."""

    @property
    def normal(self) -> FloatArray | None:
        """Unit vector perpendicular to its plane, None when it spans none."""

    @property
    def area_mm2(self) -> float:
        """Its area by its formula."""

    def box_mm(self) -> FloatArray:
        """(n, 3) points whose extent along every axis holds the shape."""

    def outline_mm(self) -> FloatArray:
        """(n, 3) points of its edge, not closed."""

    def contains(self, points_mm: FloatArray) -> npt.NDArray[np.bool_]:
        """(n,) which of (n, 3) points lie in it, seen along the normal."""


@dataclass(frozen=True, eq=False)
class RegionStatistics:
    """What the voxels of a region say, in the quantity on display.

    Parameters
    ----------
    values
        (n,) float64, one a voxel.
    volume_mm3
        Volume of these voxels.
    mean, minimum, maximum
        None when there is no voxel (rule G04).
    sd
        Sample standard deviation, None for fewer than two voxels.
    loading
        Slices of it are still to come; then there are no values at all.
    """

    values: FloatArray
    volume_mm3: float
    mean: float | None
    sd: float | None
    minimum: float | None
    maximum: float | None
    loading: bool = False

    @property
    def count(self) -> int:
        """Number of voxels."""
        return int(self.values.size)


def region_voxels(geometry: VolumeGeometry, shape: Shape) -> npt.NDArray[np.intp]:
    """(n, 3) indices (k, j, i) of the voxels of a region, by the rule of the module.

    Empty when the shape spans no plane or lies outside the volume.
    """
    normal = shape.normal
    if normal is None:
        return np.empty((0, 3), np.intp)
    # Millimetres along the normal for one step along each array axis.
    steps = geometry.patient_from_index[:3, :3].T @ normal
    across = int(np.abs(steps).argmax())
    box = shape.box_mm()
    reach = 0.5 * abs(steps[across]) * _widest_step(geometry, across) * normal
    corners = geometry.to_index(np.concatenate([box - reach, box + reach]))
    low = np.clip(np.floor(corners.min(axis=0)), 0, np.array(geometry.shape)).astype(np.intp)
    high = np.clip(np.ceil(corners.max(axis=0)) + 1, 0, np.array(geometry.shape)).astype(np.intp)
    others = [axis for axis in range(3) if axis != across]
    grids = np.meshgrid(*(np.arange(low[axis], high[axis]) for axis in others), indexing="ij")
    if grids[0].size == 0:
        return np.empty((0, 3), np.intp)
    index = np.zeros((grids[0].size, 3))
    for axis, grid in zip(others, grids, strict=True):
        index[:, axis] = grid.reshape(-1)
    wji = index.copy()
    wji[:, 0] = geometry.slice_coordinate(index[:, 0])
    wji[:, across] = 0.0
    depth = float((box[0] - geometry.patient_from_index[:3, 3]) @ normal)
    pierced: FloatArray = (depth - wji @ steps) / steps[across]
    if across == 0:
        pierced = geometry.slice_index(pierced)
    index[:, across] = np.ceil(pierced - 0.5 - TIE)
    found = index[(index[:, across] >= 0) & (index[:, across] < geometry.shape[across])]
    inside = shape.contains(geometry.to_patient(found))
    return found[inside].astype(np.intp)


def region_statistics(volume: Volume, shape: Shape) -> RegionStatistics:
    """Statistics of a region on a volume with one value a voxel.

    Parameters
    ----------
    volume
        Not colour.
    shape
        Where.

    Returns
    -------
    RegionStatistics
        In the quantity on display (HU, SUV, ...). Empty while slices of it are still to come.

    Raises
    ------
    ValueError
        The volume is colour.
    """
    if volume.is_colour:
        raise ValueError("colour has no statistics")
    k, j, i = region_voxels(volume.geometry, shape).T
    if not (volume.ready | volume.corrupt)[k].all():
        # Statistics of a part of its voxels would be those of another region.
        return RegionStatistics(np.zeros(0), 0.0, None, None, None, None, loading=True)
    usable = ~volume.corrupt[k]
    k, j, i = k[usable], j[usable], i[usable]
    stored = volume.array[k, j, i]
    counted = ~volume.is_padding(stored)
    values = stored[counted].astype(np.float64) * volume.display_slope + volume.display_intercept
    return statistics(values, float(volume.geometry.slice_volumes_mm3[k[counted]].sum()))


def statistics(values: FloatArray, volume_mm3: float) -> RegionStatistics:
    """Statistics of (n,) values that take so many mm3."""
    values = values[np.isfinite(values)]
    if values.size == 0:
        return RegionStatistics(values, 0.0, None, None, None, None)
    return RegionStatistics(
        values,
        volume_mm3,
        float(values.mean()),
        float(values.std(ddof=1)) if values.size > 1 else None,
        float(values.min()),
        float(values.max()),
    )


def crosses_gap(geometry: VolumeGeometry, points_mm: FloatArray) -> bool:
    """Whether (n, 3) points lie in, or on both sides of, an interval between slices that holds no data (rule G12)."""
    if not geometry.gaps:
        return False
    k = geometry.to_index(points_mm)[:, 0]
    low, high = float(k.min()), float(k.max())
    return any(low < gap + 1 - TIE and high > gap + TIE for gap in geometry.gaps)


def _widest_step(geometry: VolumeGeometry, axis: int) -> float:
    """Longest step along an axis in units of its mean step."""
    if axis or geometry.slice_offsets is None or geometry.shape[0] < 2:
        return 1.0
    return float(np.diff(geometry.slice_offsets).max())
