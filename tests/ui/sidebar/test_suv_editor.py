"""SUV editor: begins with the header, changes only what was changed, says why a value is refused."""

from __future__ import annotations

import pytest
from PySide6.QtCore import QTime
from pytestqt.qtbot import QtBot

from tests.state.test_suv_edit import p1, with_suv
from tests.ui.sidebar import builders
from viewer.imaging.suv import suv_factor
from viewer.imaging.window import Window
from viewer.ui.context import UiContext
from viewer.ui.sidebar._suv_editor import SuvEditor
from viewer.ui.sidebar.study import StudyPanel

FACTOR = 2.7633668e-4
"""Case P1 of the clinical rules."""


@pytest.fixture
def session(context: UiContext) -> UiContext:
    catalogue = with_suv(builders.petct())
    context.library.set_catalogue(catalogue)
    context.library.add(builders.opened(catalogue, "pt", suv_factor=suv_factor(p1()).factor))
    context.view.show(builders.layer("pt", Window.from_bounds(0, 7)))
    return context


@pytest.fixture
def panel(qtbot: QtBot, session: UiContext) -> StudyPanel:
    made = StudyPanel(session)
    qtbot.addWidget(made)
    return made


@pytest.fixture
def editor(panel: StudyPanel) -> SuvEditor:
    made = panel.suv_editor()
    assert made is not None
    return made


def factor(session: UiContext) -> float:
    item = session.library.get("pt")
    assert item is not None
    assert item.volume.suv_factor is not None
    return item.volume.suv_factor


def value(panel: StudyPanel, label: str) -> tuple[str, str]:
    return next((fact.value, fact.origin) for fact in panel.suv_block.table.facts if fact.label == label)


def test_that_the_editor_begins_with_the_header(editor: SuvEditor) -> None:
    assert {name: field.value() for name, field in editor.numbers.items()} == {
        "weight_kg": 70.0,
        "dose_bq": 370.0,
        "residual_bq": 0.0,
        "half_life_s": 6586.2,
        "height_cm": 0.0,
    }
    assert editor.injection is not None
    assert editor.injection.text() == "2025-01-31 10:00:00"


def test_that_accepting_without_a_change_edits_nothing(editor: SuvEditor, session: UiContext) -> None:
    editor.accept()
    item = session.library.get("pt")
    assert item is not None
    assert item.stack.suv is not None
    assert not item.stack.suv.edited


def test_that_D15_an_edit_reaches_the_volume_and_the_panel(
    editor: SuvEditor, session: UiContext, panel: StudyPanel
) -> None:
    assert panel.suv_block.heading.text() == "SUV by body weight"
    editor.numbers["weight_kg"].setValue(77.0)
    editor.accept()
    assert factor(session) == pytest.approx(FACTOR * 1.1, rel=1e-7)
    assert value(panel, "Weight") == ("77 kg", "user")
    assert value(panel, "Injected dose") == ("370 MBq", "(0018,1074)")
    assert panel.suv_block.heading.text() == "SUV* by body weight"


def test_that_an_earlier_injection_is_taken_to_the_second(editor: SuvEditor, session: UiContext) -> None:
    assert editor.injection is not None
    editor.injection.setTime(QTime(9, 30, 0))
    editor.accept()
    assert factor(session) == pytest.approx(FACTOR * 2 ** (1800 / 6586.2), rel=1e-7)


def test_that_a_refused_value_is_explained_and_the_dialog_stays(
    editor: SuvEditor, session: UiContext
) -> None:
    editor.numbers["weight_kg"].setValue(0.0)
    editor.accept()
    assert not editor.problem.isHidden()
    assert editor.problem.text
    assert editor.result() == 0
    assert factor(session) == pytest.approx(FACTOR, rel=1e-7)


def test_that_header_values_come_back(editor: SuvEditor, session: UiContext, panel: StudyPanel) -> None:
    editor.numbers["dose_bq"].setValue(100.0)
    editor.accept()
    again = panel.suv_editor()
    assert again is not None
    assert again.numbers["dose_bq"].value() == 100.0
    again.reset.click()
    assert factor(session) == pytest.approx(FACTOR, rel=1e-7)


def test_that_only_an_suv_with_inputs_offers_the_editor(panel: StudyPanel, session: UiContext) -> None:
    assert not panel.edit_suv.isHidden()
    session.library.add(builders.opened(session.library.catalogue, "ct"))
    session.view.show(builders.layer("ct"))
    assert panel.edit_suv.isHidden()
    assert panel.suv_editor() is None
