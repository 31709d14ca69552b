"""Keys of encrypted archives: the files they are kept in, where they are looked for, and which one an archive needs.

A key file is text: a line that says what it is, the public id of the key, and the key. Whoever has it can read every
archive that was encrypted with it, and without it nobody can. Keys are looked for in the files and folders that the
environment variable `TRIPTYCH_ARCHIVE_KEYS` names, and in the folder `keys` of the user's settings, which is for this
user alone; in folders every file whose name ends with ".key" is looked at.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from viewer.archive.sealing import ID_BYTES, KEY_BYTES, ArchiveKey
from viewer.atomic import export_error, write_bytes
from viewer.errors import ExportError, FormatError, ViewerError
from viewer.settings import config_dir

ENVIRONMENT = "TRIPTYCH_ARCHIVE_KEYS"
ENDING = ".key"
MARK = "encrypted.json"
"""A file of this name at the top of an archive says which key it needs."""

_FIRST_LINE = "triptych archive key 1"
_LONGEST = 4096

KeyFinder = Callable[[str], ArchiveKey]
"""Gives the key of an id, or raises `FormatError`."""


# --- Files -------------------------------------------------------------------------------------------------------


def make_key(path: Path) -> ArchiveKey:
    """Make a new key and write its file, for this user alone.

    Raises
    ------
    ExportError
        There is a file of that name already, or it cannot be written.
    ViewerError
        The package of the extra is missing.
    """
    key = ArchiveKey(os.urandom(KEY_BYTES))
    write_key(path, key)
    return key


def write_key(path: Path, key: ArchiveKey) -> None:
    """Write a key file, which must not be there yet.

    Raises
    ------
    ExportError
        It is there, or cannot be written.
    """
    text = f"{_FIRST_LINE}\nid: {key.id}\nkey: {key.secret.hex()}\n"
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise ExportError(
            f"{path.name} is there already; a key is never overwritten, because it may be needed."
        ) from error
    except OSError as error:
        raise export_error(error) from error
    try:
        with os.fdopen(descriptor, "w", encoding="ascii", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
    except OSError as error:
        path.unlink(missing_ok=True)
        raise export_error(error) from error


def read_key(path: Path) -> ArchiveKey:
    """Read a key file.

    Raises
    ------
    FormatError
        It is none, or damaged.
    ViewerError
        The package of the extra is missing.
    """
    try:
        with path.open("rb") as file:
            text = file.read(_LONGEST).decode("utf-8-sig", "replace")
    except OSError as error:
        reason = error.strerror or "system error"
        raise FormatError(f"{path.name}: the key file cannot be read ({reason}).") from error
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines or lines[0] != _FIRST_LINE:
        raise FormatError(f"{path.name}: this is no key file of an archive.")
    values = {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    try:
        key = ArchiveKey(bytes.fromhex(values["key"]))
    except (KeyError, ValueError) as error:
        raise FormatError(f"{path.name}: the key file is damaged.") from error
    if len(key.secret) != KEY_BYTES or values.get("id") != key.id:
        raise FormatError(f"{path.name}: the key file is damaged.")
    return key


# --- The ring ----------------------------------------------------------------------------------------------------


def private_folder() -> Path:
    """Where the keys of this user are; it need not be there."""
    return config_dir() / "keys"


def find_key(key_id: str) -> ArchiveKey:
    """The key of an id, out of all places where keys are looked for.

    Raises
    ------
    FormatError
        It is nowhere; the sentence says where to put it.
    ViewerError
        The package of the extra is missing.
    """
    unreadable = ""
    for path in _candidates():
        try:
            key = read_key(path)
        except FormatError as error:
            unreadable = f" ({error.user_message})"
            continue
        if key.id == key_id:
            return key
    raise FormatError(
        f"It is encrypted, and its key {key_id} is not here. Add the key file in the window (File, Add an archive "
        f"key…), put it into {private_folder()}, or name it in {ENVIRONMENT}.{unreadable}"
    )


def only(key: ArchiveKey) -> KeyFinder:
    """Finds nothing but one key."""

    def find(key_id: str) -> ArchiveKey:
        if key_id != key.id:
            raise FormatError(f"It is encrypted with the key {key_id}, not with {key.id}.")
        return key

    return find


_lent: list[Path] = []
"""Key files named on the command line; a path may hold any character, also what separates a list of them."""


@contextmanager
def lent(path: Path, archive: Path) -> Iterator[ArchiveKey]:
    """A block in which this process finds the key of a file.

    Parameters
    ----------
    path
        The key file.
    archive
        What it is for.

    Raises
    ------
    ViewerError
        It is no key file, the archive is not encrypted with this key, or the package of the extra is missing.
    """
    key = read_key(path)
    needed = needed_key(archive)
    if needed != key.id:
        how = f"encrypted with the key {needed}, not with {key.id}" if needed else "not encrypted"
        raise ViewerError(f"{archive.name} is {how}.")
    place = path.absolute()
    _lent.append(place)
    try:
        yield key
    finally:
        _lent.remove(place)


def add_key(path: Path) -> ArchiveKey:
    """Copy a key file to the keys of this user, once it has been checked; nothing happens when the key is there.

    Raises
    ------
    ViewerError
        It is no key file, the folder cannot be written, or the package of the extra is missing.
    """
    key = read_key(path)
    folder = private_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        # The folder may have been made by hand, for all to read.
        folder.chmod(0o700)
    except OSError as error:
        raise export_error(error) from error
    target = folder / f"{key.id}{ENDING}"
    with suppress(FormatError):
        if read_key(target) == key:
            return key
    try:
        target.unlink(missing_ok=True)
    except OSError as error:
        raise export_error(error) from error
    write_key(target, key)
    return key


def _candidates() -> Iterator[Path]:
    """Files that may be keys; those that are named first."""
    named = [*_lent, *(Path(part) for part in os.environ.get(ENVIRONMENT, "").split(os.pathsep) if part)]
    for place in (*named, private_folder()):
        with suppress(OSError):
            if place.is_dir():
                yield from (path for path in sorted(place.glob(f"*{ENDING}")) if path.is_file())
                continue
        if place in named:
            # One that is not there is worth a word.
            yield place


# --- Which key an archive needs ----------------------------------------------------------------------------------


def mark(archive: Path, key: ArchiveKey | None) -> None:
    """Say in an archive which key it is encrypted with, before anything is written to it.

    Parameters
    ----------
    archive
        Its folder.
    key
        None for an archive that is not encrypted.

    Raises
    ------
    ViewerError
        It is encrypted with another key, or one of the two is encrypted and the other not: an archive that was half
        encrypted would pass for one that is.
    """
    needed = needed_key(archive)
    if key is None:
        if needed:
            raise ViewerError(
                f"{archive.name} is encrypted with the key {needed}. Name its file with --encrypt, or choose another "
                "folder."
            )
        return
    if needed and needed != key.id:
        raise ViewerError(
            f"{archive.name} is encrypted with the key {needed}, not with {key.id}. Choose another folder."
        )
    if needed:
        return
    # Another run may put the mark there at this moment.
    names = {entry.name for entry in archive.iterdir() if not entry.name.startswith(".")}
    if names and MARK not in names:
        raise ViewerError(f"{archive.name} holds what is not encrypted. Choose another folder.")
    content = {"format": "triptych-archive", "encryption": "AES-256-GCM", "key": key.id}
    write_bytes(archive / MARK, json.dumps(content).encode("ascii"))


def needed_key(archive: Path) -> str:
    """Id of the key an archive is encrypted with; "" when it is not.

    Raises
    ------
    FormatError
        The file that says so is damaged.
    """
    try:
        content = json.loads((archive / MARK).read_text(encoding="utf-8"))
        key_id = str(content["key"])
        if len(bytes.fromhex(key_id)) == ID_BYTES:
            return key_id
    except (FileNotFoundError, NotADirectoryError):
        return ""
    except (ValueError, KeyError, TypeError, OSError) as error:
        raise FormatError(f"{MARK} of {archive.name} is damaged.") from error
    raise FormatError(f"{MARK} of {archive.name} is damaged.")


def require_key(archive: Path) -> None:
    """Make sure that the key of an archive is at hand.

    Raises
    ------
    FormatError
        It is not.
    """
    key_id = needed_key(archive)
    if key_id:
        find_key(key_id)
