"""Volumes on servers: what can be given as an address, what comes of it, and what is said when it goes wrong."""

from __future__ import annotations

import base64
import logging
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archive.hospital import archive_of
from tests.archive.pyramid import ramp, write_pyramid
from tests.archive.servers import Site, web_server
from tests.archive.test_encrypted import key_file  # noqa: F401 - a fixture
from tests.conftest import CHECKOUT
from tests.dicom.reading import filled
from tests.formats.volumes import catalogue_of, events_of, opened, the_volume
from tests.needs import library
from tests.phantoms import uid_of, write_pet, write_ramp
from viewer.archive import remote
from viewer.archive.address import Address, place_of
from viewer.archive.keys import ENVIRONMENT, read_key
from viewer.archive.reader import ArchiveVolume
from viewer.archive.stores import StoreKind
from viewer.dicom.choice import DefaultChoice
from viewer.dicom.model import Catalogue
from viewer.errors import DecodeError, FormatError
from viewer.imaging.volume import Volume
from viewer.loading import filling
from viewer.loading.cancel import CancelToken
from viewer.loading.events import (
    Failed,
    Finished,
    GeometryReady,
    Indexed,
    ProblemFound,
)
from viewer.loading.pipeline import load
from viewer.loading.retry import retry

library("zarr")
library("pyarrow")
fsspec = library("fsspec")
library("aiohttp")


@pytest.fixture(scope="module")
def volume(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_pyramid(tmp_path_factory.mktemp("pyramid"))


@pytest.fixture
def site(volume: Path) -> Iterator[Site]:
    with web_server(volume.parent) as found:
        yield found


@pytest.fixture(autouse=True)
def fresh_connections() -> Iterator[None]:
    yield
    fsspec.filesystem("memory").store.clear()
    for name in ("http", "s3"):
        fsspec.get_filesystem_class(name).clear_instance_cache()


def at(text: str) -> Address:
    place = place_of(text)
    assert isinstance(place, Address)
    return place


def loaded(text: str) -> tuple[Volume, list[str]]:
    events = events_of([at(text)], thumbnails=False)  # type: ignore[list-item]
    (placed,) = (event for event in events if isinstance(event, GeometryReady))
    return placed.volume, [event.problem.reason for event in events if isinstance(event, ProblemFound)]


def refusal(text: str) -> str:
    events = events_of([at(text)], thumbnails=False)  # type: ignore[list-item]
    assert any(isinstance(event, Failed) for event in events)
    (problem,) = (event.problem for event in events if isinstance(event, ProblemFound))
    return f"{problem.file}: {problem.reason}"


# --- What can be given ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, shown",
    [
        ("https://host/a/volume.zarr", "https://host/a/volume.zarr"),
        ("HTTP://host:8080/a/", "http://host:8080/a"),
        ("s3://bucket/archive", "s3://bucket/archive"),
        ("s3://bucket", "s3://bucket"),
        ("https://me:secret@host/a", "https://host/a"),
        ("  https://host/with%20space  ", "https://host/with%20space"),
    ],
)
def test_that_addresses_are_shown_without_what_is_secret(text: str, shown: str) -> None:
    address = at(text)
    assert address.shown == str(address) == shown
    assert "secret" not in repr(address) + str(address.path)
    assert address.has_secret == ("secret" in text)


@pytest.mark.parametrize("text", ["/data/archive", "archive", "C:\\data", "C:/data", "a:b", "s3:/bucket", ""])
def test_that_paths_stay_paths(text: str) -> None:
    assert place_of(text) == Path(text)


def test_that_a_file_address_is_a_path(tmp_path: Path) -> None:
    assert place_of((tmp_path / "with space").as_uri()) == tmp_path / "with space"


@pytest.mark.parametrize(
    "text, says",
    [
        ("ftp://host/a", "Nothing here can read ftp:// addresses"),
        ("simplecache::s3://bucket", None),
        ("https://", "not complete"),
        ("https:///volume.zarr", "not complete"),
        ("https://host:port/a", "not complete"),
        ("https://[::1/a", "not complete"),
        ("https://host/a?X-Amz-Signature=secret", "no question mark"),
        ("https://host/a#secret", "no question mark"),
        ("s3://key:secret@bucket/a", "AWS environment"),
        ("https://a%3Ab:secret@host/a", "colon"),
        ("https://host/a\x1b[31m", "characters"),
        ("https://host/" + "a" * 5000, "too long"),
        ("file://server/share", "give its path"),
    ],
)
def test_that_an_address_that_cannot_be_used_says_why_and_repeats_no_secret(
    text: str, says: str | None
) -> None:
    if says is None:
        assert isinstance(place_of(text), Path)
        return
    with pytest.raises(FormatError, match=says) as error:
        place_of(text)
    assert "secret" not in str(error.value)


# --- Web servers ----------------------------------------------------------------------------------------------------


def test_that_a_volume_on_a_web_server_has_the_values_and_the_place_of_one_here(
    site: Site, volume: Path
) -> None:
    here = the_volume(volume)
    there, problems = loaded(f"{site.url}/volume.zarr")
    assert problems == []
    np.testing.assert_array_equal(there.array, here.array)
    np.testing.assert_array_equal(there.geometry.patient_from_index, here.geometry.patient_from_index)
    # One request a slice: the index of the shard is asked for once.
    parts = [line for line in site.asked if line.startswith("GET /volume.zarr/0/c/")]
    assert len(parts) <= ramp().shape[0] + 3
    assert all("bytes=" in line for line in parts)


def test_that_the_end_of_the_program_waits_for_no_server(site: Site) -> None:
    code = f"""
import threading
from viewer.archive import remote
from viewer.archive.address import place_of
from viewer.loading.cancel import CancelToken
from viewer.loading.pipeline import load

remote.READ_S = 60.0
token = CancelToken()
threading.Timer(1.0, token.cancel).start()
*_, last = load([place_of("{site.url}/volume.zarr")], cancel=token)
print(last.cancelled)
"""
    site.hold.clear()
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=CHECKOUT, capture_output=True, text=True, check=True, timeout=25
    )
    assert answer.stdout.strip() == "True"
    assert answer.stderr == ""


def test_that_slices_are_asked_of_a_distant_server_many_at_a_time(site: Site) -> None:
    site.wait_s = 0.03
    _, problems = loaded(f"{site.url}/volume.zarr")
    assert problems == []
    assert site.most_at_once >= 5


def test_that_a_web_server_that_lists_its_folders_gives_all_volumes_below(tmp_path: Path) -> None:
    source = tmp_path / "source"
    write_ramp(source / "ct")
    write_pet(source / "pet", SeriesInstanceUID=uid_of("pet"))
    archive, _ = archive_of(source, tmp_path)
    with web_server(archive) as site:
        site.lists = True
        found = catalogue_of(at(site.url))  # type: ignore[arg-type]
    assert {series.uid for study in found.studies for series in study.series} == {
        series.uid for study in catalogue_of(archive).studies for series in study.series
    }


def test_that_a_folder_without_a_list_says_to_give_the_volume(site: Site) -> None:
    said = refusal(site.url)
    assert "there is no such file or folder" in said or "no lists of its folders" in said
    site.lists = True
    assert "no lists of its folders" in refusal(f"{site.url}/volume.zarr/0")


def test_that_a_server_without_range_requests_is_named_as_the_reason(site: Site) -> None:
    site.ranges = False
    assert "must answer range requests" in refusal(f"{site.url}/volume.zarr")


@pytest.mark.parametrize(
    "status, says", [(404, "no such file"), (403, "refuses access"), (500, "status 500")]
)
def test_that_an_error_of_the_server_is_a_sentence(site: Site, status: int, says: str) -> None:
    site.status = status
    said = refusal(f"{site.url}/volume.zarr")
    assert says in said
    assert said.startswith(f"{site.url}/volume.zarr: It cannot be read (")


def test_that_a_server_that_is_not_there_is_a_sentence() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # and never listens
        assert "cannot be reached" in refusal(f"http://127.0.0.1:{taken.getsockname()[1]}/volume.zarr")


def test_that_a_server_that_does_not_answer_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(remote, "READ_S", 0.7)
    site.hold.clear()
    started = time.monotonic()
    assert "did not answer in time" in refusal(f"{site.url}/volume.zarr")
    assert time.monotonic() - started < 5


def test_that_J14_waiting_for_a_server_is_cancelled_at_once(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(remote, "READ_S", 5.0)
    site.hold.clear()
    token = CancelToken()
    cancelled: list[float] = []

    def cancel() -> None:
        cancelled.append(time.monotonic())
        token.cancel()

    timer = threading.Timer(0.4, cancel)
    timer.start()
    *_, last = load([at(f"{site.url}/volume.zarr")], cancel=token)
    assert time.monotonic() - cancelled[0] < 0.5
    assert isinstance(last, Finished)
    assert last.cancelled
    timer.join()


def test_that_a_thumbnail_that_waits_for_a_server_is_cancelled_at_once(site: Site) -> None:
    token = CancelToken()
    job = load([at(f"{site.url}/volume.zarr")], cancel=token, choose=lambda _: DefaultChoice(None, None))
    assert any(isinstance(event, Indexed) and event.complete for event in job)
    asked = len(site.asked)
    site.hold.clear()
    timer = threading.Timer(0.4, token.cancel)
    timer.start()
    started = time.monotonic()
    *_, last = job
    assert time.monotonic() - started < 1.5
    assert isinstance(last, Finished)
    assert last.cancelled
    assert len(site.asked) > asked
    timer.join()


def test_that_no_slice_of_a_slow_server_is_given_up(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(filling, "GIVE_UP_S", 0.02)
    site.wait_s = 0.05
    volume, problems = loaded(f"{site.url}/volume.zarr")
    assert problems == []
    np.testing.assert_array_equal(volume.array, ramp())


@pytest.mark.parametrize(
    "fault, says",
    [("breaks", "connection was interrupted"), ("misses", "does not fit its digest")],
)
def test_that_J35_an_interrupted_transfer_marks_slices_and_trying_again_reads_them(
    site: Site, fault: str, says: str
) -> None:
    address = at(f"{site.url}/volume.zarr")
    events = []
    for event in load([address], cancel=CancelToken(), thumbnails=False):
        events.append(event)
        if isinstance(event, GeometryReady):
            setattr(site, fault, True)
    (placed,) = (event for event in events if isinstance(event, GeometryReady))
    problems = [event.problem for event in events if isinstance(event, ProblemFound)]
    assert placed.volume.corrupt.sum() == len(problems) == 70
    assert says in problems[0].reason
    assert problems[0].file == address.shown
    setattr(site, fault, False)
    catalogue = next(e.catalogue for e in reversed(events) if isinstance(e, Indexed))
    list(retry([address], catalogue, [(placed.volume, placed.stack)], cancel=CancelToken()))
    assert not placed.volume.corrupt.any()
    np.testing.assert_array_equal(placed.volume.array, ramp())


def test_that_J35_volumes_stay_listed_when_their_server_is_down(site: Site, tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct", uid_seed="here")
    places: list[Any] = [at(f"{site.url}/volume.zarr"), tmp_path]
    earlier = catalogue_of(*places)
    site.status = 503

    def again() -> Catalogue:
        events = retry(places, earlier, [], cancel=CancelToken())
        return next(event.catalogue for event in events if isinstance(event, Indexed))

    def listed(catalogue: Catalogue) -> set[str]:
        return {series.uid for study in catalogue.studies for series in study.series}

    assert len(listed(earlier)) == 2
    assert listed(again()) == listed(earlier)
    site.status = 0
    assert listed(again()) == listed(earlier)


def test_that_a_slice_that_was_not_there_is_read_by_the_same_volume_once_it_is(site: Site) -> None:
    with ArchiveVolume(at(f"{site.url}/volume.zarr")) as archived:
        site.misses = True
        with pytest.raises(DecodeError, match="digest"):
            archived.stored_slice(7)
        site.misses = False
        np.testing.assert_array_equal(archived.stored_slice(7), ramp()[7])


def test_that_a_password_reaches_the_server_and_nothing_else(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    host = site.url.removeprefix("http://")
    site.status = 403
    said = refusal(f"http://me:hunter2@{host}/volume.zarr")
    assert any(line.startswith("Basic ") for line in site.authorizations)
    assert "hunter2" not in said
    assert "hunter2" not in caplog.text
    site.status = 0
    volume, _ = loaded(f"http://me:hunter2@{host}/volume.zarr")
    np.testing.assert_array_equal(volume.array, ramp())
    assert "hunter2" not in caplog.text


@pytest.mark.parametrize("entry", ["default", "machine 127.0.0.1"])
def test_that_a_password_in_the_address_goes_before_that_of_netrc(
    entry: str, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text(f"{entry} login other password word\n")
    netrc.chmod(0o600)
    monkeypatch.setenv("NETRC", str(netrc))
    volume, problems = loaded(f"http://m%C3%AB:hunter2@{site.url.removeprefix('http://')}/volume.zarr")
    assert problems == []
    np.testing.assert_array_equal(volume.array, ramp())
    expected = base64.b64encode("më:hunter2".encode()).decode()
    assert set(site.authorizations) == {f"Basic {expected}"}


def test_that_a_password_in_the_address_goes_through_the_proxy(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", site.url)
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    refusal("http://me:hunter2@nowhere.invalid/volume.zarr")
    assert any(line.startswith("GET http://nowhere.invalid/volume.zarr") for line in site.asked)
    assert all(line.startswith("Basic ") for line in site.authorizations)
    monkeypatch.setenv("no_proxy", "nowhere.invalid")
    assert "cannot be reached" in refusal("http://me:hunter2@nowhere.invalid/other.zarr")


def test_that_a_password_is_not_sent_on_to_another_server(site: Site, volume: Path) -> None:
    with web_server(volume.parent) as other:
        site.moved_to = other.url
        _, problems = loaded(f"http://me:hunter2@{site.url.removeprefix('http://')}/volume.zarr")
    assert problems == []
    assert all(line.startswith("Basic ") for line in site.authorizations)
    assert set(other.authorizations) == {""}


def test_that_volumes_on_a_server_stay_when_something_is_added(site: Site, tmp_path: Path) -> None:
    known = catalogue_of(at(f"{site.url}/volume.zarr"))  # type: ignore[arg-type]
    write_ramp(tmp_path / "ct", uid_seed="other")
    asked = len(site.asked)
    both = catalogue_of(tmp_path, known=known)
    assert {s.uid for study in known.studies for s in study.series} < {
        s.uid for study in both.studies for s in study.series
    }
    assert len(site.asked) == asked


# --- Other kinds ----------------------------------------------------------------------------------------------------


def copied(folder: Path, name: str) -> None:
    """Put a folder into fsspec's memory."""
    files = fsspec.filesystem("memory")
    for path in folder.rglob("*"):
        if path.is_file():
            files.pipe_file(f"/{name}/{path.relative_to(folder).as_posix()}", path.read_bytes())


@pytest.mark.parametrize("kind", [StoreKind.SHARD, StoreKind.DIR])
def test_that_every_layout_of_a_folder_is_read(kind: StoreKind, tmp_path: Path) -> None:
    path = write_pyramid(tmp_path, kind=kind)
    copied(path, "archive/series/volume.zarr")
    volume, problems = loaded("memory://archive")
    assert problems == []
    np.testing.assert_array_equal(volume.array, ramp())


def test_that_an_encrypted_volume_opens_with_its_key_and_not_without(
    tmp_path: Path,
    key_file: Path,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    copied(write_pyramid(tmp_path, kind=StoreKind.DIR, key=read_key(key_file)), "archive/volume.zarr")
    assert "It is encrypted, and its key" in refusal("memory://archive/volume.zarr")
    monkeypatch.setenv(ENVIRONMENT, str(key_file))
    volume, problems = loaded("memory://archive")
    assert problems == []
    np.testing.assert_array_equal(volume.array, ramp())


def test_that_a_volume_in_one_file_is_refused_with_a_sentence_and_others_open(
    volume: Path, tmp_path: Path
) -> None:
    copied(volume, "archive/a/volume.zarr")
    for name in ("b/volume.zarr.zip", "c/volume.zarr.sqlite"):
        fsspec.filesystem("memory").pipe_file(f"/archive/{name}", b"x")
    found, problems = loaded("memory://archive")
    np.testing.assert_array_equal(found.array, ramp())
    assert len(problems) == 2
    assert all("copy a volume in a single file to this computer" in reason for reason in problems)
    assert "single file" in refusal("memory://archive/b/volume.zarr.zip")


def test_that_an_unfinished_or_foreign_volume_is_told(volume: Path) -> None:
    copied(volume, "archive/.volume.zarr.part")
    assert "no volumes at this address" in refusal("memory://archive")
    fsspec.filesystem("memory").pipe_file("/other/volume.zarr/zarr.json", b"{}")
    assert "not written by this program" in refusal("memory://other/volume.zarr")


# --- S3 -------------------------------------------------------------------------------------------------------------


@pytest.fixture
def bucket(monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """An S3 server here, and the environment that leads to it."""
    library("s3fs")
    library("flask")
    server = library("moto.server").ThreadedMotoServer(port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    endpoint = f"http://{host}:{port}"
    for name, value in {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "hunter2",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_CONFIG_FILE": "/nothing",
        "AWS_SHARED_CREDENTIALS_FILE": "/nothing",
        "AWS_EC2_METADATA_DISABLED": "true",
    }.items():
        monkeypatch.setenv(name, value)
    client = library("boto3").client("s3", endpoint_url=endpoint)
    client.create_bucket(Bucket="archive")
    yield client
    client.close()
    server.stop()


def test_that_an_archive_in_a_bucket_opens(
    bucket: Any, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = tmp_path / "source"
    write_ramp(source / "ct")
    write_pet(source / "pet", SeriesInstanceUID=uid_of("pet"))
    archive, _ = archive_of(source, tmp_path)
    for path in archive.rglob("*"):
        if path.is_file():
            bucket.upload_file(str(path), "archive", f"hospital/{path.relative_to(archive).as_posix()}")
    catalogue = catalogue_of(at("s3://archive/hospital"))  # type: ignore[arg-type]
    expected = catalogue_of(source)
    found = {s.uid: s for study in catalogue.studies for s in study.series}
    assert set(found) == {s.uid for study in expected.studies for s in study.series}
    for study in expected.studies:
        for series in study.series:
            volume, problems = opened(found[series.uid].stacks[0], catalogue)
            assert not problems
            np.testing.assert_array_equal(volume.array, filled(series.stacks[0]).array)
    assert "hunter2" not in caplog.text
    assert "no such file" in refusal("s3://archive/nothing/volume.zarr")
    assert "no" in refusal("s3://nothing/archive")


def test_that_a_bucket_without_credentials_is_a_sentence(
    bucket: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name)
    assert "hold no credentials" in refusal("s3://archive/volume.zarr")
