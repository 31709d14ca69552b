"""Values inside structures, counted off the GUI thread: one structure at a time, the newest wish first."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

if TYPE_CHECKING:
    from viewer.imaging.labelmap import Statistics
    from viewer.imaging.volume import Volume
    from viewer.state.structures import Structure

log = logging.getLogger(__name__)

Key = tuple[int, str]
"""(structure id, volume uid)."""


class _Mailbox(QObject):
    """Carries an answer from the pool's thread to the GUI thread."""

    answered = Signal(object, object)


class _Count(QRunnable):
    """One structure on one volume."""

    def __init__(self, wish: _Wish, volume: Volume, wanted: dict[Key, _Wish], mailbox: _Mailbox) -> None:
        super().__init__()
        self._wish = wish
        self._volume = volume
        self._wanted = wanted
        self._mailbox = mailbox

    def run(self) -> None:
        if self._wanted.get(self._wish.key) is not self._wish:
            return  # the structure has changed meanwhile
        found: Statistics | None = None
        try:
            found = self._wish.structure.mask(self._volume.geometry).statistics(self._volume)
        except Exception:  # the worker boundary: one of the two doors
            log.exception("counting the voxels of a structure failed")
        with suppress(RuntimeError):  # the window closed meanwhile, and nobody waits for the answer
            self._mailbox.answered.emit(self._wish, found)


@dataclass(frozen=True, eq=False)
class _Wish:
    """What is asked for: the voxels of a structure as they are now."""

    key: Key
    structure: Structure
    version: int

    def is_of(self, structure: Structure, version: int) -> bool:
        """Whether its answer still holds."""
        return self.structure.body is structure.body and self.version == version


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
        self._wanted: dict[Key, _Wish] = {}
        self._known: dict[Key, tuple[_Wish, Statistics | None]] = {}

    def of(self, structure: Structure, volume: Volume, version: int) -> tuple[bool, Statistics | None]:
        """Whether the values are known, and what they are; asks for them when they are not.

        Parameters
        ----------
        structure, volume
            In one space.
        version
            Of the voxels of the volume.
        """
        key = (structure.id, volume.uid)
        known = self._known.get(key)
        if known is not None and known[0].is_of(structure, version):
            return True, known[1]
        wanted = self._wanted.get(key)
        if wanted is None or not wanted.is_of(structure, version):
            wish = self._wanted[key] = _Wish(key, structure, version)
            self._pool.start(_Count(wish, volume, self._wanted, self._mailbox))
        return False, None

    def forget(self, kept: set[int]) -> None:
        """Let go of structures that are no longer there."""
        for table in (self._wanted, self._known):
            for key in [key for key in table if key[0] not in kept]:
                del table[key]

    def _answered(self, wish: _Wish, found: Statistics | None) -> None:
        if self._wanted.get(wish.key) is wish:
            self._known[wish.key] = (wish, found)
            self.arrived.emit()
