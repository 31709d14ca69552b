"""SUV factors against published numbers (cases P1-P12, body-size table) and every reason to refuse one.

The expected numbers were computed by other programs; none of them comes from the code under test.
"""

from __future__ import annotations

import datetime as dt
import math
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.errors import SuvUnavailable
from viewer.imaging.suv import (
    USER,
    BodySize,
    Given,
    SuvFrame,
    SuvInputs,
    SuvResult,
    as_kind,
    body_size,
    edited,
    suv_factor,
)
from viewer.imaging.suv_times import average_activity_time_s

F18, F18_GE, GA68, C11, ZR89 = 6586.2, 6588.0, 4057.7, 1223.4, 78.41 * 3600


def at(clock: str, day: int = 1) -> dt.datetime:
    return dt.datetime.combine(dt.date(2025, 1, day), dt.time.fromisoformat(clock))


def p1() -> SuvInputs:
    """Case P1: 70 kg, 370 MBq F-18 at 10:00, series and acquisition at 11:00, START."""
    return SuvInputs(
        frames=(SuvFrame(at("11:00:00"), 150.0, 300.0),),
        modality="PT",
        units="BQML",
        decay_correction="START",
        corrections=frozenset({"NORM", "ATTN", "DECY"}),
        weight_kg=Given(70.0, "(0010,1030)"),
        height_cm=Given(175.0, "(0010,1020)"),
        sex=Given("O", "(0010,0040)"),
        dose_bq=Given(370e6, "(0018,1074)"),
        half_life_s=Given(F18, "(0018,1075)"),
        injection=Given(at("10:00:00"), "(0018,1078)"),
        series_start=Given(at("11:00:00"), "(0008,0021) (0008,0031)"),
    )


def case(
    weight_kg: float, dose_bq: float, half_life_s: float, injected: dt.datetime, start: dt.datetime
) -> SuvInputs:
    return replace(
        p1(),
        frames=(SuvFrame(start, None, None),),
        weight_kg=Given(weight_kg, ""),
        dose_bq=Given(dose_bq, ""),
        half_life_s=Given(half_life_s, ""),
        injection=Given(injected, ""),
        series_start=Given(start, ""),
    )


def factor(inputs: SuvInputs) -> float:
    found = suv_factor(inputs).factor
    assert found is not None
    return found


def refusal(inputs: SuvInputs) -> str:
    with pytest.raises(SuvUnavailable) as caught:
        suv_factor(inputs)
    return caught.value.user_message


# --- Published numbers ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name,inputs,expected",
    [
        ("P1", p1(), 2.7633668e-4),
        ("P2", case(72, 250e6, F18_GE, at("09:58:00"), at("11:00:00")), 4.2596410e-4),
        ("P3", replace(p1(), decay_correction="ADMIN"), 1.8918919e-4),
        ("P5", case(80, 150e6, GA68, at("10:00:00"), at("11:00:00")), 9.8644568e-4),
        ("P6", case(80, 600e6, C11, at("10:55:00"), at("11:00:00")), 1.5803627e-4),
        ("P7", case(75, 37e6, ZR89, at("11:00:00", 1), at("11:00:00", 4)), 3.8307199e-3),
        ("P10", case(70, 370e6, F18, at("10:00:00.500"), at("11:00:00.250")), 2.7632941e-4),
    ],
)
def test_that_D03_D04_published_factors_are_met(name: str, inputs: SuvInputs, expected: float) -> None:
    assert factor(inputs) == pytest.approx(expected, rel=4e-8), name


def test_that_D07_P4_an_injection_before_midnight_belongs_to_the_day_before() -> None:
    inputs = replace(
        p1(),
        frames=(SuvFrame(at("00:30:00", 2), 150.0, 300.0),),
        series_start=Given(at("00:30:00", 2), ""),
        injection=Given(None, ""),
        injection_time=Given(dt.time(23, 30), "(0018,1072)"),
    )
    result = suv_factor(inputs)
    assert result.factor == pytest.approx(2.7633668e-4, rel=2e-8)
    assert result.injection == at("23:30:00", 1)
    assert result.uptake_s == 3600.0
    assert "day before" in result.injection_origin


def test_that_D02_P8_the_philips_suv_scale_is_the_factor() -> None:
    frame = SuvFrame(None, None, None, philips_suv_scale=0.000512)
    inputs = replace(p1(), units="CNTS", frames=(frame,), dose_bq=Given(), injection=Given())
    assert 1000 * 0.35 * factor(inputs) == pytest.approx(0.1792)


def test_that_D02_P9_the_philips_activity_scale_leads_to_activity_first() -> None:
    frame = SuvFrame(at("11:00:00"), None, None, philips_activity_scale=1.9)
    inputs = replace(p1(), units="CNTS", frames=(frame,))
    assert factor(inputs) == pytest.approx(5.2503970e-4, rel=2e-8)
    assert 1000 * 0.35 * factor(inputs) == pytest.approx(0.183764, abs=5e-7)
    both = replace(frame, philips_suv_scale=0.000512)
    assert factor(replace(inputs, frames=(both,))) == 0.000512


def test_that_D05_P11_the_reference_time_is_computed_back_from_a_late_bed() -> None:
    # bed 5 at 11:10, 120 s long, frame reference time 659936.85 ms; the series time is of a later reconstruction
    inputs = replace(
        p1(),
        frames=(SuvFrame(at("11:10:00"), 659.93685, 120.0), SuvFrame(at("11:02:00"), 179.93685, 120.0)),
        series_start=Given(at("11:30:00"), ""),
    )
    result = suv_factor(inputs)
    assert result.reference is not None
    assert abs((result.reference - at("11:00:00")).total_seconds()) < 1e-3
    assert result.factor == pytest.approx(2.7633668e-4, rel=1e-7)
    assert result.reference_origin.startswith("derived")


@pytest.mark.parametrize(
    "duration_s,expected_s", [(60, 29.9842), (120, 59.9369), (180, 89.8579), (300, 149.6053), (600, 298.4214)]
)
def test_that_D05_P12_the_average_activity_time_is_the_published_one(
    duration_s: float, expected_s: float
) -> None:
    assert average_activity_time_s(duration_s, F18) == pytest.approx(expected_s, abs=5e-5)


BODY_SIZES = [
    # sex, kg, cm, LBM, James128, Janmahasatian, IBW, BSA
    ("M", 70, 175, 57.80, 56.52, 55.8571, 72.38, 1.84814),
    ("F", 60, 165, 44.6298, 44.6298, 39.2868, 57.33, 1.65866),
    ("M", 120, 180, 78.6667, 75.1111, 75.7766, 77.68, 2.37187),
]


@pytest.mark.parametrize("sex,weight_kg,height_cm,lbm,james,janma,ibw,bsa", BODY_SIZES)
def test_that_D14_body_sizes_are_the_published_ones(
    sex: str,
    weight_kg: float,
    height_cm: float,
    lbm: float,
    james: float,
    janma: float,
    ibw: float,
    bsa: float,
) -> None:
    for measure, expected in zip(BodySize, (lbm, james, janma, ibw, bsa), strict=True):
        assert body_size(measure, weight_kg, height_cm, sex) == pytest.approx(expected, abs=6e-5)


def test_that_the_james_form_collapses_in_obesity_and_the_default_does_not() -> None:
    assert body_size(BodySize.LBMJAMES128, 140, 155, "F") == pytest.approx(29.06, abs=0.005)
    assert body_size(BodySize.LBMJANMA, 140, 155, "F") == pytest.approx(56.43, abs=0.005)


def test_that_D14_without_a_sex_the_mean_of_both_formulas_counts() -> None:
    assert body_size(BodySize.IBW, 70, 175, "O") == pytest.approx(69.405)
    with pytest.raises(ValueError, match="positive"):
        body_size(BodySize.BSA, 70, 0)


# --- Units (D01, D02) -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "suv_type,sex,stored,slope,expected",
    [
        ("", "O", 40, 0.1, 4.0),
        ("BW", "O", 40, 0.1, 4.0),
        ("LBMJAMES128", "M", 3229, 0.001, 3.9991),
        ("IBW", "O", 1983, 0.002, 4.0000),
    ],
)
def test_that_D02_values_that_are_suv_already_are_brought_to_body_weight(
    suv_type: str, sex: str, stored: int, slope: float, expected: float
) -> None:
    inputs = replace(
        p1(), units="GML", suv_type=suv_type, sex=Given(sex, ""), dose_bq=Given(), injection=Given()
    )
    assert stored * slope * factor(inputs) == pytest.approx(expected, abs=5e-5)


def test_that_D02_values_by_surface_area_are_brought_to_body_weight() -> None:
    inputs = replace(p1(), units="CM2ML", suv_type="BSA")
    assert 105 * 0.01 * factor(inputs) == pytest.approx(3.977, abs=5e-4)


def test_that_D02_lean_mass_by_the_janmahasatian_formula_converts_too() -> None:
    inputs = replace(p1(), units="GML", suv_type="LBMJANMA", sex=Given("M", ""))
    assert factor(inputs) == pytest.approx(70 / 55.8571, rel=1e-6)


@pytest.mark.parametrize("units", ["PROPCNTS", "PROPCPS", "CPS", "1CM", "NONE", "", "SUV", "MLMING"])
def test_that_D02_other_units_never_become_suv(units: str) -> None:
    assert "converted" in refusal(replace(p1(), units=units))


def test_that_D02_counts_without_a_scale_on_every_slice_stay_counts() -> None:
    good, bad = SuvFrame(at("11:00:00"), philips_suv_scale=0.5), SuvFrame(at("11:00:00"))
    assert "raw counts" in refusal(replace(p1(), units="CNTS", frames=(good, bad)))
    assert "raw counts" in refusal(replace(p1(), units="CNTS"))


@pytest.mark.parametrize("units,suv_type", [("GML", "BSA"), ("CM2ML", "BW"), ("GML", "XYZ")])
def test_that_D02_a_contradictory_suv_type_is_refused(units: str, suv_type: str) -> None:
    assert "does not go with" in refusal(replace(p1(), units=units, suv_type=suv_type))


def test_that_D02_lean_mass_without_height_cannot_be_brought_back() -> None:
    assert "height" in refusal(replace(p1(), units="GML", suv_type="LBM", height_cm=Given()))


@pytest.mark.parametrize("units", ["BQML", "GML", "CNTS"])
def test_that_D01_a_series_without_attenuation_correction_has_no_suv(units: str) -> None:
    frame = SuvFrame(at("11:00:00"), philips_suv_scale=0.5)
    inputs = replace(p1(), units=units, frames=(frame,), corrections=frozenset({"NORM", "DECY"}))
    assert "NAC" in refusal(inputs)


def test_that_D01_a_series_without_decay_correction_has_no_suv_unless_it_says_so() -> None:
    assert "decay corrected" in refusal(replace(p1(), corrections=frozenset({"ATTN"})))
    assert factor(replace(p1(), corrections=frozenset({"ATTN"}), decay_correction="NONE")) > 0
    assert "both" in refusal(replace(p1(), decay_correction="NONE"))


def test_that_D01_only_pet_has_an_suv() -> None:
    assert "PET" in refusal(replace(p1(), modality="CT"))
    assert "slices" in refusal(replace(p1(), frames=()))


@pytest.mark.parametrize("decay_correction", ["", "OTHER"])
def test_that_D04_without_a_known_decay_correction_there_is_no_suv(decay_correction: str) -> None:
    assert "to which time" in refusal(replace(p1(), decay_correction=decay_correction))


def test_that_D04_uncorrected_frames_each_get_their_own_factor() -> None:
    inputs = replace(
        p1(),
        decay_correction="NONE",
        corrections=frozenset({"ATTN"}),
        dose_bq=Given(368.08e6, ""),
        frames=(SuvFrame(at("11:00:00"), None, 603.0), SuvFrame(at("11:05:00"), None, 603.0)),
    )
    result = suv_factor(inputs)
    assert result.factor is None
    assert 13952 * result.slice_factors[0] == pytest.approx(4.0, abs=5e-4)
    assert 13518 * result.slice_factors[1] == pytest.approx(4.0, abs=5e-4)
    # a second way: mean activity over the frame by numerical integration of the decay
    decay = math.log(2) / F18
    mean = sum(math.exp(-decay * (3600 + (n + 0.5) * 0.603)) for n in range(1000)) / 1000
    assert result.slice_factors[0] == pytest.approx(70_000 / (368.08e6 * mean), rel=1e-8)
    frames = (replace(inputs.frames[0], duration_s=None),)
    assert "duration" in refusal(replace(inputs, frames=frames))


def test_that_D04_mistaking_one_decay_correction_for_the_other_would_show() -> None:
    start, admin = factor(p1()), factor(replace(p1(), decay_correction="ADMIN"))
    assert start / admin - 1 == pytest.approx(0.461, abs=5e-4)
    assert admin / start - 1 == pytest.approx(-0.315, abs=1e-3)


def test_that_D04_admin_needs_no_times_and_warns_of_impossible_ones() -> None:
    inputs = replace(p1(), decay_correction="ADMIN")
    bare = replace(inputs, frames=(SuvFrame(),), injection=Given(), series_start=Given(), half_life_s=Given())
    assert factor(bare) == pytest.approx(1.8918919e-4, rel=2e-8)
    late = suv_factor(replace(inputs, injection=Given(at("12:00:00"), "")))
    assert late.factor == pytest.approx(1.8918919e-4, rel=2e-8)
    assert late.uptake_s is None
    assert any("does not depend" in warning for warning in late.warnings)
    assert suv_factor(inputs).uptake_s == 3600.0


# --- Times (D05-D09, D16) ---------------------------------------------------------------------------------------


def reference_of(inputs: SuvInputs) -> tuple[dt.datetime | None, str, tuple[str, ...]]:
    result = suv_factor(inputs)
    return result.reference, result.reference_origin, result.warnings


def test_that_D05_the_stated_decay_time_wins_over_everything() -> None:
    inputs = replace(p1(), decay_reference=Given(at("10:50:00"), "(0018,9701)"))
    assert reference_of(inputs)[:2] == (at("10:50:00"), "(0018,9701)")


def test_that_D05_a_series_time_after_the_earliest_acquisition_is_never_used() -> None:
    inputs = replace(
        p1(),
        frames=(SuvFrame(at("11:30:00")), SuvFrame(at("10:59:59"))),
        series_start=Given(at("11:00:00"), ""),
    )
    reference, origin, warnings = reference_of(inputs)
    assert reference == at("10:59:59")
    assert "earliest" in origin
    assert any("not certain" in warning for warning in warnings)


def test_that_D05_a_series_time_up_to_the_earliest_acquisition_is_used() -> None:
    inputs = replace(p1(), frames=(SuvFrame(at("11:18:00")), SuvFrame(at("11:00:00"))))
    assert reference_of(inputs)[:2] == (at("11:00:00"), "(0008,0021) (0008,0031)")


def test_that_D06_the_slices_own_time_does_not_enter_start_data() -> None:
    beds = tuple(SuvFrame(at(f"11:{3 * bed:02d}:00")) for bed in range(7))
    result = suv_factor(replace(p1(), frames=beds))
    assert result.factor == pytest.approx(2.7633668e-4, rel=2e-8)
    assert len(result.slice_factors) == 7
    assert pytest.approx(1.12, abs=5e-4) == 2 ** (18 * 60 / F18)  # what bed 7's own time would cost


@pytest.mark.parametrize("field", ["ge_scan", "siemens_reference"])
def test_that_D05_private_times_come_before_back_computation(field: str) -> None:
    inputs = replace(
        p1(), frames=(SuvFrame(at("11:30:00"), 150.0, 300.0),), series_start=Given(at("11:45:00"), "")
    )
    inputs = replace(inputs, **{field: Given(at("11:00:00"), "private")})  # type: ignore[arg-type]
    assert reference_of(inputs)[:2] == (at("11:00:00"), "private")
    assert factor(inputs) == pytest.approx(2.7633668e-4, rel=2e-8)


def test_that_D05_a_private_time_of_another_date_is_ignored_with_a_warning() -> None:
    inputs = replace(p1(), series_start=Given(), ge_scan=Given(at("11:00:00").replace(year=2024), "private"))
    reference, origin, warnings = reference_of(inputs)
    assert reference is not None
    assert abs((reference - at("11:00:00")).total_seconds()) < 1
    assert origin.startswith("derived")
    assert any("private" in warning for warning in warnings)


@pytest.mark.parametrize(
    "frames",
    [
        (SuvFrame(at("11:00:00"), 150.0, 300.0), SuvFrame(at("11:05:00"), 150.0, 300.0)),  # slices disagree
        (
            SuvFrame(at("11:00:00"), 300.0, 300.0),
            SuvFrame(at("11:00:00"), 152.0, 300.0),
        ),  # though both are before
        (SuvFrame(at("11:00:00"), 150.0, 300.0), SuvFrame(at("11:05:00"), None, 300.0)),  # one is missing
        (SuvFrame(at("11:00:00"), 0.0, 300.0),),  # after the start of the acquisition
    ],
)
def test_that_D05_slices_that_disagree_about_the_reference_leave_the_earliest_time(
    frames: tuple[SuvFrame, ...],
) -> None:
    reference, origin, warnings = reference_of(replace(p1(), frames=frames, series_start=Given()))
    assert reference == at("11:00:00")
    assert "earliest" in origin
    assert warnings


def test_that_D05_without_acquisition_times_there_is_no_suv() -> None:
    assert "acquisition time" in refusal(replace(p1(), frames=(SuvFrame(at("11:00:00")), SuvFrame())))


def test_that_D16_two_reference_times_that_differ_cause_a_warning() -> None:
    beds = (SuvFrame(at("11:10:00"), 659.93685, 120.0),)
    assert suv_factor(replace(p1(), frames=beds)).warnings == ()
    early = suv_factor(replace(p1(), frames=beds, series_start=Given(at("10:59:00"), "")))
    assert early.reference == at("10:59:00")
    assert any("disagree by 60 s" in warning for warning in early.warnings)


def test_that_D07_a_time_without_date_is_ambiguous_for_a_long_half_life() -> None:
    inputs = replace(
        p1(), half_life_s=Given(ZR89, ""), injection=Given(), injection_time=Given(dt.time(10), "")
    )
    assert "no date" in refusal(inputs)


def test_that_D07_without_an_injection_time_there_is_no_suv() -> None:
    assert "injection time" in refusal(replace(p1(), injection=Given()))


def test_that_D07_utc_offsets_are_honoured() -> None:
    utc, east = dt.UTC, dt.timezone(dt.timedelta(hours=1))
    inputs = replace(
        p1(),
        frames=(SuvFrame(at("11:00:00").replace(tzinfo=east)),),
        series_start=Given(at("11:00:00").replace(tzinfo=east), ""),
        injection=Given(at("09:00:00").replace(tzinfo=utc), ""),
    )
    assert factor(inputs) == pytest.approx(2.7633668e-4, rel=2e-8)


def test_that_D07_an_offset_on_the_injection_alone_is_never_trusted_blindly() -> None:
    lone = replace(p1(), injection=Given(at("09:00:00").replace(tzinfo=dt.UTC), "(0018,1078)"))
    assert any("time zone" in warning for warning in suv_factor(lone).warnings)
    assert "time zone" in refusal(replace(lone, injection_time=Given(dt.time(10), "(0018,1072)")))
    agreeing = replace(lone, injection_time=Given(dt.time(9), "(0018,1072)"))
    assert suv_factor(agreeing).warnings == ()


def test_that_D07_two_injection_times_that_differ_cause_a_warning() -> None:
    found = suv_factor(replace(p1(), injection_time=Given(dt.time(9, 30), "")))
    assert found.injection == at("10:00:00")
    assert any("differ" in warning for warning in found.warnings)
    assert suv_factor(replace(p1(), injection_time=Given(dt.time(10), ""))).warnings == ()


@pytest.mark.parametrize(
    "injected", [at("11:00:00"), at("11:00:01"), at("11:00:00") - dt.timedelta(seconds=10 * F18)]
)
def test_that_D09_an_impossible_uptake_interval_is_refused(injected: dt.datetime) -> None:
    refusal(replace(p1(), injection=Given(injected, "")))


def test_that_D09_an_unusual_f18_uptake_is_shown_with_a_warning() -> None:
    def warnings(clock: str, half_life_s: float = F18) -> tuple[str, ...]:
        inputs = replace(p1(), injection=Given(at(clock), ""), half_life_s=Given(half_life_s, ""))
        return suv_factor(inputs).warnings

    assert warnings("10:30:00") == warnings("08:00:00") == ()
    assert len(warnings("10:30:01")) == len(warnings("07:59:59")) == 1
    assert warnings("10:55:00", GA68) == ()


def test_that_a_stated_decay_time_at_the_injection_means_admin() -> None:
    inputs = replace(p1(), decay_reference=Given(at("10:00:00"), "(0018,9701)"))
    assert factor(inputs) == pytest.approx(1.8918919e-4, rel=2e-8)
    assert "injection" in refusal(replace(inputs, decay_reference=Given(at("09:59:59"), "")))


# --- Dose, weight, half-life (D10-D12) --------------------------------------------------------------------------


def test_that_D10_a_small_dose_is_taken_as_megabecquerel_with_a_warning() -> None:
    result = suv_factor(replace(p1(), dose_bq=Given(370.0, "")))
    assert result.factor == pytest.approx(2.7633668e-4, rel=2e-8)
    assert any("MBq" in warning for warning in result.warnings)
    assert suv_factor(replace(p1(), dose_bq=Given(1.0, ""))).dose_bq == 1e6


@pytest.mark.parametrize("dose", [None, 0.0, -5.0, math.nan, 0.5, 370_000.0, 10_000.0, 999_999.0])
def test_that_D10_a_missing_or_ambiguous_dose_gives_no_suv(dose: float | None) -> None:
    assert "dose" in refusal(replace(p1(), dose_bq=Given(dose, "")))


def test_that_D10_only_an_entered_residual_is_subtracted() -> None:
    result = suv_factor(edited(p1(), residual_bq=37e6))
    assert result.factor == pytest.approx(2.7633668e-4 / 0.9, rel=2e-8)
    assert result.edited
    assert "residual" in refusal(edited(p1(), residual_bq=371e6))


@pytest.mark.parametrize("weight", [None, 0.0, -70.0, math.nan, 0.4, 501.0, 1000.0, 600_000.0])
def test_that_D11_without_a_plausible_weight_there_is_no_suv(weight: float | None) -> None:
    assert "weight" in refusal(replace(p1(), weight_kg=Given(weight, ""))).lower()


def test_that_D11_a_weight_in_grams_is_recognised_with_a_warning() -> None:
    result = suv_factor(replace(p1(), weight_kg=Given(70_000.0, "")))
    assert result.factor == pytest.approx(2.7633668e-4, rel=2e-8)
    assert (result.weight_kg, len(result.warnings)) == (70.0, 1)


def test_that_D12_an_assumed_or_odd_half_life_is_named() -> None:
    assumed = suv_factor(replace(p1(), half_life_s=Given(F18, "assumed: F-18 in (0054,0300)")))
    assert any("assumed" in warning for warning in assumed.warnings)
    odd = suv_factor(replace(p1(), radionuclide="Ga-68", known_half_life_s=GA68))
    assert any("does not fit Ga-68" in warning for warning in odd.warnings)
    same = suv_factor(replace(p1(), radionuclide="F-18", known_half_life_s=F18_GE))
    assert same.warnings == ()
    assert "half-life" in refusal(replace(p1(), half_life_s=Given())).lower()


def test_that_D12_a_half_life_in_minutes_cannot_slip_through() -> None:
    assert "half-lives" in refusal(replace(p1(), half_life_s=Given(109.77, "")))


@pytest.mark.parametrize(
    "field", ["units", "suv_type", "decay_correction", "weight_kg", "dose_bq", "half_life_s", "injection"]
)
def test_that_values_that_differ_between_slices_are_never_picked_from(field: str) -> None:
    assert "differs between the slices" in refusal(replace(p1(), conflicts=frozenset({field})))


# --- Details, edits, other normalisations (D15) -----------------------------------------------------------------


def test_that_D15_every_input_is_listed_with_value_unit_and_origin() -> None:
    rows = {row.label: (row.value, row.origin) for row in suv_factor(p1()).rows()}
    assert rows["Weight"] == ("70 kg", "(0010,1030)")
    assert rows["Injected dose"] == ("370 MBq", "(0018,1074)")
    assert rows["Injection"] == ("2025-01-01 10:00:00", "(0018,1078)")
    assert rows["Decay reference"] == ("2025-01-01 11:00:00", "(0008,0021) (0008,0031)")
    assert rows["Uptake time"][0] == "60.0 min"
    assert rows["SUV factor"][0] == "0.0002763367"
    assert rows["Units"] == ("BQML", "(0054,1001)")


def test_that_D15_an_edit_recalculates_and_marks_everything() -> None:
    before = suv_factor(p1())
    after = suv_factor(edited(p1(), weight_kg=77.0))
    assert after.factor == pytest.approx(1.1 * (before.factor or 0))
    assert (before.edited, after.edited) == (False, True)
    assert {row.label: row.origin for row in after.rows()}["Weight"] == USER
    with pytest.raises(ValueError, match="units"):
        edited(p1(), units="GML")


def test_that_D15_an_entered_value_settles_a_conflict_and_is_taken_as_it_is() -> None:
    broken = replace(p1(), weight_kg=Given(), dose_bq=Given(), conflicts=frozenset({"weight_kg", "dose_bq"}))
    assert factor(edited(broken, weight_kg=70.0, dose_bq=370e6)) == pytest.approx(2.7633668e-4, rel=2e-8)
    assert suv_factor(edited(broken, weight_kg=70.0, dose_bq=9000.0)).dose_bq == 9000.0
    moved = edited(replace(p1(), injection=Given()), injection=at("10:00:00"))
    assert factor(moved) == pytest.approx(2.7633668e-4, rel=2e-8)


def test_that_other_normalisations_name_their_formula_and_follow_it() -> None:
    by_weight = suv_factor(replace(p1(), sex=Given("M", "")))
    lean = as_kind(by_weight, BodySize.LBMJANMA)
    assert (lean.factor or 0) / (by_weight.factor or 1) == pytest.approx(55.8571 / 70, rel=1e-6)
    assert lean.kind == "lbmjanma"
    assert "LBMJANMA" in lean.method
    area = as_kind(by_weight, BodySize.BSA)
    assert (area.factor or 0) / (by_weight.factor or 1) == pytest.approx(1.84814e4 / 70_000, rel=1e-5)
    with pytest.raises(ValueError, match="body weight"):
        as_kind(lean, BodySize.BSA)


def test_that_D14_sex_never_changes_suv_by_body_weight() -> None:
    assert len({factor(replace(p1(), sex=Given(sex, ""))) for sex in ("M", "F", "O", "", None)}) == 1
    unknown = as_kind(suv_factor(p1()), BodySize.IBW)
    assert any("mean of both" in warning for warning in unknown.warnings)


@given(
    st.floats(1, 300), st.floats(1e6, 1e10), st.floats(100, 1e6), st.floats(1e-3, 9.9), st.sampled_from([1.0, 2.0, 0.5])
)  # fmt: skip
def test_that_the_factor_follows_weight_dose_and_decay_as_it_must(
    weight_kg: float, dose_bq: float, half_life_s: float, half_lives: float, times: float
) -> None:
    def found(**change: float) -> SuvResult:
        values = {"weight_kg": weight_kg, "dose_bq": dose_bq} | change
        start = at("11:00:00")
        injected = start - dt.timedelta(seconds=half_lives * half_life_s)
        return suv_factor(case(values["weight_kg"], values["dose_bq"], half_life_s, injected, start))

    first = found().factor or 0
    elapsed = round(half_lives * half_life_s, 6)
    assert first == pytest.approx(weight_kg * 1000 / (dose_bq * 0.5 ** (elapsed / half_life_s)), rel=1e-6)
    if 1 <= weight_kg * times <= 300:
        assert found(weight_kg=weight_kg * times).factor == pytest.approx(first * times)
    if dose_bq * times >= 1e6:
        assert found(dose_bq=dose_bq * times).factor == pytest.approx(first / times)
