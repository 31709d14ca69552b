"""Recent studies: only the paths the user opened, and only while the user wants them kept.

Changes are kept in the settings, which the window saves.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from viewer.settings import Settings

MOST = 10
"""Paths that are kept."""


def recent_paths(settings: Settings) -> tuple[Path, ...]:
    """Paths opened before, the latest first; empty when they are not kept."""
    if not settings.get("recent.enabled"):
        return ()
    kept = settings.get("recent.paths")
    return tuple(Path(text) for text in kept) if isinstance(kept, tuple) else ()


def remember(settings: Settings, paths: Iterable[Path]) -> None:
    """Put paths to the front of the list; nothing is kept when the user switched it off."""
    if not settings.get("recent.enabled"):
        return
    fresh = [path.expanduser().absolute() for path in paths]
    kept = [*fresh, *(path for path in recent_paths(settings) if path not in fresh)]
    settings.set("recent.paths", [str(path) for path in kept[:MOST]])


def forget_all(settings: Settings) -> None:
    """Clear the list."""
    settings.set("recent.paths", [])
