"""What a sidebar section is, and how sections speak to each other."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from PySide6.QtCore import QObject, Signal
from PySide6.QtWidgets import QDockWidget, QStackedWidget, QTabWidget, QWidget

if TYPE_CHECKING:
    from viewer.ui.context import UiContext


@dataclass(frozen=True)
class Section:
    """One section beside the panes.

    Parameters
    ----------
    id
        Stable identifier, also the object name of its dock or tab.
    text
        Title.
    side
        Where it stands.
    order
        Place among the sections of its side, ascending.
    build
        Makes the widget; called once for a window.
    icon
        Name of its icon.
    """

    id: str
    text: str
    side: Literal["left", "right", "bottom"]
    order: int
    build: Callable[[UiContext], QWidget]
    icon: str = ""


def bring_to_front(section: QWidget) -> None:
    """Show a section wherever the window put it: choose its tab, open its dock."""
    outer = section.parentWidget()
    while outer is not None:
        if isinstance(outer, QTabWidget):
            outer.setCurrentWidget(section)
        elif isinstance(outer, QDockWidget):
            outer.show()
            outer.raise_()
        outer = outer.parentWidget()


def lies_behind(section: QWidget) -> bool:
    """Whether another tab hides the section: what nobody sees need not follow every change."""
    return isinstance(section.parentWidget(), QStackedWidget) and section.isHidden()


class SidebarHub(QObject):
    """The one place through which a section asks for another; belongs to the window.

    Signals
    -------
    tags_requested
        `Path` of a file whose tags shall be shown.
    structures_requested
        Paths of files whose structures shall be drawn.
    """

    tags_requested = Signal(object)
    structures_requested = Signal(object)

    @staticmethod
    def of(window: QWidget) -> SidebarHub:
        """The hub of a window, made at the first call."""
        hub = window.findChild(SidebarHub)
        if hub is None:
            hub = SidebarHub(window)
            hub.setObjectName("sidebar-hub")
        return hub
