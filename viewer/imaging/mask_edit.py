"""Changing masks: brush, grow, smooth, islands, slices between slices. Nothing is changed in place.

Distances are millimetres between voxel centres, so a disc is round on anisotropic voxels and a ball is one on thick
slices.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from viewer.errors import GeometryError
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.labelmap import BoolArray, Index, Mask, bounding_box
from viewer.imaging.parts import joined

IntArray = npt.NDArray[np.int64]
_FAR = 1e12
_LEAST_LEVEL = 0.35
_MOST_VOXELS = 200_000_000
"""Largest block that is worked on at once."""


@dataclass(frozen=True)
class Brush:
    """What one dab covers.

    Parameters
    ----------
    radius_mm
        In the plane of the pane; of a ball in space.
    ball
        A ball, or a disc as thick as the slices along the normal of the plane.
    """

    radius_mm: float
    ball: bool = False


def dabbed(
    mask: Mask,
    start_mm: FloatArray,
    end_mm: FloatArray,
    normal: FloatArray,
    brush: Brush,
    *,
    erase: bool = False,
    allowed: Callable[[IntArray], BoolArray] | None = None,
) -> Mask:
    """A mask after a stroke of the brush from one point to another.

    Parameters
    ----------
    mask
        Before.
    start_mm, end_mm
        (3,) LPS ends of the stroke, equal for a single dab.
    normal
        Unit normal of the plane that is painted on; any direction.
    brush
        Its size.
    erase
        Take away instead of adding.
    allowed
        For (n, 3) indices (k, j, i) which of them may change (a threshold), or None for all.

    Returns
    -------
    Mask
        The same object when nothing changed.
    """
    geometry = mask.geometry
    reach = brush.radius_mm if brush.ball else brush.radius_mm + half_thickness_mm(geometry, normal)
    ends = np.stack([start_mm, end_mm])
    corners = np.concatenate([ends - reach, ends + reach])
    box = np.array(np.meshgrid(*np.stack([corners.min(axis=0), corners.max(axis=0)]).T)).reshape(3, -1).T
    index = geometry.to_index(box)
    low = np.clip(np.floor(index.min(axis=0)).astype(int), 0, np.array(geometry.shape))
    high = np.clip(np.ceil(index.max(axis=0)).astype(int) + 1, 0, np.array(geometry.shape))
    if (high <= low).any():
        return mask
    grid = np.stack(
        np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high, strict=True)), indexing="ij"), axis=-1
    )
    points = geometry.to_patient(grid)
    inside = _covered(points, ends, normal, brush, half_thickness_mm(geometry, normal))
    if allowed is not None:
        inside[inside] = allowed(grid[inside])
    corner = (int(low[0]), int(low[1]), int(low[2]))
    return without(mask, corner, inside) if erase else united(mask, corner, inside)


def half_thickness_mm(geometry: VolumeGeometry, normal: FloatArray) -> float:
    """Half the distance of neighbouring voxel centres along a direction: how far a disc reaches from its plane."""
    rate = np.abs(geometry.index_from_patient[:3, :3] @ normal)
    return float(0.5 / rate.max()) * (1 + 1e-6)


def _covered(
    points: FloatArray, ends: FloatArray, normal: FloatArray, brush: Brush, half: float
) -> BoolArray:
    """Which points lie within the radius of the way from one end to the other."""
    along = ends[1] - ends[0]
    if not brush.ball:
        along = along - normal * (along @ normal)
    length = float(along @ along)
    offset = points - ends[0]
    share = np.clip(offset @ along / length, 0, 1) if length > 0 else np.zeros(points.shape[:-1])
    beside = offset - share[..., None] * along
    if brush.ball:
        near: BoolArray = (beside**2).sum(axis=-1) <= brush.radius_mm**2
        return near
    height = beside @ normal
    flat: BoolArray = ((beside**2).sum(axis=-1) - height**2 <= brush.radius_mm**2) & (np.abs(height) <= half)
    return flat


# --- Sets --------------------------------------------------------------------------------------------------------


def united(mask: Mask, corner: Index, block: BoolArray) -> Mask:
    """A mask with the voxels of a block added."""
    if not block.any():
        return mask
    grown = _covering(mask, corner, block.shape)
    part = tuple(slice(c - g, c - g + n) for c, g, n in zip(corner, grown.corner, block.shape, strict=True))
    if grown.block[part][block].all():
        return mask
    whole = grown.block.copy()
    whole[part] |= block
    return Mask(mask.geometry, whole, grown.corner)


def without(mask: Mask, corner: Index, block: BoolArray) -> Mask:
    """A mask with the voxels of a block taken away."""
    whole = mask.block.copy()
    low = np.maximum(corner, mask.corner)
    high = np.minimum(np.add(corner, block.shape), np.add(mask.corner, whole.shape))
    if not whole.size or (high <= low).any():
        return mask
    own = tuple(slice(a - c, b - c) for a, b, c in zip(low, high, mask.corner, strict=True))
    other = tuple(slice(a - c, b - c) for a, b, c in zip(low, high, corner, strict=True))
    if not (whole[own] & block[other]).any():
        return mask
    whole[own] &= ~block[other]
    return Mask(mask.geometry, whole, mask.corner)


def _covering(mask: Mask, corner: Index, shape: tuple[int, ...]) -> Mask:
    """The same mask with a block that also covers another one."""
    if not mask.block.size:
        return Mask(mask.geometry, np.zeros(shape, bool), corner)
    low = np.minimum(mask.corner, corner)
    high = np.maximum(np.add(mask.corner, mask.block.shape), np.add(corner, shape))
    if (low == mask.corner).all() and (high - low == mask.block.shape).all():
        return mask
    block = np.zeros(tuple(high - low), bool)
    block[
        tuple(slice(c - a, c - a + n) for c, a, n in zip(mask.corner, low, mask.block.shape, strict=True))
    ] = mask.block
    return Mask(mask.geometry, block, (int(low[0]), int(low[1]), int(low[2])))


@dataclass(frozen=True)
class MaskChange:
    """What differs between two masks, packed: kept for undo instead of the masks themselves.

    Parameters
    ----------
    corner, shape
        The block that holds all differences.
    packed
        Its bits, one a voxel, compressed.
    """

    corner: Index
    shape: Index
    packed: bytes

    @classmethod
    def between(cls, before: Mask, after: Mask) -> MaskChange:
        """The difference of two masks of one grid."""
        both = _covering(before, after.corner, after.block.shape) if after.block.size else before
        other = _covering(after, both.corner, both.block.shape) if both.block.size else after
        if not both.block.size:
            return cls((0, 0, 0), (0, 0, 0), b"")
        difference = both.block ^ other.block
        bounds = bounding_box(difference)
        if bounds is None:
            return cls((0, 0, 0), (0, 0, 0), b"")
        part = difference[tuple(slice(a, b) for a, b in bounds)]
        k, j, i = (c + a for c, (a, _) in zip(both.corner, bounds, strict=True))
        return cls(
            (k, j, i),
            (part.shape[0], part.shape[1], part.shape[2]),
            zlib.compress(np.packbits(part).tobytes(), 1),
        )

    @property
    def empty(self) -> bool:
        """Whether nothing differs."""
        return not self.packed

    def applied(self, mask: Mask) -> Mask:
        """The mask with every difference turned over; twice gives the mask back."""
        if self.empty:
            return mask
        count = int(np.prod(self.shape))
        bits = np.unpackbits(np.frombuffer(zlib.decompress(self.packed), np.uint8), count=count)
        grown = _covering(mask, self.corner, self.shape)
        whole = grown.block.copy()
        part = tuple(
            slice(c - g, c - g + n) for c, g, n in zip(self.corner, grown.corner, self.shape, strict=True)
        )
        whole[part] ^= bits.astype(bool).reshape(self.shape)
        return Mask(mask.geometry, whole, grown.corner).cropped()


# --- Distance ----------------------------------------------------------------------------------------------------


def distance_mm(
    inside: BoolArray, spacing_mm: tuple[float, ...], limit_mm: float | None = None
) -> FloatArray:
    """Distance of every element to the nearest one that is inside, between centres.

    Parameters
    ----------
    inside
        Of any number of dimensions.
    spacing_mm
        Pitch along each.
    limit_mm
        Distances above it need not be right, only larger than it; saves most of the work.

    Returns
    -------
    ndarray
        float64; exact by one parabola a neighbour and axis (Felzenszwalb and Huttenlocher 2012, by brute force);
        very large where nothing is inside.
    """
    squared = np.where(inside, 0.0, _FAR)
    for axis, step in enumerate(spacing_mm):
        n = squared.shape[axis]
        reach = n - 1 if limit_mm is None else min(n - 1, int(np.ceil(limit_mm / step)))
        source = np.moveaxis(squared, axis, 0)
        nearest = source.copy()
        for offset in range(1, reach + 1):
            cost = (offset * step) ** 2
            np.minimum(nearest[offset:], source[:-offset] + cost, out=nearest[offset:])
            np.minimum(nearest[:-offset], source[offset:] + cost, out=nearest[:-offset])
        squared = np.moveaxis(nearest, 0, axis)
    return np.sqrt(squared)


def grown(mask: Mask, margin_mm: float) -> Mask:
    """A mask with everything within a margin, or for a negative one without everything within it of the outside.

    Raises
    ------
    GeometryError
        The result would be too large to work on.
    """
    if not mask.voxels or margin_mm == 0:
        return mask
    spacing = mask.geometry.spacing_mm
    if margin_mm > 0:
        around = _padded(mask, margin_mm)
        if around.block.size > _MOST_VOXELS:
            raise GeometryError("The structure is too large to be grown.")
        block = distance_mm(around.block, spacing, margin_mm) <= margin_mm * (1 + 1e-9)
        return Mask(mask.geometry, block, around.corner).cropped()
    # The border of the grid is no outside: a structure cut by it is not eaten up from there.
    inner = np.pad(mask.block, 1)
    for axis, (c, n, size) in enumerate(zip(mask.corner, mask.block.shape, mask.geometry.shape, strict=True)):
        if c == 0:
            _copy_border(inner, axis, 0, 1)
        if c + n == size:
            _copy_border(inner, axis, -1, -2)
    kept = distance_mm(~inner, spacing, -margin_mm) > -margin_mm * (1 + 1e-9)
    return Mask(mask.geometry, kept[1:-1, 1:-1, 1:-1] & mask.block, mask.corner).cropped()


def _copy_border(block: BoolArray, axis: int, to: int, source: int) -> None:
    view = np.moveaxis(block, axis, 0)
    view[to] = view[source]


def _padded(mask: Mask, margin_mm: float) -> Mask:
    """The same mask with room around its block, as far as the grid goes."""
    pad = [int(np.ceil(margin_mm / step)) + 1 for step in mask.geometry.spacing_mm]
    low = np.maximum(np.subtract(mask.corner, pad), 0)
    high = np.minimum(np.add(np.add(mask.corner, mask.block.shape), pad), mask.geometry.shape)
    return _covering(mask, (int(low[0]), int(low[1]), int(low[2])), tuple(int(n) for n in high - low))


# --- Smoothing and islands ---------------------------------------------------------------------------------------


def smoothed(mask: Mask, radius_mm: float) -> Mask:
    """A mask without the roughness below a size: a voxel stays when most of its surroundings do.

    The surroundings are weighted like a bell of that standard deviation (three box filters, Wells 1986), and the share
    that counts as most is the one that keeps the volume, as far as nothing thin would be blown up.
    """
    if not mask.voxels:
        return mask
    around = _padded(mask, 2 * radius_mm)
    values = around.block.astype(np.float32)
    for axis, step in enumerate(mask.geometry.spacing_mm):
        # Three boxes of n samples have the variance 3 (n2 - 1) / 12.
        half = round((np.sqrt(4 * (radius_mm / step) ** 2 + 1) - 1) / 2)
        for _ in range(3):
            values = _box_filtered(values, axis, half)
    # A bell moves curved surfaces inwards; the level that keeps the volume moves them back.
    keeping = float(np.partition(values, values.size - mask.voxels, axis=None)[values.size - mask.voxels])
    return Mask(mask.geometry, values >= min(max(keeping, _LEAST_LEVEL), 0.5), around.corner).cropped()


def _box_filtered(values: npt.NDArray[np.float32], axis: int, half: int) -> npt.NDArray[np.float32]:
    if half == 0:
        return values
    lines = np.moveaxis(values, axis, 0)
    padded = np.concatenate([lines[:1].repeat(half + 1, axis=0), lines, lines[-1:].repeat(half, axis=0)])
    total = padded.cumsum(axis=0, dtype=np.float64)
    result = (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)
    return np.moveaxis(result.astype(np.float32), 0, axis)


def components(block: BoolArray) -> tuple[IntArray, IntArray]:
    """Parts of a mask whose voxels touch by faces.

    Returns
    -------
    tuple
        Part of each True element in C order, numbered from 0, and the number of voxels of each part.
    """
    place = np.full(block.shape, -1, np.int64)
    count = int(np.count_nonzero(block))
    place[block] = np.arange(count)
    first, second = [], []
    for axis in range(block.ndim):
        lines = np.moveaxis(place, axis, 0)
        a, b = lines[:-1], lines[1:]
        both = (a >= 0) & (b >= 0)
        first.append(a[both])
        second.append(b[both])
    part = joined(count, np.concatenate(first), np.concatenate(second))
    return part, np.bincount(part)


def without_islands(mask: Mask, smallest_mm3: float | None = None) -> Mask:
    """A mask without small parts.

    Parameters
    ----------
    smallest_mm3
        Parts below this volume go; None keeps only the largest part.
    """
    if not mask.voxels:
        return mask
    part, sizes = components(mask.block)
    kept = (
        sizes == sizes.max()
        if smallest_mm3 is None
        else sizes * mask.geometry.voxel_volume_mm3 >= smallest_mm3
    )
    block = mask.block.copy()
    block[mask.block] = kept[part]
    return Mask(mask.geometry, block, mask.corner).cropped()


def between_slices(mask: Mask, axis: int = 0) -> Mask:
    """A mask with the empty slices between drawn ones filled: by shape, from the signed distances of both neighbours.

    Raya and Udupa 1990: a pixel of the new slice belongs to the structure when the distances to the outlines of the
    slices below and above, weighted by how near these are, add up to more than nothing.

    Parameters
    ----------
    axis
        Along which the slices were drawn: 0 for those of the stack, 1 for rows, 2 for columns.
    """
    drawn = np.flatnonzero(mask.block.any(axis=tuple(n for n in range(3) if n != axis)))
    count = mask.block.shape[axis]
    if len(drawn) < 2 or len(drawn) == count:
        return mask
    spacing = tuple(step for n, step in enumerate(mask.geometry.spacing_mm) if n != axis)
    places = np.arange(count, dtype=np.float64)
    if axis == 0:
        places = mask.geometry.slice_coordinate(places + mask.corner[0])
    slices = np.pad(np.moveaxis(mask.block, axis, 0), ((0, 0), (1, 1), (1, 1)))
    above_signed: FloatArray | None = None
    for below, above in pairwise(drawn.tolist()):
        if above - below < 2:
            above_signed = None
            continue
        below_signed = _signed_mm(slices[below], spacing) if above_signed is None else above_signed
        above_signed = _signed_mm(slices[above], spacing)
        for k in range(below + 1, above):
            share = (places[k] - places[below]) / (places[above] - places[below])
            slices[k] = (1 - share) * below_signed + share * above_signed > 0
    block = np.moveaxis(slices[:, 1:-1, 1:-1], 0, axis)
    return Mask(mask.geometry, block, mask.corner)


def _signed_mm(slice_: BoolArray, spacing_mm: tuple[float, ...]) -> FloatArray:
    """Distance to the other side of the outline: positive inside, negative outside."""
    return distance_mm(~slice_, spacing_mm) - distance_mm(slice_, spacing_mm)
