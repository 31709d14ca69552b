"""The encrypted store against zarr's own tests of stores; nothing that goes through it reaches the other one open."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.archive.test_stores import _to_its_end
from tests.needs import library

library("zarr")
library("cryptography")

from zarr.abc.store import Store  # noqa: E402
from zarr.core.buffer import Buffer, cpu, default_buffer_prototype  # noqa: E402
from zarr.storage import MemoryStore  # noqa: E402
from zarr.testing.store import StoreTests  # noqa: E402

from viewer.archive.sealed_store import EncryptedStore  # noqa: E402
from viewer.archive.sealing import ArchiveKey, Seal, is_sealed  # noqa: E402
from viewer.archive.stores import SqliteStore  # noqa: E402
from viewer.errors import DecodeError  # noqa: E402

SEAL = Seal(ArchiveKey(bytes(range(32))), bytes(16))


# zarr's tests open further stores and leave them to the collector, which Python 3.13 tells of.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestThatTheEncryptedStoreKeepsWhatZarrAsksOfAStore(StoreTests[EncryptedStore, cpu.Buffer]):
    store_cls = EncryptedStore
    buffer_cls = cpu.Buffer

    for _name, _test in vars(StoreTests).items():
        if _name.startswith("test_") and inspect.iscoroutinefunction(_test):
            locals()[_name] = _to_its_end(_test)

    @pytest.fixture
    def store_kwargs(self, tmp_path: Path) -> dict[str, Any]:
        return {"store": SqliteStore(tmp_path / "store.sqlite"), "seal": SEAL}

    @pytest.fixture
    def open_kwargs(self, store_kwargs: dict[str, Any]) -> dict[str, Any]:
        return store_kwargs

    @pytest.fixture
    def store(self, open_kwargs: dict[str, Any]) -> Iterator[EncryptedStore]:
        store = asyncio.run(EncryptedStore.open(**open_kwargs))
        yield store
        store.close()

    @pytest.fixture
    def store_not_open(self, store_kwargs: dict[str, Any]) -> Iterator[EncryptedStore]:
        store = EncryptedStore(**store_kwargs)
        yield store
        store.close()

    async def set(self, store: EncryptedStore, key: str, value: Buffer) -> None:
        await store._store.set(key, self.buffer_cls.from_bytes(SEAL.close(key, value.to_bytes())))

    async def get(self, store: EncryptedStore, key: str) -> Buffer:
        sealed = await store._store.get(key, default_buffer_prototype())
        assert sealed is not None
        return self.buffer_cls.from_bytes(SEAL.open(key, sealed.to_bytes()))

    def test_store_repr(self, store: EncryptedStore) -> None:
        assert repr(store) == f"EncryptedStore('encrypted+{store._store}')"

    def test_store_supports_writes(self, store: EncryptedStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: EncryptedStore) -> None:
        assert store.supports_listing


def _buffer(content: bytes) -> Buffer:
    return default_buffer_prototype().buffer.from_bytes(content)


def test_that_every_way_to_write_seals_what_is_written() -> None:
    below = MemoryStore()
    store = EncryptedStore(below, SEAL)

    async def write() -> None:
        await store.set("a", _buffer(b"secret"))
        await store.set_if_not_exists("b", _buffer(b"secret"))
        await store._set_many([("c", _buffer(b"secret")), ("d", _buffer(b"secret"))])

    asyncio.run(write())
    values = {key: value.to_bytes() for key, value in below._store_dict.items()}
    assert sorted(values) == ["a", "b", "c", "d"]
    assert all(is_sealed(value) and b"secret" not in value for value in values.values())
    assert len(set(values.values())) == 4, "no two are alike"


def test_that_no_method_of_zarrs_interface_is_handed_on_to_the_store_below() -> None:
    # What a later zarr adds has to be made of get and set, or values would pass by the seal.
    assert EncryptedStore.__mro__[1] is Store
    assert not hasattr(EncryptedStore, "get_sync")
    assert not hasattr(EncryptedStore, "set_sync")


def test_that_a_chunk_that_is_not_there_is_a_fault_of_a_complete_volume_only() -> None:
    def read(key: str, *, complete: bool) -> Buffer | None:
        return asyncio.run(EncryptedStore(MemoryStore(), SEAL, complete=complete).get(key))

    assert read("0/c/1/0/0", complete=False) is None
    assert read("zarr.json", complete=True) is None
    with pytest.raises(DecodeError, match="chunk is missing"):
        read("0/c/1/0/0", complete=True)
