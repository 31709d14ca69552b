"""Outlines of regions and shapes on a curved picture: round the pixels whose point of the patient lies in them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from viewer.imaging.curved import CurvedSurface
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.labelmap import BoolArray, Mask
from viewer.imaging.outline import mask_edges
from viewer.imaging.plane import Plane
from viewer.imaging.voi import EDGE_MM, Box, Region, Sphere


def positions_of(surface: CurvedSurface, plane: Plane) -> FloatArray:
    """(rows, columns, 3) LPS positions of the pixels of a curved picture; NaN beyond its edges.

    Parameters
    ----------
    plane
        Of the picture's own space: its rows run along x, its columns along y.
    """
    x = plane.origin_mm[0] + np.arange(plane.width) * plane.u_mm[0]
    y = plane.origin_mm[1] + np.arange(plane.height) * plane.v_mm[1]
    return surface.positions(x, y)


def region_lines(geometry: VolumeGeometry, region: Region, positions: FloatArray) -> FloatArray:
    """Outline of a region of voxels: a pixel belongs to it when the voxel its point lies in does.

    Returns
    -------
    ndarray
        (n, 4) lines (column, row, column, row) along edges of pixels; centres of pixels are whole numbers.
    """
    mask = Mask(geometry, region.mask, region.start)
    return _lines(mask.block_volume.geometry.corners_mm(), positions, mask.contains)


def shape_lines(shape: Sphere | Box, positions: FloatArray) -> FloatArray:
    """Outline of a shape, as `region_lines` gives it."""

    def holds(points: FloatArray) -> BoolArray:
        offset = points - np.array(shape.centre_mm)
        if isinstance(shape, Sphere):
            inside: BoolArray = np.linalg.norm(offset, axis=-1) <= shape.radius_mm + EDGE_MM
            return inside
        axes = np.array(shape.half_axes_mm)
        along: BoolArray = (np.abs(offset @ axes.T) <= (axes**2).sum(axis=1) * (1 + EDGE_MM)).all(axis=-1)
        return along

    return _lines(shape.corners_mm(), positions, holds)


def _lines(
    corners_mm: FloatArray, positions: FloatArray, holds: Callable[[FloatArray], BoolArray]
) -> FloatArray:
    """The outline of what holds points; only those in the box around its corners are asked."""
    low, high = corners_mm.min(axis=0) - EDGE_MM, corners_mm.max(axis=0) + EDGE_MM
    inside = np.ones(positions.shape[:2], bool)
    for axis in range(3):
        inside &= (positions[..., axis] >= low[axis]) & (positions[..., axis] <= high[axis])
    inside[inside] = holds(positions[inside])
    return mask_edges(inside)
