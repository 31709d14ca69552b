"""The lesions section: what it shows, and that everything in it works by mouse and keyboard (rules D20 to D23, G11)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QTabWidget, QToolButton, QWidget

from tests.state.pet_study import HOT, HOT_RADIUS_MM, WARM, ball, point_of, show
from tests.ui.conftest import MakeWindow
from viewer.imaging.uptake import Threshold, ThresholdKind
from viewer.state.lesions import Lesions
from viewer.state.suv_edit import edit_suv
from viewer.ui.main_window import MainWindow
from viewer.ui.sidebar._lesion_model import COLUMNS, value_text
from viewer.ui.sidebar.lesions import LesionsPanel

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

HOT_ML = float(ball(HOT, HOT_RADIUS_MM).sum()) * 0.064


@pytest.fixture
def window(qtbot: QtBot, make_window: MakeWindow) -> MainWindow:
    made = make_window()
    show(made.context.library, made.context.view)
    return made


def panel_of(window: MainWindow) -> LesionsPanel:
    window.sections.complete()
    panel = window.findChild(LesionsPanel)
    assert isinstance(panel, LesionsPanel)
    for tabs in window.findChildren(QTabWidget):
        if tabs.indexOf(panel) >= 0:
            tabs.setCurrentWidget(panel)
    return panel


def store_of(window: MainWindow) -> Lesions:
    return window.context.view.work.of(Lesions)


def cells(panel: LesionsPanel, row: int) -> list[str]:
    model = panel.table.rows
    return [str(model.index(row, column).data()) for column in range(len(COLUMNS))]


def texts(panel: QWidget) -> str:
    from PySide6.QtWidgets import QLabel

    return "\n".join(found.text() for found in panel.findChildren(QLabel) if not found.isHidden())


def test_that_D20_D22_the_table_shows_the_numbers_of_each_lesion_and_their_sums(window: MainWindow) -> None:
    panel, store = panel_of(window), store_of(window)
    assert not panel.table.isVisibleTo(panel)
    store.grow(None, point_of(HOT))
    store.grow(None, point_of(WARM))
    assert cells(panel, 0) == [
        "L1",
        "8.00",
        "8.00",
        value_text(_peak(store, 0), "SUV"),
        f"{HOT_ML:.2f}",
        f"{HOT_ML * 8:.2f}",
    ]
    facts = {fact.label: fact.value for fact in panel.totals.facts}
    totals = store.totals("pt")
    assert totals is not None
    assert facts == {
        "All 2": "max 8.00",
        "Total MTV": f"{totals.volume_ml:.2f} mL",
        "Total TLG": f"{totals.glycolysis:.2f} g",
    }
    assert panel.title.text() == "L2"


def _peak(store: Lesions, number: int) -> float:
    uptake = store.measured(store.of("pt")[number]).uptake
    assert uptake is not None
    assert uptake.peak is not None
    return uptake.peak


def test_that_D23_formula_dose_weight_and_uptake_time_stand_beside_the_numbers(window: MainWindow) -> None:
    panel = panel_of(window)
    store_of(window).grow(None, point_of(HOT))
    facts = {fact.label: fact.value for fact in panel.basis.facts}
    assert facts["Weight"] == "80 kg"
    assert facts["Injected dose"] == "80 MBq"
    assert facts["Uptake time"] == "60.0 min"
    assert "weight over" in facts["Formula"]
    edit_suv(window.context.library, "pt", weight_kg=40.0)
    facts = {fact.label: fact.value for fact in panel.basis.facts}
    assert facts["Quantity"] == "SUV*"
    assert facts["Edited"] == "inputs entered by the user"
    assert panel.caption.text() == "SUV*, MTV in mL, TLG in g"
    assert cells(panel, 0)[1] == "4.00"


def test_that_a_threshold_is_chosen_by_name_and_by_number(window: MainWindow) -> None:
    panel, store = panel_of(window), store_of(window)
    store.grow(None, point_of(HOT))
    field = panel.threshold
    names = [field.kind.itemText(n) for n in range(field.kind.count())]
    assert names == [
        "41 % of max",
        "50 % of max",
        "≥ 2.5 SUV",
        "≥ 4.0 SUV",
        "% of max",
        "≥ value",
        "PERCIST",
        "Whole shape",
    ]
    field.kind.setCurrentIndex(3)
    field.kind.activated.emit(3)
    assert store.of("pt")[0].drawing.threshold == Threshold(ThresholdKind.FIXED, 4.0, "SUV")
    field.number.setValue(3.3)
    assert store.of("pt")[0].drawing.threshold == Threshold(ThresholdKind.FIXED, 3.3, "SUV")
    assert field.kind.currentText() == "≥ value"
    field.kind.activated.emit(6)
    assert store.of("pt")[0].drawing.threshold == Threshold(ThresholdKind.PERCIST)
    assert "liver reference" in panel.note.text()
    assert not field.number.isVisibleTo(panel)
    window.context.view.set_cursor(point_of((30, 35, 30)))
    panel.set_liver.click()
    assert {fact.label: fact.value for fact in panel.liver_facts.facts} == {
        "Mean ± SD": "1.00 ± 0.00 SUV",
        "PERCIST from": "1.50 SUV",
    }
    store.select(store.of("pt")[0].uid)
    assert {fact.label: fact.value for fact in panel.facts.facts}["Voxels from"] == "1.50 SUV"
    assert "PERCIST is defined for SUL" in panel.note.text()
    assert cells(panel, 1)[0] == "Liver"
    assert cells(panel, 1)[4:] == ["", ""]


def test_that_rows_hide_rename_jump_and_delete(qtbot: QtBot, window: MainWindow) -> None:
    panel, store = panel_of(window), store_of(window)
    first = store.grow(None, point_of(HOT))
    store.grow(None, point_of(WARM))
    assert first is not None
    model, table = panel.table.rows, panel.table
    cell = model.index(0, 0)
    assert model.setData(cell, Qt.CheckState.Unchecked.value, Qt.ItemDataRole.CheckStateRole)
    assert not store.of("pt")[0].visible
    assert model.setData(cell, "  Node\n4R ", Qt.ItemDataRole.EditRole)
    assert store.of("pt")[0].name == "Node 4R"
    assert not model.setData(cell, "  ", Qt.ItemDataRole.EditRole)
    table.setFocus()
    table.selectRow(0)
    assert store.selected == first.uid
    qtbot.keyClick(table, Qt.Key.Key_Return)
    uptake = store.measured(store.of("pt")[0]).uptake
    assert uptake is not None
    assert window.context.view.cursor_mm == pytest.approx(uptake.max_mm)
    qtbot.keyClick(table, Qt.Key.Key_Delete)
    assert [lesion.name for lesion in store.of("pt")] == ["L2"]
    window.context.commands.run("edit.undo")
    assert [lesion.name for lesion in store.of("pt")] == ["Node 4R", "L2"]
    store.select(first.uid)
    button = panel.findChild(QToolButton, "lesion-delete")
    assert isinstance(button, QToolButton)
    button.click()
    assert [lesion.name for lesion in store.of("pt")] == ["L2"]


def test_that_all_of_it_can_be_done_without_a_mouse(window: MainWindow) -> None:
    store, run, view = store_of(window), window.context.commands.run, window.context.view
    for index in (HOT, WARM):
        view.set_cursor(point_of(index))
        run("lesion.here")
    view.set_cursor(point_of((30, 35, 30)))
    run("lesion.liver")
    names = [lesion.name for lesion in store.of("pt")]
    assert names == ["L1", "L2", "Liver"]
    seen = []
    for _ in names:
        run("lesion.next")
        found = store.get(store.selected)
        assert found is not None
        seen.append(found.name)
    assert seen == ["L1", "L2", "Liver"]
    run("lesion.previous")
    run("lesion.delete")
    assert [lesion.name for lesion in store.of("pt")] == ["L1", "Liver"]
    view.set_cursor(point_of((5, 5, 5)))
    run("lesion.here")
    assert window.statusBar().currentMessage() == "No lesion here: not hotter than what surrounds it."


def test_that_without_an_suv_the_stored_unit_and_the_reason_are_shown(make_window: MakeWindow) -> None:
    window = make_window()
    show(window.context.library, window.context.view, suv=False)
    panel = panel_of(window)
    lesion = store_of(window).grow(None, point_of(HOT))
    assert lesion is not None
    assert cells(panel, 0)[1:3] == ["8000", "8000"]
    assert panel.quantity.text.startswith("No SUV: The counts are not in a unit that gives an SUV.")
    assert panel.caption.text() == "PROPCNTS, MTV in mL, TLG in mL·PROPCNTS"
    names = [panel.threshold.kind.itemText(n) for n in range(panel.threshold.kind.count())]
    assert names == ["41 % of max", "50 % of max", "% of max", "≥ value", "Whole shape"]
    shown = texts(panel).replace("No SUV: The counts are not in a unit that gives an SUV.", "")
    assert "SUV" not in shown
    window.context.view.set_overlay(None)
    assert panel.caption.text() == "Lesions are measured on a PET series; none is in view."


def test_that_nothing_is_clipped_in_the_narrowest_sidebar(window: MainWindow) -> None:
    panel, store = panel_of(window), store_of(window)
    store.grow(None, point_of(HOT))
    panel.resize(panel.minimumWidth(), 700)
    header = panel.table.horizontalHeader()
    assert header.length() <= panel.table.viewport().width()
    needed = panel.table.sizeHintForColumn(0)
    assert header.sectionSize(0) >= needed
