"""Lesions as JSON: how each was drawn, with its series by a hash, so that the file leads to nobody."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from viewer.imaging.lesion import Drawing
from viewer.imaging.uptake import Threshold, ThresholdKind
from viewer.imaging.voi import Box, Shape, Sphere
from viewer.state.kept_json import KeptFile, number_of, point_of, text_of
from viewer.state.lesions import Lesion
from viewer.state.measurement_file import HASH, hashed

FILE = KeptFile("lesions")
LONGEST_NAME = 64
MOST_MM = 1e5
_COLOUR = re.compile(r"#[0-9a-f]{6}")
_UID = re.compile(r"[0-9.]{1,64}")


def to_json(lesions: Iterable[Lesion]) -> str:
    """Lesions as text; series are hashed."""
    return FILE.text_of(map(_row, lesions))


def from_json(text: str, known: Mapping[str, str]) -> tuple[Lesion, ...]:
    """Lesions of a text.

    Parameters
    ----------
    text
        What `to_json` wrote.
    known
        Hash to uid of a series; hashes that are not in it stay hashes.

    Raises
    ------
    FormatError
        It is not such a text, or not a whole one.
    """
    return FILE.read(text, lambda row: _lesion(row, known))


def is_unknown(lesion: Lesion) -> bool:
    """Whether the series of a lesion is only a hash."""
    return lesion.volume_uid.startswith(HASH)


def _row(lesion: Lesion) -> dict[str, object]:
    drawing = lesion.drawing
    shape: dict[str, object] = {"centre_mm": list(drawing.shape.centre_mm)}
    if isinstance(drawing.shape, Sphere):
        shape["radius_mm"] = drawing.shape.radius_mm
    else:
        shape["half_axes_mm"] = [list(axis) for axis in drawing.shape.half_axes_mm]
    threshold = drawing.threshold
    return {
        "uid": lesion.uid,
        "series": hashed(lesion.volume_uid),
        "name": lesion.name,
        "colour": lesion.colour,
        "visible": lesion.visible,
        "liver": lesion.liver,
        "shape": shape,
        "grown": drawing.grown,
        "threshold": {"kind": threshold.kind.value, "value": threshold.value, "unit": threshold.unit},
    }


def _lesion(row: Any, known: Mapping[str, str]) -> Lesion:
    """One row, every field checked: the file may come from anywhere."""
    found = row["threshold"]
    threshold = Threshold(ThresholdKind(found["kind"]), _number(found["value"]), _text(found["unit"]))
    series, colour, uid = _text(row["series"]), _text(row["colour"]), _text(row["uid"])
    if not _COLOUR.fullmatch(colour) or not _UID.fullmatch(uid):
        raise ValueError("colour or uid")
    return Lesion(
        uid=uid,
        volume_uid=known.get(series, series),
        name=_text(row["name"])[:LONGEST_NAME],
        drawing=Drawing(_shape(row["shape"]), threshold, grown=row["grown"] is True),
        colour=colour,
        visible=row["visible"] is True,
        liver=row["liver"] is True,
    )


def _shape(row: Any) -> Shape:
    centre = point_of(row["centre_mm"], _number)
    if "radius_mm" in row:
        radius = _number(row["radius_mm"])
        if radius <= 0:
            raise ValueError("radius")
        return Sphere(centre, radius)
    axes = tuple(point_of(axis, _number) for axis in row["half_axes_mm"])
    if len(axes) != 3 or not all(any(axis) for axis in axes):
        raise ValueError("axes")
    return Box(centre, axes)


def _number(value: Any) -> float:
    number = number_of(value)
    if abs(number) > MOST_MM:
        raise ValueError("too far")
    return number


def _text(value: Any) -> str:
    return "".join(letter for letter in text_of(value) if letter.isprintable())
