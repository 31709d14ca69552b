"""The archive against its sources: what is right is found right, and every single fault is found."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.archive.hospital import archive_of, copy_of
from tests.needs import library
from tests.phantoms import write_ramp
from viewer.cli import EXIT_FAILED, EXIT_OK, EXIT_PARTIAL, main
from viewer.errors import FormatError

zarr = library("zarr")
library("pyarrow")

from viewer.archive.reader import volumes_below  # noqa: E402
from viewer.archive.verify import Verdict, _picked, verify  # noqa: E402


@pytest.mark.parametrize("slices, count", [(None, 56), (3, 21), (1, 7)])
def test_that_a_fresh_archive_is_equal_to_its_sources(
    slices: int | None, count: int, hospital: Path, tmp_path: Path
) -> None:
    archive, _ = archive_of(hospital, tmp_path)
    told: list[tuple[int, int]] = []
    checked = list(verify(archive, slices, lambda done, total: told.append((done, total))))
    assert {one.verdict for one in checked} == {Verdict.EQUAL}
    assert sum(one.slices for one in checked) == count
    assert told == [(n + 1, 7) for n in range(7)]


def test_that_picked_slices_reach_from_the_first_to_the_last() -> None:
    assert _picked(100, 3) == [0, 50, 99]
    assert _picked(2, 3) == [0, 1]
    assert _picked(5, None) == [0, 1, 2, 3, 4]


def _change_a_value(source: Path, archive: Path) -> None:
    file = source / "im0002.dcm"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)


def _move_the_source(source: Path, archive: Path) -> None:
    write_ramp(source, ImagePositionPatient=lambda k: [0.0, 0.0, 3.0 * k])


def _scale_the_source(source: Path, archive: Path) -> None:
    write_ramp(source, RescaleSlope=2.0)


def _lose_a_file(source: Path, archive: Path) -> None:
    (source / "im0002.dcm").unlink()


def _lose_the_folder(source: Path, archive: Path) -> None:
    source.rename(source.with_name("elsewhere"))


def _cut_a_source(source: Path, archive: Path) -> None:
    file = source / "im0002.dcm"
    file.write_bytes(file.read_bytes()[:-20])


def _change_the_volume(source: Path, archive: Path) -> None:
    (path,) = volumes_below(archive)
    zarr.open_array(path, path="0", mode="r+")[3, 2, 1] = 17


def _change_the_digest(source: Path, archive: Path) -> None:
    (path,) = volumes_below(archive)
    rows = (path.parent / "slices.csv").read_text(encoding="utf-8").splitlines()
    parts = rows[2].split(",")
    parts[-2] = "0" * 32
    (path.parent / "slices.csv").write_text(
        "\n".join([*rows[:2], ",".join(parts), *rows[3:]]), encoding="utf-8"
    )


def _cut_the_shard(source: Path, archive: Path) -> None:
    (path,) = volumes_below(archive)
    shard = path / "0" / "c" / "0" / "0" / "0"
    shard.write_bytes(shard.read_bytes()[:-5])


def _lose_series_json(source: Path, archive: Path) -> None:
    (path,) = volumes_below(archive)
    (path.parent / "series.json").write_text("{", encoding="utf-8")


@pytest.mark.parametrize(
    "fault, verdict, words",
    [
        (_change_a_value, Verdict.DIFFERS, "the values are not those of the source"),
        (_move_the_source, Verdict.DIFFERS, "The geometry is not that of the sources"),
        (_scale_the_source, Verdict.DIFFERS, "Slopes and intercepts"),
        (_lose_a_file, Verdict.NO_SOURCE, "1 of 5 source files are gone"),
        (_lose_the_folder, Verdict.NO_SOURCE, "5 of 5 source files are gone"),
        (_cut_a_source, Verdict.DIFFERS, "the source cannot be decoded"),
        (_change_the_volume, Verdict.DAMAGED, "slice 4 of 5: The stored slice does not fit its digest"),
        (
            _change_the_digest,
            Verdict.DAMAGED,
            "slice 2 of 5: slices.csv and the volume name different digests",
        ),
        (_cut_the_shard, Verdict.DAMAGED, "The stored data is damaged"),
        (_lose_series_json, Verdict.DAMAGED, "series.json of"),
    ],
)
def test_that_every_fault_is_found(
    fault: Callable[[Path, Path], None],
    verdict: Verdict,
    words: str,
    hospital: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    source = copy_of(hospital / "ct", tmp_path / "data")
    archive, _ = archive_of(source, tmp_path)
    assert main(["archive", "verify", str(archive), "--slices", "all"]) == EXIT_OK
    fault(source, archive)
    (checked,) = verify(archive, None)
    assert checked.verdict is verdict
    assert any(words in finding for finding in checked.findings), checked.findings
    capsys.readouterr()
    expected = EXIT_PARTIAL if verdict is Verdict.NO_SOURCE else EXIT_FAILED
    assert main(["archive", "verify", str(archive), "--slices", "all"]) == expected
    assert words in capsys.readouterr().out


def test_that_a_slice_without_values_is_right_as_long_as_its_source_has_none(tmp_path: Path) -> None:
    source = write_ramp(tmp_path / "data")
    whole = (source / "im0003.dcm").read_bytes()
    (source / "im0003.dcm").write_bytes(whole[:-30])
    archive, _ = archive_of(source, tmp_path)
    assert [one.verdict for one in verify(archive, None)] == [Verdict.EQUAL]
    (source / "im0003.dcm").write_bytes(whole)
    (checked,) = verify(archive, None)
    assert checked.verdict is Verdict.DIFFERS
    assert "convert the series again" in checked.findings[0]


def test_that_an_archive_without_volumes_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match="no volumes"):
        list(verify(tmp_path, 3))


def test_that_the_command_line_goes_from_folder_to_proof(
    hospital: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    manifest, archive = str(tmp_path / "manifest"), str(tmp_path / "archive")
    assert main(["archive", "scan", str(hospital), "-o", manifest, "--json"]) == EXIT_PARTIAL, (
        "one file is broken"
    )
    assert json.loads(capsys.readouterr().out)["convertible"] == 6
    assert main(["archive", "convert", manifest, "-o", archive, "--workers", "0"]) == EXIT_OK
    assert "6 converted; 7 volumes of 56 slices" in capsys.readouterr().out
    assert main(["archive", "summarize", archive, "--json"]) == EXIT_OK
    assert json.loads(capsys.readouterr().out)["all"]["slices"] == 56
    assert main(["archive", "verify", archive, "--json"]) == EXIT_OK
    assert json.loads(capsys.readouterr().out)["counts"] == {"equal": 7}
    assert main(["archive", "convert", str(tmp_path), "-o", archive]) == EXIT_FAILED
    assert "make one with: triptych archive scan" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [[], ["scan"], ["convert", "x"], ["verify", "x", "--slices", "0"]])
def test_that_wrong_usage_of_the_steps_ends_with_2(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as end:
        main(["archive", *arguments])
    assert end.value.code == 2
    capsys.readouterr()
