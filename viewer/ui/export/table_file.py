"""Tables as CSV and XLSX: numbers as numbers, texts never as formulas (rule J44)."""

from __future__ import annotations

import csv
import io

from viewer.spreadsheet import as_text
from viewer.state.lesion_sheet import Cell, Sheet

WIDEST = 40


def neutral(cell: Cell) -> Cell:
    """A cell that a spreadsheet shows as it is: texts that would be formulas get an apostrophe before them."""
    return as_text(cell) if isinstance(cell, str) else cell


def csv_bytes(sheet: Sheet) -> bytes:
    """Comma-separated values with decimal points, in UTF-8 with the mark that spreadsheets look for."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([neutral(cell) for cell in sheet.header])
    for row in sheet.rows:
        writer.writerow(["" if cell is None else neutral(cell) for cell in row])
    writer.writerow([])
    for label, value in sheet.facts:
        writer.writerow([neutral(label), "" if value is None else neutral(value)])
    return text.getvalue().encode("utf-8-sig")


def xlsx_bytes(sheet: Sheet) -> bytes:
    """An Excel workbook: the table on one sheet, what it rests on below it."""
    import xlsxwriter

    target = io.BytesIO()
    book = xlsxwriter.Workbook(
        target,
        {
            "in_memory": True,
            "strings_to_formulas": False,
            "strings_to_numbers": False,
            "strings_to_urls": False,
        },
    )
    page = book.add_worksheet("Lesions")
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    number = book.add_format({"num_format": "0.00"})
    for column, title in enumerate(sheet.header):
        page.write_string(0, column, title, bold)
        longest = max([len(str(row[column] or "")) for row in sheet.rows], default=0)
        page.set_column(column, column, min(WIDEST, max(10, longest + 1)))
    page.freeze_panes(1, 1)
    for at, row in enumerate(sheet.rows, start=1):
        for column, cell in enumerate(row):
            _write(page, at, column, cell, number)
    for at, (label, value) in enumerate(sheet.facts, start=len(sheet.rows) + 2):
        page.write_string(at, 0, label)
        _write(page, at, 1, value, number)
    book.close()
    return target.getvalue()


def _write(page: object, row: int, column: int, cell: Cell, number: object) -> None:
    if isinstance(cell, str):
        page.write_string(row, column, cell)  # type: ignore[attr-defined]
    elif isinstance(cell, int):
        page.write_number(row, column, cell)  # type: ignore[attr-defined]
    elif cell is not None:
        page.write_number(row, column, cell, number)  # type: ignore[attr-defined]
