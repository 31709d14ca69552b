"""Volumes larger than the memory limit: from the disk, with the same values, and nothing left behind."""

from __future__ import annotations

import errno
import gc
import json
import mmap
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pytest
from pydicom.uid import JPEGLSLossless, RLELossless

from tests.conftest import CHECKOUT
from tests.phantoms import ramp_affine, ramp_array, write_ramp, write_series
from viewer.errors import StorageError
from viewer.imaging.needed_rows import NeededRows
from viewer.imaging.volume import Volume
from viewer.loading import filling, voxel_file
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady, Indexed, ProblemFound
from viewer.loading.pipeline import load
from viewer.loading.retry import retry
from viewer.loading.voxel_file import PREFIX, VoxelFile, fetch
from viewer.settings import cache_dir

INT16 = np.dtype(np.int16)


def opened(path: Path, **options: Any) -> tuple[Volume, list[str]]:
    events = list(load([path], cancel=CancelToken(), thumbnails=False, **options))
    (volume,) = [event.volume for event in events if isinstance(event, GeometryReady)]
    return volume, [event.problem.reason for event in events if isinstance(event, ProblemFound)]


def nifti(folder: Path, *, packed: bool) -> Path:
    folder.mkdir()
    path = folder / ("v.nii.gz" if packed else "v.nii")
    nibabel.save(nibabel.Nifti1Image(np.moveaxis(ramp_array(), (0, 1, 2), (2, 1, 0)), np.eye(4)), path)
    return path


def npy(folder: Path) -> Path:
    folder.mkdir()
    np.save(folder / "v.npy", ramp_array())
    return folder / "v.npy"


SERIES = {
    "uncompressed": write_ramp,
    "RLE": lambda folder: write_ramp(folder, transfer_syntax=RLELossless),
    "JPEG-LS": lambda folder: write_ramp(folder, transfer_syntax=JPEGLSLossless),
    "one slope a slice": lambda folder: write_ramp(folder, RescaleSlope=lambda k: 1.0 + k),
    "colour": lambda folder: write_series(
        folder, np.arange(3 * 240, dtype=np.uint8).reshape(5, 6, 8, 3), ramp_affine()
    ),
    "NIfTI": lambda folder: nifti(folder, packed=False),
    "packed NIfTI": lambda folder: nifti(folder, packed=True),
    "npy": npy,
}


@pytest.mark.parametrize("kind", SERIES)
def test_that_a_volume_from_the_disk_has_the_values_of_one_in_memory(kind: str, tmp_path: Path) -> None:
    path = SERIES[kind](tmp_path / "series")
    here, _ = opened(path)
    there, problems = opened(path, budget_bytes=10)
    assert problems == []
    assert (here.on_disk, there.on_disk) == (False, True)
    assert there.array.dtype == here.array.dtype
    assert there.array.flags.c_contiguous
    np.testing.assert_array_equal(there.array, here.array)
    np.testing.assert_array_equal(there.ready, here.ready)
    assert there.coarse is not None
    assert there.memory_bytes == there.coarse.nbytes < there.nbytes
    # The copy holds every slice, thinned out, and every one of its voxels is where it is in the volume.
    index = np.indices(there.coarse.geometry.shape).reshape(3, -1)
    where = np.rint(there.geometry.to_index(there.coarse.geometry.to_patient(index.T))).astype(int).T
    np.testing.assert_array_equal(
        there.coarse.array[..., *index], here.array[..., *where], err_msg="coarser copy"
    )
    assert there.coarse.geometry.shape[0] == here.geometry.shape[0]
    assert (there.columns is None) == here.is_colour
    if there.columns is not None:
        np.testing.assert_array_equal(there.columns.array[0], here.array)


def test_that_a_damaged_slice_on_the_disk_is_no_data(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    damaged = tmp_path / "ct" / "im0003.dcm"
    damaged.write_bytes(damaged.read_bytes()[:-10])
    volume, (reason,) = opened(tmp_path, budget_bytes=10)
    assert "ends early" in reason
    assert volume.corrupt.sum() == 1


def test_that_a_slice_that_is_read_again_reaches_the_copy_too(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    whole, _ = opened(tmp_path, budget_bytes=10)
    file = tmp_path / "ct" / "im0003.dcm"
    content = file.read_bytes()
    file.write_bytes(content[:-10])
    events = list(load([tmp_path], cancel=CancelToken(), thumbnails=False, budget_bytes=10))
    (placed,) = [event for event in events if isinstance(event, GeometryReady)]
    file.write_bytes(content)
    catalogue = next(event.catalogue for event in events if isinstance(event, Indexed) and event.complete)
    list(retry([], catalogue, [(placed.volume, placed.stack)], cancel=CancelToken()))
    assert not placed.volume.corrupt.any()
    assert placed.volume.coarse is not None
    assert whole.coarse is not None
    np.testing.assert_array_equal(placed.volume.array, whole.array)
    np.testing.assert_array_equal(placed.volume.coarse.array, whole.coarse.array)


@pytest.mark.skipif(sys.platform != "linux", reason="open files are looked up the Linux way")
def test_that_the_file_is_private_nameless_and_gone_with_its_array(tmp_path: Path) -> None:
    file = VoxelFile((4, 64, 64), INT16, tmp_path)
    assert list(tmp_path.iterdir()) == []
    descriptor, _ = _descriptors_in(tmp_path)  # of the file and of its mapping
    status = descriptor.stat()
    assert status.st_mode & 0o777 == 0o600
    assert status.st_nlink == 0
    # Taken from the disk, not promised: a full disk cannot surprise a running program.
    assert status.st_blocks * 512 >= 4 * 64 * 64 * 2
    array = file.array
    del file
    array[2] = 7
    assert _descriptors_in(tmp_path)
    del array
    assert not _descriptors_in(tmp_path)


def _descriptors_in(folder: Path) -> list[Path]:
    return [path for path in Path("/proc/self/fd").iterdir() if _target(path).startswith(str(folder))]


def _target(path: Path) -> str:
    try:
        return str(path.readlink())
    except OSError:  # the descriptor of the listing itself
        return ""


def test_that_a_disk_with_room_for_the_voxels_alone_is_enough(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ramp(tmp_path / "ct")
    made: list[int] = []

    class Once(VoxelFile):
        def __init__(self, *given: Any) -> None:
            if made:
                raise StorageError("No room.")
            made.append(1)
            super().__init__(*given)

    monkeypatch.setattr(filling, "VoxelFile", Once)
    volume, problems = opened(tmp_path, budget_bytes=10)
    assert problems == []
    assert volume.on_disk
    assert volume.columns is None
    assert volume.ready.all()


@pytest.mark.skipif(sys.platform != "linux", reason="open files are looked up the Linux way")
def test_that_a_volume_that_left_the_screen_leaves_the_disk(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    cache = VolumeCache(budget_bytes=10)
    volume, _ = opened(tmp_path, cache=cache)
    cache.set_visible({volume.uid})
    assert len(cache) == 1
    assert _descriptors_in(cache_dir())
    cache.set_visible(())
    del volume
    gc.collect()
    assert not _descriptors_in(cache_dir())


def test_that_what_a_crash_left_behind_is_removed_and_nothing_else(tmp_path: Path) -> None:
    old, young, other = tmp_path / f"{PREFIX}old", tmp_path / f"{PREFIX}young", tmp_path / "demo-1"
    for path in (old, young, other):
        path.write_bytes(b"x")
    long_ago = time.time() - 3600
    os.utime(old, (long_ago, long_ago))
    os.utime(other, (long_ago, long_ago))
    VoxelFile((1, 2, 2), INT16, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["demo-1", f"{PREFIX}young"]


def test_that_a_full_disk_is_a_sentence_and_the_series_is_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ramp(tmp_path / "ct", SeriesNumber=3)
    monkeypatch.setattr(voxel_file, "SPARE_BYTES", 1 << 60)
    events = list(load([tmp_path], cancel=CancelToken(), budget_bytes=10))
    assert not [event for event in events if isinstance(event, GeometryReady)]
    (problem,) = [event.problem for event in events if isinstance(event, ProblemFound)]
    assert problem.file == "CT series 3"
    assert "no room" in problem.reason
    assert "memory limit in the settings" in problem.reason


@pytest.mark.skipif(not hasattr(os, "posix_fallocate"), reason="this system reserves space by writing")
@pytest.mark.parametrize(
    "number, says", [(errno.ENOSPC, "no room"), (errno.EDQUOT, "no room"), (errno.EIO, "rror")]
)
def test_that_a_disk_that_fills_up_meanwhile_is_a_sentence(
    number: int, says: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "posix_fallocate", refuse)
    with pytest.raises(StorageError, match=says):
        VoxelFile((1, 2, 2), INT16, tmp_path)


def test_that_space_is_reserved_where_the_system_has_no_call_for_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(os, "posix_fallocate", raising=False)
    monkeypatch.setattr(voxel_file, "_CHUNK", 1000)
    array = VoxelFile((3, 50, 50), INT16, tmp_path).array
    assert not array.any()


def test_that_a_folder_that_cannot_be_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(StorageError, match="no temporary file"):
        VoxelFile((1, 2, 2), INT16, tmp_path / "file")


# --- Memory ------------------------------------------------------------------------------------------------------

BUDGET = 20 << 20
SHAPE = (260, 512, 512)
"""137 MB, seven times the budget."""

LOAD = """
import json, sys
from pathlib import Path
import numpy as np
from viewer.imaging.plane import Plane
from viewer.imaging.sample import sample_plane
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady, ProblemFound
from viewer.loading.pipeline import load

def status(name):
    line = next(x for x in Path("/proc/self/status").read_text().splitlines() if x.startswith(name))
    return int(line.split()[1]) * 1024

events = list(load([Path(sys.argv[1])], cancel=CancelToken(), budget_bytes=int(sys.argv[2]), thumbnails=False))
(volume,) = [event.volume for event in events if isinstance(event, GeometryReady)]
peak = status("VmHWM")
assert not [event for event in events if isinstance(event, ProblemFound)]
n = volume.geometry.shape[0]
centre = volume.geometry.to_patient((n // 2, 256, 256))
axes = {"axial": ((1, 0, 0), (0, 1, 0)), "coronal": ((1, 0, 0), (0, 0, -1)), "sagittal": ((0, 1, 0), (0, 0, -1))}
planes = {
    name: Plane.centred(centre, np.array(u, float), np.array(v, float), 1.0, 511, 511)
    for name, (u, v) in axes.items()
}
np.savez(sys.argv[3], **{name: sample_plane(volume, plane) for name, plane in planes.items()})
print(json.dumps({"peak": peak, "on_disk": volume.on_disk}))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="memory is measured the Linux way")
def test_that_loading_seven_times_the_budget_stays_within_it_and_shows_the_same_planes(
    tmp_path: Path,
) -> None:
    rng = np.random.default_rng(3)
    array = (
        rng.integers(-1000, 1000, (1, *SHAPE[1:]), np.int16)
        + np.arange(SHAPE[0], dtype=np.int16)[:, None, None]
    )
    affine = np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    write_series(tmp_path / "ct", array, affine)

    found = {}
    for name, budget in (("disk", BUDGET), ("memory", 1 << 30)):
        done = subprocess.run(
            [sys.executable, "-c", LOAD, str(tmp_path / "ct"), str(budget), str(tmp_path / f"{name}.npz")],
            capture_output=True,
            cwd=CHECKOUT,
            check=False,
        )
        assert done.returncode == 0, done.stderr.decode()
        found[name] = json.loads(done.stdout)
    assert found["disk"]["on_disk"]
    assert not found["memory"]["on_disk"]
    assert found["disk"]["peak"] < BUDGET + (150 << 20)
    assert found["memory"]["peak"] > array.nbytes  # the measure sees what it is to see
    with np.load(tmp_path / "disk.npz") as there, np.load(tmp_path / "memory.npz") as here:
        for name in ("axial", "coronal", "sagittal"):
            np.testing.assert_array_equal(there[name], here[name])
        np.testing.assert_array_equal(there["axial"], array[SHAPE[0] // 2, 1:, 1:])


# --- Reading ahead -----------------------------------------------------------------------------------------------


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """Begin and end of what the system is asked to read."""
    if not hasattr(mmap, "MADV_WILLNEED"):
        pytest.skip("this system cannot be asked to read")
    told: list[tuple[int, int]] = []

    class Told(mmap.mmap):
        def madvise(self, option: int, start: int = 0, length: int = 0) -> None:
            assert option == mmap.MADV_WILLNEED
            told.append((start, start + length))
            super().madvise(option, start, length)

    monkeypatch.setattr(mmap, "mmap", Told)
    return told


@pytest.mark.parametrize(
    "shape, part, rows, pieces",
    [
        (
            (9, 64, 64),
            (),
            [(2, 5, 9), (3, 5, 9)],
            [(2 * 8192, 5 * 128, 10 * 128), (3 * 8192, 5 * 128, 10 * 128)],
        ),
        ((9, 64, 64), (), [(2, 0, 63), (3, 0, 63)], [(2 * 8192, 0, 2 * 8192)]),  # whole slices in one piece
        ((3, 9, 64, 64), (1,), [(2, 40, 63)], [(11 * 8192, 40 * 128, 8192)]),
        ((9, 64, 64), (), [], []),
    ],
)
def test_that_rows_are_asked_for_where_they_lie_in_the_file(
    shape: tuple[int, ...],
    part: tuple[int, ...],
    rows: list[tuple[int, int, int]],
    pieces: list[tuple[int, int, int]],
    asked: list[tuple[int, int]],
    tmp_path: Path,
) -> None:
    array = VoxelFile(shape, INT16, tmp_path).array
    slices, first, last = np.array(rows, np.int64).reshape(-1, 3).T
    fetch(array[part] if part else array, NeededRows(slices, first, last))
    page = mmap.PAGESIZE
    assert asked == [((base + low) // page * page, base + high) for base, low, high in pieces]
    fetch(np.zeros((9, 64, 64), INT16), NeededRows(slices, first, last))  # memory needs no reading
    assert len(asked) == len(pieces)


def test_that_more_than_can_be_kept_is_not_asked_for(
    asked: list[tuple[int, int]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    array = VoxelFile((9, 64, 64), INT16, tmp_path).array
    monkeypatch.setattr(voxel_file, "MOST_FETCHED_BYTES", 100)
    fetch(array, NeededRows(np.array([1]), np.array([0]), np.array([5])))
    assert asked == []
