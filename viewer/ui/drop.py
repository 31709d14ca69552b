"""What may be dropped on the window: local folders and files, one or many."""

from __future__ import annotations

from pathlib import Path

from PySide6.QtCore import QMimeData


def dropped_paths(data: QMimeData) -> tuple[Path, ...]:
    """Local paths of a drop, in its order; empty when there is nothing to open."""
    if not data.hasUrls():
        return ()
    return tuple(Path(url.toLocalFile()) for url in data.urls() if url.isLocalFile() and url.toLocalFile())
