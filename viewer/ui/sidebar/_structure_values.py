"""Values inside structures, counted off the GUI thread: one structure at a time, the newest wish first."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

if TYPE_CHECKING:
    from viewer.imaging.labelmap import Statistics
    from viewer.imaging.volume import Volume
    from viewer.state.structures import Structure

log = logging.getLogger(__name__)
_KEPT = 256

Key = tuple[int, int, str, int]


class _Mailbox(QObject):
    """Carries an answer from the pool's thread to the GUI thread."""

    answered = Signal(object, object)


class _Count(QRunnable):
    """One structure on one volume."""

    def __init__(self, key: Key, structure: Structure, volume: Volume, mailbox: _Mailbox) -> None:
        super().__init__()
        self._key = key
        self._structure = structure
        self._volume = volume
        self._mailbox = mailbox

    def run(self) -> None:
        found: Statistics | None = None
        try:
            found = self._structure.mask(self._volume.geometry).statistics(self._volume)
        except Exception:  # the worker boundary: one of the two doors
            log.exception("counting the voxels of a structure failed")
        self._mailbox.answered.emit(self._key, found)


class StructureValues(QObject):
    """Statistics by structure and volume.

    Signals
    -------
    arrived
        Something new is known.
    """

    arrived = Signal()

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._mailbox = _Mailbox()
        self._mailbox.answered.connect(self._answered)
        self._known: dict[Key, Statistics | None] = {}
        self._asked: set[Key] = set()

    def of(self, structure: Structure, volume: Volume, version: int) -> tuple[bool, Statistics | None]:
        """Whether the values are known, and what they are; asks for them when they are not.

        Parameters
        ----------
        structure, volume
            In one space.
        version
            Of the voxels of the volume.
        """
        key = (structure.id, id(structure.body), volume.uid, version)
        if key in self._known:
            return True, self._known[key]
        if key not in self._asked:
            self._asked.add(key)
            self._pool.start(_Count(key, structure, volume, self._mailbox))
        return False, None

    def _answered(self, key: Key, found: Statistics | None) -> None:
        self._asked.discard(key)
        self._known[key] = found
        while len(self._known) > _KEPT:
            del self._known[next(iter(self._known))]
        self.arrived.emit()
