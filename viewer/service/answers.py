"""Planes as bodies of answers: PNG through a window, values as they are stored, values in their unit, JSON.

Geometry goes into headers, in LPS millimetres: `X-Origin-Mm` (centre of the first value), `X-Column-Step-Mm` and
`X-Row-Step-Mm` (to the next column and to the next row). Values are little endian, row by row.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt

from viewer.imaging.colormap import colormap
from viewer.imaging.compose import LayerPicture, compose
from viewer.imaging.display import layer_table
from viewer.imaging.geometry import FloatArray
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, SampleRequest, sample_planes
from viewer.imaging.volume import Volume
from viewer.imaging.window import Voi
from viewer.service.planes import NamedPlane
from viewer.service.refusal import Refusal
from viewer.service.shelf import Part

PNG, RAW, FLOAT32, JSON = "png", "raw", "float32", "json"
FORMATS = (PNG, RAW, FLOAT32, JSON)
OBLIQUE_FORMATS = (PNG, FLOAT32, JSON)
"""Between the voxels nothing is stored."""
MEDIA_TYPES = {
    PNG: "image/png",
    RAW: "application/octet-stream",
    FLOAT32: "application/octet-stream",
    JSON: "application/json",
}
MOST_JSON_VALUES = 1 << 22
_PNG_LEVEL = 1
"""A slice packs three times as fast as at the usual level 6 and is a tenth larger."""

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Answer:
    """Body and headers of an answer.

    Parameters
    ----------
    body, media_type
        What is sent.
    headers
        What belongs to it.
    """

    body: bytes
    media_type: str
    headers: Mapping[str, str] = field(default_factory=dict)


def named_answer(
    part: Part,
    plane: NamedPlane,
    index: int,
    form: str,
    window: Voi | None,
    facts: Mapping[str, object],
) -> Answer:
    """A plane with a name.

    Parameters
    ----------
    part
        Of its volume: all of it, or the one slice that is asked for.
    plane, index
        Which plane.
    form
        One of `FORMATS`.
    window
        On the quantity on display, for PNG; None for colour volumes.
    facts
        What a JSON body says beside the values.

    Raises
    ------
    Refusal
        None of it could be decoded, or it cannot be had in this form.
    """
    volume, geometry, missing = part.volume, part.geometry, part.missing
    if plane.axis == 0:
        missing = missing[missing == index]
        if missing.size:
            raise undecoded()
    if form == PNG:
        return _png(volume, plane.picture(geometry, index), window)
    stored = plane.voxels(volume.array, index - part.first if plane.axis == 0 else index)
    grid = plane.grid(geometry, index)
    headers = _described(volume, grid)
    if missing.size:
        headers["X-Missing-Slices"] = _joined(missing.tolist())
    if form == RAW:
        slopes = {"X-Slope": repr(volume.display_slope), "X-Intercept": repr(volume.display_intercept)}
        if volume.padding is not None:
            slopes["X-Padding"] = _joined(volume.padding)
        return _raw(stored, headers | slopes)
    values = _displayed(volume, stored)
    if missing.size:
        # Slices lie side by side in rows or in columns of this plane.
        last = geometry.shape[0] - 1
        if plane.row_axis == 0:
            values[last - missing if plane.flip_rows else missing] = np.nan
        else:
            values[:, last - missing if plane.flip_columns else missing] = np.nan
    return _values(values, headers, form, volume, grid, facts)


def undecoded() -> Refusal:
    """The answer to who asks for a slice that is damaged."""
    return Refusal(422, "This slice could not be decoded.")


def oblique_answer(volume: Volume, plane: Plane, form: str, window: Voi | None) -> Answer:
    """Any plane in one of `OBLIQUE_FORMATS`, interpolated as in the viewer.

    Raises
    ------
    Refusal
        It cannot be had in this form.
    """
    if form == PNG:
        return _png(volume, plane, window)
    if volume.is_colour:
        raise _no_values()
    (sampled,) = sample_planes([SampleRequest(volume, plane, None, _interpolation(volume))])
    values = np.where(np.isfinite(sampled), sampled, np.nan) * volume.display_slope + volume.display_intercept
    grid = plane.origin_mm, plane.u_mm, plane.v_mm
    return _values(values, _described(volume, grid), form, volume, grid, {"plane": "oblique"})


def _png(volume: Volume, plane: Plane, window: Voi | None) -> Answer:
    """The viewer's own picture of a plane: its kernel, its colours, its hatching where there is no data."""
    from PIL import Image

    channels = 3 if volume.is_colour else 1
    sampled = sample_planes(
        [SampleRequest(volume, plane, None, _interpolation(volume), None, n) for n in range(channels)]
    )
    if window is None:
        table = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 4, axis=1)
        table[:, 3] = 255
        layer = LayerPicture(np.stack(sampled) if volume.is_colour else sampled[0], table, 0.0, 255.0)
    else:
        table, lower, upper = layer_table(
            window,
            colormap("inverse-grey" if volume.modality == "PT" else "grey"),
            invert=volume.inverted,
            slope=volume.display_slope,
            intercept=volume.display_intercept,
        )
        layer = LayerPicture(sampled[0], table, lower, upper)
    pixels = compose([layer])
    size = (plane.width, plane.height)
    if not volume.is_colour and not np.isposinf(sampled[0]).any():
        picture = Image.fromarray((pixels & 0xFF).astype(np.uint8))
    else:
        picture = Image.frombytes("RGB", size, pixels.astype("<u4").tobytes(), "raw", "BGRX")
    out = io.BytesIO()
    picture.save(out, "PNG", compress_level=_PNG_LEVEL)
    grid = plane.origin_mm, plane.u_mm, plane.v_mm
    shape = {"X-Shape": f"{plane.height},{plane.width}"}
    return Answer(out.getvalue(), MEDIA_TYPES[PNG], _described(volume, grid) | shape)


def _interpolation(volume: Volume) -> Interpolation:
    return Interpolation.NEAREST if volume.quantity.is_label else Interpolation.LINEAR


def _displayed(volume: Volume, stored: Array) -> Array:
    """Stored values in the unit on display, float64, NaN for padding."""
    if volume.is_colour:
        raise _no_values()
    values: Array = stored * np.float64(volume.display_slope) + volume.display_intercept
    values[volume.is_padding(stored)] = np.nan
    return values


def _no_values() -> Refusal:
    return Refusal(409, "This series has colours instead of values: ask for png or raw.")


def _values(
    values: Array,
    headers: dict[str, str],
    form: str,
    volume: Volume,
    grid: tuple[FloatArray, FloatArray, FloatArray] | None,
    facts: Mapping[str, object],
) -> Answer:
    if form == FLOAT32:
        return _raw(values.astype("<f4"), headers)
    if values.size > MOST_JSON_VALUES:
        raise Refusal(409, f"JSON holds at most {MOST_JSON_VALUES} values: ask for float32.")
    numbers = values.astype(object)
    numbers[~np.isfinite(values)] = None
    body = {
        **facts,
        "shape": list(values.shape),
        "unit": volume.display_unit,
        **{
            name: None if grid is None else grid[n].tolist()
            for n, name in enumerate(("origin_mm", "column_step_mm", "row_step_mm"))
        },
        "values": numbers.tolist(),
    }
    return Answer(to_json(body), MEDIA_TYPES[JSON], headers)


def _raw(values: Array, headers: Mapping[str, str]) -> Answer:
    little = np.ascontiguousarray(values, values.dtype.newbyteorder("<"))
    kind = {"X-Shape": _joined(little.shape), "X-Dtype": little.dtype.str}
    return Answer(little.tobytes(), MEDIA_TYPES[RAW], {**headers, **kind})


def to_json(value: object) -> bytes:
    """A JSON body."""
    return json.dumps(value, allow_nan=False, separators=(",", ":"), ensure_ascii=False).encode()


def _described(volume: Volume, grid: tuple[FloatArray, FloatArray, FloatArray] | None) -> dict[str, str]:
    # A unit may come from a file; a header holds printable ASCII alone.
    unit = "".join(letter if " " <= letter <= "~" else "?" for letter in volume.display_unit)
    headers = {"X-Unit": unit}
    if grid is not None:
        names = ("X-Origin-Mm", "X-Column-Step-Mm", "X-Row-Step-Mm")
        headers |= {name: _joined(vector.tolist()) for name, vector in zip(names, grid, strict=True)}
    return headers


def _joined(numbers: Iterable[float]) -> str:
    return ",".join(f"{number:.12g}" for number in numbers)
