"""Recent studies: only the paths the user opened, and only while the user wants them kept.

Changes are kept in the settings, which the window saves.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from viewer.archive.address import Address, Place, place_of
from viewer.errors import FormatError
from viewer.settings import Settings

MOST = 10
"""Paths that are kept."""


def recent_paths(settings: Settings) -> tuple[Place, ...]:
    """Paths and addresses opened before, the latest first; empty when they are not kept."""
    if not settings.get("recent.enabled"):
        return ()
    kept = settings.get("recent.paths")
    return tuple(_places(kept)) if isinstance(kept, tuple) else ()


def remember(settings: Settings, paths: Iterable[Place]) -> None:
    """Put paths to the front of the list; nothing is kept when the user switched it off, and no password ever."""
    if not settings.get("recent.enabled"):
        return
    fresh = [
        path if isinstance(path, Address) else path.expanduser().absolute()
        for path in paths
        if not (isinstance(path, Address) and path.has_secret)
    ]
    kept = [*fresh, *(path for path in recent_paths(settings) if path not in fresh)]
    settings.set("recent.paths", [str(path) for path in kept[:MOST]])


def _places(kept: Iterable[object]) -> Iterator[Place]:
    for text in kept:
        try:
            yield place_of(str(text))
        except FormatError:  # written by another version
            continue


def forget_all(settings: Settings) -> None:
    """Clear the list."""
    settings.set("recent.paths", [])
