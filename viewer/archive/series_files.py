"""What lies beside the volumes of a series: `series.json` and `slices.csv`."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from viewer.archive.keys import KeyFinder, find_key
from viewer.archive.layout import SliceRecord
from viewer.archive.record import to_plain
from viewer.archive.sealing import ArchiveKey, Seal, is_sealed, key_id_of
from viewer.dicom.common_tags import common_tags
from viewer.dicom.header import Header
from viewer.dicom.model import Series, Stack, Study
from viewer.dicom.read import read_header
from viewer.errors import DecodeError, FormatError, ViewerError

SERIES_NAME = "series.json"
SLICES_NAME = "slices.csv"
FORMAT = "triptych-archive"
VERSION = 1

_OF_HEADER = (
    "instance_number",
    "acquisition_number",
    "acquisition_date",
    "acquisition_time",
    "content_date",
    "content_time",
    "thickness_mm",
    "kvp",
    "tube_current_ma",
    "echo_time_ms",
    "b_value",
    "trigger_time_ms",
    "frame_reference_time_ms",
    "frame_duration_ms",
)
"""Fields of the header of the file that go into `slices.csv`."""

SLICE_COLUMNS = (
    "volume",
    "k",
    "path",
    "frame",
    "sop_instance_uid",
    "x_mm",
    "y_mm",
    "z_mm",
    "slope",
    "intercept",
    *_OF_HEADER,
    "md5",
    "problem",
)


@dataclass(frozen=True)
class StoredVolume:
    """A volume of a series: its name in the folder, where it came from, and its slices."""

    name: str
    stack: Stack
    slices: Sequence[SliceRecord]


def write_series_json(
    path: Path,
    series: Series,
    study: Study,
    volumes: Sequence[StoredVolume],
    source: Mapping[str, Any],
    *,
    key: ArchiveKey | None = None,
) -> None:
    """Write what holds for the whole series.

    Parameters
    ----------
    path
        The file.
    series, study
        Of the catalogue.
    volumes
        What was written.
    source
        What else is to be known: the digest of the manifest, the layout, what came of it, common tags.
    key
        Encrypts it.
    """
    content = {
        "format": FORMAT,
        "version": VERSION,
        **source,
        "study": to_plain(study, frozenset({"series"})),
        "series": to_plain(series, frozenset({"stacks", "paths"})),
        "volumes": [
            {
                "name": volume.name,
                "label": volume.stack.label,
                "shape": list(volume.stack.geometry.shape),
                "modality": volume.stack.modality,
                "unit": volume.stack.unit,
                "problems": sum(bool(record.problem) for record in volume.slices),
            }
            for volume in volumes
        ],
    }
    text = json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)
    _write(path, text.encode("utf-8"), key)


def read_series_json(folder: Path, find: KeyFinder = find_key) -> dict[str, Any]:
    """The content of `series.json`.

    Parameters
    ----------
    folder
        Of the series.
    find
        Gives the key when it is encrypted.

    Raises
    ------
    FormatError
        It is damaged, of something else, or its key is not here.
    OSError
        It cannot be read.
    """
    try:
        content = json.loads(_read(folder / SERIES_NAME, find).decode("utf-8"))
    except ValueError as error:
        raise FormatError(f"{SERIES_NAME} of {folder.name} is damaged.") from error
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise FormatError(f"{SERIES_NAME} of {folder.name} was not written by this program.")
    return content


def series_tags(stacks: Sequence[Stack]) -> dict[str, Any]:
    """What the first, the middle and the last file of a series have in common, as DICOM JSON."""
    files = list(dict.fromkeys(frame.path for stack in stacks for frame in stack.frames))
    return common_tags(list(dict.fromkeys((files[0], files[len(files) // 2], files[-1])))) if files else {}


def write_slices_csv(
    path: Path, volumes: Sequence[StoredVolume], *, identity: bool = True, key: ArchiveKey | None = None
) -> None:
    """Write what holds for single slices; without identity neither sources nor dates and times."""
    headers: dict[Path, Header | None] = {}
    with io.StringIO(newline="") as file:
        writer = csv.writer(file)
        writer.writerow(SLICE_COLUMNS)
        for volume in volumes:
            places = volume.stack.geometry.to_patient([[k, 0, 0] for k in range(len(volume.slices))])
            oriented = volume.stack.geometry.oriented
            for k, (frame, record) in enumerate(zip(volume.stack.frames, volume.slices, strict=True)):
                if frame.path not in headers:
                    headers[frame.path] = _header(frame.path)
                header = headers[frame.path]
                writer.writerow(
                    (
                        volume.name,
                        k,
                        str(frame.path) if identity else "",
                        frame.frame,
                        record.sop_instance_uid,
                        *(map(repr, places[k].tolist()) if oriented else ("", "", "")),
                        repr(record.slope),
                        repr(record.intercept),
                        *(_text(header, name, identity=identity) for name in _OF_HEADER),
                        record.md5,
                        record.problem,
                    )
                )
        _write(path, file.getvalue().encode("utf-8", "surrogateescape"), key)


def read_slices_csv(folder: Path, find: KeyFinder = find_key) -> list[dict[str, str]]:
    """The rows of `slices.csv`.

    Parameters
    ----------
    folder
        Of the series.
    find
        Gives the key when it is encrypted.

    Raises
    ------
    FormatError
        It is damaged, or its key is not here.
    OSError
        It cannot be read.
    """
    text = _read(folder / SLICES_NAME, find).decode("utf-8", "surrogateescape")
    with io.StringIO(text, newline="") as file:
        rows = csv.DictReader(file)
        if rows.fieldnames is None or not {"volume", "k", "path", "md5"} <= set(rows.fieldnames):
            raise FormatError(f"{SLICES_NAME} of {folder.name} is damaged.")
        return list(rows)


def _write(path: Path, content: bytes, key: ArchiveKey | None) -> None:
    """Write a new file, sealed when there is a key."""
    with path.open("xb") as file:
        file.write(content if key is None else Seal(key).close(path.name, content))


def _read(path: Path, find: KeyFinder) -> bytes:
    """The content of a file, opened when it is sealed."""
    content = path.read_bytes()
    if not is_sealed(content):
        return content
    try:
        return Seal.of(content, find(key_id_of(content))).open(path.name, content)
    except DecodeError as error:
        raise FormatError(f"{path.name} of {path.parent.name}: {error.user_message}") from error


def is_encrypted(folder: Path) -> bool:
    """Whether both files of a series are sealed.

    Raises
    ------
    OSError
        One cannot be read.
    """
    return all(is_sealed((folder / name).read_bytes()) for name in (SERIES_NAME, SLICES_NAME))


def _header(path: Path) -> Header | None:
    try:
        return read_header(path)
    except (ViewerError, OSError):
        return None


def _text(header: Header | None, name: str, *, identity: bool) -> str:
    if header is None or (not identity and name.endswith(("_date", "_time"))):
        return ""
    value = getattr(header, name)
    return "" if value is None else str(value)
