"""Small pictures of series for the study browser: the middle slice, windowed, at most 128 pixels a side."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import numpy.typing as npt

from viewer.dicom.build import fill_slice, make_volume
from viewer.dicom.model import Stack
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.orientation import nearest_anatomy, plane_axes
from viewer.imaging.volume import Volume

SIZE = 128
"""Longest side in pixels."""

_PERCENTILES = (1.0, 99.0)


def stack_thumbnail(stack: Stack) -> npt.NDArray[np.uint8]:
    """The picture of a stack that is not loaded; decodes its middle slice and nothing else.

    Raises
    ------
    DecodeError
        The slice cannot be decoded.
    OSError
        The file cannot be read.
    """
    middle = len(stack.frames) // 2
    _, rows, columns = stack.geometry.shape
    geometry = stack.geometry
    alone = replace(
        stack,
        frames=(stack.frames[middle],),
        geometry=VolumeGeometry(
            (1, rows, columns), geometry.patient_from_index, oriented=False, calibrated=geometry.calibrated
        ),
    )
    volume = make_volume(alone)
    fill_slice(volume, alone, 0)
    return volume_thumbnail(volume, 0)


def volume_thumbnail(volume: Volume, k: int | None = None) -> npt.NDArray[np.uint8]:
    """The picture of a slice that is in place, the middle one by default.

    Returns
    -------
    ndarray
        uint8, (h, w) grey or (h, w, 3) RGB, true to the pixel aspect, longest side at most `SIZE`. A PET is shown as
        is customary with high values black (rule D36).
    """
    k = volume.geometry.shape[0] // 2 if k is None else k
    _, rows, columns = volume.geometry.shape
    _, row_mm, column_mm = volume.geometry.spacing_mm
    scale = SIZE / max(rows * row_mm, columns * column_mm)
    height = max(1, min(SIZE, round(rows * row_mm * scale)))
    width = max(1, min(SIZE, round(columns * column_mm * scale)))
    j = np.minimum(((np.arange(height) + 0.5) * rows / height).astype(int), rows - 1)
    i = np.minimum(((np.arange(width) + 0.5) * columns / width).astype(int), columns - 1)
    if volume.is_colour:
        planes = volume.array[:, k][:, j[:, None], i[None, :]]
        return np.ascontiguousarray(np.moveaxis(planes, 0, -1).astype(np.uint8))
    stored = volume.array[k][j[:, None], i[None, :]]
    shown = ~volume.is_padding(stored)
    physical = volume.physical(stored)
    grey = _grey(volume, physical, shown)
    if volume.inverted != (volume.modality == "PT"):
        grey = 1.0 - grey
    picture: npt.NDArray[np.uint8] = np.where(shown, np.rint(grey * 255), 0).astype(np.uint8)
    return picture


def upright(image: npt.NDArray[np.uint8], geometry: VolumeGeometry) -> npt.NDArray[np.uint8]:
    """A thumbnail turned as the panes show the plane nearest to its slices (rule A22).

    DICOM slices are written that way; a NIfTI file may count rows and columns along any axis from either end.

    Parameters
    ----------
    image
        (h, w) or (h, w, 3).
    geometry
        Of its volume; without orientation the picture stays as it is.
    """
    if not geometry.oriented:
        return image
    columns, rows = geometry.patient_from_index[:3, 2], geometry.patient_from_index[:3, 1]
    right, down = plane_axes(nearest_anatomy(geometry.slice_normal))
    if abs(columns @ right) < abs(rows @ right):
        image = image.swapaxes(0, 1)
        columns, rows = rows, columns
    if columns @ right < 0:
        image = image[:, ::-1]
    if rows @ down < 0:
        image = image[::-1]
    return np.ascontiguousarray(image)


def _grey(
    volume: Volume, physical: npt.NDArray[np.float64], shown: npt.NDArray[np.bool_]
) -> npt.NDArray[np.float64]:
    """0..1 by the header's first window, else between two percentiles of what is not padding."""
    finite = np.nan_to_num(physical, posinf=0.0, neginf=0.0)
    if volume.windows and volume.modality != "PT":
        return np.asarray(volume.windows[0].apply(finite), dtype=np.float64)
    values = finite[shown]
    if values.size == 0:
        return np.zeros_like(finite)
    low, high = (float(value) for value in np.percentile(values, _PERCENTILES))
    if volume.modality == "PT":
        low, high = 0.0, float(values.max())
    if high <= low:
        return np.where(finite > low, 1.0, 0.0)
    return np.clip((finite - low) / (high - low), 0.0, 1.0)
