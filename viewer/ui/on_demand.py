"""What the eye comes to is read next: the loader hears where the cursor is, and slices that come and go are fetched."""

from __future__ import annotations

from functools import partial
from weakref import WeakSet

from PySide6.QtCore import QObject, QTimer, Signal

from viewer.loading.focus import Focus, Point
from viewer.loading.on_demand import OnDemand
from viewer.state.library import Library
from viewer.state.view import ViewState

REFRESH_MS = 80
"""Pause between two drawings of slices that are not under the cursor."""


class SlicesOnDemand(QObject):
    """Follows the cursor for running jobs and for volumes whose slices come and go."""

    _arrived = Signal(str, object, int, object)

    def __init__(self, library: Library, view: ViewState, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._jobs: WeakSet[Focus] = WeakSet()
        self._library = library
        self._view = view
        self._readers: dict[str, OnDemand] = {}
        self._fresh: set[str] = set()
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REFRESH_MS)
        self._timer.timeout.connect(self._show)
        self._arrived.connect(self._put)
        view.cursor_changed.connect(self._follow)
        library.volume_added.connect(self._add)
        library.volume_removed.connect(self._remove)

    def focus(self, start_mm: Point | None = None) -> Focus:
        """For a loading job: it hears where the cursor goes from now on."""
        made = Focus(start_mm)
        self._jobs.add(made)
        return made

    def look_again(self) -> None:
        """Have slices read that are still missing where the cursor is, such as those to be tried again (rule J35)."""
        for uid in self._readers:
            self._look(uid)
        self._fresh.update(self._readers)
        self._show()

    def stop(self) -> None:
        """Stop listening and reading; called when the window closes."""
        self._timer.stop()
        self._view.cursor_changed.disconnect(self._follow)
        self._library.volume_added.disconnect(self._add)
        self._library.volume_removed.disconnect(self._remove)
        for uid in tuple(self._readers):
            self._readers.pop(uid).stop(wait=True)

    def _follow(self) -> None:
        x, y, z = (float(part) for part in self._view.cursor_mm)
        for focus in self._jobs:
            focus.move((x, y, z))
        for uid in self._readers:
            self._look(uid)

    def _look(self, uid: str) -> None:
        item = self._library.get(uid)
        if item is not None:  # its geometry now, which may have been moved
            self._readers[uid].look_at(round(float(item.volume.geometry.to_index(self._view.cursor_mm)[0])))

    def _add(self, uid: str) -> None:
        self._remove(uid)
        item = self._library.get(uid)
        if item is None or item.volume.resident is None:
            return
        reader: OnDemand
        reader = self._readers[uid] = OnDemand(
            item.volume, item.stack, lambda k, values: self._arrived.emit(uid, reader, k, values)
        )
        # The cursor is put into a new volume once it has been added.
        QTimer.singleShot(0, self, partial(self._look_at_new, uid))

    def _look_at_new(self, uid: str) -> None:
        if uid in self._readers:
            self._look(uid)

    def _remove(self, uid: str) -> None:
        reader = self._readers.pop(uid, None)
        if reader is not None:
            reader.stop()

    def _put(self, uid: str, reader: OnDemand, k: int, values: object) -> None:
        if self._readers.get(uid) is not reader:
            return
        problem = reader.put(k, values)  # type: ignore[arg-type]
        if problem is not None:
            self._library.add_problem(problem)
        self._fresh.add(uid)
        if abs(k - reader.focus) <= 1:
            self._show()
        elif not self._timer.isActive():
            self._timer.start()

    def _show(self) -> None:
        fresh, self._fresh = self._fresh, set()
        for uid in fresh:
            self._library.touch(uid)
