"""Writing NIfTI-1: the counterpart of `viewer.formats.nifti`, and like it the only place that knows RAS and (i, j, k).

sform and qform are both written, with the code of scanner coordinates, so that no reader has to guess (rule I08). A
sheared grid has no quaternion: then the qform code is 0 and the sform holds alone.
"""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.atomic import write_bytes
from viewer.errors import ExportError
from viewer.imaging.geometry import FloatArray, VolumeGeometry

_SCANNER = 1
_INTENT_LABEL = 1002
_LPS_FROM_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])
_IJK = [2, 1, 0, 3]
_TYPES = frozenset(("i1", "u1", "i2", "u2", "i4", "u4", "f4", "f8"))
_LONGEST = 32767
_SHEAR_COSINE = 1e-6


def write_nifti(
    path: Path,
    array: npt.NDArray[np.generic],
    geometry: VolumeGeometry,
    *,
    slope: float = 1.0,
    intercept: float = 0.0,
    labels: bool = False,
) -> None:
    """Write a volume, whole or not at all.

    Parameters
    ----------
    path
        Ends in .nii or .nii.gz; the second is compressed.
    array
        (k, j, i) stored values; an integer type of up to 32 bits, float32 or float64.
    geometry
        Where the voxels are.
    slope, intercept
        From stored values to what they mean.
    labels
        The values are names: said in the header, so that they are never mixed with their neighbours.

    Raises
    ------
    ExportError
        NIfTI cannot say where the voxels are (slices that are not equidistant, unknown orientation), has no such
        type, or the file cannot be written.
    """
    ending = ".nii.gz" if path.name.lower().endswith(".nii.gz") else path.suffix.lower()
    if ending not in {".nii", ".nii.gz"}:
        raise ExportError(
            f"{path.name}: the name of a NIfTI file ends in .nii or .nii.gz. Nothing was written."
        )
    _check(array, geometry)
    data = _file(array, geometry, slope, intercept, labels=labels)
    # Without a time stamp the same volume always gives the same bytes.
    write_bytes(path, gzip.compress(data, 1, mtime=0) if ending == ".nii.gz" else data)


def _check(array: npt.NDArray[np.generic], geometry: VolumeGeometry) -> None:
    if array.shape != geometry.shape:
        raise ValueError(f"an array {array.shape} does not fit a geometry {geometry.shape}")
    if not geometry.oriented:
        raise ExportError(
            "The place of this volume in the patient is unknown; NIfTI needs it. Nothing was written."
        )
    if not geometry.uniform:
        raise ExportError(
            "The slices of this series are not equidistant, which NIfTI cannot say. Nothing was written; "
            "DICOM keeps the positions."
        )
    if array.dtype.newbyteorder("=").str[1:] not in _TYPES:
        raise ExportError(f"NIfTI has no place for values of type {array.dtype}. Nothing was written.")
    if max(array.shape) > _LONGEST:
        raise ExportError(f"NIfTI holds at most {_LONGEST} voxels along an axis. Nothing was written.")


def _file(
    array: npt.NDArray[np.generic], geometry: VolumeGeometry, slope: float, intercept: float, *, labels: bool
) -> bytes:
    import nibabel

    header: Any = nibabel.Nifti1Header()
    affine = ras_affine(geometry)
    header.set_data_dtype(array.dtype.newbyteorder("<"))
    header.set_data_shape(array.shape[::-1])
    header.set_xyzt_units("mm")
    header.set_sform(affine, code=_SCANNER)
    if _sheared(affine):
        header.set_zooms(np.linalg.norm(affine[:3, :3], axis=0))
        header["qform_code"] = 0
    else:
        header.set_qform(affine, code=_SCANNER, strip_shears=True)
    header["scl_slope"], header["scl_inter"] = slope, intercept
    header["vox_offset"] = 352
    header["magic"] = b"n+1"
    if labels:
        header["intent_code"] = _INTENT_LABEL
    # (i, j, k) with i fastest is the memory of (k, j, i) in C order.
    values = np.ascontiguousarray(array.astype(array.dtype.newbyteorder("<"), copy=False))
    return bytes(header.as_byteswapped("<").binaryblock) + b"\0" * 4 + values.tobytes()


def ras_affine(geometry: VolumeGeometry) -> FloatArray:
    """(4, 4) map from (i, j, k, 1) to RAS millimetres of a uniform stack."""
    affine: FloatArray = (_LPS_FROM_RAS @ geometry.patient_from_index)[:, _IJK]
    return affine + 0.0


def _sheared(affine: FloatArray) -> bool:
    axes = affine[:3, :3] / np.linalg.norm(affine[:3, :3], axis=0)
    return bool(np.abs(axes.T @ axes - np.eye(3)).max() > _SHEAR_COSINE)
