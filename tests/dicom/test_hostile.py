"""Damaged files through the whole room: an error is a sentence, a slice, or nothing; never an exception or a stall."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from tests.conftest import RealData
from tests.phantoms import write_pet, write_ramp
from viewer.dicom.build import fill_slice, make_volume, volume_bytes
from viewer.dicom.index import Indexer
from viewer.dicom.tags import tag_rows
from viewer.errors import ViewerError

ROUNDS = int(os.environ.get("TRIPTYCH_FUZZ", "400"))
"""Damaged files per run; a longer run is one variable away."""


def _damaged(rng: np.random.Generator, content: bytes) -> bytes:
    data = bytearray(content)
    for _ in range(int(rng.integers(1, 5))):
        end = min(len(data), 6000) if rng.random() < 0.8 else len(data)
        if end < 140:
            break
        at = int(rng.integers(128, end))
        kind = int(rng.integers(0, 6))
        if kind < 2:
            data[at] = int(rng.integers(0, 256))
        elif kind == 2:
            data[at : at + 4] = rng.bytes(4)
        elif kind == 3:
            del data[at : at + int(rng.integers(1, 16))]
        elif kind == 4:
            data[at:at] = rng.bytes(int(rng.integers(1, 16)))
        elif rng.random() < 0.2:
            del data[at:]
        else:
            data[at : at + 2] = b"\xff\xff"
    return bytes(data)


def _outcome(path: Path) -> str:
    """What the viewer would do with one file."""
    indexer = Indexer()
    problem = indexer.add(path)
    catalogue = indexer.catalogue(complete=True)
    outcome = "read" if problem is None else "problem"
    for study in catalogue.studies:
        for stack in (stack for series in study.series for stack in series.stacks[:3]):
            assert volume_bytes(stack) < 1 << 30
            volume = make_volume(stack)
            for k in range(min(len(stack.frames), 4)):
                try:
                    fill_slice(volume, stack, k)
                except ViewerError:
                    outcome = "corrupt"
    try:
        tag_rows(path)
    except ViewerError:
        pass
    return outcome


def test_that_damaged_files_of_every_kind_end_in_an_outcome(real_data: RealData, tmp_path: Path) -> None:
    sources = [
        path
        for name in ("zoo-a", "broken-a")
        for path in sorted(real_data(name).rglob("*"))
        if path.is_file() and path.stat().st_size < 300_000
    ]
    rng = np.random.default_rng(11)
    outcomes = set()
    slowest = 0.0
    for n in range(ROUNDS):
        path = tmp_path / "damaged.dcm"
        path.write_bytes(_damaged(rng, sources[n % len(sources)].read_bytes()))
        start = time.perf_counter()
        outcomes.add(_outcome(path))
        slowest = max(slowest, time.perf_counter() - start)
    assert outcomes == {"read", "problem", "corrupt"}
    # Not a speed test: a hang of a native decoder would take minutes.
    assert slowest < 20


@pytest.mark.parametrize("write", [write_ramp, write_pet])
def test_that_one_damaged_slice_leaves_the_others_alone(write: object, tmp_path: Path) -> None:
    assert callable(write)
    write(tmp_path)
    victim = sorted(tmp_path.iterdir())[2]
    original = victim.read_bytes()
    rng = np.random.default_rng(12)
    for _ in range(60):
        victim.write_bytes(_damaged(rng, original))
        indexer = Indexer()
        for path in sorted(tmp_path.iterdir()):
            indexer.add(path)
        stacks = [
            stack
            for study in indexer.catalogue(complete=True).studies
            for series in study.series
            for stack in series.stacks
        ]
        healthy = 0
        for stack in stacks:
            volume = make_volume(stack)
            for k, frame in enumerate(stack.frames):
                if frame.path == victim:
                    continue
                fill_slice(volume, stack, k)
                healthy += 1
        others = len(list(tmp_path.iterdir())) - 1
        # A stack that leaves an unlocated slice out is offered beside the one that has it.
        assert healthy in (others, 2 * others)
