"""The small JSON file beside a volume that says what the volume itself cannot.

Looked for as `<name>.json` beside `<name>.npy` (or `.nii`, `.nii.gz`), and for .npy files also as `volume.json`, which
then holds for every .npy file of its folder. Keys, all optional::

    {"spacing_mm": [2.0, 0.98, 0.98],     between slices, rows and columns
     "origin_mm": [-250.0, -250.0, 40.0], LPS position of the centre of voxel [0, 0, 0]
     "direction": [[0, 0, 1],             LPS directions in which slices,
                   [0, 1, 0],             rows
                   [1, 0, 0]],            and columns count upwards
     "shape": [120, 512, 512],            slices, rows, columns; if given it must fit
     "modality": "CT",
     "unit": "HU"}                        of the values after scaling: "HU", "SUV", "Bq/mL", ...

The files dcm2niix writes have other keys; of those `Modality` and `Units` are used.
"""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from viewer.imaging.geometry import FloatArray

COMMON_NAME = "volume.json"
_LARGEST_BYTES = 1 << 20
_UNITS = {"hu": "HU", "suv": "SUV", "suvbw": "SUV", "bq/ml": "Bq/mL", "bqml": "Bq/mL", "gy": "Gy"}


@dataclass(frozen=True, eq=False)
class Sidecar:
    """What was found beside a volume.

    Parameters
    ----------
    spacing_mm
        (slice, row, column) or None.
    origin_mm
        (3,) LPS position of the first voxel's centre, or None.
    direction
        (3, 3) with the unit vectors of slices, rows and columns as columns (LPS), or None.
    shape
        (k, j, i) the file is about, or None.
    modality, unit
        Empty when not given.
    problem
        A sentence about a file that cannot be used, else "".
    """

    spacing_mm: tuple[float, float, float] | None = None
    origin_mm: FloatArray | None = None
    direction: FloatArray | None = None
    shape: tuple[int, int, int] | None = None
    modality: str = ""
    unit: str = ""
    problem: str = ""


def sidecar_of(path: Path, stem: str, *, common: bool = False) -> Sidecar:
    """Read what lies beside a volume.

    Parameters
    ----------
    path
        The volume.
    stem
        Its name without the ending.
    common
        Whether `volume.json` holds for it when it has no file of its own.
    """
    names = (f"{stem}.json", COMMON_NAME) if common else (f"{stem}.json",)
    for name in names:
        beside = path.with_name(name)
        try:
            if not beside.is_file():
                continue
            if beside.stat().st_size > _LARGEST_BYTES:
                return Sidecar(problem=f"{name} is too large and was not read.")
            return _parsed(json.loads(beside.read_text(encoding="utf-8-sig")))
        except OSError as error:
            return Sidecar(problem=f"{name} cannot be read ({error.strerror or 'system error'}).")
        except _WrongValueError as error:
            return Sidecar(problem=f"{name} was not used: {error}.")
        except (ValueError, RecursionError):
            return Sidecar(problem=f"{name} was not used: it is not JSON.")
    return Sidecar()


class _WrongValueError(Exception):
    """A value does not have the form it must have."""


def _parsed(found: Any) -> Sidecar:
    if not isinstance(found, dict):
        raise _WrongValueError("it holds no JSON object")
    spacing = _numbers(found, "spacing_mm")
    if spacing is not None and min(spacing) <= 0:
        raise _WrongValueError("spacing_mm must be three numbers above 0")
    origin = _numbers(found, "origin_mm")
    shape = _numbers(found, "shape")
    return Sidecar(
        spacing_mm=spacing,
        origin_mm=None if origin is None else np.array(origin),
        direction=_direction(found.get("direction")),
        shape=None if shape is None else (int(shape[0]), int(shape[1]), int(shape[2])),
        modality=_word(found, "modality", "Modality").upper(),
        unit=_unit(_word(found, "unit", "Units")),
    )


def _numbers(found: dict[str, Any], key: str) -> tuple[float, float, float] | None:
    value = found.get(key)
    if value is None:
        return None
    if not isinstance(value, list) or len(value) != 3 or not all(_is_number(entry) for entry in value):
        raise _WrongValueError(f"{key} must be three numbers")
    return float(value[0]), float(value[1]), float(value[2])


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _direction(value: Any) -> FloatArray | None:
    if value is None:
        return None
    reason = "direction must be three perpendicular unit vectors"
    if not isinstance(value, list) or len(value) != 3:
        raise _WrongValueError(reason)
    rows = [_numbers({"direction": row}, "direction") for row in value]
    if any(row is None for row in rows):
        raise _WrongValueError(reason)
    axes: FloatArray = np.array(rows, dtype=np.float64).T
    if not np.allclose(axes.T @ axes, np.eye(3), atol=1e-3):
        raise _WrongValueError(reason)
    return axes


def _word(found: dict[str, Any], *keys: str) -> str:
    """A short plain text under the first key that is there."""
    for key in keys:
        value = found.get(key)
        if isinstance(value, str) and re.fullmatch(r"[\w/^.*% -]{1,16}", value.strip()):
            return value.strip()
    return ""


def _unit(text: str) -> str:
    return _UNITS.get(text.casefold(), text)
