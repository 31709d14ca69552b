"""Coarse levels of volumes: what they mean, and that what is missing or damaged is never shown as values."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archive.pyramid import ramp, write_pyramid, write_uneven_pyramid
from tests.formats.volumes import failure_of
from tests.needs import library
from viewer.errors import DecodeError

library("zarr")
library("pyarrow")

from viewer.archive.reader import ArchiveVolume  # noqa: E402
from viewer.archive.stores import StoreKind  # noqa: E402

LIMIT = 1 << 20


def rewrite(path: Path, **changes: Any) -> None:
    """Change attributes of a volume; None takes one away."""
    file = path / "zarr.json"
    plain = json.loads(file.read_text())
    plain.pop("consolidated_metadata", None)
    ours = plain["attributes"]["triptych"]
    ours.update(changes)
    for name in [name for name, value in ours.items() if value is None]:
        del ours[name]
    file.write_text(json.dumps(plain))


@pytest.mark.parametrize("other", [34, 35], ids=["in the level", "skipped by the level"])
def test_that_B01_a_coarse_level_means_what_the_volume_means(other: int, tmp_path: Path) -> None:
    slope = np.where(np.arange(70) == other, 3.0, 2.0)[:, None, None]
    expected = (ramp() * slope - 1024).astype(np.float32)
    with ArchiveVolume(write_uneven_pyramid(tmp_path, other)) as archive:
        whole = archive.volume()
        np.testing.assert_array_equal(whole.array, expected)
        for level, (k, j, i) in enumerate(archive.steps):
            volume = archive.volume(level)
            assert volume.array.dtype == np.float32
            assert (volume.slope, volume.intercept) == (1.0, 0.0)
            np.testing.assert_array_equal(volume.array, expected[::k, ::j, ::i])
        coarse = archive.coarse(2 * LIMIT)
    assert coarse is not None
    assert coarse.array.dtype == whole.array.dtype
    np.testing.assert_array_equal(coarse.array, expected[::2, ::2, ::2])


def test_that_B07_padding_is_no_value_in_a_level_of_a_volume_with_several_rescales(tmp_path: Path) -> None:
    path = write_uneven_pyramid(tmp_path, 35)
    stack = json.loads((path / "zarr.json").read_text())["attributes"]["triptych"]["stack"]
    rewrite(path, stack={**stack, "padding": [0.0, 20.0]})
    with ArchiveVolume(path) as archive:
        volume = archive.volume(1)
    stored = ramp()[::2, ::2, ::2]
    np.testing.assert_array_equal(np.isnan(volume.array), (stored >= 0) & (stored <= 20))
    assert volume.padding is None


def test_that_J36_a_store_that_cannot_be_read_makes_no_slice_damaged(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(self: ArchiveVolume, level: int, n: int) -> Any:
        raise OSError(5, "gone")

    with ArchiveVolume(write_pyramid(tmp_path)) as archive:
        monkeypatch.setattr(ArchiveVolume, "_chunk", broken)
        with pytest.raises(DecodeError, match="cannot be read") as caught:
            archive.coarse(LIMIT)
    assert isinstance(caught.value.__cause__, OSError)


def shards_of(path: Path, level: int) -> list[Path]:
    return [file for file in (path / str(level) / "c").rglob("*") if file.is_file()]


def test_that_a_level_whose_shard_is_missing_is_damage_and_no_zeros(tmp_path: Path) -> None:
    path = write_pyramid(tmp_path)
    with ArchiveVolume(path) as archive:
        levels = len(archive.steps)
    assert levels == 3
    for level in range(1, levels):
        for shard in shards_of(path, level):
            shard.unlink()
        with ArchiveVolume(path) as archive:
            with pytest.raises(DecodeError, match="digest"):
                archive.stored_slice(0, level)
            assert archive.volume(level).corrupt.all()
            if level < levels - 1:
                # A coarser one that is whole stands in.
                coarse = archive.coarse(LIMIT)
                assert coarse is not None
                assert coarse.step == (2, 2, 4)
                assert coarse.damaged == ()
                np.testing.assert_array_equal(coarse.array, ramp()[::2, ::2, ::4])
            else:
                with pytest.raises(DecodeError, match="coarse levels"):
                    archive.coarse(LIMIT)
            assert not archive.volume().corrupt.any()


def test_that_values_of_a_level_that_are_not_those_written_are_damage(tmp_path: Path) -> None:
    path, other = (
        write_pyramid(tmp_path / name, array) for name, array in (("a", ramp()), ("b", ramp() + 1))
    )
    (shard,), (strange,) = shards_of(path, 1), shards_of(other, 1)
    shard.write_bytes(strange.read_bytes())
    with ArchiveVolume(path) as archive, pytest.raises(DecodeError, match="digest"):
        archive.stored_slice(3, 1)


@pytest.mark.parametrize("kind", [StoreKind.SHARD, StoreKind.ZIP])
def test_that_chunks_of_levels_are_written_even_when_they_hold_nothing(
    kind: StoreKind, tmp_path: Path
) -> None:
    path = write_pyramid(tmp_path, np.zeros_like(ramp()), kind)
    if kind is StoreKind.SHARD:
        assert shards_of(path, 1)
        assert not shards_of(path, 0)
    with ArchiveVolume(path) as archive:
        coarse = archive.coarse(LIMIT)
    assert coarse is not None
    assert not coarse.array.any()


def test_that_volumes_of_earlier_versions_without_digests_of_levels_stay_readable(tmp_path: Path) -> None:
    path = write_pyramid(tmp_path)
    rewrite(path, coarse_crc32=None)
    with ArchiveVolume(path) as archive:
        coarse = archive.coarse(LIMIT)
    assert coarse is not None
    np.testing.assert_array_equal(coarse.array, ramp()[::2, ::2, ::2])


FINE = [1, 1, 1]


@pytest.mark.parametrize(
    "changes",
    [
        {"levels": levels}
        for levels in (
            [],
            "no",
            [[2, 2, 2]],
            [FINE, [0, 0, 0]],
            [FINE, [2, 2]],
            [FINE, [2, 2, 2, 2]],
            [FINE, [-2, 2, 2]],
            [FINE, [2.5, 2, 2]],
            [FINE, ["2", 2, 2]],
            [FINE, [10**30, 2, 2]],
            [FINE, 2],
            [[True, True, True]],
        )
    ]
    + [{"coarse_crc32": digests} for digests in (7, [], [[1]], [7, 7])],
    ids=str,
)
def test_that_J06_damaged_levels_are_a_sentence(changes: dict[str, Any], tmp_path: Path) -> None:
    path = write_pyramid(tmp_path)
    rewrite(path, **changes)
    assert "damaged" in failure_of(path)
