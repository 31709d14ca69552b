"""Which reader opens a path: every module of this folder with a `FORMAT`, and every plug-in, by priority.

A new format is one new file in this folder (or an entry point of the group `triptych.formats`) that offers an
object with the attributes of `Format` under the name `FORMAT`. No list names it.
"""

from __future__ import annotations

import importlib
import logging
import pkgutil
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import entry_points
from pathlib import Path
from typing import Protocol, runtime_checkable

from viewer.archive.address import Address
from viewer.dicom.model import Problem, Study
from viewer.errors import FormatError

ENTRY_POINT_GROUP = "triptych.formats"

_log = logging.getLogger(__name__)


class CancelCheck(Protocol):
    """What a reader needs to stop early; `viewer.loading.cancel.CancelToken` is one."""

    def check(self) -> None:
        """Raise `Cancelled` once the user has cancelled."""


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file that may be DICOM, or a folder that is a volume of its own.

    Parameters
    ----------
    path
        Where its bytes are.
    shown
        Path as the user knows it: "study/series/0001.dcm", "archive.zip/member".
    """

    path: Path
    shown: str


@dataclass(frozen=True, slots=True)
class FoundNote:
    """Something the user may want to know about the search that is no fault of a file."""

    text: str


@dataclass(frozen=True, eq=False)
class FoundVolume:
    """A file that is a volume of its own, read as far as the catalogue needs it.

    Parameters
    ----------
    study
        With one series. Files with the same study uid belong together.
    own_study
        The volume knows its patient, study and frame of reference as a DICOM series does.
    shown
        How the user knows it, when it is not a file of the search.
    """

    study: Study
    own_study: bool = False
    shown: str = ""


@runtime_checkable
class AddressFormat(Protocol):
    """A reader of what lies on a server."""

    def expand_address(self, address: Address, cancel: CancelCheck) -> Iterator[Found]:
        """Yield what is behind an address, as early as it is known; waiting for a server ends when `cancel` says so.

        Raises
        ------
        FormatError, OSError
            The address as a whole cannot be read.
        Cancelled
            `cancel` said so.
        """


Found = FoundFile | FoundNote | FoundVolume | Problem
"""What a reader yields."""


@runtime_checkable
class Format(Protocol):
    """A reader.

    Attributes
    ----------
    id
        Stable name, for example "dicom-folder".
    name
        As shown in the open dialog.
    patterns
        File name patterns of the open dialog, empty for folders.
    priority
        Readers with a higher one are asked first.
    """

    id: str
    name: str
    patterns: tuple[str, ...]
    priority: int

    def can_open(self, path: Path) -> bool:
        """Whether this reader is meant for the path; looks at the kind of the path and its first bytes only."""

    def expand(self, path: Path, cancel: CancelCheck) -> Iterator[Found]:
        """Yield the files behind the path, as early as they are known.

        Raises
        ------
        FormatError
            The path as a whole cannot be read.
        Cancelled
            `cancel` said so.
        """


@runtime_checkable
class VolumeFormat(Format, Protocol):
    """A reader of files that are volumes of their own, also where they lie among others in a folder or archive.

    Attributes
    ----------
    endings
        Lower-case ends of the names of its files, each with its dot.
    """

    endings: tuple[str, ...]

    def read(self, path: Path, shown: str, cancel: CancelCheck) -> FoundVolume | None:
        """Read the header of a file.

        Parameters
        ----------
        path
            A file that `can_open`.
        shown
            How the user knows it.
        cancel
            Asked while it takes long.

        Returns
        -------
        FoundVolume | None
            None for a file of this kind that is no volume: among other files it is passed over.

        Raises
        ------
        FormatError
            The file is damaged or of a kind that cannot be shown; a sentence that follows the name of the file.
        Cancelled
            `cancel` said so.
        """


@lru_cache(maxsize=1)
def formats() -> tuple[Format, ...]:
    """All readers, highest priority first; a plug-in that cannot be imported is logged and left out."""
    found: dict[str, Format] = {}
    package = importlib.import_module("viewer.formats")
    for module_info in pkgutil.iter_modules(package.__path__):
        candidate = getattr(importlib.import_module(f"viewer.formats.{module_info.name}"), "FORMAT", None)
        if candidate is not None:
            found[candidate.id] = candidate
    for entry in entry_points(group=ENTRY_POINT_GROUP):
        try:
            plugin = entry.load()
        except (ImportError, AttributeError):
            _log.warning("the format plug-in %s cannot be imported", entry.name, exc_info=True)
            continue
        if isinstance(plugin, Format):
            found.setdefault(plugin.id, plugin)
        else:
            _log.warning("the format plug-in %s lacks the attributes of a format", entry.name)
    return tuple(sorted(found.values(), key=lambda item: (-item.priority, item.id)))


def format_for(path: Path) -> Format:
    """The reader for a path.

    Raises
    ------
    FormatError
        There is nothing at the path, it may not be read, or it is neither a folder nor a regular file.
    """
    try:
        exists = path.exists()
    except OSError as error:
        raise FormatError(f"{path.name}: {error.strerror or 'cannot be read'}.") from error
    if not exists:
        raise FormatError(f"{path.name or path}: there is no such file or folder.")
    try:
        for candidate in formats():
            if candidate.can_open(path):
                return candidate
    except OSError as error:
        raise FormatError(f"{path.name}: {error.strerror or 'cannot be read'}.") from error
    raise FormatError(f"{path.name}: only folders and regular files can be opened.")


def address_format() -> AddressFormat:
    """The reader of addresses.

    Raises
    ------
    FormatError
        There is none.
    """
    for candidate in formats():
        if isinstance(candidate, AddressFormat):
            return candidate
    raise FormatError("Nothing here can read addresses.")


def volume_format_for(path: Path) -> VolumeFormat | None:
    """The reader of a file found in a folder or archive when it is a volume of its own, else None.

    The name is looked at first: among a hundred thousand DICOM files none is opened for this.

    Raises
    ------
    OSError
        The file cannot be read.
    """
    name = path.name.lower()
    for reader in _volume_formats():
        if name.endswith(reader.endings) and reader.can_open(path):
            return reader
    return None


@lru_cache(maxsize=1)
def _volume_formats() -> tuple[VolumeFormat, ...]:
    return tuple(reader for reader in formats() if isinstance(reader, VolumeFormat))
