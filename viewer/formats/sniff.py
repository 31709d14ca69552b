"""What the first bytes of a file say it is. Names lie, and many DICOM files have none that helps."""

from __future__ import annotations

import stat
from pathlib import Path

HEAD_BYTES = 1024

MEDIA_DIRECTORY_UID = b"1.2.840.10008.1.3.10"
"""Media Storage Directory Storage (PS3.4 I.4), the SOP class of a DICOMDIR."""

_ARCHIVES = (
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "RAR"),
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
)


def is_regular_file(path: Path) -> bool:
    """Whether a path (followed through links: the user named it) is a regular file; never opens it (rule J37)."""
    return stat.S_ISREG(path.stat().st_mode)


def head(path: Path) -> bytes:
    """The first bytes of a regular file."""
    with path.open("rb") as file:
        return file.read(HEAD_BYTES)


def is_zip(path: Path) -> bool:
    """Whether a file starts like a zip archive and is not DICOM with such bytes in its preamble."""
    start = head(path)
    return start[:4] in (b"PK\x03\x04", b"PK\x05\x06") and start[128:132] != b"DICM"


def is_media_directory(path: Path) -> bool:
    """Whether a file is a DICOMDIR by its content."""
    start = head(path)
    return start[128:132] == b"DICM" and MEDIA_DIRECTORY_UID in start[132:]


def foreign_archive(path: Path) -> str:
    """The name of an archive type that cannot be opened here, or ""."""
    start = head(path)
    return next((name for magic, name in _ARCHIVES if start.startswith(magic)), "")
