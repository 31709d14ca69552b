"""How well labels agree with others: Dice, Hausdorff distance, volume error.

Dice is 2 |A and B| / (|A| + |B|). The Hausdorff distance HD95 is the larger of the two 95th percentiles of the
distances in mm from each surface to the other; the surface of a structure are its voxels with one of six neighbours
outside. Where neither has a voxel of a label both are undefined (NaN), where only one has Dice is 0 and HD95 undefined.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.errors import ViewerError
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.segmentation.grid import LabelArray

EXTRA = 'SciPy is not installed, which distances need: pip install "triptych-viewer[train]"'

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True)
class Score:
    """One label of one case.

    Parameters
    ----------
    dice
        0 to 1, NaN when neither has the label.
    hd95_mm
        NaN unless both have it.
    volume_mm3, reference_mm3
        Of the model and of the reference.
    """

    dice: float
    hd95_mm: float
    volume_mm3: float
    reference_mm3: float

    @property
    def error_mm3(self) -> float:
        """Model minus reference."""
        return self.volume_mm3 - self.reference_mm3


def score(
    found: LabelArray, reference: LabelArray, geometry: VolumeGeometry, labels: Mapping[int, str]
) -> dict[int, Score]:
    """Compare two label arrays.

    Parameters
    ----------
    found, reference
        (k, j, i) on `geometry`.
    geometry
        Where they are.
    labels
        The labels to compare.
    """
    return {label: _score(found == label, reference == label, geometry) for label in labels}


def _score(found: Mask, reference: Mask, geometry: VolumeGeometry) -> Score:
    per_slice = geometry.slice_volumes_mm3
    volumes = [float(mask.sum(axis=(1, 2)) @ per_slice) for mask in (found, reference)]
    return Score(dice(found, reference), hausdorff95_mm(found, reference, geometry), volumes[0], volumes[1])


def dice(found: Mask, reference: Mask) -> float:
    """See the module text."""
    total = int(found.sum()) + int(reference.sum())
    return 2 * int((found & reference).sum()) / total if total else float("nan")


def hausdorff95_mm(found: Mask, reference: Mask, geometry: VolumeGeometry) -> float:
    """See the module text.

    Raises
    ------
    ViewerError
        SciPy is missing.
    """
    try:
        from scipy.spatial import cKDTree
    except ImportError as error:
        raise ViewerError(EXTRA) from error
    if not found.any() or not reference.any():
        return float("nan")
    one, other = (geometry.to_patient(surface(mask)) for mask in (found, reference))
    there, back = cKDTree(other).query(one)[0], cKDTree(one).query(other)[0]
    return float(max(np.percentile(there, 95), np.percentile(back, 95)))


def surface(mask: Mask) -> FloatArray:
    """(n, 3) indices (k, j, i) of the voxels with a neighbour outside; the edge of the volume counts as outside."""
    inner = np.pad(mask, 1)
    core = inner[1:-1, 1:-1, 1:-1].copy()
    for axis in range(3):
        for shift in (0, 2):
            core &= inner[
                tuple(
                    slice(shift, shift + n) if a == axis else slice(1, 1 + n)
                    for a, n in enumerate(mask.shape)
                )
            ]
    return np.argwhere(mask & ~core).astype(np.float64)
