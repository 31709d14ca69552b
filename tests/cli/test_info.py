"""`triptych info`: the JSON object against independent references, and what people see."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.conftest import RealData, Reference
from tests.phantoms import PET_SUV_FACTOR, RAMP_CASES, ramp_affine, uid_of, write_pet, write_ramp
from viewer.cli import main

VOLUME_KEYS = {
    "shape",
    "affine_lps",
    "uniform",
    "gaps_mm",
    "tilt_deg",
    "unit",
    "min",
    "max",
    "stored_units_min",
    "stored_units_max",
    "suv_factor",
    "warnings",
}


def info(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    code = main(["info", "--json", *(str(argument) for argument in arguments)])
    return code, json.loads(capsys.readouterr().out)


def series_of(report: Any) -> dict[str, Any]:
    return {series["series_uid"]: series for study in report["studies"] for series in study["series"]}


def the_volume(report: Any) -> Any:
    (series,) = series_of(report).values()
    (volume,) = series["volumes"]
    return volume


def test_that_the_object_has_exactly_the_documented_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path)
    code, report = info(capsys, tmp_path)
    assert code == 0
    assert set(report) == {"studies", "problems"}
    (study,) = report["studies"]
    assert set(study) == {"study_uid", "series"}
    (series,) = study["series"]
    assert set(series) == {"series_uid", "modality", "description", "kind", "files", "volumes"}
    (volume,) = series["volumes"]
    assert set(volume) == VOLUME_KEYS
    assert study["study_uid"] == uid_of("ramp", "study")
    assert (series["modality"], series["description"], series["kind"]) == ("CT", "Ramp G1", "volume")
    assert series["files"] == 5
    assert volume["shape"] == [5, 6, 8]
    assert volume["unit"] == "HU"
    assert (volume["min"], volume["max"]) == (0.0, 4570.0)
    assert (volume["stored_units_min"], volume["stored_units_max"]) == (0.0, 4570.0)
    assert volume["suv_factor"] is None
    assert report["problems"] == []


@pytest.mark.parametrize("case", ["G1", "G4", "G5", "G6", "G9"])
def test_that_A07_the_affine_maps_kji_to_lps_for_every_orientation(
    case: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path, case)
    volume = the_volume(info(capsys, tmp_path)[1])
    np.testing.assert_allclose(volume["affine_lps"], ramp_affine(case), atol=1e-5)
    assert volume["uniform"]
    assert volume["tilt_deg"] == pytest.approx(15.0 if case == "G5" else 0.0, abs=0.01)


def test_that_A12_gaps_are_the_true_steps(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ramp(tmp_path, "G7")
    volume = the_volume(info(capsys, tmp_path)[1])
    assert volume["gaps_mm"] == pytest.approx([3, 3, 6])
    assert not volume["uniform"]
    assert volume["warnings"]


def test_that_B07_padding_counts_in_the_stored_extremes_only(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path, PixelPaddingValue=0, RescaleSlope=2.0, RescaleIntercept=-1000.0)
    volume = the_volume(info(capsys, tmp_path)[1])
    assert (volume["min"], volume["max"]) == (2 * 10 - 1000, 2 * 4570 - 1000)
    assert (volume["stored_units_min"], volume["stored_units_max"]) == (-1000, 2 * 4570 - 1000)


def test_that_B07_padding_is_told_apart_also_where_slices_have_their_own_slope(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path, PixelPaddingValue=0, RescaleSlope=lambda k: 1.0 + k, RescaleIntercept=-5.0)
    volume = the_volume(info(capsys, tmp_path)[1])
    assert (volume["min"], volume["max"]) == (10 - 5, 5 * 4570 - 5)
    assert (volume["stored_units_min"], volume["stored_units_max"]) == (-5, 5 * 4570 - 5)


def test_that_D01_a_pet_keeps_its_unit_and_names_its_factor(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pet(tmp_path)
    volume = the_volume(info(capsys, tmp_path)[1])
    assert volume["unit"] == "SUV"
    assert volume["suv_factor"] == pytest.approx(PET_SUV_FACTOR, rel=1e-6)
    assert volume["max"] == pytest.approx(volume["stored_units_max"] * PET_SUV_FACTOR, rel=1e-6)


def test_that_without_pixels_extremes_are_null_and_nothing_else_changes(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "ct")
    write_pet(tmp_path / "pet")
    extremes = ("min", "max", "stored_units_min", "stored_units_max")
    _, full = info(capsys, tmp_path)
    _, quick = info(capsys, tmp_path, "--no-pixels")
    for uid, series in series_of(full).items():
        for volume, other in zip(series["volumes"], series_of(quick)[uid]["volumes"], strict=True):
            assert all(other[key] is None for key in extremes)
            assert {k: v for k, v in volume.items() if k not in extremes} == {
                k: v for k, v in other.items() if k not in extremes
            }


def test_that_problems_end_with_3_and_nothing_found_with_1(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path / "ct")
    damaged = tmp_path / "ct" / "im0002.dcm"
    damaged.write_bytes(damaged.read_bytes()[:-10])
    code, report = info(capsys, tmp_path / "ct")
    assert code == 3
    assert "ct/im0002.dcm" in {problem["file"] for problem in report["problems"]}
    assert all(set(problem) == {"file", "reason"} for problem in report["problems"])
    assert len(report["studies"]) == 1
    (tmp_path / "empty").mkdir()
    code, report = info(capsys, tmp_path / "empty")
    assert code == 1
    assert report["studies"] == []
    assert report["problems"] == [{"file": "", "reason": "There are no files here."}]
    code, report = info(capsys, tmp_path / "gone")
    assert code == 1
    assert "no such file or folder" in report["problems"][0]["reason"]


def test_that_people_see_the_patient_only_when_they_ask(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path, "G5", PatientName="Secret^Name", PatientID="SECRET-ID")
    assert main(["info", str(tmp_path)]) == 0
    text = capsys.readouterr().out
    assert "Ramp G5" in text
    assert "8 x 6 x 5" in text
    assert "tilt 15.0 deg" in text
    assert "secret" not in text.casefold()
    assert main(["info", "--identity", str(tmp_path)]) == 0
    assert "SECRET-ID" in capsys.readouterr().out


def test_that_all_ramp_cases_are_described(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for case in RAMP_CASES:
        write_ramp(tmp_path / case, case)
    code, report = info(capsys, tmp_path)
    assert code in (0, 3)
    assert len(series_of(report)) == len(RAMP_CASES)
    assert all(len(series["volumes"]) == 1 for series in series_of(report).values())


# --- Real data against references computed by other programs ------------------------------------------------------


def _expected_affine(columns_rows_slices: Any) -> Any:
    """The reference maps (column, row, slice); the object maps (slice, row, column)."""
    return np.asarray(columns_rows_slices)[:, [2, 1, 0, 3]]


@pytest.mark.parametrize("name", ["petct-acrin", "head-philips", "ct-tilt-ge", "sts-a", "suv-dro-a"])
def test_that_the_object_agrees_with_other_programs_on_real_data(
    name: str, real_data: RealData, reference: Reference, capsys: pytest.CaptureFixture[str]
) -> None:
    _, report = info(capsys, real_data(name))
    found = series_of(report)
    compared = 0
    for uid, expected in reference(name)["series"].items():
        if uid not in found:
            continue
        series = found[uid]
        assert series["files"] == expected["files"], uid
        rescaled = expected.get("pydicom_rescaled")
        if rescaled is None or not series["volumes"]:
            continue
        lowest = min(volume["stored_units_min"] for volume in series["volumes"])
        highest = max(volume["stored_units_max"] for volume in series["volumes"])
        np.testing.assert_allclose(
            [lowest, highest], [rescaled["min"], rescaled["max"]], rtol=1e-6, atol=1e-6
        )
        affine = expected.get("affine_lps_from_dicom")
        if affine is not None and len(series["volumes"]) == 1 and series["kind"] == "volume":
            volume = series["volumes"][0]
            assert volume["shape"] == [expected["frames"], *expected["rows_cols"][0]]
            np.testing.assert_allclose(volume["affine_lps"], _expected_affine(affine), atol=2e-6 * 512)
            assert volume["tilt_deg"] == pytest.approx(expected["shear_deg"], abs=0.01)
            steps = sorted(round(step, 2) for step in volume["gaps_mm"])
            wanted = sorted(
                round(float(mm), 2) for mm, times in expected["gaps_mm"].items() for _ in range(times)
            )
            np.testing.assert_allclose(steps, wanted, atol=0.011)
        compared += 1
    assert compared >= 1


def test_that_D01_suv_factors_agree_with_the_published_ones(
    real_data: RealData, reference: Reference, capsys: pytest.CaptureFixture[str]
) -> None:
    _, report = info(capsys, real_data("petct-acrin"))
    by_name = {series["description"]: series for series in series_of(report).values()}
    expected = reference("suv")["petct-acrin PET AC"]
    (corrected,) = by_name["PET AC"]["volumes"]
    assert corrected["suv_factor"] == pytest.approx(expected["suvbw_factor_independent"], rel=1e-4)
    assert corrected["unit"] == "SUV"
    assert corrected["max"] == pytest.approx(expected["expected_max_SUVbw"], rel=1e-4)
    assert corrected["stored_units_max"] == pytest.approx(expected["max_stored_units"], rel=1e-6)
    (uncorrected,) = by_name["PET NAC"]["volumes"]
    assert uncorrected["suv_factor"] is None
    assert uncorrected["warnings"]
    assert by_name["SCOUT"]["kind"] == "localizer"
    assert by_name["PET SUV Factors"]["volumes"] == []
