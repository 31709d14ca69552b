"""Between a volume as it was acquired and the slices a model was trained on, by position in the patient.

The model's grid follows the axes of the acquisition, sorted and turned to the letters of its card: where the card asks
for no other spacing its pixels are the voxels themselves, whatever the order of the slices or of the axes in the file.
A tilted, oblique or uneven series goes the same way, by position. Labels come back by the nearest pixel (rule I12).
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from viewer.errors import GeometryError
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.orientation import acquired_frame
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, SampleRequest, sample_plane, sample_planes
from viewer.imaging.volume import LABEL_UNIT, Quantity, Volume
from viewer.segmentation.card import ModelCard

LabelArray = npt.NDArray[np.unsignedinteger]

_AXIS = {"L": 0, "R": 0, "P": 1, "A": 1, "H": 2, "F": 2}
_BACKWARDS = frozenset("RAF")
_AT_ONCE = 16


def model_grid(geometry: VolumeGeometry, card: ModelCard) -> VolumeGeometry:
    """The grid on which a model sees a volume.

    Returns
    -------
    VolumeGeometry
        (slices, rows, columns); rows and columns of slices have the card's size, patches keep the volume's extent.

    Raises
    ------
    GeometryError
        The place of the volume in the patient is unknown.
    """
    if not geometry.oriented or not geometry.calibrated:
        raise GeometryError(
            "The place or the size of this series in the patient is unknown, so the model cannot be given the "
            "slices it was trained on."
        )
    letters = (card.slices, card.rows, card.columns)
    directions = np.column_stack([_direction(geometry, letter) for letter in letters])
    along = geometry.corners_mm() @ directions
    low, high = along.min(axis=0), along.max(axis=0)
    spacing = _spacing(geometry, card, directions)
    count = np.maximum(1, np.rint((high - low) / spacing - 1e-6).astype(int))
    wanted = count.copy()
    if card.kind == "slices":
        wanted[1:] = card.size
    if card.stretch:
        spacing[1:] = (high - low)[1:] / wanted[1:]
        count[1:] = wanted[1:]
    # The first centre if nothing is padded; whole pixels are added or cut off, so that voxels stay on pixels.
    first = (low + high) / 2 - (count - 1) / 2 * spacing - (wanted - count) // 2 * spacing
    affine = np.eye(4)
    affine[:3, :3] = directions * spacing
    affine[:3, 3] = directions @ first
    return VolumeGeometry(
        (int(wanted[0]), int(wanted[1]), int(wanted[2])), affine, geometry.frame_of_reference_uid
    )


def _direction(geometry: VolumeGeometry, letter: str) -> FloatArray:
    sign = -1.0 if letter in _BACKWARDS else 1.0
    frame = acquired_frame(geometry.patient_from_index)
    column: FloatArray = frame[:, _AXIS[letter]] * sign
    return column


def _spacing(geometry: VolumeGeometry, card: ModelCard, directions: FloatArray) -> FloatArray:
    """(slices, rows, columns) mm: the card's, else that of the acquisition's axis which runs the same way."""
    axes = np.column_stack(
        [
            geometry.slice_normal,
            *(geometry.patient_from_index[:3, n] / geometry.spacing_mm[n] for n in (1, 2)),
        ]
    )
    nearest = np.abs(directions.T @ axes).argmax(axis=1)
    spacing: FloatArray = np.array(geometry.spacing_mm)[nearest]
    if card.spacing_mm:
        spacing[3 - len(card.spacing_mm) :] = card.spacing_mm
    return spacing


def slice_plane(grid: VolumeGeometry, k: int) -> Plane:
    """The plane of slice k of a stack whose slices are not tilted in themselves."""
    affine = grid.patient_from_index
    return Plane(grid.to_patient([k, 0, 0]), affine[:3, 2], affine[:3, 1], grid.shape[2], grid.shape[1])


def model_slice(volume: Volume, grid: VolumeGeometry, k: int) -> npt.NDArray[np.float32]:
    """Slice k of a model's grid.

    Returns
    -------
    ndarray
        (rows, columns) float32 physical values (HU, Bq/mL, ...); not finite where there is no value.
    """
    interpolation = Interpolation.NEAREST if volume.quantity.is_label else Interpolation.LINEAR
    stored = sample_plane(volume, slice_plane(grid, k), interpolation=interpolation)
    return np.asarray(stored * volume.slope + volume.intercept, dtype=np.float32)


def onto(labels: LabelArray, grid: VolumeGeometry, geometry: VolumeGeometry) -> LabelArray:
    """Labels on another grid, each voxel with the label of the nearest one; 0 outside.

    Parameters
    ----------
    labels
        (k, j, i) on `grid`.
    grid, geometry
        Where they are, and where they are wanted.

    Returns
    -------
    ndarray
        (k, j, i) of `geometry`, of the same type.
    """
    source = Volume("labels", np.ascontiguousarray(labels), grid, Quantity(LABEL_UNIT))
    result = np.zeros(geometry.shape, labels.dtype)
    for start in range(0, geometry.shape[0], _AT_ONCE):
        which = range(start, min(start + _AT_ONCE, geometry.shape[0]))
        requests = [
            SampleRequest(source, slice_plane(geometry, k), interpolation=Interpolation.NEAREST)
            for k in which
        ]
        for k, found in zip(which, sample_planes(requests), strict=True):
            result[k] = np.where(np.isfinite(found), found, 0)
    return result
