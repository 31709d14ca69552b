"""Measurements as JSON: the same ones come back, and a private file leads to nobody."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from tests.state.conftest import MakeVolume
from tests.state.test_measurements import drawn
from viewer.dicom.model import Catalogue
from viewer.errors import FormatError
from viewer.state.library import OpenVolume
from viewer.state.measured import measure
from viewer.state.measurement import Kind
from viewer.state.measurement_file import Kept, from_json, hashed, known_uids, study_key, to_json

POINTS: dict[Kind, list[tuple[float, float, float]]] = {
    Kind.LENGTH: [(2, 1, 1), (2, 4, 6)],
    Kind.ANGLE: [(2, 1, 6), (2, 1, 2), (2, 4, 6)],
    Kind.COBB: [(2, 1, 1), (2, 1, 6), (2, 3, 1), (2, 4, 6)],
    Kind.BIDIRECTIONAL: [(2, 1, 1), (2, 1, 7), (2, 0, 3), (2, 2, 3)],
    Kind.ELLIPSE: [(2, 3, 1), (2, 3, 7), (2, 1, 4), (2, 5, 4)],
    Kind.RECTANGLE: [(1, 0.5, 1.5), (1, 0.5, 5.5), (1, 3.5, 5.5), (1, 3.5, 1.5)],
    Kind.POLYGON: [(1, 0.5, 1.5), (1, 0.5, 5.5), (1, 3.5, 5.5)],
    Kind.FREEHAND: [(1, 0.5, 1.5), (1, 0.5, 5.5), (1, 3.5, 5.5), (1, 4, 3), (1, 3, 2)],
    Kind.POINT: [(1, 2, 3)],
    Kind.ARROW: [(1, 2, 3), (1, 4, 5)],
    Kind.TEXT: [(1, 2, 3)],
}


def kept(item: OpenVolume) -> tuple[Kept, ...]:
    """One measurement of each kind with its numbers."""
    made = [
        drawn(item, kind, points, text="cyst", sop_instance_uid="1.7.2", visible=kind is not Kind.POINT)
        for kind, points in POINTS.items()
    ]
    return tuple(Kept(found, measure(found, item)) for found in made)


@pytest.mark.parametrize("private", [False, True])
def test_that_G08_every_kind_comes_back_with_its_numbers(make_volume: MakeVolume, private: bool) -> None:
    items = kept(make_volume())
    known = {hashed(uid): uid for uid in ("1.5", "1.9", "1.2.3", "1.7.2")}
    assert set(POINTS) == set(Kind) - {Kind.PATH}
    assert from_json(to_json(items, private=private), known) == items


def test_that_a_private_file_leads_to_nobody(make_volume: MakeVolume) -> None:
    item = make_volume("1.2.840.4711", frame_of_reference="1.2.840.4712")
    item = replace(item, study=replace(item.study, uid="1.2.840.4713"))
    text = to_json(kept(item), private=True)
    for word in ("4711", "4712", "4713", "DOE", "ID-77", "1970", "ACC-5", "Clinic"):
        assert word not in text
    assert "4713" not in study_key("1.2.840.4713")
    assert "4712" in to_json(kept(item), private=False)


def test_that_hashes_stay_until_their_files_are_known(make_volume: MakeVolume) -> None:
    item = make_volume()
    text = to_json(kept(item), private=True)
    unknown = from_json(text)
    assert {found.measurement.frame_of_reference_uid for found in unknown} == {hashed("1.9")}
    assert to_json(unknown, private=True) == text, "they are written back as they were"
    known = known_uids(Catalogue(studies=(item.study,)))
    assert {found.measurement.volume_uid for found in from_json(text, known)} == {"1.2.3"}


def spoilt(text: str, change: Any) -> str:
    content = json.loads(text)
    change(content)
    return json.dumps(content)


DAMAGE: dict[str, tuple[Any, str]] = {
    "other format": (lambda c: c.update(format="other"), "no measurements of this program"),
    "newer": (lambda c: c.update(version=99), "newer version"),
    "no list": (lambda c: c.update(measurements=None), "no list"),
    "no points": (lambda c: c["measurements"][0].pop("points_mm"), "not complete"),
    "one point": (lambda c: c["measurements"][0].update(points_mm=[[0, 0, 0]]), "wrong points"),
    "flat points": (lambda c: c["measurements"][0].update(points_mm=[[0, 0], [1, 1]]), "not complete"),
    "words": (lambda c: c["measurements"][0].update(points_mm=[[0, 0, "x"], [1, 1, 1]]), "not complete"),
    "unknown kind": (lambda c: c["measurements"][0].update(kind="volume"), "not complete"),
    "name of a number": (lambda c: c["measurements"][0].update(name=7), "not complete"),
    "not a number": (lambda c: c["measurements"][0].update(normal=[0, 0, float("nan")]), "not complete"),
    "a list": (lambda c: c["measurements"].append([]), "not complete"),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_that_a_file_that_is_not_whole_is_refused_in_a_sentence(make_volume: MakeVolume, damage: str) -> None:
    change, reason = DAMAGE[damage]
    with pytest.raises(FormatError, match=reason):
        from_json(spoilt(to_json(kept(make_volume()), private=False), change))


def test_that_text_that_is_no_file_of_measurements_is_refused() -> None:
    for text in ("", "{", "[]", "NaN", "[" * 100_000):
        with pytest.raises(FormatError):
            from_json(text)
