"""The small hospital, written once."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.needs import library


@pytest.fixture(scope="session")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of series; for reading only."""
    library("zarr")
    library("pyarrow")
    from tests.archive.hospital import write_hospital

    return write_hospital(tmp_path_factory.mktemp("hospital"))
