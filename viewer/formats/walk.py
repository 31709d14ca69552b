"""Walk a folder safely: no links, devices or endless trees, the same order every time (J33, J36, J37, J39)."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from viewer.dicom.entries import MEDIA_DIRECTORY_NAME, kind_of_entry
from viewer.dicom.model import Problem
from viewer.formats.registry import CancelCheck, Found, FoundFile, FoundNote

DEPTH_LIMIT = 32
"""Folders nested deeper than this are not searched (rule J33)."""

VOLUME_FOLDER, VOLUME_MARK = ".zarr", "zarr.json"
"""A folder named like this that holds a file named like that is one volume; its chunks are not looked at."""

_CHECK_EVERY = 64


def walk(top: Path, shown: str, cancel: CancelCheck) -> Iterator[Found]:
    """Yield the regular files below a folder: the files of a folder first, then its folders, both by name.

    Links are not followed and each folder is entered once, so a loop of links, junctions or mounts ends. Files that
    are hidden or belong to the operating system, links, devices, pipes and sockets are counted, not opened. Media
    directories (`DICOMDIR`) are an index, not an image, and are left to their own reader.

    Parameters
    ----------
    top
        The folder; the user named it, so a link in its own name is followed.
    shown
        How the folder is called in messages.
    cancel
        Asked between files.

    Yields
    ------
    FoundFile
        A regular file, or a folder that is one volume (Zarr).
    Problem
        A folder that cannot be read or is nested too deep.
    FoundNote
        At the end, what was passed over and how often.
    """
    root = os.path.realpath(top)
    passed_over: Counter[str] = Counter()
    entered: set[tuple[int, int]] = set()
    waiting: list[tuple[str, str, int]] = [(root, shown, 0)]
    while waiting:
        folder, folder_shown, depth = waiting.pop()
        cancel.check()
        try:
            status = os.stat(folder)  # noqa: PTH116 - the walk works on strings, a Path per entry would cost more
            if (status.st_dev, status.st_ino) in entered:
                passed_over["folder met twice"] += 1
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                entries = sorted(listing, key=lambda entry: entry.name)
        except OSError as error:
            yield Problem(folder_shown, f"This folder cannot be read ({error.strerror or 'system error'}).")
            continue
        folders: list[tuple[str, str, int]] = []
        for count, entry in enumerate(entries):
            if count % _CHECK_EVERY == 0:
                cancel.check()
            name_shown = f"{folder_shown}/{entry.name}"
            try:
                kind = kind_of_entry(entry)
            except OSError as error:
                yield Problem(name_shown, f"This entry cannot be read ({error.strerror or 'system error'}).")
                continue
            if kind == "file":
                yield FoundFile(Path(entry.path), name_shown)
            elif kind != "folder":
                passed_over[kind] += 1
            elif _is_volume(entry):
                yield FoundFile(Path(entry.path), name_shown)
            elif depth + 1 > DEPTH_LIMIT:
                yield Problem(
                    name_shown, f"Folders nested deeper than {DEPTH_LIMIT} levels are not searched."
                )
            else:
                folders.append((entry.path, name_shown, depth + 1))
        waiting.extend(reversed(folders))
    yield from _notes(passed_over)


def _is_volume(entry: os.DirEntry[str]) -> bool:
    return entry.name.lower().endswith(VOLUME_FOLDER) and Path(entry.path, VOLUME_MARK).is_file()


def find_media_directory(folder: Path) -> Path | None:
    """The `DICOMDIR` file of a folder, whatever its letter case (rule J41), or None."""
    try:
        with os.scandir(folder) as listing:
            names = [e.name for e in listing if e.name.upper() == MEDIA_DIRECTORY_NAME and e.is_file()]
    except OSError:
        return None
    return folder / min(names) if names else None


_REASONS = {
    "link": ("link was not followed", "links were not followed"),
    "hidden or system entry": ("hidden or system entry was skipped", "hidden or system entries were skipped"),
    "device, pipe or socket": (
        "device, pipe or socket was skipped",
        "devices, pipes or sockets were skipped",
    ),
    "folder met twice": ("folder was met twice and read once", "folders were met twice and read once"),
}


def _notes(passed_over: Counter[str]) -> Iterator[FoundNote]:
    for kind, (one, many) in _REASONS.items():
        if count := passed_over[kind]:
            yield FoundNote(f"{count} {one if count == 1 else many}.")
