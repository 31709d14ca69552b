"""Study section: facts in words, warnings, SUV inputs with their origin, identity hidden on request."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest
from pytestqt.qtbot import QtBot

from tests.ui.sidebar import builders
from viewer.dicom.model import Catalogue
from viewer.imaging.geometry_report import Note
from viewer.imaging.suv import Given, SuvFrame, SuvInputs, SuvResult
from viewer.state.layers import Role
from viewer.state.library import OpenVolume
from viewer.ui.context import UiContext
from viewer.ui.sidebar._browser_rows import browser_rows
from viewer.ui.sidebar._facts import age_text, geometry_facts, patient_facts, series_facts, study_facts
from viewer.ui.sidebar._parts import Fact, FactTable
from viewer.ui.sidebar._suv_facts import suv_facts, suv_headline
from viewer.ui.sidebar.study import StudyPanel


def as_table(facts: tuple[Fact, ...]) -> dict[str, str]:
    return {fact.label: fact.value for fact in facts}


def tone(facts: tuple[Fact, ...], label: str) -> str:
    return next(fact.tone for fact in facts if fact.label == label)


@pytest.fixture
def panel(qtbot: QtBot, fused: UiContext) -> StudyPanel:
    made = StudyPanel(fused)
    qtbot.addWidget(made)
    made.resize(312, 760)
    return made


def result(**inputs: object) -> SuvResult:
    return SuvResult((4.2111e-4,), "bw", "70 kg over the dose", SuvInputs((SuvFrame(),), **inputs))  # type: ignore[arg-type]


# --- geometry ---------------------------------------------------------------------------------------------------


def test_that_A10_spacing_is_measured_and_thickness_only_a_label() -> None:
    table = as_table(geometry_facts(builders.report(), builders.geometry()))
    assert table["Spacing"] == "1.000 × 2.000 × 3.000 mm"
    assert table["Thickness"] == "5.00 mm, a label only"
    assert table["Slice gaps"] == "uniform within 0.000 mm"
    assert (table["Tilt"], table["Duplicates"], table["Plane"]) == ("none", "none", "axial")
    assert "Missing" not in table


def test_that_A12_A13_A15_what_is_unusual_stands_out() -> None:
    report = builders.report(
        gaps_mm=(4.002, 1.081, 6.999, 6.999),
        uniform=False,
        tilt_deg=18.5,
        duplicates=2,
        missing=1,
        obliquity_deg=18.5,
    )
    facts = geometry_facts(report, builders.geometry())
    table = as_table(facts)
    assert table["Slice gaps"] == "1.08 to 7.00 mm"
    assert (table["Tilt"], table["Obliquity"]) == ("18.5°", "18.5°")
    assert (table["Duplicates"], table["Missing"]) == ("2 ignored", "1 interval, shown as no data")
    assert {tone(facts, label) for label in ("Slice gaps", "Tilt", "Duplicates", "Missing")} == {"warning"}


def test_that_A11_the_largest_deviation_from_the_median_gap_is_shown() -> None:
    report = builders.report(gaps_mm=(3.000, 3.004, 2.997, 3.000))
    assert as_table(geometry_facts(report, builders.geometry()))["Slice gaps"] == "uniform within 0.004 mm"


def test_that_A14_a_single_slice_has_no_slice_spacing() -> None:
    report = builders.report(slices=1, spacing_mm=(None, 2.0, 1.0), gaps_mm=())
    table = as_table(geometry_facts(report, builders.geometry()))
    assert table["Spacing"] == "1.000 × 2.000 mm"
    assert "Slice gaps" not in table


def test_that_J16_unknown_spacing_is_said() -> None:
    facts = geometry_facts(builders.report(spacing_mm=(None, None, None)), builders.geometry())
    assert as_table(facts)["Spacing"] == "unknown: no millimetres"


def test_that_E03_an_unknown_orientation_is_said() -> None:
    flat = replace(builders.geometry(), oriented=False)
    assert as_table(geometry_facts(builders.report(), flat))["Plane"] == "orientation unknown"


# --- patient, study, series -------------------------------------------------------------------------------------


def test_that_hidden_identity_leaves_nothing_that_identifies() -> None:
    item = builders.opened(builders.petct(), "ct")
    secrets = ("DOE", "ID-4711", "1950", "75", "ACC-99", "Hospital", "2025")

    def everything(*, identity: bool) -> str:
        facts = patient_facts(item.study, identity=identity) + study_facts(item.study, identity=identity)
        facts += series_facts(item.series, item.stack, item.volume, identity=identity)
        return "\n".join(fact.value for fact in facts)

    shown, hidden = everything(identity=True), everything(identity=False)
    assert all(secret in shown for secret in secrets)
    assert not any(secret in hidden for secret in secrets)


def test_that_J29_a_guessed_name_is_marked_wherever_it_is_shown() -> None:
    item = builders.opened(builders.petct(), "ct")
    (plain,) = (fact for fact in patient_facts(item.study, identity=True) if fact.label == "Name")
    assert plain.origin == ""
    study = replace(item.study, patient=replace(item.study.patient, name_guessed=True))
    (marked,) = (fact for fact in patient_facts(study, identity=True) if fact.label == "Name")
    assert (marked.value, marked.origin) == (plain.value, "character set guessed")
    row = browser_rows(Catalogue(studies=(study,)), identity=True)[0]
    assert row.detail.startswith("character set guessed")
    assert "guessed" not in browser_rows(Catalogue(studies=(study,)), identity=False)[0].detail


@pytest.mark.parametrize("text, shown", [("069Y", "69 y"), ("006M", "6 m"), ("", ""), ("old", "old")])
def test_that_ages_are_readable(text: str, shown: str) -> None:
    assert age_text(text) == shown


def test_that_unreadable_slices_are_counted() -> None:
    item = builders.opened(builders.petct(), "ct")
    item.volume.corrupt[[1, 3]] = True
    table = as_table(series_facts(item.series, item.stack, item.volume, identity=True))
    assert table["Unreadable"] == "2 slices, shown as no data"
    assert table["Matrix"] == "8 × 6 × 5"


# --- SUV --------------------------------------------------------------------------------------------------------


def test_that_D15_every_suv_input_is_listed_with_its_origin() -> None:
    facts = suv_facts(result(units="BQML", half_life_s=Given(6586.2, "assumed")), "", identity=True)
    assert Fact("SUV factor", "0.00042111", "70 kg over the dose") in facts
    assert Fact("Half-life", "6586.2 s", "assumed") in facts


def test_that_measures_of_a_hidden_patient_are_hidden_and_the_factor_is_not() -> None:
    born = dt.datetime(2025, 1, 31, 10)  # noqa: DTZ001 - local time of one scanner
    known = replace(result(sex=Given("F", "(0010,0040)")), weight_kg=61.5, injection=born, dose_bq=370e6)
    hidden = as_table(suv_facts(known, "", identity=False))
    assert {hidden[label] for label in ("Weight", "Sex", "Injection")} == {"hidden"}
    assert (hidden["SUV factor"], hidden["Injected dose"]) == ("0.00042111", "370 MBq")
    assert as_table(suv_facts(known, "", identity=True))["Weight"] == "61.5 kg"


def test_that_warnings_about_an_suv_stand_before_its_numbers() -> None:
    first = suv_facts(replace(result(), warnings=("Uptake of 200 min is unusual.",)), "", identity=True)[0]
    assert (first.value, first.tone) == ("Uptake of 200 min is unusual.", "warning")


def test_that_without_suv_the_reason_is_given() -> None:
    (fact,) = suv_facts(None, "The PET series is not attenuation corrected (NAC).", identity=True)
    assert fact.value == "The PET series is not attenuation corrected (NAC)."


def test_that_the_headline_names_what_the_uptake_is_divided_by() -> None:
    assert suv_headline(result()) == "SUV by body weight"
    assert suv_headline(replace(result(), kind="lbmjanma")) == "SUV by lean body mass (Janmahasatian)"
    assert suv_headline(None) == "SUV"


# --- panel ------------------------------------------------------------------------------------------------------


def test_that_the_panel_follows_the_active_layer(panel: StudyPanel, fused: UiContext) -> None:
    assert as_table(panel.series_block.table.facts)["Unit"] == "HU"
    fused.view.set_active_role(Role.OVERLAY)
    assert as_table(panel.series_block.table.facts)["Unit"] == "SUV"


def test_that_the_suv_block_stays_while_the_ct_is_active_and_goes_with_the_pet(
    panel: StudyPanel, fused: UiContext
) -> None:
    assert not panel.suv_block.isHidden()
    fused.view.set_overlay(None)
    assert panel.suv_block.isHidden()


def test_that_warnings_of_stack_and_series_are_shown_once(panel: StudyPanel, fused: UiContext) -> None:
    sentence = "Slice spacing varies from 1.08 to 7.00 mm."
    stack = replace(
        builders.stack("bad"),
        report=builders.report(notes=(Note("gap", sentence),)),
        warnings=(sentence, "Lossy."),
    )
    series = replace(builders.petct().studies[0].series[0], uid="bad", stacks=(stack,))
    catalogue = Catalogue((builders.study(series),))
    fused.library.add(builders.opened(catalogue, "bad"))
    fused.view.show(builders.layer("bad"))
    assert panel.warnings.text == f"{sentence}\nLossy."
    assert not panel.warnings.isHidden()


def test_that_identity_can_be_hidden_in_the_open_panel(panel: StudyPanel, fused: UiContext) -> None:
    assert as_table(panel.patient_block.table.facts)["Name"] == "DOE, Jane"
    fused.view.set_display(identity_visible=False)
    assert as_table(panel.patient_block.table.facts) == {"Patient": "hidden"}


def test_that_a_heading_folds_its_table(panel: StudyPanel) -> None:
    panel.patient_block.heading.click()
    assert panel.patient_block.table.isHidden()
    panel.patient_block.heading.click()
    assert not panel.patient_block.table.isHidden()


def test_that_nothing_open_says_so(qtbot: QtBot, context: UiContext) -> None:
    panel = StudyPanel(context)
    qtbot.addWidget(panel)
    assert not panel._empty.isHidden()
    assert all(block.isHidden() for block in panel._blocks)


def test_that_J44_values_that_look_like_markup_stay_text(qtbot: QtBot) -> None:
    table = FactTable("test")
    qtbot.addWidget(table)
    table.set_facts([Fact("Name", "<b>bold</b><img src=x>")])
    from PySide6.QtCore import Qt
    from PySide6.QtWidgets import QLabel

    labels = table.findChildren(QLabel)
    assert {label.textFormat() for label in labels} == {Qt.TextFormat.PlainText}


def test_that_an_open_volume_of_another_kind_needs_no_pet(qtbot: QtBot, context: UiContext) -> None:
    catalogue = builders.petct()
    item: OpenVolume = builders.opened(catalogue, "mr")
    context.library.add(item)
    context.view.show(builders.layer("mr"))
    panel = StudyPanel(context)
    qtbot.addWidget(panel)
    assert panel.suv_block.isHidden()
    assert as_table(panel.series_block.table.facts)["Unit"] == "none in the header"
