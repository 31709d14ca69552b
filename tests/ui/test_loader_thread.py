"""The loader hands events over in turns, in order and to the last one."""

from __future__ import annotations

import os
import sys
import threading
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from viewer.loading import priority
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Finished, LoadEvent, Scanning
from viewer.ui import loader_thread
from viewer.ui.loader_thread import Loader

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot


def many(token: CancelToken) -> Iterator[LoadEvent]:
    for number in range(500):
        yield Scanning(number, 500, 1.0)
    yield Finished(0.0)


def test_that_every_event_arrives_in_order_though_the_thread_has_long_ended(qtbot: QtBot) -> None:
    loader = Loader()
    seen: list[LoadEvent] = []
    loader.arrived.connect(seen.append)
    loader.start(many)
    for thread in tuple(loader._threads.values()):
        thread.wait()
    assert loader.busy
    qtbot.waitUntil(lambda: not loader.busy)
    assert [event.files for event in seen if isinstance(event, Scanning)] == list(range(500))
    assert isinstance(seen[-1], Finished)
    qtbot.waitUntil(lambda: not loader._threads)
    loader.stop()


def test_that_the_window_has_its_turn_between_the_events_of_a_burst(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(loader_thread, "TURN_S", 0.0)
    loader = Loader()
    turns: list[int] = []
    seen: list[LoadEvent] = []
    loader.arrived.connect(seen.append)
    loader._turn.timeout.connect(lambda: turns.append(len(seen)))
    loader.start(many)
    qtbot.waitUntil(lambda: not loader.busy)
    assert len(turns) >= len(seen)
    loader.stop()


def test_that_events_of_a_cancelled_job_are_dropped_though_they_wait_for_their_turn(qtbot: QtBot) -> None:
    loader = Loader()
    seen: list[LoadEvent] = []
    loader.arrived.connect(seen.append)
    loader.start(many)
    for thread in tuple(loader._threads.values()):
        thread.wait()
    loader.cancel()
    assert seen == [Finished(0.0, cancelled=True)]
    qtbot.waitUntil(lambda: not loader._threads)
    assert len(seen) == 1
    loader.stop()


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no priority of a single thread here")
def test_that_background_work_gives_way_and_the_window_does_not() -> None:
    found: list[int] = []

    def work() -> None:
        priority.give_way()
        found.append(os.getpriority(os.PRIO_PROCESS, threading.get_native_id()))

    mine = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert found == [min(19, max(mine, priority.NICENESS))]
    assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == mine


def test_that_a_sandbox_that_forbids_priorities_stops_no_work(monkeypatch: pytest.MonkeyPatch) -> None:
    def forbidden(*_arguments: int) -> None:
        raise PermissionError(1, "no")

    monkeypatch.setattr(os, "setpriority", forbidden, raising=False)
    priority.give_way()
