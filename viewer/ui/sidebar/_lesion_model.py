"""The table of lesions: one row each, the liver reference last, what it rests on in the tooltips."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, Qt
from PySide6.QtGui import QColor, QFont, QIcon, QPixmap

from viewer.imaging.body_size import is_uptake
from viewer.state.lesion_table import Row
from viewer.state.lesions import Lesion
from viewer.ui.sidebar._parts import number

if TYPE_CHECKING:
    from viewer.state.lesions import Lesions

Index = QModelIndex | QPersistentModelIndex
NOTHING = "–"
COLUMNS = ("Name", "Max", "Mean", "Peak", "MTV", "TLG")
SWATCH_PX = (6, 14)


def value_text(value: float | None, unit: str) -> str:
    """A value without its unit: SUV with two decimals, others with four significant digits."""
    if value is None:
        return NOTHING
    if is_uptake(unit):
        return number(value, 2)
    digits = max(0, 4 - len(str(int(abs(value))))) if abs(value) >= 1 else 4
    return number(value, digits)


def glycolysis_text(value: float | None) -> str:
    """A TLG in the narrow column of the table: four significant digits, at most two decimals."""
    if value is None:
        return NOTHING
    return number(value, max(0, min(2, 4 - len(str(int(abs(value)))))))


def volume_text(value: float | None) -> str:
    """Millilitres with two decimals."""
    return NOTHING if value is None else number(value, 2)


class LesionModel(QAbstractTableModel):
    """See the module text; a check mark is the visibility."""

    def __init__(self, store: Lesions) -> None:
        super().__init__()
        self._store = store
        self._lesions: tuple[Lesion, ...] = ()
        self._rows: tuple[Row, ...] = ()
        self._unit = ""

    def set_rows(self, lesions: tuple[Lesion, ...], rows: tuple[Row, ...], unit: str) -> None:
        """Show other rows; the same number of rows keeps selection and scroll place."""
        if (lesions, rows, unit) == (self._lesions, self._rows, self._unit):
            return
        same = [lesion.uid for lesion in lesions] == [lesion.uid for lesion in self._lesions]
        if not same:
            self.beginResetModel()
        self._lesions, self._rows, self._unit = lesions, rows, unit
        if same:
            self.dataChanged.emit(self.index(0, 0), self.index(len(rows) - 1, len(COLUMNS) - 1))
        else:
            self.endResetModel()

    def uid(self, row: int) -> str:
        """Uid of the lesion in a row, "" outside."""
        return self._lesions[row].uid if 0 <= row < len(self._lesions) else ""

    def row_of(self, uid: str) -> int:
        """Row of a lesion, -1 when it has none."""
        return next((n for n, lesion in enumerate(self._lesions) if lesion.uid == uid), -1)

    def rowCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(self._rows)

    def columnCount(self, parent: Index | None = None) -> int:
        return 0 if parent is not None and parent.isValid() else len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> Any:
        if orientation is not Qt.Orientation.Horizontal:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        if role == Qt.ItemDataRole.ToolTipRole:
            return (
                "Name; the mark shows and hides the outline",
                f"Highest voxel, {self._unit}",
                f"Mean of the voxels, {self._unit}",
                f"Highest mean in a sphere of 1 mL, {self._unit}",
                "Metabolic tumour volume, mL",
                "Total lesion glycolysis: volume × mean",
            )[section]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(section)
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> Any:
        row, lesion = self._rows[index.row()], self._lesions[index.row()]
        column = index.column()
        if role == Qt.ItemDataRole.DisplayRole:
            return self._texts(row)[column]
        if role == Qt.ItemDataRole.TextAlignmentRole:
            return _alignment(column)
        if role == Qt.ItemDataRole.ToolTipRole:
            return ". ".join(text for text in (row.name, row.threshold, row.notes) if text)
        if role == Qt.ItemDataRole.AccessibleTextRole:
            return f"{COLUMNS[column]} {self._texts(row)[column]}"
        if role == Qt.ItemDataRole.FontRole and row.liver:
            font = QFont()
            font.setItalic(True)
            return font
        if column == 0 and role == Qt.ItemDataRole.CheckStateRole:
            return Qt.CheckState.Checked if lesion.visible else Qt.CheckState.Unchecked
        if column == 0 and role == Qt.ItemDataRole.DecorationRole:
            return _swatch(lesion.colour)
        if column == 0 and role == Qt.ItemDataRole.EditRole:
            return row.name
        return None

    def setData(self, index: Index, value: Any, role: int = Qt.ItemDataRole.EditRole) -> bool:
        uid = self.uid(index.row())
        if role == Qt.ItemDataRole.CheckStateRole:
            shown = Qt.CheckState(value) is Qt.CheckState.Checked
            self._store.change(uid, "Show lesion" if shown else "Hide lesion", visible=shown)
            return True
        if role == Qt.ItemDataRole.EditRole and str(value).strip():
            self._store.change(uid, "Rename lesion", name=" ".join(str(value).split())[:64])
            return True
        return False

    def flags(self, index: Index) -> Qt.ItemFlag:
        base = Qt.ItemFlag.ItemIsEnabled | Qt.ItemFlag.ItemIsSelectable
        if index.column() == 0:
            base |= Qt.ItemFlag.ItemIsUserCheckable | Qt.ItemFlag.ItemIsEditable
        return base

    def _texts(self, row: Row) -> tuple[str, ...]:
        name = row.name + ("*" if row.notes and not row.liver else "")
        volumes = ("", "") if row.liver else (volume_text(row.volume_ml), glycolysis_text(row.glycolysis))
        values = tuple(value_text(value, self._unit) for value in (row.max, row.mean, row.peak))
        return (name, *values, *volumes)


def _alignment(column: int) -> Qt.AlignmentFlag:
    side = Qt.AlignmentFlag.AlignLeft if column == 0 else Qt.AlignmentFlag.AlignRight
    return side | Qt.AlignmentFlag.AlignVCenter


def _swatch(colour: str) -> QIcon:
    pixmap = QPixmap(*SWATCH_PX)
    pixmap.fill(QColor(colour))
    return QIcon(pixmap)
