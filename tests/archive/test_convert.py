"""The conversion: what is in the archive is what the files hold, and only what is whole has a name."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.archive.hospital import HERE, archive_of, copy_of, names_in, tasks_in
from tests.dicom.reading import catalogue_of, filled
from tests.needs import library
from tests.phantoms import PET_SLOPES, ramp_affine, uid_of, write_ramp
from viewer.archive.manifest import scan
from viewer.archive.one_series import chosen
from viewer.archive.outcome import summarize
from viewer.archive.series_files import read_slices_csv
from viewer.atomic import put_folder
from viewer.errors import FormatError, ViewerError
from viewer.imaging.volume import Volume

zarr = library("zarr")
library("pyarrow")

from viewer.archive.convert import ALIVE, PARTIAL, run  # noqa: E402
from viewer.archive.layout import coarse_geometry, levels_of  # noqa: E402
from viewer.archive.reader import ArchiveVolume, volumes_below  # noqa: E402


def assert_same_volume(ours: Volume, theirs: Volume) -> None:
    """Every voxel, every number of the geometry, and what the values mean."""
    assert ours.array.dtype == theirs.array.dtype
    assert np.array_equal(ours.array, theirs.array, equal_nan=ours.array.dtype.kind == "f")
    assert np.array_equal(ours.geometry.patient_from_index, theirs.geometry.patient_from_index)
    for name in ("shape", "gaps", "oriented", "calibrated", "frame_of_reference_uid"):
        assert getattr(ours.geometry, name) == getattr(theirs.geometry, name)
    mine, other = ours.geometry.slice_offsets, theirs.geometry.slice_offsets
    assert mine is other is None or (mine is not None and other is not None and np.array_equal(mine, other))
    for name in (
        "uid", "modality", "quantity", "slope", "intercept", "suv_factor", "suv_unit", "suv_note", "padding",
        "windows", "inverted",
    ):  # fmt: skip
        assert getattr(ours, name) == getattr(theirs, name), name
    assert np.array_equal(ours.corrupt, theirs.corrupt)
    assert np.array_equal(ours.ready, theirs.ready)


def assert_archive_is_what_the_viewer_loads(source: Path, archive: Path) -> int:
    """Compare all volumes of an archive with those of the folder it was made from; how many there are."""
    expected = {}
    for study in catalogue_of(source).studies:
        for series in study.series:
            for stack in chosen(series)[0]:
                expected[stack.uid] = stack
    found = list(volumes_below(archive))
    for path in found:
        with ArchiveVolume(path) as archived:
            assert_same_volume(archived.volume(), filled(expected.pop(archived.stack.uid)))
    assert not expected
    return len(found)


@pytest.mark.parametrize("store", ["shard", "dir", "zip", "sqlite"])
def test_that_every_layout_holds_what_the_viewer_loads(store: str, hospital: Path, tmp_path: Path) -> None:
    archive, summary = archive_of(hospital, tmp_path, store=store)
    assert dict(summary.counts) == {"converted": 6}
    assert not summary.failures
    assert assert_archive_is_what_the_viewer_loads(hospital, archive) == summary.volumes == 7
    assert not (archive / PARTIAL).exists()


def test_that_stored_values_and_their_digests_are_those_that_pydicom_reads(
    hospital: Path, tmp_path: Path
) -> None:
    archive, _ = archive_of(hospital, tmp_path)
    seen = 0
    for folder in archive.glob("*/*/"):
        for row in read_slices_csv(folder):
            dataset = pydicom.dcmread(row["path"])
            pixels = dataset.pixel_array
            if pixels.ndim == 3:
                pixels = np.moveaxis(pixels, 2, 0)
            array = zarr.open_array(folder / row["volume"], path="0", mode="r")
            assert np.array_equal(array[..., int(row["k"]), :, :], pixels)
            little = np.ascontiguousarray(pixels, pixels.dtype.newbyteorder("<"))
            assert row["md5"] == hashlib.md5(little.tobytes()).hexdigest()
            assert row["sop_instance_uid"] == dataset.SOPInstanceUID
            place = [float(row[name]) for name in ("x_mm", "y_mm", "z_mm")]
            assert place == pytest.approx([float(v) for v in dataset.ImagePositionPatient], abs=1e-6)
            assert (float(row["slope"]), float(row["intercept"])) == (
                dataset.RescaleSlope,
                dataset.RescaleIntercept,
            )
            seen += 1
    assert seen == 5 + 5 + 28 + 7 + 3 + 8


def test_that_a_volume_is_a_shard_of_slices_under_blosc_with_zstd_and_bit_shuffle(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path)
    (path,) = volumes_below(archive)
    assert {str(p.relative_to(path)) for p in path.rglob("*") if p.is_file()} == {
        "zarr.json", "0/zarr.json", "0/c/0/0/0",
    }  # fmt: skip
    described = json.loads((path / "0" / "zarr.json").read_text())
    (sharding,) = described["codecs"]
    assert described["zarr_format"] == 3
    assert sharding["name"] == "sharding_indexed"
    blosc = next(c for c in sharding["configuration"]["codecs"] if c["name"] == "blosc")
    assert {"cname": "zstd", "shuffle": "bitshuffle", "typesize": 2}.items() <= blosc["configuration"].items()
    assert described["dimension_names"] == ["z", "y", "x"]


def test_that_the_attributes_say_where_the_voxels_are_in_ome_words_too(
    hospital: Path, tmp_path: Path
) -> None:
    archive, _ = archive_of(hospital, tmp_path)
    by_label = {}
    for path in volumes_below(archive):
        attributes = zarr.open_group(path, mode="r").attrs.asdict()
        by_label[attributes["triptych"]["series"]["description"]] = attributes
    (scale,) = by_label["Ramp G1"]["ome"]["multiscales"]
    assert by_label["Ramp G1"]["ome"]["version"] == "0.5"
    assert [axis["orientation"]["value"] for axis in scale["axes"]] == [
        "inferior-to-superior", "anterior-to-posterior", "right-to-left",
    ]  # fmt: skip
    assert scale["datasets"][0]["coordinateTransformations"] == [{"type": "scale", "scale": [3.0, 2.0, 1.0]}]
    affine = by_label["Ramp G1"]["triptych"]["stack"]["geometry"]["patient_from_index"]
    assert np.allclose(affine, ramp_affine())
    # No word fits a sheared axis; the exact offsets of uneven slices are kept.
    tilted = by_label["Ramp G5"]["ome"]["multiscales"][0]["axes"]
    assert "orientation" not in tilted[1]
    assert len(by_label["Ramp G11"]["triptych"]["stack"]["geometry"]["slice_offsets"]) == 28


def test_that_a_pet_keeps_one_slope_a_slice_and_every_input_of_its_suv(
    hospital: Path, tmp_path: Path
) -> None:
    archive, _ = archive_of(hospital, tmp_path)
    (path,) = (p for p in volumes_below(archive) if uid_of("pet") in str(p))
    with ArchiveVolume(path) as archived:
        assert [record.slope for record in archived.slices] == list(PET_SLOPES)
        assert zarr.open_array(path, path="0", mode="r").dtype == np.int16
        assert archived.stack.suv is not None
        assert archived.stack.suv == next(
            stack.suv
            for study in catalogue_of(hospital / "pet").studies
            for series in study.series
            for stack in series.stacks
        )


def test_that_series_json_holds_what_all_files_have_in_common(hospital: Path, tmp_path: Path) -> None:
    archive, _ = archive_of(hospital, tmp_path)
    (path,) = (p for p in archive.glob("*/*/series.json") if uid_of("pet") in str(p))
    content = json.loads(path.read_text(encoding="utf-8"))
    assert content["tags"]["00080060"]["Value"] == ["PT"]
    assert "00280010" in content["tags"]
    assert "00200032" not in content["tags"], "ImagePositionPatient differs from slice to slice"
    assert "7FE00010" not in content["tags"]
    assert content["volumes"][0]["name"] == "volume.zarr"


def test_that_a_second_run_converts_what_is_missing_and_nothing_else(hospital: Path, tmp_path: Path) -> None:
    data = copy_of(hospital, tmp_path / "data")
    archive, first = archive_of(data, tmp_path)
    assert dict(archive_of(data, tmp_path)[1].counts) == {"present": 6}
    stamps = {path: path.stat().st_mtime_ns for path in archive.glob("*/*/series.json")}
    lost = next(iter(stamps)).parent
    (lost / "series.json").unlink()
    write_ramp(data / "new", "G2", uid_seed="new")
    _, again = archive_of(data, tmp_path)
    assert dict(again.counts) == {"converted": 2, "present": 5}
    assert (again.volumes, again.slices) == (first.volumes + 1, first.slices + 5), (
        "the summary is of the archive"
    )
    untouched = {path for path, stamp in stamps.items() if path.stat().st_mtime_ns == stamp}
    assert len(untouched) == 5
    _, over = archive_of(data, tmp_path, overwrite=True)
    assert dict(over.counts) == {"converted": 7}
    assert assert_archive_is_what_the_viewer_loads(data, archive) == 8


def test_that_a_series_whose_files_changed_is_converted_again(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path)
    write_ramp(tmp_path / "data", RescaleIntercept=-1024.0)
    assert dict(archive_of(tmp_path / "data", tmp_path)[1].counts) == {"converted": 1}
    assert assert_archive_is_what_the_viewer_loads(tmp_path / "data", archive) == 1


def test_that_J06_a_corrupt_slice_is_named_keeps_its_place_and_holds_no_values(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data")
    broken = tmp_path / "data" / "im0003.dcm"
    broken.write_bytes(broken.read_bytes()[:-30])
    archive, summary = archive_of(tmp_path / "data", tmp_path)
    assert dict(summary.counts) == {"converted": 1}
    (problem,) = summary.problems
    assert "im0003.dcm" in problem["slice"]
    assert "slice 3 of 5: The pixel data ends early" in problem["slice"]
    assert summarize(archive)[0].problems == [problem]
    (path,) = volumes_below(archive)
    with ArchiveVolume(path) as archived:
        assert np.flatnonzero(archived.volume().corrupt).tolist() == [2]
    # The place is known on the next run too, which has nothing to do.
    assert archive_of(tmp_path / "data", tmp_path)[1].problems == [problem]


def test_that_a_source_that_is_gone_fails_by_name_and_leaves_nothing(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data" / "stays", uid_seed="stays")
    write_ramp(tmp_path / "data" / "goes")
    scan([tmp_path / "data"], tmp_path / "manifest")
    (tmp_path / "data" / "goes").rename(tmp_path / "elsewhere")
    (summary,) = run(tmp_path / "manifest", tmp_path / "archive", HERE)
    assert dict(summary.counts) == {"converted": 1, "failed": 1}
    (failure,) = summary.failures
    assert failure["series_uid"] == uid_of("ramp", "series", "G1")
    assert "goes" in failure["reason"]
    assert len(names_in(tmp_path / "archive")) == 1
    (tmp_path / "elsewhere").rename(tmp_path / "data" / "goes")
    (summary,) = run(tmp_path / "manifest", tmp_path / "archive", HERE)
    assert dict(summary.counts) == {"converted": 1, "present": 1}


def test_that_one_missing_file_is_no_reason_for_half_a_volume(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data")
    scan([tmp_path / "data"], tmp_path / "manifest")
    (tmp_path / "data" / "im0002.dcm").unlink()
    (summary,) = run(tmp_path / "manifest", tmp_path / "archive", HERE)
    assert summary.failed == 1
    assert "im0002.dcm" in summary.failures[0]["reason"]
    assert not names_in(tmp_path / "archive")


def test_that_what_was_written_wrongly_never_gets_a_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_ramp(tmp_path / "data")
    monkeypatch.setattr("viewer.archive.write._thin_out", lambda block, *_: np.add(block, 1, out=block))
    write = "viewer.archive.write.zarr.open_group"
    before = zarr.open_group

    def spoil(store: Any, **options: Any) -> Any:
        array = zarr.open_array(store, path="0", mode="r+")
        array[0, 0, 0] = -7
        return before(store, **options)

    monkeypatch.setattr(write, spoil)
    archive, summary = archive_of(tmp_path / "data", tmp_path)
    assert "read back" in summary.failures[0]["reason"]
    assert not names_in(archive)


def test_that_what_an_earlier_run_left_unfinished_is_swept(hospital: Path, tmp_path: Path) -> None:
    left = tmp_path / "archive" / PARTIAL / "series_000" / "abcdef" / "volume.zarr"
    left.mkdir(parents=True)
    (left / "zarr.json").write_text("{}", encoding="utf-8")
    alive = left.parents[1] / ALIVE
    alive.write_text(json.dumps({"host": platform.node(), "process": 2**22 + 1}), encoding="utf-8")
    archive, summary = archive_of(hospital / "ct", tmp_path)
    assert summary.complete
    assert not (archive / PARTIAL).exists()


def test_that_a_shard_that_another_run_converts_is_left_to_it(hospital: Path, tmp_path: Path) -> None:
    folder = tmp_path / "archive" / PARTIAL / "series_000"
    folder.mkdir(parents=True)
    alive = folder / ALIVE
    alive.write_text(json.dumps({"host": "another machine", "process": os.getpid()}), encoding="utf-8")
    with pytest.raises(ViewerError, match="another run"):
        archive_of(hospital / "ct", tmp_path)
    os.utime(alive, (0, 0))  # its heart has stopped
    assert archive_of(hospital / "ct", tmp_path)[1].complete


def test_that_a_single_shard_can_be_converted_alone(hospital: Path, tmp_path: Path) -> None:
    scan([hospital], tmp_path / "manifest", shards=3)
    total = len(tasks_in(tmp_path / "manifest"))
    done = 0
    for n in range(3):
        (summary,) = run(tmp_path / "manifest" / f"series_{n:03d}.parquet", tmp_path / "archive", HERE)
        done += summary.counts["converted"]
    assert done == total
    assert [one.shard for one in summarize(tmp_path / "archive")] == [
        "series_000",
        "series_001",
        "series_002",
    ]


def test_that_an_archive_without_summaries_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no summaries"):
        summarize(tmp_path)


# --- Levels and planes -------------------------------------------------------------------------------------------


def test_that_a_large_volume_takes_several_shards_and_several_levels(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewer.archive.layout.SHARD_BYTES", 2 * 6 * 8 * 2)
    monkeypatch.setattr("viewer.archive.layout.CHUNK_BYTES", 1)
    monkeypatch.setattr("viewer.archive.layout.COARSE_SIDE", 2)
    write_ramp(tmp_path / "data", "G11")
    archive, _ = archive_of(tmp_path / "data", tmp_path)
    (path,) = volumes_below(archive)
    assert len([p for p in (path / "0" / "c").rglob("*") if p.is_file()]) == 14
    with ArchiveVolume(path) as archived:
        whole = archived.volume()
        assert len(archived.steps) == 5
        for level, (k, j, i) in enumerate(archived.steps):
            coarse = archived.volume(level)
            assert np.array_equal(coarse.array, whole.array[::k, ::j, ::i])
            # Each voxel is where it was.
            last = np.array(coarse.geometry.shape) - 1
            corners = np.array([[0, 0, 0], last, [last[0], 0, last[2]], [last[0] // 2, last[1], 0]])
            assert np.allclose(
                coarse.geometry.to_patient(corners), whole.geometry.to_patient(corners * (k, j, i))
            )
        for axis, index in ((0, 3), (1, 4), (2, 7)):
            assert np.array_equal(archived.stored_plane(axis, index), whole.array.take(index, axis))


def test_that_chunks_are_kept_within_the_budget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("viewer.archive.layout.CHUNK_BYTES", 1)
    write_ramp(tmp_path / "data", "G11")
    archive, _ = archive_of(tmp_path / "data", tmp_path)
    (path,) = volumes_below(archive)
    slice_bytes = 6 * 8 * 2
    with ArchiveVolume(path, cache_bytes=3 * slice_bytes) as archived:
        for k in range(28):
            archived.stored_slice(k)
            assert archived._held_bytes <= 3 * slice_bytes
        archived.stored_plane(2, 1)
        assert archived._held_bytes == 3 * slice_bytes == sum(v.nbytes for v in archived._chunks.values())


def test_that_a_volume_opens_from_an_address_too(tmp_path: Path) -> None:
    library("fsspec")
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path)
    (path,) = volumes_below(archive)
    with ArchiveVolume(path.as_uri()) as remote, ArchiveVolume(path) as local:
        assert_same_volume(remote.volume(), local.volume())
    with pytest.raises(FileNotFoundError):
        ArchiveVolume((tmp_path / "nothing.zarr").as_uri())
    with pytest.raises(FormatError, match="Nothing here can read nosuch:// addresses"):
        ArchiveVolume("nosuch://host/volume.zarr")


def test_that_levels_end_where_a_look_at_the_whole_costs_nothing() -> None:
    levels = levels_of((600, 512, 512), 2)
    assert [level.shape for level in levels] == [
        (600, 512, 512), (300, 256, 256), (150, 128, 128), (75, 64, 64), (38, 64, 64),
    ]  # fmt: skip
    assert levels[0].chunk == 1
    assert levels[0].shard == 512, "a shard is 256 MiB at most"
    assert levels_of((1, 20, 20), 1) == [levels_of((1, 20, 20), 1)[0]]


def test_that_a_coarse_geometry_of_one_slice_stays_a_geometry(hospital: Path) -> None:
    geometry = filled(next(iter(_stacks(hospital / "uneven")))).geometry
    coarse = coarse_geometry(geometry, (64, 2, 2))
    assert coarse.shape[0] == 1
    assert np.allclose(coarse.to_patient([0, 0, 0]), geometry.to_patient([0, 0, 0]))


def _stacks(folder: Path) -> list[Any]:
    return [s for study in catalogue_of(folder).studies for series in study.series for s in series.stacks]


# --- Damage ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("store", ["shard", "dir", "zip", "sqlite"])
def test_that_damage_of_any_kind_is_seen_and_never_shown_as_values(store: str, tmp_path: Path) -> None:
    write_ramp(tmp_path / "data")
    archive, _ = archive_of(tmp_path / "data", tmp_path, store=store)
    (path,) = volumes_below(archive)
    with ArchiveVolume(path) as archived:
        good = archived.volume().array
    files = [path] if path.is_file() else sorted(p for p in path.rglob("*") if p.is_file())
    seen = 0
    for file in files:
        whole = file.read_bytes()
        for spoilt in (
            b"",
            whole[: len(whole) // 2],
            *(_flipped(whole, n) for n in range(0, len(whole), 97)),
        ):
            file.write_bytes(spoilt)
            try:
                with ArchiveVolume(path) as archived:
                    volume = archived.volume()
            except (ViewerError, OSError):
                seen += 1
                continue
            finally:
                file.write_bytes(whole)
            if volume.array.shape != good.shape:
                continue
            wrong = np.any(volume.array != good, axis=(1, 2)) & ~volume.corrupt
            assert not wrong.any()
            seen += int(volume.corrupt.any())
    assert seen > 5


def _flipped(content: bytes, position: int) -> bytes:
    changed = bytearray(content)
    changed[position] ^= 0xFF
    return bytes(changed)


def test_that_a_folder_replaces_another_of_its_name_whole(tmp_path: Path) -> None:
    for name in ("aside", "target"):
        (tmp_path / name / "deep").mkdir(parents=True)
        (tmp_path / name / "deep" / "file").write_text(name, encoding="utf-8")
    (tmp_path / "target" / "old").write_text("old", encoding="utf-8")
    put_folder(tmp_path / "aside", tmp_path / "target")
    assert {p.name for p in tmp_path.iterdir()} == {"target"}
    assert {p.name for p in (tmp_path / "target").rglob("*")} == {"deep", "file"}
