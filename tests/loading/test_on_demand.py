"""Volumes that neither memory nor disk can hold: slices come when they are looked at, and go when others do."""

from __future__ import annotations

import queue
import sys
import threading
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archive.pyramid import SHAPE, ramp, write_pyramid
from tests.needs import library
from viewer.archive.reader import ArchiveVolume
from viewer.dicom.model import Catalogue, FrameSource, Stack
from viewer.errors import DecodeError
from viewer.formats.zarr_volume import ZarrSource
from viewer.imaging.measure.rectangle import Rectangle
from viewer.imaging.measure.region import region_statistics
from viewer.imaging.volume import Volume
from viewer.loading import filling, voxel_file
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.events import (
    GeometryReady,
    Indexed,
    LoadEvent,
    PreviewReady,
    ProblemFound,
    ThumbnailReady,
    VolumeFinished,
)
from viewer.loading.focus import Focus
from viewer.loading.on_demand import OnDemand
from viewer.loading.pipeline import load
from viewer.loading.retry import retry
from viewer.state.first_window import volume_range

library("zarr")
library("pyarrow")

pytestmark = pytest.mark.skipif(
    sys.platform == "win32", reason="this system reserves what it gives addresses for"
)

SLICE_BYTES = SHAPE[1] * SHAPE[2] * 2
BUDGET = 24 * SLICE_BYTES
"""Half of it is for slices: twelve."""


@pytest.fixture(scope="module")
def archived(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pyramid(tmp_path_factory.mktemp("pyramid"))


@pytest.fixture
def full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(voxel_file, "SPARE_BYTES", 1 << 60)


def loaded(path: Path) -> tuple[Volume, Stack, list[LoadEvent]]:
    events = list(load([path], cancel=CancelToken(), thumbnails=False, budget_bytes=BUDGET, focus_mm=Focus()))
    (placed,) = (event for event in events if isinstance(event, GeometryReady))
    return placed.volume, placed.stack, events


class Hand:
    """Looks at slices and takes what arrives, as the window does."""

    def __init__(self, volume: Volume, stack: Stack) -> None:
        self.arrived: queue.Queue[tuple[int, Any]] = queue.Queue()
        self.slices = OnDemand(volume, stack, lambda k, values: self.arrived.put((k, values)))
        self.problems: list[str] = []

    def look_at(self, k: int, wanted: int) -> list[int]:
        """Put so many slices in place; their numbers as they came."""
        self.slices.look_at(k)
        order = []
        for _ in range(wanted):
            n, values = self.arrived.get(timeout=10)
            problem = self.slices.put(n, values)
            if problem is not None:
                self.problems.append(problem.reason)
            order.append(n)
        return order


def test_that_a_volume_larger_than_memory_and_disk_opens_with_the_slice_under_the_cursor(
    archived: Path, full_disk: None
) -> None:
    volume, _, events = loaded(archived)
    assert volume.resident is not None
    assert volume.resident.most == 12
    assert volume.memory_bytes == 12 * SLICE_BYTES
    assert np.flatnonzero(volume.ready).tolist() == [34]
    np.testing.assert_array_equal(volume.array[34], ramp()[34])
    assert any(isinstance(event, VolumeFinished) for event in events)
    assert not any(isinstance(event, ProblemFound) for event in events)
    # It goes on standing for what is not there.
    assert volume.preview is not None
    assert volume.preview.level is not None


def test_that_its_small_picture_is_read_and_not_taken_from_slices_that_are_not_there(
    archived: Path, full_disk: None
) -> None:
    options: dict[str, Any] = {"cancel": CancelToken(), "budget_bytes": BUDGET}
    end = (0.0, 0.0, -100.0)  # so that the middle slice is not among those read at first
    small = {
        type(focus): next(
            e.image for e in load([archived], focus_mm=focus, **options) if isinstance(e, ThumbnailReady)
        )
        for focus in (Focus(end), None)
    }
    expected = small.pop(type(None))
    (found,) = small.values()
    np.testing.assert_array_equal(found, expected)
    assert np.ptp(found) > 50


def test_that_nobody_who_does_not_follow_gets_a_volume_with_slices_missing(
    archived: Path, full_disk: None
) -> None:
    events = list(load([archived], cancel=CancelToken(), thumbnails=False, budget_bytes=BUDGET))
    assert not any(isinstance(event, GeometryReady) for event in events)
    (problem,) = (event.problem for event in events if isinstance(event, ProblemFound))
    assert "no room" in problem.reason


def test_that_slices_come_outward_from_the_eye_and_the_farthest_go(archived: Path, full_disk: None) -> None:
    volume, stack, _ = loaded(archived)
    hand = Hand(volume, stack)
    order = hand.look_at(20, 12)
    assert order[0] in (20, 19, 21)
    assert sorted(order) == list(range(14, 26))
    assert max(abs(k - 20) for k in order[:4]) < max(abs(k - 20) for k in order[-2:])
    # The budget holds: the slice of the beginning had to go.
    assert np.flatnonzero(volume.ready).tolist() == list(range(14, 26))
    np.testing.assert_array_equal(volume.array[14:26], ramp()[14:26])
    hand.look_at(69, 12)
    assert np.flatnonzero(volume.ready).tolist() == list(range(58, 70))
    np.testing.assert_array_equal(volume.array[58:], ramp()[58:])
    hand.look_at(60, 4)
    np.testing.assert_array_equal(volume.array[volume.ready], ramp()[volume.ready])
    assert volume.ready.sum() == 12
    hand.slices.stop(wait=True)


def test_that_what_comes_late_gives_way_to_what_is_looked_at_now(archived: Path, full_disk: None) -> None:
    volume, stack, _ = loaded(archived)
    hand = Hand(volume, stack)
    hand.look_at(20, 12)
    hand.slices.focus = 22
    assert hand.slices.put(60, ramp()[60]) is None
    assert not volume.ready[60]
    assert volume.ready[22]
    hand.slices.stop(wait=True)


def test_that_a_region_is_not_measured_from_a_part_of_its_slices(archived: Path, full_disk: None) -> None:
    volume, stack, _ = loaded(archived)
    hand = Hand(volume, stack)
    hand.look_at(35, 11)
    corner, along, up = volume.geometry.to_patient([[33, 20, 60], [33, 60, 60], [36, 20, 60]])
    inside = Rectangle(corner, along - corner, up - corner)
    across = Rectangle(corner, along - corner, (up - corner) * 10)
    assert region_statistics(volume, inside).values.size > 50
    found = region_statistics(volume, across)
    assert found.loading
    assert found.values.size == 0
    assert found.mean is found.maximum is None
    hand.slices.stop(wait=True)


@pytest.mark.parametrize(
    "error, says",
    [(DecodeError("It is damaged."), "It is damaged."), (OSError(5, "Input/output error"), "Input/output")],
)
def test_that_J06_a_slice_that_cannot_be_read_is_told_and_marked_when_it_is_damaged(
    archived: Path, full_disk: None, monkeypatch: pytest.MonkeyPatch, error: Exception, says: str
) -> None:
    volume, stack, _ = loaded(archived)
    read = ZarrSource.read

    def broken(self: ZarrSource, frame: FrameSource) -> Any:
        if frame.frame == 21:
            raise error
        return read(self, frame)

    monkeypatch.setattr(ZarrSource, "read", broken)
    hand = Hand(volume, stack)
    hand.look_at(20, 12)
    damaged = isinstance(error, DecodeError)
    assert volume.corrupt[21] == damaged
    assert not volume.ready[21]
    (reason,) = hand.problems
    assert reason.startswith("Slice 22 of 70")
    assert says in reason
    # What the disk or the network refused is asked for again.
    monkeypatch.setattr(ZarrSource, "read", read)
    assert hand.look_at(20, 0 if damaged else 1) == ([] if damaged else [21])
    assert volume.ready[21] != damaged
    hand.slices.stop(wait=True)


def test_that_J36_a_failure_of_the_network_leaves_no_slice_marked_as_damaged(
    archived: Path, full_disk: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    chunk = ArchiveVolume._chunk

    def broken(self: ArchiveVolume, level: int, n: int) -> Any:
        raise OSError(5, "the server answers with an error")

    monkeypatch.setattr(ArchiveVolume, "_chunk", broken)
    volume, stack, events = loaded(archived)
    assert not volume.ready.any()
    assert not volume.corrupt.any()
    preview = volume.preview
    assert preview is not None
    assert not preview.level
    problems = {event.problem.reason for event in events if isinstance(event, ProblemFound)}
    assert len(problems) == 2
    assert all("the server answers with an error" in reason for reason in problems)
    monkeypatch.setattr(ArchiveVolume, "_chunk", chunk)
    hand = Hand(volume, stack)
    assert sorted(hand.look_at(10, 12)) == list(range(4, 16))
    np.testing.assert_array_equal(volume.array[4:16], ramp()[4:16])
    # The coarse level comes back with the next try.
    again = retry(
        [], catalogue_in(events), [(volume, stack)], cancel=CancelToken(), cache=VolumeCache(BUDGET)
    )
    assert any(isinstance(event, PreviewReady) for event in again)
    assert preview.level
    hand.slices.stop(wait=True)


def catalogue_in(events: list[LoadEvent]) -> Catalogue:
    return next(event.catalogue for event in reversed(events) if isinstance(event, Indexed))


def test_that_J35_trying_again_keeps_to_the_memory_limit(archived: Path, full_disk: None) -> None:
    volume, stack, events = loaded(archived)
    hand = Hand(volume, stack)
    hand.look_at(20, 12)
    volume.corrupt[26:] = True
    assert volume.preview is not None
    assert volume.preview.level is not None
    volume.preview.level = replace(volume.preview.level, damaged=(50,))
    list(retry([], catalogue_in(events), [(volume, stack)], cancel=CancelToken(), cache=VolumeCache(BUDGET)))
    # What the archive itself says could not be decoded stays marked.
    assert np.flatnonzero(volume.corrupt).tolist() == [50]
    assert np.flatnonzero(volume.ready).tolist() == list(range(14, 26))
    hand.look_at(30, 10)
    np.testing.assert_array_equal(volume.array[24:36], ramp()[24:36])
    assert np.flatnonzero(volume.ready).tolist() == list(range(24, 36))
    hand.slices.stop(wait=True)


def test_that_a_cursor_that_goes_to_and_fro_has_nothing_read_for_nothing(
    archived: Path, full_disk: None
) -> None:
    volume, stack, _ = loaded(archived)
    hand = Hand(volume, stack)
    hand.look_at(30, 12 - 1)  # slice 34 was read with the volume
    assert hand.look_at(31, 1) == [36]
    assert hand.look_at(30, 1) == [24]
    assert np.flatnonzero(volume.ready).tolist() == list(range(24, 36))
    hand.slices.stop(wait=True)


def test_that_B18_the_range_of_values_knows_nothing_of_slices_that_are_not_there(
    tmp_path: Path, full_disk: None
) -> None:
    values = (ramp() + 2000).astype(np.int16)
    volume, _, _ = loaded(write_pyramid(tmp_path, values))
    assert volume_range(volume) == (1500, 1500 + 690 + 237 + 258 - 15)
    assert volume.preview is not None
    volume.preview.level = None
    (k,) = np.flatnonzero(volume.ready)
    assert volume_range(volume) == (values[k].min(), values[k].max())
    volume.ready[k] = False
    assert volume_range(volume) is None


def test_that_a_running_job_reads_next_what_the_cursor_moves_to(
    archived: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []
    steps = threading.Semaphore(0)
    read = ZarrSource.read

    def one_by_one(self: ZarrSource, frame: FrameSource) -> Any:
        asked.append(frame.frame)
        steps.acquire()
        return read(self, frame)

    monkeypatch.setattr(ZarrSource, "read", one_by_one)
    monkeypatch.setattr(filling, "decode_threads", lambda: 1)
    focus = Focus()
    job = load([archived], cancel=CancelToken(), thumbnails=False, focus_mm=focus)
    volume = next(event.volume for event in job if isinstance(event, GeometryReady))

    def scroll() -> None:
        focus.move((0.0, 0.0, 3.0 * 61 - 100.0))
        steps.release()

    turns = [threading.Timer(0.2, scroll), threading.Timer(0.5, lambda: steps.release(200))]
    for turn in turns:
        turn.start()
    list(job)
    for turn in turns:
        turn.join()
    moved = asked.index(61)
    assert moved <= 3
    assert set(asked[moved : moved + 9]) == set(range(57, 66))
    assert sorted(asked) == list(range(70))
    np.testing.assert_array_equal(volume.array, ramp())
