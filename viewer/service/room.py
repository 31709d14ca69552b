"""Room for volumes: what is being read and what is kept never takes more bytes together than the budget.

A volume is read once, however many ask for it meanwhile, and stays while it is used; afterwards the least recently used
one goes first. Reading begins when there is room, in the order of asking, so that however many volumes are asked for,
the rest of them waits without having taken a byte or a thread. A volume larger than the budget goes to a temporary file
on the disk, of which one is read at a time and at most one kept that nobody uses.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from types import TracebackType

from viewer.errors import Cancelled
from viewer.imaging.volume import Volume
from viewer.loading.filling import COARSE_SHARE

Read = Callable[[int], Volume]
"""Reads a volume, given the bytes of voxels that it may keep in memory: a larger one goes to the disk."""


@dataclass(eq=False)
class _Entry:
    """A volume that is kept, being read, or waiting for its turn.

    Parameters
    ----------
    key
        Its name.
    nbytes
        Of its voxels.
    read
        How it is read.
    on_disk
        Whether its voxels go to a temporary file.
    held
        Bytes of the budget it takes, from when reading begins.
    users
        Leases that have not ended.
    there
        Whether it was read.
    future
        The volume.
    """

    key: Hashable
    nbytes: int
    read: Read
    on_disk: bool
    held: int = 0
    users: int = 0
    there: bool = False
    future: Future[Volume] = field(default_factory=Future)


class Lease:
    """The use of a volume. A context manager: the volume stays until its end.

    Attributes
    ----------
    future
        The volume, once it is there; what reading it raised, else. Not to be cancelled: others may wait for it.
    """

    def __init__(self, future: Future[Volume], end: Callable[[], None]) -> None:
        self.future = future
        self._end = end

    def __enter__(self) -> Lease:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end()


class Room:
    """Thread-safe.

    Parameters
    ----------
    budget_bytes
        Of voxels in memory.
    readers
        Volumes that are read at the same time.
    """

    def __init__(self, budget_bytes: int, readers: int) -> None:
        self._budget = budget_bytes
        self._readers = readers
        self._reading = 0
        self._pool = ThreadPoolExecutor(readers, "triptych-read")
        self._lock = threading.RLock()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._waiting: list[_Entry] = []
        self._ended = False
        self._reads = 0

    @property
    def reads(self) -> int:
        """How many volumes were read so far."""
        return self._reads

    @property
    def held_bytes(self) -> int:
        """Bytes of the budget that are taken."""
        with self._lock:
            return self._held()

    def ask(self, key: Hashable, nbytes: int, read: Read) -> Lease:
        """The use of a volume; it is read when it is neither kept nor being read. Does not wait.

        Parameters
        ----------
        key
            The same for the same volume.
        nbytes
            Of its voxels.
        read
            How it is read; called on another thread.
        """
        with self._lock:
            lease = self._lease(key, self._entries.get(key) or self._entered(key, nbytes, read))
            # Only now: a reading that is over at once must find its user.
            self._go_on()
            return lease

    def begin(self, key: Hashable, nbytes: int, read: Read) -> None:
        """Read a volume for later, when nothing else is being read and it fits beside what is kept."""
        with self._lock:
            busy = any(not entry.there for entry in self._all())
            if key not in self._entries and not busy and self._held() + nbytes <= self._budget:
                self._entered(key, nbytes, read)
                self._go_on()

    def use(self, key: Hashable) -> Lease | None:
        """The use of a volume that is there or on its way; None when it is neither."""
        with self._lock:
            entry = self._entries.get(key)
            return None if entry is None else self._lease(key, entry)

    def kept(self, key: Hashable) -> Volume | None:
        """The volume when it is there."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not entry.there:
                return None
            self._entries.move_to_end(key)
            return entry.future.result()

    def close(self) -> None:
        """Let everything go and start no more; what is being read has to be told by its own means."""
        with self._lock:
            self._ended = True
            waiting, self._waiting = self._waiting, []
        for entry in waiting:
            entry.future.set_exception(Cancelled())
        self._pool.shutdown()
        with self._lock:
            self._entries.clear()

    def _lease(self, key: Hashable, entry: _Entry) -> Lease:
        self._entries.move_to_end(key)
        entry.users += 1
        return Lease(entry.future, lambda: self._end_use(entry))

    def _entered(self, key: Hashable, nbytes: int, read: Read) -> _Entry:
        if self._ended:
            raise Cancelled
        entry = _Entry(key, nbytes, read, nbytes > self._budget)
        # Who goes away must not cancel what others wait for.
        entry.future.set_running_or_notify_cancel()
        self._entries[key] = entry
        self._waiting.append(entry)
        return entry

    def _go_on(self) -> None:
        """Begin to read what waits and has room now, in the order of asking."""
        for entry in tuple(self._waiting):
            if self._reading == self._readers:
                break
            if entry not in self._waiting:
                continue  # begun meanwhile, because another reading was over at once
            if entry.on_disk and any(one.on_disk and one.held and not one.there for one in self._all()):
                continue  # others need not wait for this
            if not self._make_room(entry):
                break  # what is behind it may not overtake it for ever
            self._waiting.remove(entry)
            self._reading += 1
            work = self._pool.submit(entry.read, min(entry.nbytes, self._budget))
            work.add_done_callback(partial(self._finish, entry))

    def _make_room(self, entry: _Entry) -> bool:
        """Take the bytes of a volume from the budget; False when what is used and being read leaves too few."""
        need = max(1, self._budget // COARSE_SHARE if entry.on_disk else entry.nbytes)
        idle = [one for one in self._all() if one.there and not one.users]
        free = self._budget - self._held()
        if free + sum(one.held for one in idle) < need:
            return False
        for one in idle:
            if free >= need:
                break
            free += one.held
            del self._entries[one.key]
        entry.held = need
        return True

    def _finish(self, entry: _Entry, work: Future[Volume]) -> None:
        error = work.exception()
        with self._lock:
            self._reading -= 1
            if error is not None:
                self._entries.pop(entry.key, None)
            else:
                self._reads += 1
                entry.held, entry.there = work.result().memory_bytes, True
                entry.future.set_result(work.result())
            self._drop_files()
            self._go_on()
        if error is not None:
            entry.future.set_exception(error)

    def _end_use(self, entry: _Entry) -> None:
        with self._lock:
            entry.users -= 1
            self._drop_files()
            self._go_on()

    def _drop_files(self) -> None:
        """Keep of the unused volumes on the disk the last one alone: they may be larger than everything else."""
        idle = [one for one in self._all() if one.on_disk and one.there and not one.users]
        for one in idle[:-1]:
            del self._entries[one.key]

    def _all(self) -> tuple[_Entry, ...]:
        """Everything that is kept, read or wanted, the least recently used first."""
        return tuple(self._entries.values())

    def _held(self) -> int:
        return sum(entry.held for entry in self._all())
