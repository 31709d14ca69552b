"""The planes of a volume that have a name: which voxels lie on them, and where a picture of them lies.

A named plane is a plane of the array: "axial" is the one whose normal is nearest to the patient's long axis, also when
the patient lay turned or the gantry was tilted. Its rows and columns are turned to how the viewer shows them: the
patient's right on the left of axial and coronal planes, the front on the left of sagittal ones. "acquired" is a slice
as it was stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from viewer.imaging.geometry import FloatArray, VolumeGeometry, cross
from viewer.imaging.orientation import Anatomy, acquired_frame, plane_axes
from viewer.imaging.plane import Plane

ACQUIRED = "acquired"
NAMES = ("axial", "sagittal", "coronal", ACQUIRED)
LARGEST_SIDE = 4096
"""Of a picture in pixels; beyond it the pixel grows."""


@dataclass(frozen=True, eq=False)
class NamedPlane:
    """How the planes of one name lie in an array (k, j, i).

    Parameters
    ----------
    axis
        Array axis that the index of the plane counts along.
    row_axis, column_axis
        Array axes that its rows and its columns are counted along.
    flip_rows, flip_columns
        Whether the first row and column are the last of the array.
    right, down
        LPS unit vectors of a picture of it.
    """

    axis: int
    row_axis: int
    column_axis: int
    flip_rows: bool
    flip_columns: bool
    right: FloatArray
    down: FloatArray

    def voxels(self, array: npt.NDArray[np.generic], index: int) -> npt.NDArray[np.generic]:
        """Values of a plane.

        Parameters
        ----------
        array
            (k, j, i) or (3, k, j, i).
        index
            Along `axis`.

        Returns
        -------
        ndarray
            (rows, columns) or (rows, columns, 3), a view.
        """
        lead = array.ndim - 3
        plane = array[(slice(None),) * (lead + self.axis) + (index,)]
        if self.row_axis > self.column_axis:
            plane = plane.swapaxes(-1, -2)
        if self.flip_rows:
            plane = plane[..., ::-1, :]
        if self.flip_columns:
            plane = plane[..., ::-1]
        return np.moveaxis(plane, 0, -1) if lead else plane

    def index_of(
        self, geometry: VolumeGeometry, index: int, row: float, column: float
    ) -> tuple[float, float, float]:
        """(k, j, i) of a row and column of a plane."""
        found = [0.0, 0.0, 0.0]
        found[self.axis] = index
        last = geometry.shape[self.row_axis] - 1, geometry.shape[self.column_axis] - 1
        found[self.row_axis] = last[0] - row if self.flip_rows else row
        found[self.column_axis] = last[1] - column if self.flip_columns else column
        return found[0], found[1], found[2]

    def grid(self, geometry: VolumeGeometry, index: int) -> tuple[FloatArray, FloatArray, FloatArray] | None:
        """LPS origin, step to the next column and step to the next row; None when they are not even."""
        if self.axis != 0 and not geometry.uniform:
            return None
        places = [(0.0, 0.0), (0.0, 1.0), (1.0, 0.0)]
        origin, column, row = geometry.to_patient(
            [self.index_of(geometry, index, *place) for place in places]
        )
        return origin, column - origin, row - origin

    @property
    def normal(self) -> FloatArray:
        """Unit vector right x down."""
        return cross(self.right, self.down)

    def positions_mm(self, geometry: VolumeGeometry) -> FloatArray:
        """(n,) LPS position along `normal` of the picture of every index."""
        middle = np.tile([(n - 1) / 2 for n in geometry.shape], (geometry.shape[self.axis], 1))
        middle[:, self.axis] = np.arange(geometry.shape[self.axis])
        positions: FloatArray = geometry.to_patient(middle) @ self.normal
        return positions

    def picture(self, geometry: VolumeGeometry, index: int) -> Plane:
        """The whole plane in square pixels of its smaller spacing, at right angles to its normal.

        Where slices are sheared a plane of the array across them is not at right angles to the others; its picture then
        goes through the voxel in its middle.
        """
        corners = geometry.corners_mm()
        across, along = corners @ self.right, corners @ self.down
        spacing = geometry.spacing_mm
        extent = float(np.ptp(across)), float(np.ptp(along))
        pitch = max(min(spacing[self.row_axis], spacing[self.column_axis]), max(extent) / LARGEST_SIDE)
        width, height = (max(1, math.floor(mm / pitch + 0.5)) for mm in extent)
        middle: list[float] = [(n - 1) / 2 for n in geometry.shape]
        middle[self.axis] = index
        centre = geometry.to_patient(middle)
        for axis, values in ((self.right, across), (self.down, along)):
            centre = centre + ((values.min() + values.max()) / 2 - centre @ axis) * axis
        return Plane.centred(centre, self.right, self.down, pitch, width, height)


def planes_of(geometry: VolumeGeometry, *, multiplanar: bool) -> dict[str, NamedPlane]:
    """The planes a volume has by name: "acquired" alone when its place in the patient is unknown.

    Parameters
    ----------
    geometry
        Of the volume.
    multiplanar
        Whether its slices form a volume.
    """
    affine = geometry.patient_from_index
    right = affine[:3, 2] / np.linalg.norm(affine[:3, 2])
    down = cross(geometry.slice_normal, right)
    acquired = NamedPlane(0, 1, 2, flip_rows=False, flip_columns=False, right=right, down=down)
    planes: dict[str, NamedPlane] = {}
    if multiplanar and geometry.oriented:
        # The slices are stacked along their normal, however sheared.
        through = math.copysign(1.0, affine[:3, 0] @ geometry.slice_normal) * geometry.slice_normal
        axes = np.stack([through, affine[:3, 1], affine[:3, 2]])
        frame = acquired_frame(affine)
        for anatomy in (Anatomy.AXIAL, Anatomy.SAGITTAL, Anatomy.CORONAL):
            planes[anatomy.value] = _named(axes, *plane_axes(anatomy, frame))
    return planes | {ACQUIRED: acquired}


def _named(axes: FloatArray, right: FloatArray, down: FloatArray) -> NamedPlane:
    """The plane of the array that lies along two directions."""
    along_right, along_down = axes @ right, axes @ down
    column, row = int(np.abs(along_right).argmax()), int(np.abs(along_down).argmax())
    return NamedPlane(
        3 - row - column,
        row,
        column,
        flip_rows=bool(along_down[row] < 0),
        flip_columns=bool(along_right[column] < 0),
        right=right,
        down=down,
    )
