"""When volumes are kept on the disk: as the settings say, and only while nothing is loaded."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject
from PySide6.QtWidgets import QWidget

from viewer.settings import Settings, Value, cache_dir
from viewer.ui.loader_thread import Loader

if TYPE_CHECKING:
    from viewer.loading.copy_writer import CopyWriter
    from viewer.loading.volume_copies import Usage, VolumeCopies

ON, LIMIT_GB = "cache.volumes", "cache.limit-gb"
GB = 10**9


class VolumeCopying(QObject):
    """Owns the folder of copies and the thread that writes to it; both are made when a first study is loaded.

    Parameters
    ----------
    loader
        Nothing is written while it is busy.
    settings
        Whether, and how much. Switching off removes what is there.
    """

    def __init__(self, loader: Loader, settings: Settings, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._settings = settings
        self._loader = loader
        self._lock = threading.Lock()
        self._store: VolumeCopies | None = None
        self._writer: CopyWriter | None = None
        self._unsubscribe = settings.subscribe(self._follow_setting)
        loader.busy_changed.connect(self._follow_loader)

    @staticmethod
    def of(window: QWidget) -> VolumeCopying | None:
        """The one of a window."""
        found = window.findChild(VolumeCopying)
        return found if isinstance(found, VolumeCopying) else None

    def store(self) -> VolumeCopies:
        """The folder of copies; from any thread."""
        from viewer.loading.copy_writer import CopyWriter
        from viewer.loading.volume_copies import VolumeCopies

        with self._lock:
            if self._store is None:
                self._store = VolumeCopies(cache_dir() / "volumes", self._limit_bytes())
                self._writer = CopyWriter(self._store)
                self._store.wanted = self._writer.wish
                self._writer.set_idle(not self._loader.busy)
                self._store.remove_leftovers()
                if not self._store.limit_bytes:
                    self._store.clear()  # switched off by hand or by another program
            return self._store

    @property
    def settled(self) -> bool:
        """Whether nothing is being written or waits to be."""
        return self._writer is None or not self._writer.busy

    def clear(self) -> Usage:
        """Remove all copies; returns what there was."""
        store = self.store()
        if self._writer is not None:
            self._writer.forget()
        return store.clear()

    def stop(self) -> None:
        """Write no more; called when the window closes."""
        self._unsubscribe()
        self._loader.busy_changed.disconnect(self._follow_loader)
        if self._writer is not None:
            self._writer.stop()

    def _limit_bytes(self) -> int:
        return int(str(self._settings.get(LIMIT_GB))) * GB if self._settings.get(ON) else 0

    def _follow_loader(self, busy: bool) -> None:
        if self._writer is not None:
            self._writer.set_idle(not busy)

    def _follow_setting(self, key: str, _value: Value) -> None:
        if key not in (ON, LIMIT_GB):
            return
        if self._store is not None:
            self._store.limit_bytes = self._limit_bytes()
        limit = self._limit_bytes()
        if not limit or self._store is not None:
            # Not a daemon: the program ends when the pixels are gone.
            remove = self.store().shrink if limit else self.clear
            threading.Thread(target=remove, name="copies-clearer").start()
