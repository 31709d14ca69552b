"""The list of structures: a row each, by file, with a mark for visible, its colour, its name and its volume."""

from __future__ import annotations

from collections.abc import Iterable

from PySide6.QtCore import Qt, Signal
from PySide6.QtGui import QColor, QIcon, QPainter, QPixmap
from PySide6.QtWidgets import QFrame, QHeaderView, QTreeWidget, QTreeWidgetItem

from viewer.state.structures import Structure
from viewer.ui.binding import quiet
from viewer.ui.sidebar._parts import number
from viewer.ui.theme import GRID_PX

_ID = Qt.ItemDataRole.UserRole
_SWATCH_PX = 14
_MOST_ROWS = 14
"""Longer lists scroll."""
MADE_HERE = "Made here"


class StructureList(QTreeWidget):
    """See the module text.

    Signals
    -------
    chosen
        Id of the structure the user went to.
    shown
        (ids, visible) of the rows whose mark was changed.
    """

    chosen = Signal(int)
    shown = Signal(object, bool)

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("structure-list")
        self.setAccessibleName("Structures")
        self.setColumnCount(2)
        self.setHeaderHidden(True)
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setIndentation(GRID_PX)
        self.setRootIsDecorated(False)
        self.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        head = self.header()
        head.setStretchLastSection(False)
        head.setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        head.setSectionResizeMode(1, QHeaderView.ResizeMode.ResizeToContents)
        self._drawn: tuple[object, ...] = ()
        self.itemClicked.connect(self._clicked)
        self.itemActivated.connect(self._clicked)
        self.currentItemChanged.connect(lambda item, _before: self._moved(item))
        self.itemChanged.connect(self._changed)

    def show_structures(self, structures: Iterable[Structure], selected: int, hidden: dict[int, str]) -> None:
        """Follow the store.

        Parameters
        ----------
        structures
            In their order.
        selected
            Id of the row to be marked.
        hidden
            Ids of structures that are not drawn on the image, with the reason.
        """
        structures = tuple(structures)
        drawn = (
            tuple((s.id, s.name, s.colour, s.visible, s.group, s.body) for s in structures),
            selected,
            tuple(hidden),
        )
        if drawn == self._drawn:
            return
        self._drawn = drawn
        with quiet(self):
            place = self.verticalScrollBar().value()
            self.clear()
            groups: dict[tuple[object, str], QTreeWidgetItem] = {}
            for structure in structures:
                key = (structure.source, structure.group)
                if key not in groups:
                    groups[key] = self._group(structure)
                item = self._row(structure, hidden.get(structure.id, ""))
                groups[key].addChild(item)
                if structure.id == selected:
                    self.setCurrentItem(item)
            for group in groups.values():
                group.setExpanded(True)
                states = {row.checkState(0) for row in _children(group)}
                group.setCheckState(0, states.pop() if len(states) == 1 else Qt.CheckState.PartiallyChecked)
            self.verticalScrollBar().setValue(place)
        rows = len(structures) + len(groups)
        heights = [
            self.indexRowSizeHint(self.indexFromItem(item)) for item in (*groups.values(), *_all(groups))
        ]
        self.setFixedHeight(min(max(rows, 2), _MOST_ROWS) * max(heights, default=0) + 4)

    def _group(self, structure: Structure) -> QTreeWidgetItem:
        item = QTreeWidgetItem([structure.group or MADE_HERE, ""])
        item.setFlags(Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsUserCheckable)
        font = item.font(0)
        font.setBold(True)
        item.setFont(0, font)
        item.setToolTip(0, structure.source.name if structure.source is not None else "")
        self.addTopLevelItem(item)
        item.setFirstColumnSpanned(True)
        return item

    def _row(self, structure: Structure, hidden: str) -> QTreeWidgetItem:
        item = QTreeWidgetItem([structure.name, f"{number(structure.volume_mm3 / 1000, 2)} mL"])
        item.setData(0, _ID, structure.id)
        item.setIcon(0, swatch(structure.colour))
        item.setCheckState(0, Qt.CheckState.Checked if structure.visible else Qt.CheckState.Unchecked)
        item.setTextAlignment(1, Qt.AlignmentFlag.AlignRight | Qt.AlignmentFlag.AlignVCenter)
        item.setToolTip(0, "\n".join(part for part in (structure.name, hidden, *structure.notes) if part))
        if hidden:
            for column in (0, 1):
                item.setForeground(column, self.palette().placeholderText())
        return item

    def _clicked(self, item: QTreeWidgetItem) -> None:
        if item.data(0, _ID) is not None:
            self.chosen.emit(item.data(0, _ID))

    def _moved(self, item: QTreeWidgetItem | None) -> None:
        if item is not None and self.hasFocus():
            self._clicked(item)

    def _changed(self, item: QTreeWidgetItem) -> None:
        rows = [item] if item.data(0, _ID) is not None else _children(item)
        visible = item.checkState(0) == Qt.CheckState.Checked
        self.shown.emit([row.data(0, _ID) for row in rows], visible)


def _all(groups: dict[tuple[object, str], QTreeWidgetItem]) -> list[QTreeWidgetItem]:
    return [row for group in groups.values() for row in _children(group)]


def _children(item: QTreeWidgetItem) -> list[QTreeWidgetItem]:
    return [child for n in range(item.childCount()) if (child := item.child(n)) is not None]


def swatch(colour: tuple[int, int, int]) -> QIcon:
    """A small square of a colour."""
    pixmap = QPixmap(_SWATCH_PX, _SWATCH_PX)
    pixmap.fill(Qt.GlobalColor.transparent)
    painter = QPainter(pixmap)
    painter.setRenderHint(QPainter.RenderHint.Antialiasing)
    painter.setPen(Qt.PenStyle.NoPen)
    painter.setBrush(QColor(*colour))
    painter.drawRoundedRect(1, 1, _SWATCH_PX - 2, _SWATCH_PX - 2, 3, 3)
    painter.end()
    return QIcon(pixmap)
