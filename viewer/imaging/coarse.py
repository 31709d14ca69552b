"""A coarser copy in memory of a volume that is on the disk: what is shown until its own voxels have been read.

Slices are kept as they are and thinned out within: rows and columns are taken at a stride, never averaged, so a value
of the copy is a value of the volume and padding stays apart from tissue. Where slices lie, which of them have arrived
and which are damaged is the same for both.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Volume

MOST_STRIDE = 32


def coarse_copy(volume: Volume, limit_bytes: int) -> Volume:
    """An empty coarser copy of a volume, to be filled by `copy_slice`.

    Parameters
    ----------
    volume
        Whose slices are not there yet; `ready` and `corrupt` are shared with it.
    limit_bytes
        The smallest stride is taken with which the copy is no larger, at most `MOST_STRIDE`.

    Returns
    -------
    Volume
        (k, j / stride, i / stride) in the type of the volume.
    """
    stride = 2
    while stride < MOST_STRIDE and volume.nbytes > limit_bytes * stride * stride:
        stride *= 2
    k, j, i = volume.geometry.shape
    first = _first(stride, volume)
    shape = (k, len(range(first, j, stride)), len(range(first, i, stride)))
    affine = volume.geometry.patient_from_index.copy()
    affine[:3, 3] += first * (affine[:3, 1] + affine[:3, 2])
    affine[:3, 1:3] *= stride
    geometry = replace(volume.geometry, shape=shape, patient_from_index=affine)
    array = np.zeros((*volume.array.shape[:-3], *shape), volume.array.dtype)
    return replace(volume, array=array, geometry=geometry, preview=None)


def copy_slice(volume: Volume, coarse: Volume, k: int) -> None:
    """Take slice k of a volume over into its coarser copy."""
    rows, columns = coarse.array.shape[-2:]
    stride = round(coarse.geometry.spacing_mm[2] / volume.geometry.spacing_mm[2])
    first = _first(stride, volume)
    thin = volume.array[..., k, first::stride, first::stride]
    coarse.array[..., k, :, :] = thin[..., :rows, :columns]


def elsewhere(volume: Volume, geometry: VolumeGeometry) -> Volume:
    """A volume at another place in the patient, its coarser copy with it.

    Parameters
    ----------
    volume
        Any volume.
    geometry
        Of the same shape.
    """
    coarse = volume.coarse
    if coarse is not None:
        move = geometry.patient_from_index @ np.linalg.inv(volume.geometry.patient_from_index)
        there = replace(
            coarse.geometry,
            patient_from_index=move @ coarse.geometry.patient_from_index,
            frame_of_reference_uid=geometry.frame_of_reference_uid,
        )
        coarse = replace(coarse, geometry=there)
    return replace(volume, geometry=geometry, coarse=coarse)


def _first(stride: int, volume: Volume) -> int:
    """Row and column where the copy begins: the middle of its first voxel, if the volume reaches so far."""
    return min(stride // 2, *(n - 1 for n in volume.geometry.shape[1:]))
