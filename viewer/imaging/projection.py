"""Which voxel made a pixel of a maximum intensity projection."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray
from viewer.imaging.volume import Volume


def brightest_along(volume: Volume, point_mm: npt.ArrayLike, direction: npt.ArrayLike) -> FloatArray | None:
    """Position of the highest voxel on a straight line through the volume.

    Parameters
    ----------
    volume
        A scalar volume.
    point_mm
        (3,) LPS point on the line.
    direction
        (3,) unit vector of the line.

    Returns
    -------
    ndarray or None
        (3,) LPS centre of the voxel; None when the line misses the volume or meets padding only.
    """
    if volume.is_colour:
        return None
    point = np.asarray(point_mm, dtype=np.float64)
    unit = np.asarray(direction, dtype=np.float64)
    geometry = volume.geometry
    middle = float((geometry.centre_mm - point) @ unit)
    reach = float(np.linalg.norm(geometry.corners_mm() - geometry.centre_mm, axis=1).max())
    step = min(geometry.spacing_mm) / 2
    along = middle + np.arange(-reach, reach + step, step)
    index = np.floor(geometry.to_index(point + along[:, None] * unit) + 0.5).astype(np.int64)
    index = index[np.all((index >= 0) & (index < np.array(geometry.shape)), axis=1)]
    if not len(index):
        return None
    values = volume.array[index[:, 0], index[:, 1], index[:, 2]]
    usable = ~volume.is_padding(values)
    if not usable.any():
        return None
    weighted = np.where(usable, values.astype(np.float64), -np.inf)
    return geometry.to_patient(index[int(np.argmax(weighted))])
