"""What the first study will need, fetched while the window waits for it.

Heavy libraries are not imported before the window is shown; imported at the first drop they would hold up its first
picture and freeze the window, since an import keeps the interpreter busy for long stretches.
"""

from __future__ import annotations

import gc
import importlib
import threading
from collections.abc import Callable

from PySide6.QtCore import QObject, QTimer
from PySide6.QtWidgets import QWidget

from viewer.dicom.ahead import import_libraries
from viewer.imaging import kernel
from viewer.loading.priority import give_way
from viewer.ui.discovery import modules
from viewer.ui.overlays import overlays

SETTLED_MS = 250
"""After so long the window has painted itself and answers."""
LOOK_MS = 50


class WarmUp(QObject):
    """Imports in a thread as soon as the window has settled.

    Parameters
    ----------
    settled
        Called in the window's thread when it has settled, again and again until it returns False: makes one of the
        things that were not seen at first.
    ready
        Called in the window's thread when everything is imported, to make what depends on it.
    window
        While it is shown.
    """

    def __init__(self, settled: Callable[[], bool], ready: Callable[[], object], window: QWidget) -> None:
        super().__init__(window)
        self._window = window
        self._settled = settled
        self._ready = ready
        self._thread: threading.Thread | None = None
        self._timer = QTimer(self)
        self._timer.setInterval(SETTLED_MS)
        self._timer.timeout.connect(self._look)
        self._timer.start()

    def _look(self) -> None:
        if not self._window.isVisible():
            self._timer.stop()
        elif self._thread is None:
            if self._settled():
                self._timer.setInterval(0)  # the next one at once, after what the window is asked meanwhile
                return
            self._timer.setInterval(LOOK_MS)
            overlays()
            kernel.available()
            self._thread = threading.Thread(target=_import, name="warm-up", daemon=True)
            self._thread.start()
        elif not self._thread.is_alive():
            self._timer.stop()
            self._ready()


def _import() -> None:
    give_way()
    for name in ("viewer.ui.panes.plane_pane", "viewer.loading.pipeline"):
        importlib.import_module(name)
    import_libraries()
    for package in ("viewer.ui.dialogs", "viewer.ui.export"):
        for _ in modules(package):
            pass
    # What is there now stays: looking through all of it for garbage would stop the window for a tenth of a second.
    gc.freeze()
