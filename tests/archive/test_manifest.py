"""The search: every series once, nothing read twice, scouts left out."""

from __future__ import annotations

import csv
import os
import sqlite3
import sys
from contextlib import closing
from pathlib import Path

import pytest

from tests.archive.hospital import copy_of, tasks_in
from tests.needs import library
from tests.phantoms import uid_of, write_ramp

library("pyarrow")

from pyarrow import parquet  # noqa: E402

from viewer.archive.manifest import scan, shard_files  # noqa: E402
from viewer.errors import FormatError, ViewerError  # noqa: E402


def rows_of(path: Path) -> list[dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_that_every_series_is_in_the_manifest_and_the_convertible_ones_in_one_shard_each(
    hospital: Path, tmp_path: Path
) -> None:
    found = scan([hospital], tmp_path / "manifest", shards=4)
    assert (found.series, found.convertible, found.shards) == (8, 6, 4)
    assert (found.not_dicom, found.damaged) == (1, 1)
    assert found.files == sum(path.is_file() for path in hospital.rglob("*"))
    tasks = tasks_in(tmp_path / "manifest")
    files = [path for task in tasks for path in task.files]
    assert len(files) == len(set(files))
    expected = {
        str(p) for p in hospital.rglob("*.dcm") if p.parent.name not in ("scout", "dose", hospital.name)
    }
    assert set(files) == expected
    # Both forms say the same.
    table = parquet.read_table(tmp_path / "manifest" / "series_all.parquet").to_pylist()
    rows = rows_of(tmp_path / "manifest" / "series_all.csv")
    assert [{k: "" if v is None else str(v) for k, v in row.items()} for row in table] == rows
    assert len(rows) == 8


def test_that_A04_scouts_and_pages_are_counted_and_left_out(hospital: Path, tmp_path: Path) -> None:
    found = scan([hospital], tmp_path / "manifest")
    assert found.left_out == {"localizer": 1, "capture": 1}
    assert found.localizers == 5
    uids = {task.row.series_uid for task in tasks_in(tmp_path / "manifest")}
    assert uid_of("scout") not in uids
    assert uid_of("dose") not in uids


def test_that_A04_a_survey_is_known_by_its_planes_and_A05_not_by_its_name(tmp_path: Path) -> None:
    for n, case in enumerate(("G1", "G2", "G3")):
        write_ramp(
            tmp_path / "data" / case,
            case,
            SeriesInstanceUID=uid_of("survey"),
            SeriesDescription="3-plane loc",
            SOPInstanceUID=lambda k, n=n: uid_of("survey", n, k),
        )
    write_ramp(tmp_path / "data" / "named", uid_seed="named", SeriesDescription="post scout 3mm")
    found = scan([tmp_path / "data"], tmp_path / "manifest")
    assert (found.convertible, found.left_out) == (1, {"localizer": 1})


def test_that_a_second_run_reads_only_what_is_new_or_changed_and_forgets_what_is_gone(
    hospital: Path, tmp_path: Path
) -> None:
    data = copy_of(hospital, tmp_path / "data")
    scan([data], tmp_path / "manifest")
    assert scan([data], tmp_path / "manifest").read == 0
    write_ramp(data / "new", "G2", uid_seed="new")
    changed = data / "ct" / "im0001.dcm"
    changed.write_bytes(changed.read_bytes() + b"\0\0")
    for path in (data / "echoes").rglob("*.dcm"):
        path.unlink()
    before = {task.row.series_uid: task.row.digest for task in tasks_in(tmp_path / "manifest")}
    found = scan([data], tmp_path / "manifest")
    assert found.read == 5 + 1
    after = {task.row.series_uid: task.row.digest for task in tasks_in(tmp_path / "manifest")}
    assert before.keys() - after.keys() == {uid_of("echoes")}
    assert after.keys() - before.keys() == {uid_of("new", "series", "G2")}
    assert [uid for uid in before.keys() & after.keys() if before[uid] != after[uid]] == [
        uid_of("ramp", "series", "G1")
    ]


def test_that_a_search_that_was_stopped_goes_on_where_it_was(tmp_path: Path) -> None:
    for n in range(60):
        write_ramp(tmp_path / "data" / str(n), uid_seed=str(n))

    def stop(met: int, read: int) -> None:
        if met >= 200:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        scan([tmp_path / "data"], tmp_path / "manifest", tell=stop)
    found = scan([tmp_path / "data"], tmp_path / "manifest")
    assert found.read == 100
    assert found.series == 60


def test_that_two_patients_with_the_same_uids_are_two_series(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data" / "a", PatientID="A")
    write_ramp(tmp_path / "data" / "b", PatientID="B")
    scan([tmp_path / "data"], tmp_path / "manifest")
    names = [task.row.name for task in tasks_in(tmp_path / "manifest")]
    assert len(set(names)) == 2
    assert all("@" in name for name in names)


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are bytes on Linux only")
def test_that_J39_a_file_whose_name_is_no_text_is_found(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data")
    (tmp_path / "data" / "im0001.dcm").rename(os.fsdecode(os.fsencode(tmp_path / "data") + b"/\xff\xfe.dcm"))
    scan([tmp_path / "data"], tmp_path / "manifest")
    (task,) = tasks_in(tmp_path / "manifest")
    assert all(Path(path).is_file() for path in task.files)
    assert len(task.files) == 5


def test_that_no_name_of_a_patient_is_in_the_manifest(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data", PatientName="Verysecret^Name", PatientID="PID-4711")
    scan([tmp_path / "data"], tmp_path / "manifest")
    for path in (tmp_path / "manifest").iterdir():
        content = path.read_bytes()
        assert b"Verysecret" not in content
        assert b"PID-4711" not in content


def test_that_an_archive_below_a_root_is_no_source(hospital: Path, tmp_path: Path) -> None:
    library("zarr")
    from tests.archive.hospital import archive_of

    copy_of(hospital / "ct", tmp_path / "data")
    archive_of(tmp_path / "data", tmp_path)
    assert scan([tmp_path], tmp_path / "manifest").series == 1
    with closing(sqlite3.connect(tmp_path / "manifest" / "index.sqlite")) as index:
        paths = [path for (path,) in index.execute("SELECT path FROM files")]
    assert any(path.endswith(b"series.json") for path in paths)
    assert not any(b".zarr" in path for path in paths)


def test_that_what_is_no_manifest_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no manifest"):
        shard_files(tmp_path)
    with pytest.raises(ViewerError, match="no such folder"):
        scan([tmp_path / "missing"], tmp_path / "manifest")
    (tmp_path / "series_000.parquet").write_bytes(b"PAR1 but not really")
    with pytest.raises(FormatError, match="damaged"):
        tasks_in(tmp_path)


def test_that_fewer_shards_leave_none_of_the_old_ones(hospital: Path, tmp_path: Path) -> None:
    scan([hospital], tmp_path / "manifest", shards=5)
    scan([hospital], tmp_path / "manifest", shards=2)
    assert [path.name for path in shard_files(tmp_path / "manifest")] == [
        "series_000.parquet",
        "series_001.parquet",
    ]
    assert len(tasks_in(tmp_path / "manifest")) == 6
