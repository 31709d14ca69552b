"""All series of a manifest to Zarr: tasks on a Dask cluster, or one after the other in this process.

A run owns its shards of an archive while it lasts: a small file with a heartbeat says so, and what an earlier run
left unfinished is swept away. Several runs may fill one archive at the same time when each has shards of its own.
"""

from __future__ import annotations

import json
import logging
import os
import platform
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from itertools import islice
from pathlib import Path
from typing import Any

from viewer.archive.cluster import Cluster, client_of
from viewer.archive.extra import require
from viewer.archive.keys import mark
from viewer.archive.manifest import Task, shard_files, tasks_of
from viewer.archive.one_series import Options, convert, failed_for_good
from viewer.archive.outcome import Outcome, Status, Summary
from viewer.archive.sealing import ArchiveKey
from viewer.atomic import export_error
from viewer.errors import ExportError, ViewerError

PARTIAL = ".partial"
KEY_NAME, KEY_BYTES = "deidentify.key", 32
ALIVE = "alive.json"
HEARTBEAT_S = 5.0
STALE_S = 60.0
RETRIES = 2
KILLED = "The processes that tried it died one after the other, perhaps for want of memory."
AHEAD = 4
"""Tasks in the hands of the scheduler, for each worker."""

_log = logging.getLogger(__name__)

Tell = Callable[[Outcome, int, int], None]
"""Called with each outcome, series done and series known."""


def run(
    manifest: Path,
    archive: Path,
    cluster: Cluster,
    *,
    store: str | None = None,
    overwrite: bool = False,
    check: bool = True,
    deidentify: bool = False,
    encrypt: ArchiveKey | None = None,
    tell: Tell | None = None,
) -> list[Summary]:
    """Convert every series of a manifest that is not in the archive yet.

    Parameters
    ----------
    manifest
        Folder of a manifest, or one of its shards.
    archive
        Folder of the archive; made when missing.
    cluster
        Where the work is done. Workers on other machines must see the sources and the archive under the same paths.
    store
        A value of `viewer.archive.stores.StoreKind`; "shard" when None, "sqlite" for an encrypted archive.
    overwrite, check
        See `viewer.archive.one_series.Options`.
    deidentify
        Write nothing that leads to a patient. The key that makes the UIDs lies beside the manifest, for this user
        alone; without it nobody finds the way back, with it further runs give the same UIDs.
    encrypt
        Encrypt the whole archive with a key: values, tables, tags, and the names of folders.
    tell
        Called with each outcome.

    Returns
    -------
    list[Summary]
        One a shard; they are in the archive too.

    Raises
    ------
    ViewerError
        There is no manifest, the archive cannot be written, is encrypted with another key or half encrypted, a shard
        is being converted by another run, the scheduler does not answer, or the packages of the extra are missing.
    """
    require("zarr", "pyarrow", *(("cryptography",) if encrypt is not None else ()))
    store = _layout(store, encrypted=encrypt is not None)
    shards = shard_files(manifest)
    try:
        archive.mkdir(parents=True, exist_ok=True)
        mark(archive, encrypt)
    except OSError as error:
        raise export_error(error) from error
    key = _key(shards[0].parent if shards else manifest) if deidentify else b""
    if cluster.scheduler and not cluster.scheduler.startswith("tls://") and (key or encrypt):
        _log.warning("keys go to %s over connections that are not encrypted; use tls://", cluster.scheduler)
    summaries: list[Summary] = []
    with _engine(cluster) as engine:
        for shard in shards:
            with _owned(archive, shard.stem) as aside:
                options = Options(archive.resolve(), aside, store, overwrite, check, key, encrypt)
                summaries.append(_run_shard(shard, options, engine, tell))
    return summaries


def _layout(store: str | None, *, encrypted: bool) -> str:
    """The layout to write.

    Raises
    ------
    ViewerError
        A shard would have to be decrypted as a whole for each of its slices.
    """
    if not encrypted:
        return store or "shard"
    if store == "shard":
        raise ViewerError(
            "Chunks of an encrypted volume cannot lie in shards. Choose the layout sqlite, dir or zip."
        )
    return store or "sqlite"


def _key(folder: Path) -> bytes:
    """The key of a manifest's de-identification, made when it is missing.

    Raises
    ------
    ViewerError
        It cannot be made or read.
    """
    path = folder / KEY_NAME
    try:
        with suppress(FileExistsError):
            descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(secrets.token_bytes(KEY_BYTES))
        key = path.read_bytes()
    except OSError as error:
        raise export_error(error) from error
    if len(key) != KEY_BYTES:
        raise ViewerError(f"{KEY_NAME} beside the manifest is damaged. Remove it to make new UIDs.")
    return key


Engine = Callable[[Iterator[Task], Options], Iterator[Outcome]]


def _run_shard(shard: Path, options: Options, engine: Engine, tell: Tell | None) -> Summary:
    summary = Summary(shard.stem)
    started = time.monotonic()
    total = _rows_of(shard)
    try:
        tasks = tasks_of(shard)
        for outcome in engine(tasks, options):
            summary.add(outcome)
            if tell is not None:
                tell(outcome, summary.counts.total(), total)
            if outcome.status is Status.NOT_TRIED:
                break
        else:
            summary.complete = True
    finally:
        # A run that is stopped leaves a summary too; it says that it is not complete.
        summary.seconds = time.monotonic() - started
        missing = total - summary.counts.total()
        if missing:
            summary.counts[Status.NOT_TRIED.value] += missing
        _write(summary, options.archive)
    return summary


def _write(summary: Summary, archive: Path) -> None:
    try:
        summary.write(archive)
    except (OSError, ExportError):
        # On a full disk the summary is the caller's alone.
        summary.complete = False


def _rows_of(shard: Path) -> int:
    from pyarrow import parquet

    with parquet.ParquetFile(shard) as table:
        return int(table.metadata.num_rows)


# --- One run a shard ---------------------------------------------------------------------------------------------


@contextmanager
def _owned(archive: Path, shard: str) -> Iterator[Path]:
    """The folder for what is not finished of a shard, swept, with a heartbeat while the block runs.

    Raises
    ------
    ViewerError
        Another run has it.
    """
    aside = archive.resolve() / PARTIAL / shard
    alive = aside / ALIVE
    if _is_alive(alive):
        raise ViewerError(f"The shard {shard} is being converted by another run. Wait for it, or stop it.")
    try:
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        alive.write_text(json.dumps({"host": platform.node(), "process": os.getpid()}), encoding="utf-8")
    except OSError as error:
        raise export_error(error) from error
    stop = threading.Event()

    def beat() -> None:
        while not stop.wait(HEARTBEAT_S):
            try:
                os.utime(alive)
            except OSError:
                return

    thread = threading.Thread(target=beat, name="archive-heartbeat", daemon=True)
    thread.start()
    try:
        yield aside
    finally:
        stop.set()
        thread.join()
        shutil.rmtree(aside, ignore_errors=True)
        with suppress(OSError):  # another shard is at work
            aside.parent.rmdir()


def _is_alive(alive: Path) -> bool:
    try:
        age = time.time() - alive.stat().st_mtime
        owner = json.loads(alive.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return False
    if age > STALE_S:
        return False
    if owner.get("host") == platform.node() and os.name == "posix":
        try:
            os.kill(int(owner["process"]), 0)
        except ProcessLookupError:
            return False
        except (OSError, KeyError, TypeError, ValueError):
            return True
    return True


# --- Engines -----------------------------------------------------------------------------------------------------


@contextmanager
def _engine(cluster: Cluster) -> Iterator[Engine]:
    if cluster.here:
        yield _in_this_process
        return
    with client_of(cluster) as client:
        yield lambda tasks, options: _on_cluster(client, tasks, options)


def _in_this_process(tasks: Iterator[Task], options: Options) -> Iterator[Outcome]:
    for task in tasks:
        for attempt in range(1 + RETRIES):
            try:
                yield convert(task, options)
                break
            except OSError as error:
                if attempt == RETRIES:
                    yield failed_for_good(task, options, _sentence(error))


def _on_cluster(client: Any, tasks: Iterator[Task], options: Options) -> Iterator[Outcome]:
    """Outcomes in the order in which they come; only a few tasks are known to the scheduler at a time.

    When a process dies, the scheduler suspects every task it held. Those it gives up are tried again at the end, one
    at a time, so that only the one that kills fails.
    """
    from distributed import as_completed

    ahead = AHEAD * max(1, len(client.scheduler_info()["workers"]))
    waiting: dict[Any, Task] = {}
    suspects: list[Task] = []

    def submit(task: Task) -> Any:
        future = client.submit(convert, task, options, pure=False, retries=RETRIES)
        waiting[future] = task
        return future

    completed = as_completed([submit(task) for task in islice(tasks, ahead)])
    try:
        for future in completed:
            task = waiting.pop(future)
            following = next(tasks, None)
            if following is not None:
                completed.add(submit(following))
            if _was_killed(future):
                suspects.append(task)
            else:
                yield _outcome_of(future, task, options)
        for task in suspects:
            future = submit(task)
            future.exception()  # waits for its end
            del waiting[future]
            if _was_killed(future):
                yield failed_for_good(task, options, KILLED)
            else:
                yield _outcome_of(future, task, options)
    finally:
        for future in waiting:
            future.cancel()


def _was_killed(future: Any) -> bool:
    return future.status == "error" and type(future.exception()).__name__ == "KilledWorker"


def _outcome_of(future: Any, task: Task, options: Options) -> Outcome:
    if future.status == "finished":
        outcome: Outcome = future.result()
        return outcome
    if future.status == "cancelled":
        return failed_for_good(task, options, "The cluster gave the task up.")
    return failed_for_good(task, options, _sentence(future.exception()))


def _sentence(error: BaseException) -> str:
    if isinstance(error, ViewerError):
        return error.user_message
    if isinstance(error, OSError):
        return f"The archive cannot be written ({error.strerror or 'input/output error'})."
    return f"An unexpected fault of the program ({type(error).__name__})."
