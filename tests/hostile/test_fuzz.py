"""Mutation fuzzing: a bounded run of `fuzz.py`, and proof that its judge sees what it is there to see."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.conftest import CHECKOUT
from tests.hostile.elements import put
from tests.hostile.fuzz import (
    FAULTS,
    OUTCOMES,
    Source,
    Verdict,
    leak,
    phantom_sources,
    table,
    volume_sources,
    wrong_picture,
)
from tests.hostile.runner import Outcome, StackOutcome, open_path
from viewer.imaging.volume import Volume

pytestmark = pytest.mark.skipif(
    sys.platform != "linux", reason="memory is limited and measured the Linux way"
)

CASES: Final = 400


def test_that_J_damaged_files_never_crash_hang_fill_the_memory_or_mislead() -> None:
    done = subprocess.run(
        [sys.executable, "tests/hostile/fuzz.py", "--n", str(CASES), "--seed", "2", "--json"],
        capture_output=True,
        cwd=CHECKOUT,
        timeout=110,
        check=False,
    )
    assert done.stderr == b""
    verdicts = [Verdict(**json.loads(line)) for line in done.stdout.splitlines()]
    assert [verdict.n for verdict in verdicts] == list(range(CASES))
    assert [verdict for verdict in verdicts if verdict.verdict in FAULTS] == []
    assert done.returncode == 0
    # A run in which every file is refused would prove nothing.
    assert {verdict.verdict for verdict in verdicts} >= {*OUTCOMES} - {"not DICOM", "listed"}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    source = next(phantom_sources(tmp_path))
    source.truth = open_path(source.name, source.folder)
    return source


def opened(source: Source) -> StackOutcome:
    (stack,) = open_path(source.name, source.folder).stacks
    return stack


def test_that_the_judge_finds_nothing_wrong_with_what_is_right(source: Source) -> None:
    assert wrong_picture(source, set(), opened(source), None) == ""
    assert leak(source.truth) == ""


def test_that_the_judge_sees_other_values_places_and_units_of_undamaged_slices(source: Source) -> None:
    stack = opened(source)
    stack.digests[2] = stack.digests[1]
    assert "other values" in wrong_picture(source, set(), stack, None)
    stack = opened(source)
    stack.corners_mm[2][2] += 0.2
    assert "0.20 mm off" in wrong_picture(source, set(), stack, None)
    stack = opened(source)
    stack.unit = ""
    assert "unit" in wrong_picture(source, set(), stack, None)


@pytest.mark.parametrize(
    "tag, value, says",
    [
        (0x00280030, b"3\\1 ", "PixelSpacing"),
        (0x00280004, b"MONOCHROME1 ", "PhotometricInterpretation"),
        (0x00200032, b"-10\\-29\\-24 ", "off its own position"),
    ],
)
def test_that_the_judge_sees_a_slice_that_disagrees_with_its_volume(
    source: Source, tag: int, value: bytes, says: str
) -> None:
    stack = opened(source)
    path = source.folder / stack.files[2]
    put(path, tag, value)
    # As if the product had left the slice where it was.
    assert says in wrong_picture(source, {path.name}, stack, None)


@pytest.mark.parametrize("name", ["NIfTI", "NIfTI-2", "NIfTI packed", "npy"])
def test_that_the_judge_sees_a_volume_that_another_reader_reads_otherwise(name: str, tmp_path: Path) -> None:
    source = next(one for one in volume_sources(tmp_path) if one.name == name)
    volumes: dict[str, Volume] = {}
    source.truth = open_path(name, source.folder, volumes)
    (stack,) = source.truth.stacks
    volume = volumes[stack.uid]
    assert wrong_picture(source, set(), stack, volume) == ""
    moved = volume.geometry.patient_from_index + np.array([[0, 0, 0, 1.0]] + [[0, 0, 0, 0]] * 3)
    elsewhere = replace(volume, geometry=replace(volume.geometry, patient_from_index=moved))
    assert "mm off the place in the file" in wrong_picture(source, set(), stack, elsewhere)
    volume.array[1, 2, 3] += 1
    assert "other values" in wrong_picture(source, set(), stack, volume)


@pytest.mark.parametrize("text", ["ZYZZYVA is not supported.", "line\nbreak.", "\x1b[31mred."])
def test_that_the_judge_sees_patient_data_and_control_characters_in_messages(text: str) -> None:
    assert leak(Outcome("", problems=[("file", text)])) == text


def test_that_the_table_counts_every_verdict_once() -> None:
    lines = table([Verdict(0, "CT", [], "refused"), Verdict(1, "PET", [], "refused")]).splitlines()
    assert [line.split()[0] for line in lines[-3:]] == ["CT", "PET", "all"]
    assert lines[-1].split()[1:] == ["2" if name == "refused" else "0" for name in (*OUTCOMES, *FAULTS)]
