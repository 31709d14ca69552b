"""A Zarr store whose values are sealed one by one, around any other store; see `viewer.archive.sealing`."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable

from zarr.abc.store import (
    ByteRequest,
    OffsetByteRequest,
    RangeByteRequest,
    Store,
    SuffixByteRequest,
)
from zarr.core.buffer import Buffer, BufferPrototype, default_buffer_prototype
from zarr.core.sync import sync

from viewer.archive.keys import KeyFinder
from viewer.archive.sealing import OVERHEAD, Seal, is_sealed, key_id_of
from viewer.errors import DecodeError, FormatError

ROOT = "zarr.json"
MISSING = "An encrypted chunk is missing; the archive cannot be trusted here."


class EncryptedStore(Store):
    """Seals what is written and opens what is read.

    Only what is written here reaches the other store: new methods of zarr's interface are made of `get` and `set`,
    where a wrapper that hands everything on would hand them the values as they are.

    Parameters
    ----------
    store
        Where the sealed values lie.
    seal
        Of the volume.
    read_only
        For reading only, also when the other store can be written to.
    complete
        Every chunk was written: one that is not there is a fault, not a chunk of fill values.
    """

    def __init__(self, store: Store, seal: Seal, *, read_only: bool = False, complete: bool = False) -> None:
        super().__init__(read_only=read_only or store.read_only)
        self._store = store
        self._seal = seal
        self._complete = complete

    @property
    def supports_writes(self) -> bool:
        """As the other store."""
        return self._store.supports_writes

    @property
    def supports_deletes(self) -> bool:
        """As the other store."""
        return self._store.supports_deletes

    @property
    def supports_listing(self) -> bool:
        """As the other store."""
        return self._store.supports_listing

    def with_read_only(self, read_only: bool = False) -> EncryptedStore:
        """The same values, for reading only or for writing too."""
        store = self._store.with_read_only(read_only)
        return type(self)(store, self._seal, read_only=read_only, complete=self._complete)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, type(self)) and (
            (self._store, self._seal, self.read_only) == (other._store, other._seal, other.read_only)
        )

    __hash__ = None  # type: ignore[assignment]

    def __str__(self) -> str:
        return f"encrypted+{self._store}"

    def __repr__(self) -> str:
        return f"EncryptedStore('{self}')"

    async def _open(self) -> None:
        await _make_open(self._store)
        await super()._open()

    def close(self) -> None:
        """Close the other store."""
        self._store.close()
        super().close()

    async def get(
        self, key: str, prototype: BufferPrototype | None = None, byte_range: ByteRequest | None = None
    ) -> Buffer | None:
        """Read a value or a part of it, for which the whole is opened; None when the key is not there.

        Raises
        ------
        DecodeError
            It is not what was written under this key.
        """
        await self._ensure_open()
        sealed = await self._store.get(key, default_buffer_prototype())
        if sealed is None:
            if self._complete and "/c/" in key:
                raise DecodeError(MISSING)
            return None
        value = self._seal.open(key, sealed.to_bytes())
        buffer = (prototype or default_buffer_prototype()).buffer
        return buffer.from_bytes(value[_part(byte_range)])

    async def get_partial_values(
        self, prototype: BufferPrototype, key_ranges: Iterable[tuple[str, ByteRequest | None]]
    ) -> list[Buffer | None]:
        """Read parts of several values."""
        return [await self.get(key, prototype, byte_range) for key, byte_range in key_ranges]

    async def exists(self, key: str) -> bool:
        """Whether a key is there."""
        await self._ensure_open()
        return await self._store.exists(key)

    async def set(self, key: str, value: Buffer) -> None:
        """Write a value."""
        await self._store.set(key, await self._sealed(key, value))

    async def set_if_not_exists(self, key: str, value: Buffer) -> None:
        """Write a value unless the key is there."""
        await self._store.set_if_not_exists(key, await self._sealed(key, value))

    async def _sealed(self, key: str, value: Buffer) -> Buffer:
        self._check_writable()
        await self._ensure_open()
        if not isinstance(value, Buffer):
            raise TypeError(f"`value` must be a Buffer, not {type(value).__name__}")
        return default_buffer_prototype().buffer.from_bytes(self._seal.close(key, value.to_bytes()))

    async def delete(self, key: str) -> None:
        """Remove a key; nothing happens when it is not there."""
        self._check_writable()
        await self._ensure_open()
        await self._store.delete(key)

    async def getsize(self, key: str) -> int:
        """Bytes of a value, unsealed."""
        await self._ensure_open()
        return await self._store.getsize(key) - OVERHEAD

    async def list(self) -> AsyncIterator[str]:
        """All keys."""
        await self._ensure_open()
        async for key in self._store.list():
            yield key

    async def list_prefix(self, prefix: str) -> AsyncIterator[str]:
        """Keys that start with a prefix."""
        await self._ensure_open()
        async for key in self._store.list_prefix(prefix):
            yield key

    async def list_dir(self, prefix: str) -> AsyncIterator[str]:
        """Names directly below a prefix, each once."""
        await self._ensure_open()
        async for name in self._store.list_dir(prefix):
            yield name


async def _make_open(store: Store) -> None:
    await store._ensure_open()  # noqa: SLF001 - a wrapper opens what it wraps, as zarr's own does


async def _root(store: Store) -> bytes:
    await _make_open(store)
    value = await store.get(ROOT, default_buffer_prototype())
    return b"" if value is None else value.to_bytes()


def _part(byte_range: ByteRequest | None) -> slice:
    match byte_range:
        case None:
            return slice(None)
        case RangeByteRequest(start, end):
            return slice(start, end)
        case OffsetByteRequest(offset):
            return slice(offset, None)
        case SuffixByteRequest(suffix):
            return slice(-suffix, None) if suffix else slice(0, 0)
    raise ValueError(f"Unexpected byte_range, got {byte_range!r}")


def unsealed(store: Store, find: KeyFinder) -> tuple[EncryptedStore, str] | None:
    """A store for reading an encrypted volume, and the id of its key; None when it is not encrypted.

    Parameters
    ----------
    store
        Of the volume, as it lies there.
    find
        Gives its key.

    Raises
    ------
    FormatError
        Its key is not here, or the volume is damaged.
    """
    content = sync(_root(store))
    if not is_sealed(content):
        return None
    try:
        key_id = key_id_of(content)
        seal = Seal.of(content, find(key_id))
        seal.open(ROOT, content)
    except DecodeError as error:
        raise FormatError(error.user_message) from error
    return EncryptedStore(store, seal, read_only=True, complete=True), key_id
