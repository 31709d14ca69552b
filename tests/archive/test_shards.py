"""The short way to a chunk against zarr's own, which stays the judge."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archive.hospital import archive_of
from tests.needs import library

zarr = library("zarr")
library("pyarrow")

from zarr.codecs import BloscCodec, GzipCodec  # noqa: E402

from viewer.archive.reader import volumes_below  # noqa: E402
from viewer.archive.shards import LocalFiles, SliceShards  # noqa: E402


def arrays_below(archive: Path) -> list[tuple[Path, Any]]:
    return [
        (folder, zarr.open_array(folder, mode="r"))
        for path in volumes_below(archive)
        for folder in sorted(path.iterdir())
        if folder.is_dir()
    ]


@pytest.mark.parametrize("shard_bytes, chunk_bytes", [(1 << 28, 1 << 17), (300, 1), (700, 200)])
def test_that_every_chunk_is_the_one_that_zarr_reads(
    shard_bytes: int, chunk_bytes: int, hospital: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewer.archive.layout.SHARD_BYTES", shard_bytes)
    monkeypatch.setattr("viewer.archive.layout.CHUNK_BYTES", chunk_bytes)
    monkeypatch.setattr("viewer.archive.layout.COARSE_SIDE", 4)
    archive, _ = archive_of(hospital, tmp_path)
    seen = 0
    for folder, array in arrays_below(archive):
        shards = SliceShards.of(array, LocalFiles(folder))
        assert shards is not None
        size = array.chunks[-3]
        for n in range(-(-array.shape[-3] // size)):
            values = shards.read(n)
            assert values.dtype == array.dtype
            assert np.array_equal(values, array[..., n * size : (n + 1) * size, :, :])
            seen += 1
    assert seen >= 12


def test_that_chunks_that_were_never_written_are_zero(tmp_path: Path) -> None:
    values = np.zeros((6, 5, 4), np.int16)
    values[2] = 7
    made = {"shape": (6, 5, 4), "chunks": (1, 5, 4), "shards": (3, 5, 4), "dtype": "int16", "fill_value": 0}
    array = zarr.create_array(tmp_path / "a", compressors=BloscCodec(), **made)
    array[...] = values
    assert not (tmp_path / "a" / "c" / "1").exists()
    shards = SliceShards.of(array, LocalFiles(tmp_path / "a"))
    assert shards is not None
    assert np.array_equal(np.concatenate([shards.read(n) for n in range(6)]), values)


@pytest.mark.parametrize(
    "other",
    [
        {"shards": None},
        {"compressors": GzipCodec()},
        {"compressors": None},
        {"fill_value": 1},
        {"chunks": (1, 3, 4), "shards": (3, 6, 4)},
        {"chunk_key_encoding": {"name": "default", "separator": "."}},
    ],
)
def test_that_other_layouts_are_left_to_zarr(other: dict[str, Any], tmp_path: Path) -> None:
    made = {
        "shape": (6, 6, 4),
        "chunks": (1, 6, 4),
        "shards": (3, 6, 4),
        "dtype": "<i2",
        "fill_value": 0,
        "compressors": BloscCodec(),
        **other,
    }
    array = zarr.create_array(tmp_path / "a", **made)
    assert SliceShards.of(array, LocalFiles(tmp_path / "a")) is None


@pytest.mark.parametrize("keep", [0, 3, 20, -1, -30])
def test_that_a_shard_that_was_cut_is_an_error_and_no_values(
    keep: int, hospital: Path, tmp_path: Path
) -> None:
    archive, _ = archive_of(hospital / "ct", tmp_path)
    folder, array = arrays_below(archive)[0]
    file = folder / "c" / "0" / "0" / "0"
    file.write_bytes(file.read_bytes()[:keep])
    shards = SliceShards.of(array, LocalFiles(folder))
    assert shards is not None
    with pytest.raises((ValueError, RuntimeError, MemoryError)):
        shards.read(0)
