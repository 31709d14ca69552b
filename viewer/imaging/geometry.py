"""Where voxels are: the affine of a volume, with or without pixels.

Conventions (fixed for the whole program)
-----------------------------------------
- Patient space is DICOM LPS in millimetres: +x patient left, +y posterior, +z head (PS3.3 C.7.6.2.1.1).
- An index or a position names a voxel **centre**. Array index order is (k, j, i) = slice, row, column.
- `patient_from_index` maps (w, j, i, 1) to (x, y, z, 1). For a uniform stack w is the slice index k. For a stack
  whose slices are not equidistant w runs along the stack in units of the mean step, and slice k sits at
  `slice_offsets[k]`: positions stay those of ImagePositionPatient, never `first + k * spacing`.
- Shear is allowed (gantry tilt): the columns of the affine need not be orthogonal.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from viewer.errors import GeometryError

FloatArray = npt.NDArray[np.float64]

LARGEST_MM = 1e15
"""Numbers above it are no lengths in a patient, and their squares would overflow."""


@dataclass(frozen=True, eq=False)
class VolumeGeometry:
    """Geometry of a stack of slices.

    Parameters
    ----------
    shape
        (k, j, i) number of slices, rows and columns.
    patient_from_index
        4x4 float64, maps (w, j, i, 1) to LPS millimetres.
    frame_of_reference_uid
        FrameOfReferenceUID (0020,0052), empty when unknown.
    slice_offsets
        None for a uniform stack (w == k), else float64 of length k, strictly increasing, first 0 and last k - 1. Some
        slices of a stack that are a volume of their own (`some_slices`) keep the offsets they have in it.
    gaps
        Slice indices k whose interval to slice k + 1 holds no data (a gap over 1.5 times the median).
    oriented
        False when the position in the patient is unknown: then no letters, no crosshair, no planes but the own.
    calibrated
        False when the pixel spacing is unknown: then no millimetres are shown.

    Raises
    ------
    GeometryError
        The affine is singular or not finite, or the offsets do not increase.
    """

    shape: tuple[int, int, int]
    patient_from_index: FloatArray
    frame_of_reference_uid: str = ""
    slice_offsets: FloatArray | None = None
    gaps: tuple[int, ...] = ()
    oriented: bool = True
    calibrated: bool = True

    def __post_init__(self) -> None:
        affine = np.array(self.patient_from_index, dtype=np.float64)
        if affine.shape != (4, 4) or not np.isfinite(affine).all() or np.abs(affine).max() > LARGEST_MM:
            raise GeometryError("The slice positions are not finite numbers.")
        lengths = np.linalg.norm(affine[:3, :3], axis=0)
        if lengths.min() <= 0 or abs(np.linalg.det(affine[:3, :3] / lengths)) < 1e-6:
            raise GeometryError("The slice positions and orientation do not span a volume.")
        affine.setflags(write=False)
        object.__setattr__(self, "patient_from_index", affine)
        if self.slice_offsets is not None:
            offsets = np.array(self.slice_offsets, dtype=np.float64)
            if offsets.shape != (self.shape[0],) or np.any(np.diff(offsets) <= 0):
                raise GeometryError("The slice positions do not increase along the stack.")
            offsets.setflags(write=False)
            object.__setattr__(self, "slice_offsets", offsets)

    @cached_property
    def index_from_patient(self) -> FloatArray:
        """4x4 inverse of `patient_from_index`; its first output is w, not k, when the stack is not uniform."""
        inverse = np.linalg.inv(self.patient_from_index).astype(np.float64)
        inverse.setflags(write=False)
        return inverse

    @property
    def uniform(self) -> bool:
        """True when slices are equidistant."""
        return self.slice_offsets is None

    @cached_property
    def spacing_mm(self) -> tuple[float, float, float]:
        """(slice, row, column) voxel pitch; the slice pitch is measured perpendicular to the slices (rule A10)."""
        k_axis, j_axis, i_axis = (self.patient_from_index[:3, n] for n in range(3))
        return (
            float(abs(k_axis @ self.slice_normal)),
            float(np.linalg.norm(j_axis)),
            float(np.linalg.norm(i_axis)),
        )

    @cached_property
    def slice_normal(self) -> FloatArray:
        """Unit vector perpendicular to the slices, row direction x column direction (PS3.3 C.7.6.2.1.1)."""
        return unit(cross(self.patient_from_index[:3, 2], self.patient_from_index[:3, 1]))

    @cached_property
    def tilt_deg(self) -> float:
        """Angle between the stacking direction and the slice normal; 0 for an unsheared stack (rule A15)."""
        step = self.patient_from_index[:3, 0]
        cosine = abs(step @ self.slice_normal) / np.linalg.norm(step)
        sine = np.linalg.norm(np.cross(step, self.slice_normal)) / np.linalg.norm(step)
        return float(np.degrees(np.arctan2(sine, cosine)))

    @cached_property
    def obliquity_deg(self) -> float:
        """Angle between the slice normal and the nearest patient axis (rule A20)."""
        return float(np.degrees(np.arccos(min(1.0, float(np.abs(self.slice_normal).max())))))

    @cached_property
    def voxel_volume_mm3(self) -> float:
        """Volume of one voxel (mean over the stack when not uniform); shear does not change it (rule G07)."""
        return float(abs(np.linalg.det(self.patient_from_index[:3, :3])))

    @cached_property
    def slice_volumes_mm3(self) -> FloatArray:
        """(k,) volume of one voxel of each slice: what regions and labels are summed with (rule G07).

        A voxel reaches halfway to the slices on both sides. Towards the ends of the stack, and into an interval that
        holds no data, it reaches as far as on its other side, or half the median step where there is no other side.
        """
        below, above = self.slice_reach
        volumes: FloatArray = self.voxel_volume_mm3 * (below + above)
        return volumes

    @cached_property
    def slice_reach(self) -> FloatArray:
        """(2, k) how far the voxels of each slice reach below and above their centres, in units of w.

        Half a step where slices are equidistant; see `slice_volumes_mm3` where they are not.
        """
        n = self.shape[0]
        if self.slice_offsets is None or n == 1:
            return np.full((2, n), 0.5)
        steps = np.diff(self.slice_offsets)
        known = np.ones(n - 1, bool)
        known[list(self.gaps)] = False
        middle = float(np.median(steps[known] if known.any() else steps))
        below = np.concatenate([[np.nan], np.where(known, steps, np.nan)])
        above = np.concatenate([np.where(known, steps, np.nan), [np.nan]])
        reach = np.stack([np.where(np.isnan(below), above, below), np.where(np.isnan(above), below, above)])
        halves: FloatArray = np.where(np.isnan(reach), middle, reach) / 2
        return halves

    @cached_property
    def centre_mm(self) -> FloatArray:
        """LPS position of the middle of the volume."""
        middle = np.array([(n - 1) / 2 for n in self.shape] + [1.0])
        centre: FloatArray = (self.patient_from_index @ middle)[:3]
        return centre

    def slice_coordinate(self, k: npt.ArrayLike) -> FloatArray:
        """Map slice indices k (may be fractional) to w, the first input of `patient_from_index`."""
        k = np.asarray(k, dtype=np.float64)
        if self.slice_offsets is None:
            return k
        if self.shape[0] == 1:
            return np.asarray(k + self.slice_offsets[0])
        return _interpolate(k, np.arange(self.shape[0], dtype=np.float64), self.slice_offsets)

    def slice_index(self, w: npt.ArrayLike) -> FloatArray:
        """Map w, the first output of `index_from_patient`, to the (fractional) slice index k."""
        w = np.asarray(w, dtype=np.float64)
        if self.slice_offsets is None:
            return w
        if self.shape[0] == 1:
            return np.asarray(w - self.slice_offsets[0])
        return _interpolate(w, self.slice_offsets, np.arange(self.shape[0], dtype=np.float64))

    def some_slices(self, slices: Sequence[int]) -> VolumeGeometry:
        """Geometry of some slices alone, with the affine of all: every calculation of a place gives the same bits.

        Parameters
        ----------
        slices
            Ascending.
        """
        gaps = tuple(
            n
            for n, (k, following) in enumerate(pairwise(slices))
            if any(k <= gap < following for gap in self.gaps)
        )
        _, rows, columns = self.shape
        return replace(
            self,
            shape=(len(slices), rows, columns),
            slice_offsets=self.slice_coordinate(np.asarray(slices, dtype=np.float64)),
            gaps=gaps,
        )

    def to_patient(self, index: npt.ArrayLike) -> FloatArray:
        """Map (..., 3) continuous (k, j, i) to (..., 3) LPS millimetres."""
        index = np.asarray(index, dtype=np.float64)
        w = self.slice_coordinate(index[..., 0])
        wji = np.concatenate([w[..., None], index[..., 1:]], axis=-1)
        mapped: FloatArray = wji @ self.patient_from_index[:3, :3].T + self.patient_from_index[:3, 3]
        return mapped

    def to_index(self, point_mm: npt.ArrayLike) -> FloatArray:
        """Map (..., 3) LPS millimetres to (..., 3) continuous (k, j, i)."""
        point_mm = np.asarray(point_mm, dtype=np.float64)
        mapped: FloatArray = point_mm @ self.index_from_patient[:3, :3].T + self.index_from_patient[:3, 3]
        mapped[..., 0] = self.slice_index(mapped[..., 0])
        return mapped

    def corners_mm(self) -> FloatArray:
        """(8, 3) LPS positions of the outer corners of the voxel block (half a voxel beyond the centres)."""
        return self._corners_mm

    @cached_property
    def _corners_mm(self) -> FloatArray:
        ends = [(-0.5, n - 0.5) for n in self.shape]
        grid = np.array(np.meshgrid(*ends, indexing="ij")).reshape(3, -1).T
        corners = self.to_patient(grid)
        corners.setflags(write=False)
        return corners

    def contains(self, point_mm: npt.ArrayLike) -> bool:
        """Whether an LPS point lies in the voxel block."""
        index = self.to_index(point_mm)
        return bool(np.all(index >= -0.5) and np.all(index <= np.array(self.shape) - 0.5))


def cross(a: FloatArray, b: FloatArray) -> FloatArray:
    """Vector product of two (3,) vectors; a tenth of the time of the general one, and every frame needs dozens."""
    (ax, ay, az), (bx, by, bz) = a.tolist(), b.tolist()
    return np.array([ay * bz - az * by, az * bx - ax * bz, ax * by - ay * bx])


def unit(vector: FloatArray) -> FloatArray:
    """A (3,) vector at length 1."""
    result: FloatArray = vector / math.hypot(*vector.tolist())
    return result


def _interpolate(x: FloatArray, xp: FloatArray, fp: FloatArray) -> FloatArray:
    """Piecewise linear map that goes on with the slope of its end intervals."""
    inside = np.interp(x, xp, fp)
    before = fp[0] + (x - xp[0]) * (fp[1] - fp[0]) / (xp[1] - xp[0])
    after = fp[-1] + (x - xp[-1]) * (fp[-1] - fp[-2]) / (xp[-1] - xp[-2])
    result: FloatArray = np.where(x < xp[0], before, np.where(x > xp[-1], after, inside))
    return result
