"""What is said about the uptake in a region: maximum, mean, peak, metabolic volume, glycolysis (rules D20 to D22).

All of it is of native voxels of the PET grid in the displayed quantity (SUV, SUL, or the stored unit where there is no
SUV). SUVpeak is the highest mean in a sphere of 1 cm3 whose centre moves over the voxel centres of the region
(PERCIST; Wahl et al., J Nucl Med 2009;50 Suppl 1:122S); every voxel counts by the share of it that lies in the
sphere, since counting centres makes spheres of 0.7 to 1.2 cm3.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache

import numpy as np

from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.voi import Index, Mask, Region, block_values
from viewer.imaging.volume import Volume

PEAK_RADIUS_MM = (3 * 1000 / (4 * np.pi)) ** (1 / 3)
"""6.2035 mm: a sphere of 1 cm3."""
SUBSAMPLES = 15
"""Points per axis a voxel is divided into to find its share of the sphere."""
LIVER_RADIUS_MM = 15.0
"""The reference sphere of PERCIST is 3 cm wide."""
PERCIST_FACTOR, PERCIST_DEVIATIONS = 1.5, 2.0


class ThresholdKind(StrEnum):
    """By what the voxels of a lesion are taken."""

    WHOLE = "whole"
    """All voxels of the shape."""
    FIXED = "fixed"
    """At least a value."""
    PERCENT = "percent"
    """At least a share of the maximum."""
    PERCIST = "percist"
    """At least 1.5 x liver mean + 2 SD."""


@dataclass(frozen=True)
class Threshold:
    """How the voxels of a lesion are chosen.

    Parameters
    ----------
    kind
        By what.
    value
        The value, or the percentage; nothing for the other kinds.
    unit
        Quantity of a fixed value (`viewer.imaging.volume.Volume.preset_unit`): 2.5 in SUV is not 2.5 in SUL. Whoever
        asks for the level has brought the value into the displayed quantity.
    """

    kind: ThresholdKind
    value: float = 0.0
    unit: str = ""

    def level(self, maximum: float, percist: float | None) -> float | None:
        """Lowest value of a voxel in the displayed quantity.

        Parameters
        ----------
        maximum
            Of the lesion.
        percist
            Threshold from the liver; None without a liver reference.

        Returns
        -------
        float or None
            -inf for the whole shape; None when the liver reference that it needs is missing.
        """
        if self.kind is ThresholdKind.WHOLE:
            return -np.inf
        if self.kind is ThresholdKind.FIXED:
            return self.value
        if self.kind is ThresholdKind.PERCENT:
            return self.value / 100 * maximum
        return percist


def percist_threshold(liver_mean: float, liver_sd: float) -> float:
    """1.5 x mean + 2 SD of the liver reference, in its unit (rule D22)."""
    return PERCIST_FACTOR * liver_mean + PERCIST_DEVIATIONS * liver_sd


@dataclass(frozen=True)
class Uptake:
    """Statistics of a region in the displayed quantity.

    Parameters
    ----------
    count
        Voxels with a value.
    max, mean, min
        Over those voxels.
    sd
        Sample standard deviation, divided by n - 1; None for a single voxel.
    peak
        SUVpeak; None where no voxel of the region has a sphere of values around it.
    max_index, max_mm
        (k, j, i) and LPS position of the hottest voxel.
    peak_mm
        LPS centre of the sphere of the peak.
    volume_ml
        MTV: sum of the volumes of the voxels.
    glycolysis
        TLG: volume times mean, in mL x the displayed quantity.
    """

    count: int
    max: float
    mean: float
    min: float
    sd: float | None
    peak: float | None
    max_index: Index
    max_mm: tuple[float, float, float]
    peak_mm: tuple[float, float, float] | None
    volume_ml: float
    glycolysis: float


def measure(volume: Volume, region: Region, *, with_peak: bool = True) -> Uptake | None:
    """Statistics of a region; None when no voxel of it has a value (rule G04). The peak can be left out."""
    if not region.mask.size:
        return None
    values = block_values(volume, region.block)
    inside = region.mask & np.isfinite(values)
    found = values[inside]
    if not found.size:
        return None
    geometry = volume.geometry
    k, j, i = np.unravel_index(int(np.argmax(np.where(inside, values, -np.inf))), values.shape)
    index = (region.start[0] + int(k), region.start[1] + int(j), region.start[2] + int(i))
    per_slice = inside.sum(axis=(1, 2))
    volume_ml = float(per_slice @ geometry.slice_volumes_mm3[region.block[0]]) / 1000
    mean = float(found.mean())
    top = peak(volume, Region(region.start, inside)) if with_peak else None
    return Uptake(
        count=int(found.size),
        max=float(found.max()),
        mean=mean,
        min=float(found.min()),
        sd=float(found.std(ddof=1)) if found.size > 1 else None,
        peak=None if top is None else top[0],
        max_index=index,
        max_mm=_position(geometry, index),
        peak_mm=None if top is None else _position(geometry, top[1]),
        volume_ml=volume_ml,
        glycolysis=volume_ml * mean,
    )


def _position(geometry: VolumeGeometry, index: Index) -> tuple[float, float, float]:
    x, y, z = geometry.to_patient(np.array(index, dtype=float)).tolist()
    return x, y, z


# --- The peak ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _Ball:
    """Offsets (n, 3) to voxels that a sphere around a voxel centre touches, and (n,) mm3 of each inside."""

    offsets: np.ndarray[tuple[int, ...], np.dtype[np.intp]]
    weights: FloatArray


def peak(volume: Volume, region: Region) -> tuple[float, Index] | None:
    """(SUVpeak, (k, j, i) of the centre of its sphere); None when there is none.

    Voxels of the sphere that hold no value, or lie outside the volume, are left out of the mean; at the edge of the
    volume it is the mean over the part that was measured.
    """
    geometry = volume.geometry
    centres = np.argwhere(region.mask) + np.array(region.start)
    if not len(centres):
        return None
    slices = np.unique(centres[:, 0])
    balls = {int(k): _ball_at(geometry, int(k)) for k in slices}
    margin = np.max([np.abs(ball.offsets).max(axis=0) for ball in balls.values()], axis=0)
    low = np.maximum(centres.min(axis=0) - margin, 0)
    high = np.minimum(centres.max(axis=0) + margin + 1, geometry.shape)
    values = block_values(volume, (slice(low[0], high[0]), slice(low[1], high[1]), slice(low[2], high[2])))
    # A frame without values around the block, so that every sphere fits.
    framed = np.full(tuple(n + 2 * m for n, m in zip(values.shape, margin, strict=True)), np.nan)
    framed[tuple(slice(m, m + n) for m, n in zip(margin, values.shape, strict=True))] = values
    at = centres - low + margin
    own = framed[tuple(at.T)]
    count = min(_FIRST, len(own))
    # The hottest first: a mean exceeds theirs only around a voxel that does, so the rest is mostly never looked at.
    best, where = -np.inf, None
    for chosen in (np.argpartition(-own, count - 1)[:count], None):
        if chosen is None:
            chosen = np.flatnonzero(_near_higher(framed, best, margin)[tuple(at.T)])
        for start in range(0, len(chosen), _CHUNK):
            chunk = chosen[start : start + _CHUNK]
            for k in np.unique(centres[chunk, 0]):
                here = chunk[centres[chunk, 0] == k]
                means = _means(framed, at[here], balls[int(k)])
                if np.isfinite(means).any() and np.nanmax(means) > best:
                    number = int(np.nanargmax(means))
                    best, where = float(means[number]), centres[here[number]]
    return None if where is None else (best, (int(where[0]), int(where[1]), int(where[2])))


_FIRST, _CHUNK = 512, 4096


def _means(
    framed: FloatArray, centres: np.ndarray[tuple[int, ...], np.dtype[np.intp]], ball: _Ball
) -> FloatArray:
    strides = np.array([framed.shape[1] * framed.shape[2], framed.shape[2], 1])
    around = framed.ravel()[(centres @ strides)[:, None] + (ball.offsets @ strides)[None, :]]
    there = np.isfinite(around)
    total = np.where(there, around, 0.0) @ ball.weights
    weight = there @ ball.weights
    means: FloatArray = np.divide(total, weight, out=np.full(len(total), np.nan), where=weight > 0)
    return means


def _near_higher(values: FloatArray, level: float, margin: FloatArray) -> Mask:
    """(k, j, i) whether a value above a level lies in the block of +/- margin around each voxel."""
    with np.errstate(invalid="ignore"):
        higher = values > level
    near = np.zeros_like(higher)
    there = np.argwhere(higher)
    if not len(there):
        return near
    low = np.maximum(there.min(axis=0) - margin, 0)
    high = np.minimum(there.max(axis=0) + margin + 1, values.shape)
    block = tuple(slice(int(a), int(b)) for a, b in zip(low, high, strict=True))
    found = higher[block]
    for axis, reach in enumerate(margin.astype(int)):
        source = found.copy()
        for step in range(1, int(reach) + 1):
            ahead = [slice(None)] * 3
            back = [slice(None)] * 3
            ahead[axis], back[axis] = slice(step, None), slice(None, -step)
            found[tuple(back)] |= source[tuple(ahead)]
            found[tuple(ahead)] |= source[tuple(back)]
    near[block] = found
    return near


def _ball_at(geometry: VolumeGeometry, k: int) -> _Ball:
    affine = geometry.patient_from_index[:3, :3].tobytes()
    reach = PEAK_RADIUS_MM / geometry.spacing_mm[0]
    if geometry.slice_offsets is None:
        n = int(np.ceil(reach)) + 1
        return _ball(affine, tuple((m - 0.5, m + 0.5) for m in range(-n, n + 1)), -n)
    position = geometry.slice_offsets - geometry.slice_offsets[k]
    low, high = position - geometry.slice_reach[0], position + geometry.slice_reach[1]
    near = np.flatnonzero((low <= reach) & (high >= -reach))
    return _ball(affine, tuple(zip(low[near].tolist(), high[near].tolist(), strict=True)), int(near[0]) - k)


@lru_cache(maxsize=256)
def _ball(affine_bytes: bytes, slices: tuple[tuple[float, float], ...], first: int) -> _Ball:
    """The sphere of the peak around a voxel centre of a grid.

    Parameters
    ----------
    affine_bytes
        (3, 3) float64, the axes of `patient_from_index`.
    slices
        From where to where the voxels of each slice in reach go, relative to the centre, in units of the first axis.
    first
        Number of the first slice, relative to the one of the centre.
    """
    affine = np.frombuffer(affine_bytes).reshape(3, 3)
    # How far along j and i the sphere reaches, whatever the shear: rows of the inverse are gradients of the index.
    gradient = np.linalg.norm(np.linalg.inv(affine), axis=1)
    reach = np.ceil(PEAK_RADIUS_MM * gradient + 0.5).astype(int)
    points = (np.arange(SUBSAMPLES) + 0.5) / SUBSAMPLES
    cell = abs(float(np.linalg.det(affine))) / SUBSAMPLES**3
    j, i = (np.add.outer(np.arange(-n, n + 1), points - 0.5).ravel() for n in reach[1:])
    rows, columns = 2 * reach[1] + 1, 2 * reach[2] + 1
    in_plane = j[:, None, None] * affine[:, 1] + i[None, :, None] * affine[:, 2]
    offsets, weights = [], []
    for number, (low, high) in enumerate(slices):
        inside = np.zeros((rows, columns))
        for point in points:
            position = in_plane + (low + point * (high - low)) * affine[:, 0]
            hits = (position**2).sum(axis=-1) <= PEAK_RADIUS_MM**2
            inside += hits.reshape(rows, SUBSAMPLES, columns, SUBSAMPLES).sum(axis=(1, 3))
        for row, column in np.argwhere(inside):
            offsets.append((first + number, row - reach[1], column - reach[2]))
            weights.append(inside[row, column] * cell * (high - low))
    return _Ball(np.array(offsets, dtype=np.intp), np.array(weights))
