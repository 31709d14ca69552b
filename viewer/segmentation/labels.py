"""What a model found: a label for each voxel, and how much of each there is."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import VolumeGeometry

LabelArray = npt.NDArray[np.unsignedinteger]


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels of a volume.

    Parameters
    ----------
    array
        (k, j, i) uint8 or uint16, C order, on the grid of the volume; 0 is background.
    names
        Label to name; labels that were looked for and not found are named too.
    model, licence
        What made them.
    """

    array: LabelArray
    names: Mapping[int, str]
    model: str = ""
    licence: str = ""


def voxel_counts(array: LabelArray) -> dict[int, npt.NDArray[np.int64]]:
    """Label to (k,) number of its voxels in each slice, background left out."""
    highest = int(array.max(initial=0))
    table = np.stack([np.bincount(plane.ravel(), minlength=highest + 1) for plane in array])
    return {int(label): table[:, label] for label in np.flatnonzero(table.any(axis=0)) if label}


def volumes_mm3(labels: Labels, geometry: VolumeGeometry) -> dict[int, tuple[int, float]]:
    """Label to (voxels, volume in mm3) (rule G07), for every label that has a name or a voxel."""
    counts = voxel_counts(labels.array)
    none = np.zeros(geometry.shape[0], np.int64)
    return {
        label: (int(n.sum()), float(n @ geometry.slice_volumes_mm3))
        for label in sorted({*counts, *labels.names})
        for n in [counts.get(label, none)]
    }
