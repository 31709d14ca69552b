"""The tag tree as a Qt model: nesting by depth, masking, and updates in place while the user scrolls slices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from PySide6.QtCore import (
    QAbstractItemModel,
    QModelIndex,
    QObject,
    QPersistentModelIndex,
    QSortFilterProxyModel,
    Qt,
)
from PySide6.QtGui import QColor

from viewer.ui.theme import current_theme

if TYPE_CHECKING:
    from viewer.dicom.tags import TagRow

MASK = "•••••• hidden"
COLUMNS = ("Tag", "Name", "Value", "VR")
TAG, NAME, VALUE, VR = range(4)
_ROOT = QModelIndex()

Index = QModelIndex | QPersistentModelIndex


@dataclass(eq=False)
class _Node:
    """One row in the tree; `place` is its row below `parent`."""

    row: TagRow | None
    parent: _Node | None
    place: int
    children: list[_Node] = field(default_factory=list)


class TagModel(QAbstractItemModel):
    """See the module text."""

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._root = _Node(None, None, 0)
        self._nodes: list[_Node] = []
        self._masked = True

    # --- content -----------------------------------------------------------------------------------------------

    def show(self, rows: tuple[TagRow, ...]) -> None:
        """Show the rows of an instance; when it has the same tags as the one before only the values change."""
        if self._same_tags(rows):
            for node, row in zip(self._nodes, rows, strict=True):
                node.row = row
            self._values_changed()
            return
        self.beginResetModel()
        self._root, self._nodes = _Node(None, None, 0), []
        branch = [self._root]
        for row in rows:
            depth = min(row.depth, len(branch) - 1)
            del branch[depth + 1 :]
            parent = branch[depth]
            node = _Node(row, parent, len(parent.children))
            parent.children.append(node)
            self._nodes.append(node)
            branch.append(node)
        self.endResetModel()

    def _same_tags(self, rows: tuple[TagRow, ...]) -> bool:
        if len(rows) != len(self._nodes) or not rows:
            return False
        return all(
            node.row is not None and (node.row.tag, node.row.depth) == (row.tag, row.depth)
            for node, row in zip(self._nodes, rows, strict=True)
        )

    def _values_changed(self) -> None:
        for parent in (self._root, *(node for node in self._nodes if node.children)):
            if parent.children:
                first, last = parent.children[0], parent.children[-1]
                corner = self.createIndex(last.place, len(COLUMNS) - 1, last)
                self.dataChanged.emit(self.createIndex(0, 0, first), corner)

    def set_masked(self, masked: bool) -> None:
        """Hide or show the values that identify the patient."""
        if masked != self._masked:
            self._masked = masked
            self._values_changed()

    def row_at(self, index: Index) -> TagRow | None:
        """The tag at an index."""
        return self._node(index).row

    def shown_value(self, row: TagRow) -> str:
        """The value as displayed."""
        return MASK if self._masked and row.identity and row.value else row.value

    def line(self, row: TagRow) -> str:
        """One tag as a line of text, indented by depth; masked values stay masked."""
        return f"{'  ' * row.depth}{row.tag}\t{row.vr}\t{row.name}\t{self.shown_value(row)}"

    def text(self) -> str:
        """All tags as lines of text."""
        return "\n".join(self.line(node.row) for node in self._nodes if node.row is not None)

    # --- Qt ----------------------------------------------------------------------------------------------------

    def _node(self, index: Index) -> _Node:
        node: _Node = index.internalPointer() if index.isValid() else self._root
        return node

    def index(self, row: int, column: int, parent: Index = _ROOT) -> QModelIndex:
        children = self._node(parent).children
        if 0 <= row < len(children) and 0 <= column < len(COLUMNS):
            return self.createIndex(row, column, children[row])
        return QModelIndex()

    def parent(self, index: Index = _ROOT) -> QModelIndex:  # type: ignore[override]
        parent = self._node(index).parent if index.isValid() else None
        if parent is None or parent is self._root:
            return QModelIndex()
        return self.createIndex(parent.place, 0, parent)

    def rowCount(self, parent: Index = _ROOT) -> int:
        return len(self._node(parent).children) if parent.column() <= 0 else 0

    def columnCount(self, parent: Index = _ROOT) -> int:
        return len(COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return COLUMNS[section]
        return None

    def data(self, index: Index, role: int = Qt.ItemDataRole.DisplayRole) -> str | QColor | None:
        row = self.row_at(index)
        if row is None:
            return None
        if role == Qt.ItemDataRole.DisplayRole:
            return (row.tag, row.name, self.shown_value(row), row.vr)[index.column()]
        if role == Qt.ItemDataRole.ToolTipRole:
            # A tooltip takes text that looks like HTML for HTML; a tag's value is always plain text (rule J44).
            shown = (
                self.shown_value(row)[:1000].replace("&", "&amp;").replace("<", "&lt;").replace("\n", "<br>")
            )
            return f"<p>{row.tag} {row.vr} {row.name}</p><p>{shown}</p>".replace("<p></p>", "")
        if role == Qt.ItemDataRole.ForegroundRole:
            masked = index.column() == VALUE and self.shown_value(row) != row.value
            if masked or row.private or index.column() in (TAG, VR):
                return QColor(current_theme().dim)
        return None


class TagFilter(QSortFilterProxyModel):
    """Shows the tags whose number, name or displayed value holds a text, with the sequences they stand in."""

    def __init__(self, model: TagModel, parent: QObject) -> None:
        super().__init__(parent)
        self._model = model
        self._words: tuple[str, ...] = ()
        self._private = False
        self.setRecursiveFilteringEnabled(True)
        self.setSourceModel(model)

    def set_text(self, text: str) -> None:
        """Search for words; all of them must be found in one tag."""
        self._words = tuple(text.casefold().split())
        self.invalidate()

    def set_private(self, shown: bool) -> None:
        """Show private tags too."""
        self._private = shown
        self.invalidate()

    def filterAcceptsRow(self, source_row: int, source_parent: Index) -> bool:
        row = self._model.row_at(self._model.index(source_row, 0, source_parent))
        if row is None or (row.private and not self._private):
            return False
        if not self._words:
            return True
        hay = f"{row.tag} {row.tag.strip('()').replace(',', '')} {row.name} {self._model.shown_value(row)}".casefold()
        return all(word in hay for word in self._words)
