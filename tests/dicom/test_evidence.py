"""What objects written here take over from the images they are about."""

from __future__ import annotations

import datetime as dt
import sys
from pathlib import Path

import numpy as np
import pydicom
import pytest

from tests.dicom.reading import only_stack
from tests.phantoms import write_ramp
from viewer.dicom.evidence import check_target, evidence_header, patient_and_study, require_highdicom
from viewer.dicom.spatial_registration import write_spatial_registration
from viewer.dicom.structure_facts import SegmentIdentity
from viewer.dicom.structure_writing import SavedStructure, write_structure_set
from viewer.errors import ExportError
from viewer.imaging.labelmap import Mask

FACTS = {
    "SpecificCharacterSet": "ISO_IR 192",
    "PatientName": "Ångström^Käthe",
    "PatientID": "17",
    "IssuerOfPatientID": "Ward",
    "PatientBirthDate": "19700101",
    "PatientSex": "F",
    "PatientAge": "055Y",
    "StudyID": "5",
    "StudyDescription": "Head",
    "AccessionNumber": "A1",
}


def test_that_every_writer_takes_patient_and_study_over_in_the_same_way(tmp_path: Path) -> None:
    stack = only_stack(write_ramp(tmp_path / "ct", **FACTS))
    image = stack.frames[0].path
    write_spatial_registration(
        tmp_path / "reg.dcm",
        image,
        stack.frames[1].path,
        np.eye(4),
        "",
        dt.datetime(2026, 1, 1, tzinfo=dt.UTC),
    )
    block = np.ones((2, 2, 2), bool)
    body = Mask(stack.geometry, block, (1, 1, 1))
    write_structure_set(tmp_path / "rt.dcm", [SavedStructure("a", (1, 2, 3), body, SegmentIdentity())], stack)
    for name in ("reg.dcm", "rt.dcm"):
        written = pydicom.dcmread(tmp_path / name)
        assert {keyword: written.get(keyword) for keyword in FACTS} == FACTS, name
        assert written.StudyInstanceUID == pydicom.dcmread(image).StudyInstanceUID


def test_that_what_an_image_does_not_say_is_empty_where_it_must_stand_and_missing_elsewhere(
    tmp_path: Path,
) -> None:
    folder = write_ramp(tmp_path, PatientSex=None, StudyID=None, PatientAge=None)
    made = patient_and_study(evidence_header(min(folder.iterdir())))
    assert "PatientSex" in made
    assert not made.PatientSex
    assert "StudyID" in made
    assert not made.StudyID
    assert "PatientAge" not in made
    assert "PixelSpacing" not in made


def test_that_I11_no_file_that_was_read_is_written_over(tmp_path: Path) -> None:
    image, link = tmp_path / "image.dcm", tmp_path / "link.dcm"
    image.write_bytes(b"x")
    link.symlink_to(image)
    check_target(tmp_path / "new.dcm", [image])
    with pytest.raises(ExportError, match="never written over"):
        check_target(link, [image])


def test_that_a_missing_highdicom_is_a_sentence(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "highdicom", None)
    with pytest.raises(ExportError) as refused:
        require_highdicom("Structured reports")
    assert refused.value.user_message == (
        "Structured reports are written with the Python package highdicom, which is not installed "
        "(pip install highdicom; it needs Python 3.13 or older)."
    )
    with pytest.raises(ExportError, match=r"older\)\. Take NIfTI\.$"):
        require_highdicom("Segmentations", "Take NIfTI.")
