"""The cache of volumes: a budget in bytes, the least recently used goes, a visible one never."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from viewer.dicom.model import FrameSource, PixelFormat, Stack
from viewer.imaging.coarse import coarse_copy
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.volume import Volume
from viewer.loading.cache import VolumeCache, default_budget_bytes
from viewer.settings import physical_memory_bytes


def make(uid: str, nbytes: int = 100) -> tuple[Stack, Volume]:
    geometry = VolumeGeometry((nbytes // 10, 1, 10), np.eye(4))
    stack = Stack(
        uid,
        tuple(FrameSource(Path(f"/{uid}/{k}")) for k in range(nbytes // 10)),
        PixelFormat(1, 10),
        geometry,
        GeometryReport(nbytes // 10, (1.0, 1.0, 1.0)),
    )
    return stack, Volume(uid, np.zeros((nbytes // 10, 1, 10), np.uint8), geometry)


def test_that_the_least_recently_used_volume_goes_first() -> None:
    cache = VolumeCache(budget_bytes=250)
    (a, volume_a), (b, volume_b), (c, volume_c) = make("a"), make("b"), make("c")
    assert cache.put(a, volume_a) == ()
    assert cache.put(b, volume_b) == ()
    assert cache.get(a) is volume_a
    assert cache.put(c, volume_c) == ("b",)
    assert cache.get(b) is None
    assert cache.get(a) is volume_a
    assert cache.used_bytes == 200


def test_that_a_visible_volume_is_never_evicted() -> None:
    cache = VolumeCache(budget_bytes=150)
    (a, volume_a), (b, volume_b) = make("a"), make("b")
    cache.put(a, volume_a)
    cache.set_visible({"a"})
    assert cache.put(b, volume_b) == ()
    assert cache.get(a) is volume_a
    cache.set_visible({"b"})
    assert cache.make_room(50) == 50
    assert len(cache) == 1
    assert cache.get(a) is None


def test_that_room_is_made_only_as_far_as_needed() -> None:
    cache = VolumeCache(budget_bytes=300)
    for uid in "abc":
        cache.put(*make(uid))
    assert cache.make_room(100) == 100
    assert len(cache) == 2
    assert cache.make_room(1000) == 300
    assert len(cache) == 0


def test_that_a_volume_on_the_disk_takes_little_memory_and_goes_with_the_screen() -> None:
    cache = VolumeCache(budget_bytes=1200)
    (a, volume_a), (b, volume_b), (c, volume_c) = make("a"), make("b", 1000), make("c", 1000)
    volume_b, volume_c = (replace(volume, coarse=coarse_copy(volume, 300)) for volume in (volume_b, volume_c))
    cache.put(a, volume_a)
    assert cache.put(b, volume_b) == ()
    assert cache.used_bytes == 100 + volume_b.memory_bytes
    cache.set_visible({"b"})
    assert cache.put(c, volume_c) == ()
    assert cache.get(b) is volume_b
    cache.set_visible({"c"})
    assert cache.get(b) is None
    assert cache.get(c) is volume_c
    cache.set_visible(())
    assert cache.get(c) is None
    assert cache.get(a) is volume_a


def test_that_a_volume_of_other_files_is_not_taken_for_the_same() -> None:
    cache = VolumeCache(budget_bytes=1000)
    stack, volume = make("a")
    cache.put(stack, volume)
    moved = replace(stack, frames=tuple(replace(frame, path=Path("/other")) for frame in stack.frames))
    assert cache.get(moved) is None
    assert cache.get(replace(stack, label="same frames")) is volume


def test_that_a_volume_can_be_forgotten() -> None:
    cache = VolumeCache(budget_bytes=1000)
    stack, volume = make("a")
    cache.put(stack, volume)
    cache.discard("a")
    cache.discard("a")
    assert cache.get(stack) is None
    cache.put(stack, volume)
    cache.clear()
    assert cache.used_bytes == 0


def test_that_the_default_budget_is_half_of_the_memory() -> None:
    total = physical_memory_bytes()
    assert total is not None
    assert total > 256 << 20
    assert default_budget_bytes() == total // 2
