"""Volumes saved with `numpy.save`: (C, H, W) = slices, rows, columns, alone or as pairs like `ct.npy` and `pet.npy`.

An array has no geometry of its own: `viewer.formats.sidecar` describes the JSON file that gives it one. With a spacing
but no directions the usual order is taken (slices to the head, rows to the back, columns to the patient's left) and a
warning says so; without a spacing the slices are shown as pictures without millimetres (rule J49).

Arrays with geometry in one folder share one space, so `pet.npy` can lie over `ct.npy`. "ct", "pet" or "pt", "mr" as
first or last word of the name give the modality. Pickled objects are never loaded.
"""

from __future__ import annotations

import re
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from viewer.errors import FormatError
from viewer.formats import sniff
from viewer.formats.file_volume import (
    VolumeFile,
    affine_fit,
    flat_fit,
    folder_uid,
    found_volume,
    named_as_labels,
)
from viewer.formats.registry import CancelCheck, Found, FoundVolume
from viewer.formats.sidecar import COMMON_NAME, Sidecar, sidecar_of
from viewer.formats.voxels import FileVoxels, VoxelLayout
from viewer.imaging.geometry_report import Note

if TYPE_CHECKING:
    from viewer.dicom.geometry_fit import Fit

_MAGIC = b"\x93NUMPY"
_KINDS = "biuf"
_MODALITIES = {"CT": "CT", "PET": "PT", "PT": "PT", "MR": "MR", "MRI": "MR"}
_USUAL = np.array([[0.0, 0.0, 1.0], [0.0, 1.0, 0.0], [1.0, 0.0, 0.0]])
"""Columns: directions of slices (H), rows (P) and columns (L) in LPS."""


class NumpyFile:
    """Reads .npy files."""

    id = "numpy"
    name = "NumPy volume"
    patterns: tuple[str, ...] = ("*.npy",)
    endings: tuple[str, ...] = (".npy",)
    priority = 40

    def can_open(self, path: Path) -> bool:
        """True for regular files that start like .npy."""
        return sniff.is_regular_file(path) and sniff.head(path).startswith(_MAGIC)

    def expand(self, path: Path, cancel: CancelCheck) -> Iterator[Found]:
        """Yield the volume.

        Raises
        ------
        FormatError
            The array is damaged, holds objects, or is no volume.
        """
        cancel.check()
        try:
            shape, fortran, dtype, offset = _header(path)
            layout = _layout(shape, dtype, offset, fortran=fortran)
            yield _volume(path.resolve(), path.name, layout)
        except FormatError as error:
            raise FormatError(f"{path.name}: {error.user_message}") from error

    def read(self, path: Path, shown: str, cancel: CancelCheck) -> FoundVolume | None:
        """Read the header; None for arrays that are no volume. See `VolumeFormat`."""
        cancel.check()
        shape, fortran, dtype, offset = _header(path)
        try:
            layout = _layout(shape, dtype, offset, fortran=fortran)
        except FormatError:
            return None  # tables and objects lie in many folders and are no fault of theirs
        return _volume(path, shown, layout)


def _header(path: Path) -> tuple[tuple[int, ...], bool, np.dtype[Any], int]:
    """(shape, fortran order, dtype, offset of the values); no object is ever made from the file.

    Raises
    ------
    FormatError
        The header is damaged.
    """
    with path.open("rb") as file:
        try:
            version = np.lib.format.read_magic(file)
            shape, fortran, dtype = _read_array_header(file, version)
        except (
            ValueError,
            SyntaxError,
            TypeError,
            RecursionError,
            MemoryError,
            OverflowError,
            tokenize.TokenError,
        ) as error:
            # numpy parses the header as Python text.
            raise FormatError("its header is damaged.") from error
        return shape, fortran, dtype, file.tell()


def _read_array_header(
    file: BinaryIO, version: tuple[int, int]
) -> tuple[tuple[int, ...], bool, np.dtype[Any]]:
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(file)


def _layout(shape: tuple[int, ...], dtype: np.dtype[Any], offset: int, *, fortran: bool) -> VoxelLayout:
    """Layout of a volume.

    Raises
    ------
    FormatError
        The array is no volume of numbers.
    """
    if dtype.hasobject:
        raise FormatError("it holds Python objects, which are never loaded because they could run code.")
    if dtype.kind not in _KINDS or dtype.itemsize > 8 or dtype.names is not None:
        raise FormatError("its values are not plain numbers.")
    if len(shape) != 3 or min(shape) < 1:
        size = " x ".join(str(n) for n in shape[:8]) or "single value"
        raise FormatError(f"it is no volume: its size is {size}, expected are slices x rows x columns.")
    return VoxelLayout(offset, dtype, (shape[0], shape[1], shape[2]), fortran=fortran)


def _volume(path: Path, shown: str, layout: VoxelLayout) -> FoundVolume:
    """The entry of the catalogue.

    Raises
    ------
    FormatError
        The file is shorter than its header says.
    """
    stem = shown.rsplit("/", 1)[-1][: -len(".npy")]
    sidecar = sidecar_of(path, path.name[: -len(".npy")], common=True)
    if layout.dtype.kind in "iub" and named_as_labels(stem):
        layout = VoxelLayout(layout.offset, layout.dtype, layout.shape, fortran=layout.fortran, labels=True)
    fit = _fit(sidecar, layout, stem)
    return found_volume(
        VolumeFile(
            path=path,
            shown=shown,
            stem=stem,
            source=FileVoxels(path, layout),
            layout=layout,
            fit=fit,
            modality=sidecar.modality or _modality(stem),
            unit=sidecar.unit,
            frame_of_reference=folder_uid(path) if fit.geometry.oriented else "",
        )
    )


def _modality(stem: str) -> str:
    words = [word.upper() for word in re.split(r"[^A-Za-z]+", stem) if word]
    return next((_MODALITIES[word] for word in (*words[:1], *words[-1:]) if word in _MODALITIES), "OT")


def _fit(sidecar: Sidecar, layout: VoxelLayout, stem: str) -> Fit:
    notes = [Note("sidecar", sidecar.problem)] if sidecar.problem else []
    if sidecar.shape is not None and sidecar.shape != layout.shape:
        notes.append(
            Note("sidecar", "The JSON file beside it is about an array of another size and was not used.")
        )
        sidecar = Sidecar()
    if sidecar.spacing_mm is None:
        notes.append(
            Note(
                "no-geometry",
                "No geometry: an array does not say how large its voxels are or how they lie in the patient. "
                f'Write {stem}.json or {COMMON_NAME} beside it with "spacing_mm": [slice, row, column].',
            )
        )
        return flat_fit(layout.shape, None, notes)
    spacing = np.array(sidecar.spacing_mm)
    affine = np.eye(4)
    affine[:3, :3] = (_USUAL if sidecar.direction is None else sidecar.direction) * spacing
    if sidecar.origin_mm is not None:
        affine[:3, 3] = sidecar.origin_mm
    if sidecar.direction is None:
        notes.append(
            Note(
                "direction-assumed",
                "No directions are given: slices are taken to run to the head, rows to the back and columns to the "
                "patient's left. Check left and right.",
            )
        )
    return affine_fit(affine, layout.shape, notes, spacing)


FORMAT = NumpyFile()
