"""Reports by TID 1500: what is written is valid and comes back; those of other programs are understood."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from pydicom import dcmread
from pydicom.dataset import Dataset

from tests.conftest import RealData
from tests.needs import library, program
from tests.phantoms import write_ramp
from viewer.dicom import structured_report as sr
from viewer.dicom.structure_facts import Code
from viewer.errors import ExportError, ViewerError

FRAME = "1.2.826.0.1.3680043.8.498.1"
LENGTH = Code("410668003", "SCT", "Length")
MEAN = Code("373098007", "SCT", "Mean")
ATTENUATION = Code("112031", "DCM", "Attenuation Coefficient")
VOLUME = Code("118565006", "SCT", "Volume")
LESION = Code("52988006", "SCT", "Lesion")
LIVER = Code("10200004", "SCT", "Liver")

Written = Callable[..., tuple[Path, sr.Report]]


def errors_of(path: Path) -> list[str]:
    """What an independent checker of the standard has against a file."""
    done = subprocess.run(
        [program("dciodvfy", "dicom3tools"), str(path)], capture_output=True, text=True, check=False
    )
    return [line for line in (done.stdout + done.stderr).splitlines() if line.startswith("Error")]


@pytest.fixture
def ramp(tmp_path: Path) -> list[Path]:
    """Files of the ramp phantom."""
    return sorted(write_ramp(tmp_path / "ramp").iterdir())


@pytest.fixture
def written(tmp_path: Path, ramp: list[Path]) -> Written:
    """A function that writes groups and reads them back."""
    library("highdicom")

    def write(*groups: sr.MeasurementGroup, evidence: Sequence[Path] = ()) -> tuple[Path, sr.Report]:
        target = tmp_path / "report.dcm"
        uid = sr.write_report(target, groups, [*ramp[:1], *evidence])
        report = sr.read_report(target)
        assert report is not None
        assert report.sop_instance_uid == uid
        return target, report

    return write


def reference(path: Path) -> sr.ImageReference:
    image = dcmread(path, stop_before_pixels=True)
    return sr.ImageReference(str(image.SOPClassUID), str(image.SOPInstanceUID))


def line(*points: tuple[float, ...]) -> sr.Coordinates:
    return sr.Coordinates(sr.Graphic.POLYLINE, points, FRAME)


def test_that_G09_a_report_of_regions_and_lines_is_valid_and_comes_back(
    written: Written, ramp: list[Path]
) -> None:
    square = ((0.0, 0.0, 5.0), (10.0, 0.0, 5.0), (10.0, 10.0, 5.0), (0.0, 10.0, 5.0), (0.0, 0.0, 5.0))
    region = sr.MeasurementGroup(
        "2.25.1",
        "Polygon 1",
        (
            sr.NamedValue(ATTENUATION, 1235.0625, sr.code_of_unit("HU"), derivation=MEAN),
            sr.NamedValue(Code("42798000", "SCT", "Area"), 100.0, sr.code_of_unit("mm²")),
        ),
        region=sr.Coordinates(sr.Graphic.POLYGON, square, FRAME),
        finding=LESION,
        site=LIVER,
        comments=("across a gap",),
    )
    length = sr.MeasurementGroup(
        "2.25.2",
        "Length 1",
        (
            sr.NamedValue(
                LENGTH, 7.211102550927978, sr.code_of_unit("mm"), path=line((-8, -18, -27), (-4, -12, -27))
            ),
        ),
        images=(reference(ramp[0]),),
    )
    path, report = written(region, length)
    assert errors_of(path) == []
    assert report.title == "Imaging Measurement Report"
    assert report.groups == (region, length)


def test_that_a_report_of_segments_is_valid_and_comes_back(
    written: Written, ramp: list[Path], tmp_path: Path
) -> None:
    source = reference(ramp[0])
    segmentation = sr.ImageReference("1.2.840.10008.5.1.4.1.1.66.4", "2.25.77")
    stand_in = dcmread(ramp[0])
    stand_in.SOPClassUID, stand_in.SOPInstanceUID, stand_in.SeriesInstanceUID = (
        segmentation.sop_class_uid,
        segmentation.sop_instance_uid,
        "2.25.78",
    )
    stand_in.save_as(tmp_path / "seg.dcm")
    value = sr.NamedValue(VOLUME, 32.96, sr.code_of_unit("mL"))
    by_image = sr.MeasurementGroup(
        "2.25.3",
        "Lesion 1",
        (value,),
        segment=sr.SegmentReference(segmentation, 2, (source,)),
        images=(source,),
    )
    by_series = sr.MeasurementGroup(
        "2.25.4", "Lesion 2", (value,), segment=sr.SegmentReference(segmentation, 1, (), "2.25.99")
    )
    path, report = written(by_image, by_series, evidence=[tmp_path / "seg.dcm"])
    assert errors_of(path) == []
    assert report.groups == (by_image, by_series)


def test_that_an_ellipse_and_a_point_are_regions(written: Written) -> None:
    ends = ((-10.0, 0.0, 0.0), (10.0, 0.0, 0.0), (0.0, -5.0, 0.0), (0.0, 5.0, 0.0))
    groups = (
        sr.MeasurementGroup("2.25.5", "Ellipse", region=sr.Coordinates(sr.Graphic.ELLIPSE, ends, FRAME)),
        sr.MeasurementGroup(
            "2.25.6", "Point", region=sr.Coordinates(sr.Graphic.POINT, ((1.0, 2.0, 3.0),), FRAME)
        ),
    )
    path, report = written(*groups)
    assert errors_of(path) == []
    assert report.groups == groups


def test_that_a_report_belongs_to_the_patient_and_study_of_its_images(
    written: Written, ramp: list[Path]
) -> None:
    path, _ = written(sr.MeasurementGroup("2.25.7", "empty"))
    report, image = dcmread(path), dcmread(ramp[0])
    for keyword in ("PatientID", "PatientName", "StudyInstanceUID", "StudyDate"):
        assert report.get(keyword) == image.get(keyword)
    assert report.SeriesInstanceUID != image.SeriesInstanceUID
    named = report.CurrentRequestedProcedureEvidenceSequence[0].ReferencedSeriesSequence[0]
    assert named.ReferencedSOPSequence[0].ReferencedSOPInstanceUID == image.SOPInstanceUID


def test_that_a_trial_without_a_sponsor_does_not_spoil_the_report(written: Written, ramp: list[Path]) -> None:
    image = dcmread(ramp[0])
    image.ClinicalTrialSponsorName, image.ClinicalTrialProtocolID = "", "ACRIN"
    image.PatientIdentityRemoved, image.DeidentificationMethod = "YES", "by hand"
    image.save_as(ramp[0])
    path, _ = written(sr.MeasurementGroup("2.25.13", "x"))
    assert errors_of(path) == []
    assert "ClinicalTrialProtocolID" not in dcmread(path)


def test_that_a_report_never_takes_the_place_of_an_image(ramp: list[Path]) -> None:
    library("highdicom")
    before = ramp[0].read_bytes()
    with pytest.raises(ExportError, match="never written over"):
        sr.write_report(ramp[0], [sr.MeasurementGroup("2.25.8", "x")], ramp[:1])
    assert ramp[0].read_bytes() == before


def test_that_a_report_about_an_unknown_object_is_refused_in_a_sentence(
    ramp: list[Path], tmp_path: Path
) -> None:
    library("highdicom")
    unknown = sr.ImageReference("1.2.840.10008.5.1.4.1.1.2", "2.25.404")
    with pytest.raises(ExportError, match="missing or incomplete"):
        sr.write_report(tmp_path / "r.dcm", [sr.MeasurementGroup("2.25.9", "x", images=(unknown,))], ramp[:1])
    assert not (tmp_path / "r.dcm").exists()


def test_that_without_highdicom_one_sentence_says_so(
    ramp: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "highdicom", None)
    with pytest.raises(ExportError, match="pip install highdicom"):
        sr.write_report(tmp_path / "r.dcm", [sr.MeasurementGroup("2.25.9", "x")], ramp[:1])
    assert not (tmp_path / "r.dcm").exists()


def test_that_units_are_understood_both_ways() -> None:
    for unit in ("mm", "mm²", "mm³", "mL", "°", "HU", "SUV", "Bq/mL", "g", ""):
        assert sr.unit_of_code(sr.code_of_unit(unit)) == unit
    assert sr.code_of_unit("SUV*") == sr.code_of_unit("SUV")
    assert sr.unit_of_code(Code("{furlong}", "UCUM", "furlong")) == "{furlong}"


# --- reports of others ------------------------------------------------------------------------------------------


def test_that_reports_of_highdicom_are_read(real_data: RealData) -> None:
    report = sr.read_report(real_data("seg-small") / "highdicom" / "sr_document_with_multiple_groups.dcm")
    assert report is not None
    assert [group.tracking_id for group in report.groups] == [
        "Image0001",
        "LungNodule0001",
        "Aorta0001",
        "Vertebra0001",
    ]
    mean, nodule, aorta, vertebra = report.groups
    assert mean.region is None
    assert sr.unit_of_code(mean.values[0].unit) == "HU"
    assert mean.values[0].value == pytest.approx(-119.0738525390625)
    assert nodule.region is not None
    assert (nodule.region.graphic, nodule.region.points) == (sr.Graphic.CIRCLE, ((45.0, 55.0), (45.0, 65.0)))
    assert nodule.region.image is not None
    assert nodule.finding is not None
    assert nodule.site is not None
    assert (nodule.finding.meaning, nodule.site.meaning) == ("Nodule", "Lung")
    assert aorta.region is not None
    assert aorta.region.points == ((25.0, 45.0), (45.0, 45.0), (45.0, 65.0), (25.0, 65.0))
    assert vertebra.region is not None
    np.testing.assert_allclose(vertebra.region.points, [(123.5, 234.1, -23.7)], rtol=1e-6)
    assert vertebra.region.frame_of_reference_uid


def test_that_a_report_of_dcmqi_gives_values_of_segments(real_data: RealData) -> None:
    report = sr.read_report(real_data("seg-small") / "dcmqi-sr" / "sr.dcm")
    assert report is not None
    assert report.groups
    for group in report.groups:
        assert group.segment is not None
        assert group.values
        assert all(np.isfinite(value.value) for value in group.values)


def test_that_what_is_no_measurement_report_is_none(ramp: list[Path]) -> None:
    assert sr.read_report(ramp[0]) is None


def test_that_a_damaged_report_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "broken.dcm").write_bytes(b"no DICOM at all" * 20)
    with pytest.raises(ViewerError, match="report"):
        sr.read_report(tmp_path / "broken.dcm")


def test_that_senseless_coordinates_are_left_out(tmp_path: Path, written: Written) -> None:
    region = sr.Coordinates(sr.Graphic.POINT, ((1.0, 2.0, 3.0),), FRAME)
    path, _ = written(sr.MeasurementGroup("2.25.10", "Point", region=region))
    report = dcmread(path)

    def spoil(item: Dataset) -> None:
        for child in item.get("ContentSequence", []):
            if child.get("ValueType") == "SCOORD3D":
                child.GraphicData = [1.0, float("nan"), 3.0]
            spoil(child)

    spoil(report)
    report.save_as(tmp_path / "spoilt.dcm")
    found = sr.read_report(tmp_path / "spoilt.dcm")
    assert found is not None
    assert found.groups[0].region is None
