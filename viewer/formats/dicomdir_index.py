"""Read a DICOMDIR as what it is: a list of names that may or may not be there (PS3.10 8, PS3.3 F; rules A06, J41).

Names are resolved inside the folder of the DICOMDIR only, without regard to letter case: discs are written in upper
case and copied to systems that lower it.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viewer.dicom.careful import careful_pydicom
from viewer.dicom.model import Problem
from viewer.dicom.slow_header import open_dataset
from viewer.errors import Cancelled, FormatError, NotDicomError, ViewerError
from viewer.formats.registry import CancelCheck

_IMPLICIT_LIMIT = 64 * 1024 * 1024
"""A DICOMDIR of a million records has less; larger files are not read."""


@dataclass(frozen=True)
class MediaDirectory:
    """What a DICOMDIR names.

    Parameters
    ----------
    present
        Regular files inside the media root that are there, in the order of the records.
    missing
        Number of records whose file is not there or whose name leads out of the media root.
    """

    present: tuple[Path, ...]
    missing: int


def read_media_directory(path: Path, cancel: CancelCheck) -> MediaDirectory:
    """Read the file names of a DICOMDIR and look which are there.

    Raises
    ------
    FormatError
        It cannot be read or has no directory records.
    Cancelled
        `cancel` said so.
    """
    names = _Names(path.parent)
    present: list[Path] = []
    missing = 0
    for components in _file_ids(path, cancel):
        found = names.resolve(components)
        if found is None:
            missing += 1
        else:
            present.append(found)
    return MediaDirectory(tuple(dict.fromkeys(present)), missing)


def stale_problem(path: Path, shown: str, cancel: CancelCheck) -> Problem | None:
    """A sentence about a DICOMDIR that does not fit its folder, or None when every file it names is there."""
    try:
        directory = read_media_directory(path, cancel)
    except FormatError as error:
        return Problem(shown, f"{error.user_message} The folder was searched instead.")
    if directory.missing == 0:
        return None
    total = directory.missing + len(directory.present)
    missing = f"{directory.missing} of {total} files that the DICOMDIR names"
    verb = "is" if directory.missing == 1 else "are"
    return Problem(shown, f"{missing} {verb} missing. The folder was searched instead.")


def _file_ids(path: Path, cancel: CancelCheck) -> Iterator[tuple[str, ...]]:
    """The ReferencedFileID (0004,1500) components of all records."""
    try:
        names = _referenced_names(path, cancel)
    except NotDicomError as error:
        raise FormatError("The DICOMDIR is not a DICOM file.") from error
    except (FormatError, Cancelled):
        raise
    except ViewerError as error:
        raise FormatError("The DICOMDIR is damaged.") from error
    except OSError as error:
        raise FormatError(f"The DICOMDIR cannot be read ({error.strerror or 'system error'}).") from error
    for value in names:
        if value:
            yield (str(value),) if isinstance(value, str) else tuple(str(part) for part in value)


def _referenced_names(path: Path, cancel: CancelCheck) -> list[Any]:
    """ReferencedFileID of all records as pydicom gives it: None, a text, or several."""
    size = path.stat().st_size
    if size > _IMPLICIT_LIMIT:
        raise FormatError("The DICOMDIR is too large to be one.")
    with path.open("rb") as stream:
        dataset = open_dataset(stream, size)[0]
    names = []
    with careful_pydicom("The DICOMDIR"):
        for record in dataset.get("DirectoryRecordSequence") or ():
            cancel.check()
            names.append(record.get("ReferencedFileID"))
    if not names:
        raise FormatError("The DICOMDIR has no records.")
    return names


class _Names:
    """Finds files below a root by component, without regard to case, and never above or through a link."""

    def __init__(self, root: Path) -> None:
        self._root = Path(os.path.realpath(root))
        self._listings: dict[Path, dict[str, os.DirEntry[str]]] = {}

    def resolve(self, components: tuple[str, ...]) -> Path | None:
        """The regular file with these name components, or None."""
        parts = [part for text in components for part in text.replace("\\", "/").split("/") if part]
        if not parts or any(part in ("..", ".") for part in parts):
            return None
        folder = self._root
        for part in parts[:-1]:
            entry = self._entry(folder, part)
            if entry is None or not entry.is_dir(follow_symlinks=False):
                return None
            folder = Path(entry.path)
        entry = self._entry(folder, parts[-1])
        return Path(entry.path) if entry is not None and entry.is_file(follow_symlinks=False) else None

    def _entry(self, folder: Path, name: str) -> os.DirEntry[str] | None:
        if folder not in self._listings:
            try:
                with os.scandir(folder) as listing:
                    entries = {entry.name: entry for entry in listing}
            except OSError:
                entries = {}
            # Exact names win over those that differ in case, whatever the order of the listing.
            self._listings[folder] = {name.casefold(): entries[name] for name in sorted(entries)} | entries
        listing_by_name = self._listings[folder]
        return listing_by_name.get(name) or listing_by_name.get(name.rstrip(". ").casefold())
