"""Measurements as JSON: privately, keyed by hashes of UIDs, or explicitly, with the UIDs themselves.

The private file lies in the user's data folder and is found again by the StudyInstanceUID. It holds no name and no
number of a patient, and UIDs, which lead to a patient, only as hashes; they are recognised when the study is open.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from viewer.dicom.model import Catalogue
from viewer.errors import FormatError
from viewer.state.kept_json import KeptFile, number_of, point_of, text_of
from viewer.state.measured import NAMES, Measured, Result
from viewer.state.measurement import FACTS, Kind, Measurement

FILE = KeptFile("measurements")
LONGEST_TEXT = 2000
MOST_POINTS = 20_000
HASH = "sha256:"
"""Begins a UID that is only known by its hash."""
_UIDS = ("study_uid", "frame_of_reference_uid", "volume_uid", "sop_instance_uid")
_POINTS: dict[Kind, int] = {
    Kind.LENGTH: 2,
    Kind.ANGLE: 3,
    Kind.COBB: 4,
    Kind.BIDIRECTIONAL: 4,
    Kind.ELLIPSE: 4,
    Kind.RECTANGLE: 4,
    Kind.POINT: 1,
    Kind.ARROW: 2,
    Kind.TEXT: 1,
}
"""How many points a kind has; outlines have three or more. Kinds that are only read from others are not kept."""


@dataclass(frozen=True)
class Kept:
    """One measurement of a file.

    Parameters
    ----------
    measurement
        With its UIDs, where they are known.
    result
        Its numbers when it was kept.
    """

    measurement: Measurement
    result: Result


def study_key(study_uid: str) -> str:
    """Name under which the measurements of a study are kept; does not tell which study it is."""
    return hashlib.sha256(f"study {study_uid}".encode()).hexdigest()


def hashed(uid: str) -> str:
    """A UID as it stands in a private file; "" stays "", and what is hashed already stays as it is."""
    if not uid or uid.startswith(HASH):
        return uid
    return HASH + hashlib.sha256(f"uid {uid}".encode()).hexdigest()


def known_uids(catalogue: Catalogue) -> dict[str, str]:
    """Hash to UID of all studies, stacks, frames of reference and images of a catalogue."""
    uids: set[str] = set()
    for study in catalogue.studies:
        uids.add(study.uid)
        for series in study.series:
            uids.add(series.frame_of_reference_uid)
            for stack in series.stacks:
                uids.update((stack.uid, stack.geometry.frame_of_reference_uid))
                uids.update(frame.sop_instance_uid for frame in stack.frames)
    return {hashed(uid): uid for uid in uids if uid}


def to_json(items: Iterable[Kept], *, private: bool) -> str:
    """Measurements as text.

    Parameters
    ----------
    items
        What to keep.
    private
        Whether UIDs are hashed.
    """
    uid_text: Callable[[str], str] = hashed if private else str
    return FILE.text_of(_row(item, uid_text) for item in items)


def from_json(text: str, known: Mapping[str, str] | None = None) -> tuple[Kept, ...]:
    """Measurements of a text.

    Parameters
    ----------
    text
        What `to_json` wrote.
    known
        Hash to UID; hashes that are not in it stay hashes.

    Raises
    ------
    FormatError
        It is not such a text, or not a whole one.
    """
    return FILE.read(text, lambda row: _kept(row, known or {}))


def _row(item: Kept, uid_text: Callable[[str], str]) -> dict[str, object]:
    found = item.measurement
    return {
        "uid": found.uid,
        "kind": found.kind.value,
        "name": found.name,
        "text": found.text,
        "points_mm": [list(point) for point in found.points],
        "normal": list(found.normal),
        **{name: uid_text(getattr(found, name)) for name in _UIDS},
        "frame": found.frame,
        "calibrated": found.calibrated,
        "visible": found.visible,
        "values": [{"id": one.id, "value": one.value, "unit": one.unit} for one in item.result.values],
        "note": item.result.note,
        "warnings": list(item.result.warnings),
    }


def _kept(row: Any, known: Mapping[str, str]) -> Kept:
    """One row, every field checked: the file may come from anywhere.

    Raises
    ------
    KeyError, TypeError, ValueError
        A field is missing or not what it should be.
    FormatError
        It is of a kind that is not kept, or has the wrong points.
    """
    kind = Kind(row["kind"])
    if kind is Kind.PATH:
        raise FormatError("The file of measurements holds a kind that is not kept in it.")
    points = tuple(point_of(point) for point in row["points_mm"])
    wanted = _POINTS.get(kind)
    if (len(points) != wanted) if wanted else not 3 <= len(points) <= MOST_POINTS:
        raise FormatError(f"A {FACTS[kind].text.lower()} in the file of measurements has the wrong points.")
    uids = {name: known.get(str(row[name]), str(row[name])) for name in _UIDS}
    measurement = Measurement(
        uid=_text(row["uid"]),
        kind=kind,
        points=points,
        normal=point_of(row["normal"]),
        frame=int(row["frame"]),
        calibrated=bool(row["calibrated"]),
        name=_text(row["name"]),
        text=_text(row["text"]),
        visible=bool(row["visible"]),
        **uids,
    )
    values = tuple(
        Measured(str(one["id"]), number_of(one["value"]), _text(one["unit"]))
        for one in row["values"]
        if one["id"] in NAMES
    )
    result = Result(values, _text(row["note"]), tuple(_text(one) for one in row["warnings"]))
    return Kept(measurement, result)


def _text(value: Any) -> str:
    return text_of(value)[:LONGEST_TEXT]
