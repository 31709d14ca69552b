"""A zip archive with DICOM files, unpacked into a private folder that is removed at exit (rule J38).

Members get a number and what is plain in their own name, so no name in the archive can lead out of the folder,
collide with another or be too long for the file system. Members are yielded as they are unpacked: the first image
does not wait for the last.
"""

from __future__ import annotations

import re
import shutil
import stat
import struct
import tempfile
import time
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from viewer.dicom.model import Problem
from viewer.errors import FormatError
from viewer.formats import sniff
from viewer.formats.registry import CancelCheck, Found, FoundFile

try:
    from lzma import LZMAError
except ImportError:  # Python was built without it; such members then are packed in a way that cannot be read
    LZMAError = zlib.error  # type: ignore[assignment, misc]

RATIO_LIMIT = 100
"""Unpacked over packed size above which data is taken for a bomb."""

_FOLDER_PREFIX = "triptych-zip-"
_MAX_AGE_S = 14 * 24 * 3600.0
_CHUNK = 1 << 20
_DAMAGES = (zipfile.BadZipFile, struct.error, ValueError, OverflowError)
"""What `zipfile` was seen to raise for damaged directories and headers."""
_DAMAGED = "This member of the archive is damaged and was left out."

_open_folders: list[tempfile.TemporaryDirectory[str]] = []
"""Kept alive until exit: images are read from them for as long as their study is open."""


@dataclass(frozen=True)
class ZipLimits:
    """How much an archive may unpack to.

    Parameters
    ----------
    members
        Number of entries.
    total_bytes
        Sum of all unpacked sizes.
    harmless_bytes
        Sizes up to this are never called a bomb, whatever their ratio: an empty mask packs 1000 to 1.
    """

    members: int = 500_000
    total_bytes: int = 64 << 30
    harmless_bytes: int = 64 << 20


class ZipArchive:
    """Unpacks and yields the members of a zip archive."""

    id = "zip"
    name = "Zip archive"
    patterns: tuple[str, ...] = ("*.zip",)
    priority = 60

    def __init__(self, limits: ZipLimits | None = None) -> None:
        self._limits = limits or ZipLimits()

    def can_open(self, path: Path) -> bool:
        """True for files that start like a zip archive."""
        return sniff.is_regular_file(path) and sniff.is_zip(path)

    def expand(self, path: Path, cancel: CancelCheck) -> Iterator[Found]:
        """Yield each member once it is unpacked.

        Raises
        ------
        FormatError
            The archive is damaged, too large, a bomb, or the disk is full.
        Cancelled
            `cancel` said so.
        """
        try:
            with zipfile.ZipFile(path) as archive:
                members = [member for member in archive.infolist() if not member.is_dir()]
                self._check_archive(path, members)
                folder = _private_folder()
                for number, member in enumerate(members):
                    cancel.check()
                    yield from self._member(
                        archive, member, folder / _plain_name(number, member.filename), path.name, cancel
                    )
        except _DAMAGES as error:
            raise FormatError(f"{path.name}: the zip archive is damaged.") from error
        except NotImplementedError as error:
            raise FormatError(f"{path.name}: the archive is packed in a way that cannot be read.") from error
        except OSError as error:
            raise FormatError(
                f"{path.name}: the archive cannot be unpacked ({error.strerror or 'system error'})."
            ) from error

    def _check_archive(self, path: Path, members: list[zipfile.ZipInfo]) -> None:
        """Refuse an archive as a whole before anything is written."""
        limits = self._limits
        if len(members) > limits.members:
            raise FormatError(f"{path.name}: the archive has more than {limits.members} members.")
        total = sum(member.file_size for member in members)
        free = shutil.disk_usage(tempfile.gettempdir()).free
        if total > limits.total_bytes or total > free:
            raise FormatError(
                f"{path.name}: unpacked it would take {total / 1e9:.1f} GB, more than the limit or the free disk space."
            )
        if total > limits.harmless_bytes and total > RATIO_LIMIT * path.stat().st_size:
            raise FormatError(
                f"{path.name}: it unpacks to over {RATIO_LIMIT} times its size and is taken for a zip bomb."
            )

    def _member(
        self,
        archive: zipfile.ZipFile,
        member: zipfile.ZipInfo,
        target: Path,
        archive_name: str,
        cancel: CancelCheck,
    ) -> Iterator[Found]:
        shown = f"{archive_name}/{member.filename}"
        if _is_clutter(member.filename):
            return
        reason = self._refusal(member)
        if reason:
            yield Problem(shown, reason)
            return
        try:
            with archive.open(member) as source, target.open("xb") as sink:
                while chunk := source.read(_CHUNK):
                    cancel.check()
                    sink.write(chunk)
        except (*_DAMAGES, zlib.error, LZMAError, EOFError):
            target.unlink(missing_ok=True)
            yield Problem(shown, _DAMAGED)
        except OSError as error:
            if error.errno is not None:
                raise
            # Without a number it is not the disk: bzip2 says so that its data is damaged.
            target.unlink(missing_ok=True)
            yield Problem(shown, _DAMAGED)
        except (NotImplementedError, RuntimeError):
            target.unlink(missing_ok=True)
            yield Problem(shown, "This member of the archive is packed in a way that cannot be read.")
        else:
            yield FoundFile(target, shown)

    def _refusal(self, member: zipfile.ZipInfo) -> str:
        """Why a member is not unpacked, or ""."""
        name = PurePosixPath(member.filename.replace("\\", "/"))
        if name.is_absolute() or ".." in name.parts or name.parts[0].endswith(":"):
            return "The name of this member leads out of the archive; it was left out."
        mode = member.external_attr >> 16
        if mode and not (stat.S_ISREG(mode) or stat.S_IFMT(mode) == 0):
            return "This member is a link or a device; it was left out."
        if member.flag_bits & 0x1:
            return "This member is protected by a password; unpack the archive first."
        if member.file_size > self._limits.harmless_bytes and member.file_size > RATIO_LIMIT * max(
            1, member.compress_size
        ):
            return f"This member unpacks to over {RATIO_LIMIT} times its size and was left out."
        return ""


def _plain_name(number: int, name: str) -> str:
    """A file name that is safe everywhere, for example "000012-IM0012.dcm"."""
    last = PurePosixPath(name.replace("\\", "/")).name
    return f"{number:06d}-{re.sub(r'[^A-Za-z0-9._-]', '_', last)[-60:]}"


def _is_clutter(name: str) -> bool:
    parts = PurePosixPath(name.replace("\\", "/")).parts
    return not parts or "__MACOSX" in parts or parts[-1].startswith(".") or parts[-1].upper() == "DICOMDIR"


def _private_folder() -> Path:
    """A new folder only this user can read; what a crashed run left behind long ago is removed on the way."""
    base = Path(tempfile.gettempdir())
    for leftover in base.glob(f"{_FOLDER_PREFIX}*"):
        try:
            if time.time() - leftover.lstat().st_mtime > _MAX_AGE_S and not leftover.is_symlink():
                shutil.rmtree(leftover, ignore_errors=True)
        except OSError:
            continue
    folder = tempfile.TemporaryDirectory(prefix=_FOLDER_PREFIX, ignore_cleanup_errors=True)
    _open_folders.append(folder)
    return Path(folder.name)


def is_unpacked(path: Path) -> bool:
    """Whether a file was unpacked here and goes when the program ends."""
    return any(Path(folder.name) in path.parents for folder in _open_folders)


FORMAT = ZipArchive()
