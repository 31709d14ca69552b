"""The second opening of a study: the same voxels out of a private copy, and no copy whenever there is a doubt.

The oracle of values is pydicom's own decoder.
"""

from __future__ import annotations

import errno
import os
import shutil
import stat
import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pydicom
import pytest
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

import viewer.dicom.build as build
import viewer.loading.copy_key as copy_key
import viewer.loading.filling as filling
import viewer.loading.volume_copies as volume_copies
from tests.conftest import RealData
from tests.phantoms import RAMP_SHAPE, ramp_affine, write_pet, write_ramp, write_series
from viewer.dicom.choice import DefaultChoice
from viewer.dicom.model import Catalogue, Stack
from viewer.errors import Cancelled
from viewer.imaging.volume import Volume
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.copy_key import copy_name
from viewer.loading.copy_writer import CopyWriter
from viewer.loading.events import GeometryReady, Indexed, ProblemFound, SlicesReady
from viewer.loading.pipeline import load, load_stack
from viewer.loading.volume_copies import SAMPLES, CopyReader, VolumeCopies, Wish, worth_keeping

LIMIT = 1 << 30
SLICES = RAMP_SHAPE[0]


class Patient(VolumeCopies):
    """Copies that are open before the first slice is asked for, so that what comes from where is certain."""

    def find(self, stack: Stack) -> CopyReader | None:
        reader = super().find(stack)
        if reader is not None:
            reader.start().wait()
        return reader


class Opened:
    """A folder as it was opened, and how many of its slices came from the files."""

    delays_s: tuple[float, ...] = (0.0,)

    def __init__(self, folder: Path, copies: VolumeCopies, monkeypatch: pytest.MonkeyPatch) -> None:
        self.wishes: list[Wish] = []
        self.from_files = 0
        copies.wanted = self.wishes.append
        self.memory = VolumeCache(1 << 30, lambda: copies)

        def counted(volume: Volume, stack: Stack, k: int) -> None:
            self.from_files += 1
            time.sleep(self.delays_s[k % len(self.delays_s)])
            build.fill_slice(volume, stack, k)

        with monkeypatch.context() as patch:
            patch.setattr(filling, "fill_slice", counted)
            events = list(load([folder], cancel=CancelToken(), cache=self.memory, thumbnails=False))
        self.problems = [event.problem for event in events if isinstance(event, ProblemFound)]
        made = [event for event in events if isinstance(event, GeometryReady)]
        self.volume, self.stack = made[0].volume, made[0].stack

    @property
    def bytes(self) -> bytes:
        return self.volume.array.tobytes()


@pytest.fixture
def copies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> VolumeCopies:
    """Everything is worth a copy, and files that were just written are trusted."""
    monkeypatch.setattr(volume_copies, "LEAST_S", 0.0)
    monkeypatch.setattr(volume_copies, "LEAST_GAIN", 0.0)
    monkeypatch.setattr(copy_key, "TRUSTED_AGE_NS", 0)
    return Patient(tmp_path / "cache" / "volumes", LIMIT)


@pytest.fixture
def opened(copies: VolumeCopies, monkeypatch: pytest.MonkeyPatch) -> Callable[[Path], Opened]:
    """Open a folder."""
    return lambda folder: Opened(folder, copies, monkeypatch)


@pytest.fixture
def kept(copies: VolumeCopies, opened: Callable[[Path], Opened]) -> Callable[[Path], Opened]:
    """Open a folder and keep its volume."""

    def keep(folder: Path) -> Opened:
        time.sleep(0.01)  # the clock of file systems is coarse
        first = opened(folder)
        assert [copies.write(wish, lambda: None) for wish in first.wishes] == [True]
        return first

    return keep


def _colour(folder: Path) -> Path:
    array = np.random.default_rng(1).integers(0, 256, (*RAMP_SHAPE, 3), np.uint8)
    return write_series(folder, array, ramp_affine(), modality="MR")


SERIES: dict[str, Callable[[Path], Path]] = {
    "not compressed": write_ramp,
    "deflated": lambda folder: write_ramp(folder, transfer_syntax=DeflatedExplicitVRLittleEndian),
    "RLE": lambda folder: write_ramp(folder, transfer_syntax=RLELossless),
    "JPEG lossless": lambda folder: write_ramp(folder, transfer_syntax=JPEGLosslessSV1),
    "JPEG-LS": lambda folder: write_ramp(folder, transfer_syntax=JPEGLSLossless),
    "JPEG 2000, signed": lambda folder: write_ramp(folder, transfer_syntax=JPEG2000Lossless),
    "multi-frame": lambda folder: write_ramp(folder, "E1"),
    "uneven slices": lambda folder: write_ramp(folder, "G5"),
    "colour": _colour,
    "a slope for each slice": write_pet,
    "a slope for each slice, RLE": lambda folder: write_pet(folder, transfer_syntax=RLELossless),
}


# --- The same voxels ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("series", SERIES)
def test_that_the_second_opening_shows_what_the_first_did_without_decoding_a_slice(
    tmp_path: Path, kept: Callable[[Path], Opened], opened: Callable[[Path], Opened], series: str
) -> None:
    folder = SERIES[series](tmp_path / "study")
    first = kept(folder)
    second = opened(folder)
    assert (first.from_files, second.from_files) == (len(first.stack.frames), 0)
    assert second.bytes == first.bytes
    assert second.volume.array.dtype == first.volume.array.dtype
    assert second.volume.ready.all()
    assert not second.volume.corrupt.any()
    assert not second.wishes


def test_that_values_out_of_a_copy_are_those_of_pydicom(
    tmp_path: Path, kept: Callable[[Path], Opened], opened: Callable[[Path], Opened]
) -> None:
    folder = write_ramp(tmp_path / "study", transfer_syntax=RLELossless)
    kept(folder)
    second = opened(folder)
    assert second.from_files == 0
    for k, frame in enumerate(second.stack.frames):
        assert np.array_equal(second.volume.array[k], pydicom.dcmread(frame.path).pixel_array)


def test_that_physical_values_out_of_a_copy_follow_the_slope_the_file_has_now(
    tmp_path: Path, kept: Callable[[Path], Opened], opened: Callable[[Path], Opened]
) -> None:
    folder = write_pet(tmp_path / "study")
    kept(folder)
    second = opened(folder)
    assert second.from_files == 0
    for k, frame in enumerate(second.stack.frames):
        dataset = pydicom.dcmread(frame.path)
        expected = dataset.pixel_array.astype(np.float64) * float(dataset.RescaleSlope)
        assert np.array_equal(second.volume.array[k], expected.astype(np.float32))


def test_that_a_damaged_slice_is_not_in_the_copy_and_its_problem_is_said_again(
    tmp_path: Path, kept: Callable[[Path], Opened], opened: Callable[[Path], Opened]
) -> None:
    folder = write_ramp(tmp_path / "study", transfer_syntax=JPEGLSLossless)
    path = folder / "im0003.dcm"
    path.write_bytes(path.read_bytes()[:-60])
    first = kept(folder)
    second = opened(folder)
    assert int(first.volume.corrupt.sum()) == 1
    assert np.array_equal(second.volume.corrupt, first.volume.corrupt)
    assert second.bytes == first.bytes
    assert second.problems == first.problems != []
    assert second.from_files == 1


def test_that_a_series_chosen_from_the_browser_comes_out_of_its_copy(
    tmp_path: Path, copies: VolumeCopies, kept: Callable[[Path], Opened]
) -> None:
    first = kept(write_ramp(tmp_path / "study"))
    cache = VolumeCache(1 << 30, lambda: copies)
    events = list(load([tmp_path / "study"], cancel=CancelToken(), thumbnails=False))
    found = next(event for event in events if isinstance(event, GeometryReady))
    events = list(load_stack(found.stack, found.series, found.study, cancel=CancelToken(), cache=cache))
    volume = next(event.volume for event in events if isinstance(event, GeometryReady))
    assert volume.array.tobytes() == first.bytes


def test_that_slices_come_from_the_files_until_the_copy_is_open(
    tmp_path: Path,
    copies: VolumeCopies,
    kept: Callable[[Path], Opened],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_ramp(tmp_path / "study")
    first = kept(folder)
    go_on = threading.Event()
    key = copy_key.copy_key

    def slow(stack: Stack, now_ns: int) -> str | None:
        go_on.wait(10)
        return key(stack, now_ns)

    monkeypatch.setattr(volume_copies, "copy_key", slow)
    second = Opened(folder, VolumeCopies(copies.folder, LIMIT), monkeypatch)
    go_on.set()
    assert second.from_files == SLICES
    assert second.bytes == first.bytes


def test_that_real_multi_frame_files_are_the_same_out_of_their_copies(
    copies: VolumeCopies, real_data: RealData
) -> None:
    catalogue = Catalogue()
    for event in load(
        [real_data("mf-a")],
        cancel=CancelToken(),
        choose=lambda _: DefaultChoice(None, None),
        thumbnails=False,
    ):
        if isinstance(event, Indexed):
            catalogue = event.catalogue
    rows = [
        (stack, series, study)
        for study in catalogue.studies
        for series in study.series
        for stack in series.stacks
        if stack.source is None
    ]
    assert len(rows) > 3
    made: dict[str, list[bytes]] = {}
    for turn in range(2):
        for row in rows:
            wishes: list[Wish] = []
            copies.wanted = wishes.append
            memory = VolumeCache(1 << 30, lambda: copies)
            for event in load_stack(*row, cancel=CancelToken(), cache=memory):
                if isinstance(event, GeometryReady):
                    volume = event.volume
            if turn == 0:
                assert [copies.write(wish, lambda: None) for wish in wishes] == [True]
            else:
                assert not wishes, "it was decoded again"
            made.setdefault(row[0].uid, []).append(volume.array.tobytes())
    assert all(first == second for first, second in made.values())


def test_that_the_first_picture_does_not_wait_for_the_copy(
    tmp_path: Path, copies: VolumeCopies, kept: Callable[[Path], Opened]
) -> None:
    folder = write_ramp(tmp_path / "study")
    kept(folder)
    found: list[CopyReader] = []

    class Watched(VolumeCopies):
        def find(self, stack: Stack) -> CopyReader | None:
            reader = super().find(stack)
            if reader is not None:
                found.append(reader)
            return reader

    cache = VolumeCache(1 << 30, lambda: Watched(copies.folder, LIMIT))
    events = load([folder], cancel=CancelToken(), cache=cache, thumbnails=False)
    for event in events:
        if isinstance(event, SlicesReady):
            break
    assert len(found) == 1
    assert not found[0].started
    next(events)
    assert found[0].started


# --- No copy where there is a doubt ------------------------------------------------------------------------------


def _touch(folder: Path) -> None:
    os.utime(folder / "im0002.dcm", ns=(1, 1_700_000_000_000_000_000))


def _other_pixels(path: Path, aside: Path) -> None:
    """A file of the same size and the same time of change, with other pixels."""
    before = path.stat()
    dataset = pydicom.dcmread(path)
    dataset.PixelData = bytes(len(dataset.PixelData))
    dataset.save_as(aside)
    os.utime(aside, ns=(before.st_atime_ns, before.st_mtime_ns))
    aside.replace(path)
    assert (path.stat().st_size, path.stat().st_mtime_ns) == (before.st_size, before.st_mtime_ns)


def _replace(folder: Path) -> None:
    _other_pixels(folder / "im0002.dcm", folder.parent / "aside.dcm")


def _lose_one(folder: Path) -> None:
    (folder / "im0001.dcm").unlink()


def _exchange_names(folder: Path) -> None:
    """Two files change names: the same slices, in the same order, of other paths."""
    one, two, aside = folder / "im0001.dcm", folder / "im0002.dcm", folder / "aside"
    one.rename(aside)
    two.rename(one)
    aside.rename(two)


@pytest.mark.parametrize("change", [_touch, _replace, _lose_one, _exchange_names])
@pytest.mark.skipif(os.name == "nt", reason="Windows keeps no time of change")
def test_that_a_changed_file_is_read_and_the_copy_is_not_used(
    tmp_path: Path,
    kept: Callable[[Path], Opened],
    opened: Callable[[Path], Opened],
    change: Callable[[Path], None],
) -> None:
    folder = write_ramp(tmp_path / "study")
    kept(folder)
    time.sleep(0.01)
    change(folder)
    second = opened(folder)
    assert second.from_files == len(second.stack.frames)
    for k, frame in enumerate(second.stack.frames):
        assert np.array_equal(second.volume.array[k], pydicom.dcmread(frame.path).pixel_array)


def test_that_a_moved_folder_is_read_and_another_one_in_its_place_too(
    tmp_path: Path, kept: Callable[[Path], Opened], opened: Callable[[Path], Opened]
) -> None:
    folder = write_ramp(tmp_path / "study")
    first = kept(folder)
    folder.rename(tmp_path / "moved")
    write_ramp(folder, RescaleIntercept=5.0)
    for place in (tmp_path / "moved", folder):
        again = opened(place)
        assert again.from_files == SLICES
        assert again.bytes == first.bytes


def test_that_the_order_of_frames_and_all_that_decoding_depends_on_is_in_the_key(
    tmp_path: Path, opened: Callable[[Path], Opened]
) -> None:
    stack = opened(write_ramp(tmp_path / "study")).stack
    now = time.time_ns() + 10**10
    frame = stack.frames[0]

    def first(**changes: Any) -> Stack:
        return replace(stack, frames=(replace(frame, **changes), *stack.frames[1:]))

    others = [
        replace(stack, frames=stack.frames[::-1]),
        replace(stack, pixels=replace(stack.pixels, bits_stored=12)),
        first(frame=1),
        first(sop_instance_uid="1.2.3"),
        first(transfer_syntax="1.2.3"),
        first(data_offset=7),
        first(offset=7),
    ]
    keys = {copy_key.copy_key(other, now) for other in (stack, *others)}
    assert len(keys) == 1 + len(others)
    assert copy_key.copy_key(first(slope=3.0), now) == copy_key.copy_key(stack, now)
    assert copy_name(others[0]) != copy_name(stack)


def test_that_a_copy_of_another_version_of_the_program_is_not_used(
    tmp_path: Path,
    kept: Callable[[Path], Opened],
    opened: Callable[[Path], Opened],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_ramp(tmp_path / "study")
    kept(folder)
    monkeypatch.setattr(copy_key, "__version__", "99.0")
    assert opened(folder).from_files == SLICES


def test_that_files_which_changed_a_moment_ago_are_not_trusted(
    tmp_path: Path,
    copies: VolumeCopies,
    opened: Callable[[Path], Opened],
    kept: Callable[[Path], Opened],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_ramp(tmp_path / "study")
    kept(folder)
    monkeypatch.setattr(copy_key, "TRUSTED_AGE_NS", 2_000_000_000)
    again = opened(folder)
    assert again.from_files == SLICES
    assert [copies.write(wish, lambda: None) for wish in again.wishes] == [False]


def test_that_files_which_change_while_they_are_kept_are_not_kept(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened]
) -> None:
    folder = write_pet(tmp_path / "study")
    time.sleep(0.01)
    first = opened(folder)
    path = first.stack.frames[0].path
    calls = iter(range(1000))

    def check() -> None:
        if next(calls) == 2:
            os.utime(path, ns=(1, 1_700_000_000_000_000_000))

    assert not copies.write(first.wishes[0], check)
    assert copies.usage().copies == 0


# --- What is worth it --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "seconds, megabytes, worth",
    [
        (11.5, 315, True),
        (2.5, 315, True),
        (1.0, 315, False),
        (0.2, 315, False),
        (3.0, 1600, False),
        (1.4, 1, False),
    ],
)
def test_that_only_what_was_slow_is_kept(seconds: float, megabytes: int, worth: bool) -> None:
    assert worth_keeping(seconds, megabytes * 10**6) is worth


def test_that_a_volume_that_came_fast_is_not_wished_for(
    tmp_path: Path, opened: Callable[[Path], Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(volume_copies, "LEAST_S", 60.0)
    assert not opened(write_ramp(tmp_path / "study")).wishes


def test_that_slow_reading_counts_as_slow_decoding_does(
    tmp_path: Path, copies: VolumeCopies, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_ramp(tmp_path / "study")
    monkeypatch.setattr(volume_copies, "LEAST_S", 0.15)
    assert not Opened(folder, copies, monkeypatch).wishes

    class Network(Opened):
        delays_s = (0.05,)

    assert len(Network(folder, copies, monkeypatch).wishes) == 1


def test_that_a_moment_in_which_the_computer_was_busy_makes_no_copy(
    tmp_path: Path, copies: VolumeCopies, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = write_ramp(tmp_path / "study")
    monkeypatch.setattr(volume_copies, "LEAST_S", 0.15)

    class Busy(Opened):
        delays_s = (0.0, 0.4, 0.0, 0.0, 0.0)

    assert not Busy(folder, copies, monkeypatch).wishes


@pytest.mark.parametrize("file_s, copy_s", [(0.0, 0.01), (0.01, 0.0)])
def test_that_what_is_faster_today_is_read(
    tmp_path: Path,
    copies: VolumeCopies,
    kept: Callable[[Path], Opened],
    monkeypatch: pytest.MonkeyPatch,
    file_s: float,
    copy_s: float,
) -> None:
    slices = 60
    array = np.random.default_rng(2).integers(-1000, 1000, (slices, 16, 16), np.int16)
    folder = write_series(tmp_path / "study", array, ramp_affine())
    first = kept(folder)
    calls, fill = iter(range(1000)), CopyReader.fill

    def late(reader: CopyReader, volume: Volume, k: int) -> bool:
        if next(calls) < SAMPLES:  # as if it took a while to open it
            return False
        time.sleep(copy_s)
        return fill(reader, volume, k)

    class Now(Opened):
        delays_s = (file_s,)

    monkeypatch.setattr(CopyReader, "fill", late)
    second = Now(folder, copies, monkeypatch)
    assert second.bytes == first.bytes
    if file_s < copy_s:
        assert second.from_files >= slices - SAMPLES - 8  # each thread may be at one more
    else:
        assert second.from_files == SAMPLES
    assert copies.usage().copies == 1
    assert not second.wishes  # the copy that is there stays as it is


def test_that_a_volume_larger_than_the_memory_limit_and_one_of_a_zip_are_not_kept(
    tmp_path: Path, copies: VolumeCopies
) -> None:
    folder = write_ramp(tmp_path / "study")
    archive = shutil.make_archive(str(tmp_path / "packed"), "zip", folder)
    wishes: list[Wish] = []
    copies.wanted = wishes.append
    for place, budget in ((folder, 100), (Path(archive), 1 << 30)):
        cache = VolumeCache(budget, lambda: copies)
        events = list(load([place], cancel=CancelToken(), cache=cache, thumbnails=False))
        assert any(isinstance(event, GeometryReady) for event in events)
    assert not wishes


# --- Room, permissions, clearing ---------------------------------------------------------------------------------


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_that_copies_are_private(
    tmp_path: Path, copies: VolumeCopies, kept: Callable[[Path], Opened]
) -> None:
    copies.folder.mkdir(parents=True, mode=0o777)
    copies.folder.chmod(0o777)
    kept(write_ramp(tmp_path / "study"))
    for path in [copies.folder, *copies.folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_that_no_name_and_no_path_of_the_patient_is_in_a_copy(
    tmp_path: Path, copies: VolumeCopies, kept: Callable[[Path], Opened]
) -> None:
    kept(write_ramp(tmp_path / "Mustermann", PatientName="Mustermann^Erika"))
    for path in copies.folder.rglob("*"):
        assert b"ustermann" not in os.fsencode(path.relative_to(tmp_path))
        if path.is_file():
            content = path.read_bytes()
            assert b"ustermann" not in content
            assert b"2.25." not in content  # every UID of the phantom begins so


def test_that_the_copy_used_least_recently_goes_when_the_room_is_needed(
    tmp_path: Path, copies: VolumeCopies, kept: Callable[[Path], Opened], opened: Callable[[Path], Opened]
) -> None:
    folders = [write_ramp(tmp_path / name, uid_seed=name) for name in "abc"]
    for folder in folders[:2]:
        kept(folder)
    one = copies.usage().nbytes // 2
    for n, folder in enumerate(folders[:2]):  # as if it had been an hour ago
        path = copies.folder / f"{copy_name(opened(folder).stack)}.zarr"
        os.utime(path, (n, n))
    assert opened(folders[0]).from_files == 0  # now the other one is the older
    copies.limit_bytes = one * 5 // 2
    kept(folders[2])
    assert [opened(folder).from_files for folder in folders] == [0, SLICES, 0]
    assert copies.usage().nbytes <= copies.limit_bytes


def test_that_a_copy_larger_than_the_limit_is_not_made_and_leaves_nothing(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened]
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    copies.limit_bytes = 100
    assert not copies.write(first.wishes[0], lambda: None)
    assert list(copies.folder.iterdir()) == []


def test_that_copies_take_a_tenth_of_the_free_disk_at_most(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    usage = shutil.disk_usage(tmp_path)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: usage._replace(free=1000))
    assert not copies.write(first.wishes[0], lambda: None)


def test_that_a_full_disk_means_no_copy_and_no_leftover(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))

    def full(_aside: Path, _target: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(volume_copies, "put_folder", full)
    assert not copies.write(first.wishes[0], lambda: None)
    assert list(copies.folder.iterdir()) == []


def test_that_clearing_says_what_it_freed_and_touches_nothing_else(
    tmp_path: Path, copies: VolumeCopies, kept: Callable[[Path], Opened], opened: Callable[[Path], Opened]
) -> None:
    folder = write_ramp(tmp_path / "study")
    kept(folder)
    (copies.folder / ".0123.part").mkdir()
    (copies.folder / "notes.txt").write_text("mine")
    (copies.folder / "link.zarr").symlink_to(folder)
    before = sum(path.stat().st_size for path in copies.folder.glob("*.zarr/**/*") if path.is_file())
    freed = copies.clear()
    assert freed.copies == 1
    assert 0 < freed.nbytes <= before
    assert sorted(path.name for path in copies.folder.iterdir()) == ["link.zarr", "notes.txt"]
    assert len(list(folder.iterdir())) == SLICES
    assert opened(folder).from_files == SLICES


def test_that_nothing_is_used_or_kept_when_it_is_off_or_the_packages_are_missing(
    tmp_path: Path,
    copies: VolumeCopies,
    kept: Callable[[Path], Opened],
    opened: Callable[[Path], Opened],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_ramp(tmp_path / "study")
    kept(folder)
    with monkeypatch.context() as patch:
        patch.setattr(volume_copies, "copies_available", lambda: False)
        again = opened(folder)
        assert (again.from_files, again.wishes) == (SLICES, [])
    copies.limit_bytes = 0
    again = opened(folder)
    assert (again.from_files, again.wishes) == (SLICES, [])


@pytest.mark.skipif(os.name == "nt", reason="links need rights there")
def test_that_a_link_in_place_of_the_folder_is_not_followed(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened]
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    copies.folder.parent.mkdir(parents=True)
    copies.folder.symlink_to(elsewhere)
    assert not opened(write_ramp(tmp_path / "study")).wishes
    assert list(elsewhere.iterdir()) == []


# --- Damage, crashes, two programs -------------------------------------------------------------------------------


def _flip(copy: Path) -> None:
    path = next((copy / "0" / "c").rglob("*/0/0"))
    content = bytearray(path.read_bytes())
    content[len(content) // 3] ^= 0x10
    path.write_bytes(content)


def _cut(copy: Path) -> None:
    path = next((copy / "0" / "c").rglob("*/0/0"))
    path.write_bytes(path.read_bytes()[:-30])


def _lose(copy: Path) -> None:
    next((copy / "0" / "c").rglob("*/0/0")).unlink()


def _lose_description(copy: Path) -> None:
    (copy / "zarr.json").unlink()


def _spoil_description(copy: Path) -> None:
    (copy / "zarr.json").write_text("{")


@pytest.mark.parametrize("damage", [_flip, _cut, _lose, _lose_description, _spoil_description])
def test_that_of_a_damaged_copy_nothing_wrong_is_shown_and_the_files_are_read(
    tmp_path: Path,
    copies: VolumeCopies,
    kept: Callable[[Path], Opened],
    opened: Callable[[Path], Opened],
    damage: Callable[[Path], None],
) -> None:
    folder = write_ramp(tmp_path / "study")
    first = kept(folder)
    (copy,) = copies.folder.glob("*.zarr")
    damage(copy)
    second = opened(folder)
    assert second.bytes == first.bytes
    assert second.from_files > 0
    assert second.problems == []
    third = kept(folder)  # and it is made anew
    assert third.bytes == first.bytes
    assert opened(folder).from_files == 0


def test_that_a_copy_that_vanishes_while_it_is_read_is_no_problem(
    tmp_path: Path, copies: VolumeCopies, kept: Callable[[Path], Opened]
) -> None:
    folder = write_ramp(tmp_path / "study")
    first = kept(folder)
    reader = copies.find(first.stack)
    assert reader is not None
    copies.clear()
    assert not reader.fill(first.volume, 0)


class _PowerCut(BaseException):
    """Nothing that anybody catches."""


def test_that_what_a_crash_leaves_is_never_read_and_is_removed_in_time(
    tmp_path: Path,
    copies: VolumeCopies,
    kept: Callable[[Path], Opened],
    opened: Callable[[Path], Opened],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_ramp(tmp_path / "study")
    time.sleep(0.01)
    first = opened(folder)

    def cut(_aside: Path, _target: Path) -> None:
        raise _PowerCut

    with monkeypatch.context() as patch:
        patch.setattr(volume_copies, "put_folder", cut)
        patch.setattr(volume_copies, "_remove", lambda _path: None)
        with pytest.raises(_PowerCut):
            copies.write(first.wishes[0], lambda: None)
    (left,) = copies.folder.iterdir()
    assert opened(folder).from_files == SLICES
    kept(write_ramp(tmp_path / "other", uid_seed="other"))
    assert left.exists()  # it might be another program's that is just writing
    for path in [*left.rglob("*"), left]:
        os.utime(path, (1, 1))
    kept(folder)
    assert not left.exists()


def test_that_programs_writing_the_same_volume_at_once_leave_one_whole_copy(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened]
) -> None:
    folder = write_ramp(tmp_path / "study")
    time.sleep(0.01)
    first = opened(folder)
    gate = threading.Barrier(4)

    def program() -> None:
        gate.wait(10)
        VolumeCopies(copies.folder, LIMIT).write(first.wishes[0], lambda: None)

    threads = [threading.Thread(target=program) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert [path.suffix for path in copies.folder.iterdir()] == [".zarr"]
    again = opened(folder)
    assert again.from_files == 0
    assert again.bytes == first.bytes


def test_that_one_program_may_clear_while_another_writes(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened]
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    other = VolumeCopies(copies.folder, LIMIT)
    calls = iter(range(1000))

    def check() -> None:
        if next(calls) == 2:
            other.clear()

    assert not copies.write(first.wishes[0], check)
    assert list(copies.folder.iterdir()) == []


def test_that_a_copy_on_its_way_to_its_name_is_cleared_too(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    key_of, asked = copy_key.copy_key, iter(range(2))

    def copy_key_and_clear(stack: Stack, now_ns: int) -> str | None:
        key = key_of(stack, now_ns)
        if next(asked) == 1:  # everything is written, and the files were looked at once more
            copies.clear()
        return key

    monkeypatch.setattr(volume_copies, "copy_key", copy_key_and_clear)
    monkeypatch.setattr(volume_copies, "put_folder", lambda aside, target: pytest.fail("it was put in place"))
    assert not copies.write(first.wishes[0], lambda: None)
    assert next(asked, None) is None


def test_that_a_compressor_that_does_not_work_means_no_copy_and_the_thread_goes_on(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened], monkeypatch: pytest.MonkeyPatch
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    writer = CopyWriter(copies)
    for error in (ImportError("broken"), RuntimeError("broken"), ValueError("broken")):

        def fails(*_: object, error: Exception = error) -> None:
            raise error

        with monkeypatch.context() as broken:
            broken.setattr(volume_copies, "write_copy", fails)
            writer.set_idle(True)
            writer.wish(first.wishes[0])
            _until(lambda: not writer.busy)
    writer.wish(first.wishes[0])
    _until(lambda: copies.usage().copies == 1)
    writer.stop()


def test_that_a_copy_made_by_another_decoder_is_not_used(
    tmp_path: Path,
    kept: Callable[[Path], Opened],
    opened: Callable[[Path], Opened],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    folder = write_ramp(tmp_path / "study")
    kept(folder)
    assert "imagecodecs 2" in copy_key._decoders()
    monkeypatch.setattr(copy_key, "_decoders", lambda: "imagecodecs 1")
    assert opened(folder).from_files == SLICES


# --- The thread that writes --------------------------------------------------------------------------------------


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def test_that_nothing_is_written_while_something_is_loaded(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened]
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    writer = CopyWriter(copies)
    writer.wish(first.wishes[0])
    time.sleep(0.05)
    assert writer.busy
    assert not copies.folder.exists()
    writer.set_idle(True)
    _until(lambda: not writer.busy)
    assert copies.usage().copies == 1
    writer.stop()


class _Slow(VolumeCopies):
    """Writing that takes as long as it is let."""

    began = 0

    def write(self, wish: Wish, check: Callable[[], None]) -> bool:
        self.began += 1
        while self.began == 1:
            check()
            time.sleep(0.002)
        return super().write(wish, check)


def test_that_a_load_ends_the_writing_which_begins_anew_afterwards(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened]
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    slow = _Slow(copies.folder, LIMIT)
    writer = CopyWriter(slow)
    writer.set_idle(True)
    writer.wish(first.wishes[0])
    _until(lambda: slow.began == 1)
    writer.set_idle(False)
    time.sleep(0.05)
    assert writer.busy
    assert slow.began == 1
    writer.set_idle(True)
    _until(lambda: not writer.busy)
    assert copies.usage().copies == 1
    writer.stop()


@pytest.mark.parametrize("end", [CopyWriter.stop, CopyWriter.forget])
def test_that_closing_and_clearing_end_the_writing_at_once(
    tmp_path: Path,
    copies: VolumeCopies,
    opened: Callable[[Path], Opened],
    end: Callable[[CopyWriter], None],
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    slow = _Slow(copies.folder, LIMIT)
    writer = CopyWriter(slow)
    writer.set_idle(True)
    writer.wish(first.wishes[0])
    _until(lambda: slow.began == 1)
    started = time.monotonic()
    end(writer)
    assert time.monotonic() - started < 1.5
    assert not writer.busy
    assert copies.usage().nbytes == 0
    writer.stop()


def test_that_a_cancelled_copy_leaves_nothing(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened]
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    calls = iter(range(1000))

    def check() -> None:
        if next(calls) == 3:
            raise Cancelled

    with pytest.raises(Cancelled):
        copies.write(first.wishes[0], check)
    assert list(copies.folder.iterdir()) == []


def test_that_waiting_for_a_copy_does_not_hold_a_volume_in_memory(
    tmp_path: Path, copies: VolumeCopies, opened: Callable[[Path], Opened]
) -> None:
    time.sleep(0.01)
    first = opened(write_ramp(tmp_path / "study"))
    wish = first.wishes[0]
    gone: weakref.ref[npt.NDArray[np.generic]] = weakref.ref(first.volume.array)
    del first
    assert gone() is None
    assert not copies.write(wish, lambda: None)
