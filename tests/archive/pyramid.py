"""A volume of an archive that is large enough to have coarse levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom

from tests.formats.volumes import catalogue_of
from tests.phantoms import write_series
from viewer.archive.sealing import ArchiveKey
from viewer.archive.stores import StoreKind
from viewer.archive.write import write_volume

SHAPE = (70, 80, 130)
SPACING_MM = (3.0, 2.0, 1.0)
AFFINE = np.array([[0, 0, 1.0, -60.0], [0, 2.0, 0, -80.0], [3.0, 0, 0, -100.0], [0, 0, 0, 1.0]])


def ramp() -> npt.NDArray[np.int16]:
    """10 a slice, 3 a row, 2 a column."""
    k, j, i = np.indices(SHAPE)
    values: npt.NDArray[np.int16] = (10 * k + 3 * j + 2 * i - 500).astype(np.int16)
    return values


def write_pyramid(
    folder: Path,
    array: npt.NDArray[Any] | None = None,
    kind: StoreKind = StoreKind.SHARD,
    key: ArchiveKey | None = None,
) -> Path:
    """Write `ramp`, or another array of its shape, as DICOM and then as a volume of an archive; the volume's path."""
    write_series(folder / "dicom", ramp() if array is None else array, AFFINE)
    return converted(folder, kind, key)


def write_uneven_pyramid(folder: Path, other: int) -> Path:
    """`ramp` with one slice that has another slope than 2 and intercept than -1024."""
    write_series(folder / "dicom", ramp(), AFFINE, RescaleSlope=2, RescaleIntercept=-1024)
    for file in (folder / "dicom").iterdir():
        dataset = pydicom.dcmread(file)
        if dataset.ImagePositionPatient[2] == AFFINE[2, 3] + other * SPACING_MM[0]:
            dataset.RescaleSlope = 3
            dataset.save_as(file)
    return converted(folder)


def converted(folder: Path, kind: StoreKind = StoreKind.SHARD, key: ArchiveKey | None = None) -> Path:
    """Convert the series below a folder; the volume's path."""
    (study,) = catalogue_of(folder / "dicom").studies
    (series,) = study.series
    path = folder / "zarr" / f"volume{kind.ending}"
    path.parent.mkdir()
    write_volume(path, kind, series.stacks[0], series, study, key=key)
    return path
