"""Tools without a mouse: the crosshair, which keys can bring anywhere, stands for the hand in the active pane."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QEvent, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication, QWidget

from viewer.imaging.geometry import FloatArray
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.tools import DoubleClicking, tool

if TYPE_CHECKING:
    from viewer.ui.panes.plane_pane import PlanePane

LEFT, NONE = Qt.MouseButton.LeftButton, Qt.MouseButton.NoButton


class _Hand:
    """Sends the events of a mouse to the active pane; whatever a tool does with it, it does with this hand too.

    Parameters
    ----------
    context
        The session.
    """

    def __init__(self, context: UiContext) -> None:
        self._context = context
        self._view = context.view
        self._begun: tuple[str, FloatArray] | None = None

    @property
    def dragging(self) -> bool:
        """Whether a drag was begun in the active pane and waits for its end."""
        return self._begun is not None and self._begun[0] == self._view.active.id

    def click(self) -> None:
        """Button down and up at the crosshair."""
        pane = self._pane()
        place = None if pane is None else self._place(pane, self._view.cursor_mm)
        if pane is not None and place is not None:
            self._send(pane, QEvent.Type.MouseButtonPress, place)
            self._send(pane, QEvent.Type.MouseButtonRelease, place)

    def double_click(self) -> None:
        """A double click at the crosshair, which ends what is drawn point by point."""
        pane = self._pane()
        place = None if pane is None else self._place(pane, self._view.cursor_mm)
        if pane is not None and place is not None:
            self._send(pane, QEvent.Type.MouseButtonDblClick, place)
            self._send(pane, QEvent.Type.MouseButtonRelease, place)

    def drag(self) -> None:
        """Begin at the crosshair; the second time drag from there to where the crosshair is now."""
        if not self.dragging or self._begun is None:
            self._begun = self._view.active.id, self._view.cursor_mm
            return
        (_, start_mm), self._begun = self._begun, None
        pane = self._pane()
        if pane is None:
            return
        start, end = self._place(pane, start_mm), self._place(pane, self._view.cursor_mm)
        if start is None or end is None:
            return
        self._send(pane, QEvent.Type.MouseMove, start)
        self._send(pane, QEvent.Type.MouseButtonPress, start)
        # A first step beyond the threshold of a drag, however near the end is.
        far = QPointF(QApplication.startDragDistance(), 0.0)
        self._send(pane, QEvent.Type.MouseMove, start + far)
        self._send(pane, QEvent.Type.MouseMove, end)
        self._send(pane, QEvent.Type.MouseButtonRelease, end)

    def _pane(self) -> PlanePane | None:
        from viewer.ui.panes.plane_pane import PlanePane

        found = self._context.window.findChild(QWidget, f"pane-{self._view.active.id}")
        return found if isinstance(found, PlanePane) else None

    @staticmethod
    def _place(pane: PlanePane, point_mm: FloatArray) -> QPointF | None:
        """Logical pixels of a point of the patient, brought onto the plane of the pane."""
        pane.viewport().repaint()  # keys may have moved the plane since the last picture
        scene = pane.scene_shown
        if scene is None:
            return None
        column, row, _ = scene.place(point_mm)
        ratio = pane.devicePixelRatioF()
        return QPointF((column + 0.5) / ratio, (row + 0.5) / ratio)

    @staticmethod
    def _send(pane: PlanePane, kind: QEvent.Type, place: QPointF) -> None:
        down = kind in (QEvent.Type.MouseButtonPress, QEvent.Type.MouseButtonDblClick)
        button = LEFT if kind is not QEvent.Type.MouseMove else NONE
        viewport = pane.viewport()
        event = QMouseEvent(
            kind,
            place,
            viewport.mapToGlobal(place),
            button,
            LEFT if down else NONE,
            Qt.KeyboardModifier.NoModifier,
        )
        QApplication.sendEvent(viewport, event)


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Tools menu."""
    view, hand = context.view, _Hand(context)

    def opened() -> bool:
        return view.base_volume is not None

    menu = "Tools"
    yield Command("point.click", "Use tool at the crosshair", hand.click, menu, opened, panes_only=True)
    yield Command(
        "point.drag",
        "Begin or end a drag at the crosshair",
        hand.drag,
        menu,
        opened,
        checked=lambda: hand.dragging,
        panes_only=True,
    )
    yield Command(
        "point.finish",
        "Finish what is drawn",
        hand.double_click,
        menu,
        lambda: opened() and isinstance(tool(view.tool), DoubleClicking),
        panes_only=True,
    )
