"""Tables leave the program as tables: numbers stay numbers, texts never become formulas (rules D23, J44)."""

from __future__ import annotations

import csv
import io

import pytest

from tests.needs import library
from tests.state.pet_study import HOT, HOT_RADIUS_MM, WARM, ball, point_of, show
from viewer.state.lesion_sheet import Sheet, lesion_sheet
from viewer.state.lesions import Lesions
from viewer.state.library import Library
from viewer.state.view import ViewState
from viewer.ui.export.table_file import csv_bytes, neutral, xlsx_bytes

EVIL = ("=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1")
HOT_ML = float(ball(HOT, HOT_RADIUS_MM).sum()) * 0.064


@pytest.fixture
def sheet() -> Sheet:
    view = ViewState(Library())
    pet = show(view.library, view)
    store = view.work.of(Lesions)
    first = store.grow(None, point_of(HOT))
    store.grow(None, point_of(WARM))
    store.set_liver(point_of((30, 35, 30)))
    assert first is not None
    store.change(first.uid, "Rename", name='=HYPERLINK("x")')
    return lesion_sheet(store, pet)


def cells(data: bytes) -> list[list[str]]:
    assert data.startswith(b"\xef\xbb\xbf")
    return list(csv.reader(io.StringIO(data.decode("utf-8-sig"))))


@pytest.mark.parametrize("text", EVIL)
def test_that_J44_a_text_that_would_be_a_formula_is_made_harmless(text: str) -> None:
    assert neutral(text) == f"'{text}"
    assert neutral("L1") == "L1"
    assert neutral(-3.5) == -3.5


def test_that_D20_D22_D23_a_csv_holds_every_number_with_its_unit_and_basis(sheet: Sheet) -> None:
    table = cells(csv_bytes(sheet))
    header, first = table[0], dict(zip(table[0], table[1], strict=True))
    assert header[4:10] == [
        "SUVmax (SUV)",
        "SUVmean (SUV)",
        "SD (SUV)",
        "SUVpeak (SUV)",
        "MTV (mL)",
        "TLG (g)",
    ]
    assert first["Lesion"] == '\'=HYPERLINK("x")'
    assert first["Threshold"] == "41 % of max"
    assert float(first["SUVmax (SUV)"]) == 8.0
    assert float(first["MTV (mL)"]) == pytest.approx(HOT_ML)
    assert float(first["TLG (g)"]) == pytest.approx(HOT_ML * 8)
    assert [row[0] for row in table[1:5]] == ['\'=HYPERLINK("x")', "L2", "Liver", "All 2"]
    facts = {row[0]: row[1] for row in table[6:]}
    assert float(facts["PERCIST threshold (SUV)"]) == 1.5
    assert facts["Weight"] == "80 kg"
    assert facts["Injected dose"] == "80 MBq"
    assert facts["Uptake time"] == "60.0 min"
    assert "weight over" in facts["Formula"]


def test_that_no_table_names_the_patient_or_a_date(sheet: Sheet) -> None:
    text = csv_bytes(sheet).decode("utf-8-sig")
    for word in ("DOE", "JANE", "ID-77", "2025", "Injection", "Sex"):
        assert word not in text


def test_that_J44_a_workbook_holds_texts_as_texts_and_numbers_as_numbers(sheet: Sheet) -> None:
    openpyxl = library("openpyxl")
    evil = Sheet(sheet.header, (*sheet.rows, *((text, *(None,) * 13) for text in EVIL)), sheet.facts)
    page = openpyxl.load_workbook(io.BytesIO(xlsx_bytes(evil)))["Lesions"]
    assert [cell.value for cell in page[1]] == list(sheet.header)
    assert page["A2"].value == '=HYPERLINK("x")'
    assert page["A2"].data_type == "s"
    assert page["E2"].value == 8.0
    assert page["E2"].data_type == "n"
    assert page["I2"].value == pytest.approx(HOT_ML)
    kinds = {cell.data_type for row in page.iter_rows() for cell in row if cell.value is not None}
    assert kinds == {"s", "n"}
    assert not any(cell.hyperlink for row in page.iter_rows() for cell in row)


def test_that_a_table_without_suv_says_so() -> None:
    view = ViewState(Library())
    pet = show(view.library, view, suv=False)
    view.work.of(Lesions).grow(None, point_of(HOT))
    table = cells(csv_bytes(lesion_sheet(view.work.of(Lesions), pet)))
    assert table[0][4:10] == [
        "max (PROPCNTS)",
        "mean (PROPCNTS)",
        "SD (PROPCNTS)",
        "peak (PROPCNTS)",
        "MTV (mL)",
        "TLG (mL·PROPCNTS)",
    ]
    assert ["No SUV", "The counts are not in a unit that gives an SUV. Values are in PROPCNTS."] in table
