"""A PET without SUV in the real panel: what is missing is asked for, entered, marked; the kind is chosen there too."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot

from tests import phantoms
from tests.dicom.reading import catalogue_of, filled
from viewer.imaging.window import scaled
from viewer.state.first_window import first_window
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import OpenVolume
from viewer.ui.context import UiContext
from viewer.ui.session import Session
from viewer.ui.sidebar.study import StudyPanel

P1 = 2.7633668e-4


def show(context: UiContext, folder: Path, **tags: Any) -> str:
    phantoms.write_pet(folder, **tags)
    catalogue = catalogue_of(folder)
    context.library.set_catalogue(catalogue)
    (study,) = catalogue.studies
    (series,) = study.series
    item = OpenVolume(filled(series.stacks[0]), series.stacks[0], series, study)
    context.library.add(item)
    window, name = first_window(item.volume)
    context.view.show(ImageLayer(item.volume.uid, window, window_name=name))
    return item.volume.uid


def window_of(context: UiContext) -> tuple[Any, Any, str]:
    layer = context.view.layer(Role.BASE)
    assert layer is not None
    return layer.window.lower, layer.window.upper, layer.window_name


def unit_of(context: UiContext, uid: str) -> tuple[str, Any]:
    item = context.library.get(uid)
    assert item is not None
    return item.volume.display_unit, item.volume.suv_factor


@pytest.fixture
def session(context: UiContext) -> UiContext:
    made = Session(context.library, context.view, context.loader, context.settings, context.window)
    context.window.destroyed.connect(made.disconnect_state)
    return context


@pytest.fixture
def panel(qtbot: QtBot, session: UiContext) -> StudyPanel:
    made = StudyPanel(session)
    qtbot.addWidget(made)
    return made


def choose(panel: StudyPanel, kind: str) -> None:
    combo = panel.suv_kind.kind
    combo.setCurrentIndex(combo.findData(kind))
    combo.activated.emit(combo.currentIndex())


def test_that_D10_an_unclear_dose_is_asked_for_and_never_suggested(
    panel: StudyPanel, session: UiContext, tmp_path: Path
) -> None:
    uid = show(session, tmp_path, RadionuclideTotalDose=370e3)
    assert unit_of(session, uid) == ("Bq/mL", None)
    assert panel.edit_suv.text() == "Enter SUV inputs…"
    assert panel.suv_kind.isHidden()
    facts = {fact.label: fact for fact in panel.suv_block.table.facts}
    assert (facts["Injected dose"].value.split()[0], facts["Injected dose"].tone) == ("370000", "warning")
    editor = panel.suv_editor()
    assert editor is not None
    assert "unclear unit" in editor.problem.text
    assert editor.numbers["dose_bq"].value() == 0.0
    assert editor.numbers["dose_bq"].text() == "missing"
    assert editor.numbers["weight_kg"].value() == 70.0
    editor.numbers["dose_bq"].setValue(370.0)
    editor.accept()
    assert editor.result() == 1
    unit, factor = unit_of(session, uid)
    assert (unit, factor) == ("SUV*", pytest.approx(P1, rel=1e-7))
    # A window on Bq/mL would make everything white or black in SUV.
    assert window_of(session) == (0.0, 7.0, "SUV 0-7")
    assert panel.edit_suv.text() == "Edit SUV inputs…"
    again = panel.suv_editor()
    assert again is not None
    assert again.problem.isHidden()
    again.reset.click()
    assert unit_of(session, uid) == ("Bq/mL", None)
    assert window_of(session)[1] > 100


def test_that_D11_a_missing_weight_keeps_asking_until_it_is_there(
    panel: StudyPanel, session: UiContext, tmp_path: Path
) -> None:
    uid = show(session, tmp_path, PatientWeight=None, PatientSex="M")
    editor = panel.suv_editor()
    assert editor is not None
    assert "weight is missing" in editor.problem.text
    editor.numbers["dose_bq"].setValue(185.0)
    editor.accept()
    assert editor.result() == 0
    assert unit_of(session, uid) == ("Bq/mL", None)
    editor.numbers["weight_kg"].setValue(70.0)
    editor.accept()
    assert unit_of(session, uid)[1] == pytest.approx(2 * P1, rel=1e-7)


def test_that_another_kind_keeps_the_picture_and_speaks_its_own_unit(
    panel: StudyPanel, session: UiContext, tmp_path: Path
) -> None:
    uid = show(session, tmp_path, PatientSex="M")
    assert window_of(session) == (0.0, 7.0, "SUV 0-7")
    choose(panel, "lbmjanma")
    assert unit_of(session, uid) == ("SUL Janma", pytest.approx(P1 * 55.8571 / 70, rel=2e-6))
    assert window_of(session) == (0.0, pytest.approx(7 * 55.8571 / 70, rel=1e-5), "")
    assert panel.suv_block.heading.text() == "SUV by lean body mass (Janmahasatian)"
    assert {fact.label: fact.value for fact in panel.series_block.table.facts}["Unit"] == "SUL Janma"
    choose(panel, "bw")
    assert window_of(session)[:2] == (0.0, 7.0)


def test_that_D14_an_unknown_sex_is_flagged_where_the_number_is(
    panel: StudyPanel, session: UiContext, tmp_path: Path
) -> None:
    uid = show(session, tmp_path, PatientSex="O")
    choose(panel, "ibw")
    assert unit_of(session, uid) == ("SUVibw", pytest.approx(P1 * 69.405 / 70, rel=2e-6))
    assert any("mean of both formulas" in fact.value for fact in panel.suv_block.table.facts)
    editor = panel.suv_editor()
    assert editor is not None
    editor.sex.setCurrentIndex(editor.sex.findData("M"))
    editor.accept()
    assert unit_of(session, uid) == ("SUVibw*", pytest.approx(P1 * 72.38 / 70, rel=2e-6))
    assert not any("mean of both" in fact.value for fact in panel.suv_block.table.facts)


def test_that_a_kind_that_needs_the_height_says_so_and_changes_nothing(
    panel: StudyPanel, session: UiContext, tmp_path: Path
) -> None:
    uid = show(session, tmp_path, PatientSize=None)
    choose(panel, "bsa")
    assert "height" in panel.suv_kind.problem.text
    assert unit_of(session, uid)[0] == "SUV"
    assert panel.suv_kind.kind.currentData() == "bw"


def test_that_a_residual_is_taken_off_the_dose_once(
    panel: StudyPanel, session: UiContext, tmp_path: Path
) -> None:
    uid = show(session, tmp_path)
    editor = panel.suv_editor()
    assert editor is not None
    editor.numbers["residual_bq"].setValue(37.0)
    editor.accept()
    assert unit_of(session, uid)[1] == pytest.approx(P1 / 0.9, rel=1e-7)
    again = panel.suv_editor()
    assert again is not None
    assert again.numbers["dose_bq"].value() == 370.0
    again.numbers["dose_bq"].setValue(407.0)
    again.accept()
    assert unit_of(session, uid)[1] == pytest.approx(P1, rel=1e-7)


def test_that_scaling_there_and_back_is_round_again(session: UiContext, tmp_path: Path) -> None:
    show(session, tmp_path)
    layer = session.view.layer(Role.BASE)
    assert layer is not None
    there = scaled(layer.window, 0.79795857)
    assert scaled(there, 1 / 0.79795857) == scaled(layer.window, 1.0)
