"""The registry of scans."""

from __future__ import annotations

import sqlite3
import stat
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.phantoms import write_ramp
from tests.service.conftest import Served
from viewer.errors import ViewerError
from viewer.loading.cancel import CancelToken
from viewer.service.registry import Registry
from viewer.service.shelf import Shelf, find


def test_that_the_registry_holds_place_grid_spacing_and_origin(tmp_path: Path) -> None:
    folder = write_ramp(tmp_path / "ct", SeriesDescription="A ramp")
    file = tmp_path / "scans.sqlite"
    registry = Registry(file)
    registry.add(Shelf(find([folder], CancelToken())).scans, [folder])
    registry.close()
    with closing(sqlite3.connect(file)) as other:
        other.row_factory = sqlite3.Row
        (row,) = other.execute("SELECT * FROM scans").fetchall()
    found = dict(row)
    assert Path(found["path"]) == folder
    assert found["name"] == "A ramp"
    assert (found["slices"], found["rows"], found["columns"]) == (5, 6, 8)
    assert (found["spacing_slice_mm"], found["spacing_row_mm"], found["spacing_column_mm"]) == (3, 2, 1)
    assert (found["origin_x_mm"], found["origin_y_mm"], found["origin_z_mm"]) == (-10, -20, -30)
    if sys.platform != "win32":
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_that_a_second_start_adds_what_is_new_and_keeps_the_rest(tmp_path: Path) -> None:
    first = write_ramp(tmp_path / "first")
    second = write_ramp(tmp_path / "second", uid_seed="second", SeriesInstanceUID="1.2.3")
    for folder in (first, second, second):
        registry = Registry(tmp_path / "scans.sqlite")
        registry.add(Shelf(find([folder], CancelToken())).scans, [folder])
        rows = registry.rows()
        registry.close()
    assert [Path(row["path"]) for row in rows] == [first, second]


def test_that_a_file_of_something_else_is_left_alone(tmp_path: Path) -> None:
    text = tmp_path / "notes.txt"
    text.write_text("not a database, and long enough to be read as one " * 20)
    other = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(other)) as made, made:
        made.execute("CREATE TABLE scans (anything)")
    for file in (text, other):
        before = file.read_bytes()
        with pytest.raises(ViewerError, match="no registry of scans"):
            Registry(file)
        assert file.read_bytes() == before
    with pytest.raises(ViewerError, match="cannot be opened"):
        Registry(tmp_path / "nowhere" / "scans.sqlite")


def test_that_the_service_lists_the_registry(served: Served) -> None:
    listed = served.get("/scans").json()["scans"]
    assert {row["id"] for row in listed} == {scan.id for scan in served.shelf.scans}
    assert all(row["served"] for row in listed)
    assert {row["slices"] for row in listed} == {5, 7}
