"""Dose-volume histograms of a structure, pure arithmetic on dose samples and the volume each stands for."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt

from viewer.errors import GeometryError
from viewer.imaging.contours import ContourSet
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.labelmap import Mask
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, sample_plane
from viewer.imaging.volume import Volume

SAMPLE_MM = 1.0
"""Distance of dose samples inside contours, or a twentieth of the structure when that is smaller."""
_MOST_SAMPLES = 4_000_000


@dataclass(frozen=True, eq=False)
class Dvh:
    """Cumulative dose-volume histogram.

    Parameters
    ----------
    doses
        (n,) dose of the samples inside the dose grid, increasing.
    volumes_mm3
        (n,) volume that each stands for.
    outside_mm3
        Volume of the structure outside the dose grid; it has no dose and is not counted (and is said).
    unit
        Of the doses: "Gy".
    """

    doses: FloatArray
    volumes_mm3: FloatArray
    outside_mm3: float
    unit: str

    @cached_property
    def volume_mm3(self) -> float:
        """Volume inside the dose grid."""
        return float(self.volumes_mm3.sum())

    @property
    def minimum(self) -> float:
        """Smallest dose of a sample."""
        return float(self.doses[0])

    @property
    def maximum(self) -> float:
        """Largest dose of a sample."""
        return float(self.doses[-1])

    @cached_property
    def mean(self) -> float:
        """Mean dose by volume."""
        return float(self.doses @ self.volumes_mm3 / self.volume_mm3)

    @cached_property
    def _above(self) -> FloatArray:
        """(n + 1,) volume of the samples from n on: what receives at least that dose."""
        return np.concatenate([np.cumsum(self.volumes_mm3[::-1])[::-1], [0.0]])

    def volume_at(self, dose: npt.ArrayLike) -> FloatArray:
        """V(D): volume in mm3 that receives at least a dose."""
        return np.asarray(self._above[np.searchsorted(self.doses, dose, "left")], dtype=np.float64)

    def dose_at(self, share: float) -> float:
        """D(V): the dose that at least this share of the volume receives, 0 to 1; D95 is `dose_at(0.95)`."""
        wanted = share * self.volume_mm3
        # Volumes fall along the samples; the last one that still has enough above it.
        enough = np.flatnonzero(self._above[:-1] >= wanted - 1e-9 * self.volume_mm3)
        return float(self.doses[enough[-1]]) if enough.size else self.minimum

    def curve(self, points: int = 400) -> tuple[FloatArray, FloatArray]:
        """Doses from 0 to a little above the largest, and the share of the volume (0 to 1) that receives them."""
        doses = np.linspace(0.0, max(self.maximum, 1e-9) * 1.02, points)
        return doses, self.volume_at(doses) / self.volume_mm3


def dvh_of(body: Mask | ContourSet, dose: Volume) -> Dvh:
    """Histogram of a structure.

    Parameters
    ----------
    body
        Voxels, of which every centre is a sample; or contours, which are sampled at `SAMPLE_MM` in the planes they
        were drawn in.
    dose
        Complete; between its voxels dose is linear.

    Raises
    ------
    GeometryError
        The structure is empty or lies outside the dose grid altogether.
    """
    mask = body if isinstance(body, Mask) else _sampled(body)
    values, volumes = _doses(mask, dose)
    known = np.isfinite(values)
    if not known.any():
        raise GeometryError("The structure lies outside the dose grid.")
    order = np.argsort(values[known], kind="stable")
    return Dvh(
        dose.physical(values[known][order]),
        volumes[known][order],
        float(volumes[~known].sum()),
        dose.quantity.unit,
    )


def _doses(mask: Mask, dose: Volume) -> tuple[FloatArray, FloatArray]:
    """Stored dose at the centre of each voxel of a mask, NaN outside the dose grid, and the volume of the voxel."""
    geometry = mask.geometry
    (k0, j0, i0), (_, rows, columns) = mask.corner, mask.block.shape
    values, volumes = [np.zeros(0)], [np.zeros(0)]
    for n, inside in enumerate(mask.block):
        if not inside.any():
            continue
        origin = geometry.to_patient(np.array([k0 + n, j0, i0], dtype=np.float64))
        plane = Plane(
            origin, geometry.patient_from_index[:3, 2], geometry.patient_from_index[:3, 1], columns, rows
        )
        found = sample_plane(dose, plane, interpolation=Interpolation.LINEAR)[inside].astype(np.float64)
        values.append(found)
        volumes.append(np.full(found.size, geometry.slice_volumes_mm3[k0 + n]))
    return np.concatenate(values), np.concatenate(volumes)


def _sampled(contours: ContourSet) -> Mask:
    """Contours as voxels in their own planes, fine enough for a histogram."""
    first, last = contours.planes[0], contours.planes[-1]
    extent = np.ptp(contours.corners_mm @ contours.axes.T, axis=0)
    spacing = contours.spacing_mm or 1.0
    count = max(1, round((last.height_mm - first.height_mm) / spacing) + 1)
    step = min(SAMPLE_MM, max(0.05, float(extent[:2].min()) / 20))
    step = max(step, float(np.sqrt(extent[0] * extent[1] * count / _MOST_SAMPLES)))
    low = (contours.corners_mm @ contours.axes.T).min(axis=0)
    columns, rows = (int(np.ceil(extent[n] / step)) for n in (0, 1))
    affine = np.eye(4)
    affine[:3, 0] = contours.axes[2] * spacing
    affine[:3, 1] = contours.axes[1] * step
    affine[:3, 2] = contours.axes[0] * step
    affine[:3, 3] = np.array([low[0] + step / 2, low[1] + step / 2, first.height_mm]) @ contours.axes
    return contours.mask(VolumeGeometry((count, rows, columns), affine))
