"""SUV from headers: the 17 IBSI SUV reference objects rebuilt as small data sets, real series, and what files do wrong.

Expected numbers are published: 0.20, 1.00 and 4.00 for every reference object (IBSI SUV manual), factor and maximum of
the real series from an independent tool.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from pydicom.dataset import FileMetaDataset
from pydicom.uid import (
    UID,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    PositronEmissionTomographyImageStorage,
)

from tests.conftest import RealData
from viewer.dicom.pet import (
    parse_date,
    parse_datetime,
    parse_offset,
    parse_time,
    suv_inputs,
    unit_text,
)
from viewer.errors import SuvUnavailable
from viewer.imaging.suv import suv_factor

ITEM = ("RadiopharmaceuticalStartTime", "RadiopharmaceuticalStartDateTime", "RadionuclideTotalDose",
        "RadionuclideHalfLife", "RadionuclideCodeSequence")  # fmt: skip


def code(value: str, meaning: str) -> Dataset:
    item = Dataset()
    item.CodeValue, item.CodingSchemeDesignator, item.CodeMeaning = value, "SRT", meaning
    return item


def header(
    *,
    private: Sequence[tuple[int, str, str]] = (),
    syntax: UID = ExplicitVRLittleEndian,
    **changes: Any,
) -> Dataset:
    """One slice as the reference objects have it, written and read back as files are; None removes an element."""
    dataset, item = Dataset(), Dataset()
    values: dict[str, Any] = {
        "Modality": "PT", "Manufacturer": "Synthetic", "PatientSex": "O", "PatientWeight": "70.0",
        "PatientSize": "1.75", "Units": "BQML", "DecayCorrection": "START",
        "CorrectedImage": ["NORM", "DTIM", "ATTN", "SCAT", "DECY", "RAN"],
        "SeriesDate": "20250101", "SeriesTime": "110000", "AcquisitionDate": "20250101",
        "AcquisitionTime": "110000.000000", "FrameReferenceTime": "150000.0", "ActualFrameDuration": "300000",
        "RescaleSlope": "1", "RescaleIntercept": "0",
        "RadiopharmaceuticalStartTime": "100000.000000", "RadiopharmaceuticalStartDateTime": "20250101100000.000000",
        "RadionuclideTotalDose": "368080000.0", "RadionuclideHalfLife": "6586.2",
        "RadionuclideCodeSequence": [code("C-111A1", "^18^Fluorine")],
    }  # fmt: skip
    for keyword, value in (values | changes).items():
        if value is not None:
            setattr(item if keyword in ITEM else dataset, keyword, value)
    dataset.RadiopharmaceuticalInformationSequence = [item]
    for tag, vr, text in private:
        dataset.add_new(tag, vr, text)
    dataset.file_meta = FileMetaDataset()
    dataset.file_meta.TransferSyntaxUID = syntax
    dataset.file_meta.MediaStorageSOPClassUID = PositronEmissionTomographyImageStorage
    dataset.file_meta.MediaStorageSOPInstanceUID = UID("1.2.3")
    stream = BytesIO()
    dataset.save_as(stream, enforce_file_format=True)
    stream.seek(0)
    return dcmread(stream)


def local(hour: int, minute: int = 0, second: int = 0, microsecond: int = 0, day: int = 1) -> dt.datetime:
    """A moment of January 2025 on the scanner's own clock, as headers without an offset give it."""
    return dt.datetime.combine(dt.date(2025, 1, day), dt.time(hour, minute, second, microsecond))


def suv_of(slices: Sequence[Dataset], stored: Sequence[Sequence[int]]) -> list[list[float]]:
    result = suv_factor(suv_inputs(slices))
    return [
        [(value * float(s.RescaleSlope) + float(s.RescaleIntercept)) * factor for value in values]
        for s, values, factor in zip(slices, stored, result.slice_factors, strict=True)
    ]


NONE_CORRECTIONS = ["NORM", "DTIM", "ATTN", "SCAT", "RAN"]
OBJECTS: dict[str, tuple[list[dict[str, Any]], list[tuple[int, int, int]]]] = {
    "0_0": ([{}], [(720, 3600, 14400)]),
    "1_0": ([{"RescaleSlope": "3"}, {"RescaleSlope": "4"}], [(240, 1200, 4800), (180, 900, 3600)]),
    "2_0": ([{"Units": "GML", "SUVType": "BW", "RescaleSlope": "0.1"}], [(2, 10, 40)]),
    "2_1": (
        [{"Units": "GML", "SUVType": "LBMJAMES128", "PatientSex": "M", "RescaleSlope": "0.001"}],
        [(161, 807, 3229)],
    ),
    "2_2": ([{"Units": "GML", "SUVType": "IBW", "RescaleSlope": "0.002"}], [(99, 495, 1983)]),
    "2_4": (
        [{"Units": "CNTS", "Manufacturer": "Philips Medical Systems", "private": [(0x70531000, "DS", "0.0005")]}],
        [(400, 2000, 8000)],
    ),
    "2_5": (
        [{"Units": "CNTS", "Manufacturer": "Philips Medical Systems", "private": [(0x70531009, "DS", "0.5")]}],
        [(1440, 7200, 28800)],
    ),
    "3_0": ([{"RadionuclideTotalDose": "368.08"}], [(720, 3600, 14400)]),
    "3_1": ([{"DecayCorrection": "ADMIN"}], [(1051, 5258, 21033)]),
    "3_2": (
        [
            {"SeriesTime": "113000", "AcquisitionTime": "110230", "FrameReferenceTime": "450000",
             "ActualFrameDuration": "603000"},
            {"SeriesTime": "113000", "AcquisitionTime": "110500", "FrameReferenceTime": "600000",
             "ActualFrameDuration": "603000"},
        ],
        [(720, 3600, 14400)] * 2,
    ),
    "3_3": (
        [{"Manufacturer": "GE MEDICAL SYSTEMS", "AcquisitionTime": "113000", "SeriesTime": "114500",
          "private": [(0x0009100D, "DT", "20250101110000")]}],
        [(720, 3600, 14400)],
    ),
    "3_4": (
        [
            {"DecayCorrection": "NONE", "CorrectedImage": NONE_CORRECTIONS, "ActualFrameDuration": "603000"},
            {"DecayCorrection": "NONE", "CorrectedImage": NONE_CORRECTIONS, "ActualFrameDuration": "603000",
             "AcquisitionTime": "110500"},
        ],
        [(697, 3488, 13952), (675, 3379, 13518)],
    ),
    "4_0": ([{"RadiopharmaceuticalStartTime": None}], [(720, 3600, 14400)]),
    "4_1": ([{"RadiopharmaceuticalStartDateTime": None}], [(720, 3600, 14400)]),
    "4_2": (
        [{"RadiopharmaceuticalStartDateTime": None, "RadiopharmaceuticalStartTime": "233000",
          "SeriesDate": "20250102", "SeriesTime": "003000", "AcquisitionDate": "20250102",
          "AcquisitionTime": "003000"}],
        [(720, 3600, 14400)],
    ),
    "5_0": (
        [{"RadionuclideHalfLife": "4057.7", "RadionuclideCodeSequence": [code("C-131A3", "^68^Gallium")]}],
        [(568, 2843, 11372)],
    ),
}  # fmt: skip


@pytest.mark.parametrize(
    "syntax", [ExplicitVRLittleEndian, ImplicitVRLittleEndian], ids=["explicit", "implicit"]
)
@pytest.mark.parametrize("name", OBJECTS)
def test_that_the_IBSI_reference_object_has_its_published_suv(name: str, syntax: UID) -> None:
    changes, stored = OBJECTS[name]
    slices = [header(syntax=syntax, **change) for change in changes]
    for cold, background, hot in suv_of(slices, stored):
        assert (round(cold, 2), round(background, 2), round(hot, 2)) == (0.20, 1.00, 4.00)


def test_that_the_IBSI_object_2_3_by_surface_area_is_exact_within_its_quantum() -> None:
    slices = [header(Units="CM2ML", SUVType="BSA", RescaleSlope="0.01")]
    ((cold, background, hot),) = suv_of(slices, [(5, 26, 105)])
    assert (cold, background, hot) == pytest.approx((0.189, 0.985, 3.977), abs=5e-4)
    half_step = 0.005 * suv_factor(suv_inputs(slices)).slice_factors[0]
    assert abs(hot - 4.0) - half_step < 0.005


@pytest.mark.parametrize("name", ["0_0", "1_0", "2_0", "2_4", "3_1", "3_3", "4_1", "5_0"])
def test_that_the_real_IBSI_object_has_its_published_suv(real_data: RealData, name: str) -> None:
    slices = [dcmread(path) for path in sorted((real_data("suv-dro-a") / f"DRO_{name}" / "PT").iterdir())]
    factors = suv_factor(suv_inputs(slices)).slice_factors
    values = np.stack(
        [s.pixel_array * float(s.RescaleSlope) * f for s, f in zip(slices, factors, strict=True)]
    )
    assert values.max() == pytest.approx(4.00, abs=0.005)
    found = {round(float(value), 2) for value in np.unique(values)}
    assert found - {0.0} == {0.20, 1.00, 4.00}


def test_that_the_real_IBSI_object_2_3_is_exact_within_its_quantum(real_data: RealData) -> None:
    slices = [dcmread(path) for path in sorted((real_data("suv-dro-a") / "DRO_2_3" / "PT").iterdir())]
    values = (
        suv_factor(suv_inputs(slices)).slice_factors[0]
        * slices[9].pixel_array
        * float(slices[9].RescaleSlope)
    )
    assert values.max() == pytest.approx(3.977, abs=5e-4)


def pet_series(folder: Path, wanted: Callable[[Dataset], bool]) -> list[Dataset]:
    found: list[Dataset] = []
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            dataset = dcmread(path, stop_before_pixels=True, force=True)
            if dataset.get("Modality") == "PT" and wanted(dataset):
                found.append(dataset)
    return found


@pytest.mark.slow
def test_that_a_real_whole_body_pet_has_the_factor_of_an_independent_tool(real_data: RealData) -> None:
    everything = pet_series(real_data("petct-acrin"), lambda _: True)
    by_units = {units: [d for d in everything if d.Units == units] for units in ("BQML", "PROPCNTS")}
    assert [len(series) for series in by_units.values()] == [135, 135]
    result = suv_factor(suv_inputs(by_units["BQML"]))
    assert result.factor == pytest.approx(4.2111e-4, rel=1e-5)
    assert 121329.97527 * (result.factor or 0) == pytest.approx(51.0933, abs=2e-3)
    assert result.warnings == ()
    assert (result.uptake_s, result.weight_kg) == (9527.0, 91.0)
    # Its header claims attenuation correction; the units give it away.
    assert "ATTN" in suv_inputs(by_units["PROPCNTS"]).corrections
    with pytest.raises(SuvUnavailable, match="PROPCNTS"):
        suv_factor(suv_inputs(by_units["PROPCNTS"]))


@pytest.mark.slow
def test_that_real_series_in_suv_keep_their_values(real_data: RealData) -> None:
    everything = pet_series(real_data("sts-a"), lambda dataset: dataset.Units == "GML")
    series: dict[str, list[Dataset]] = {dataset.SeriesInstanceUID: [] for dataset in everything}
    for dataset in everything:
        series[dataset.SeriesInstanceUID].append(dataset)
    assert sorted(len(slices) for slices in series.values()) == [59, 73, 85]
    assert {suv_factor(suv_inputs(slices)).factor for slices in series.values()} == {1.0}


# --- What files do wrong ----------------------------------------------------------------------------------------


def factor_of(*slices: Dataset) -> float:
    found = suv_factor(suv_inputs(slices)).factor
    assert found is not None
    return found


REFERENCE = 70 * 1000 / (368.08e6 * 0.5 ** (3600 / 6586.2))


def test_that_D05_the_earliest_acquisition_of_the_whole_series_counts_not_the_first_slices() -> None:
    late, early = header(AcquisitionTime="111800"), header(AcquisitionTime="105500", FrameReferenceTime=None)
    result = suv_factor(suv_inputs([late, early]))
    assert result.reference == local(10, 55)
    assert "earliest" in result.reference_origin


def test_that_D05_one_time_of_a_dynamic_scan_is_judged_by_the_whole_series() -> None:
    last = header(SeriesTime="110500", AcquisitionTime="113000")
    del last.FrameReferenceTime
    whole = suv_factor(suv_inputs([last], local(11)))
    assert whole.reference == local(11)
    assert whole.factor == pytest.approx(REFERENCE)
    assert suv_factor(suv_inputs([last])).reference == local(11, 5)


def test_that_D13_private_blocks_are_found_by_their_creator_wherever_they_are() -> None:
    moved = [(0x70530020, "LO", "Philips PET Private Group"), (0x70532000, "DS", "0.0005")]
    assert factor_of(header(Units="CNTS", private=moved)) == 0.0005
    found = suv_inputs([header(Units="CNTS", private=moved)])
    assert found.warnings == ()


@pytest.mark.parametrize(
    "private,manufacturer",
    [
        ([(0x70531000, "DS", "0.0005")], "Another maker"),
        ([(0x70530010, "LO", "Another maker's block"), (0x70531000, "DS", "0.0005")], "Philips"),
        ([(0x70530010, "LO", "Philips PET Private Group"), (0x70531000, "DS", "0")], "Philips"),
        ([(0x70530010, "LO", "Philips PET Private Group"), (0x70531000, "LO", "x")], "Philips"),
    ],
)
def test_that_D13_a_scale_that_may_mean_something_else_is_not_used(
    private: list[tuple[int, str, str]], manufacturer: str
) -> None:
    with pytest.raises(SuvUnavailable, match="raw counts"):
        suv_factor(suv_inputs([header(Units="CNTS", Manufacturer=manufacturer, private=private)]))


def test_that_D13_a_block_without_creator_is_read_with_a_warning_when_the_manufacturer_fits() -> None:
    found = suv_inputs([header(Units="CNTS", Manufacturer="Philips", private=[(0x70531000, "DS", "0.0005")])])
    assert found.frames[0].philips_suv_scale == 0.0005
    assert any("private creator" in warning for warning in found.warnings)


def test_that_D05_the_siemens_decay_time_is_read() -> None:
    private = [(0x00710010, "LO", "SIEMENS MED PT"), (0x00711022, "DT", "20250101110000")]
    result = suv_factor(
        suv_inputs(
            [header(private=private, SeriesTime="120000", AcquisitionTime="111000", FrameReferenceTime=None)]
        )
    )
    assert result.factor == pytest.approx(REFERENCE)
    assert "SIEMENS" in result.reference_origin


@pytest.mark.parametrize(
    "value,meaning",
    [
        ("77004003", ""),
        ("C-111A1", ""),
        ("X", "^18^Fluorine"),
        ("X", "18F"),
        ("X", "F-18"),
        ("", "Fluorine 18"),
    ],
)
def test_that_D12_a_missing_half_life_comes_from_the_coded_nuclide(value: str, meaning: str) -> None:
    found = suv_inputs([header(RadionuclideHalfLife=None, RadionuclideCodeSequence=[code(value, meaning)])])
    assert (found.half_life_s.value, found.radionuclide) == (6586.2, "F-18")
    assert found.half_life_s.origin.startswith("assumed")
    assert any("assumed" in warning for warning in suv_factor(found).warnings)


def test_that_D12_an_unknown_nuclide_without_half_life_gives_no_suv() -> None:
    for codes in ([code("X", "^52^Manganese")], None):
        with pytest.raises(SuvUnavailable, match="half-life"):
            factor_of(header(RadionuclideHalfLife=None, RadionuclideCodeSequence=codes))


@pytest.mark.parametrize("keyword,values", [
    ("PatientWeight", ("70", "71")), ("RadionuclideTotalDose", ("368080000", "300000000")),
    ("Units", ("BQML", "CNTS")), ("RadionuclideHalfLife", ("6586.2", "4057.7")),
    ("RadiopharmaceuticalStartDateTime", ("20250101100000", "20250101101000")), ("DecayCorrection", ("START", "ADMIN")),
])  # fmt: skip
def test_that_slices_that_contradict_each_other_give_no_suv(keyword: str, values: tuple[str, str]) -> None:
    written: list[dict[str, Any]] = [{keyword: value} for value in values]
    with pytest.raises(SuvUnavailable, match="differs between the slices"):
        factor_of(*(header(**changes) for changes in written))


def test_that_the_same_number_written_in_two_ways_is_no_contradiction() -> None:
    assert factor_of(header(PatientWeight="70"), header(PatientWeight="70.0")) == pytest.approx(REFERENCE)


def test_that_a_correction_counts_only_when_every_slice_has_it() -> None:
    with pytest.raises(SuvUnavailable, match="NAC"):
        factor_of(header(), header(CorrectedImage=["DECY", "NORM"]))


def test_that_J17_numbers_with_a_comma_are_read_and_garbage_is_no_number() -> None:
    raw = header()
    raw.add_new(0x00101030, "LO", "70,0")
    assert factor_of(raw) == pytest.approx(REFERENCE)
    raw.add_new(0x00101030, "LO", "heavy")
    assert any("(0010,1030)" in warning for warning in suv_inputs([raw]).warnings)
    with pytest.raises(SuvUnavailable, match="weight"):
        factor_of(raw)


def test_that_a_height_in_centimetres_is_recognised() -> None:
    found = suv_inputs([header(PatientSize="175")])
    assert found.height_cm.value == 175.0
    assert any("cm" in warning for warning in found.warnings)
    assert suv_inputs([header()]).height_cm.value == 175.0
    assert suv_inputs([header(PatientSize="0")]).height_cm.value is None


def test_that_missing_dates_are_taken_from_the_series_with_a_warning() -> None:
    found = suv_inputs([header(AcquisitionDate=None)])
    assert found.frames[0].acquisition == local(11)
    assert any("no date" in warning for warning in found.warnings)
    combined = header(AcquisitionDate=None, AcquisitionTime=None, AcquisitionDateTime="20250101110000.5")
    assert suv_inputs([combined]).frames[0].acquisition == local(11, 0, 0, 500_000)


def test_that_D07_the_offset_of_the_data_set_holds_for_all_its_times() -> None:
    shifted = header(
        TimezoneOffsetFromUTC="+0100", RadiopharmaceuticalStartDateTime="20250101090000+0000",
        RadiopharmaceuticalStartTime=None,
    )  # fmt: skip
    assert factor_of(shifted) == pytest.approx(REFERENCE)
    local = header(TimezoneOffsetFromUTC="-0500", RadiopharmaceuticalStartTime=None)
    assert factor_of(local) == pytest.approx(REFERENCE)


def test_that_several_radiopharmaceuticals_are_reported() -> None:
    dataset = header()
    item = dataset.RadiopharmaceuticalInformationSequence[0]
    dataset.RadiopharmaceuticalInformationSequence = [item, Dataset()]
    assert any("several" in warning for warning in suv_inputs([dataset]).warnings)


def test_that_a_series_without_radiopharmaceutical_or_without_slices_is_handled() -> None:
    dataset = header()
    del dataset.RadiopharmaceuticalInformationSequence
    with pytest.raises(SuvUnavailable, match="dose"):
        factor_of(dataset)
    with pytest.raises(ValueError, match="at least one"):
        suv_inputs([])


def test_that_an_enhanced_pet_is_read_by_its_own_attributes() -> None:
    dataset = header(
        Units=None, DecayCorrection=None, CorrectedImage=None, DecayCorrected="YES", AttenuationCorrected="YES",
        DecayCorrectionDateTime="20250101110000", AcquisitionDate=None, AcquisitionTime=None,
    )  # fmt: skip
    shared, transformation = Dataset(), Dataset()
    transformation.RescaleType = "BQML"
    shared.PixelValueTransformationSequence = [transformation]
    dataset.SharedFunctionalGroupsSequence = [shared]
    frames = []
    for minute in (2, 5):
        frame, content = Dataset(), Dataset()
        content.FrameAcquisitionDateTime = f"2025010111{minute:02d}00"
        content.FrameAcquisitionDuration = 180000.0
        frame.FrameContentSequence = [content]
        frames.append(frame)
    dataset.PerFrameFunctionalGroupsSequence = frames
    inputs = suv_inputs([dataset])
    assert [frame.duration_s for frame in inputs.frames] == [180.0, 180.0]
    result = suv_factor(inputs)
    assert result.factor == pytest.approx(REFERENCE)
    assert result.uptake_s == 62 * 60


# --- Dates and times --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text,expected",
    [
        ("10", dt.time(10)), ("1005", dt.time(10, 5)), ("100507", dt.time(10, 5, 7)),
        ("100507.5", dt.time(10, 5, 7, 500_000)), ("100507.000001 ", dt.time(10, 5, 7, 1)),
        ("10:05:07", dt.time(10, 5, 7)), ("235960", dt.time(23, 59, 59)), ("", None), ("1", None), ("240000", None),
        ("106000", None), ("100599", None), ("ten", None), ("100507.", None), ("100507.1234567", None),
    ],
)  # fmt: skip
def test_that_D08_times_are_read_as_hours_minutes_seconds(text: str, expected: dt.time | None) -> None:
    assert parse_time(text) == expected


def test_that_D08_times_are_never_subtracted_as_numbers() -> None:
    # 110000 - 100000 = 10000 "seconds" would give a factor 28.7 % too high; 105900 to 110100 is 2 minutes, not 4200 s
    assert factor_of(header(AcquisitionTime="110100", RadiopharmaceuticalStartDateTime=None,
                            RadiopharmaceuticalStartTime="105900", SeriesTime="110100")) == pytest.approx(
        70 * 1000 / (368.08e6 * 0.5 ** (120 / 6586.2))
    )  # fmt: skip


def test_that_dates_offsets_and_moments_are_read_or_refused() -> None:
    assert parse_date("20250131") == parse_date("2025.01.31") == dt.date(2025, 1, 31)
    assert parse_date("20250230") is None
    assert parse_date("") is None
    assert parse_offset("-0530") == dt.timezone(-dt.timedelta(hours=5, minutes=30))
    assert parse_offset("+2500") is None
    assert parse_datetime("2025013110") == local(10, day=31)
    assert parse_datetime("20250131101500.25+0100") == dt.datetime(
        2025, 1, 31, 10, 15, 0, 250_000, dt.timezone(dt.timedelta(hours=1))
    )
    east = parse_offset("+0100")
    assert parse_datetime("2025013110", east) == local(10, day=31).replace(tzinfo=east)
    for text in ("20250131", "2025", "", "20251332100000", "20250131250000"):
        assert parse_datetime(text) is None


def test_that_B04_D02_units_are_named_and_never_called_suv() -> None:
    assert unit_text("BQML") == "Bq/mL"
    assert unit_text("PROPCNTS") == "proportional to counts"
    assert unit_text("GML", "LBM") == "g/mL (LBM)"
    assert unit_text("GML", "BW") == unit_text("gml ") == "g/mL"
    assert unit_text("NONE") == unit_text("WHATEVER") == ""
