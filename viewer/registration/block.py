"""A volume on a coarse upright grid, the only thing the registration sees: no header, no patient, no shear."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.errors import ViewerError
from viewer.imaging.plane import Plane
from viewer.imaging.sample import SampleRequest, sample_planes
from viewer.imaging.volume import Volume

FINEST_MM = 2.0
MOST_VOXELS = 4_000_000
FEWEST = 8
"""Voxels an axis must have at least."""


@dataclass(frozen=True, eq=False)
class Block:
    """See the module text.

    Parameters
    ----------
    values
        (z, y, x) float32 stored values; NaN where the volume holds none.
    origin_mm
        (x, y, z) LPS centre of the first voxel.
    spacing_mm
        Voxel pitch, the same along all three patient axes.
    """

    values: npt.NDArray[np.float32]
    origin_mm: tuple[float, float, float]
    spacing_mm: float


def coarse_block(volume: Volume) -> Block:
    """Sample a volume on the patient axes, as fine as the number of voxels allows.

    Raises
    ------
    ViewerError
        The volume is in colour, not complete, without directions, or too thin to be registered.
    """
    geometry = volume.geometry
    if volume.is_colour:
        raise ViewerError("A colour series cannot be registered; choose a series with measured values.")
    if not volume.ready.all():
        raise ViewerError("The series is still being loaded; register it when it is complete.")
    if not (geometry.oriented and geometry.calibrated):
        raise ViewerError("A series without known directions and distances cannot be registered.")
    corners = geometry.corners_mm()
    low, high = corners.min(axis=0), corners.max(axis=0)
    extent = high - low
    pitch = max(FINEST_MM, float((np.prod(extent) / MOST_VOXELS) ** (1 / 3)))
    nx, ny, nz = (int(length / pitch) for length in extent)
    if min(nx, ny, nz) < FEWEST:
        raise ViewerError(
            "The series is too thin to be registered; it needs a few centimetres in every direction."
        )
    origin = low + pitch / 2
    values = np.empty((nz, ny, nx), np.float32)
    across, down = np.array([pitch, 0.0, 0.0]), np.array([0.0, pitch, 0.0])
    sample_planes(
        [
            SampleRequest(
                volume, Plane(origin + np.array([0.0, 0.0, pitch * k]), across, down, nx, ny), out=values[k]
            )
            for k in range(nz)
        ]
    )
    values[~np.isfinite(values)] = np.nan
    if not np.isfinite(values).any() or np.nanmin(values) == np.nanmax(values):
        raise ViewerError("The series holds one value only; there is nothing to register by.")
    return Block(values, (float(origin[0]), float(origin[1]), float(origin[2])), pitch)
