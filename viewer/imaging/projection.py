"""Which voxel made a pixel of a projection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray
from viewer.imaging.kernel.jobs import NEAREST_BIAS, SNAP
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, Projection, Slab, sample_plane, slab_samples
from viewer.imaging.volume import Volume


def voxel_of_ray(
    volume: Volume, plane: Plane, point_mm: npt.ArrayLike, slab: Slab, interpolation: Interpolation
) -> FloatArray | None:
    """Position of the voxel that gives the value of a ray through a slab.

    The ray is sampled where the picture samples it, by the same code; of equal values the one nearest to the observer
    counts.

    Parameters
    ----------
    volume
        A scalar volume.
    plane
        The picture; rays run along its normal, away from the observer.
    point_mm
        (3,) LPS point on the ray.
    slab
        Depth and projection, highest or lowest value.
    interpolation
        As in the picture.

    Returns
    -------
    ndarray or None
        (3,) LPS centre of the voxel that decides, the highest (or lowest) of those the sample is interpolated from;
        None when the ray misses the volume or meets padding only, for colour, for mean and sum, which no single voxel
        makes, and while slices are still to come.
    """
    if volume.is_colour or slab.projection not in (Projection.MAX, Projection.MIN):
        return None
    if not (volume.ready | volume.corrupt).all():
        return None
    samples, pitch_mm = slab_samples(volume.geometry, plane, slab)
    column, row, _ = plane.project(point_mm)
    first = plane.at(column, row) - plane.normal * pitch_mm * (samples // 2)
    ray = Plane(first, plane.normal * pitch_mm, plane.right, samples, 1)
    values = sample_plane(volume, ray, interpolation=interpolation)[0].astype(np.float64)
    sign = 1.0 if slab.projection is Projection.MAX else -1.0
    deciding = np.where(np.isfinite(values), sign * values, -np.inf)
    best = int(np.argmax(deciding))
    if not np.isfinite(deciding[best]):
        return None
    continuous = volume.geometry.to_index(ray.at(best, 0))
    return volume.geometry.to_patient(_deciding_voxel(volume, continuous, sign, interpolation))


def _deciding_voxel(
    volume: Volume, continuous: FloatArray, sign: float, interpolation: Interpolation
) -> npt.NDArray[np.int64]:
    """(k, j, i) of the voxel that gives an interpolated value: the extreme one of those around, or the nearest."""
    last = np.array(volume.geometry.shape) - 1
    nearest = np.clip(np.floor(continuous + 0.5 + NEAREST_BIAS).astype(np.int64), 0, last)
    if interpolation is Interpolation.NEAREST:
        return nearest
    sides = [
        sorted({int(np.floor(at + SNAP)), int(np.ceil(at - SNAP))}) for at in np.clip(continuous, 0, last)
    ]
    around = np.array(np.meshgrid(*sides, indexing="ij")).reshape(3, -1).T
    stored = volume.array[tuple(around.T)]
    if volume.is_padding(stored).any():
        return nearest  # beside padding the picture shows the nearest voxel
    found: npt.NDArray[np.int64] = around[int(np.argmax(sign * stored.astype(np.float64)))]
    return found
