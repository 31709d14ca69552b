"""Private copies of stored values: zarr reads them, nobody else does, and damage is never shown."""

from __future__ import annotations

import json
import os
import stat
import struct
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
import zarr

import viewer.archive.copies as copies
from viewer.archive.copies import VolumeCopy, write_copy
from viewer.archive.layout import SHARD_BYTES
from viewer.errors import DecodeError

SHAPES: dict[str, tuple[tuple[int, ...], str]] = {
    "signed": ((7, 20, 30), "int16"),
    "unsigned bytes": ((3, 16, 16), "uint8"),
    "wide": ((2, 9, 11), "uint32"),
    "floats": ((4, 8, 8), "float32"),
    "colour": ((3, 5, 12, 10), "uint8"),
}


def noise(shape: tuple[int, ...], dtype: str) -> npt.NDArray[np.generic]:
    """Every bit pattern is a value."""
    kind = np.dtype(dtype)
    raw = np.random.default_rng(3).integers(0, 256, int(np.prod(shape)) * kind.itemsize, np.uint8)
    return raw.view(kind).reshape(shape)


def same(found: npt.NDArray[np.generic] | None, expected: npt.NDArray[np.generic]) -> bool:
    return found is not None and np.array_equal(found, expected)


def nothing(_nbytes: int) -> None:
    """Nobody wants to know."""


def written(folder: Path, array: npt.NDArray[np.generic]) -> Path:
    slices = (array[..., k, :, :] for k in range(array.shape[-3]))
    write_copy(folder, "the key", array.shape, array.dtype, slices, nothing)
    return folder


@pytest.mark.parametrize("case", SHAPES)
def test_that_zarr_reads_what_was_written(tmp_path: Path, case: str) -> None:
    array = noise(*SHAPES[case])
    group = zarr.open_group(written(tmp_path / "copy.zarr", array), mode="r")
    found = np.asarray(group["0"])
    assert found.dtype == array.dtype
    assert found.tobytes() == array.tobytes()


@pytest.mark.parametrize("case", SHAPES)
def test_that_a_copy_holds_what_was_put_into_it_slice_by_slice(tmp_path: Path, case: str) -> None:
    array = noise(*SHAPES[case])
    copy = VolumeCopy(written(tmp_path / "copy.zarr", array), "the key", array.shape, array.dtype)
    for k in range(array.shape[-3]):
        values = copy.stored(k)
        assert values is not None
        assert values.tobytes() == array[..., k, :, :].tobytes()


def test_that_several_shards_are_one_array(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    array = noise((7, 20, 30), "int16")
    monkeypatch.setattr(copies, "SHARD_BYTES", 3 * array[0].nbytes)
    folder = written(tmp_path / "copy.zarr", array)
    assert sorted(path.name for path in (folder / "0" / "c").iterdir()) == ["0", "1", "2"]
    assert np.array_equal(np.asarray(zarr.open_group(folder, mode="r")["0"]), array)
    copy = VolumeCopy(folder, "the key", array.shape, array.dtype)
    assert all(same(copy.stored(k), array[k]) for k in range(7))
    assert array.nbytes < SHARD_BYTES


def test_that_a_slice_that_was_left_out_is_not_made_up(tmp_path: Path) -> None:
    array = noise((3, 8, 8), "int16")
    slices: Iterator[npt.NDArray[np.generic] | None] = iter([array[0], None, array[2]])
    write_copy(tmp_path / "copy.zarr", "the key", array.shape, array.dtype, slices, nothing)
    copy = VolumeCopy(tmp_path / "copy.zarr", "the key", array.shape, array.dtype)
    assert copy.stored(1) is None
    assert same(copy.stored(2), array[2])


@pytest.mark.skipif(os.name == "nt", reason="Windows has no such permissions")
def test_that_nobody_else_can_read_a_copy_whatever_the_users_mask_is(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        folder = written(tmp_path / "copy.zarr", noise(*SHAPES["colour"]))
    finally:
        os.umask(before)
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_that_nothing_is_in_a_copy_but_values_and_digests(tmp_path: Path) -> None:
    folder = written(tmp_path / "copy.zarr", noise((3, 8, 8), "int16"))
    attributes = json.loads((folder / "zarr.json").read_text())["attributes"]
    assert set(attributes) == {copies.ATTRIBUTE}
    assert set(attributes[copies.ATTRIBUTE]) == {"version", "key", "crc32"}
    assert json.loads((folder / "0" / "zarr.json").read_text())["attributes"] == {}


def test_that_a_copy_with_another_key_is_not_opened(tmp_path: Path) -> None:
    array = noise((3, 8, 8), "int16")
    with pytest.raises(DecodeError, match="other files"):
        VolumeCopy(written(tmp_path / "copy.zarr", array), "another key", array.shape, array.dtype)


def _shard(folder: Path) -> Path:
    return folder / "0" / "c" / "0" / "0" / "0"


def _flip(folder: Path) -> None:
    content = bytearray(_shard(folder).read_bytes())
    content[struct.unpack("<Q", content[-4 - 16 * 3 : -4 - 16 * 3 + 8])[0] + 40] ^= 1
    _shard(folder).write_bytes(content)


def _cut(folder: Path) -> None:
    _shard(folder).write_bytes(_shard(folder).read_bytes()[:100])


def _swap(folder: Path) -> None:
    """Two entries of the index: every slice unpacks well, at another's place."""
    content = bytearray(_shard(folder).read_bytes())
    start = len(content) - 4 - 16 * 3
    content[start : start + 32] = content[start + 16 : start + 32] + content[start : start + 16]
    _shard(folder).write_bytes(content)


def _lose(folder: Path) -> None:
    _shard(folder).unlink()


@pytest.mark.parametrize("damage", [_flip, _cut, _swap, _lose])
def test_that_damage_is_an_error_and_never_a_picture(tmp_path: Path, damage: Callable[[Path], None]) -> None:
    array = noise((3, 16, 16), "int16")
    folder = written(tmp_path / "copy.zarr", array)
    damage(folder)
    copy = VolumeCopy(folder, "the key", array.shape, array.dtype)
    with pytest.raises(DecodeError):
        copy.stored(0)


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"attributes": {"triptych-copy": {"version": 1}}}'])
def test_that_a_damaged_description_is_an_error(tmp_path: Path, text: str) -> None:
    array = noise((3, 8, 8), "int16")
    folder = written(tmp_path / "copy.zarr", array)
    (folder / "zarr.json").write_text(text)
    with pytest.raises(DecodeError):
        VolumeCopy(folder, "the key", array.shape, array.dtype)


def test_that_the_checksum_of_an_index_is_the_published_one() -> None:
    assert copies._crc32c(bytes(32)) == 0x8A9136AA  # RFC 3720 B.4
    assert copies._crc32c(bytes(range(32))) == 0x46DD794E
