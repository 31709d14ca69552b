"""Where the chunks of a volume lie: a folder with or without shards, a zip file, or one SQLite file.

zarr has no store in SQLite, so `SqliteStore` is a small one of our own on its interface: one table of keys and values,
one file a volume, which some file systems and backup programs take better than many small files.
"""

from __future__ import annotations

import shutil
import sqlite3
import threading
import zipfile
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path

from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.storage import LocalStore, ZipStore


class StoreKind(StrEnum):
    """How a volume is laid out."""

    SHARD = "shard"
    """A folder whose levels are one file each, with the slices as chunks inside."""
    DIR = "dir"
    """A folder with a file a chunk."""
    ZIP = "zip"
    """One zip file, for handing on."""
    SQLITE = "sqlite"
    """One SQLite file."""

    @property
    def sharded(self) -> bool:
        """Whether chunks are put together in shards."""
        return self is StoreKind.SHARD

    @property
    def ending(self) -> str:
        """End of the name of a volume."""
        return {StoreKind.ZIP: ".zarr.zip", StoreKind.SQLITE: ".zarr.sqlite"}.get(self, ".zarr")


@contextmanager
def new_store(path: Path, kind: StoreKind) -> Iterator[Store]:
    """An empty store to write a volume to; the volume is at its path when the block has ended well."""
    if kind is StoreKind.ZIP:
        # A member of a zip file cannot be written twice, and the attributes of a volume are known at its end.
        folder = path.with_name(f"{path.name}.part")
        store: Store = LocalStore(folder)
    else:
        store = SqliteStore(path) if kind is StoreKind.SQLITE else LocalStore(path)
    try:
        yield store
    finally:
        store.close()
    if kind is StoreKind.ZIP:
        _pack(folder, path)


def _pack(folder: Path, path: Path) -> None:
    """Put a folder into a zip file and remove it; the chunks are compressed already."""
    with zipfile.ZipFile(path, "x", zipfile.ZIP_STORED) as archive:
        for member in sorted(folder.rglob("*")):
            if member.is_file():
                archive.write(member, member.relative_to(folder).as_posix())
    shutil.rmtree(folder)


def open_store(path: Path) -> Store:
    """The store of a volume that is there, for reading."""
    if path.name.endswith(StoreKind.ZIP.ending):
        return _ZipStore(path, mode="r", read_only=True)
    if path.name.endswith(StoreKind.SQLITE.ending):
        return SqliteStore(path, read_only=True)
    return LocalStore(path, read_only=True)


class _ZipStore(ZipStore):
    """A zip file that can be closed also when it turned out to be none."""

    def close(self) -> None:
        """Close the file if it was opened."""
        if hasattr(self, "_zf"):
            super().close()


class SqliteStore(Store):
    """Keys and values in one SQLite file.

    Each thread has its own connection. A value is written in one transaction: it is there or not.

    Parameters
    ----------
    path
        The file.
    read_only
        The file is opened for reading only.
    """

    supports_writes = True
    supports_deletes = True
    supports_listing = True

    def __init__(self, path: Path | str, *, read_only: bool = False) -> None:
        super().__init__(read_only=read_only)
        self._path = Path(path)
        self._local = threading.local()
        self._lock = threading.Lock()
        self._connections: list[sqlite3.Connection] = []

    def with_read_only(self, read_only: bool = False) -> SqliteStore:
        """The same file, opened for reading only or for writing too."""
        return type(self)(self._path, read_only=read_only)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and (self._path, self.read_only) == (
            other._path,
            other.read_only,
        )

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"sqlite://{self._path.as_posix()}"

    def __repr__(self) -> str:
        return f"SqliteStore('{self}')"

    def __getstate__(self) -> tuple[Path, bool]:
        return self._path, self.read_only

    def __setstate__(self, state: tuple[Path, bool]) -> None:
        SqliteStore.__init__(self, state[0], read_only=state[1])

    def close(self) -> None:
        """Close the connections of all threads."""
        with self._lock:
            for connection in self._connections:
                connection.close()
            self._connections = []
            self._local = threading.local()
        super().close()

    async def _open(self) -> None:
        self._connection()
        await super()._open()

    def _connection(self) -> sqlite3.Connection:
        found: sqlite3.Connection | None = getattr(self._local, "connection", None)
        if found is None:
            uri = f"{self._path.absolute().as_uri()}?mode={'ro' if self.read_only else 'rwc'}"
            # Only `close` uses it from another thread, under the lock.
            found = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=60)
            if not self.read_only:
                # A rollback journal and its sync cost more than the chunk; the whole file is synced before it is
                # given its name, and one that was not is thrown away.
                found.execute("PRAGMA synchronous = OFF")
                found.execute(
                    "CREATE TABLE IF NOT EXISTS zarr (key TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID"
                )
            with self._lock:
                self._connections.append(found)
            self._local.connection = found
        return found

    def get_sync(
        self, key: str, *, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read a value or a part of it; None when the key is not there."""
        self._is_open = True
        buffer = (prototype or default_buffer_prototype()).buffer
        statement, given = _selection(byte_range)
        row = self._connection().execute(statement, (*given, key)).fetchone()
        return None if row is None else buffer.from_bytes(row[0])

    def set_sync(self, key: str, value: Buffer) -> None:
        """Write a value."""
        self._write("INSERT OR REPLACE INTO zarr (key, value) VALUES (?, ?)", key, value)

    def delete_sync(self, key: str) -> None:
        """Remove a key; nothing happens when it is not there."""
        self._check_writable()
        self._is_open = True
        self._connection().execute("DELETE FROM zarr WHERE key = ?", (key,))

    def _write(self, statement: str, key: str, value: Buffer) -> None:
        self._check_writable()
        if not isinstance(value, Buffer):
            raise TypeError(f"`value` must be a Buffer, not {type(value).__name__}")
        self._is_open = True
        self._connection().execute(statement, (key, value.to_bytes()))

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """See `get_sync`."""
        return self.get_sync(key, prototype=prototype, byte_range=byte_range)

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Read parts of several values."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether a key is there."""
        await self._ensure_open()
        row = self._connection().execute("SELECT 1 FROM zarr WHERE key = ?", (key,)).fetchone()
        return row is not None

    async def set(self, key: str, value: Buffer) -> None:
        """See `set_sync`."""
        self.set_sync(key, value)

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write a value unless the key is there."""
        self._write("INSERT OR IGNORE INTO zarr (key, value) VALUES (?, ?)", key, value)

    async def delete(self, key: str) -> None:
        """See `delete_sync`."""
        self.delete_sync(key)

    async def getsize(self, key: str) -> int:
        """Bytes of a value."""
        await self._ensure_open()
        row = self._connection().execute("SELECT length(value) FROM zarr WHERE key = ?", (key,)).fetchone()
        if row is None:
            raise FileNotFoundError(key)
        return int(row[0])

    async def list(self) -> AsyncIterator[str]:
        """All keys."""
        await self._ensure_open()
        for (key,) in self._connection().execute("SELECT key FROM zarr ORDER BY key").fetchall():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Keys that start with a prefix."""
        async for key in self.list():
            if key.startswith(prefix):
                yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Names directly below a prefix, each once."""
        below = f"{prefix.rstrip('/')}/" if prefix.rstrip("/") else ""
        names: dict[str, None] = {}
        async for key in self.list():
            if key.startswith(below):
                names[key.removeprefix(below).split("/")[0]] = None
        for name in names:
            yield name


def _selection(byte_range: ByteRequest | None) -> tuple[str, tuple[int, ...]]:
    """The statement for a part of a value, and its parameters before the key; SQLite counts from 1."""
    match byte_range:
        case None:
            return "SELECT value FROM zarr WHERE key = ?", ()
        case RangeByteRequest(start, end):
            return "SELECT substr(value, ?, ?) FROM zarr WHERE key = ?", (start + 1, end - start)
        case OffsetByteRequest(offset):
            return "SELECT substr(value, ?) FROM zarr WHERE key = ?", (offset + 1,)
        case SuffixByteRequest(suffix):
            return "SELECT substr(value, max(1, length(value) - ? + 1)) FROM zarr WHERE key = ?", (suffix,)
    raise ValueError(f"Unexpected byte_range, got {byte_range!r}")
