"""The threads that decode: batches, cancel, faults, and a codec that hangs."""

from __future__ import annotations

import threading
import time

import pytest

from viewer.errors import Cancelled
from viewer.loading.cancel import CancelToken
from viewer.loading.decode_pool import DecodePool, GivenUp


def test_that_every_task_gets_one_answer() -> None:
    with DecodePool[int, int](lambda n: n * n, 3, CancelToken()) as pool:
        answers = dict(pair for batch in pool.run(range(500)) for pair in batch)
    assert answers == {n: n * n for n in range(500)}


def test_that_a_pool_can_run_again_and_with_nothing() -> None:
    with DecodePool[int, int](lambda n: n, 2, CancelToken()) as pool:
        assert list(pool.run([])) == []
        assert sum(len(batch) for batch in pool.run(range(7))) == 7
        assert sum(len(batch) for batch in pool.run(range(9))) == 9


def test_that_the_first_answer_is_handed_out_before_the_others_are_there() -> None:
    gate = threading.Event()

    def work(n: int) -> int:
        if n:
            gate.wait(10)
        return n

    with DecodePool[int, int](work, 2, CancelToken()) as pool:
        running = pool.run(range(5))
        assert next(running) == [(0, 0)]
        gate.set()
        assert sum(len(batch) for batch in running) == 4


def test_that_cancelling_ends_the_run_and_starts_no_further_task() -> None:
    token = CancelToken()
    started: list[int] = []

    def work(n: int) -> int:
        started.append(n)
        time.sleep(0.005)
        return n

    with DecodePool[int, int](work, 2, token) as pool:
        running = pool.run(range(10_000))
        next(running)
        token.cancel()
        with pytest.raises(Cancelled):
            list(running)
    count = len(started)
    time.sleep(0.05)
    assert len(started) == count < 100


def test_that_an_unexpected_error_reaches_the_caller() -> None:
    def work(n: int) -> int:
        if n == 3:
            raise ZeroDivisionError("a fault of the program")
        return n

    with DecodePool[int, int](work, 2, CancelToken()) as pool, pytest.raises(ZeroDivisionError):
        list(pool.run(range(10)))


def test_that_a_task_that_hangs_is_given_up_and_the_rest_goes_on() -> None:
    release = threading.Event()

    def work(n: int) -> int:
        if n == 2:
            release.wait(30)
        return n

    try:
        with DecodePool[int, int](work, 1, CancelToken(), give_up_s=0.1) as pool:
            answers = dict(pair for batch in pool.run(range(20)) for pair in batch)
        assert answers.pop(2) == GivenUp()
        assert answers == {n: n for n in range(20) if n != 2}
    finally:
        release.set()


def test_that_no_thread_is_left_after_the_work() -> None:
    before = set(threading.enumerate())
    with DecodePool[int, int](lambda n: n, 4, CancelToken()) as pool:
        list(pool.run(range(100)))
    assert not set(threading.enumerate()) - before
