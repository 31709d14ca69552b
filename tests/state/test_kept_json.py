"""Files of people's work: what is none is refused in a sentence, whatever stands in it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from viewer.errors import FormatError
from viewer.state.kept_json import KeptFile, number_of, point_of, text_of

FILE = KeptFile("pets", version=2)


def read(content: Any) -> tuple[Any, ...]:
    return FILE.read(
        content if isinstance(content, str) else json.dumps(content), lambda row: number_of(row["age"])
    )


def test_that_entries_come_back() -> None:
    text = FILE.text_of({"age": age, "name": "Käthe"} for age in (1, 2.5))
    assert "Käthe" in text
    assert json.loads(text)["format"] == "triptych-pets"
    assert read(text) == (1.0, 2.5)
    assert read(text.replace('"version": 2', '"version": 1')) == (1.0, 2.5)


@pytest.mark.parametrize(
    "content, sentence",
    [
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ([], "holds no pets"),
        ({"format": "triptych-lesions"}, "holds no pets"),
        ({"format": "triptych-pets", "version": 3, "pets": []}, "newer version"),
        ({"format": "triptych-pets", "pets": []}, "newer version"),
        ({"format": "triptych-pets", "version": 1}, "no list of them"),
        *(
            ({"format": "triptych-pets", "version": 1, "pets": [row]}, "not complete")
            for row in (None, {}, {"age": "1"}, {"age": True}, {"age": float("inf")}, {"age": 10**400})
        ),
    ],
)
def test_that_what_is_no_such_file_is_a_sentence(content: Any, sentence: str) -> None:
    with pytest.raises(FormatError, match=sentence):
        read(content)


def test_that_fields_are_what_they_should_be() -> None:
    assert point_of([1, 2.5, -3]) == (1.0, 2.5, -3.0)
    for wrong in ([1, 2], [1, 2, 3, 4], [1, 2, "3"], [1, 2, float("nan")]):
        with pytest.raises(ValueError, match=r".+"):
            point_of(wrong)
    with pytest.raises(TypeError):
        text_of(3)
