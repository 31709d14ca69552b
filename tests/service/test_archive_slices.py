"""Slices of archives, from their chunks and from coarse levels, against those of whole volumes."""

from __future__ import annotations

import json
import shutil
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from pydicom.uid import JPEGLSLossless

from tests.archive.hospital import archive_of, write_hospital
from tests.archive.pyramid import ramp, write_pyramid, write_uneven_pyramid
from tests.archive.servers import Site, web_server
from tests.archive.test_encrypted import key_file  # noqa: F401 - a fixture
from tests.formats.volumes import catalogue_of
from tests.needs import library
from tests.phantoms import RAMP_CASES, uid_of, write_ramp, write_series
from tests.service.conftest import TOKEN, Serve, Served, client_of
from tests.service.test_slices import grid_of, pixels_of, raw_of
from viewer.archive.address import Address, place_of
from viewer.archive.keys import ENVIRONMENT, read_key
from viewer.archive.stores import StoreKind
from viewer.errors import StorageError, ViewerError
from viewer.formats.zarr_volume import ZarrSource
from viewer.loading.cancel import CancelToken
from viewer.loading.pipeline import load_stack
from viewer.service.app import Service, make_app
from viewer.service.registry import Registry
from viewer.service.shelf import MOST_OPEN, Scan, Shelf, find

library("zarr")
library("pyarrow")

FORMS = ("png", "raw", "float32", "json", "png&window=350,40")


def _affine(spacing: tuple[float, float, float], turn_deg: float = 0.0) -> np.ndarray[Any, Any]:
    """Axial slices, turned within their plane and tipped out of it."""
    turn = np.radians(turn_deg)
    affine = np.zeros((4, 4))
    affine[:3, 0] = spacing[0] * np.array([0, -np.sin(turn), np.cos(turn)])
    affine[:3, 1] = spacing[1] * np.array([0, np.cos(turn), np.sin(turn)])
    affine[:3, 2] = (spacing[2], 0, 0)
    affine[:3, 3] = (-31.7, 17.3, 0.1)
    affine[3, 3] = 1
    return affine


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Series of every kind, and volumes with several levels whose window comes from their values."""
    folder = write_hospital(tmp_path_factory.mktemp("source"))
    for case in RAMP_CASES:
        write_ramp(folder / case, case, uid_seed=case, SeriesInstanceUID=uid_of("case", case))
    values = np.random.default_rng(4).integers(-50, 900, (70, 130, 90)).astype(np.int16)
    values[:, :5] = -50
    for name, turn in (("brain", 0.0), ("turned", 11.0)):
        write_series(
            folder / name,
            values,
            _affine((1.1, 0.9, 0.7), turn),
            modality="MR",
            uid_seed=name,
            SeriesInstanceUID=uid_of(name),
            PixelPaddingValue=-50,
            PixelSpacing=[0.9, 0.7],
        )
    return folder


@pytest.fixture(scope="module")
def archive(hospital: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(hospital, tmp_path_factory.mktemp("out"))[0]


def ask(served: Served, scan: Scan) -> Iterator[tuple[str, Any]]:
    """Every slice as it was stored, by every name it has, in every form."""
    address = f"/volumes/{scan.id}"
    planes = served.get(address).json()["planes"]
    for name, plane in planes.items():
        if plane["axis"] == 0:
            for index in {0, plane["count"] // 2, plane["count"] - 1}:
                for form in FORMS:
                    path = f"{address}/{name}/{index}?format={form}"
                    yield path, served.get(path)


def brain(served: Served) -> Scan:
    """A volume with several levels."""
    return next(scan for scan in served.shelf.scans if scan.stack.geometry.shape == (70, 130, 90))


def open_whole(served: Served, scan: Scan) -> None:
    with served.shelf.ask(scan) as lease:
        lease.future.result()


@pytest.mark.parametrize("kind", ["archive", "study"])
def test_that_a_slice_read_alone_is_to_the_byte_that_of_the_whole_volume(
    kind: str, serve: Serve, hospital: Path, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone, opened = (serve(archive if kind == "archive" else hospital) for _ in range(2))
    # The rest of a study follows by itself; here it must not.
    monkeypatch.setattr(alone.shelf._room, "begin", lambda *_: None)
    compared = 0
    for scan in alone.shelf.scans:
        open_whole(opened, scan)
        described, expected = (s.get(f"/volumes/{scan.id}").json() for s in (alone, opened))
        assert (described.pop("whole"), expected.pop("whole")) == (False, True)
        assert described == expected
        for path, answer in ask(alone, scan):
            other = opened.get(path)
            assert (answer.status_code, answer.content) == (other.status_code, other.content), path
            assert dict(answer.headers) == dict(other.headers), path
            compared += answer.status_code == 200
    assert alone.shelf.reads == 0
    assert compared > 300


def test_that_a_slice_known_to_be_damaged_is_refused_without_reading_the_others(
    serve: Serve, tmp_path: Path
) -> None:
    folder = write_ramp(tmp_path / "ct", transfer_syntax=JPEGLSLossless)
    broken = sorted(folder.iterdir())[2]
    broken.write_bytes(broken.read_bytes()[:-40] + bytes(40))
    alone, opened = (serve(archive_of(folder, tmp_path / name)[0]) for name in ("a", "b"))
    (scan,) = alone.shelf.scans
    open_whole(opened, scan)
    (k,) = alone.get(f"/volumes/{scan.id}").json()["missing_slices"]
    for path, answer in ask(alone, scan):
        other = opened.get(path)
        assert (answer.status_code, answer.content) == (other.status_code, other.content)
        assert (answer.status_code == 422) == (f"/{k}?" in path)
    assert alone.shelf.reads == 0


def test_that_a_slice_damaged_later_is_refused(serve: Serve, tmp_path: Path) -> None:
    archive = archive_of(write_ramp(tmp_path / "ct"), tmp_path)[0]
    served = serve(archive)
    (scan,) = served.shelf.scans
    chunk = max(
        (path for path in archive.rglob("*") if path.is_file()), key=lambda path: "/0/c/" in str(path)
    )
    chunk.write_bytes(chunk.read_bytes()[:20])
    answer = served.get(f"/volumes/{scan.id}/axial/1?format=raw")
    assert (answer.status_code, answer.json()["error"]) == (422, "This slice could not be decoded.")


def test_that_an_archive_that_is_gone_is_a_sentence(serve: Serve, tmp_path: Path) -> None:
    archive = archive_of(write_ramp(tmp_path / "ct"), tmp_path)[0]
    served = serve(archive)
    (scan,) = served.shelf.scans
    shutil.rmtree(archive)
    for path in ("", "/axial/1", "/axial/1?format=raw", "/coronal/1?level=1"):
        answer = served.get(f"/volumes/{scan.id}{path}")
        assert answer.status_code == 422
        assert str(tmp_path) not in answer.text


def test_that_a_volume_above_the_budget_is_served_slice_by_slice(
    serve: Serve, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_disk(*_: object) -> None:
        raise StorageError("There is no room on the disk.")

    monkeypatch.setattr("viewer.loading.filling.VoxelFile", no_disk)
    served, expected = serve(archive, budget_bytes=4000), serve(archive)
    scan = brain(served)
    for path, answer in ask(served, scan):
        assert answer.content == expected.get(path).content
    assert served.shelf.reads == 0
    refused = served.get(f"/volumes/{scan.id}/coronal/3")
    assert (refused.status_code, refused.json()["error"]) == (422, "There is no room on the disk.")


def test_that_a_coarse_level_is_answered_without_the_whole_volume(serve: Serve, archive: Path) -> None:
    served = serve(archive)
    scan = brain(served)
    address = f"/volumes/{scan.id}"
    levels = served.get(address).json()["levels"]
    assert [level["step"] for level in levels] == [[1, 1, 1], [2, 2, 2], [2, 4, 2]]
    assert served.shelf.reads == 0
    with served.shelf.ask(scan, 1) as lease:
        coarse = lease.future.result()
    assert served.shelf.kept(scan) is None
    response = served.get(f"{address}/coronal/41?format=raw&level=1")
    values = raw_of(response)
    assert response.headers["X-Level"] == "1"
    assert served.shelf.kept(scan) is None
    open_whole(served, scan)
    whole = served.shelf.kept(scan)
    assert whole is not None
    np.testing.assert_array_equal(coarse.array, whole.array[::2, ::2, ::2])
    # Row 41 lies between two of the coarse ones; which of them is said by its place.
    np.testing.assert_array_equal(values[::-1], whole.array[::2, 40, ::2])
    fine = served.get(f"{address}/coronal/40?format=raw")
    steps = zip(grid_of(response)[1:], grid_of(fine)[1:], strict=True)
    for coarse_step, step in steps:
        np.testing.assert_allclose(coarse_step, 2 * step, atol=1e-9)
    # The first row of the picture is the highest slice: 69 of the whole volume, 68 of the coarse level.
    lower = grid_of(fine)[0] + grid_of(fine)[2]
    np.testing.assert_allclose(grid_of(response)[0], lower, atol=1e-9)
    said = served.get(f"{address}/coronal/41?format=json&level=1").json()
    assert (said["level"], said["index"], said["shape"]) == (1, 41, [35, 45])


def test_that_a_picture_of_a_coarse_level_lies_where_that_of_the_volume_does(
    serve: Serve, archive: Path
) -> None:
    served = serve(archive)
    scan = brain(served)
    address = f"/volumes/{scan.id}"
    for name, index in (("axial", 33), ("sagittal", 44), ("coronal", 64)):
        coarse = served.get(f"{address}/{name}/{index}?level=1")
        assert served.shelf.kept(scan) is None
        whole = served.get(f"{address}/{name}/{index}?level=0")
        assert "X-Level" not in whole.headers
        assert pixels_of(coarse).shape == pixels_of(whole).shape
        for one, other in zip(grid_of(coarse), grid_of(whole), strict=True):
            np.testing.assert_array_equal(one, other)
        with served.shelf._room._lock:
            served.shelf._room._entries.clear()
    vectors = "origin=-20,30,5&u=1,0,0&v=0,1,0&width=20&height=20"
    oblique = served.get(f"{address}/oblique?{vectors}&level=2")
    assert oblique.headers["X-Level"] == "2"
    assert served.shelf.kept(scan) is None


def test_that_B01_a_coarse_level_has_the_values_of_the_volume_where_one_slice_has_another_rescale(
    serve: Serve, tmp_path: Path
) -> None:
    served = serve(write_uneven_pyramid(tmp_path, 35))
    (scan,) = served.shelf.scans
    address = f"/volumes/{scan.id}"
    coarse = raw_of(served.get(f"{address}/acquired/20?format=raw&level=1"))
    whole = raw_of(served.get(f"{address}/acquired/20?format=raw"))
    assert coarse.dtype == whole.dtype
    np.testing.assert_array_equal(whole, (2.0 * ramp() - 1024)[20])
    np.testing.assert_array_equal(coarse, whole[::2, ::2])


def test_that_slices_missing_in_a_coarse_level_are_no_zeros(serve: Serve, tmp_path: Path) -> None:
    path = write_pyramid(tmp_path)
    for file in (path / "1" / "c").rglob("*"):
        if file.is_file():
            file.unlink()
    served = serve(path)
    (scan,) = served.shelf.scans
    address = f"/volumes/{scan.id}"
    refused = served.get(f"{address}/acquired/20?format=raw&level=1")
    assert (refused.status_code, refused.json()["error"]) == (422, "This slice could not be decoded.")
    across = served.get(f"{address}/coronal/20?format=float32&level=1")
    assert len(across.headers["X-Missing-Slices"].split(",")) == 35
    assert np.isnan(np.frombuffer(across.content, "<f4")).all()
    np.testing.assert_array_equal(raw_of(served.get(f"{address}/acquired/20?format=raw")), ramp()[20])


@pytest.mark.parametrize("lost", [(35,), (36,), (69,), (20, 35, 36)])
def test_that_J06_a_lost_slice_is_missing_in_coarse_levels_too(
    lost: tuple[int, ...], serve: Serve, tmp_path: Path
) -> None:
    path = write_pyramid(tmp_path)
    whole = serve(shutil.copytree(path, tmp_path / "whole" / path.name))
    marks = path / "zarr.json"
    described = json.loads(marks.read_text())
    for k in lost:
        described["attributes"]["triptych"]["slices"]["problem"][k] = "It could not be decoded."
    marks.write_text(json.dumps(described))
    served = serve(path)
    (scan,) = served.shelf.scans
    address = f"/volumes/{scan.id}"
    for k in lost:
        for form in FORMS:
            refused = served.get(f"{address}/axial/{k}?format={form}&level=1")
            assert (refused.status_code, refused.json()["error"]) == (422, "This slice could not be decoded.")
    assert served.get(f"{address}/axial/30?level=1").status_code == 200
    values = served.get(f"{address}/sagittal/60?format=float32&level=1")
    assert values.headers["X-Missing-Slices"] == ",".join(map(str, lost))
    rows = np.isnan(np.frombuffer(values.content, "<f4").reshape(35, 40)).all(1)[::-1]
    assert np.flatnonzero(rows).tolist() == [k // 2 for k in lost if k % 2 == 0]
    distance = np.abs(np.arange(70)[:, None] - np.array(lost)).min(1)
    for k in range(70):  # a point in the middle of each slice
        point = f"origin=0,0,{3 * k - 100}&u=0,1,0&v=0,0,3&width=1&height=1&format=float32&level=1"
        here, there = (s.get(f"{address}/oblique?{point}").content for s in (served, whole))
        missing = np.isnan(np.frombuffer(here, "<f4")).all()
        assert here == there or missing
        assert missing <= (distance[k] <= 2)
        assert missing >= (distance[k] == 0)
    picture, plain = (pixels_of(s.get(f"{address}/sagittal/60?level=1")) for s in (served, whole))
    changed = np.flatnonzero((picture != plain[..., None]).any((1, 2)))
    slices = 69.5 - (changed + 0.5) * 70 / len(picture)
    assert all(abs(slices - k).min() < 1 for k in lost)
    assert all(abs(at - np.array(lost)).min() < 3 for at in slices)


def test_that_a_level_that_is_not_there_is_refused(serve: Serve, archive: Path, hospital: Path) -> None:
    served = serve(archive)
    scan = brain(served)
    refused = served.get(f"/volumes/{scan.id}/coronal/3?level=3")
    assert (refused.status_code, refused.json()["error"]) == (404, "The last level of this volume is 2.")
    study = serve(hospital)
    refused = study.get(f"/volumes/{study.shelf.scans[0].id}/acquired/0?level=1")
    assert (refused.status_code, refused.json()["error"]) == (404, "The last level of this volume is 0.")


def test_that_volumes_are_read_at_the_same_time_and_each_once(
    serve: Serve, archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = serve(archive)
    both = threading.Barrier(2)

    def load(*arguments: Any, **options: Any) -> Iterator[Any]:
        both.wait(10)  # breaks unless two are read at the same time
        yield from load_stack(*arguments, **options)

    monkeypatch.setattr("viewer.service.shelf.load_stack", load)
    scans = [scan for scan in served.shelf.scans if scan.stack.geometry.shape == (70, 130, 90)]
    paths = [f"/volumes/{scan.id}/coronal/{n}" for n in range(3) for scan in scans]
    with ThreadPoolExecutor(6) as clients:
        assert [answer.status_code for answer in clients.map(served.get, paths)] == [200] * 6
    assert served.shelf.reads == 2


def test_that_few_archives_stay_open_however_many_are_asked_for(serve: Serve, archive: Path) -> None:
    served = serve(archive)
    assert len(served.shelf.scans) > MOST_OPEN
    for scan in served.shelf.scans:
        assert served.get(f"/volumes/{scan.id}/acquired/0").status_code == 200
        assert isinstance(scan.stack.source, ZarrSource)
        assert scan.stack.source._attempt is None, "the catalogue's own source would stay open for ever"
    assert len(served.shelf._sources) == MOST_OPEN


def test_that_a_study_is_read_on_after_its_first_slice(serve: Serve, tmp_path: Path) -> None:
    served = serve(write_ramp(tmp_path))
    (scan,) = served.shelf.scans
    assert served.get(f"/volumes/{scan.id}/axial/0").status_code == 200
    with served.shelf.ask(scan) as lease:
        lease.future.result()
    assert served.shelf.reads == 1
    values = raw_of(served.get(f"/volumes/{scan.id}/axial/3?format=raw"))
    dataset = pydicom.dcmread(scan.stack.frames[3].path)
    np.testing.assert_array_equal(values, dataset.pixel_array)


def test_that_an_archive_on_a_server_is_served_slice_by_slice(
    serve: Serve, archive: Path, tmp_path: Path
) -> None:
    files = library("fsspec").filesystem("memory")
    for file in archive.rglob("*"):
        if file.is_file():
            files.pipe_file(f"/served/{file.relative_to(archive).as_posix()}", file.read_bytes())
    remote, here = serve(place_of("memory://served")), serve(archive)
    scan = brain(remote)
    for path, answer in ask(remote, scan):
        assert (answer.status_code, answer.content) == (200, here.get(path).content)
    assert remote.get(f"/volumes/{scan.id}/coronal/9?level=1").status_code == 200
    assert remote.shelf.kept(scan) is None
    across = f"/volumes/{scan.id}/sagittal/7?format=raw"
    assert remote.get(across).content == here.get(across).content
    registry = Registry()
    registry.add(remote.shelf.scans, [place_of("memory://served")])
    assert {row["path"].partition("/")[0] for row in registry.rows()} == {"memory:"}
    files.rm("/served", recursive=True)
    gone = remote.get(f"/volumes/{here.shelf.scans[0].id}/acquired/0")
    assert gone.status_code == 422
    assert "served" not in gone.text


@pytest.fixture
def site(archive: Path) -> Iterator[Site]:
    """The archive on a server."""
    with web_server(archive) as found:
        yield found


def brain_at(site: Site, archive: Path) -> Address:
    """Where the volume with several levels lies on a server."""
    (path,) = {
        stack.frames[0].path
        for study in catalogue_of(archive).studies
        for series in study.series
        for stack in series.stacks
        if series.uid == uid_of("brain")
    }
    address = place_of(f"{site.url}/{path.relative_to(archive).as_posix()}")
    assert isinstance(address, Address)
    return address


@contextmanager
def beside(remote: Address, here: Path) -> Iterator[tuple[Served, Service, Scan, Scan]]:
    """A service with a volume on a server and one of this computer."""
    shelf = Shelf(find([remote, here], CancelToken()))
    service = Service(shelf, Registry())
    app = make_app(service, TOKEN)
    far, near = sorted(shelf.scans, key=lambda scan: not scan.remote)
    with client_of(app) as client:
        yield Served(client, shelf, app), service, far, near


def stalled(site: Site, served: Served, paths: Sequence[str], pool: ThreadPoolExecutor) -> list[Future[Any]]:
    """Requests that wait for a server that has stopped to answer."""
    site.hold.clear()
    asked = len(site.asked)
    answers = [pool.submit(served.get, path) for path in paths]
    while len(site.asked) == asked:
        time.sleep(0.01)
    time.sleep(0.2)
    return answers


def test_that_a_stalled_server_holds_up_nothing_that_lies_here_and_no_end(
    archive: Path, hospital: Path, site: Site
) -> None:
    with (
        ThreadPoolExecutor(6) as pool,
        beside(brain_at(site, archive), hospital / "turned") as (served, service, far, near),
    ):
        waiting = stalled(site, served, [f"/volumes/{far.id}/axial/{k}?format=raw" for k in range(6)], pool)
        started = time.monotonic()
        assert served.get(f"/volumes/{near.id}/acquired/3?format=raw").status_code == 200
        assert time.monotonic() - started < 3
        assert not any(answer.done() for answer in waiting)
        started = time.monotonic()
        service.close()
        assert time.monotonic() - started < 2
        assert {answer.result(2).status_code for answer in waiting} == {503}


def test_that_no_window_of_a_volume_here_waits_for_slices_of_a_server(
    archive: Path, hospital: Path, site: Site
) -> None:
    with (
        ThreadPoolExecutor(1) as pool,
        beside(brain_at(site, archive), hospital / "turned") as (served, service, far, near),
    ):
        assert served.get(f"/volumes/{far.id}/axial/3?format=raw").status_code == 200
        (waiting,) = stalled(site, served, [f"/volumes/{far.id}/axial/3"], pool)
        started = time.monotonic()
        assert served.get(f"/volumes/{near.id}/acquired/3").status_code == 200
        assert time.monotonic() - started < 3
        assert not waiting.done()
        service.close()


def test_that_a_server_that_does_not_answer_is_waited_for_once(
    archive: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    go, tries = threading.Event(), []

    def refuse(*_: object, **__: object) -> None:
        tries.append(1)
        go.wait(10)
        raise OSError(5, "gone")

    monkeypatch.setattr("viewer.formats.zarr_volume.ArchiveVolume", refuse)
    source = ZarrSource(archive, np.dtype(np.int16))
    with ThreadPoolExecutor(4) as pool:
        waiting = [pool.submit(source.opened) for _ in range(4)]
        time.sleep(0.2)
        go.set()
        assert {str(found.exception(5)) for found in waiting} == {"[Errno 5] gone"}
    assert len(tries) == 1
    with pytest.raises(OSError, match="gone"):
        source.opened()
    assert len(tries) == 2


def test_that_an_encrypted_archive_is_served_to_who_has_its_key(
    serve: Serve,
    tmp_path: Path,
    key_file: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = write_pyramid(tmp_path / "encrypted", kind=StoreKind.SHARD, key=read_key(key_file))
    with pytest.raises(ViewerError, match=r".+"):
        serve(path)
    monkeypatch.setenv(ENVIRONMENT, str(key_file))
    served = serve(path)
    (scan,) = served.shelf.scans
    values = raw_of(served.get(f"/volumes/{scan.id}/acquired/3?format=raw"))
    np.testing.assert_array_equal(values, ramp()[3])
    assert served.shelf.reads == 0
    assert served.get(f"/volumes/{scan.id}/acquired/3?level=1").status_code == 200
