"""Builds the sections beside the panes: what is seen at once, the rest when the window has painted itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from PySide6.QtWidgets import QDockWidget, QTabWidget, QWidget

from viewer.ui.sidebar._section import Section
from viewer.ui.sidebar._tab_bar import FittingTabBar
from viewer.ui.theme import icon

if TYPE_CHECKING:
    from viewer.ui.context import UiContext


class SectionBuilder:
    """Fills docks with sections.

    A section behind another tab or in a hidden dock is not built with the window, which would be shown later for it,
    but by `build_next`, when the window has settled, or by `complete`: before the first event of a loading study, and
    when such a tab or dock is opened.

    Parameters
    ----------
    context
        The session's objects.
    """

    def __init__(self, context: UiContext) -> None:
        self._context = context
        self._docks: list[tuple[QDockWidget, Section]] = []
        self._pages: list[tuple[QTabWidget, QWidget, Section]] = []

    def fill(self, dock: QDockWidget, sections: Sequence[Section], *, hidden: bool = False) -> None:
        """Put sections into a dock: one alone, several as tabs.

        Parameters
        ----------
        dock
            Where to.
        sections
            In their order.
        hidden
            The dock is closed when the window is shown.
        """
        if hidden:
            dock.visibilityChanged.connect(self._seen)
        if len(sections) == 1:
            if hidden:
                self._docks.append((dock, sections[0]))
            else:
                dock.setWidget(sections[0].build(self._context))
            return
        tabs = QTabWidget()
        tabs.setTabBar(FittingTabBar())
        tabs.setDocumentMode(True)
        tabs.tabBar().setExpanding(False)
        for section in sections:
            if tabs.count() == 0 and not hidden:
                tabs.addTab(section.build(self._context), icon(section.icon), section.text)
            else:
                stand_in = QWidget()
                tabs.addTab(stand_in, icon(section.icon), section.text)
                self._pages.append((tabs, stand_in, section))
        tabs.currentChanged.connect(self.complete)
        dock.setWidget(tabs)

    def complete(self, *_: object) -> None:
        """Build what is missing; what is shown does not move. May be connected to any signal."""
        while self.build_next():
            pass

    def build_next(self) -> bool:
        """Build one section that is missing, so that the window answers between two; False when there is none."""
        if self._docks:
            dock, section = self._docks.pop(0)
            dock.setWidget(section.build(self._context))
        elif self._pages:
            tabs, stand_in, section = self._pages.pop(0)
            place, chosen = tabs.indexOf(stand_in), tabs.currentIndex()
            tabs.insertTab(place, section.build(self._context), icon(section.icon), section.text)
            tabs.removeTab(place + 1)
            stand_in.deleteLater()
            tabs.setCurrentIndex(chosen)
        else:
            return False
        return True

    def _seen(self, visible: bool) -> None:
        if visible:
            self.complete()
