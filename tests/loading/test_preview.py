"""Volumes of an archive while they load: the coarse level of the pyramid first, then slice by slice the voxels."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archive.pyramid import SHAPE, ramp, write_pyramid
from tests.needs import library
from viewer.archive.reader import ArchiveVolume
from viewer.dicom.build import make_volume
from viewer.dicom.model import FrameSource
from viewer.errors import DecodeError
from viewer.formats.zarr_volume import ZarrSource
from viewer.imaging.plane import Plane
from viewer.imaging.preview import CoarseLevel, Preview
from viewer.imaging.sample import SampleRequest, VoxelState, sample_planes, stand_in, voxel_at
from viewer.imaging.volume import Volume
from viewer.loading import filling
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady, LoadEvent, PreviewReady, ProblemFound, SlicesReady
from viewer.loading.pipeline import load

library("zarr")
library("pyarrow")

SAGITTAL = Plane(np.array([0.0, -79.0, 107.0]), np.array([0.0, 2, 0]), np.array([0.0, 0, -3]), 79, 70)


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pyramid(tmp_path_factory.mktemp("pyramid"))


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """A source that gives a single slice, and the others once the event is set."""
    go, lock, given = threading.Event(), threading.Lock(), []
    read = ZarrSource.read

    def waiting(self: ZarrSource, frame: FrameSource) -> Any:
        with lock:
            given.append(frame.frame)
            first = len(given) == 1
        if not first:
            assert go.wait(10)
        return read(self, frame)

    monkeypatch.setattr(ZarrSource, "read", waiting)
    monkeypatch.setattr(filling, "decode_threads", lambda: 3)
    return go


def started(path: Path, **options: Any) -> tuple[Volume, list[LoadEvent], Any]:
    """Load as far as the coarse level and one slice."""
    events: list[LoadEvent] = []
    job = load([path], cancel=CancelToken(), thumbnails=False, **options)
    for event in job:
        events.append(event)
        kinds = {type(found) for found in events}
        if {PreviewReady, SlicesReady} <= kinds:
            break
    (placed,) = (event for event in events if isinstance(event, GeometryReady))
    return placed.volume, events, job


def picture_of(volume: Volume, plane: Plane) -> Any:
    (values,) = sample_planes([SampleRequest(volume, plane, level=stand_in(volume, plane))])
    return values


@pytest.mark.parametrize("budget", [None, 1_000_000], ids=["in memory", "over the budget"])
def test_that_all_planes_are_whole_while_slices_are_still_to_come(
    archived: Path, slow: threading.Event, budget: int | None
) -> None:
    volume, _, job = started(archived, budget_bytes=budget)
    assert volume.on_disk == (budget is not None)
    assert volume.ready.sum() == 1
    assert volume.preview is not None
    level = volume.preview.level
    assert level is not None
    assert budget is None or level.array.nbytes <= budget
    x, y, z = SAGITTAL.origin_mm
    rows, columns = np.indices((SAGITTAL.height, SAGITTAL.width))
    index_i, index_j, index_k = x + 60, (y + 80 + 2 * columns) / 2, (z + 100 - 3 * rows) / 3
    expected = 10 * index_k + 3 * index_j + 2 * index_i - 500
    there = (index_k <= (SHAPE[0] - 1) // level.step[0] * level.step[0]) & (
        index_j <= (SHAPE[1] - 1) // level.step[1] * level.step[1]
    )
    shown = picture_of(volume, SAGITTAL)
    assert np.isfinite(shown).all()
    np.testing.assert_allclose(shown[there], expected[there], atol=1e-2)
    # What is read is not what is shown.
    (ready,) = np.flatnonzero(volume.ready)
    missing = volume.geometry.to_patient([0 if ready else 8, 8, 8])
    assert voxel_at(volume, missing).state is VoxelState.LOADING
    slow.set()
    list(job)
    assert volume.ready.all()
    assert volume.preview.level is None
    np.testing.assert_array_equal(volume.array, ramp())
    np.testing.assert_allclose(picture_of(volume, SAGITTAL), expected, atol=1e-2)


def test_that_the_finest_level_that_is_small_enough_is_taken(archived: Path) -> None:
    source = ZarrSource(archived, np.dtype(np.int16))
    half, quarter = source.coarse(1 << 20), source.coarse(35 * 40 * 65 * 2 - 1)
    assert half is not None
    assert half.step == (2, 2, 2)
    np.testing.assert_array_equal(half.array, ramp()[::2, ::2, ::2])
    assert quarter is not None
    assert quarter.step == (2, 2, 4)
    np.testing.assert_array_equal(quarter.array, ramp()[::2, ::2, ::4])
    assert source.coarse(1000) is None


def test_that_J06_slices_known_to_be_damaged_are_marked_with_the_coarse_level(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, slow: threading.Event
) -> None:
    path = write_pyramid(tmp_path)
    coarse = ZarrSource.coarse

    def damaged(self: ZarrSource, limit_bytes: int) -> CoarseLevel | None:
        level = coarse(self, limit_bytes)
        return level and CoarseLevel(level.array, level.step, (5,))

    monkeypatch.setattr(ZarrSource, "coarse", damaged)
    volume, _, job = started(path)
    at = SAGITTAL.height - 1 - 5
    assert np.isposinf(picture_of(volume, SAGITTAL)[at]).all()
    slow.set()
    list(job)
    assert not volume.corrupt.any()


class _Hasty(np.ndarray[Any, np.dtype[np.bool_]]):
    """Marks of damaged slices; before one is set another thread has put that slice in place."""

    ready: Any

    def __setitem__(self, k: Any, value: Any) -> None:
        if value:
            self.ready[k] = True
            super().__setitem__(k, False)
        super().__setitem__(k, value)


def test_that_J06_a_slice_that_is_put_in_place_meanwhile_is_not_marked_with_the_coarse_level(
    archived: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    level = CoarseLevel(np.zeros((35, 40, 65), np.int16), (2, 2, 2), (5,))
    monkeypatch.setattr(ZarrSource, "coarse", lambda *_: level)
    with ArchiveVolume(archived) as archive:
        stack = replace(archive.stack, source=ZarrSource(archived, np.dtype(np.int16)))
        volume = replace(make_volume(stack), corrupt=np.zeros(70, bool).view(_Hasty), preview=Preview())
    volume.corrupt.ready = volume.ready  # type: ignore[attr-defined]
    filling._read_preview(filling._Filling(volume, stack, {}), 1 << 20)
    assert volume.preview is not None
    assert volume.preview.level is level
    assert volume.ready[5]
    assert not volume.corrupt[5]


@pytest.mark.parametrize("error", [DecodeError("It is damaged."), OSError(5, "gone"), MemoryError()])
def test_that_a_volume_without_a_readable_coarse_level_loads_as_before(
    archived: Path, monkeypatch: pytest.MonkeyPatch, error: BaseException
) -> None:
    def refuse(self: ZarrSource, limit_bytes: int) -> CoarseLevel | None:
        raise error

    monkeypatch.setattr(ZarrSource, "coarse", refuse)
    events = list(load([archived], cancel=CancelToken(), thumbnails=False))
    (volume,) = (event.volume for event in events if isinstance(event, GeometryReady))
    assert not any(isinstance(event, (PreviewReady, ProblemFound)) for event in events)
    np.testing.assert_array_equal(volume.array, ramp())
