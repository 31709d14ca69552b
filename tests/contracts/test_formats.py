"""What every format must keep, whoever wrote it: found by the registry, tried on what it opens and what it does not."""

from __future__ import annotations

import os
import struct
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from tests.needs import library
from tests.phantoms import write_series
from viewer.dicom.model import Problem
from viewer.errors import Cancelled, FormatError
from viewer.formats.registry import (
    Format,
    FoundFile,
    FoundNote,
    FoundVolume,
    VolumeFormat,
    format_for,
    formats,
    volume_format_for,
)
from viewer.loading.cancel import CancelToken


def _folder(tmp_path: Path) -> Path:
    (tmp_path / "study" / "series").mkdir(parents=True)
    (tmp_path / "study" / "series" / "image").write_bytes(b"content")
    return tmp_path / "study"


def _file(tmp_path: Path) -> Path:
    (tmp_path / "image").write_bytes(b"content")
    return tmp_path / "image"


def _archive(tmp_path: Path) -> Path:
    with zipfile.ZipFile(tmp_path / "study.zip", "w") as archive:
        archive.writestr("series/image", b"content")
    return tmp_path / "study.zip"


def _media_directory(tmp_path: Path) -> Path:
    folder = _folder(tmp_path)
    (folder / "DICOMDIR").write_bytes(b"broken")
    return folder / "DICOMDIR"


def _array(tmp_path: Path) -> Path:
    np.save(tmp_path / "ct.npy", np.arange(24, dtype=np.int16).reshape(2, 3, 4))
    return tmp_path / "ct.npy"


def _nifti(tmp_path: Path) -> Path:
    header = bytearray(352)
    struct.pack_into("<i", header, 0, 348)
    struct.pack_into("<8h", header, 40, 3, 4, 3, 2, 1, 1, 1, 1)
    struct.pack_into("<hh", header, 70, 4, 16)
    struct.pack_into("<8f", header, 76, 1, 1, 1, 1, 1, 1, 1, 1)
    struct.pack_into("<f", header, 108, 352)
    header[344:348] = b"n+1\0"
    (tmp_path / "ct.nii").write_bytes(bytes(header) + np.arange(24, dtype="<i2").tobytes())
    return tmp_path / "ct.nii"


def _zarr(tmp_path: Path) -> Path:
    library("zarr")
    library("pyarrow")
    from tests.archive.hospital import archive_of
    from viewer.archive.reader import volumes_below

    array = np.arange(24, dtype=np.int16).reshape(2, 3, 4)
    write_series(
        tmp_path / "study", array, np.diag([3.0, 2.0, 1.0, 1.0])[:, [2, 1, 0, 3]], SeriesDescription="ct"
    )
    archive, _ = archive_of(tmp_path / "study", tmp_path)
    (volume,) = volumes_below(archive)
    return volume.rename(tmp_path / "ct.zarr")


SAMPLES: dict[str, Callable[[Path], Path]] = {
    "dicom-folder": _folder,
    "dicom-file": _file,
    "zip": _archive,
    "dicomdir": _media_directory,
    "nifti": _nifti,
    "numpy": _array,
    "zarr": _zarr,
}

volume_formats = [reader for reader in formats() if isinstance(reader, VolumeFormat)]
each_volume_format = pytest.mark.parametrize("reader", volume_formats, ids=lambda reader: reader.id)
each_format = pytest.mark.parametrize("reader", formats(), ids=lambda reader: reader.id)


@each_format
def test_that_a_format_has_all_attributes_and_a_sample_here(reader: Format) -> None:
    assert isinstance(reader, Format)
    assert reader.name
    assert reader.id in SAMPLES, "add a sample for the new format"


def test_that_ids_and_priorities_are_unique() -> None:
    assert len({reader.id for reader in formats()}) == len(formats())
    assert len({reader.priority for reader in formats()}) == len(formats())


@each_format
def test_that_a_format_opens_its_sample_and_yields_regular_files_with_their_bytes(
    reader: Format, tmp_path: Path
) -> None:
    path = SAMPLES[reader.id](tmp_path)
    assert reader.can_open(path)
    assert format_for(path) is reader
    found = list(reader.expand(path, CancelToken()))
    if isinstance(reader, VolumeFormat):
        assert [type(item) for item in found] == [FoundVolume]
        return
    files = [item for item in found if isinstance(item, FoundFile)]
    assert all(isinstance(item, FoundFile | FoundNote | Problem) for item in found)
    assert [file.path.read_bytes() for file in files] == [b"content"]
    assert all(file.path.is_absolute() and file.path.is_file() for file in files)
    assert all("\\" not in file.shown and not Path(file.shown).is_absolute() for file in files)


def _told(item: object) -> object:
    """What tells an item from others."""
    if isinstance(item, FoundVolume):
        return [series.uid for series in item.study.series]
    return getattr(item, "shown", item)


@each_format
def test_that_a_format_yields_the_same_order_twice(reader: Format, tmp_path: Path) -> None:
    path = SAMPLES[reader.id](tmp_path)
    first, second = ([_told(item) for item in reader.expand(path, CancelToken())] for _ in range(2))
    assert first == second


@each_format
def test_that_a_format_obeys_a_token_that_is_set(reader: Format, tmp_path: Path) -> None:
    token = CancelToken()
    token.cancel()
    with pytest.raises(Cancelled):
        list(reader.expand(SAMPLES[reader.id](tmp_path), token))


@each_format
@pytest.mark.skipif(os.name != "posix", reason="a pipe")
def test_that_no_format_wants_a_pipe(reader: Format, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert not reader.can_open(tmp_path / "pipe")


@each_format
def test_that_a_vanished_path_is_an_expected_error_or_a_problem(reader: Format, tmp_path: Path) -> None:
    path = SAMPLES[reader.id](tmp_path)
    moved = tmp_path / "moved"
    path.rename(moved)
    try:
        found = list(reader.expand(path, CancelToken()))
    except (FormatError, OSError):
        return
    assert not [
        item for item in found if isinstance(item, FoundFile) and item.path.exists() and item.path == path
    ]


@each_volume_format
def test_that_a_volume_is_found_among_other_files_too_and_is_ready_for_the_catalogue(
    reader: VolumeFormat, tmp_path: Path
) -> None:
    path = SAMPLES[reader.id](tmp_path)
    assert path.name.endswith(reader.endings)
    assert all(ending == ending.lower() and ending.startswith(".") for ending in reader.endings)
    assert volume_format_for(path) is reader
    found = reader.read(path, f"archive.zip/{path.name}", CancelToken())
    assert found is not None
    (series,) = found.study.series
    assert series.study_uid == found.study.uid
    assert series.paths == (path,)
    assert series.description == "ct"
    (stack,) = series.stacks
    assert stack.source is not None
    assert stack.geometry.shape == (2, 3, 4)
    slices = [stack.source.read(frame) for frame in stack.frames]
    assert all(values.dtype == stack.source.dtype for values in slices)
    assert np.array_equal(slices, np.arange(24).reshape(2, 3, 4))


@each_volume_format
def test_that_a_volume_s_slices_may_be_asked_for_in_any_order(reader: VolumeFormat, tmp_path: Path) -> None:
    found = reader.read(SAMPLES[reader.id](tmp_path), "ct", CancelToken())
    assert found is not None
    (stack,) = found.study.series[0].stacks
    assert stack.source is not None
    for k in (1, 0, 0, 1, 1, 0):
        assert stack.source.read(stack.frames[k])[0, 0] == 12 * k


@each_volume_format
def test_that_a_name_alone_makes_no_volume(reader: VolumeFormat, tmp_path: Path) -> None:
    for ending in reader.endings:
        path = tmp_path / f"image{ending}"
        path.write_bytes(bytes(128) + b"DICM" + bytes(600))
        assert volume_format_for(path) is None
