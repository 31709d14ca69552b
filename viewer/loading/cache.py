"""Volumes kept in memory within a budget of bytes; the least recently shown goes first, a visible one never.

A volume whose voxels are in a file on the disk takes from the budget what its coarser copy takes. It goes as soon as it
is off the screen: its file may be larger than everything in memory together.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from viewer.dicom.model import Stack
from viewer.imaging.volume import Volume
from viewer.settings import physical_memory_bytes

if TYPE_CHECKING:
    from viewer.loading.volume_copies import VolumeCopies

_GUESSED_MEMORY_BYTES = 4 << 30


@dataclass(frozen=True, eq=False)
class _Entry:
    stack: Stack
    volume: Volume


class VolumeCache:
    """Byte-budget LRU of finished volumes. Thread-safe.

    Parameters
    ----------
    budget_bytes
        Voxel bytes to keep in memory; half of the computer's memory when None.
    copies
        Gives what keeps volumes on the disk from one run to the next; asked when the first volume is loaded.
    """

    def __init__(
        self, budget_bytes: int | None = None, copies: Callable[[], VolumeCopies] | None = None
    ) -> None:
        self._copies = copies
        self.budget_bytes = default_budget_bytes() if budget_bytes is None else budget_bytes
        self._entries: OrderedDict[str, _Entry] = OrderedDict()
        self._visible: frozenset[str] = frozenset()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._entries)

    @property
    def copies(self) -> VolumeCopies | None:
        """What keeps volumes on the disk, None for nothing."""
        return None if self._copies is None else self._copies()

    @property
    def used_bytes(self) -> int:
        """Voxel bytes of all volumes kept in memory."""
        with self._lock:
            return self._used()

    def get(self, stack: Stack) -> Volume | None:
        """The volume of a stack when it is kept and was read from the same frames of the same files."""
        with self._lock:
            entry = self._entries.get(stack.uid)
            if entry is None or entry.stack.frames != stack.frames:
                return None
            if entry.stack.geometry.frame_of_reference_uid != stack.geometry.frame_of_reference_uid:
                return None  # a NIfTI volume whose study was opened meanwhile
            self._entries.move_to_end(stack.uid)
            return entry.volume

    def put(self, stack: Stack, volume: Volume) -> tuple[str, ...]:
        """Keep a volume as the most recent one; returns the uids evicted for it.

        A volume larger than the whole budget is kept too while it is visible: dropping it would not free memory that
        the window still holds.
        """
        with self._lock:
            self._entries[stack.uid] = _Entry(stack, volume)
            self._entries.move_to_end(stack.uid)
            return self._drop_files(keep=stack.uid) + self._evict(self.budget_bytes, keep=stack.uid)

    def make_room(self, nbytes: int) -> int:
        """Evict until so many bytes fit into the budget or nothing more may go; returns the bytes that are free."""
        with self._lock:
            self._evict(max(0, self.budget_bytes - nbytes))
            return max(0, self.budget_bytes - self._used())

    def set_visible(self, uids: Collection[str]) -> None:
        """Say which volumes are on screen; these are not evicted, and others on the disk are."""
        with self._lock:
            self._visible = frozenset(uids)
            self._drop_files()

    def discard(self, uid: str) -> None:
        """Forget a volume."""
        with self._lock:
            self._entries.pop(uid, None)

    def clear(self) -> None:
        """Forget all volumes."""
        with self._lock:
            self._entries.clear()

    def _used(self) -> int:
        return sum(entry.volume.memory_bytes for entry in self._entries.values())

    def _drop_files(self, keep: str = "") -> tuple[str, ...]:
        """Forget what is on the disk and off the screen; the file goes with the last use of its volume."""
        gone = tuple(
            uid
            for uid, entry in self._entries.items()
            if entry.volume.on_disk and uid not in self._visible and uid != keep
        )
        for uid in gone:
            del self._entries[uid]
        return gone

    def _evict(self, limit_bytes: int, keep: str = "") -> tuple[str, ...]:
        gone: list[str] = []
        used = self._used()
        for uid in list(self._entries):
            if used <= limit_bytes:
                break
            if uid in self._visible or uid == keep:
                continue
            used -= self._entries.pop(uid).volume.memory_bytes
            gone.append(uid)
        return tuple(gone)


def default_budget_bytes() -> int:
    """Half of the computer's memory; 2 GiB where the system does not tell how much that is."""
    return (physical_memory_bytes() or _GUESSED_MEMORY_BYTES) // 2
