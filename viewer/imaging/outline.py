"""Outlines of regions and shapes on a plane: what an overlay draws, in pixels of that plane.

Masks are outlined exactly: a pixel belongs to the region when the voxel at its centre does, on any plane, and the line
runs along the edges of those pixels. In a slab, and in a projection, it is the silhouette of the part inside it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, Projection, Slab, sample_plane
from viewer.imaging.voi import Box, Mask, Region, Sphere
from viewer.imaging.volume import Volume

NOTHING: FloatArray = np.zeros((0, 4))


@dataclass(frozen=True)
class Circle:
    """A circle in pixels of a plane (centres of pixels are whole numbers)."""

    column: float
    row: float
    radius_px: float


def region_lines(
    geometry: VolumeGeometry, region: Region, plane: Plane, thickness_mm: float = 0.0
) -> FloatArray:
    """Outline of a region on a plane.

    Parameters
    ----------
    geometry
        Grid of the region.
    region
        Its voxels.
    plane
        Where it is seen.
    thickness_mm
        Of the slab around the plane; 0 for the plane alone.

    Returns
    -------
    ndarray
        (n, 4) lines (column, row, column, row) along edges of pixels; centres of pixels are whole numbers.
    """
    if not region.mask.any():
        return NOTHING
    if not geometry.uniform:
        region = _with_neighbours(region, geometry.shape[0])
    small = crop(geometry, region)
    projected = np.array([plane.project(corner) for corner in small.corners_mm()])
    near = max(float(projected[:, 2].min()), -thickness_mm / 2)
    far = min(float(projected[:, 2].max()), thickness_mm / 2)
    low = np.floor(projected[:, :2].min(axis=0)).astype(int) - 1
    high = np.ceil(projected[:, :2].max(axis=0)).astype(int) + 2
    low, high = np.maximum(low, -1), np.minimum(high, (plane.width + 1, plane.height + 1))
    if near > far or (high <= low).any():
        return NOTHING
    width, height = (int(n) for n in high - low)
    middle = (near + far) / 2
    origin = plane.at(float(low[0]), float(low[1])) + plane.normal * middle
    part = Plane(origin, plane.u_mm, plane.v_mm, width, height)
    values = sample_plane(
        Volume("region", np.ascontiguousarray(region.mask, dtype=np.uint8), small),
        part,
        interpolation=Interpolation.NEAREST,
        slab=Slab(far - near, Projection.MAX) if thickness_mm > 0 else None,
    )
    with np.errstate(invalid="ignore"):
        edges = mask_edges(values > 0.5)
    lines: FloatArray = edges + np.array([low[0], low[1], low[0], low[1]])
    return lines


def crop(geometry: VolumeGeometry, region: Region) -> VolumeGeometry:
    """Geometry of the block of a region."""
    count = region.mask.shape[0]
    affine = geometry.patient_from_index.copy()
    offsets = geometry.slice_offsets
    affine[:3, 3] = geometry.to_patient(np.array(region.start, dtype=float))
    if offsets is not None and count > 1:
        part = offsets[region.start[0] : region.start[0] + count] - offsets[region.start[0]]
        # The first axis runs in mean steps of the stack; that of the block has a mean step of its own.
        affine[:3, 0] *= part[-1] / (count - 1)
        offsets = part * ((count - 1) / part[-1])
    else:
        offsets = None
        if geometry.slice_offsets is not None:
            affine[:3, 0] *= float(geometry.slice_reach[:, region.start[0]].sum())
    a, b, c = region.mask.shape
    return VolumeGeometry((a, b, c), affine, geometry.frame_of_reference_uid, slice_offsets=offsets)


def _with_neighbours(region: Region, slices: int) -> Region:
    """The region with the empty slices beside it: where uneven slices end depends on where the next ones lie."""
    k = region.start[0]
    before, after = int(k > 0), int(k + region.mask.shape[0] < slices)
    return Region(
        (k - before, region.start[1], region.start[2]), np.pad(region.mask, ((before, after), (0, 0), (0, 0)))
    )


def mask_edges(mask: Mask) -> FloatArray:
    """Edges between pixels that belong to a mask and pixels that do not, straight runs in one piece.

    Parameters
    ----------
    mask
        (row, column) bool.

    Returns
    -------
    ndarray
        (n, 4) lines (column, row, column, row); the edges of pixel (r, c) lie at r - 0.5, r + 0.5, c - 0.5, c + 0.5.
    """
    framed = np.pad(mask, 1)
    across = _runs(framed[1:, :] != framed[:-1, :])
    down = _runs((framed[:, 1:] != framed[:, :-1]).T)
    # A run (line, start, stop) of the framed mask; its frame is one pixel wide.
    horizontal = np.stack(
        [across[:, 1] - 1.5, across[:, 0] - 0.5, across[:, 2] - 1.5, across[:, 0] - 0.5], axis=-1
    )
    vertical = np.stack([down[:, 0] - 0.5, down[:, 1] - 1.5, down[:, 0] - 0.5, down[:, 2] - 1.5], axis=-1)
    return np.concatenate([horizontal, vertical]) if len(horizontal) else NOTHING


def _runs(there: Mask) -> npt.NDArray[np.float64]:
    """(n, 3) runs of True along the rows: row, first column, column behind the last."""
    steps = np.diff(np.pad(there, ((0, 0), (1, 1))).astype(np.int8), axis=1)
    row, start = np.nonzero(steps == 1)
    stop = np.nonzero(steps == -1)[1]
    return np.stack([row, start, stop], axis=-1).astype(np.float64)


def sphere_circle(sphere: Sphere, plane: Plane, thickness_mm: float = 0.0) -> Circle | None:
    """Where a plane, or a slab around it, cuts a sphere; None when it does not."""
    column, row, distance = plane.project(sphere.centre_mm)
    beside = max(0.0, abs(distance) - thickness_mm / 2)
    if beside >= sphere.radius_mm:
        return None
    return Circle(column, row, float(np.sqrt(sphere.radius_mm**2 - beside**2)) / plane.mm_per_pixel)


def box_polygon(box: Box, plane: Plane, thickness_mm: float = 0.0) -> FloatArray:
    """(n, 2) corners (column, row) of the cut of a box, in order; none when the plane or slab misses it."""
    corners = np.array([plane.project(corner) for corner in box.corners_mm()])
    half = thickness_mm / 2
    found = [corner[:2] for corner in corners if abs(corner[2]) <= half]
    for one in range(8):
        for other in (one ^ 1, one ^ 2, one ^ 4):
            a, b = corners[one], corners[other]
            for level in {-half, half}:
                if one < other and (a[2] - level) * (b[2] - level) < 0:
                    share = (level - a[2]) / (b[2] - a[2])
                    found.append(a[:2] + share * (b[:2] - a[:2]))
    return _hull(np.array(found)) if len(found) > 2 else np.zeros((0, 2))


def _hull(points: FloatArray) -> FloatArray:
    """Convex hull of (n, 2) points, in order (Andrew's monotone chain)."""
    ordered = [tuple(point) for point in np.unique(np.round(points, 9), axis=0)]
    chains = []
    for run in (ordered, ordered[::-1]):
        chain: list[tuple[float, ...]] = []
        for point in run:
            while len(chain) > 1 and _turn(chain[-2], chain[-1], point) <= 0:
                chain.pop()
            chain.append(point)
        chains.append(chain[:-1])
    return np.array(chains[0] + chains[1])


def _turn(a: tuple[float, ...], b: tuple[float, ...], c: tuple[float, ...]) -> float:
    return (b[0] - a[0]) * (c[1] - a[1]) - (b[1] - a[1]) * (c[0] - a[0])
