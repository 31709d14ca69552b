"""Silhouettes: where a ray across a plane meets a structure, seen through the whole body or through a slab.

Through the whole body the voxels are not asked ray by ray. The slices of the grid that the rays cross most squarely
are shifted to where the rays meet the first of them and joined (shear-warp factorisation, Lacroute and Levoy 1994): one
pass over the mask, whatever the pane measures, and a shadow that any plane of this direction is cut from.
"""

from __future__ import annotations

import numpy as np

from viewer.imaging.contours import ContourSet
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.labelmap import NOTHING, BoolArray, Mask, Patch, window_of
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, Projection, Slab, sample_plane, slab_samples

FINE = 2
"""Pixels of the shadow along a voxel where slices are shifted: they are put in place to a quarter of a voxel."""
DEEP_MM = 1e4
"""A shadow reaches this far along its rays, so that it is met by every plane of its direction."""
MOST_SAMPLES = 6_000_000
"""Of a slab; above it every second pixel is asked in both directions, and so on."""
PIXELS = 256
"""Voxels across the larger side of contours."""
LEAST_MM = 0.5


def shadow(mask: Mask, normal: FloatArray) -> Mask:
    """What a structure covers when it is seen along a direction.

    Parameters
    ----------
    mask
        The structure.
    normal
        (3,) unit vector along the rays, LPS; its sign does not matter.

    Returns
    -------
    Mask
        One slice across the rays, so thick that a plane of this direction cuts it wherever it lies.
    """
    mask = _even(mask).cropped()
    geometry, block = mask.geometry, mask.block
    if not block.size:
        return mask
    matrix = geometry.patient_from_index[:3, :3]
    along = geometry.index_from_patient[:3, :3] @ normal
    axis = int(np.argmax(np.abs(along)))
    across = tuple(n for n in range(3) if n != axis)
    shear = -along[list(across)] / along[axis]
    fine = [FINE if abs(step) > 1e-9 else 1 for step in shear]
    slices = np.moveaxis(block, axis, 0)
    if axis == 2:
        slices = np.ascontiguousarray(slices)  # columns lie far apart in memory, and every one is read
    shifts = np.rint(np.arange(len(slices))[:, None] * shear * fine).astype(int)
    lowest = shifts.min(axis=0)
    size = np.array(slices.shape[1:]) * fine + shifts.max(axis=0) - lowest
    joined = np.zeros(tuple(size), bool)
    for piece, shift in zip(slices, shifts - lowest, strict=True):
        if piece.any():
            for n, times in enumerate(fine):
                piece = np.repeat(piece, times, axis=n) if times > 1 else piece
            rows, columns = piece.shape
            joined[shift[0] : shift[0] + rows, shift[1] : shift[1] + columns] |= piece
    start = np.array(mask.corner, dtype=np.float64)
    for n, place in enumerate(across):
        start[place] += (lowest[n] + 0.5) / fine[n] - 0.5
    affine = np.eye(4)
    affine[:3, 0] = normal * DEEP_MM
    for n, place in enumerate(across):
        # Sheared along the rays, which changes nothing across them.
        affine[:3, n + 1] = matrix[:, place] / fine[n]
    affine[:3, 3] = geometry.to_patient(start)
    flat = VolumeGeometry((1, int(size[0]), int(size[1])), affine, geometry.frame_of_reference_uid)
    return Mask(flat, joined[None])


def silhouette(mask: Mask, plane: Plane, thickness_mm: float) -> Patch:
    """The pixels of a plane whose ray meets a structure within a slab around the plane.

    Parameters
    ----------
    mask
        The structure.
    plane
        Its pixels may be of any size.
    thickness_mm
        Of the slab, half of it on each side. For the whole body ask `shadow` for a section: it is quicker.

    Returns
    -------
    Patch
        A voxel counts with its whole extent (nearest neighbour, rule I12).
    """
    if not mask.block.size:
        return NOTHING
    volume = mask.block_volume
    corners = volume.geometry.corners_mm()
    away = (corners - plane.origin_mm) @ plane.normal
    near, far = float(away.min()), float(away.max())
    if near > thickness_mm / 2 or far < -thickness_mm / 2:
        return NOTHING
    middle = plane.normal * float(np.clip(0.0, near, far))  # any depth at which the body is met will do
    window = window_of(
        corners, Plane(plane.origin_mm + middle, plane.u_mm, plane.v_mm, plane.width, plane.height)
    )
    if window is None:
        return NOTHING
    part, left, top = window
    part = Plane(part.origin_mm - middle, part.u_mm, part.v_mm, part.width, part.height)
    # About the plane like the picture itself, so that both ask at the same depths.
    slab = Slab(min(thickness_mm, 2 * max(abs(near), abs(far))), Projection.MAX)
    samples, _ = slab_samples(volume.geometry, part, slab)
    every = max(1, int(np.ceil(np.sqrt(part.width * part.height * samples / MOST_SAMPLES))))
    sampled = _coarser(part, every) if every > 1 else part
    values = sample_plane(volume, sampled, interpolation=Interpolation.NEAREST, slab=slab)
    with np.errstate(invalid="ignore"):
        inside: BoolArray = values > 0.5
    if every == 1:
        return Patch(inside, left, top)
    return Patch(inside.repeat(every, axis=0).repeat(every, axis=1), left - every, top - every)


def voxels_of(contours: ContourSet) -> Mask:
    """Contours as voxels of a grid of their own: as high as their planes lie apart, fine within them."""
    own = contours.corners_mm @ contours.axes.T
    low, high = own.min(axis=0), own.max(axis=0)
    depth = float(high[2] - low[2])
    step = min(contours.spacing_mm or depth, depth) or LEAST_MM
    pixel = max(float((high - low)[:2].max()) / PIXELS, LEAST_MM)
    across, down = (int(np.ceil(side / pixel)) + 1 for side in (high - low)[:2])
    affine = np.eye(4)
    affine[:3, :3] = np.column_stack(
        [contours.axes[2] * step, contours.axes[1] * pixel, contours.axes[0] * pixel]
    )
    affine[:3, 3] = np.array([low[0], low[1], low[2] + step / 2]) @ contours.axes
    return contours.mask(VolumeGeometry((max(round(depth / step), 1), down, across), affine))


def _even(mask: Mask) -> Mask:
    """The mask on equidistant slices, half as high as its thinnest ones."""
    geometry = mask.geometry
    if geometry.slice_offsets is None:
        return mask
    low, high = (geometry.slice_coordinate(place) for place in (-0.5, geometry.shape[0] - 0.5))
    step = float(np.diff(geometry.slice_offsets).min(initial=1.0)) / 2
    affine = geometry.patient_from_index.copy()
    affine[:3, 3] += affine[:3, 0] * (low + step / 2)
    affine[:3, 0] *= step
    count = int(np.ceil((high - low) / step))
    return mask.on(VolumeGeometry((count, *geometry.shape[1:]), affine, geometry.frame_of_reference_uid))


def _coarser(plane: Plane, every: int) -> Plane:
    """The plane with so many times larger pixels, one more on every side, so that the outline is closed there too."""
    corner = plane.at(-(every + 1) / 2, -(every + 1) / 2)
    width, height = (-(-size // every) + 2 for size in (plane.width, plane.height))
    return Plane(corner, plane.u_mm * every, plane.v_mm * every, width, height)
