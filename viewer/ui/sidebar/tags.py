"""The full tag tree of the slice under the cursor: search, copy, and a switch that hides who the patient is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPoint, Qt, QTimer
from PySide6.QtGui import QGuiApplication, QHideEvent, QKeySequence, QShortcut, QShowEvent
from PySide6.QtWidgets import (
    QFrame,
    QHBoxLayout,
    QLineEdit,
    QMenu,
    QToolButton,
    QTreeView,
    QVBoxLayout,
    QWidget,
)

from viewer.ui.binding import bind
from viewer.ui.sidebar._parts import NARROWEST_PX, ElidedLabel, label
from viewer.ui.sidebar._section import Section, SidebarHub, bring_to_front
from viewer.ui.sidebar._tag_model import NAME, TAG, VALUE, TagFilter, TagModel
from viewer.ui.sidebar._tag_reader import TagReader
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from viewer.state.view import ViewState
    from viewer.ui.context import UiContext

NO_TAGS = "This volume is no DICOM file: it has no tags."
FOLLOW_MS = 150
"""The tree follows the cursor once it has rested this long."""


def slice_under_cursor(view: ViewState) -> tuple[Path, str] | None:
    """File of the slice nearest to the cursor in the active layer's volume, and which slice that is."""
    item = view.volume(view.active_role) or view.base_volume
    if item is None or not item.stack.frames:
        return None
    k = float(item.volume.geometry.to_index(view.cursor_mm)[0])
    nearest = int(np.clip(round(k), 0, len(item.stack.frames) - 1))
    frame = item.stack.frames[nearest]
    where = f"slice {nearest + 1} of {len(item.stack.frames)}"
    if sum(1 for other in item.stack.frames if other.path == frame.path) > 1:
        where += f", frame {frame.frame + 1} of its file"
    return frame.path, f"{item.series.modality} {where}"


def _has_no_tags(view: ViewState) -> bool:
    """Whether the slices of the active layer are no DICOM files."""
    item = view.volume(view.active_role) or view.base_volume
    return item is not None and item.stack.source is not None


class TagsPanel(QWidget):
    """See the module text."""

    def __init__(self, context: UiContext) -> None:
        super().__init__()
        self._view = context.view
        self._pinned: Path | None = None
        self._path: Path | None = None
        self.setObjectName("tags")
        self.setMinimumWidth(NARROWEST_PX)

        self._where = ElidedLabel("", "dim")
        self._where.setObjectName("tags-where")
        self.follow_button = self._button(
            "crosshair", "tags-follow", "Follow the cursor again", checkable=False
        )
        self.follow_button.clicked.connect(self.follow)
        self.search = QLineEdit()
        self.search.setObjectName("tags-search")
        self.search.setAccessibleName("Search tags")
        self.search.setPlaceholderText("Search tag, name or value")
        self.search.setClearButtonEnabled(True)
        self.privacy = self._button(
            "identity-off", "tags-privacy", "Hide values that identify the patient", checkable=True
        )
        self.private = self._button("lock", "tags-private", "Show private tags", checkable=True)
        self.copy_all = self._button("copy", "tags-copy", "Copy all tags", checkable=False)
        self._message = label("", "dim", wrap=True)
        self._message.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX)

        self.model = TagModel(self)
        self.filter = TagFilter(self.model, self)
        self.tree = self._make_tree()
        self._reader = TagReader(self)
        self._reader.finished.connect(self._show)
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(FOLLOW_MS)
        self._timer.timeout.connect(self._load)
        self._arrange()
        self._connect(context)

    # --- building ----------------------------------------------------------------------------------------------

    def _button(self, icon_name: str, name: str, tip: str, *, checkable: bool) -> QToolButton:
        button = QToolButton()
        button.setIcon(icon(icon_name))
        button.setObjectName(name)
        button.setToolTip(tip)
        button.setAccessibleName(tip)
        button.setCheckable(checkable)
        return button

    def _make_tree(self) -> QTreeView:
        tree = QTreeView()
        tree.setObjectName("tags-tree")
        tree.setAccessibleName("Tags")
        tree.setModel(self.filter)
        tree.setFrameShape(QFrame.Shape.NoFrame)
        tree.setUniformRowHeights(True)
        tree.setAlternatingRowColors(True)
        tree.setIndentation(GRID_PX + 4)
        number = tree.fontMetrics().horizontalAdvance("(0000,0000)")
        tree.setColumnWidth(TAG, number + 2 * tree.indentation() + GRID_PX)
        tree.setColumnWidth(NAME, GRID_PX * 13)
        tree.setColumnWidth(VALUE, GRID_PX * 22)
        tree.setTabKeyNavigation(False)
        tree.setContextMenuPolicy(Qt.ContextMenuPolicy.CustomContextMenu)
        tree.customContextMenuRequested.connect(self._show_menu)
        shortcut = QShortcut(QKeySequence(QKeySequence.StandardKey.Copy), tree)
        shortcut.setContext(Qt.ShortcutContext.WidgetShortcut)
        shortcut.activated.connect(self.copy_row)
        return tree

    def _arrange(self) -> None:
        top = QHBoxLayout()
        top.setSpacing(GRID_PX // 2)
        top.addWidget(self._where, 1)
        top.addWidget(self.follow_button)
        bar = QHBoxLayout()
        bar.setSpacing(GRID_PX // 2)
        bar.addWidget(self.search, 1)
        for button in (self.privacy, self.private, self.copy_all):
            bar.addWidget(button)
        head = QVBoxLayout()
        head.setContentsMargins(GRID_PX, GRID_PX, GRID_PX, GRID_PX // 2)
        head.setSpacing(GRID_PX // 2)
        head.addLayout(top)
        head.addLayout(bar)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.setSpacing(0)
        layout.addLayout(head)
        layout.addWidget(self._message)
        layout.addWidget(self.tree, 1)
        self.follow_button.hide()
        self._say("Nothing is open.")

    def _connect(self, context: UiContext) -> None:
        self.search.textChanged.connect(self._search)
        self.privacy.toggled.connect(self._mask)
        self.private.toggled.connect(self.filter.set_private)
        self.copy_all.clicked.connect(lambda: QGuiApplication.clipboard().setText(self.model.text()))
        self._identity = self._view.identity_visible
        self.privacy.setChecked(not self._identity)
        self.model.set_masked(not self._identity)
        SidebarHub.of(context.window).tags_requested.connect(self._asked_for)
        bind(self, self._view.cursor_changed, self._schedule)
        bind(self, self._view.layers_changed, self._schedule)
        bind(self, self._view.display_changed, self._on_display)

    # --- which file --------------------------------------------------------------------------------------------

    def _schedule(self) -> None:
        if self.isVisible() and self._pinned is None:
            self._timer.start()

    def _on_display(self) -> None:
        if self._identity != self._view.identity_visible:
            self._identity = self._view.identity_visible
            self.privacy.setChecked(not self._identity)
        self._schedule()

    def showEvent(self, event: QShowEvent) -> None:
        """Catch up with what happened while another section was in front."""
        super().showEvent(event)
        self._load()

    def hideEvent(self, event: QHideEvent) -> None:
        """Read nothing that nobody sees."""
        super().hideEvent(event)
        self._timer.stop()

    def _asked_for(self, path: Path) -> None:
        self.pin(path)
        bring_to_front(self)

    def pin(self, path: Path) -> None:
        """Show the tags of one file, whatever the cursor does, until `follow`."""
        self._pinned = path
        self._load()

    def follow(self) -> None:
        """Follow the cursor (again)."""
        self._pinned = None
        self._load()

    def _load(self) -> None:
        self._timer.stop()
        self.follow_button.setVisible(self._pinned is not None)
        found = (
            (self._pinned, "one file of the study browser")
            if self._pinned is not None
            else slice_under_cursor(self._view)
        )
        if found is None or (self._pinned is None and _has_no_tags(self._view)):
            self._path = None
            self._reader.forget()
            self.model.show(())
            self._where.setText("" if found is None else found[1])
            self._say("Nothing is open." if found is None else NO_TAGS)
            return
        path, where = found
        self._where.setText(where)
        if path != self._path:
            self._path = path
            if self.model.rowCount() == 0:
                self._say("Reading…")
            self._reader.read(path)

    def _show(self, path: Path, answer: object) -> None:
        if path != self._path:
            return
        if isinstance(answer, str):
            self.model.show(())
            self._say(answer)
            return
        self._say("")
        self.model.show(tuple(answer))  # type: ignore[arg-type]
        if self.search.text():
            self.tree.expandAll()

    def _say(self, text: str) -> None:
        self._message.setText(text)
        self._message.setVisible(bool(text))

    # --- looking and copying -----------------------------------------------------------------------------------

    def _search(self, text: str) -> None:
        self.filter.set_text(text)
        if text:
            self.tree.expandAll()

    def _mask(self, masked: bool) -> None:
        self.model.set_masked(masked)
        self.filter.invalidate()

    def copy_row(self) -> None:
        """Put the selected tag on the clipboard; hidden values stay hidden."""
        row = self.model.row_at(self.filter.mapToSource(self.tree.currentIndex()))
        if row is not None:
            QGuiApplication.clipboard().setText(self.model.line(row).strip())

    def copy_value(self) -> None:
        """Put the value of the selected tag on the clipboard; hidden values stay hidden."""
        row = self.model.row_at(self.filter.mapToSource(self.tree.currentIndex()))
        if row is not None:
            QGuiApplication.clipboard().setText(self.model.shown_value(row))

    def _show_menu(self, where: QPoint) -> None:
        menu = QMenu(self)
        menu.setAttribute(Qt.WidgetAttribute.WA_DeleteOnClose)
        menu.addAction("Copy row", self.copy_row)
        menu.addAction("Copy value", self.copy_value)
        menu.addAction("Copy all", self.copy_all.click)
        menu.addSeparator()
        menu.addAction("Unfold all", self.tree.expandAll)
        menu.addAction("Fold all", self.tree.collapseAll)
        menu.popup(self.tree.viewport().mapToGlobal(where))


SECTION = Section("tags", "Tags", "right", 30, TagsPanel, icon="tags")
