"""Lesions section: the table with its sums, the chosen lesion, the liver reference, and what the numbers rest on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QItemSelectionModel, QModelIndex, QSize, Qt
from PySide6.QtGui import QKeyEvent, QResizeEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QGridLayout,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableView,
    QToolButton,
    QWidget,
)

from viewer.imaging.body_size import is_uptake
from viewer.state.lesion_table import Row, glycolysis_unit, quantity_note, row, suv_basis
from viewer.state.lesions import Lesions
from viewer.ui.binding import bind, quiet
from viewer.ui.sidebar._lesion_model import SWATCH_PX, LesionModel, value_text, volume_text
from viewer.ui.sidebar._parts import Banner, Column, Fact, FactTable, card, label, number
from viewer.ui.sidebar._section import Section, lies_behind
from viewer.ui.sidebar._threshold_field import ThresholdField
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from viewer.state.library import OpenVolume
    from viewer.ui.context import UiContext

MOST_ROWS = 10
HELP = "Choose the lesion tool and click a hot spot, or drag a sphere around it."


class LesionTable(QTableView):
    """Rows as high as they need, as many as there are; Del deletes, Return and a double click jump."""

    def __init__(self, store: Lesions) -> None:
        super().__init__()
        self._store = store
        self.rows = LesionModel(store)
        self.setModel(self.rows)
        self.setObjectName("lesion-table")
        self.setAccessibleName("Lesions")
        self.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        self.setShowGrid(False)
        self.setAlternatingRowColors(True)
        self.setWordWrap(False)
        self.setIconSize(QSize(*SWATCH_PX))
        self.verticalHeader().hide()
        self.verticalHeader().setDefaultSectionSize(GRID_PX * 3)
        header = self.horizontalHeader()
        header.setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        header.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        header.setHighlightSections(False)
        # Six columns have to fit into a narrow sidebar: less room around the numbers than elsewhere.
        header.setStyleSheet("QHeaderView::section { padding: 4px 1px; }")
        self.setStyleSheet("QTableView::item { padding: 2px 1px; }")
        header.setMinimumSectionSize(GRID_PX * 3)
        self.doubleClicked.connect(lambda index: store.jump(self.rows.uid(index.row())))
        self.selectionModel().currentRowChanged.connect(self._row_chosen)

    @property
    def chosen(self) -> tuple[str, ...]:
        """Uids of the selected rows."""
        return tuple(self.rows.uid(index.row()) for index in self.selectionModel().selectedRows())

    def follow(self) -> None:
        """Select the row of the store's selection and take the height of the rows."""
        at = self.rows.row_of(self._store.selected)
        if at >= 0 and self.currentIndex().row() != at:
            flags = QItemSelectionModel.SelectionFlag
            with quiet(self.selectionModel()):
                self.selectionModel().setCurrentIndex(
                    self.rows.index(at, 0), flags.ClearAndSelect | flags.Rows
                )
            self.viewport().update()
        self._fit()

    def resizeEvent(self, event: QResizeEvent) -> None:
        super().resizeEvent(event)
        self._fit()

    def _fit(self) -> None:
        """The names take what the numbers leave; numbers too long for that (counts, not SUV) make it scroll."""
        header = self.horizontalHeader()
        needed = sum(max(self.sizeHintForColumn(n), header.sectionSizeHint(n)) for n in range(header.count()))
        wide = needed > self.viewport().width()
        mode = QHeaderView.ResizeMode.ResizeToContents if wide else QHeaderView.ResizeMode.Stretch
        if header.sectionResizeMode(0) != mode:
            header.setSectionResizeMode(0, mode)
        count = min(self.rows.rowCount(), MOST_ROWS)
        bar = self.horizontalScrollBar().sizeHint().height() if wide else 0
        height = header.sizeHint().height() + count * GRID_PX * 3 + 2 + bar
        if height != self.height():
            self.setFixedHeight(height)

    def event(self, event: QEvent) -> bool:
        """Del and Return are for the table while it has the focus, whatever the window does with them."""
        mine = (Qt.Key.Key_Delete, Qt.Key.Key_Return, Qt.Key.Key_Enter)
        if (
            event.type() is QEvent.Type.ShortcutOverride
            and isinstance(event, QKeyEvent)
            and event.key() in mine
        ):
            event.accept()
            return True
        return super().event(event)

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() == Qt.Key.Key_Delete:
            self._store.remove(self.chosen)
        elif event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self._store.jump(self.rows.uid(self.currentIndex().row()))
        else:
            super().keyPressEvent(event)

    def _row_chosen(self, current: QModelIndex, _previous: QModelIndex) -> None:
        if current.isValid():
            self._store.select(self.rows.uid(current.row()))


class LesionsPanel(Column):
    """See the module text."""

    def __init__(self, context: UiContext) -> None:
        super().__init__("lesions", "Lesions")
        self._view = context.view
        self._store = context.view.work.of(Lesions)
        self._commands = context.commands
        self.quantity = Banner("lesion-quantity", "warning")
        self.caption = label("", "dim", wrap=True)
        self.table = LesionTable(self._store)
        self.totals = FactTable("lesion-totals")
        self.new = ThresholdField("new-lesion", "Threshold of new lesions", whole=False)
        self.new.chosen.connect(self._store.choose_threshold)
        self.chosen = self._chosen_card()
        self.liver = self._liver_card()
        self.basis = FactTable("lesion-basis")
        self._basis_head = label("Numbers rest on", "heading")
        new_row = QWidget()
        line = QGridLayout(new_row)
        line.setContentsMargins(0, 0, 0, 0)
        line.setHorizontalSpacing(GRID_PX)
        line.setColumnStretch(1, 1)
        line.addWidget(label("New lesions", "dim"), 0, 0)
        line.addWidget(self.new, 0, 1)
        self._new_row = new_row
        for block in (
            self.quantity,
            new_row,
            self.caption,
            self.table,
            self.totals,
            self.chosen,
            self.liver,
            self._basis_head,
            self.basis,
        ):
            self.blocks.addWidget(block)
        self.blocks.addStretch(1)
        bind(self, self._store.changed, self.refresh)
        bind(self, context.view.layers_changed, self.refresh)
        bind(self, context.library.slices_changed, self.refresh)
        self.refresh()

    # --- building ----------------------------------------------------------------------------------------------

    def _chosen_card(self) -> QFrame:
        frame, column = card("lesion-card")
        head = QHBoxLayout()
        head.setSpacing(GRID_PX)
        self.title = label("", "heading")
        head.addWidget(self.title, 1)
        for name, picture, text, run in (
            ("lesion-jump", "crosshair", "Jump to its hottest voxel", self._jump),
            ("lesion-delete", "delete", "Delete it (can be undone)", self._delete),
        ):
            button = QToolButton()
            button.setObjectName(name)
            button.setIcon(icon(picture))
            button.setToolTip(text)
            button.setAccessibleName(text)
            button.clicked.connect(run)
            head.addWidget(button)
        column.addLayout(head)
        self.threshold = ThresholdField("lesion", "Threshold of this lesion", whole=True)
        self.threshold.chosen.connect(lambda chosen: self._store.set_threshold(self._store.selected, chosen))
        column.addWidget(self.threshold)
        self.note = label("", "warning", wrap=True)
        column.addWidget(self.note)
        self.facts = FactTable("lesion-facts")
        column.addWidget(self.facts)
        return frame

    def _liver_card(self) -> QFrame:
        frame, column = card("liver-card")
        column.addWidget(label("Liver reference", "heading"))
        self.liver_facts = FactTable("liver-facts")
        column.addWidget(self.liver_facts)
        self.set_liver = QPushButton("Place 3 cm sphere at the crosshair")
        self.set_liver.setObjectName("set-liver")
        self.set_liver.clicked.connect(lambda: self._store.set_liver(self._view.cursor_mm))
        column.addWidget(self.set_liver)
        return frame

    # --- following ---------------------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Follow the state."""
        if lies_behind(self):
            return
        item = self._store.series()
        for block in (self._new_row, self.liver):
            block.setVisible(item is not None)
        if item is None:
            self._show_nothing()
            return
        unit = item.volume.display_unit
        self.quantity.set_text(quantity_note(item))
        self.new.show_threshold(
            self._store.new_threshold(item), item.volume.preset_unit, uptake=is_uptake(unit)
        )
        lesions = tuple(sorted(self._store.of(item.volume.uid), key=lambda one: one.liver))
        rows = tuple(row(item, self._store.measured(lesion)) for lesion in lesions)
        self.caption.setText(
            f"{unit or 'No unit'}, MTV in mL, TLG in {glycolysis_unit(unit)}" if lesions else HELP
        )
        self.table.setVisible(bool(lesions))
        self.table.rows.set_rows(lesions, rows, unit)
        self.table.follow()
        self._show_totals(item)
        at = self.table.rows.row_of(self._store.selected)
        self.chosen.setVisible(at >= 0)
        if at >= 0:
            self._show_chosen(item, rows[at])
        self._show_liver(item)
        basis = suv_basis(item) if lesions else ()
        self._basis_head.setVisible(bool(basis))
        self.basis.set_facts(Fact(name, value) for name, value in basis)

    def showEvent(self, event: object) -> None:
        self.refresh()

    def _show_nothing(self) -> None:
        self.quantity.set_text("")
        self.caption.setText("Lesions are measured on a PET series; none is in view.")
        for block in (self.table, self.chosen, self._basis_head):
            block.hide()
        self.totals.set_facts(())
        self.basis.set_facts(())

    def _show_totals(self, item: OpenVolume) -> None:
        totals, unit = self._store.totals(item.volume.uid), item.volume.display_unit
        facts: tuple[Fact, ...] = ()
        if totals is not None:
            facts = (
                Fact(
                    f"All {totals.count}" if totals.count > 1 else "All",
                    f"max {value_text(totals.max, unit)}",
                ),
                Fact("Total MTV", f"{volume_text(totals.volume_ml)} mL"),
                Fact("Total TLG", f"{value_text(totals.glycolysis, unit)} {glycolysis_unit(unit)}"),
            )
        self.totals.set_facts(facts)

    def _show_chosen(self, item: OpenVolume, found: Row) -> None:
        lesion = self._store.get(self._store.selected)
        if lesion is None:
            return
        unit = item.volume.display_unit
        self.title.setText(found.name)
        self.threshold.setVisible(not lesion.liver)
        self.threshold.show_threshold(
            lesion.drawing.threshold, item.volume.preset_unit, uptake=is_uptake(unit)
        )
        self.note.setText(found.notes + "." if found.notes else "")
        self.note.setVisible(bool(found.notes))
        facts = []
        if found.level is not None:
            facts.append(Fact("Voxels from", f"{value_text(found.level, unit)} {unit}".rstrip()))
        facts.append(Fact("Voxels", str(found.voxels)))
        if found.sd is not None:
            facts.append(Fact("SD (n − 1)", f"{value_text(found.sd, unit)} {unit}".rstrip()))
        if found.max_mm is not None:
            x, y, z = found.max_mm
            facts.append(Fact("Max at (LPS)", f"{number(x, 1)}, {number(y, 1)}, {number(z, 1)} mm"))
        self.facts.set_facts(facts)

    def _show_liver(self, item: OpenVolume) -> None:
        found, unit = self._store.liver(item.volume.uid), item.volume.display_unit
        percist = self._store.percist(item.volume.uid)
        facts: list[Fact] = []
        if found is not None and found.uptake is not None and found.uptake.sd is not None:
            mean, sd = value_text(found.uptake.mean, unit), value_text(found.uptake.sd, unit)
            facts.append(Fact("Mean ± SD", f"{mean} ± {sd} {unit}".rstrip()))
        if percist is not None:
            facts.append(
                Fact("PERCIST from", f"{value_text(percist, unit)} {unit}".rstrip(), "1.5 × mean + 2 SD")
            )
        self.liver_facts.setVisible(bool(facts))
        self.liver_facts.set_facts(facts)

    # --- doing -------------------------------------------------------------------------------------------------

    def _jump(self) -> None:
        self._store.jump(self._store.selected)

    def _delete(self) -> None:
        self._store.remove((self._store.selected,))


SECTION = Section("lesions", "Lesions", "right", 13, LesionsPanel, icon="lesion")
