"""What an entry of a folder is: which are opened, and under which words the others are counted (J33, J37, J39)."""

from __future__ import annotations

import os

MEDIA_DIRECTORY_NAME = "DICOMDIR"

_SYSTEM_NAMES = frozenset(
    name.casefold()
    for name in (
        "Thumbs.db",
        "desktop.ini",
        "__MACOSX",
        "$RECYCLE.BIN",
        "System Volume Information",
        "lost+found",
        "@eaDir",
    )
)


def kind_of_entry(entry: os.DirEntry[str]) -> str:
    """Tell what an entry is: "file", "folder", or the words it is counted under."""
    if entry.is_symlink():
        return "link"
    if entry.name.startswith(".") or entry.name.casefold() in _SYSTEM_NAMES:
        return "hidden or system entry"
    if entry.is_dir(follow_symlinks=False):
        return "link" if _is_junction(entry) else "folder"
    if not entry.is_file(follow_symlinks=False):
        return "device, pipe or socket"
    return "media directory" if entry.name.upper() == MEDIA_DIRECTORY_NAME else "file"


def _is_junction(entry: os.DirEntry[str]) -> bool:
    """Whether a folder is a Windows junction; Python before 3.12 cannot tell, there a walk looks at inodes."""
    check = getattr(entry, "is_junction", None)
    return bool(check is not None and check())
