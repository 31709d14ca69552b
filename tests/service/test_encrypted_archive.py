"""An encrypted archive is served like any other to those who have its key, and refused in one sentence without it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.needs import library
from tests.phantoms import write_ramp
from tests.service.conftest import Serve
from tests.service.test_slices import raw_of
from viewer.archive.keys import ENVIRONMENT, make_key
from viewer.errors import EmptyStudyError
from viewer.loading.cancel import CancelToken
from viewer.service.registry import Registry
from viewer.service.shelf import find

for _package in ("zarr", "pyarrow", "cryptography"):
    library(_package)

from tests.archive.hospital import archive_of  # noqa: E402


@pytest.mark.parametrize("store", ["sqlite", "dir", "zip"])
def test_that_an_encrypted_archive_serves_the_planes_of_its_study(
    store: str, serve: Serve, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    key = make_key(tmp_path / "my.key")
    study = write_ramp(tmp_path / "data")
    archive, _ = archive_of(study, tmp_path, store=store, encrypt=key)
    monkeypatch.setenv(ENVIRONMENT, "")
    with pytest.raises(EmptyStudyError, match=f"its key {key.id} is not here"):
        find([archive], CancelToken())
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "my.key"))
    served, expected = serve(archive), serve(study)
    address = f"/volumes/{served.id_of('CT')}"
    for plane in ("axial/2", "coronal/3", "sagittal/1", "axial/2"):
        path = f"{address}/{plane}?format=raw"
        np.testing.assert_array_equal(raw_of(served.get(path)), raw_of(expected.get(path)))
    registry = Registry()
    registry.add(served.shelf.scans, [archive])
    (row,) = registry.rows()
    registry.close()
    assert (row["slices"], Path(row["path"]).name.split(".")[0]) == (5, "volume")
