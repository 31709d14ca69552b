"""The store in SQLite against zarr's own tests of stores, and all layouts against each other."""

from __future__ import annotations

import asyncio
import functools
import inspect
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.needs import library

library("zarr")

import zarr  # noqa: E402
from zarr.core.buffer import Buffer, cpu  # noqa: E402
from zarr.testing.store import StoreTests  # noqa: E402

from viewer.archive.stores import SqliteStore, StoreKind, new_store, open_store  # noqa: E402


def _to_its_end(test: Callable[..., Any]) -> Callable[..., Any]:
    """A test that is a coroutine as one that is not: nothing else is needed to run zarr's own."""

    @functools.wraps(test)
    def run(*args: Any, **kwargs: Any) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


# zarr's tests open further stores and leave them to the collector, which Python 3.13 tells of.
@pytest.mark.filterwarnings("ignore::ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
class TestThatTheSqliteStoreKeepsWhatZarrAsksOfAStore(StoreTests[SqliteStore, cpu.Buffer]):
    store_cls = SqliteStore
    buffer_cls = cpu.Buffer

    for _name, _test in vars(StoreTests).items():
        if _name.startswith("test_") and inspect.iscoroutinefunction(_test):
            locals()[_name] = _to_its_end(_test)

    @pytest.fixture
    def store_kwargs(self, tmp_path: Path) -> dict[str, Any]:
        return {"path": tmp_path / "store.sqlite"}

    @pytest.fixture
    def open_kwargs(self, store_kwargs: dict[str, Any]) -> dict[str, Any]:
        # One that is opened for reading only has to be there.
        SqliteStore(**store_kwargs)._connection().close()
        return store_kwargs

    @pytest.fixture
    def store(self, open_kwargs: dict[str, Any]) -> Iterator[SqliteStore]:
        store = asyncio.run(SqliteStore.open(**open_kwargs))
        yield store
        store.close()

    @pytest.fixture
    def store_not_open(self, store_kwargs: dict[str, Any]) -> Iterator[SqliteStore]:
        store = SqliteStore(**store_kwargs)
        yield store
        store.close()

    async def set(self, store: SqliteStore, key: str, value: Buffer) -> None:
        store._connection()  # makes the table
        with sqlite3.connect(store._path) as other:
            other.execute("INSERT OR REPLACE INTO zarr VALUES (?, ?)", (key, value.to_bytes()))
        other.close()

    async def get(self, store: SqliteStore, key: str) -> Buffer:
        with sqlite3.connect(store._path) as other:
            (value,) = other.execute("SELECT value FROM zarr WHERE key = ?", (key,)).fetchone()
        other.close()
        return self.buffer_cls.from_bytes(value)

    def test_store_repr(self, store: SqliteStore) -> None:
        assert repr(store) == f"SqliteStore('sqlite://{store._path.as_posix()}')"

    def test_store_supports_writes(self, store: SqliteStore) -> None:
        assert store.supports_writes

    def test_store_supports_listing(self, store: SqliteStore) -> None:
        assert store.supports_listing


@pytest.mark.parametrize("kind", list(StoreKind))
def test_that_every_layout_gives_back_what_was_written(kind: StoreKind, tmp_path: Path) -> None:
    values = np.random.default_rng(3).integers(-1024, 3000, (5, 33, 17)).astype(np.int16)
    path = tmp_path / f"volume{kind.ending}"
    shards = values.shape if kind.sharded else None
    with new_store(path, kind) as store:
        array = zarr.create_array(
            store, shape=values.shape, chunks=(1, 33, 17), shards=shards, dtype=values.dtype
        )
        array[...] = values
    reading = open_store(path)
    assert np.array_equal(np.asarray(zarr.open_array(reading, mode="r")[...]), values)
    reading.close()
