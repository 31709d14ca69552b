"""Every series below some folders, found with bounded memory, and shared out in shards for the conversion.

Beside the manifest lies `index.sqlite`, which knows each file by path, size and time: a search that was stopped goes
on where it was, and a second one reads only what is new or changed and forgets what is gone. No name of a patient is
kept, only a digest that tells patients apart.

What is written
---------------
`series_all.parquet`, `series_all.csv`
    One row a series (`COLUMNS`), also those that are left out, with the reason in `left_out`: scouts and topograms
    (rule A04), captures, objects without pictures.
`series_000.parquet`, `series_000.csv`, ...
    The series to convert; the Parquet files have a further column `files` with every path, as the bytes of the
    system, because names of files need not be text.
`files.csv`
    Every file that could not be read, with the reason.
`manifest.json`
    Counts, and what was searched.
"""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from viewer.archive.extra import require
from viewer.atomic import write_bytes, written_aside
from viewer.dicom.charset import clean_text
from viewer.dicom.entries import kind_of_entry
from viewer.dicom.header import Header
from viewer.dicom.index import Indexer, patient_key, series_identity
from viewer.dicom.model import SeriesKind
from viewer.dicom.read import read_header
from viewer.dicom.series import LOCALIZER_HINTS, is_capture, is_localizer
from viewer.dicom.sop_classes import DICOMDIR, kind_of_class
from viewer.errors import FormatError, NotDicomError, ViewerError

INDEX_NAME = "index.sqlite"
ALL_NAME = "series_all"
SUMMARY_NAME = "manifest.json"
PROBLEMS_NAME = "files.csv"
SERIES_A_SHARD = 1000
"""Series in a shard when the user names no number of shards."""
ROWS_AT_ONCE = 256

_VERSION = 1
_UID = re.compile(r"[0-9][0-9.]{0,63}")
_COMMIT_EVERY = 2000

_SCHEMA = """
CREATE TABLE IF NOT EXISTS series (
    id INTEGER PRIMARY KEY, patient TEXT NOT NULL, study_uid TEXT NOT NULL, series_uid TEXT NOT NULL,
    modality TEXT NOT NULL, number INTEGER, description TEXT NOT NULL, date TEXT NOT NULL,
    UNIQUE (patient, study_uid, series_uid)
);
CREATE TABLE IF NOT EXISTS files (
    path BLOB PRIMARY KEY, size INTEGER NOT NULL, mtime_ns INTEGER NOT NULL, seen INTEGER NOT NULL,
    series INTEGER, kind TEXT NOT NULL, problem TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS files_of_series ON files (series);
"""

Tell = Callable[[int, int], None]
"""Called now and then with files met and files read."""


@dataclass(frozen=True)
class SeriesRow:
    """One series of the manifest.

    Parameters
    ----------
    patient
        Digest of what tells patients apart (rule A01).
    file_count, images, localizers, captures, objects
        Number of files, and what they are: pictures that may form volumes, scouts, pages about the study, objects
        without pictures.
    nbytes
        Bytes of all files.
    folder
        Folder of the first file.
    name
        Folder of the series in an archive: study and series, made unlike others where two patients share the UIDs.
    left_out
        Why the series is not converted, or "".
    digest
        Of the paths, sizes and times of its files; tells whether anything changed.
    """

    patient: str
    study_uid: str
    series_uid: str
    modality: str
    number: int | None
    description: str
    date: str
    file_count: int
    images: int
    localizers: int
    captures: int
    objects: int
    nbytes: int
    folder: str
    name: str
    left_out: str
    digest: str


COLUMNS = tuple(item.name for item in fields(SeriesRow))
_NUMBERS = frozenset({"number", "file_count", "images", "localizers", "captures", "objects", "nbytes"})


@dataclass(frozen=True)
class Task:
    """A series to convert: its row and its files.

    Neither is shown in messages: a scheduler's log names the arguments of what failed, and paths may name patients.
    """

    row: SeriesRow = field(repr=False)
    files: tuple[str, ...] = field(repr=False)


@dataclass
class Scan:
    """What a search found.

    Parameters
    ----------
    roots
        Folders that were searched.
    files, read, not_dicom, damaged
        Files met, files whose header was read in this run, files of other kinds, files that could not be read.
    localizers
        Scouts and topograms among the pictures (rule A04).
    series, convertible
        Series found, and those that will be converted.
    left_out
        Reason to number of series.
    shards
        Number of shards written.
    """

    roots: list[str]
    version: int = _VERSION
    files: int = 0
    read: int = 0
    not_dicom: int = 0
    damaged: int = 0
    localizers: int = 0
    series: int = 0
    convertible: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    shards: int = 0


def scan(roots: Sequence[Path], folder: Path, *, shards: int | None = None, tell: Tell | None = None) -> Scan:
    """Search folders and write the manifest.

    Parameters
    ----------
    roots
        Folders. Links in them are not followed.
    folder
        Where the manifest goes; made when missing. What is in it is brought up to date.
    shards
        Number of shards; one for each thousand series when None. A series keeps its shard while this stays the same.
    tell
        Called now and then.

    Raises
    ------
    ViewerError
        A root is no folder, or the packages of the extra are missing.
    ExportError
        The manifest cannot be written.
    """
    require("pyarrow")
    found = Scan([str(root.resolve()) for root in roots])
    for root in roots:
        if not root.is_dir():
            raise ViewerError(f"{root.name or root}: there is no such folder.")
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with closing(_database(folder / INDEX_NAME)) as database:
        run = 1 + int(database.execute("SELECT coalesce(max(seen), 0) FROM files").fetchone()[0])
        for top in found.roots:
            _search(database, top, run, found, tell)
        _forget(database, found.roots, run)
        _write(database, folder, found, shards)
    write_bytes(folder / SUMMARY_NAME, json.dumps(asdict(found), indent=2).encode())
    return found


def shard_files(manifest: Path) -> list[Path]:
    """The Parquet files of the shards of a manifest folder, or the one that is named.

    Raises
    ------
    FormatError
        There is no manifest.
    """
    if manifest.is_file() and manifest.suffix == ".parquet":
        return [manifest]
    found = [] if not manifest.is_dir() else sorted(manifest.glob("series_[0-9]*.parquet"))
    if not found and not (manifest / SUMMARY_NAME).is_file():
        raise FormatError(f"{manifest.name}: this is no manifest; make one with: triptych archive scan")
    return found


def tasks_of(shard: Path) -> Iterator[Task]:
    """The series of a shard, a few at a time in memory.

    Raises
    ------
    FormatError
        The file is damaged.
    """
    require("pyarrow")
    import pyarrow as pa
    from pyarrow import parquet

    try:
        with parquet.ParquetFile(shard) as table:
            for batch in table.iter_batches(batch_size=ROWS_AT_ONCE):
                for plain in batch.to_pylist():
                    files = tuple(os.fsdecode(path) for path in plain.pop("files"))
                    yield Task(SeriesRow(**plain), files)
    except (pa.ArrowInvalid, KeyError, TypeError) as error:
        raise FormatError(f"{shard.name}: the manifest is damaged or of another version.") from error


# --- Searching ---------------------------------------------------------------------------------------------------


def _database(path: Path) -> sqlite3.Connection:
    try:
        database = sqlite3.connect(path, isolation_level=None)
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("PRAGMA synchronous = NORMAL")
        database.executescript(_SCHEMA)
    except sqlite3.Error as error:
        raise FormatError(
            f"{path.name}: the index of the manifest is damaged; remove it to search anew."
        ) from error
    return database


def files_below(root: str) -> Iterator[os.DirEntry[str]]:
    """Regular files below a folder, in the order of the disk; links are not followed, a folder is entered once.

    Folders that cannot be listed are passed over.
    """
    waiting = [root]
    entered: set[tuple[int, int]] = set()
    while waiting:
        folder = waiting.pop()
        try:
            status = os.stat(folder)  # noqa: PTH116 - the walk works on strings, a Path per entry would cost more
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            with os.scandir(folder) as listing:
                for entry in listing:
                    kind = kind_of_entry(entry)
                    if kind == "folder":
                        if not _is_volume(entry.path):
                            waiting.append(entry.path)
                    elif kind == "file":
                        yield entry
        except OSError:
            continue


def _is_volume(folder: str) -> bool:
    """Whether a folder is a converted volume, as when an archive lies below a root: its chunks are no series."""
    return folder.endswith(".zarr") and Path(folder, "zarr.json").is_file()


def _search(database: sqlite3.Connection, root: str, run: int, found: Scan, tell: Tell | None) -> None:
    """Bring the index up to date with a folder."""
    open_rows = 0
    database.execute("BEGIN")
    try:
        for entry in files_below(root):
            found.files += 1
            try:
                status = entry.stat(follow_symlinks=False)
            except OSError:
                continue
            path = os.fsencode(entry.path)
            known = database.execute("SELECT size, mtime_ns FROM files WHERE path = ?", (path,)).fetchone()
            if known == (status.st_size, status.st_mtime_ns):
                database.execute("UPDATE files SET seen = ? WHERE path = ?", (run, path))
            else:
                found.read += 1
                series, kind, problem = _judged(database, entry.path)
                database.execute(
                    "INSERT OR REPLACE INTO files VALUES (?, ?, ?, ?, ?, ?, ?)",
                    (path, status.st_size, status.st_mtime_ns, run, series, kind, problem),
                )
            open_rows += 1
            if open_rows >= _COMMIT_EVERY:
                database.execute("COMMIT")
                database.execute("BEGIN")
                open_rows = 0
            if tell is not None and found.files % 100 == 0:
                tell(found.files, found.read)
    finally:
        # What was read stays known, also when the user stops the search.
        database.execute("COMMIT")


def _judged(database: sqlite3.Connection, path: str) -> tuple[int | None, str, str]:
    """(series, what the file is, what is wrong with it)."""
    try:
        header = read_header(path)
    except NotDicomError:
        return None, "not DICOM", ""
    except ViewerError as error:
        return None, "damaged", error.user_message
    except OSError as error:
        return None, "damaged", f"The file cannot be read ({error.strerror or type(error).__name__})."
    if header.sop_class == DICOMDIR:
        return None, "not DICOM", ""
    return _series_id(database, header), _kind_of(header), ""


def _kind_of(header: Header) -> str:
    kind = kind_of_class(header.sop_class)
    if not header.is_image or (kind is not None and not kind.has_images):
        return "object"
    return "localizer" if is_localizer(header) else "capture" if is_capture(header) else "image"


def _series_id(database: sqlite3.Connection, header: Header) -> int:
    patient = hashlib.sha256(patient_key(header).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    key = (patient, header.study_uid, series_identity(header))
    known = database.execute(
        "SELECT id FROM series WHERE patient = ? AND study_uid = ? AND series_uid = ?", key
    ).fetchone()
    if known is not None:
        return int(known[0])
    facts = (
        clean_text(header.modality),
        header.series_number,
        clean_text(header.series_description or header.protocol),
        header.series_date or header.acquisition_date or header.study_date,
    )
    cursor = database.execute(
        "INSERT INTO series (patient, study_uid, series_uid, modality, number, description, date) "
        "VALUES (?, ?, ?, ?, ?, ?, ?)",
        (*key, *facts),
    )
    return int(cursor.lastrowid or 0)


def _forget(database: sqlite3.Connection, roots: Sequence[str], run: int) -> None:
    """Drop files below the roots that this run did not meet, and series without files."""
    with database:
        for root in roots:
            low = os.fsencode(root.rstrip(os.sep) + os.sep)
            high = low[:-1] + bytes([low[-1] + 1])
            database.execute("DELETE FROM files WHERE path >= ? AND path < ? AND seen <> ?", (low, high, run))
        database.execute(
            "DELETE FROM series WHERE id NOT IN (SELECT series FROM files WHERE series IS NOT NULL)"
        )


# --- Writing -----------------------------------------------------------------------------------------------------


def _write(database: sqlite3.Connection, folder: Path, found: Scan, shards: int | None) -> None:
    found.not_dicom = _count(database, "not DICOM")
    found.damaged = _count(database, "damaged")
    total = int(database.execute("SELECT count(*) FROM series").fetchone()[0])
    found.shards = shards or max(1, -(-total // SERIES_A_SHARD))
    width = max(3, len(str(found.shards - 1)))
    names = [f"series_{n:0{width}d}" for n in range(found.shards)]
    with _tables(folder, [ALL_NAME, *names]) as tables:
        for row, files in _rows(database):
            found.series += 1
            found.localizers += row.localizers + (row.images if row.left_out == "localizer" else 0)
            tables[0].add(row, ())
            if row.left_out:
                found.left_out[row.left_out] = found.left_out.get(row.left_out, 0) + 1
            else:
                found.convertible += 1
                tables[1 + _shard_of(row, found.shards)].add(row, files)
    for old in folder.glob("series_[0-9]*.*"):
        if old.stem not in names:
            old.unlink()
    with (
        written_aside(folder / PROBLEMS_NAME) as aside,
        aside.open("x", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file)
        writer.writerow(("path", "reason"))
        for path, reason in database.execute(
            "SELECT path, problem FROM files WHERE kind = 'damaged' ORDER BY path"
        ):
            writer.writerow((_printable(os.fsdecode(path)), reason))


def _count(database: sqlite3.Connection, kind: str) -> int:
    return int(database.execute("SELECT count(*) FROM files WHERE kind = ?", (kind,)).fetchone()[0])


def _shard_of(row: SeriesRow, shards: int) -> int:
    """The same for a series in every run."""
    key = f"{row.patient}|{row.study_uid}|{row.series_uid}".encode("utf-8", "surrogateescape")
    return int.from_bytes(hashlib.sha256(key).digest()[:8]) % shards


def _rows(database: sqlite3.Connection) -> Iterator[tuple[SeriesRow, tuple[str, ...]]]:
    """Each series with its files, one in memory at a time."""
    series = database.execute(
        "SELECT id, count(*) OVER (PARTITION BY study_uid, series_uid), "
        "patient, study_uid, series_uid, modality, number, description, date FROM series ORDER BY id"
    )
    for number, times, *facts in series:
        members = database.execute(
            "SELECT path, size, mtime_ns, kind FROM files WHERE series = ? ORDER BY path", (number,)
        ).fetchall()
        files = tuple(os.fsdecode(path) for path, *_ in members)
        kinds = [kind for *_, kind in members]
        digest = hashlib.sha256(repr([member[:3] for member in members]).encode()).hexdigest()[:32]
        patient, study_uid, series_uid, modality, order, description, date = facts
        row = SeriesRow(
            patient=patient,
            study_uid=study_uid,
            series_uid=series_uid,
            modality=modality,
            number=order,
            description=description,
            date=date,
            file_count=len(members),
            images=kinds.count("image"),
            localizers=kinds.count("localizer"),
            captures=kinds.count("capture"),
            objects=kinds.count("object"),
            nbytes=sum(size for _, size, *_ in members),
            folder=os.path.dirname(files[0]),  # noqa: PTH120 - may not be text
            name=_name(patient, study_uid, series_uid, twice=times > 1),
            left_out="",
            digest=digest,
        )
        yield replace(row, left_out=_left_out(row, files)), files


def _name(patient: str, study_uid: str, series_uid: str, *, twice: bool) -> str:
    series = _safe(series_uid)
    return f"{_safe(study_uid)}/{series}@{patient}" if twice else f"{_safe(study_uid)}/{series}"


def _safe(uid: str) -> str:
    """A UID as the name of a folder; a digest when it is none."""
    if _UID.fullmatch(uid):
        return uid
    return "x" + hashlib.sha256(uid.encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _left_out(row: SeriesRow, files: Sequence[str]) -> str:
    if row.images:
        return "localizer" if _is_survey(row, files) else ""
    if row.localizers:
        return "localizer"
    return "capture" if row.captures else "no pictures"


def _is_survey(row: SeriesRow, files: Sequence[str]) -> bool:
    """Whether a series that is named like one is a scout by its planes (rule A04): decided as the viewer does."""
    if not any(hint in row.description.lower() for hint in LOCALIZER_HINTS):
        return False
    indexer = Indexer()
    for path in files:
        indexer.add(Path(path))
    kinds = {
        stack.kind
        for study in indexer.catalogue(complete=True).studies
        for series in study.series
        for stack in series.stacks
    }
    return kinds == {SeriesKind.LOCALIZER}


def _printable(text: str) -> str:
    """A path that may hold bytes that are no text, for people."""
    return text.encode("utf-8", "backslashreplace").decode()


class _Table:
    """A Parquet and a CSV file that grow together."""

    def __init__(self, parquet_path: Path, csv_path: Path, *, with_files: bool) -> None:
        import pyarrow as pa
        from pyarrow import parquet

        columns = [(name, pa.int64() if name in _NUMBERS else pa.string()) for name in COLUMNS]
        if with_files:
            columns.append(("files", pa.list_(pa.binary())))
        self._schema = pa.schema(columns)
        self._batch_of = pa.RecordBatch.from_pylist
        self._parquet = parquet.ParquetWriter(parquet_path, self._schema, compression="zstd")
        self._csv = csv_path.open("x", newline="", encoding="utf-8")
        self._writer = csv.writer(self._csv)
        self._writer.writerow(COLUMNS)
        self._with_files = with_files
        self._waiting: list[dict[str, Any]] = []

    def add(self, row: SeriesRow, files: Sequence[str]) -> None:
        """Append a series."""
        plain = {name: _printable(v) if isinstance(v, str) else v for name, v in asdict(row).items()}
        self._writer.writerow(plain.values())
        if self._with_files:
            plain["files"] = [os.fsencode(path) for path in files]
        self._waiting.append(plain)
        if len(self._waiting) >= ROWS_AT_ONCE:
            self._flush()

    def _flush(self) -> None:
        if self._waiting:
            self._parquet.write_batch(self._batch_of(self._waiting, schema=self._schema))
            self._waiting = []

    def close(self) -> None:
        """Write what is waiting and close both files."""
        self._flush()
        self._parquet.close()
        self._csv.close()


@contextmanager
def _tables(folder: Path, names: Sequence[str]) -> Iterator[list[_Table]]:
    """A table for each name; all of them take their places when the block ends well. The first has no paths."""
    with ExitStack() as stack:
        pairs = [
            [
                stack.enter_context(written_aside(folder / f"{name}{ending}"))
                for ending in (".parquet", ".csv")
            ]
            for name in names
        ]
        tables = [_Table(*pair, with_files=n > 0) for n, pair in enumerate(pairs)]
        with ExitStack() as closers:
            for table in tables:
                closers.callback(table.close)
            yield tables
