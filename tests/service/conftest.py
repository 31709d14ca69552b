"""A service over the phantoms, asked without a socket."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.needs import library
from tests.phantoms import write_pet, write_ramp

library("starlette")

from viewer.archive.address import Place  # noqa: E402
from viewer.loading.cancel import CancelToken  # noqa: E402
from viewer.service.app import Service, make_app  # noqa: E402
from viewer.service.registry import Registry  # noqa: E402
from viewer.service.shelf import Shelf, find  # noqa: E402

with warnings.catch_warnings():
    # It would rather have a successor of httpx that is not needed here.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

TOKEN = "a-token-for-the-tests"
BASE = "http://127.0.0.1"


class Served:
    """A running service and a client that knows its token."""

    def __init__(self, client: TestClient, shelf: Shelf, app: Any) -> None:
        self.client = client
        self.shelf = shelf
        self.app = app

    def get(self, path: str, **options: Any) -> Any:
        return self.client.get(path, **options)

    def id_of(self, modality: str) -> str:
        return next(scan.id for scan in self.shelf.scans if scan.series.modality == modality)


def client_of(app: Any) -> TestClient:
    """Who knows the token."""
    return TestClient(app, base_url=BASE, headers={"Authorization": f"Bearer {TOKEN}"})


Serve = Callable[..., Served]


@pytest.fixture(scope="module")
def serve() -> Iterator[Serve]:
    """Start services; all of them end with the module."""
    with ExitStack() as running:

        def start(*paths: Place, identity: bool = False, budget_bytes: int | None = None) -> Served:
            shelf = Shelf(find(paths, CancelToken()), budget_bytes)
            registry = Registry()
            registry.add(shelf.scans, paths)
            app = make_app(Service(shelf, registry, identity=identity), TOKEN)
            return Served(running.enter_context(client_of(app)), shelf, app)

        yield start


@pytest.fixture(scope="module")
def study(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CT and a PET of one study."""
    folder = tmp_path_factory.mktemp("study")
    write_ramp(folder / "ct", SeriesDescription="Ramp of Phantom^Ramp")
    write_pet(folder / "pet")
    return folder


@pytest.fixture(scope="module")
def served(serve: Serve, study: Path) -> Served:
    return serve(study)
