"""What is read at the same time, what is kept, and that neither exceeds the budget."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest

from viewer.errors import Cancelled, ViewerError
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Volume
from viewer.service.room import Read, Room

SOON = 5.0
MiB = 1 << 20


def volume(nbytes: int, *, on_disk: bool = False) -> Volume:
    geometry = VolumeGeometry((1, 1, nbytes), np.eye(4))
    array = np.zeros((1, 1, nbytes), np.uint8)
    coarse = Volume("coarse", np.zeros((1, 1, 1), np.uint8), VolumeGeometry((1, 1, 1), np.eye(4)))
    return Volume("volume", array, geometry, coarse=coarse if on_disk else None)


class Reading:
    """A volume whose reading goes on until it is told to end."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self.begun, self.may_end = threading.Event(), threading.Event()
        self.times = 0

    def __call__(self, budget: int) -> Volume:
        self.times += 1
        self.begun.set()
        assert self.may_end.wait(SOON)
        return volume(self.nbytes, on_disk=self.nbytes > budget)

    def end(self) -> None:
        self.may_end.set()


@pytest.fixture
def room() -> Iterator[Room]:
    made = Room(10 * MiB, 4)
    yield made
    made.close()


def at_once(nbytes: int) -> Read:
    return lambda budget: volume(nbytes, on_disk=nbytes > budget)


def wait_until(true: Callable[[], bool]) -> None:
    until = time.monotonic() + SOON
    while not true():
        assert time.monotonic() < until
        time.sleep(0.002)


def test_that_many_who_ask_for_the_same_volume_cause_one_reading(room: Room) -> None:
    reading = Reading(MiB)
    leases = [room.ask("a", MiB, reading) for _ in range(20)]
    reading.end()
    assert len({id(lease.future.result(SOON)) for lease in leases}) == 1
    assert (reading.times, room.reads) == (1, 1)


def test_that_several_volumes_are_read_at_the_same_time(room: Room) -> None:
    readings = [Reading(2 * MiB) for _ in range(4)]
    leases = [room.ask(n, 2 * MiB, reading) for n, reading in enumerate(readings)]
    for reading in readings:
        assert reading.begun.wait(SOON)
    for reading in readings:
        reading.end()
    for lease in leases:
        lease.future.result(SOON)


def test_that_a_volume_waits_until_there_is_room_for_it(room: Room) -> None:
    first, second = Reading(7 * MiB), Reading(4 * MiB)
    lease, other = room.ask("a", first.nbytes, first), room.ask("b", second.nbytes, second)
    first.end()
    lease.future.result(SOON)
    assert not second.begun.wait(0.1), "the first one is still used"
    with lease:
        pass
    assert second.begun.wait(SOON)
    assert room.kept("a") is None, "it made room"
    second.end()
    other.future.result(SOON)


def test_that_a_small_volume_does_not_overtake_a_large_one_for_ever(room: Room) -> None:
    used, large, small = Reading(5 * MiB), Reading(8 * MiB), Reading(MiB)
    with room.ask("used", used.nbytes, used) as lease:
        assert used.begun.wait(SOON)
        room.ask("large", large.nbytes, large)
        room.ask("small", small.nbytes, small)
        assert not small.begun.wait(0.1)
        used.end()
        lease.future.result(SOON)
    assert large.begun.wait(SOON)
    assert small.begun.wait(SOON)
    large.end()
    small.end()


def test_that_what_waits_for_the_disk_holds_nobody_else_up(room: Room) -> None:
    large = [Reading(20 * MiB) for _ in range(6)]
    leases = [room.ask(n, reading.nbytes, reading) for n, reading in enumerate(large)]
    assert large[0].begun.wait(SOON)
    with room.ask("small", MiB, at_once(MiB)) as lease:
        assert lease.future.result(SOON).nbytes == MiB
    assert not any(reading.begun.is_set() for reading in large[1:])
    for reading, one in zip(large, leases, strict=True):
        reading.end()
        with one:
            assert one.future.result(SOON).on_disk
    assert room.reads == 7


def test_that_who_goes_away_does_not_cancel_what_others_wait_for(room: Room) -> None:
    reading = Reading(MiB)
    first, second = room.ask("a", MiB, reading), room.ask("a", MiB, reading)
    assert not first.future.cancel()
    reading.end()
    assert second.future.result(SOON).nbytes == MiB


def test_that_the_budget_holds_however_many_volumes_are_asked_for(room: Room) -> None:
    sizes = np.random.default_rng(11).integers(1, 12 * MiB, 60).tolist()
    most, lock, alive = [0], threading.Lock(), [0]

    def read_of(nbytes: int) -> Read:
        def read(budget: int) -> Volume:
            with lock:
                alive[0] += 1 if nbytes > budget else 0
                assert alive[0] <= 1, "volumes on the disk are read one at a time"
            most[0] = max(most[0], room.held_bytes)
            time.sleep(0.001)
            with lock:
                alive[0] -= 1 if nbytes > budget else 0
            return volume(nbytes, on_disk=nbytes > budget)

        return read

    def ask(n: int) -> int:
        with room.ask(n % 20, sizes[n % 20], read_of(sizes[n % 20])) as lease:
            found = lease.future.result(SOON).nbytes
            most[0] = max(most[0], room.held_bytes)
            return found

    with ThreadPoolExecutor(12) as callers:
        assert list(callers.map(ask, range(60))) == [sizes[n % 20] for n in range(60)]
    assert 5 * MiB < most[0] <= 10 * MiB


def test_that_what_is_used_stays_and_the_least_recently_used_goes(room: Room) -> None:
    with room.ask("used", 4 * MiB, at_once(4 * MiB)) as used:
        used.future.result(SOON)
        for key in ("b", "c"):
            with room.ask(key, 3 * MiB, at_once(3 * MiB)) as lease:
                lease.future.result(SOON)
        assert room.kept("b") is not None
        with room.ask("d", 3 * MiB, at_once(3 * MiB)) as lease:
            lease.future.result(SOON)
        assert [key for key in ("used", "b", "c", "d") if room.kept(key) is not None] == ["used", "b", "d"]


def test_that_of_volumes_on_the_disk_only_the_last_is_kept_unused(room: Room) -> None:
    for key in ("a", "b"):
        with room.ask(key, 20 * MiB, at_once(20 * MiB)) as lease:
            assert lease.future.result(SOON).on_disk
    assert room.kept("a") is None
    assert room.kept("b") is not None


def test_that_a_volume_that_could_not_be_read_is_tried_again(room: Room) -> None:
    def fail(budget: int) -> Volume:
        raise ViewerError("It is damaged.")

    with room.ask("a", 9 * MiB, fail) as lease, pytest.raises(ViewerError, match="damaged"):
        lease.future.result(SOON)
    assert room.held_bytes == 0
    with room.ask("a", 9 * MiB, at_once(9 * MiB)) as lease:
        assert lease.future.result(SOON).nbytes == 9 * MiB


class AtOnce(Executor):
    """Ends every reading before who asked for it is told that it began, as a pool may."""

    def submit(self, function: Any, /, *arguments: Any, **options: Any) -> Future[Any]:
        done: Future[Any] = Future()
        try:
            done.set_result(function(*arguments, **options))
        except ViewerError as error:
            done.set_exception(error)
        return done


@pytest.mark.parametrize(
    "count, begun",
    [(6, 6), (30, 15)],  # ten have room, and five that fail between them take none
)
def test_that_readings_that_are_over_at_once_are_each_done_once(count: int, begun: int) -> None:
    room = Room(10 * MiB, 4)
    room._pool = AtOnce()  # type: ignore[assignment]
    times: dict[int, int] = {}

    def read_of(n: int) -> Read:
        def read(_: int) -> Volume:
            times[n] = times.get(n, 0) + 1
            if n % 3 == 0:
                raise ViewerError("It is damaged.")
            return volume(MiB)

        return read

    with room.ask("held", 10 * MiB, at_once(10 * MiB)):
        others = [room.ask(n, MiB, read_of(n)) for n in range(count)]
        assert not times
    assert len(times) == begun
    for one in others:
        with one:
            if one.future.exception(SOON) is None:
                assert one.future.result().nbytes == MiB
    assert times == dict.fromkeys(range(count), 1)


def test_that_reading_ahead_takes_nothing_from_others(room: Room) -> None:
    reading = Reading(MiB)
    with room.ask("asked", MiB, reading):
        room.begin("beside another", MiB, at_once(MiB))
        assert room.use("beside another") is None
        reading.end()
        wait_until(lambda: room.kept("asked") is not None)
    room.begin("too large", 10 * MiB, at_once(10 * MiB))
    assert room.use("too large") is None
    room.begin("fits", 9 * MiB, at_once(9 * MiB))
    wait_until(lambda: room.kept("fits") is not None)
    assert room.kept("asked") is not None


def test_that_who_waits_at_the_end_is_told_so() -> None:
    room = Room(10 * MiB, 2)
    reading = Reading(8 * MiB)
    room.ask("a", reading.nbytes, reading)
    waiting = room.ask("b", 8 * MiB, at_once(8 * MiB))
    assert reading.begun.wait(SOON)
    threading.Timer(0.05, reading.end).start()
    room.close()
    with pytest.raises(Cancelled):
        waiting.future.result(SOON)
    with pytest.raises(Cancelled):
        room.ask("c", 1, at_once(1))
