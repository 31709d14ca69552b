"""How a volume lies in Zarr: levels, chunks, shards, and the attributes that say what it is.

A volume is a Zarr v3 group. Its arrays "0", "1", ... are levels: "0" holds the stored values of the files in their own
type, (k, j, i), or (3, k, j, i) RGB; each further level has every second voxel along the longer axes of the one
before, so that each value in it was measured, lies where an affine says, and keeps the slope of its slice. Compression
is Blosc with Zstandard and bit shuffle; a chunk is a slice (several when they are small).

The group's attributes
----------------------
`ome`
    OME-Zarr 0.5 multiscales. Axes carry anatomical orientations (RFC-4) when they run along those of the patient; no
    scale can hold a shear or uneven slices, so the exact geometry is in `triptych`.
`triptych`
    `version`; `stack`, `series`, `study`: the objects of `viewer.dicom.model` field by field
    (`viewer.archive.record`): geometry with shear and uneven offsets, its report, unit, padding, windows, tables,
    SUV with all its inputs; `slices`: one list a column, by k: `sop_instance_uid`, `slope`, `intercept`,
    `slice_suv_factor`, `md5` and `crc32` of the stored values (little endian, C order), `problem` of slices that could
    not be decoded; `levels`: for each level the step along (k, j, i); `coarse_crc32`: for each level but the first the
    CRC-32 of its slices (volumes of earlier versions have none).
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.archive.record import to_plain
from viewer.dicom.model import Series, Stack, Study
from viewer.imaging.geometry import VolumeGeometry

VERSION = 1
KEY = "triptych"
COARSE_SIDE = 64
"""Axes longer than this are halved from level to level."""
CHUNK_BYTES = 1 << 17
"""Slices smaller than this share a chunk."""
COARSE_CHUNK_BYTES = 1 << 23
"""A coarse level up to this size is one chunk."""
SHARD_BYTES = 1 << 28
"""A level larger than this has several shards, so that writing it needs no more memory."""
ALIGNED_COSINE = 0.9999

_WORDS = (
    # LPS axis: (direction of increasing coordinate, the other one)
    ("right-to-left", "left-to-right"),
    ("anterior-to-posterior", "posterior-to-anterior"),
    ("inferior-to-superior", "superior-to-inferior"),
)


@dataclass(frozen=True)
class Level:
    """One array of a volume.

    Parameters
    ----------
    step
        (k, j, i) voxels of level 0 from one to the next.
    shape
        (k, j, i).
    chunk, shard
        Number of slices in a chunk and in a shard; rows and columns are whole.
    """

    step: tuple[int, int, int]
    shape: tuple[int, int, int]
    chunk: int
    shard: int


@dataclass(frozen=True)
class SliceRecord:
    """What is known about one slice of a volume.

    Parameters
    ----------
    md5, crc32
        Digests of its stored values (`md5_of`, `crc32_of`): one for proofs, one that costs little whenever it is read.
        Empty and 0 when it could not be decoded; `problem` says why.
    """

    sop_instance_uid: str
    slope: float
    intercept: float
    slice_suv_factor: float | None
    md5: str
    crc32: int
    problem: str = ""


def levels_of(shape: tuple[int, int, int], voxel_bytes: int) -> list[Level]:
    """All levels of a volume, the finest first.

    Parameters
    ----------
    shape
        (k, j, i).
    voxel_bytes
        Of one voxel, all colours together.
    """
    levels: list[Level] = []
    step = (1, 1, 1)
    while True:
        size = tuple(-(-n // s) for n, s in zip(shape, step, strict=True))
        k, j, i = size
        slice_bytes = j * i * voxel_bytes
        chunk = max(1, min(k, (CHUNK_BYTES if not levels else COARSE_CHUNK_BYTES) // slice_bytes))
        chunks = max(1, min(-(-k // chunk), SHARD_BYTES // (chunk * slice_bytes)))
        levels.append(Level(step, (k, j, i), chunk, chunk * chunks))
        if max(size) <= COARSE_SIDE:
            return levels
        step = tuple(s * 2 if n > COARSE_SIDE else s for s, n in zip(step, size, strict=True))  # type: ignore[assignment]


def coarse_geometry(geometry: VolumeGeometry, step: Sequence[int]) -> VolumeGeometry:
    """Where the voxels of a level are: every n-th one of the finest."""
    shape = tuple(-(-n // s) for n, s in zip(geometry.shape, step, strict=True))
    affine = geometry.patient_from_index.copy()
    offsets = None if geometry.slice_offsets is None else geometry.slice_offsets[:: step[0]]
    if offsets is None:
        affine[:3, 0] *= step[0]
    elif shape[0] > 1:
        # Offsets run from 0 to the number of slices less one.
        scale = (shape[0] - 1) / offsets[-1]
        affine[:3, 0] /= scale
        offsets = offsets * scale
    else:
        offsets = None
    affine[:3, 1] *= step[1]
    affine[:3, 2] *= step[2]
    gaps = tuple(sorted({gap // step[0] for gap in geometry.gaps if gap // step[0] < shape[0] - 1}))
    return VolumeGeometry(
        (shape[0], shape[1], shape[2]),
        affine,
        geometry.frame_of_reference_uid,
        offsets,
        gaps,
        geometry.oriented,
        geometry.calibrated,
    )


def md5_of(values: npt.NDArray[Any]) -> str:
    """MD5 of the stored values of a slice: little endian, C order."""
    return hashlib.md5(_little(values).data, usedforsecurity=False).hexdigest()


def crc32_of(values: npt.NDArray[Any]) -> int:
    """CRC-32 of the same bytes: finds every accident, in a sixth of the time."""
    return zlib.crc32(_little(values).data)


def _little(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    return np.ascontiguousarray(values, dtype=values.dtype.newbyteorder("<"))


def attributes(
    stack: Stack,
    series: Series,
    study: Study,
    slices: Sequence[SliceRecord],
    levels: Sequence[Level],
    coarse_crc32: Sequence[Sequence[int]],
) -> dict[str, Any]:
    """The attributes of the group; see the text of the module."""
    return {
        "ome": _ome(stack, levels),
        KEY: {
            "version": VERSION,
            "stack": to_plain(stack, frozenset({"frames", "source"})),
            "series": to_plain(series, frozenset({"stacks", "paths"})),
            "study": to_plain(study, frozenset({"series"})),
            "slices": {
                name: [to_plain(getattr(record, name)) for record in slices]
                for name in SliceRecord.__dataclass_fields__
            },
            "levels": [list(level.step) for level in levels],
            "coarse_crc32": coarse_crc32,
        },
    }


def dimension_names(*, colour: bool) -> tuple[str, ...]:
    """Names of the axes of an array."""
    return ("c", "z", "y", "x") if colour else ("z", "y", "x")


def _ome(stack: Stack, levels: Sequence[Level]) -> dict[str, Any]:
    geometry = stack.geometry
    colour = stack.pixels.samples_per_pixel == 3 or stack.pixels.photometric == "PALETTE COLOR"
    axes: list[dict[str, Any]] = [{"name": "c", "type": "channel"}] if colour else []
    for n, name in enumerate("zyx"):
        axis: dict[str, Any] = {"name": name, "type": "space"}
        if geometry.calibrated:
            axis["unit"] = "millimeter"
        word = _direction(geometry, n)
        if word:
            axis["orientation"] = {"type": "anatomical", "value": word}
        axes.append(axis)
    lead = [1.0] if colour else []
    spacing = geometry.spacing_mm if geometry.calibrated else (1.0, 1.0, 1.0)
    return {
        "version": "0.5",
        "multiscales": [
            {
                "axes": axes,
                "datasets": [
                    {
                        "path": str(n),
                        "coordinateTransformations": [
                            {
                                "type": "scale",
                                "scale": lead + [s * mm for s, mm in zip(level.step, spacing, strict=True)],
                            }
                        ],
                    }
                    for n, level in enumerate(levels)
                ],
                "type": "every second voxel",
            }
        ],
    }


def _direction(geometry: VolumeGeometry, axis: int) -> str:
    """RFC-4 word for an axis of the array, "" when it does not run along one of the patient."""
    if not geometry.oriented:
        return ""
    vector = geometry.patient_from_index[:3, axis]
    cosines = vector / np.linalg.norm(vector)
    along = int(np.abs(cosines).argmax())
    if abs(float(cosines[along])) < ALIGNED_COSINE:
        return ""
    return _WORDS[along][0 if cosines[along] > 0 else 1]
