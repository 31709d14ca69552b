"""What the decoded values of a stack depend on, as a digest: the same digest means the same values.

A decoded frame is a function of the file's content, of where and how the header says the frame lies in it, and of this
program. The content is known by path, size, and the times of its last change; times younger than a moment say nothing,
since a file can change twice within one tick of its clock. Slope, geometry and names are not in here because they are
not in a copy either.
"""

from __future__ import annotations

import hashlib
import os
from functools import cache
from importlib.metadata import version
from pathlib import Path

from viewer import __version__
from viewer.dicom.model import FrameSource, Stack

FORMAT_VERSION = 1
"""Raised when copies of earlier versions must not be used."""
DECODERS = ("imagecodecs", "pydicom")
TRUSTED_AGE_NS = 2_000_000_000
"""FAT keeps times in steps of two seconds."""


def copy_name(stack: Stack) -> str:
    """Name of the place of a stack: which frames of which files, whatever is in them."""
    folders: dict[str, str] = {}
    rows = [f"{_real(frame.path, folders)}\0{frame.frame}\0{frame.tile}" for frame in stack.frames]
    return hashlib.sha256("\n".join(rows).encode(errors="surrogateescape")).hexdigest()[:32]


def copy_key(stack: Stack, now_ns: int) -> str | None:
    """Digest of everything the decoded values of a stack depend on.

    Parameters
    ----------
    stack
        Of DICOM files.
    now_ns
        Nanoseconds since 1970: files that changed shortly before it, or later, are not trusted.

    Returns
    -------
    str or None
        None when a file is not trusted.

    Raises
    ------
    OSError
        A file is not there (any more).
    """
    folders: dict[str, str] = {}
    states: dict[Path, str] = {}
    digest = hashlib.sha256(f"{FORMAT_VERSION}\n{__version__}\n{_decoders()}\n{stack.pixels}\n".encode())
    for frame in stack.frames:
        state = states.get(frame.path)
        if state is None:
            found = frame.path.stat()
            # The second one cannot be set by programs, so that a file put in place with an old time is noticed.
            if max(found.st_mtime_ns, found.st_ctime_ns) > now_ns - TRUSTED_AGE_NS:
                return None
            state = f"{_real(frame.path, folders)}\0{found.st_size}\0{found.st_mtime_ns}\0{found.st_ctime_ns}"
            states[frame.path] = state
        digest.update(f"{state}\0{_place(frame)}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


@cache
def _decoders() -> str:
    """Versions of the packages that decode: a newer one may correct what an older one decoded wrongly."""
    return " ".join(f"{name} {version(name)}" for name in DECODERS)


def _place(frame: FrameSource) -> str:
    """Where and how a frame lies in its file."""
    return (
        f"{frame.frame}/{frame.frames}\0{frame.sop_instance_uid}\0{frame.transfer_syntax}\0"
        f"{frame.offset}+{frame.length}\0{frame.data_offset}+{frame.data_length}\0{frame.tile}"
    )


def _real(path: Path, folders: dict[str, str]) -> str:
    """The path with the links of its folder followed; asked for once a folder."""
    folder, name = os.path.split(path)
    if folder not in folders:
        folders[folder] = os.path.realpath(folder)
    return f"{folders[folder]}/{name}"
