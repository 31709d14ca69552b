"""Trying again (rule J35): files that come back are read into their place, and nothing that is open is lost."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.phantoms import RAMP_SHAPE, ramp_array, write_ramp
from viewer.dicom.model import Catalogue, Stack
from viewer.imaging.volume import Volume
from viewer.loading.cancel import CancelToken
from viewer.loading.events import (
    Finished,
    GeometryReady,
    Indexed,
    LoadEvent,
    ProblemFound,
    SlicesReady,
    VolumeFinished,
)
from viewer.loading.pipeline import load
from viewer.loading.retry import retry

SLICES = RAMP_SHAPE[0]


class Opened:
    """A folder as it was opened."""

    def __init__(self, *paths: Path) -> None:
        self.paths = paths
        self.catalogue = Catalogue()
        self.shown: list[tuple[Volume, Stack]] = []
        self.problems: list[str] = []
        self.take(list(load(paths, cancel=CancelToken())))

    def take(self, events: list[LoadEvent]) -> None:
        """Do what the window does with events."""
        self.problems = [event.problem.reason for event in events if isinstance(event, ProblemFound)]
        for event in events:
            if isinstance(event, Indexed) and event.complete:
                self.catalogue = event.catalogue
            elif isinstance(event, GeometryReady):
                self.shown = [pair for pair in self.shown if pair[0].uid != event.volume.uid]
                self.shown.append((event.volume, event.stack))

    def again(self) -> list[LoadEvent]:
        """Press the button."""
        events = list(retry(self.paths, self.catalogue, self.shown, cancel=CancelToken()))
        self.take(events)
        return events


def hidden_while_loading(folder: Path, name: str) -> Opened:
    """Open a folder of which one file is cut short until it has been read."""
    path = folder / name
    whole = path.read_bytes()
    path.write_bytes(whole[:-10])
    opened = Opened(folder)
    path.write_bytes(whole)
    return opened


def test_that_J35_a_slice_that_could_not_be_read_comes_back_into_its_volume(tmp_path: Path) -> None:
    opened = hidden_while_loading(write_ramp(tmp_path), "im0003.dcm")
    ((volume, _),) = opened.shown
    assert volume.corrupt.sum() == 1
    assert len(opened.problems) == 1
    opened.again()
    ((fresh, _),) = opened.shown
    assert opened.problems == []
    assert not fresh.corrupt.any()
    np.testing.assert_array_equal(fresh.array, ramp_array())
    assert fresh.uid == volume.uid


def test_that_J35_only_what_is_missing_is_read_when_the_file_is_the_same(tmp_path: Path) -> None:
    folder = write_ramp(tmp_path)
    opened = Opened(folder)
    ((volume, _),) = opened.shown
    # As if the drive had been unplugged while these two were read.
    volume.array[1:3] = -999
    volume.corrupt[1:3] = True
    events = opened.again()
    assert [event.slices for event in events if isinstance(event, SlicesReady)] in (
        [(1, 2)],
        [(1,), (2,)],
        [(2,), (1,)],
    )
    assert not any(isinstance(event, GeometryReady) for event in events)
    assert sum(isinstance(event, VolumeFinished) for event in events) == 1
    assert opened.shown[0][0] is volume
    assert not volume.corrupt.any()
    np.testing.assert_array_equal(volume.array, ramp_array())


def test_that_J35_a_file_that_could_not_be_indexed_completes_the_series(tmp_path: Path) -> None:
    folder = write_ramp(tmp_path)
    path = folder / "im0002.dcm"
    whole = path.read_bytes()
    path.write_bytes(whole[:1000])
    opened = Opened(folder)
    ((volume, _),) = opened.shown
    assert volume.geometry.shape[0] == SLICES - 1
    path.write_bytes(whole)
    opened.again()
    ((fresh, _),) = opened.shown
    assert fresh.uid == volume.uid
    np.testing.assert_array_equal(fresh.array, ramp_array())
    assert opened.problems == []
    assert opened.catalogue.problems == ()


def test_that_J35_what_is_open_stays_when_the_drive_is_still_away(tmp_path: Path) -> None:
    folder = write_ramp(tmp_path / "drive")
    opened = Opened(folder)
    ((volume, _),) = opened.shown
    volume.corrupt[2] = True
    folder.rename(tmp_path / "unplugged")
    events = opened.again()
    assert isinstance(events[-1], Finished)
    assert [series.files for study in opened.catalogue.studies for series in study.series] == [SLICES]
    assert opened.shown[0][0] is volume
    assert volume.corrupt.tolist() == [k == 2 for k in range(SLICES)]
    assert any("cannot be read" in reason for reason in opened.problems)
    (tmp_path / "unplugged").rename(folder)
    opened.again()
    assert opened.problems == []
    assert not volume.corrupt.any()
    np.testing.assert_array_equal(volume.array, ramp_array())


def test_that_J35_a_folder_that_was_away_at_first_opens_by_itself(tmp_path: Path) -> None:
    folder = tmp_path / "drive"
    opened = Opened(folder)
    assert opened.shown == []
    write_ramp(folder)
    opened.again()
    ((volume, _),) = opened.shown
    np.testing.assert_array_equal(volume.array, ramp_array())


@pytest.mark.parametrize("known_paths", [True, False])
def test_that_J35_trying_again_can_be_cancelled(known_paths: bool, tmp_path: Path) -> None:
    opened = Opened(write_ramp(tmp_path))
    token = CancelToken()
    token.cancel()
    opened.shown[0][0].corrupt[0] = True
    paths = opened.paths if known_paths else ()
    events = list(retry(paths, opened.catalogue, opened.shown, cancel=token))
    assert isinstance(events[-1], Finished)
    assert events[-1].cancelled
