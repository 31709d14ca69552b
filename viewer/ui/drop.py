"""What may be dropped on the window: local folders and files, and addresses from a browser, one or many."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from PySide6.QtCore import QMimeData, QUrl

from viewer.archive.address import Place, place_of
from viewer.errors import FormatError


def dropped_paths(data: QMimeData) -> tuple[Place, ...]:
    """Local paths and addresses of a drop, in its order; empty when there is nothing to open."""
    return tuple(place for url in data.urls() for place in _places(url)) if data.hasUrls() else ()


def _places(url: QUrl) -> Iterator[Place]:
    if url.isLocalFile():
        if url.toLocalFile():
            yield Path(url.toLocalFile())
        return
    try:
        place = place_of(url.toString(QUrl.ComponentFormattingOption.FullyEncoded))
    except FormatError:
        return
    if not isinstance(place, Path):
        yield place
