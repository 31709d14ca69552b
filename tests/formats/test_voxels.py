"""Reading slices out of files that are not what they promise."""

from __future__ import annotations

import gzip
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from viewer.dicom.model import FrameSource
from viewer.errors import DecodeError, FormatError
from viewer.formats.voxels import GzipStream, GzipVoxels, VoxelLayout

MIB = 1 << 20
RANDOM = np.random.default_rng(11).integers(0, 256, 3 * MIB // 2, np.uint8).tobytes()


def packed(path: Path, *members: bytes, padding: int = 0) -> Path:
    path.write_bytes(b"".join(gzip.compress(member, 1) for member in members) + bytes(padding))
    return path


@pytest.mark.parametrize("count", [1, 7, 4096, 65536, 1_000_003])
def test_that_a_stream_gives_its_bytes_in_portions_of_any_size(tmp_path: Path, count: int) -> None:
    content = RANDOM[:20_000] if count < 100 else RANDOM
    stream = GzipStream(packed(tmp_path / "a.gz", content))
    found = b""
    while len(found) + count <= len(content):
        found += stream.read(count)
    assert found == content[: len(found)]
    with pytest.raises(DecodeError, match="end early"):
        stream.read(count)


def test_that_several_members_and_filling_zeros_are_one_stream(tmp_path: Path) -> None:
    parts = (RANDOM[:70_000], b"", RANDOM[70_000:200_000], RANDOM[200_000:200_001])
    stream = GzipStream(packed(tmp_path / "a.gz", *parts, padding=512))
    assert stream.read(200_001) == RANDOM[:200_001]
    with pytest.raises(DecodeError, match="end early"):
        stream.read(1)


def test_that_bytes_that_compress_a_thousandfold_are_unpacked_only_as_far_as_announced(
    tmp_path: Path,
) -> None:
    path = tmp_path / "bomb.gz"
    with gzip.open(path, "wb", 9) as file:
        for _ in range(256):
            file.write(bytes(MIB))
    assert path.stat().st_size < MIB
    voxels = GzipVoxels(path, VoxelLayout(0, np.dtype("u1"), (4, 100, 100)))
    tracemalloc.start()
    for k in range(4):
        assert not voxels.read(FrameSource(path, frame=k)).any()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 8 * MIB


def test_that_more_than_gzip_can_pack_is_refused_before_anything_is_read(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.gz", bytes(1000))
    with pytest.raises(FormatError, match="damaged or incomplete"):
        GzipVoxels(path, VoxelLayout(352, np.dtype("i2"), (1000, 1000, 1000)))


@pytest.mark.parametrize("order", ["forwards", "backwards", "shuffled", "twice"])
def test_that_slices_are_the_same_in_whatever_order_they_are_asked_for(tmp_path: Path, order: str) -> None:
    data = np.frombuffer(RANDOM[: 30 * 40 * 50 * 2], "<i2").reshape(30, 40, 50)
    path = packed(tmp_path / "a.gz", bytes(352) + data.tobytes())
    voxels = GzipVoxels(path, VoxelLayout(352, np.dtype("<i2"), (30, 40, 50)))
    asked = list(range(30))
    if order == "backwards":
        asked.reverse()
    elif order == "shuffled":
        np.random.default_rng(2).shuffle(asked)
    elif order == "twice":
        asked *= 2
    for k in asked:
        assert np.array_equal(voxels.read(FrameSource(path, frame=k)), data[k])


def test_that_several_threads_may_read_one_stream(tmp_path: Path) -> None:
    from concurrent.futures import ThreadPoolExecutor

    data = np.frombuffer(RANDOM[: 60 * 40 * 50 * 2], "<i2").reshape(60, 40, 50)
    path = packed(tmp_path / "a.gz", data.tobytes())
    voxels = GzipVoxels(path, VoxelLayout(0, np.dtype("<i2"), (60, 40, 50)))
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda k: voxels.read(FrameSource(path, frame=k)), range(60)))
    assert np.array_equal(found, data)


@pytest.mark.parametrize("place", [5, 40, 1000, 30_000])
def test_that_a_flipped_byte_is_damage_and_never_other_values(tmp_path: Path, place: int) -> None:
    data = np.frombuffer(RANDOM[:100_000], "u1").reshape(10, 100, 100)
    path = packed(tmp_path / "a.gz", data.tobytes())
    content = bytearray(path.read_bytes())
    content[place] ^= 0x55
    path.write_bytes(content)
    voxels = GzipVoxels(path, VoxelLayout(0, np.dtype("u1"), (10, 100, 100)))
    damaged = 0
    for k in range(10):
        try:
            voxels.read(FrameSource(path, frame=k))
        except DecodeError:
            damaged += 1
    # Byte 5 is the time of the file, which nothing depends on; a stored byte is caught by the check sum at the end.
    assert (damaged > 0) is (place != 5)


def test_that_a_check_sum_behind_everything_read_is_looked_at(tmp_path: Path) -> None:
    path = tmp_path / "a.gz"
    # Stored blocks, so that the length can be chosen: the check sum begins the second portion that is read.
    length = next(n for n in range(65_400, 65_536) if len(gzip.compress(RANDOM[:n], 0)) == 65_536 + 8)
    content = bytearray(gzip.compress(RANDOM[:length], 0))
    content[-8] ^= 0xFF
    path.write_bytes(content)
    voxels = GzipVoxels(path, VoxelLayout(0, np.dtype("u1"), (1, 1, length)))
    with pytest.raises(DecodeError, match="damaged"):
        voxels.read(FrameSource(path))


def test_that_a_file_that_vanishes_is_an_expected_error(tmp_path: Path) -> None:
    path = packed(tmp_path / "a.gz", RANDOM[:1000])
    voxels = GzipVoxels(path, VoxelLayout(0, np.dtype("u1"), (1, 10, 100)))
    path.unlink()
    with pytest.raises(OSError, match="No such file"):
        voxels.read(FrameSource(path))
