"""Dose-volume histograms of all visible structures: curves above, figures below."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pyqtgraph as pg
from PySide6.QtCore import Qt
from PySide6.QtGui import QCloseEvent, QColor
from PySide6.QtWidgets import (
    QDialog,
    QFileDialog,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableWidget,
    QTableWidgetItem,
    QWidget,
)

from viewer.atomic import write_bytes
from viewer.errors import GeometryError, ViewerError
from viewer.imaging.dvh import Dvh, dvh_of
from viewer.imaging.volume import Volume
from viewer.spreadsheet import as_text
from viewer.state.structures import Structure
from viewer.ui.background import Work
from viewer.ui.dialogs._parts import Hint, column, prepare
from viewer.ui.sidebar._structure_list import swatch
from viewer.ui.theme import GRID_PX, current_theme, icon

COLUMNS = ("Structure", "mL", "Min", "Mean", "Max", "D98", "D95", "D50", "D2", "Note")


@dataclass(frozen=True, eq=False)
class DvhRow:
    """One structure.

    Parameters
    ----------
    structure
        Which.
    dvh
        None when it has no dose.
    note
        Why, or how much of it lies outside the grid.
    """

    structure: Structure
    dvh: Dvh | None
    note: str = ""

    def figures(self) -> tuple[str, ...]:
        """Texts of the columns after the name."""
        volume = f"{self.structure.volume_mm3 / 1000:.2f}"
        if self.dvh is None:
            return (volume, *("",) * 7, self.note)
        found = self.dvh
        doses = (
            found.minimum,
            found.mean,
            found.maximum,
            *(found.dose_at(s) for s in (0.98, 0.95, 0.5, 0.02)),
        )
        return (volume, *(f"{dose:.2f}" for dose in doses), self.note)


def dvh_row(structure: Structure, dose: Volume) -> DvhRow:
    """Histogram of one structure."""
    if structure.body is None:
        return DvhRow(structure, None, "no contours")
    try:
        found = dvh_of(structure.body, dose)
    except GeometryError as error:
        return DvhRow(structure, None, error.user_message)
    outside = found.outside_mm3 / (found.outside_mm3 + found.volume_mm3)
    return DvhRow(structure, found, f"{outside:.0%} outside the dose grid" if outside > 5e-3 else "")


class DvhDialog(QDialog):
    """See the module text.

    Parameters
    ----------
    structures
        In the space of the dose.
    dose
        A dose grid, complete.
    """

    def __init__(self, structures: Sequence[Structure], dose: Volume, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        prepare(self, "dvh-dialog", "Dose-volume histograms")
        self.rows: list[DvhRow] = []
        self._structures, self._dose = tuple(structures), dose
        theme = current_theme()
        self.plot = pg.PlotWidget(background=theme.base)
        self.plot.setObjectName("dvh-plot")
        self.plot.setMinimumSize(GRID_PX * 80, GRID_PX * 36)
        self.plot.setMenuEnabled(False)
        self.plot.showGrid(x=True, y=True, alpha=0.25)
        for side, text in (("bottom", f"Dose ({dose.quantity.unit or 'no unit'})"), ("left", "Volume (%)")):
            axis = self.plot.getAxis(side)
            axis.setPen(theme.dim)
            axis.setTextPen(theme.text)
            axis.setLabel(text)
        self.table = QTableWidget(0, len(COLUMNS))
        self.table.setObjectName("dvh-table")
        self.table.setHorizontalHeaderLabels(COLUMNS)
        self.table.verticalHeader().hide()
        self.table.setEditTriggers(QTableWidget.EditTrigger.NoEditTriggers)
        head = self.table.horizontalHeader()
        head.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        head.setStretchLastSection(True)
        self.hint = Hint("Counting…")
        self.save = QPushButton(icon("save"), "Save table…")
        self.save.setObjectName("dvh-save")
        self.save.setEnabled(False)
        close = QPushButton("Close")
        foot = QHBoxLayout()
        foot.addWidget(self.save)
        foot.addStretch(1)
        foot.addWidget(close)
        outer = column(self)
        outer.addWidget(self.plot, 3)
        outer.addWidget(self.table, 2)
        outer.addWidget(self.hint)
        outer.addLayout(foot)
        self.save.clicked.connect(self._ask_file)
        close.clicked.connect(self.close)
        self._work = Work(self._count, self)
        self._work.succeeded.connect(self._show)
        self._work.failed.connect(self.hint.setText)
        self._work.start()

    def _count(self) -> None:
        """In the background."""
        self.rows = [dvh_row(structure, self._dose) for structure in self._structures]

    def _show(self) -> None:
        self.table.setRowCount(len(self.rows))
        for n, row in enumerate(self.rows):
            name = QTableWidgetItem(swatch(row.structure.colour), row.structure.name)
            self.table.setItem(n, 0, name)
            for place, text in enumerate(row.figures(), 1):
                cell = QTableWidgetItem(text)
                if place < len(COLUMNS) - 1:
                    cell.setTextAlignment(Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
                self.table.setItem(n, place, cell)
            if row.dvh is not None:
                doses, shares = row.dvh.curve()
                self.plot.plot(doses, 100 * shares, pen=pg.mkPen(QColor(*row.structure.colour), width=2))
        self.plot.setLimits(xMin=0, yMin=0, yMax=105)
        self.plot.setRange(yRange=(0, 102), padding=0.01)
        self.hint.setText(
            f"Doses in {self._dose.quantity.unit or 'stored values'}; D95 is the dose that 95 % of the volume "
            "receives. Linear between the voxels of the dose grid."
        )
        self.save.setEnabled(True)

    def table_text(self) -> str:
        """The table as CSV with a point as decimal sign."""
        target = io.StringIO()
        writer = csv.writer(target, lineterminator="\n")
        unit = self._dose.quantity.unit
        writer.writerow(
            [f"{name} ({unit})" if 2 <= n <= 8 and unit else name for n, name in enumerate(COLUMNS)]
        )
        for row in self.rows:
            writer.writerow([as_text(row.structure.name), *row.figures()])
        return target.getvalue()

    def _ask_file(self) -> None:
        name, _ = QFileDialog.getSaveFileName(self, "Save table", "dvh.csv", "Tables (*.csv)")
        if not name:
            return
        try:
            write_bytes(Path(name), self.table_text().encode("utf-8"))
        except ViewerError as error:
            self.hint.setText(error.user_message)
        else:
            self.hint.setText(f"Saved as {Path(name).name}.")

    def closeEvent(self, event: QCloseEvent) -> None:
        self._work.wait()
        super().closeEvent(event)
