"""Measurements section: all of them as a list with jump, rename, visibility and delete, and the numbers of one."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import Qt
from PySide6.QtGui import QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QSizePolicy,
    QTreeWidget,
    QTreeWidgetItem,
)

from viewer.imaging.measure.region import region_statistics
from viewer.state.measured import NAMES, summary
from viewer.state.measurement import Measurement
from viewer.state.measurements import Measurements
from viewer.ui.binding import bind, quiet
from viewer.ui.sidebar._parts import Column, Fact, FactTable, label
from viewer.ui.sidebar._region_histogram import RegionHistogram
from viewer.ui.sidebar._section import Section, lies_behind
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from viewer.ui.context import UiContext

_UID = Qt.ItemDataRole.UserRole
_LONG = {"sd": "SD (n - 1)"}
_EMPTY = "Nothing is measured yet. Choose a tool, such as Length (L), and draw on any plane."


class MeasurementsPanel(Column):
    """See the module text."""

    def __init__(self, context: UiContext) -> None:
        super().__init__("measurements", "Measurements")
        self._view = context.view
        self._store = context.view.work.of(Measurements)
        self._empty = label(_EMPTY, "dim", wrap=True)
        self.list = QTreeWidget()
        self.list.setObjectName("measurement-list")
        self.list.setAccessibleName("Measurements")
        self.list.setColumnCount(2)
        self.list.setHeaderLabels(["Name", "Result"])
        self.list.setRootIsDecorated(False)
        self.list.setUniformRowHeights(True)
        self.list.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        self.list.setEditTriggers(
            QAbstractItemView.EditTrigger.DoubleClicked | QAbstractItemView.EditTrigger.EditKeyPressed
        )
        self.list.setSizePolicy(QSizePolicy.Policy.Ignored, QSizePolicy.Policy.Expanding)
        self.list.setMinimumHeight(GRID_PX * 20)
        self.list.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Interactive)
        self.list.header().resizeSection(0, GRID_PX * 17)
        self.list.itemChanged.connect(self._edited)
        self.list.itemSelectionChanged.connect(self._chosen)
        shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Delete), self.list)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(self.delete)
        self.delete_button = QPushButton(icon("delete"), "Delete")
        self.delete_button.setObjectName("measurement-delete")
        self.delete_button.setToolTip("Delete what is selected in the list; Ctrl+Z brings it back")
        self.delete_button.clicked.connect(self.delete)
        self._heading = label("", "heading")
        self.facts = FactTable("measurement-facts")
        self.histogram = RegionHistogram()
        buttons = QHBoxLayout()
        buttons.addStretch(1)
        buttons.addWidget(self.delete_button)
        self.blocks.addWidget(self._empty)
        self.blocks.addWidget(self.list, 1)
        self.blocks.addLayout(buttons)
        for block in (self._heading, self.facts, self.histogram):
            self.blocks.addWidget(block)
        self.blocks.addStretch(0)
        bind(self, self._store.changed, self.refresh)
        bind(self, context.library.slices_changed, self._slices_changed)
        bind(self, self._view.layers_changed, self.refresh)
        self.refresh()

    def showEvent(self, event: QShowEvent) -> None:
        super().showEvent(event)
        self.refresh()

    # --- following the state -----------------------------------------------------------------------------------

    def refresh(self) -> None:
        """Follow the store; a list that nobody sees waits until it is seen."""
        if lies_behind(self):
            return
        items = self._store.items
        self._empty.setVisible(not items)
        self.list.setVisible(bool(items))
        self.delete_button.setVisible(bool(items))
        with quiet(self.list):
            self._fill(items)
        self._show_facts(self._store.get(self._store.selected))

    def _slices_changed(self, _uid: str) -> None:
        self.refresh()

    def _fill(self, items: tuple[Measurement, ...]) -> None:
        if [row.data(0, _UID) for row in self._rows()] != [item.uid for item in items]:
            chosen = {row.data(0, _UID) for row in self.list.selectedItems()}
            self.list.clear()
            for item in items:
                row = QTreeWidgetItem(self.list)
                row.setData(0, _UID, item.uid)
                row.setSelected(item.uid in chosen)
        for row, item in zip(self._rows(), items, strict=True):
            result = self._store.result(item)
            flags = Qt.ItemFlag.ItemIsSelectable | Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable
            row.setFlags(flags if item.origin else flags | Qt.ItemFlag.ItemIsEditable)
            row.setText(0, item.name)
            row.setText(1, summary(item, result))
            row.setCheckState(0, Qt.CheckState.Checked if item.visible else Qt.CheckState.Unchecked)
            row.setToolTip(0, f"From {item.origin}" if item.origin else "Double click or F2 renames it")
            row.setToolTip(1, "\n".join(result.lines()))
            if item.uid == self._store.selected and not row.isSelected():
                self.list.clearSelection()
                row.setSelected(True)
                self.list.scrollToItem(row)

    def _rows(self) -> list[QTreeWidgetItem]:
        found = (self.list.topLevelItem(n) for n in range(self.list.topLevelItemCount()))
        return [row for row in found if row is not None]

    def _show_facts(self, item: Measurement | None) -> None:
        self._heading.setVisible(item is not None)
        self.facts.setVisible(item is not None)
        if item is None:
            self.histogram.setVisible(False)
            return
        result = self._store.result(item)
        self._heading.setText(item.name)
        facts = [
            Fact(_LONG.get(found.id, NAMES.get(found.id, found.id)), found.text) for found in result.values
        ]
        if result.note:
            facts.append(Fact("Voxels", result.note, tone="dim"))
        facts += [Fact("Warning", warning, tone="warning") for warning in result.warnings]
        if item.origin:
            facts.append(Fact("From", item.origin))
        if not self._store.belongs(item):
            facts.append(Fact("Plane", "of another series or position, not on screen", tone="dim"))
        self.facts.set_facts(facts)
        self._show_histogram(item)

    def _show_histogram(self, item: Measurement) -> None:
        opened = self._view.library.get(item.volume_uid)
        shape = item.shape
        if opened is None or shape is None or opened.volume.is_colour or opened.volume.quantity.is_label:
            self.histogram.setVisible(False)
            return
        volume = opened.volume
        self.histogram.show_values(region_statistics(volume, shape).values, volume.display_unit)

    # --- wishes ------------------------------------------------------------------------------------------------

    def _edited(self, row: QTreeWidgetItem, column: int) -> None:
        uid = str(row.data(0, _UID))
        item = self._store.get(uid)
        if item is None or column != 0:
            return
        visible = row.checkState(0) == Qt.CheckState.Checked
        if visible != item.visible:
            self._store.set_visible(uid, visible=visible)
        elif row.text(0) != item.name:
            self._store.rename(uid, row.text(0))
            self.refresh()

    def _chosen(self) -> None:
        rows = self.list.selectedItems()
        if len(rows) == 1:
            self._store.jump(str(rows[0].data(0, _UID)))

    def delete(self) -> None:
        """Take away what is selected in the list."""
        self._store.remove([str(row.data(0, _UID)) for row in self.list.selectedItems()])


SECTION = Section("measurements", "Measure", "right", 15, MeasurementsPanel, icon="length")
