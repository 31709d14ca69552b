"""The registry of scans: a small SQLite database of what was served, where it lies and what grid it has.

The table `scans`: `id` (the name in addresses), `path`, `name`, `modality`, `slices`, `rows`, `columns`,
`spacing_slice_mm`, `spacing_row_mm`, `spacing_column_mm`, `origin_x_mm`, `origin_y_mm`, `origin_z_mm` (LPS of the first
voxel), `seen` (when it was served last, UTC). Path and name may name a patient: the file is for its owner alone.
"""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterable, Sequence
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from viewer.archive.address import Address, Place
from viewer.errors import ViewerError
from viewer.service.shelf import Scan

APPLICATION_ID = 0x54726970
"""Says that a database is one of ours (SQLite's `application_id`)."""
_COLUMNS = (
    "id", "path", "name", "modality", "slices", "rows", "columns",
    "spacing_slice_mm", "spacing_row_mm", "spacing_column_mm",
    "origin_x_mm", "origin_y_mm", "origin_z_mm", "seen",
)  # fmt: skip
_TABLE = """
CREATE TABLE IF NOT EXISTS scans (
    id TEXT PRIMARY KEY, path TEXT NOT NULL, name TEXT NOT NULL, modality TEXT NOT NULL,
    slices INTEGER NOT NULL, rows INTEGER NOT NULL, columns INTEGER NOT NULL,
    spacing_slice_mm REAL NOT NULL, spacing_row_mm REAL NOT NULL, spacing_column_mm REAL NOT NULL,
    origin_x_mm REAL NOT NULL, origin_y_mm REAL NOT NULL, origin_z_mm REAL NOT NULL, seen TEXT NOT NULL
)"""


class Registry:
    """Thread-safe.

    Parameters
    ----------
    file
        The database, made when it is not there; None for one in memory.

    Raises
    ------
    ViewerError
        The file cannot be used, or is something else.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._lock = threading.Lock()
        name = ":memory:" if file is None else file.name
        try:
            if file is not None:
                # Made here, so that nobody else can read it from the first moment on.
                os.close(os.open(file, os.O_RDWR | os.O_CREAT, 0o600))
            self._connection = sqlite3.connect(file or ":memory:", check_same_thread=False)
        except (OSError, sqlite3.Error) as error:
            raise ViewerError(f"{name}: the registry cannot be opened or made there.") from error
        try:
            self._prepare()
        except (sqlite3.Error, ViewerError) as error:
            self._connection.close()
            if isinstance(error, ViewerError):
                raise
            raise ViewerError(f"{name}: this is no registry of scans; choose another file.") from error

    def close(self) -> None:
        """Let the file go."""
        with self._lock:
            self._connection.close()

    def add(self, scans: Iterable[Scan], roots: Sequence[Place]) -> None:
        """Enter what is served now; what is known already is replaced.

        Parameters
        ----------
        scans
            What is served.
        roots
            What the user named; stands for scans whose files are unpacked elsewhere.

        Raises
        ------
        ViewerError
            The database cannot be written.
        """
        seen = datetime.now(UTC).isoformat(timespec="seconds")
        rows = [_row(scan, roots, seen) for scan in scans]
        marks = ", ".join("?" * len(_COLUMNS))
        try:
            with self._lock, self._connection:
                self._connection.executemany(
                    f"INSERT OR REPLACE INTO scans ({', '.join(_COLUMNS)}) VALUES ({marks})",  # noqa: S608
                    rows,
                )
        except sqlite3.Error as error:
            raise ViewerError(
                "The registry of scans cannot be written; its disk may be full or read-only."
            ) from error

    def rows(self) -> list[dict[str, Any]]:
        """All scans, by path."""
        query = f"SELECT {', '.join(_COLUMNS)} FROM scans ORDER BY path, id"  # noqa: S608 - no value of a user
        with self._lock, closing(self._connection.execute(query)) as cursor:
            return [dict(zip(_COLUMNS, row, strict=True)) for row in cursor]

    def _prepare(self) -> None:
        (mark,) = self._connection.execute("PRAGMA application_id").fetchone()
        (tables,) = self._connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
        if mark != APPLICATION_ID and tables:
            raise sqlite3.DatabaseError("of another program")
        with self._connection:
            self._connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
            self._connection.execute(_TABLE)


def _row(scan: Scan, roots: Sequence[Place], seen: str) -> tuple[Any, ...]:
    geometry = scan.stack.geometry
    series = scan.series
    number = "" if series.number is None else f" {series.number}"
    name = series.description or f"{series.modality or 'image'} series{number}"
    return (
        scan.id,
        str(_place(scan, roots)),
        name,
        series.modality,
        *geometry.shape,
        *geometry.spacing_mm,
        *(float(mm) for mm in geometry.to_patient((0, 0, 0))),
        seen,
    )


def _place(scan: Scan, roots: Sequence[Place]) -> Path:
    """The file or folder of a scan; what the user named when it was unpacked from that."""
    paths = {frame.path for frame in scan.stack.frames}
    first = min(paths)
    place = first if len(paths) == 1 else Path(os.path.commonpath(paths))
    if any(isinstance(root, Address) and place.is_relative_to(root.path) for root in roots):
        return place
    here = [root for root in roots if isinstance(root, Path)]
    whole = [root.resolve() for root in here]
    if any(place.resolve().is_relative_to(root) for root in whole):
        return place
    # A DICOMDIR lies beside its files; a zip archive is unpacked into a temporary folder.
    beside = any(place.resolve().is_relative_to(root.parent) for root in whole)
    return place if beside or len(here) != 1 else here[0]
