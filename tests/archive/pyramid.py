"""A volume of an archive that is large enough to have coarse levels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

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
    (study,) = catalogue_of(folder / "dicom").studies
    (series,) = study.series
    path = folder / "zarr" / f"volume{kind.ending}"
    path.parent.mkdir()
    write_volume(path, kind, series.stacks[0], series, study, key=key)
    return path
