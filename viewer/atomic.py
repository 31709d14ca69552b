"""Files that are complete or not there (rule J50): written aside, synced, renamed into place."""

from __future__ import annotations

import errno
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from viewer.errors import ExportError

_CAUSES = {
    errno.ENOSPC: "The disk is full. Free some space or choose another folder.",
    errno.EDQUOT: "Your quota on this disk is used up. Free some space or choose another folder.",
    errno.ENOENT: "The folder is no longer there. Choose another folder.",
    errno.ENOTDIR: "The folder is no longer there. Choose another folder.",
    errno.EACCES: "The folder cannot be written to. Choose another folder.",
    errno.EPERM: "The folder cannot be written to. Choose another folder.",
    errno.EROFS: "The folder cannot be written to. Choose another folder.",
    errno.ENAMETOOLONG: "The file name is too long. Choose a shorter one.",
    errno.EISDIR: "A folder of this name is in the way. Choose another name.",
}


def export_error(error: OSError) -> ExportError:
    """The sentence for the user that belongs to an operating system's error; paths stay out of it."""
    cause = _CAUSES.get(
        error.errno or 0, f"The file could not be written ({error.strerror or 'input/output error'})."
    )
    return ExportError(f"{cause} Nothing was left half written.")


@contextmanager
def written_aside(target: Path) -> Iterator[Path]:
    """Give a path to write to; it takes the place of `target` when the block ends without an error.

    Parameters
    ----------
    target
        File (or folder, when the block makes one) to appear at the end. A file of that name is replaced, a folder
        of that name is not.

    Yields
    ------
    Path
        A name in the same folder, so that the rename is atomic. The block creates it.

    Raises
    ------
    ExportError
        The system refused; neither `target` nor anything half written is left.
    """
    aside = target.with_name(f".{os.urandom(6).hex()}.part")
    try:
        yield aside
        _sync(aside)
        aside.replace(target)
    except OSError as error:
        raise export_error(error) from error
    finally:
        _remove(aside)
    with suppress(OSError):  # some network folders cannot be synced; the file is in place all the same
        _sync(target.parent)


def put_folder(aside: Path, target: Path) -> None:
    """Give a finished folder its name, with everything below it safely on the disk first.

    Parameters
    ----------
    aside
        The folder, on the same file system.
    target
        Its name. A folder of that name is replaced.

    Raises
    ------
    OSError
        The system refused; `aside` is left, and `target` is complete or not there.
    """
    for folder, _, names in os.walk(aside, topdown=False):
        for name in names:
            _sync(Path(folder) / name)
        _sync(Path(folder))
    target.parent.mkdir(parents=True, exist_ok=True)
    old = aside.with_name(f"{aside.name}.old")
    with suppress(FileNotFoundError):
        target.rename(old)
    aside.rename(target)
    shutil.rmtree(old, ignore_errors=True)
    with suppress(OSError):  # some network folders cannot be synced; the folder is in place all the same
        _sync(target.parent)


def write_bytes(target: Path, data: bytes) -> None:
    """Write a whole file, or nothing.

    Raises
    ------
    ExportError
        See `written_aside`.
    """
    with written_aside(target) as aside, aside.open("xb") as file:
        file.write(data)


def _sync(path: Path) -> None:
    if path.is_dir():
        if os.name == "nt":  # Windows has no handle on a folder that could be synced
            return
        for member in path.iterdir():
            if member.is_file() and path.name.endswith(".part"):
                _sync(member)
    descriptor = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _remove(aside: Path) -> None:
    with suppress(OSError):
        if aside.is_dir():
            shutil.rmtree(aside)
        else:
            aside.unlink(missing_ok=True)
