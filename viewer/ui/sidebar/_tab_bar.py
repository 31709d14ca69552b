"""Tabs that all stay in sight: where their names do not fit, only the chosen one has its name, the others a picture."""

from __future__ import annotations

from PySide6.QtCore import QEvent, QSize, Qt
from PySide6.QtGui import QResizeEvent
from PySide6.QtWidgets import QStyleOptionTab, QTabBar, QWidget

_SPARE_PX = 12
"""What Qt leaves between picture and name and around the name."""


class FittingTabBar(QTabBar):
    """See the module text; every tab needs an icon. Names stay what `tabText` says, also for screen readers."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setObjectName("section-tabs")
        self.setAccessibleName("sections of the sidebar")
        self.setUsesScrollButtons(False)
        self.setElideMode(Qt.TextElideMode.ElideNone)
        self.setIconSize(QSize(16, 16))
        self.setExpanding(False)
        self.setDrawBase(False)
        self._short = False
        self.currentChanged.connect(self._lay_out_again)

    def tabSizeHint(self, index: int) -> QSize:
        """Size of a tab; without its name where names do not fit."""
        size = super().tabSizeHint(index)
        return QSize(size.width() - self._saved_px(index), size.height())

    def minimumTabSizeHint(self, index: int) -> QSize:
        """Tabs are not squeezed."""
        return self.tabSizeHint(index)

    def minimumSizeHint(self) -> QSize:
        """As narrow as with pictures alone, so that the sidebar can be."""
        return QSize(0, super().minimumSizeHint().height())

    def initStyleOption(self, option: QStyleOptionTab, index: int) -> None:
        """What is painted."""
        super().initStyleOption(option, index)
        if self._saved_px(index):
            option.text = ""

    def resizeEvent(self, event: QResizeEvent) -> None:
        """Show names again where they fit now."""
        super().resizeEvent(event)
        self._fit()

    def tabInserted(self, index: int) -> None:
        """A further tab may be one too many."""
        super().tabInserted(index)
        self.setTabToolTip(index, self.tabText(index))
        self._fit()

    def event(self, event: QEvent) -> bool:
        """A theme or a font with other letters changes what fits."""
        answer = super().event(event)
        if event.type() in {QEvent.Type.StyleChange, QEvent.Type.FontChange}:
            self._fit()
        return answer

    def _saved_px(self, index: int) -> int:
        if not self._short or index == self.currentIndex():
            return 0
        return self.fontMetrics().horizontalAdvance(self.tabText(index)) + _SPARE_PX

    def _fit(self) -> None:
        whole = sum(super(FittingTabBar, self).tabSizeHint(index).width() for index in range(self.count()))
        if self._short != (short := whole > self.width()):
            self._short = short
            self._lay_out_again()

    def _lay_out_again(self) -> None:
        # Qt has no other way to ask for a new layout of the tabs from outside.
        self.setIconSize(self.iconSize())
        self.updateGeometry()
        self.update()
