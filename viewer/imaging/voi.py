"""Volumes of interest on the native grid: which voxels lie in a sphere, a box, an isocontour or a grown region.

A voxel belongs to a shape when its **centre** lies in it (rule G03), and never because a resampled picture of it does
(rule D20). Regions are boolean blocks cut out of the grid, so what a lesion costs depends on its size alone.

Growing
-------
Neighbours share a face (6-connected). A region grown from the hottest voxel under the mouse holds the voxels of at
least the threshold that hang together with it. It **stops at the background**: where that region would reach the
limit of the search or a hotter voxel than the one it started from, the threshold is raised to the lowest level at
which it does neither, and the answer says so. Without this a faint lesion in the liver would become the liver, and a
node beside the bladder the bladder. Maxima without a valley between them are one: noise makes several in every lesion.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.volume import Volume

Mask = npt.NDArray[np.bool_]
Index = tuple[int, int, int]
Scalar = TypeVar("Scalar", bound=np.generic)

EDGE_MM = 1e-6
"""A centre this far outside a shape still lies on its surface: rounding of positions must not move voxels."""
LEVEL_STEPS = 14
"""Halvings of the interval in which the level of the background is sought: it is found to 1/16000 of it."""
VALLEY = 0.8
"""Two maxima belong to one lesion when the way between them never falls below this share of the lower one."""
_FACES = ((-1, 0, 0), (1, 0, 0), (0, -1, 0), (0, 1, 0), (0, 0, -1), (0, 0, 1))


@dataclass(frozen=True)
class Sphere:
    """A ball in patient space.

    Parameters
    ----------
    centre_mm
        LPS position of its centre.
    radius_mm
        Over 0.
    """

    centre_mm: tuple[float, float, float]
    radius_mm: float

    def holds(self, k_mm: FloatArray, j_mm: FloatArray, i_mm: FloatArray) -> Mask:
        """(k, j, i) whether the sums of three vectors from its centre, (k, 3), (j, 3), (i, 3), end in it."""
        # |a + b + c|^2 without a vector for every voxel: what costs is adding two planes to each other.
        kj = _squares(k_mm)[:, None] + _squares(j_mm) + 2 * k_mm @ j_mm.T
        inside: Mask = (
            kj[:, :, None] + (_squares(i_mm) + 2 * k_mm @ i_mm.T)[:, None, :] + 2 * j_mm @ i_mm.T
            <= (self.radius_mm + EDGE_MM) ** 2
        )
        return inside

    def corners_mm(self) -> FloatArray:
        """(8, 3) LPS corners of a box around it."""
        return _corners(self.centre_mm, np.eye(3) * self.radius_mm)

    @property
    def volume_ml(self) -> float:
        """Volume of the shape itself, not of the voxels in it."""
        return 4 / 3 * float(np.pi) * self.radius_mm**3 / 1000


@dataclass(frozen=True)
class Box:
    """A cuboid in patient space, along the planes it was drawn on.

    Parameters
    ----------
    centre_mm
        LPS position of its centre.
    half_axes_mm
        Three LPS vectors from the centre to the middle of a face; perpendicular to each other.
    """

    centre_mm: tuple[float, float, float]
    half_axes_mm: tuple[tuple[float, float, float], ...]

    def holds(self, k_mm: FloatArray, j_mm: FloatArray, i_mm: FloatArray) -> Mask:
        """(k, j, i) whether the sums of three vectors from its centre, (k, 3), (j, 3), (i, 3), end in it."""
        inside: Mask = np.ones((len(k_mm), len(j_mm), len(i_mm)), bool)
        for axis in np.array(self.half_axes_mm):
            length = float(np.linalg.norm(axis))
            k, j, i = (part @ axis / length for part in (k_mm, j_mm, i_mm))
            inside &= np.abs(k[:, None, None] + j[:, None] + i) <= length + EDGE_MM
        return inside

    def corners_mm(self) -> FloatArray:
        """(8, 3) LPS corners."""
        return _corners(self.centre_mm, np.array(self.half_axes_mm))

    @property
    def volume_ml(self) -> float:
        """Volume of the shape itself, not of the voxels in it."""
        return 8 * float(np.prod(np.linalg.norm(np.array(self.half_axes_mm), axis=1))) / 1000


Shape = Sphere | Box


def _squares(vectors: FloatArray) -> FloatArray:
    squares: FloatArray = (vectors**2).sum(axis=-1)
    return squares


def _corners(centre_mm: tuple[float, float, float], half_axes_mm: FloatArray) -> FloatArray:
    signs = np.array(np.meshgrid(*[(-1.0, 1.0)] * 3, indexing="ij")).reshape(3, -1).T
    corners: FloatArray = np.array(centre_mm) + signs @ half_axes_mm
    return corners


@dataclass(frozen=True, eq=False)
class Region:
    """Voxels of a grid.

    Parameters
    ----------
    start
        (k, j, i) index of the first voxel of the block.
    mask
        (k, j, i) which voxels of the block belong to it.
    """

    start: Index
    mask: Mask

    @property
    def count(self) -> int:
        """Number of voxels."""
        return int(np.count_nonzero(self.mask))

    @property
    def block(self) -> tuple[slice, slice, slice]:
        """Where the block lies in an array of the grid."""
        return _block(self.start, self.mask.shape)

    def full(self, shape: Index) -> Mask:
        """The mask on the whole grid of (k, j, i) voxels."""
        whole = np.zeros(shape, bool)
        whole[self.block] = self.mask
        return whole

    def trimmed(self) -> Region:
        """The same voxels in the smallest block that holds them."""
        if not self.mask.any():
            return Region(self.start, np.zeros((0, 0, 0), bool))
        spans = []
        for axis in range(3):
            there = np.flatnonzero(self.mask.any(axis=tuple(n for n in range(3) if n != axis)))
            spans.append(slice(int(there[0]), int(there[-1]) + 1))
        start = (
            self.start[0] + spans[0].start,
            self.start[1] + spans[1].start,
            self.start[2] + spans[2].start,
        )
        return Region(start, np.ascontiguousarray(self.mask[spans[0], spans[1], spans[2]]))


def _block(start: Index, shape: tuple[int, ...]) -> tuple[slice, slice, slice]:
    return (
        slice(start[0], start[0] + shape[0]),
        slice(start[1], start[1] + shape[1]),
        slice(start[2], start[2] + shape[2]),
    )


def shape_region(geometry: VolumeGeometry, shape: Shape) -> Region:
    """The voxels of a grid whose centres lie in a shape; none when it lies beside the grid."""
    index = geometry.to_index(shape.corners_mm())
    low = np.clip(np.floor(index.min(axis=0)), 0, None).astype(int)
    high = np.minimum(np.ceil(index.max(axis=0)).astype(int) + 1, geometry.shape)
    if (high <= low).any():
        return Region((0, 0, 0), np.zeros((0, 0, 0), bool))
    start = (int(low[0]), int(low[1]), int(low[2]))
    first = np.repeat(low[None].astype(float), high[0] - low[0], axis=0)
    first[:, 0] = np.arange(low[0], high[0])
    j_mm, i_mm = (
        np.arange(high[axis] - low[axis])[:, None] * geometry.patient_from_index[:3, axis] for axis in (1, 2)
    )
    k_mm = geometry.to_patient(first) - np.array(shape.centre_mm)
    return Region(start, shape.holds(k_mm, j_mm, i_mm)).trimmed()


def block_values(volume: Volume, block: tuple[slice, slice, slice]) -> FloatArray:
    """(k, j, i) float64 values of a block in the displayed quantity; NaN where there is no value.

    No value is padding (rule B07), a slice that could not be decoded, and one that has not been read yet.
    """
    stored = volume.array[block]
    values = stored.astype(np.float64) * volume.display_slope + volume.display_intercept
    values[volume.is_padding(stored) | ~np.isfinite(values)] = np.nan
    values[(~volume.ready | volume.corrupt)[block[0]]] = np.nan
    return values


def with_values(volume: Volume, region: Region) -> Region:
    """The voxels of a region that hold a value."""
    return Region(region.start, region.mask & np.isfinite(block_values(volume, region.block)))


def isocontour(volume: Volume, region: Region, level: float) -> Region:
    """The voxels of a region with at least `level` in the displayed quantity (rule D22)."""
    with np.errstate(invalid="ignore"):
        return Region(region.start, region.mask & (block_values(volume, region.block) >= level)).trimmed()


def hottest_voxel(volume: Volume, region: Region) -> Index | None:
    """(k, j, i) of the highest value of a region, the first one in the order of the array when several share it."""
    values = np.where(region.mask, block_values(volume, region.block), np.nan)
    if not np.isfinite(values).any():
        return None
    k, j, i = np.unravel_index(int(np.nanargmax(values)), values.shape)
    return region.start[0] + int(k), region.start[1] + int(j), region.start[2] + int(i)


def summit(volume: Volume, seed: Index, ball: Region) -> Index:
    """(k, j, i) of the hottest voxel of a ball that a seed in it belongs to: over noise, never across a valley."""
    values = np.where(ball.mask, block_values(volume, ball.block), np.nan)
    origin = np.array(ball.start)
    while True:
        at = _in_block(seed, ball)
        with np.errstate(invalid="ignore"):
            ridge = connected(values >= VALLEY * values[at], at)
        if not ridge.any():
            return seed
        k, j, i = (
            np.unravel_index(int(np.argmax(np.where(ridge, values, -np.inf))), values.shape) + origin
        ).tolist()
        if not values[_in_block((k, j, i), ball)] > values[at]:
            return seed
        seed = (k, j, i)


def _in_block(voxel: Index, region: Region) -> Index:
    return voxel[0] - region.start[0], voxel[1] - region.start[1], voxel[2] - region.start[2]


def connected(mask: Mask, seed: Index) -> Mask:
    """The part of a mask that hangs together with a seed by faces; empty when the seed is not in the mask.

    Parameters
    ----------
    mask
        (k, j, i) where growth may go.
    seed
        (k, j, i) where it starts.

    Returns
    -------
    ndarray
        (k, j, i) bool.
    """
    flood = _Flood(mask.shape)
    return flood.run(flood.framed(mask, edge=False), seed)[0]


class _Flood:
    """Growth through blocks of one shape.

    A frame of one voxel around the block lets a step of the flat index never leave it unnoticed.
    """

    def __init__(self, shape: tuple[int, ...]) -> None:
        self._shape = tuple(n + 2 for n in shape)
        self._strides = (self._shape[1] * self._shape[2], self._shape[2], 1)
        self._steps = np.array([k * self._strides[0] + j * self._strides[1] + i for k, j, i in _FACES])
        self._ticket = np.empty(int(np.prod(self._shape)), np.int32)

    def framed(self, block: npt.NDArray[Scalar], edge: float) -> npt.NDArray[Scalar]:
        """A block with a frame of one value, flat."""
        return np.pad(block, 1, constant_values=edge).ravel()

    def run(self, mask: Mask, seed: Index, forbidden: Mask | None = None) -> tuple[Mask, bool]:
        """Grow from a seed.

        Parameters
        ----------
        mask
            Framed: where growth may go.
        seed
            (k, j, i) of the block.
        forbidden
            Framed; growth ends when it reaches one of these.

        Returns
        -------
        tuple
            (k, j, i) what hangs together with the seed, and whether something forbidden does.
        """
        todo = mask.copy()
        front = np.array([sum((n + 1) * stride for n, stride in zip(seed, self._strides, strict=True))])
        front = front[todo[front]]
        todo[front] = False
        leaks = False
        while front.size:
            if forbidden is not None and forbidden[front].any():
                leaks = True
                break
            near = (front + self._steps[:, None]).ravel()
            near = near[todo[near]]
            todo[near] = False
            # Two voxels of the front share neighbours; the last to write its number takes the neighbour.
            numbers = np.arange(near.size, dtype=np.int32)
            self._ticket[near] = numbers
            front = near[self._ticket[near] == numbers]
        reached = (mask & ~todo).reshape(self._shape)[1:-1, 1:-1, 1:-1]
        return np.ascontiguousarray(reached), leaks


@dataclass(frozen=True, eq=False)
class Growth:
    """A grown region.

    Parameters
    ----------
    region
        Its voxels.
    level
        All of them have at least this, in the displayed quantity.
    stopped
        The level was raised above the one that was asked for, to stop at the background.
    """

    region: Region
    level: float
    stopped: bool


def grow(volume: Volume, seed: Index, level: float, ball: Region) -> Growth:
    """Grow a region from a seed voxel, stopping at the background (see the module text).

    Parameters
    ----------
    volume
        Where.
    seed
        (k, j, i) of the voxel it starts from.
    level
        Lowest value of the region in the displayed quantity.
    ball
        Where the search ends, with the seed in it.

    Returns
    -------
    Growth
        Without voxels when the seed has no value, or less than `level`.
    """
    values = block_values(volume, ball.block)
    start = _in_block(seed, ball)
    top = values[start]
    if not top >= level:
        return Growth(Region(seed, np.zeros((0, 0, 0), bool)), level, stopped=False)
    reachable = np.where(ball.mask & np.isfinite(values), values, -np.inf)
    growing = _Flood(values.shape)
    heights = growing.framed(reachable, edge=-np.inf)
    forbidden = growing.framed(_rim(ball, volume.geometry.shape) | (reachable > top), edge=False)

    def flood(lowest: float) -> tuple[Mask, bool]:
        return growing.run(heights >= lowest, start, forbidden)

    mask, leaks = flood(level)
    if not leaks:
        return Growth(Region(ball.start, mask).trimmed(), level, stopped=False)
    raised, mask = _above_background(flood, level, float(top))
    return Growth(Region(ball.start, mask).trimmed(), raised, stopped=True)


def _above_background(
    flood: Callable[[float], tuple[Mask, bool]], level: float, top: float
) -> tuple[float, Mask]:
    """(the lowest level over `level` at which nothing leaks, the region there)."""
    low, high = level, top
    best, leaks = flood(top)
    if leaks:  # even the plateau of the seed reaches the limit: there is no lesion here
        return top, np.zeros_like(best)
    for _ in range(LEVEL_STEPS):
        middle = (low + high) / 2
        mask, leaks = flood(middle)
        if leaks:
            low = middle
        else:
            high, best = middle, mask
    return high, best


def _rim(ball: Region, shape: Index) -> Mask:
    """Voxels of a ball with a neighbour in the grid that is not in the ball."""
    framed = np.zeros(tuple(n + 2 for n in ball.mask.shape), bool)
    framed[1:-1, 1:-1, 1:-1] = ball.mask
    # Beyond the grid there is nothing to leak into.
    for axis in range(3):
        first: list[slice | int] = [slice(None)] * 3
        last: list[slice | int] = [slice(None)] * 3
        first[axis], last[axis] = 0, -1
        if ball.start[axis] == 0:
            framed[tuple(first)] = True
        if ball.start[axis] + ball.mask.shape[axis] == shape[axis]:
            framed[tuple(last)] = True
    whole = np.ones_like(ball.mask)
    for k, j, i in _FACES:
        whole &= framed[
            1 + k : framed.shape[0] - 1 + k, 1 + j : framed.shape[1] - 1 + j, 1 + i : framed.shape[2] - 1 + i
        ]
    rim: Mask = ball.mask & ~whole
    return rim


def union(regions: list[Region]) -> Region:
    """Voxels that belong to at least one region: a voxel of two lesions is counted once."""
    filled = [region for region in regions if region.mask.size]
    if not filled:
        return Region((0, 0, 0), np.zeros((0, 0, 0), bool))
    low = np.min([region.start for region in filled], axis=0)
    high = np.max([np.add(region.start, region.mask.shape) for region in filled], axis=0)
    mask = np.zeros(tuple((high - low).tolist()), bool)
    for region in filled:
        a, b, c = (int(n) for n in np.subtract(region.start, low))
        mask[_block((a, b, c), region.mask.shape)] |= region.mask
    return Region((int(low[0]), int(low[1]), int(low[2])), mask)
