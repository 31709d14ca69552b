"""Problems panel: each file that could not be used, with the reason; tried again, or copied as text for a report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QAbstractTableModel, QModelIndex, QPersistentModelIndex, QSortFilterProxyModel, Qt
from PySide6.QtGui import QGuiApplication, QKeySequence, QShortcut
from PySide6.QtWidgets import (
    QAbstractItemView,
    QHBoxLayout,
    QHeaderView,
    QPushButton,
    QTableView,
    QVBoxLayout,
    QWidget,
)

from viewer.ui.binding import bind
from viewer.ui.sidebar._parts import label
from viewer.ui.sidebar._section import Section
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from viewer.dicom.model import Problem
    from viewer.state.library import Library
    from viewer.ui.context import UiContext

_COLUMNS = ("File", "Reason")


def all_problems(library: Library) -> tuple[Problem, ...]:
    """Problems of the index and of the loading, each once, in the order they came."""
    return tuple(dict.fromkeys((*library.catalogue.problems, *library.problems)))


def badge_text(library: Library) -> str:
    """Text of the badge in the status line: "3 problems", empty when there is none."""
    count = len(all_problems(library))
    return "" if not count else "1 problem" if count == 1 else f"{count} problems"


def summary(library: Library) -> str:
    """One line above the table: how many problems, and how many files were no DICOM at all (rule J01)."""
    catalogue = library.catalogue
    parts = [badge_text(library) or "No problems"]
    if catalogue.not_dicom:
        files = "1 file is" if catalogue.not_dicom == 1 else f"{catalogue.not_dicom} files are"
        parts.append(f"{files} not DICOM and left out")
    parts.extend(catalogue.notes)
    return ". ".join(part.rstrip(".") for part in parts) + "."


class _Model(QAbstractTableModel):
    """The rows; new problems are appended, so selection and scroll place stay."""

    def __init__(self, parent: QWidget) -> None:
        super().__init__(parent)
        self.rows: tuple[Problem, ...] = ()

    def show(self, rows: tuple[Problem, ...]) -> None:
        old = len(self.rows)
        if rows[:old] == self.rows and len(rows) > old:
            self.beginInsertRows(QModelIndex(), old, len(rows) - 1)
            self.rows = rows
            self.endInsertRows()
        elif rows != self.rows:
            self.beginResetModel()
            self.rows = rows
            self.endResetModel()

    def rowCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return 0 if parent.isValid() else len(self.rows)

    def columnCount(self, parent: QModelIndex | QPersistentModelIndex = QModelIndex()) -> int:  # noqa: B008
        return len(_COLUMNS)

    def headerData(
        self, section: int, orientation: Qt.Orientation, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if orientation == Qt.Orientation.Horizontal and role == Qt.ItemDataRole.DisplayRole:
            return _COLUMNS[section]
        return None

    def data(
        self, index: QModelIndex | QPersistentModelIndex, role: int = Qt.ItemDataRole.DisplayRole
    ) -> str | None:
        if role not in (Qt.ItemDataRole.DisplayRole, Qt.ItemDataRole.ToolTipRole):
            return None
        problem = self.rows[index.row()]
        if index.column() == 0:
            return problem.file or "(whole job)"
        return problem.reason


class ProblemsPanel(QWidget):
    """See the module text."""

    def __init__(self, context: UiContext) -> None:
        super().__init__()
        self._library = context.library
        self._loader = context.loader
        self.setObjectName("problems")
        self._summary = label("", "dim", wrap=True)
        self.copy_button = QPushButton(icon("copy"), "Copy details")
        self.copy_button.setObjectName("problems-copy")
        self.copy_button.setToolTip("Copy the selected lines, or all of them, as text")
        self.copy_button.clicked.connect(self.copy)
        self.retry_button = QPushButton(icon("reset"), "Try again")
        self.retry_button.setObjectName("problems-retry")
        self.retry_button.setToolTip("Read what had problems once more; what is open stays")
        self.retry_button.clicked.connect(self._loader.retry)

        self._model = _Model(self)
        proxy = QSortFilterProxyModel(self)
        proxy.setSourceModel(self._model)
        proxy.setSortCaseSensitivity(Qt.CaseSensitivity.CaseInsensitive)
        self.table = QTableView()
        self.table.setObjectName("problems-table")
        self.table.setAccessibleName("Problems")
        self.table.setModel(proxy)
        self.table.setSortingEnabled(True)
        self.table.sortByColumn(-1, Qt.SortOrder.AscendingOrder)
        self.table.setAlternatingRowColors(True)
        self.table.setShowGrid(False)
        self.table.setTabKeyNavigation(False)
        self.table.setWordWrap(True)
        self.table.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        self.table.setSelectionBehavior(QAbstractItemView.SelectionBehavior.SelectRows)
        self.table.verticalHeader().setVisible(False)
        self.table.verticalHeader().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        self.table.horizontalHeader().setStretchLastSection(True)
        self.table.horizontalHeader().setDefaultAlignment(Qt.AlignmentFlag.AlignLeft)
        self.table.setColumnWidth(0, GRID_PX * 36)
        shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), self.table)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(self.copy)

        head = QHBoxLayout()
        head.setContentsMargins(GRID_PX, GRID_PX // 2, GRID_PX, GRID_PX // 2)
        head.setSpacing(GRID_PX)
        head.addWidget(self._summary, 1)
        head.addWidget(self.retry_button)
        head.addWidget(self.copy_button)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self.table, 1)
        bind(self, self._library.problems_changed, self._refresh)
        bind(self, self._library.catalogue_changed, self._refresh)
        self._loader.busy_changed.connect(self._enable)
        self._refresh()

    def _refresh(self) -> None:
        self._model.show(all_problems(self._library))
        self._summary.setText(summary(self._library))
        self._enable()

    def _enable(self) -> None:
        """Nothing is tried again while it is still being tried."""
        self.copy_button.setEnabled(bool(self._model.rows))
        self.retry_button.setEnabled(bool(self._model.rows) and not self._loader.busy)

    def details(self) -> str:
        """The selected lines, or all, as "file<tab>reason" lines."""
        chosen = self.table.selectionModel().selectedRows()
        proxy = self.table.model()
        indices = chosen or [proxy.index(row, 0) for row in range(proxy.rowCount())]
        return "\n".join(
            f"{index.data()}\t{proxy.index(index.row(), 1).data()}"
            for index in sorted(indices, key=lambda index: index.row())
        )

    def copy(self) -> None:
        """Put the details on the clipboard."""
        QGuiApplication.clipboard().setText(self.details())


SECTION = Section("problems", "Problems", "bottom", 0, ProblemsPanel, icon="warning")
