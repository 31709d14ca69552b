"""Objects of the catalogue as JSON and back."""

from __future__ import annotations

import json
import math
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.dicom.reading import catalogue_of, stacks_of
from viewer.archive.record import from_plain, to_plain
from viewer.dicom.model import Stack
from viewer.errors import FormatError
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.window import VoiTable, Window

APART = frozenset({"frames", "source"})


def there_and_back(stack: Stack) -> Stack:
    text = json.dumps(to_plain(stack, APART), allow_nan=False)
    made: Stack = from_plain(Stack, json.loads(text), {"frames": stack.frames})
    return made


def same(first: Any, second: Any) -> bool:
    """Equality that looks into arrays and objects without one of their own."""
    if isinstance(first, np.ndarray):
        return np.array_equal(first, second) and first.dtype == second.dtype
    if hasattr(first, "__dataclass_fields__"):
        return type(first) is type(second) and all(
            same(getattr(first, f.name), getattr(second, f.name)) for f in fields(first)
        )
    if isinstance(first, tuple):
        return len(first) == len(second) and all(map(same, first, second))
    return bool(type(first) is type(second) and (first == second or repr(first) == repr(second)))


def test_that_every_stack_comes_back_as_it_was(hospital: Path) -> None:
    stacks = stacks_of(catalogue_of(hospital))
    assert {stack.modality for stack in stacks} >= {"CT", "PT", "MR"}
    assert any(stack.suv is not None for stack in stacks)
    assert any(stack.geometry.slice_offsets is not None for stack in stacks)
    for stack in stacks:
        assert same(there_and_back(stack), stack)


def test_that_numbers_without_a_word_in_json_survive(hospital: Path) -> None:
    stack = stacks_of(catalogue_of(hospital / "ct"))[0]
    odd = replace(
        stack,
        report=replace(stack.report, gaps_mm=(math.nan, math.inf, -math.inf, 0.1)),
        voi_tables=(VoiTable(-5.0, np.array([0, 9, 65535], np.uint16), 16, "steps"),),
        windows=(Window(40.5, 400.0),),
        modality_lut=(3, (1.5, 2.5)),
    )
    assert same(there_and_back(odd), odd)


def test_that_a_record_of_another_version_takes_defaults_and_passes_over_what_it_does_not_know() -> None:
    plain = to_plain(GeometryReport(3, (1.0, 2.0, None), notes=()))
    del plain["missing"]
    plain["of the future"] = {"a": 1}
    assert from_plain(GeometryReport, plain) == GeometryReport(3, (1.0, 2.0, None))


@pytest.mark.parametrize(
    "change",
    [
        {"slices": "three"},
        {"slices": True},
        {"spacing_mm": [1.0]},
        {"notes": [{"code": "x"}]},
        {"gaps_mm": 5},
    ],
)
def test_that_a_damaged_record_is_one_sentence(change: dict[str, Any]) -> None:
    plain = {**to_plain(GeometryReport(3, (1.0, 2.0, None))), **change}
    with pytest.raises(FormatError, match="record of the volume is damaged"):
        from_plain(GeometryReport, plain)
