"""`triptych verify`: the object, the table, the exit codes, and that nothing of the patient is printed."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pydicom.uid import UID

from tests.conftest import RealData
from tests.dicom.reading import only_stack
from tests.phantoms import PET_SUV_FACTOR, write_pet, write_ramp
from viewer.cli import main
from viewer.verification.tools import Tool, available

VALUE_MAPPING = UID("1.2.840.10008.5.1.4.1.1.67")

needs_tools = pytest.mark.skipif(
    any(tool.missing for tool in available()), reason="SimpleITK or dcm2niix is missing"
)


def verify(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, Any]:
    code = main(["verify", "--json", *(str(argument) for argument in arguments)])
    return code, json.loads(capsys.readouterr().out)


def verdicts(report: Any) -> dict[tuple[str, str], str]:
    """(tool, check) to verdict of the only volume."""
    (volume,) = report["volumes"]
    return {(check["tool"], check["check"]): check["verdict"] for check in volume["checks"]}


def write_value_map(path: Path, pet: Path, slope: float) -> None:
    """A real-world value object for the PET in a folder, with the header of one of its slices."""
    import pydicom

    dataset = pydicom.dcmread(sorted(pet.glob("*.dcm"))[0], stop_before_pixels=True)
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = VALUE_MAPPING
    dataset.SOPInstanceUID = dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.826.0.1.3680043.2.1")
    dataset.SeriesInstanceUID = UID("1.2.826.0.1.3680043.2.2")
    dataset.Modality = "RWV"
    unit, mapping, item = Dataset(), Dataset(), Dataset()
    unit.CodeValue, unit.CodingSchemeDesignator, unit.CodeMeaning = "{SUVbw}g/ml", "UCUM", "SUV body weight"
    mapping.MeasurementUnitsCodeSequence = Sequence([unit])
    mapping.RealWorldValueSlope, mapping.RealWorldValueIntercept = slope, 0.0
    item.RealWorldValueMappingSequence = Sequence([mapping])
    images = []
    for frame in only_stack(pet).frames:
        image = Dataset()
        image.ReferencedSOPInstanceUID = frame.sop_instance_uid
        images.append(image)
    item.ReferencedImageSequence = Sequence(images)
    dataset.ReferencedImageRealWorldValueMappingSequence = Sequence([item])
    dataset.save_as(path)


@needs_tools
def test_that_a_sound_series_agrees_and_the_object_has_the_documented_keys(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path)
    code, report = verify(capsys, tmp_path)
    assert code == 0
    assert set(report) == {"tools", "volumes", "summary", "problems"}
    assert all(set(tool) == {"name", "version", "missing"} for tool in report["tools"])
    (volume,) = report["volumes"]
    assert set(volume) == {"series_uid", "series_number", "modality", "stack", "shape", "checks"}
    assert volume["shape"] == [5, 6, 8]
    keys = {"check", "tool", "ours", "theirs", "verdict", "reason", "difference"}
    assert all(set(check) == keys for check in volume["checks"])
    assert {check["tool"] for check in volume["checks"]} == {"SimpleITK", "dcm2niix"}
    assert set(report["summary"]) == {"agree"}


@needs_tools
def test_that_a_stated_reason_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ramp(tmp_path, "G5")
    code, report = verify(capsys, tmp_path)
    assert code == 0
    assert verdicts(report)["SimpleITK", "grid"] == "differs on purpose"


@needs_tools
@pytest.mark.parametrize("share, code, verdict", [(1.0, 0, "agree"), (1.01, 1, "DISAGREE")])
def test_that_D03_suv_is_held_against_the_value_object_of_the_study(
    share: float, code: int, verdict: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_pet(tmp_path / "pet")
    write_value_map(tmp_path / "map.dcm", tmp_path / "pet", PET_SUV_FACTOR * share)
    found, report = verify(capsys, tmp_path)
    assert verdicts(report)["value object", "SUV factor"] == verdict
    assert found == code


@needs_tools
def test_that_a_damaged_file_makes_the_answer_partial(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path)
    path = tmp_path / "im0002.dcm"
    path.write_bytes(path.read_bytes()[:-10])
    code, report = verify(capsys, tmp_path)
    assert code in (1, 3)
    assert any("im0002.dcm" in problem["file"] for problem in report["problems"])


def test_that_missing_programs_are_named_with_what_installs_them(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewer.verification.tools._package_version", lambda name: "")
    monkeypatch.setattr("viewer.verification.tools.dcm2niix_program", lambda: None)
    assert all(tool.missing and not tool.version for tool in available())
    write_pet(tmp_path / "pet")
    write_value_map(tmp_path / "map.dcm", tmp_path / "pet", PET_SUV_FACTOR)
    assert main(["verify", str(tmp_path)]) == 3
    said = capsys.readouterr().out
    assert said.count('pip install "triptych-viewer[verify]"') == 2
    assert "SUV factor" in said


def test_that_the_extra_holds_what_the_sentence_promises() -> None:
    import tomllib

    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))
    names = {text.split(">")[0].lower() for text in project["project"]["optional-dependencies"]["verify"]}
    assert names == {"simpleitk", "dcm2niix"}


def test_that_nothing_found_ends_with_1(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", str(tmp_path)]) == 1
    assert "There are no files here." in capsys.readouterr().err


@needs_tools
def test_that_nothing_of_the_patient_is_printed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    tags: dict[str, Any] = {
        "PatientName": "Secret^Name",
        "PatientID": "SECRET-ID",
        "PatientBirthDate": "19010203",
        "SeriesDescription": "SECRET words",
        "StudyDescription": "SECRET study",
        "ProtocolName": "SECRET protocol",
    }
    write_ramp(tmp_path / "study", "G7", **tags)
    for arguments in (["--json"], [], ["--differences"]):
        main(["verify", *arguments, str(tmp_path / "study")])
    heard = capfd.readouterr()
    assert "differs on purpose" in heard.out
    assert "secret" not in (heard.out + heard.err).casefold()
    assert "1901" not in heard.out + heard.err


@needs_tools
def test_that_the_table_can_be_cut_down_to_what_differs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_ramp(tmp_path, "G7")
    main(["verify", str(tmp_path)])
    whole = capsys.readouterr().out.splitlines()
    main(["verify", "--differences", str(tmp_path)])
    cut = capsys.readouterr().out.splitlines()
    assert len(cut) < len(whole)
    assert any(line.split()[0] == "values" and line.endswith("  agree") for line in whole if line.strip())
    assert not any(line.endswith("  agree") for line in cut)
    assert whole[-1] == cut[-1]


@needs_tools
def test_that_a_zip_is_verified_like_a_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write_ramp(tmp_path / "ct")
    archive = shutil.make_archive(str(tmp_path / "study"), "zip", tmp_path / "ct")
    code, report = verify(capsys, archive)
    assert code == 0
    assert set(report["summary"]) == {"agree"}


@needs_tools
def test_that_real_studies_agree_or_differ_for_a_stated_reason(
    real_data: RealData, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = {
        "ct-tilt-ge": {("SimpleITK", "grid"), ("dcm2niix", "voxel centres")},
        "mr-decubitus-a": set(),
        "mf-a": {("SimpleITK", "slice order"), ("SimpleITK", "voxel centres"), ("SimpleITK", "values")}
        | {("SimpleITK", "value range")},
    }
    for name, explained in expected.items():
        code, report = verify(capsys, real_data(name))
        assert code == 0, name
        assert report["summary"].get("DISAGREE", 0) == 0
        assert {
            (check["tool"], check["check"])
            for volume in report["volumes"]
            for check in volume["checks"]
            if check["verdict"] == "differs on purpose"
        } == explained, name


def test_that_a_tool_is_told_with_its_version() -> None:
    for tool in available():
        assert isinstance(tool, Tool)
        assert bool(tool.version) != bool(tool.missing)


@needs_tools
def test_that_the_suv_of_the_real_study_agrees_with_its_value_objects(
    real_data: RealData, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # The corrected and the uncorrected PET with the objects that go with them; the CT would only take time.
    for folder in real_data("petct-acrin").iterdir():
        if folder.name.startswith(("PT", "RWV")):
            (tmp_path / folder.name).symlink_to(folder)
    code, report = verify(capsys, *sorted(tmp_path.iterdir()))
    assert code == 0
    rows = [c for volume in report["volumes"] for c in volume["checks"] if c["tool"] == "value object"]
    corrected = {row["check"]: row for row in rows if row["ours"] != "none"}
    assert corrected["SUV factor"]["verdict"] == "agree"
    assert float(corrected["SUV factor"]["ours"]) == pytest.approx(4.2111e-4, rel=1e-4)
    assert corrected["SUL factor"]["verdict"] == "agree"
    assert corrected["SUV factor, IBW"]["verdict"] == "agree"
    # The object's factor by surface is ten times too small for its own unit, cm2/mL.
    assert corrected["SUV factor, BSA"]["verdict"] == "differs on purpose"
    assert np.all([row["verdict"] == "differs on purpose" for row in rows if row["ours"] == "none"])
