"""Encrypted archives: all is there for who has the key, nothing for who has not, and no fault passes for voxels."""

from __future__ import annotations

import json
import sqlite3
import sys
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.archive.hospital import HERE, archive_of, copy_of, names_in, tasks_in
from tests.archive.test_convert import assert_archive_is_what_the_viewer_loads
from tests.archive.test_keys import open_as_described
from tests.formats.volumes import catalogue_of, events_of, opened
from tests.needs import library
from tests.phantoms import write_pet, write_ramp
from viewer.archive import keys
from viewer.archive.cluster import Cluster
from viewer.archive.convert import run
from viewer.archive.keys import ENVIRONMENT, make_key, read_key
from viewer.archive.manifest import scan
from viewer.archive.one_series import Options, convert, failed_for_good
from viewer.archive.outcome import Outcome, summarize
from viewer.archive.sealing import ArchiveKey
from viewer.archive.series_files import read_series_json, read_slices_csv
from viewer.archive.verify import Verdict, verify
from viewer.cli import EXIT_FAILED, EXIT_OK, main
from viewer.errors import DecodeError, FormatError, ViewerError
from viewer.loading.events import ProblemFound

zarr = library("zarr")
library("pyarrow")
library("cryptography")

from viewer.archive.reader import ArchiveVolume, volumes_below  # noqa: E402

STORES = ("sqlite", "dir", "zip")


@pytest.fixture
def key_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file of a key that nobody finds."""
    monkeypatch.setattr(keys, "config_dir", lambda: tmp_path / "settings")
    monkeypatch.setenv(ENVIRONMENT, "")
    make_key(tmp_path / "my.key")
    return tmp_path / "my.key"


@pytest.fixture
def key(key_file: Path, monkeypatch: pytest.MonkeyPatch) -> ArchiveKey:
    """A key that is found."""
    monkeypatch.setenv(ENVIRONMENT, str(key_file))
    return read_key(key_file)


def values_in(path: Path) -> dict[str, bytes]:
    """What lies in the store of a volume, read without this program."""
    if path.is_dir():
        return {p.relative_to(path).as_posix(): p.read_bytes() for p in path.rglob("*") if p.is_file()}
    if path.suffix == ".zip":
        with zipfile.ZipFile(path) as packed:
            return {name: packed.read(name) for name in packed.namelist()}
    database = sqlite3.connect(path)
    found = dict(database.execute("SELECT key, value FROM zarr"))
    database.close()
    return found


def put(path: Path, values: dict[str, bytes]) -> None:
    """Replace what lies in the store of a volume."""
    if path.is_dir():
        for old in path.rglob("*"):
            if old.is_file():
                old.unlink()
        for name, value in values.items():
            (path / name).write_bytes(value)
    elif path.suffix == ".zip":
        with zipfile.ZipFile(path, "w") as packed:
            for name, value in values.items():
                packed.writestr(name, value)
    else:
        database = sqlite3.connect(path)
        with database:
            database.execute("DELETE FROM zarr")
            database.executemany("INSERT INTO zarr VALUES (?, ?)", values.items())
        database.close()


# --- What is there for who has the key ---------------------------------------------------------------------------


@pytest.mark.parametrize("store", STORES)
def test_that_an_encrypted_archive_holds_what_the_viewer_loads(
    store: str, hospital: Path, tmp_path: Path, key: ArchiveKey
) -> None:
    archive, summary = archive_of(hospital, tmp_path, store=store, encrypt=key)
    assert dict(summary.counts) == {"converted": 6}
    assert assert_archive_is_what_the_viewer_loads(hospital, archive) == 7
    checked = list(verify(archive, None))
    assert {one.verdict for one in checked} == {Verdict.EQUAL}
    assert sum(one.slices for one in checked) == 56
    with ArchiveVolume(next(volumes_below(archive))) as volume:
        assert volume.key_id == key.id


def test_that_the_default_layout_is_sqlite_and_shards_are_refused(tmp_path: Path, key: ArchiveKey) -> None:
    write_ramp(tmp_path / "data")
    with pytest.raises(ViewerError, match="sqlite, dir or zip"):
        archive_of(tmp_path / "data", tmp_path, store="shard", encrypt=key)
    assert not (tmp_path / "archive").exists()
    archive, _ = archive_of(tmp_path / "data", tmp_path, encrypt=key)
    assert [Path(name).name for name in names_in(archive)] == ["volume.zarr.sqlite"]


@pytest.mark.parametrize("store", STORES)
def test_that_another_program_reads_the_voxels_by_the_text_of_the_format(
    store: str, tmp_path: Path, key: ArchiveKey
) -> None:
    from numcodecs.blosc import Blosc

    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path, store=store, encrypt=key)
    (path,) = volumes_below(archive)
    opened_values = {
        name: open_as_described(key.secret, name, sealed) for name, sealed in values_in(path).items()
    }
    described = json.loads(opened_values["0/zarr.json"])
    shape, chunk = described["shape"], described["chunk_grid"]["configuration"]["chunk_shape"]
    chunks = [
        np.frombuffer(Blosc().decode(opened_values[f"0/c/{n}/0/0"]), "<i2").reshape(chunk)
        for n in range(-(-shape[0] // chunk[0]))
    ]
    files = sorted(
        (tmp_path / "data").glob("*.dcm"), key=lambda f: pydicom.dcmread(f).ImagePositionPatient[2]
    )
    expected = np.stack([pydicom.dcmread(file).pixel_array for file in files])
    assert np.array_equal(np.concatenate(chunks)[: shape[0]], expected)
    rows = open_as_described(key.secret, "slices.csv", (path.parent / "slices.csv").read_bytes()).decode()
    assert str(files[0]) in rows
    series = json.loads(
        open_as_described(key.secret, "series.json", (path.parent / "series.json").read_bytes())
    )
    assert series["series"]["uid"] == pydicom.dcmread(files[0]).SeriesInstanceUID


def test_that_all_chunks_are_there_also_those_that_hold_nothing(tmp_path: Path, key: ArchiveKey) -> None:
    write_ramp(tmp_path / "data")
    for file in (tmp_path / "data").glob("*.dcm"):
        dataset = pydicom.dcmread(file)
        dataset.PixelData = bytes(len(dataset.PixelData))
        dataset.save_as(file)
    archive, _ = archive_of(tmp_path / "data", tmp_path, encrypt=key)
    (path,) = volumes_below(archive)
    assert "0/c/0/0/0" in values_in(path)
    with ArchiveVolume(path) as volume:
        assert not volume.stored_slice(0).any()


def test_that_a_second_run_finds_everything_and_a_third_converts_it_all(
    hospital: Path, tmp_path: Path, key: ArchiveKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    # The key that is named is enough.
    monkeypatch.setenv(ENVIRONMENT, "")
    archive, first = archive_of(hospital, tmp_path, encrypt=key)
    assert summarize(archive) == [first]
    _, second = archive_of(hospital, tmp_path, encrypt=key)
    assert dict(second.counts) == {"present": 6}
    assert (second.volumes, second.slices) == (first.volumes, first.slices) == (7, 56)
    lost = next(archive.glob("*/*/series.json"))
    lost.write_bytes(lost.read_bytes()[:-1])
    assert dict(archive_of(hospital, tmp_path, encrypt=key)[1].counts) == {"converted": 1, "present": 5}
    assert dict(archive_of(hospital, tmp_path, encrypt=key, overwrite=True)[1].counts) == {"converted": 6}
    assert len(names_in(archive)) == 7


def test_that_a_series_that_lies_there_open_is_not_taken_for_one_that_is_encrypted(
    tmp_path: Path, key: ArchiveKey
) -> None:
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path, encrypt=key)
    (file,) = archive.glob("*/*/series.json")
    file.write_text(json.dumps({**read_series_json(file.parent), "encrypted": False}), encoding="utf-8")
    assert dict(archive_of(tmp_path / "data", tmp_path, encrypt=key)[1].counts) == {"converted": 1}


def test_that_an_archive_is_not_encrypted_by_halves(tmp_path: Path, key: ArchiveKey) -> None:
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path)
    with pytest.raises(ViewerError, match="not encrypted"):
        run(tmp_path / "manifest", archive, HERE, encrypt=key)
    run(tmp_path / "manifest", tmp_path / "other", HERE, encrypt=key)
    with pytest.raises(ViewerError, match="encrypted with the key"):
        run(tmp_path / "manifest", tmp_path / "other", HERE)
    with pytest.raises(ViewerError, match="not with"):
        run(tmp_path / "manifest", tmp_path / "other", HERE, encrypt=make_key(tmp_path / "new.key"))


def test_that_it_can_be_de_identified_as_well(tmp_path: Path, key: ArchiveKey) -> None:
    write_ramp(tmp_path / "data")
    archive, summary = archive_of(tmp_path / "data", tmp_path, encrypt=key, deidentify=True)
    assert dict(summary.counts) == {"converted": 1}
    (path,) = volumes_below(archive)
    with ArchiveVolume(path) as volume:
        assert volume.study.patient.name == ""
        assert volume.key_id == key.id
    assert [row["path"] for row in read_slices_csv(path.parent)] == [""] * 5
    assert dict(archive_of(tmp_path / "data", tmp_path, encrypt=key, deidentify=True)[1].counts) == {
        "present": 1
    }


def test_that_the_key_is_not_kept_where_the_archive_is(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "data")
    scan([tmp_path / "data"], tmp_path / "manifest")
    command = ["archive", "convert", str(tmp_path / "manifest"), "--workers", "0", "--encrypt", str(key_file)]
    assert main([*command, "-o", str(tmp_path)]) == EXIT_FAILED
    assert "The key file lies in the archive" in capsys.readouterr().err
    assert main([*command, "-o", str(tmp_path / "archive")]) == EXIT_OK
    assert "1 converted" in capsys.readouterr().out


@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_that_the_key_travels_to_other_processes_with_the_tasks(
    tmp_path: Path, key: ArchiveKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    library("distributed")
    monkeypatch.setenv(ENVIRONMENT, "")
    write_ramp(tmp_path / "data")
    scan([tmp_path / "data"], tmp_path / "manifest")
    (summary,) = run(tmp_path / "manifest", tmp_path / "archive", Cluster(workers=1), encrypt=key)
    assert dict(summary.counts) == {"converted": 1}
    monkeypatch.setenv(ENVIRONMENT, str(tmp_path / "my.key"))
    assert assert_archive_is_what_the_viewer_loads(tmp_path / "data", tmp_path / "archive") == 1


def test_that_neither_a_key_nor_a_patient_stands_in_a_message_about_a_task(
    tmp_path: Path, key: ArchiveKey
) -> None:
    # A scheduler's log shows the arguments of tasks that failed.
    write_ramp(tmp_path / "Doe^Jane")
    scan([tmp_path / "Doe^Jane"], tmp_path / "manifest")
    (task,) = tasks_in(tmp_path / "manifest")
    assert "Doe" in task.files[0]
    assert "Doe" not in repr(task)
    assert task.row.series_uid not in repr(task)
    options = Options(tmp_path, tmp_path, key=b"another key of 32 bytes, or more", seal=key)
    assert "another key" not in repr(options)
    assert repr(key.secret) not in repr(options)
    assert key.secret.hex() not in repr(options)


@pytest.mark.parametrize(
    "address, encrypted, warned",
    [("tcp://host:8786", True, True), ("tls://host:8786", True, False), ("tcp://host:8786", False, False)],
)
def test_that_a_key_that_goes_to_a_cluster_without_tls_is_warned_of(
    address: str,
    encrypted: bool,
    warned: bool,
    tmp_path: Path,
    key: ArchiveKey,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    @contextmanager
    def engine(_: Cluster) -> Iterator[Any]:
        yield lambda tasks, options: (convert(task, options) for task in tasks)

    monkeypatch.setattr("viewer.archive.convert._engine", engine)
    write_ramp(tmp_path / "data")
    scan([tmp_path / "data"], tmp_path / "manifest")
    cluster = Cluster(scheduler=address)
    run(tmp_path / "manifest", tmp_path / "archive", cluster, encrypt=key if encrypted else None)
    assert ("not encrypted; use tls://" in caplog.text) is warned


# --- What is there for who has not -------------------------------------------------------------------------------


def _secret_hospital(folder: Path) -> tuple[Path, set[bytes]]:
    """Series of one patient, one slice of them broken, and everything about them that must not be found."""
    source = folder / "SECRETFOLDER" / "Doe^Jane"
    write_ramp(source / "ct")
    write_pet(source / "pet", SeriesInstanceUID="1.2.3.4.777")
    # Shorter ones are found in noise now and then.
    secrets: set[bytes] = {b"SECRET", b"Doe^Jane", b"19770707", b"im0003", str(folder).encode()}
    for path in sorted(source.rglob("*.dcm")):
        dataset = pydicom.dcmread(path)
        dataset.PatientName, dataset.PatientID = "SECRET^NAME", "SECRET-ID"
        dataset.StudyDescription = dataset.SeriesDescription = "SECRET description"
        dataset.PatientBirthDate = dataset.StudyDate = "19770707"
        dataset.save_as(path)
        for uid in ("StudyInstanceUID", "SeriesInstanceUID", "SOPInstanceUID", "FrameOfReferenceUID"):
            secrets.add(str(dataset[uid].value).encode())
    broken = source / "ct" / "im0003.dcm"
    broken.write_bytes(broken.read_bytes()[:-30])
    return source, secrets


@pytest.mark.parametrize("store", STORES)
def test_that_nothing_of_a_patient_can_be_found_below_an_encrypted_archive(
    store: str, tmp_path: Path, key: ArchiveKey
) -> None:
    source, secrets = _secret_hospital(tmp_path)
    scan([source], tmp_path / "manifest")
    archive = tmp_path / "archive"
    # One series cannot be read any more: the summary tells of a failure too.
    write_ramp(source / "gone", uid_seed="gone", PatientName="SECRET^NAME")
    scan([source], tmp_path / "manifest")
    (source / "gone" / "im0002.dcm").unlink()
    (summary,) = run(tmp_path / "manifest", archive, HERE, store=store, encrypt=key)
    assert dict(summary.counts) == {"converted": 2, "failed": 1}
    assert len(summary.problems) == 1
    assert "slice 3 of 5: The pixel data ends early" in summary.problems[0]["slice"]
    assert summary.failures[0]["reason"].startswith("a file: ")
    searched = 0
    for path in archive.rglob("*"):
        name = str(path.relative_to(archive)).encode()
        assert not [secret for secret in secrets if secret in name]
        if path.is_file():
            content = path.read_bytes()
            if path.suffix in (".zip", ".sqlite"):
                content += b"".join(k.encode() + value for k, value in values_in(path).items())
            assert not [secret for secret in secrets if secret in content], path.name
            assert key.secret not in content
            assert key.secret.hex().encode() not in content
            searched += len(content)
    assert searched > 20_000
    # The search finds what it looks for: without encryption all of it is there.
    run(tmp_path / "manifest", tmp_path / "open", HERE, store=store)
    everything = b"".join(
        p.read_bytes() + b"".join(values_in(p).values() if p.suffix in (".zip", ".sqlite") else ())
        for p in (tmp_path / "open").rglob("*")
        if p.is_file()
    )
    assert all(secret in everything for secret in (b"SECRET^NAME", b"SECRET-ID", b"19770707", b"im0003"))


def test_that_nothing_open_lies_on_the_disk_while_a_series_is_converted(
    tmp_path: Path, key: ArchiveKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, secrets = _secret_hospital(tmp_path)
    scan([source], tmp_path / "manifest")
    seen: list[int] = []
    module: Any = __import__("viewer.archive.one_series", fromlist=["put_folder"])
    put_folder = module.put_folder

    def look(aside: Path, target: Path) -> None:
        content = b"".join(p.read_bytes() for p in aside.rglob("*") if p.is_file())
        assert not [secret for secret in secrets if secret in content]
        seen.append(len(content))
        put_folder(aside, target)

    monkeypatch.setattr(module, "put_folder", look)
    run(tmp_path / "manifest", tmp_path / "archive", HERE, store="zip", encrypt=key)
    assert len(seen) == 2


def test_that_the_reason_of_a_failure_names_no_file_wherever_it_stands(
    tmp_path: Path, key: ArchiveKey
) -> None:
    folder = tmp_path / ("Doe: John" if sys.platform != "win32" else "Doe, John")
    write_ramp(folder)
    scan([folder], tmp_path / "manifest")
    (task,) = tasks_in(tmp_path / "manifest")

    def told(reason: str, **options: Any) -> Outcome:
        return failed_for_good(task, Options(tmp_path, tmp_path, **options), reason)

    reason = f"{task.files[1]}: it is not like {Path(task.files[2]).name}: neither/nor."
    assert told(reason).reason == reason
    for outcome in (told(reason, seal=key), told(reason, key=bytes(32))):
        assert outcome.reason == "a file: it is not like a file: neither/nor."
        assert outcome.series_uid != task.row.series_uid
        assert task.row.study_uid not in outcome.name


def test_that_names_are_others_for_another_key_and_the_same_for_the_same(
    tmp_path: Path, key: ArchiveKey
) -> None:
    write_ramp(tmp_path / "data")
    names = []
    for n, each in enumerate((key, key, make_key(tmp_path / "other.key"))):
        run_to = tmp_path / f"archive{n}"
        scan([tmp_path / "data"], tmp_path / "manifest")
        run(tmp_path / "manifest", run_to, HERE, encrypt=each)
        names.append(names_in(run_to))
    assert names[0] == names[1] != names[2]


# --- One clear sentence ------------------------------------------------------------------------------------------


def test_that_without_the_key_every_step_says_which_one_is_missing_and_where_to_put_it(
    tmp_path: Path, key_file: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    key = read_key(key_file)
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path, encrypt=key)
    (path,) = volumes_below(archive)
    page = str(tmp_path / "page.html")
    for arguments in (["verify", str(archive)], ["report", str(archive), "-o", page]):
        assert main(["archive", *arguments]) == EXIT_FAILED
        told = capsys.readouterr().err
        assert key.id in told
        assert str(tmp_path / "settings" / "keys") in told
        assert main(["archive", *arguments, "--key", str(key_file)]) == EXIT_OK
        capsys.readouterr()
        monkeypatch.setenv(ENVIRONMENT, "")
    assert main(["info", str(archive)]) == EXIT_FAILED
    assert key.id in capsys.readouterr().out
    picture = tmp_path / "picture.png"
    for place in (archive, path):
        assert main(["render", str(place), "-o", str(picture)]) == EXIT_FAILED
        told = capsys.readouterr().err
        assert told.startswith("triptych: Nothing here can be shown.")
        assert key.id in told
    assert not picture.exists()
    monkeypatch.setenv(ENVIRONMENT, str(key_file))
    assert main(["render", str(archive), "-o", str(picture)]) == EXIT_OK
    assert picture.stat().st_size
    monkeypatch.setenv(ENVIRONMENT, "")
    with pytest.raises(FormatError, match=key.id):
        ArchiveVolume(path)
    with pytest.raises(FormatError, match=key.id):
        read_slices_csv(path.parent)
    (problem,) = (event for event in events_of([archive]) if isinstance(event, ProblemFound))
    assert key.id in problem.problem.reason
    make_key(tmp_path / "other.key")
    assert main(["archive", "verify", str(archive), "--key", str(tmp_path / "other.key")]) == EXIT_FAILED
    assert key.id in capsys.readouterr().err
    assert main(["archive", "verify", str(archive), "--key", str(tmp_path / "none.key")]) == EXIT_FAILED
    assert "none.key: the key file cannot be read" in capsys.readouterr().err


def test_that_a_missing_package_is_named(
    tmp_path: Path, key: ArchiveKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path, encrypt=key)
    monkeypatch.setitem(sys.modules, "cryptography", None)
    for broken in (lambda: ArchiveVolume(next(volumes_below(archive))), lambda: list(verify(archive, 1))):
        with pytest.raises(ViewerError, match=r"triptych-viewer\[archive\]"):
            broken()
    (problem,) = (event for event in events_of([archive]) if isinstance(event, ProblemFound))
    assert "triptych-viewer[archive]" in problem.problem.reason


def test_that_the_page_says_that_an_archive_is_encrypted_and_names_no_patient(
    tmp_path: Path, key: ArchiveKey
) -> None:
    source, secrets = _secret_hospital(tmp_path)
    archive, _ = archive_of(source, tmp_path, encrypt=key)
    assert main(["archive", "report", str(archive), "-o", str(tmp_path / "page.html")]) == EXIT_OK
    page = (tmp_path / "page.html").read_bytes()
    assert f"AES-256-GCM, key {key.id}".encode() in page
    assert not [secret for secret in secrets if secret in page]


@pytest.mark.parametrize("store", STORES)
def test_that_the_viewer_opens_an_encrypted_archive_like_its_series(
    store: str, hospital: Path, tmp_path: Path, key: ArchiveKey
) -> None:
    source = copy_of(hospital / "pet", tmp_path / "data")
    archive, _ = archive_of(source, tmp_path, store=store, encrypt=key)
    catalogue = catalogue_of(archive)
    (stack,) = (stack for study in catalogue.studies for series in study.series for stack in series.stacks)
    volume, problems = opened(stack, catalogue)
    assert not problems
    (study,) = catalogue.studies
    assert study.uid == pydicom.dcmread(next(source.glob("*.dcm"))).StudyInstanceUID
    assert volume.ready.all()
    assert not [event for event in events_of([archive]) if isinstance(event, ProblemFound)]


def test_that_an_encrypted_shard_of_another_program_is_read_through_its_seal(
    tmp_path: Path, key: ArchiveKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    # None are written here; the quick way into shards would take what is encrypted for what is stored.
    monkeypatch.setattr("viewer.archive.convert._layout", lambda *_, **__: "shard")
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path, encrypt=key)
    assert assert_archive_is_what_the_viewer_loads(tmp_path / "data", archive) == 1


# --- Faults ------------------------------------------------------------------------------------------------------

Values = dict[str, bytes]


def _flip_a_byte(values: Values, other: Values) -> None:
    sealed = bytearray(values["0/c/2/0/0"])
    sealed[len(sealed) // 2] ^= 1
    values["0/c/2/0/0"] = bytes(sealed)


def _flip_a_byte_of_a_coarse_level(values: Values, other: Values) -> None:
    values["1/c/0/0/0"] = values["1/c/0/0/0"][:-1] + bytes([values["1/c/0/0/0"][-1] ^ 1])


def _exchange_two_chunks(values: Values, other: Values) -> None:
    values["0/c/1/0/0"], values["0/c/2/0/0"] = values["0/c/2/0/0"], values["0/c/1/0/0"]


def _take_a_chunk_of_another_volume(values: Values, other: Values) -> None:
    values["0/c/2/0/0"] = other["0/c/2/0/0"]


def _take_the_description_of_another_volume(values: Values, other: Values) -> None:
    values["zarr.json"] = other["zarr.json"]


def _take_an_array_of_another_volume(values: Values, other: Values) -> None:
    values |= {name: value for name, value in other.items() if name.startswith("0/")}


def _lose_a_chunk(values: Values, other: Values) -> None:
    del values["0/c/2/0/0"]


def _lose_a_coarse_chunk(values: Values, other: Values) -> None:
    del values["1/c/0/0/0"]


def _cut_a_chunk(values: Values, other: Values) -> None:
    values["0/c/2/0/0"] = values["0/c/2/0/0"][:-1]


def _cut_a_chunk_to_nothing(values: Values, other: Values) -> None:
    values["0/c/2/0/0"] = b""


def _put_an_open_chunk_there(values: Values, other: Values) -> None:
    values["0/c/2/0/0"] = b"\x02\x01" + bytes(100)


def _put_an_open_description_there(values: Values, other: Values) -> None:
    values["0/zarr.json"] = b'{"zarr_format": 3, "node_type": "array"}'


def _name_another_key(values: Values, other: Values) -> None:
    for name, sealed in values.items():
        values[name] = sealed[:8] + bytes.fromhex("0123456789abcdef") + sealed[16:]


def _change_the_salt(values: Values, other: Values) -> None:
    for name, sealed in values.items():
        values[name] = sealed[:16] + bytes(16) + sealed[32:]


def _cut_the_description(values: Values, other: Values) -> None:
    values["zarr.json"] = values["zarr.json"][:50]


FAULTS = [
    _flip_a_byte,
    _flip_a_byte_of_a_coarse_level,
    _exchange_two_chunks,
    _take_a_chunk_of_another_volume,
    _take_the_description_of_another_volume,
    _take_an_array_of_another_volume,
    _lose_a_chunk,
    _lose_a_coarse_chunk,
    _cut_a_chunk,
    _cut_a_chunk_to_nothing,
    _put_an_open_chunk_there,
    _put_an_open_description_there,
    _name_another_key,
    _change_the_salt,
    _cut_the_description,
]


def write_slices(folder: Path, seed: int) -> Path:
    """A series whose slices are a chunk each and alike in size."""
    from tests.phantoms import ramp_affine, write_series

    values = np.random.default_rng(seed).integers(0, 9, (6, 300, 300)).astype(np.int16)
    return write_series(folder, values, ramp_affine(), uid_seed=f"slices {seed}")


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a key and, for each layout, an encrypted archive of two series of the same size."""
    folder = tmp_path_factory.mktemp("two")
    key = make_key(folder / "my.key")
    for seed in (1, 2):
        write_slices(folder / "data" / str(seed), seed)
    scan([folder / "data"], folder / "manifest")
    for store in STORES:
        run(folder / "manifest", folder / store, HERE, store=store, encrypt=key)
    return folder


def pictures(path: Path) -> Iterator[tuple[str, Callable[[], np.ndarray[Any, Any]]]]:
    """Everything that can be read of a volume, in all ways."""
    with ArchiveVolume(path) as volume:
        for level, step in enumerate(volume.steps):
            shape = [-(-n // s) for n, s in zip(volume.stack.geometry.shape, step, strict=True)]
            for axis in range(3):
                for index in range(0, shape[axis], 1 if axis == 0 else 50):
                    yield (
                        f"{level} {axis} {index}",
                        lambda a=axis, i=index, n=level: volume.stored_plane(a, i, n),  # type: ignore[misc]
                    )


def all_right_or_said(path: Path, expected: dict[str, np.ndarray[Any, Any]]) -> list[str]:
    """Read everything; the sentences about what could not be read, while the rest is what it was."""
    sentences = []
    try:
        for name, read in pictures(path):
            try:
                assert np.array_equal(read(), expected[name]), name
            except DecodeError as error:
                sentences.append(error.user_message)
    except FormatError as error:
        sentences.append(error.user_message)
    return sentences


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("fault", FAULTS)
def test_that_no_fault_is_ever_shown_as_voxels(
    fault: Callable[[Values, Values], None],
    store: str,
    two: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(two / "my.key"))
    archive = copy_of(two / store, tmp_path / "archive")
    path, other = volumes_below(archive)
    expected = {name: read() for name, read in pictures(path)}
    values = values_in(path)
    fault(values, values_in(other))
    put(path, values)
    sentences = all_right_or_said(path, expected)
    assert sentences
    assert all("encrypted" in sentence for sentence in sentences), set(sentences)
    levels = "coarse" in fault.__name__
    (checked, _) = verify(archive, None)
    assert checked.verdict is (Verdict.EQUAL if levels else Verdict.DAMAGED)


@pytest.mark.parametrize("store", ["sqlite", "zip"])
@pytest.mark.parametrize("left", [0, 30, 5000, -5000, -1])
def test_that_a_file_that_was_cut_is_a_sentence(
    store: str, left: int, two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(two / "my.key"))
    archive = copy_of(two / store, tmp_path / "archive")
    path = next(volumes_below(archive))
    expected = {name: read() for name, read in pictures(path)}
    path.write_bytes(path.read_bytes()[:left])
    assert all_right_or_said(path, expected) or left == -1


def _exchange_tables(first: Path, second: Path) -> None:
    _exchange(first / "slices.csv", second / "slices.csv")


def _exchange_descriptions(first: Path, second: Path) -> None:
    _exchange(first / "series.json", second / "series.json")


def _exchange_volumes(first: Path, second: Path) -> None:
    _exchange(first / "volume.zarr.sqlite", second / "volume.zarr.sqlite")


def _exchange_within_a_series(first: Path, second: Path) -> None:
    _exchange(first / "series.json", first / "slices.csv")


def _exchange(one: Path, other: Path) -> None:
    content = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(content)


@pytest.mark.parametrize("what", ["volume.zarr.sqlite", "series.json", "slices.csv"])
def test_that_what_is_not_encrypted_in_an_encrypted_archive_is_found_by_verification(
    what: str, tmp_path: Path, key: ArchiveKey, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path, encrypt=key)
    (theirs,) = (path.parent for path in volumes_below(archive))
    assert [one.verdict for one in verify(archive, None)] == [Verdict.EQUAL]
    (tmp_path / "open").mkdir()
    open_archive, _ = archive_of(tmp_path / "data", tmp_path / "open", store="sqlite")
    (ours,) = (path.parent for path in volumes_below(open_archive))
    (theirs / what).write_bytes((ours / what).read_bytes())
    (checked,) = verify(archive, None)
    assert checked.verdict is Verdict.DAMAGED
    assert "not encrypted as the archive is" in " ".join(checked.findings)
    # Who knows that it was encrypted is not deceived by an archive that no longer says so.
    (archive / keys.MARK).unlink()
    command = ["archive", "verify", str(archive), "--key", str(tmp_path / "my.key")]
    assert main(command) == EXIT_FAILED
    assert "archive is not encrypted" in capsys.readouterr().err


@pytest.mark.parametrize(
    "fault", [_exchange_tables, _exchange_descriptions, _exchange_volumes, _exchange_within_a_series]
)
def test_that_whole_files_that_were_exchanged_are_found_by_verification(
    fault: Callable[[Path, Path], None], two: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(ENVIRONMENT, str(two / "my.key"))
    archive = copy_of(two / "sqlite", tmp_path / "archive")
    first, second = (path.parent for path in volumes_below(archive))
    assert {checked.verdict for checked in verify(archive, 1)} == {Verdict.EQUAL}
    fault(first, second)
    assert Verdict.DAMAGED in {checked.verdict for checked in verify(archive, 1)}
