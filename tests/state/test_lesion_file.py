"""Lesions as text: what is written comes back, nothing else is taken."""

from __future__ import annotations

import json
from typing import Any

import pytest

from viewer.errors import FormatError
from viewer.imaging.lesion import Drawing
from viewer.imaging.uptake import Threshold, ThresholdKind
from viewer.imaging.voi import Box, Sphere
from viewer.state.lesion_file import from_json, is_unknown, to_json
from viewer.state.lesions import Lesion
from viewer.state.measurement_file import hashed

SERIES = "1.2.840.99.7"
LESIONS = (
    Lesion(
        "2.25.1",
        SERIES,
        "L1",
        Drawing(Sphere((1.0 / 3, -2.5, 1e-7), 100.0), Threshold(ThresholdKind.PERCENT, 41.0), grown=True),
        "#4fc3f7",
    ),
    Lesion(
        "2.25.2",
        SERIES,
        "Knoten links",
        Drawing(
            Box((1.0, 2.0, 3.0), ((4.0, 0.1, 0.0), (0.0, 5.0, 0.0), (0.0, 0.0, 6.0))),
            Threshold(ThresholdKind.FIXED, 2.5, "SUL Janma"),
        ),
        "#81e36a",
        visible=False,
    ),
    Lesion(
        "2.25.3",
        SERIES,
        "Liver",
        Drawing(Sphere((0.0, 0.0, 0.0), 15.0), Threshold(ThresholdKind.WHOLE)),
        "#e6e6e6",
        liver=True,
    ),
)


def test_that_G08_lesions_come_back_exactly_and_their_series_is_only_a_hash() -> None:
    text = to_json(LESIONS)
    assert SERIES not in text
    assert from_json(text, {hashed(SERIES): SERIES}) == LESIONS
    unknown = from_json(text, {})
    assert all(is_unknown(lesion) for lesion in unknown)
    assert to_json(unknown) == text


def changed(**fields: Any) -> str:
    content = json.loads(to_json(LESIONS[:1]))
    content["lesions"][0].update(fields)
    return json.dumps(content)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{",
        '{"format": "other"}',
        '{"format": "triptych-lesions", "version": 99, "lesions": []}',
        '{"format": "triptych-lesions", "version": 1}',
        changed(shape={"centre_mm": [0, 0, 0], "radius_mm": -1}),
        changed(shape={"centre_mm": [0, 0], "radius_mm": 1}),
        changed(shape={"centre_mm": [0, 0, 1e300], "radius_mm": 1}),
        changed(shape={"centre_mm": [0, 0, 0], "half_axes_mm": [[1, 0, 0]]}),
        changed(threshold={"kind": "magic", "value": 1, "unit": ""}),
        changed(threshold={"kind": "fixed", "value": "1", "unit": ""}),
        changed(colour="javascript:"),
        changed(uid="../../x"),
        changed(name=7),
        "[" * 100_000,
    ],
)
def test_that_a_text_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(FormatError):
        from_json(text, {})


def test_that_control_characters_of_names_are_left_out() -> None:
    (found,) = from_json(changed(name="a\u0007b\u202ec"), {})
    assert found.name == "abc"
