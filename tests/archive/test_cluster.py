"""The conversion on real Dask clusters: processes that die, a disk that is full, a scheduler that is not there."""

from __future__ import annotations

import importlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archive.hospital import copy_of, names_in, tasks_in
from tests.archive.test_convert import assert_archive_is_what_the_viewer_loads
from tests.needs import library, program
from tests.phantoms import ramp_affine, uid_of, write_series

library("zarr")
distributed = library("distributed")
dask = library("dask")

from viewer.archive.cluster import Cluster, client_of  # noqa: E402
from viewer.archive.convert import PARTIAL, _on_cluster, _owned, run  # noqa: E402
from viewer.archive.manifest import scan  # noqa: E402
from viewer.archive.one_series import Options  # noqa: E402
from viewer.archive.outcome import Outcome, Status  # noqa: E402
from viewer.archive.verify import Verdict, verify  # noqa: E402
from viewer.errors import ViewerError  # noqa: E402

pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="signals"),
    # Dask leaves sockets of processes that died to the collector.
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
]


def set_trap(marker: str) -> None:
    """Make this process die, once for all processes, when a volume is written and has no name yet."""
    one_series: Any = importlib.import_module("viewer.archive.one_series")
    write = one_series.write_series_json

    def die(*arguments: Any, **options: Any) -> None:
        try:
            Path(marker).unlink()
        except FileNotFoundError:
            write(*arguments, **options)
        else:
            os.kill(os.getpid(), signal.SIGKILL)

    one_series.write_series_json = die


def set_trap_for_good(name: str) -> None:
    """Make this process die whenever it converts a certain series."""
    one_series: Any = importlib.import_module("viewer.archive.one_series")
    read = one_series._read

    def die(task: Any) -> Any:
        if task.row.name == name:
            os.kill(os.getpid(), signal.SIGKILL)
        return read(task)

    one_series._read = die


@pytest.fixture(scope="module")
def own_client() -> Iterator[Any]:
    """Two processes of a cluster of this machine's own."""
    with client_of(Cluster(workers=2)) as client:
        yield client


def converted(client: Any, manifest: Path, archive: Path) -> list[Outcome]:
    archive.mkdir(exist_ok=True)
    with _owned(archive, "series_000") as aside:
        options = Options(archive, aside)
        return list(_on_cluster(client, iter(tasks_in(manifest)), options))


def test_that_a_worker_that_is_killed_in_the_middle_of_a_series_loses_nothing(
    own_client: Any, hospital: Path, tmp_path: Path
) -> None:
    scan([hospital], tmp_path / "manifest")
    marker = tmp_path / "marker"
    marker.touch()
    archive = tmp_path / "archive"
    own_client.run(set_trap, str(marker))
    before = set(own_client.run(os.getpid).values())
    outcomes = converted(own_client, tmp_path / "manifest", archive)
    own_client.wait_for_workers(2, timeout=60)
    assert len(before - set(own_client.run(os.getpid).values())) == 1, "a worker was killed and replaced"
    assert not marker.exists()
    assert [outcome.status for outcome in outcomes] == [Status.CONVERTED] * 6
    assert assert_archive_is_what_the_viewer_loads(hospital, archive) == 7
    assert not (archive / PARTIAL).exists()


def test_that_a_series_that_kills_whoever_touches_it_fails_by_name_and_the_others_are_converted(
    hospital: Path, tmp_path: Path
) -> None:
    for name in ("ct", "pet"):
        copy_of(hospital / name, tmp_path / "data" / name)
    scan([tmp_path / "data"], tmp_path / "manifest")
    name = tasks_in(tmp_path / "manifest")[0].row.name
    # One death is enough; the scheduler then gives up whatever else the process held too.
    with (
        dask.config.set({"distributed.scheduler.allowed-failures": 0}),
        client_of(Cluster(workers=1)) as client,
    ):
        client.register_plugin(_Trap(name))
        outcomes = converted(client, tmp_path / "manifest", tmp_path / "archive")
    failed = [outcome for outcome in outcomes if outcome.status is Status.FAILED]
    assert [outcome.name for outcome in failed] == [name]
    assert "died one after the other" in failed[0].reason
    assert len(names_in(tmp_path / "archive")) == 2 - 1


class _Trap(distributed.WorkerPlugin):  # type: ignore[misc, name-defined]
    """Sets the trap in every process, also in those that take the place of dead ones."""

    def __init__(self, name: str) -> None:
        self.victim = name

    def setup(self, worker: Any) -> None:
        set_trap_for_good(self.victim)


def test_that_the_cluster_of_this_machine_speaks_only_to_who_has_its_key(own_client: Any) -> None:
    program("openssl", "openssl")
    address = own_client.scheduler.address
    assert address.startswith("tls://127.0.0.1:")
    with pytest.raises((OSError, TypeError)):
        distributed.Client(address.replace("tls://", "tcp://"), timeout=1)


def test_that_an_existing_cluster_is_used_by_its_address(hospital: Path, tmp_path: Path) -> None:
    scan([hospital / "ct"], tmp_path / "manifest")
    with distributed.LocalCluster(
        n_workers=1,
        threads_per_worker=1,
        processes=False,
        protocol="tcp",
        dashboard_address=None,
        scheduler_kwargs={"dashboard_address": "127.0.0.1:0"},
    ) as cluster:
        told = []
        (summary,) = run(
            tmp_path / "manifest",
            tmp_path / "archive",
            Cluster(scheduler=cluster.scheduler_address),
            tell=lambda outcome, done, total: told.append((outcome.status, done, total)),
        )
    assert dict(summary.counts) == {"converted": 1}
    assert told == [(Status.CONVERTED, 1, 1)]


def test_that_a_scheduler_that_is_not_there_is_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewer.archive.cluster._CONNECT_S", 1)
    with (
        pytest.raises(ViewerError, match="does not answer"),
        client_of(Cluster(scheduler="tcp://127.0.0.1:9")),
    ):
        pass


# --- A full disk -------------------------------------------------------------------------------------------------


@contextmanager
def small_disk(folder: Path, kilobytes: int) -> Iterator[Path]:
    """A file system of its own that is full soon."""
    folder.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={kilobytes}k", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("mounting a small disk needs root")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "-l", str(folder)], check=True)


@pytest.mark.parametrize("workers", [0, 2])
def test_that_J50_a_full_disk_is_said_leaves_no_half_volume_and_a_second_run_does_the_rest(
    workers: int, tmp_path: Path
) -> None:
    noise = np.random.default_rng(1).integers(-1000, 3000, (6, 64, 64)).astype(np.int16)
    for n in range(6):
        write_series(tmp_path / "data" / str(n), noise, ramp_affine(), uid_seed=str(n))
    scan([tmp_path / "data"], tmp_path / "manifest")
    with small_disk(tmp_path / "disk", 300) as disk:
        (summary,) = run(tmp_path / "manifest", disk / "archive", Cluster(workers))
        assert 0 < summary.counts["converted"] < 6
        assert summary.counts["converted"] + summary.counts["not tried"] == 6
        assert not summary.complete
        assert "disk is full" in summary.failures[0]["reason"]
        # What has a name is whole. A worker may have ended a series that nobody waited for any more.
        there = names_in(disk / "archive")
        assert summary.counts["converted"] <= len(there) < 6
        assert {checked.verdict for checked in verify(disk / "archive", None)} == {Verdict.EQUAL}
        subprocess.run(["mount", "-o", "remount,size=8m", str(disk)], check=True)
        (again,) = run(tmp_path / "manifest", disk / "archive", Cluster(0))
        assert again.counts["present"] == len(there)
        assert again.counts["converted"] == 6 - len(there)
        assert assert_archive_is_what_the_viewer_loads(tmp_path / "data", disk / "archive") == 6


def test_that_a_source_that_is_gone_and_a_corrupt_slice_are_named_and_the_rest_is_converted(
    own_client: Any, hospital: Path, tmp_path: Path
) -> None:
    data = copy_of(hospital, tmp_path / "data")
    scan([data], tmp_path / "manifest")
    (data / "ct").rename(tmp_path / "elsewhere")
    broken = data / "pet" / "im0003.dcm"
    times = broken.stat()
    broken.write_bytes(broken.read_bytes()[:-30])
    os.utime(broken, ns=(times.st_atime_ns, times.st_mtime_ns))
    outcomes = converted(own_client, tmp_path / "manifest", tmp_path / "archive")
    failed = [outcome for outcome in outcomes if outcome.status is Status.FAILED]
    assert [outcome.series_uid for outcome in failed] == [uid_of("ramp", "series", "G1")]
    assert "ct" in failed[0].reason
    problems = [problem for outcome in outcomes for problem in outcome.problems]
    assert len(problems) == 1
    assert "im0003.dcm" in problems[0]
    assert len(names_in(tmp_path / "archive")) == 6
    (tmp_path / "elsewhere").rename(data / "ct")
    again = converted(own_client, tmp_path / "manifest", tmp_path / "archive")
    assert sorted(outcome.status.value for outcome in again) == ["converted", *["present"] * 5]
