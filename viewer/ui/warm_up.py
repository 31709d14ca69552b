"""What the first study will need, fetched while the window waits for it.

Heavy libraries are not imported before the window is shown; imported at the first drop they would hold up its first
picture and freeze the window, since an import keeps the interpreter busy for long stretches.
"""

from __future__ import annotations

import importlib
import threading

from PySide6.QtCore import QObject, QTimer

from viewer.dicom.ahead import import_libraries
from viewer.imaging import kernel
from viewer.loading.priority import give_way
from viewer.ui.overlays import overlays

SETTLED_MS = 250
"""After so long the window has painted itself and answers."""


def warm_up(parent: QObject) -> None:
    """Begin as soon as the window has settled; returns at once."""
    timer = QTimer(parent)
    timer.setSingleShot(True)
    timer.timeout.connect(_begin)
    timer.start(SETTLED_MS)


def _begin() -> None:
    overlays()
    kernel.available()
    threading.Thread(target=_import, name="warm-up", daemon=True).start()


def _import() -> None:
    give_way()
    importlib.import_module("viewer.ui.panes.plane_pane")
    import_libraries()
