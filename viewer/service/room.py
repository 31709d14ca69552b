"""Room for volumes: what is being read and what is kept never takes more bytes together than the budget.

A volume is read once, however many ask for it meanwhile, and stays while it is used; afterwards the least recently used
one goes first. Reading begins when there is room, in the order of asking, so that however many volumes are asked for,
the rest of them waits without having taken a byte. A volume larger than the budget goes to a temporary file on the
disk, of which one is read at a time and at most one kept that nobody uses.
"""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from collections.abc import Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
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
    nbytes
        Of its voxels.
    held
        Bytes of the budget it takes, from when reading begins.
    on_disk
        Its voxels are in a temporary file.
    users
        Leases that have not ended.
    there
        Whether it was read.
    future
        The volume.
    """

    nbytes: int
    held: int = 0
    on_disk: bool = False
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
        self._pool = ThreadPoolExecutor(readers, "triptych-read")
        self._changed = threading.Condition()
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()
        self._waiting: deque[_Entry] = deque()
        self._ended = False
        self._reads = 0

    @property
    def reads(self) -> int:
        """How many volumes were read so far."""
        return self._reads

    @property
    def held_bytes(self) -> int:
        """Bytes of the budget that are taken."""
        with self._changed:
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
        with self._changed:
            return self._lease(key, self._entries.get(key) or self._begin(key, nbytes, read))

    def begin(self, key: Hashable, nbytes: int, read: Read) -> None:
        """Read a volume for later, when nothing else is being read and it fits beside what is kept."""
        with self._changed:
            busy = any(not entry.there for entry in self._entries.values())
            if key not in self._entries and not busy and self._held() + nbytes <= self._budget:
                self._begin(key, nbytes, read)

    def use(self, key: Hashable) -> Lease | None:
        """The use of a volume that is there or on its way; None when it is neither."""
        with self._changed:
            entry = self._entries.get(key)
            return None if entry is None else self._lease(key, entry)

    def kept(self, key: Hashable) -> Volume | None:
        """The volume when it is there."""
        with self._changed:
            entry = self._entries.get(key)
            if entry is None or not entry.there:
                return None
            self._entries.move_to_end(key)
            return entry.future.result()

    def close(self) -> None:
        """Let everything go and start no more; what is being read has to be told by its own means."""
        with self._changed:
            self._ended = True
            self._changed.notify_all()
        self._pool.shutdown()
        with self._changed:
            self._entries.clear()

    def _lease(self, key: Hashable, entry: _Entry) -> Lease:
        self._entries.move_to_end(key)
        entry.users += 1
        return Lease(entry.future, lambda: self._end_use(entry))

    def _begin(self, key: Hashable, nbytes: int, read: Read) -> _Entry:
        if self._ended:
            raise Cancelled
        entry = _Entry(nbytes)
        self._entries[key] = entry
        self._waiting.append(entry)
        entry.future = self._pool.submit(self._run, key, entry, read)
        return entry

    def _run(self, key: Hashable, entry: _Entry, read: Read) -> Volume:
        volume = None
        try:
            self._wait_for_turn(entry)
            volume = read(min(entry.nbytes, self._budget))
            return volume
        finally:
            with self._changed:
                if volume is None:
                    del self._entries[key]
                else:
                    self._reads += 1
                    entry.held, entry.there = volume.memory_bytes, True
                self._drop_files()
                self._changed.notify_all()

    def _wait_for_turn(self, entry: _Entry) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._ended or self._admitted(entry))
            if self._ended:
                raise Cancelled

    def _admitted(self, entry: _Entry) -> bool:
        """Take the bytes of a volume from the budget, if its turn has come and there is room."""
        if self._waiting[0] is not entry:
            return False
        to_disk = entry.nbytes > self._budget
        if to_disk and any(other.on_disk and not other.there for other in self._entries.values()):
            return False
        need = self._budget // COARSE_SHARE if to_disk else entry.nbytes
        idle = [key for key, other in self._entries.items() if not other.users and other.there]
        free = self._budget - self._held()
        if free + sum(self._entries[key].held for key in idle) < need:
            return False
        for key in idle:
            if free >= need:
                break
            free += self._entries.pop(key).held
        entry.held, entry.on_disk = need, to_disk
        self._waiting.popleft()
        self._changed.notify_all()
        return True

    def _end_use(self, entry: _Entry) -> None:
        with self._changed:
            entry.users -= 1
            self._drop_files()
            self._changed.notify_all()

    def _drop_files(self) -> None:
        """Keep of the unused volumes on the disk the last one alone: they may be larger than everything else."""
        idle = [
            key for key, entry in self._entries.items() if entry.on_disk and entry.there and not entry.users
        ]
        for key in idle[:-1]:
            del self._entries[key]

    def _held(self) -> int:
        return sum(entry.held for entry in self._entries.values())
