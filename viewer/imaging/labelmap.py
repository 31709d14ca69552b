"""Structures as voxels: one mask a structure, so that structures may overlap (rule I02).

A mask keeps only the block of its grid that holds voxels, since most structures are small and a study has dozens of
them. Everything is nearest neighbour: a label is a name and is never mixed with its neighbours (rule I12).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, sample_plane
from viewer.imaging.volume import Volume

BoolArray = npt.NDArray[np.bool_]
Index = tuple[int, int, int]

_EDGE = 1e-6
"""Slack in voxels of a lookup, as in `viewer.imaging.sample.voxel_at`: a point on an edge has one owner."""


_ALONG = 1e-6
"""Voxels that parallel grids may drift across over their whole extent."""


@dataclass(frozen=True, eq=False)
class Patch:
    """Which pixels of a plane lie in a structure.

    Parameters
    ----------
    mask
        (rows, columns) bool, a part of the plane; may be empty.
    left, top
        Column and row of its first pixel on the plane.
    """

    mask: BoolArray
    left: int = 0
    top: int = 0

    @property
    def empty(self) -> bool:
        """Whether the plane does not meet the structure."""
        return not self.mask.any()


NOTHING = Patch(np.zeros((0, 0), bool))


@dataclass(frozen=True)
class Statistics:
    """Values of a volume inside a structure, on the voxels of that volume (rule D20).

    Parameters
    ----------
    voxels
        Number of voxels with a value; padding and slices without data do not count.
    mean, maximum, minimum
        In `unit`.
    unit
        Of the quantity on display ("HU", "SUV").
    """

    voxels: int
    mean: float
    maximum: float
    minimum: float
    unit: str


@dataclass(frozen=True, eq=False)
class Mask:
    """Voxels of a grid that belong to one structure.

    Parameters
    ----------
    geometry
        The whole grid.
    block
        (dk, dj, di) bool, C order: the part of the grid that may hold voxels; outside it there are none.
    corner
        (k, j, i) of its first voxel.

    Raises
    ------
    ValueError
        The block does not lie in the grid.
    """

    geometry: VolumeGeometry
    block: BoolArray
    corner: Index = (0, 0, 0)

    def __post_init__(self) -> None:
        block = np.ascontiguousarray(self.block, dtype=bool)
        if block.ndim != 3 or any(
            c < 0 or c + n > size
            for c, n, size in zip(self.corner, block.shape, self.geometry.shape, strict=False)
        ):
            raise ValueError(f"block {block.shape} at {self.corner} is not in {self.geometry.shape}")
        object.__setattr__(self, "block", block)

    @classmethod
    def of(cls, array: npt.NDArray[np.generic], geometry: VolumeGeometry) -> Mask:
        """The voxels of a (k, j, i) array that are not zero, cropped to them."""
        return cls(geometry, np.asarray(array, dtype=bool)).cropped()

    @classmethod
    def empty(cls, geometry: VolumeGeometry) -> Mask:
        """A structure without voxels."""
        return cls(geometry, np.zeros((0, 0, 0), bool))

    def cropped(self) -> Mask:
        """The same with the smallest block."""
        bounds = bounding_box(self.block)
        if bounds is None:
            return Mask.empty(self.geometry)
        block = self.block[tuple(slice(low, high) for low, high in bounds)]
        corner = tuple(c + low for c, (low, _) in zip(self.corner, bounds, strict=True))
        return Mask(self.geometry, block.copy(), (corner[0], corner[1], corner[2]))

    def dense(self) -> BoolArray:
        """(k, j, i) bool of the whole grid."""
        result = np.zeros(self.geometry.shape, bool)
        result[self.slices] = self.block
        return result

    def same_voxels(self, other: Mask) -> bool:
        """Whether it is the same grid and the same voxels of it."""
        if self is other:
            return True
        if self.geometry is not other.geometry or self.voxels != other.voxels:
            return False
        mine, theirs = self.cropped(), other.cropped()
        return mine.corner == theirs.corner and np.array_equal(mine.block, theirs.block)

    @property
    def slices(self) -> tuple[slice, slice, slice]:
        """Where the block lies in the grid."""
        k, j, i = (slice(c, c + n) for c, n in zip(self.corner, self.block.shape, strict=True))
        return k, j, i

    @cached_property
    def voxels(self) -> int:
        """Number of voxels."""
        return int(np.count_nonzero(self.block))

    @cached_property
    def volume_mm3(self) -> float:
        """Sum of the volumes of its voxels, each as high as its slice (rule G07)."""
        counts = np.count_nonzero(self.block, axis=(1, 2))
        return float(counts @ self.geometry.slice_volumes_mm3[self.slices[0]])

    @cached_property
    def centre_mm(self) -> FloatArray | None:
        """LPS position of the voxel of the structure nearest to its centre of mass; None when it is empty."""
        if not self.voxels:
            return None
        places = np.argwhere(self.block)
        middle = places.mean(axis=0)
        spacing = np.array(self.geometry.spacing_mm)
        nearest = places[np.argmin((((places - middle) * spacing) ** 2).sum(axis=1))]
        return self.geometry.to_patient(nearest + np.array(self.corner))

    @cached_property
    def block_volume(self) -> Volume:
        """The block as a volume of its own, so that the sampler can read it."""
        geometry, corner, block = self.geometry, self.corner, self.block
        if geometry.slice_offsets is not None:
            # Its slices are placed by their offsets in the whole stack, so all of them are kept.
            whole = np.zeros((geometry.shape[0], *block.shape[1:]), bool)
            whole[self.slices[0]] = block
            block, corner = whole, (0, corner[1], corner[2])
        affine = geometry.patient_from_index.copy()
        affine[:3, 3] = geometry.to_patient(np.array(corner, dtype=np.float64))
        part = replace(geometry, shape=_shape(block), patient_from_index=affine)
        return Volume("mask", block.view(np.uint8), part)

    def section(self, plane: Plane) -> Patch:
        """The pixels of a plane whose nearest voxel belongs to the structure (rule I12)."""
        if not self.block.size:
            return NOTHING
        volume = self.block_volume
        window = window_of(volume.geometry.corners_mm(), plane)
        if window is None:
            return NOTHING
        part, left, top = window
        values = sample_plane(volume, part, interpolation=Interpolation.NEAREST)
        return Patch((values > 0.5) & np.isfinite(values), left, top)

    def contains(self, point_mm: npt.ArrayLike) -> BoolArray:
        """For (..., 3) LPS points whether the voxel they lie in belongs to the structure; NaN lies in none."""
        points = np.asarray(point_mm, dtype=np.float64)
        # Far outside, so that it has an index that is no voxel.
        point_mm = np.where(np.isfinite(points), points, 1e9)
        index = np.floor(self.geometry.to_index(point_mm) + 0.5 + _EDGE).astype(np.int64)
        index -= np.array(self.corner)
        shape = np.array(self.block.shape)
        inside = ((index >= 0) & (index < shape)).all(axis=-1)
        result = np.zeros(inside.shape, bool)
        k, j, i = index[inside].T
        result[inside] = self.block[k, j, i]
        return result

    def on(self, geometry: VolumeGeometry) -> Mask:
        """The structure on another grid: a voxel belongs to it when its centre does (nearest, rule I06).

        Parameters
        ----------
        geometry
            The grid; the frame of reference is not looked at.
        """
        if geometry is self.geometry:
            return self
        if not self.block.size:
            return Mask.empty(geometry)
        corners = geometry.to_index(self.block_volume.geometry.corners_mm())
        low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, np.array(geometry.shape))
        high = np.clip(np.ceil(corners.max(axis=0)).astype(int) + 1, 0, np.array(geometry.shape))
        if (high <= low).any():
            return Mask.empty(geometry)
        corner = (int(low[0]), int(low[1]), int(low[2]))
        along = self._parallel(geometry, low, high)
        if along is not None:
            return Mask(geometry, along, corner).cropped()
        block = np.zeros(tuple(high - low), bool)
        rows, columns = np.meshgrid(np.arange(low[1], high[1]), np.arange(low[2], high[2]), indexing="ij")
        for k in range(low[0], high[0]):
            index = np.stack([np.full(rows.shape, k), rows, columns], axis=-1)
            block[k - low[0]] = self.contains(geometry.to_patient(index))
        return Mask(geometry, block, corner).cropped()

    def _parallel(
        self, geometry: VolumeGeometry, low: npt.NDArray[np.int_], high: npt.NDArray[np.int_]
    ) -> BoolArray | None:
        """A block of another grid whose axes run along those of this one, by one look-up an axis; else None.

        Nearly all grids of a study are parallel, and this takes a hundredth of the time of asking voxel by voxel.
        """
        turn = self.geometry.index_from_patient[:3, :3] @ geometry.patient_from_index[:3, :3]
        across = np.abs(turn - np.diag(np.diag(turn))) * np.array(geometry.shape)
        if across.max() > _ALONG:
            return None
        chosen, inside = [], []
        for axis in range(3):
            places = np.tile(low.astype(np.float64), (int(high[axis] - low[axis]), 1))
            places[:, axis] = np.arange(low[axis], high[axis])
            index = self.geometry.to_index(geometry.to_patient(places))[:, axis]
            nearest = np.floor(index + 0.5 + _EDGE).astype(np.int64) - self.corner[axis]
            there = (nearest >= 0) & (nearest < self.block.shape[axis])
            chosen.append(np.where(there, nearest, 0))
            inside.append(there)
        block = self.block[np.ix_(*chosen)]
        k, j, i = inside
        result: BoolArray = block & k[:, None, None] & j[:, None] & i
        return result

    def statistics(self, volume: Volume) -> Statistics | None:
        """Mean, largest and smallest value of a volume inside the structure.

        Parameters
        ----------
        volume
            On any grid; its own voxels are counted, never interpolated ones (rule D20). Colour has no values.

        Returns
        -------
        Statistics | None
            None when no voxel with a value lies inside.
        """
        if volume.is_colour:
            return None
        mask = self.on(volume.geometry)
        k_range, j_range, i_range = mask.slices
        usable = volume.ready[k_range] & ~volume.corrupt[k_range]
        stored = volume.array[k_range, j_range, i_range][mask.block & usable[:, None, None]]
        values = volume.physical(stored[~volume.is_padding(stored)])
        if not values.size:
            return None
        if volume.suv_factor is not None:
            values = values * volume.suv_factor
        return Statistics(
            int(values.size),
            float(values.mean()),
            float(values.max()),
            float(values.min()),
            volume.display_unit,
        )


def bounding_box(block: BoolArray) -> tuple[tuple[int, int], ...] | None:
    """(first, last + 1) along every axis of what is True; None when nothing is."""
    bounds = []
    for axis in range(block.ndim):
        others = tuple(n for n in range(block.ndim) if n != axis)
        there = np.flatnonzero(block.any(axis=others))
        if not there.size:
            return None
        bounds.append((int(there[0]), int(there[-1]) + 1))
    return tuple(bounds)


def window_of(corners_mm: FloatArray, plane: Plane) -> tuple[Plane, int, int] | None:
    """The part of a plane that a convex body can meet.

    Parameters
    ----------
    corners_mm
        (n, 3) LPS corners of the body.
    plane
        The plane; its steps may be of different length.

    Returns
    -------
    tuple | None
        A plane of fewer pixels with the column and row it starts at; None when the body lies beside the plane.
    """
    offset = corners_mm - plane.origin_mm
    distance = offset @ plane.normal
    if distance.min() > _EDGE or distance.max() < -_EDGE:
        return None
    gram = np.array([[plane.u_mm @ plane.u_mm, plane.u_mm @ plane.v_mm], [0.0, plane.v_mm @ plane.v_mm]])
    gram[1, 0] = gram[0, 1]
    pixels = np.linalg.solve(gram, np.stack([offset @ plane.u_mm, offset @ plane.v_mm])).T
    size = np.array([plane.width, plane.height])
    # A pixel more on each side, so that the outline can be seen where a centre lies exactly on the edge.
    low = np.clip(np.ceil(pixels.min(axis=0)).astype(int) - 1, 0, size)
    high = np.clip(np.floor(pixels.max(axis=0)).astype(int) + 2, 0, size)
    if (high <= low).any():
        return None
    left, top = int(low[0]), int(low[1])
    width, height = (int(n) for n in high - low)
    return Plane(plane.at(left, top), plane.u_mm, plane.v_mm, width, height), left, top


def inner_edge(mask: BoolArray, width: int) -> BoolArray:
    """The pixels of a (rows, columns) mask at most `width` from its outside; the border of the picture is none."""
    inner = mask
    for _ in range(width):
        padded = np.pad(inner, 1, mode="edge")
        inner = inner & padded[:-2, 1:-1] & padded[2:, 1:-1] & padded[1:-1, :-2] & padded[1:-1, 2:]
    edge: BoolArray = mask & ~inner
    return edge


def masks_of_labels(labels: npt.NDArray[np.integer], geometry: VolumeGeometry) -> dict[int, Mask]:
    """One mask for every label above 0 of a (k, j, i) array of whole numbers, by label."""
    flat = labels.ravel()
    places = np.flatnonzero(flat > 0)
    values = flat[places]
    order = np.argsort(values, kind="stable")
    places, values = places[order], values[order]
    starts = np.flatnonzero(np.diff(values, prepend=0))
    masks = {}
    for start, end in zip(starts, [*starts[1:], len(values)], strict=True):
        index = np.stack(np.unravel_index(places[start:end], labels.shape))
        low, high = index.min(axis=1), index.max(axis=1) + 1
        block = np.zeros(tuple(high - low), bool)
        k, j, i = index - low[:, None]
        block[k, j, i] = True
        masks[int(values[start])] = Mask(geometry, block, (int(low[0]), int(low[1]), int(low[2])))
    return masks


def labels_of_masks(
    masks: Mapping[int, Mask] | Iterable[tuple[int, Mask]], geometry: VolumeGeometry
) -> tuple[npt.NDArray[np.uint16], int]:
    """Masks as one (k, j, i) array of labels, for files that hold one label a voxel.

    Parameters
    ----------
    masks
        By label, 1 to 65535; a later one lies above an earlier one.
    geometry
        Grid of the array.

    Returns
    -------
    tuple
        The labels, 0 where there is nothing, and the number of voxels that more than one mask wanted: what such a
        file cannot say.
    """
    labels = np.zeros(geometry.shape, np.uint16)
    lost = 0
    for label, mask in masks.items() if isinstance(masks, Mapping) else masks:
        own = mask.on(geometry)
        part = labels[own.slices]
        lost += int(np.count_nonzero(part[own.block]))
        part[own.block] = label
    return labels, lost


def _shape(block: BoolArray) -> Index:
    k, j, i = block.shape
    return k, j, i
