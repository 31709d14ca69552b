"""Study browser: everything found, with pictures; opens series as base or overlay."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, Qt, QTimer, Signal
from PySide6.QtGui import QImage, QKeyEvent, QPixmap
from PySide6.QtWidgets import (
    QAbstractItemView,
    QFrame,
    QMenu,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from viewer.dicom.model import SeriesKind
from viewer.loading.events import LoadEvent, ThumbnailReady
from viewer.state.layers import Role
from viewer.ui.binding import bind, quiet
from viewer.ui.sidebar._browser_delegate import ROW_ROLE, SHOWN_ROLE, THUMBNAIL_ROLE, BrowserDelegate
from viewer.ui.sidebar._browser_rows import Row, RowKind, browser_rows
from viewer.ui.sidebar._parts import label
from viewer.ui.sidebar._section import Section, SidebarHub
from viewer.ui.theme import GRID_PX

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy.typing as npt

    from viewer.ui.context import UiContext

REBUILD_MS = 80
"""Catalogues arrive many times a second while a folder is read; the list follows at this pace."""


def thumbnail_pixmap(image: npt.NDArray[np.uint8]) -> QPixmap:
    """A picture from uint8 grey (h, w) or RGB (h, w, 3) values."""
    image = np.ascontiguousarray(image)
    height, width = image.shape[:2]
    form = QImage.Format.Format_Grayscale8 if image.ndim == 2 else QImage.Format.Format_RGB888
    return QPixmap.fromImage(QImage(image.data, width, height, image.strides[0], form).copy())


class _Tree(QTreeWidget):
    """Tree whose Enter key opens and whose rows are as wide as the view."""

    open_pressed = Signal()

    def keyPressEvent(self, event: QKeyEvent) -> None:
        if event.key() in (Qt.Key.Key_Return, Qt.Key.Key_Enter):
            self.open_pressed.emit()
            event.accept()
            return
        super().keyPressEvent(event)


class StudyBrowser(QWidget):
    """See the module text.

    Parameters
    ----------
    context
        The session's objects.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__()
        self._context = context
        self._view = context.view
        self._library = context.library
        self._items: dict[str, QTreeWidgetItem] = {}
        self._thumbnails: dict[str, QPixmap] = {}
        self._rows: tuple[Row, ...] = ()
        self._base_key = ""
        self._marked: dict[str, tuple[Role, ...]] = {}
        self.setObjectName("study-browser")
        self.setMinimumWidth(GRID_PX * 28)

        self.tree = _Tree(self)
        self.tree.setObjectName("study-browser-tree")
        self.tree.setAccessibleName("Study browser")
        self.tree.setHeaderHidden(True)
        self.tree.setFrameShape(QFrame.Shape.NoFrame)
        self.tree.setIndentation(GRID_PX + GRID_PX // 2)
        self.tree.setItemDelegate(BrowserDelegate(self.tree))
        self.tree.setSelectionMode(QAbstractItemView.SelectionMode.SingleSelection)
        self.tree.setVerticalScrollMode(QAbstractItemView.ScrollMode.ScrollPerPixel)
        self.tree.setHorizontalScrollBarPolicy(Qt.ScrollBarPolicy.ScrollBarAlwaysOff)
        self.tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        self.tree.setExpandsOnDoubleClick(False)
        self.tree.setMouseTracking(True)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        self._empty = label("Nothing is open.", "dim", wrap=True)
        self._empty.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)
        layout.addWidget(self._empty)
        layout.addWidget(self.tree, 1)

        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(REBUILD_MS)
        self._timer.timeout.connect(self.rebuild)
        self.tree.open_pressed.connect(self._open_current)
        self.tree.itemDoubleClicked.connect(self._on_double_click)
        self.tree.customContextMenuRequested.connect(self._show_menu)
        context.loader.arrived.connect(self._on_event)
        bind(self, self._library.catalogue_changed, self._schedule)
        bind(self, self._view.layers_changed, self._mark_shown)
        bind(self, self._view.display_changed, self._on_display)
        self._identity = self._view.identity_visible
        self.rebuild()

    # --- content -----------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if not self._timer.isActive():
            self._timer.start()

    def _on_display(self) -> None:
        if self._identity != self._view.identity_visible:
            self._identity = self._view.identity_visible
            self.rebuild()

    def rebuild(self) -> None:
        """Bring the list up to the catalogue; selection, folding and place in the list stay."""
        self._timer.stop()
        rows = browser_rows(self._library.catalogue, identity=self._view.identity_visible)
        if rows == self._rows:
            return
        self._rows = rows
        self._empty.setVisible(not rows)
        open_before = {key: item.isExpanded() for key, item in self._items.items()}
        current = self.current_row()
        place = self.tree.verticalScrollBar().value()
        with quiet(self.tree):
            self.tree.clear()
            self._items.clear()
            for row in rows:
                item = self._make(row)
                self.tree.addTopLevelItem(item)
            for row in (row for top in rows for row in top.walk()):
                if row.children:
                    self._items[row.key].setExpanded(open_before.get(row.key, row.open))
            if current is not None and current.key in self._items:
                self.tree.setCurrentItem(self._items[current.key])
        self.tree.verticalScrollBar().setValue(place)
        self._marked = {}
        self._mark_shown()

    def _make(self, row: Row) -> QTreeWidgetItem:
        item = QTreeWidgetItem()
        item.setData(0, ROW_ROLE, row)
        item.setToolTip(0, row.tooltip)
        item.setData(0, Qt.ItemDataRole.AccessibleTextRole, _spoken(row))
        if row.kind is RowKind.SERIES and row.series_uid in self._thumbnails:
            item.setData(0, THUMBNAIL_ROLE, self._thumbnails[row.series_uid])
        self._items[row.key] = item
        for child in row.children:
            item.addChild(self._make(child))
        return item

    def set_thumbnail(self, series_uid: str, image: npt.NDArray[np.uint8]) -> None:
        """Show a picture for a series.

        Parameters
        ----------
        series_uid
            SeriesInstanceUID.
        image
            (h, w) grey or (h, w, 3) RGB, uint8.
        """
        self._thumbnails[series_uid] = thumbnail_pixmap(image)
        item = self._items.get(f"series:{series_uid}")
        if item is not None:
            item.setData(0, THUMBNAIL_ROLE, self._thumbnails[series_uid])

    def _on_event(self, event: LoadEvent) -> None:
        if isinstance(event, ThumbnailReady):
            self.set_thumbnail(event.series_uid, event.image)

    def _mark_shown(self) -> None:
        """Badges on the rows whose volume is base or overlay."""
        roles: dict[str, tuple[Role, ...]] = {}
        for role in Role:
            item = self._view.volume(role)
            if item is not None:
                for key in (f"series:{item.series.uid}", f"stack:{item.stack.uid}"):
                    roles[key] = (*roles.get(key, ()), role)
        if roles == self._marked:
            return
        self._marked = roles
        with quiet(self.tree):
            for key, tree_item in self._items.items():
                shown = roles.get(key, ())
                if (tree_item.data(0, SHOWN_ROLE) or ()) != shown:
                    tree_item.setData(0, SHOWN_ROLE, shown)
                    row: Row = tree_item.data(0, ROW_ROLE)
                    tree_item.setData(0, Qt.ItemDataRole.AccessibleTextRole, _spoken(row, shown))
        self.tree.viewport().update()
        self._select_shown()

    def _select_shown(self) -> None:
        """Go to the series that is shown, unless the user selected another one."""
        item, row = self._view.base_volume, self.current_row()
        key = "" if item is None else f"series:{item.series.uid}"
        before, self._base_key = self._base_key, key
        replaced = row is not None and row.key == before
        if key in self._items and (
            replaced or row is None or row.kind not in (RowKind.SERIES, RowKind.STACK)
        ):
            self.tree.setCurrentItem(self._items[key])

    def current_row(self) -> Row | None:
        """The selected row."""
        item = self.tree.currentItem()
        return None if item is None else item.data(0, ROW_ROLE)

    def visible_rows(self) -> list[Row]:
        """All rows in the order of the list, folded ones too."""

        def below(item: QTreeWidgetItem) -> Iterator[Row]:
            for place in range(item.childCount()):
                if (child := item.child(place)) is not None:
                    yield child.data(0, ROW_ROLE)
                    yield from below(child)

        return list(below(self.tree.invisibleRootItem()))

    # --- opening -----------------------------------------------------------------------------------------------

    def default_role(self, row: Row) -> Role:
        """Overlay for a dose, and a PET on the frame of reference of the CT that is shown; base for all else."""
        base = self._view.volume(Role.BASE)
        series = self._library.catalogue.find_series(row.series_uid)
        stack = self._library.catalogue.find_stack(row.stack_uid)
        if base is None or series is None or stack is None or not stack.multiplanar:
            return Role.BASE
        frame = base.volume.geometry.frame_of_reference_uid
        same = bool(frame) and frame == stack.geometry.frame_of_reference_uid
        if series.kind is SeriesKind.DOSE:
            return Role.OVERLAY
        is_pet_on_ct = series.modality == "PT" and base.volume.modality == "CT"
        return Role.OVERLAY if is_pet_on_ct and same else Role.BASE

    def open_row(self, row: Row, role: Role | None = None) -> None:
        """Open what a row stands for: images as a layer, structures over them; other objects do nothing."""
        if row.stack_uid:
            self._context.loader.open_series(row.stack_uid, role or self.default_role(row))
        elif row.structures:
            SidebarHub.of(self._context.window).structures_requested.emit(row.structures)

    def _open_current(self) -> None:
        item = self.tree.currentItem()
        if item is not None:
            self._on_double_click(item)

    def _on_double_click(self, item: QTreeWidgetItem) -> None:
        row: Row = item.data(0, ROW_ROLE)
        if row.stack_uid or row.structures:
            self.open_row(row)
        elif row.children:
            item.setExpanded(not item.isExpanded())

    def menu_for(self, row: Row) -> QMenu:
        """The context menu of a row."""
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        stack = self._library.catalogue.find_stack(row.stack_uid)
        base = self._view.volume(Role.BASE)
        open_base = menu.addAction("Open")
        open_base.setEnabled(bool(row.stack_uid or row.structures))
        open_base.triggered.connect(lambda: self.open_row(row, Role.BASE))
        overlay = menu.addAction("Open as overlay")
        can_lie_on_top = stack is not None and stack.multiplanar and base is not None
        overlay.setEnabled(can_lie_on_top and base is not None and base.stack.uid != row.stack_uid)
        overlay.triggered.connect(lambda: self.open_row(row, Role.OVERLAY))
        menu.addSeparator()
        tags = menu.addAction("Show tags")
        tags.setEnabled(row.path is not None)
        tags.triggered.connect(lambda: self._show_tags(row))
        return menu

    def _show_tags(self, row: Row) -> None:
        SidebarHub.of(self._context.window).tags_requested.emit(row.path)

    def _show_menu(self, where: QPoint) -> None:
        item = self.tree.itemAt(where)
        if item is not None and item.data(0, ROW_ROLE).kind in (RowKind.SERIES, RowKind.STACK):
            self.menu_for(item.data(0, ROW_ROLE)).popup(self.tree.viewport().mapToGlobal(where))


def _spoken(row: Row, shown: tuple[Role, ...] = ()) -> str:
    marks = ("shown as " + " and ".join(shown),) if shown else ()
    return ", ".join(part for part in (row.modality, row.title, row.detail, row.date, *marks) if part)


SECTION = Section("browser", "Studies", "left", 0, StudyBrowser, icon="study")
