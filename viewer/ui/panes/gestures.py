"""From mouse events to tools, by the table of `resources/shortcuts.toml` (clinical spec E.3)."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Protocol

import numpy as np
from PySide6.QtCore import QObject, QPointF, Qt, Signal
from PySide6.QtGui import QMouseEvent, QWheelEvent
from PySide6.QtWidgets import QApplication

from viewer.imaging.geometry import FloatArray
from viewer.state.arrangement import Arrangement
from viewer.state.framing import zoom_about
from viewer.state.ground import Ground, ground_of
from viewer.state.navigation import scroll, toggle_maximised
from viewer.state.panes import Pane, PlaneKind
from viewer.state.resolve import PaneScene
from viewer.state.view import ViewState
from viewer.ui.tools import (
    Clicking,
    DoubleClicking,
    Grabbing,
    Hovering,
    Leaving,
    Pointer,
    Releasing,
    Rooted,
    Tool,
    tool,
    tools,
)


class Surface(Protocol):
    """What gestures need to know of a pane."""

    pane: Pane
    scene_shown: PaneScene | None

    def devicePixelRatioF(self) -> float:
        """Device pixels per logical pixel."""

    def setCursor(self, shape: Qt.CursorShape, /) -> None:
        """How the mouse looks here."""


NOTCH = 120
"""Wheel units of one notch."""
FLAT_TOOLS = frozenset({"window", "zoom", "pan", "scroll", "crosshair"})
"""What can be done in a curved picture; others draw on planes of the patient, and there is none."""
WHEEL_ZOOM = 1.2
WHEEL_REST_S = 0.1
"""A wheel that has not turned for so long rests."""

CURSORS = {
    "": Qt.CursorShape.ArrowCursor,
    "cross": Qt.CursorShape.CrossCursor,
    "move": Qt.CursorShape.SizeAllCursor,
    "rotate": Qt.CursorShape.PointingHandCursor,
    "hand": Qt.CursorShape.OpenHandCursor,
    "size": Qt.CursorShape.SizeFDiagCursor,
}
"""What tools may ask for while the mouse hovers."""

_BUTTONS = {
    Qt.MouseButton.LeftButton: "left",
    Qt.MouseButton.RightButton: "right",
    Qt.MouseButton.MiddleButton: "middle",
}


class Gestures(QObject):
    """Mouse handling shared by all panes.

    Signals
    -------
    hovered
        LPS point under the mouse as (3,) array, or None when it left the panes.
    menu_requested
        (pane, global position) of a right click.
    drag_ended
        A drag is over; pictures may be drawn in full again.
    """

    hovered = Signal(object)
    menu_requested = Signal(object, object)
    drag_ended = Signal()

    def __init__(
        self,
        view: ViewState,
        mouse: Mapping[str, str],
        parent: QObject | None = None,
        shown: Arrangement | None = None,
    ) -> None:
        super().__init__(parent)
        self._view = view
        self._shown: Arrangement = shown or view
        self._mouse = mouse
        self.dragging = False
        self._button = ""
        self._modifier = ""
        self._press = QPointF()
        self._last = QPointF()
        self._press_mm: FloatArray = np.zeros(3)
        self._tool: Tool | None = None
        self._drawn_in: Surface | None = None
        self._ground: Ground | None = None
        self._shape = ""
        self._wheel_rest = 0
        self._wheeled_s = -WHEEL_REST_S
        self._shown.layout_changed.connect(self.interrupt)
        view.layers_changed.connect(self._check_ground)
        view.framing_changed.connect(self._check_ground)
        view.cursor_changed.connect(self._check_ground)

    def disconnect_state(self) -> None:
        """Stop listening to the state; called when the window closes."""
        self._shown.layout_changed.disconnect(self.interrupt)
        self._view.layers_changed.disconnect(self._check_ground)
        self._view.framing_changed.disconnect(self._check_ground)
        self._view.cursor_changed.disconnect(self._check_ground)

    @property
    def moving(self) -> bool:
        """Whether the hand drags or turns the wheel."""
        return self.dragging or time.monotonic() - self._wheeled_s < WHEEL_REST_S

    # --- events ------------------------------------------------------------------------------------------------

    def press(self, pane: Surface, event: QMouseEvent) -> None:
        """A button went down: remember where; nothing moves before the drag threshold."""
        self._view.activate(pane.pane.id)
        self._button = _BUTTONS.get(event.button(), "")
        self._modifier = _modifier(event.modifiers())
        self._press = self._last = event.position()
        self._tool = None
        self.dragging = False
        point = point_at(pane, event.position())
        if point is not None:
            self._press_mm = point

    def move(self, pane: Surface, event: QMouseEvent) -> None:
        """Hover, or drag once the hand moved far enough."""
        if self._button and pane.scene_shown is not None:
            if not self.dragging:
                if (event.position() - self._press).manhattanLength() < QApplication.startDragDistance() / 2:
                    return
                self._begin_drag(pane)
            self._check_ground()
            if self._tool is not None:
                pointer = self._pointer(pane, event.position())
                self._last = event.position()
                if pointer is not None:
                    self._tool.drag(self._view, pointer)
        elif not self._button:
            self._hover(pane, event)
        self.hovered.emit(point_at(pane, event.position()))

    def release(self, pane: Surface, event: QMouseEvent) -> None:
        """A click when nothing was dragged."""
        self._check_ground()
        if self._button and not self.dragging:
            action = self._mouse.get(f"{self._modifier}{self._button}.click", "")
            if action == "menu":
                self.menu_requested.emit(pane, event.globalPosition().toPoint())
            elif action and pane.scene_shown is not None:
                self._click(pane, event, action)
        elif self._tool is not None and isinstance(self._tool, Releasing):
            pointer = self._pointer(pane, event.position())
            if pointer is not None:
                self._tool.release(self._view, pointer)
        self._let_go()

    def double_click(self, pane: Surface, event: QMouseEvent) -> None:
        """Maximise or restore the pane, unless the chosen tool takes it."""
        button = _BUTTONS.get(event.button(), "")
        chosen = tool(self._view.tool)
        flat = pane.pane.kind is not PlaneKind.CURVED
        if button == "left" and flat and isinstance(chosen, DoubleClicking):
            self._last = event.position()
            pointer = self._pointer(pane, event.position())
            if pointer is not None and chosen.double_click(self._view, pointer):
                self._button = ""
                return
        if self._mouse.get(f"{button}.double") == "maximise":
            toggle_maximised(self._shown, pane.pane.id)
        self._button = ""

    def wheel(self, pane: Surface, event: QWheelEvent) -> None:
        """Scroll or zoom; small steps of touch pads add up to a notch."""
        self._wheeled_s = time.monotonic()
        self._view.activate(pane.pane.id)
        delta = event.angleDelta().y() or event.angleDelta().x()
        action = self._mouse.get(f"{_modifier(event.modifiers())}wheel", "scroll")
        scene = pane.scene_shown
        if scene is None:
            return
        if action == "zoom-at":
            point = point_at(pane, event.position())
            if point is not None:
                zoom_about(self._view, scene, point, WHEEL_ZOOM ** (delta / NOTCH))
            return
        if (delta > 0) != (self._wheel_rest > 0):
            self._wheel_rest = 0
        self._wheel_rest += delta
        notches = int(self._wheel_rest / NOTCH)
        self._wheel_rest -= notches * NOTCH
        if notches:
            scroll(self._view, pane.pane.kind, -notches * (10 if action == "scroll-ten" else 1))
            self.hovered.emit(point_at(pane, event.position()))

    def leave(self, _pane: Surface) -> None:
        """The mouse left the pane."""
        for candidate in tools():
            if isinstance(candidate, Leaving):
                candidate.leave(self._view)
        self.hovered.emit(None)

    # --- helpers -----------------------------------------------------------------------------------------------

    def _begin_drag(self, pane: Surface) -> None:
        self.dragging = True
        action = self._mouse.get(f"{self._modifier}{self._button}.drag", "")
        if pane.pane.kind is PlaneKind.MIP and action == "tool":
            action = "scroll"
        if pane.pane.kind is PlaneKind.CURVED and action == "tool" and self._view.tool not in FLAT_TOOLS:
            action = "window"
        grabbed = self._grabbing(self._pointer(pane, self._press)) if self._plain else None
        self._tool = grabbed or self._named(action)
        pointer = self._pointer(pane, self._press)
        if self._tool is not None and pointer is not None:
            if isinstance(self._tool, Rooted):
                self._drawn_in, self._ground = pane, self._ground_now(pane)
            self._tool.press(self._view, pointer)

    def _let_go(self) -> None:
        self._button = ""
        self.dragging = False
        self._tool = self._drawn_in = self._ground = None
        self.drag_ended.emit()

    def interrupt(self) -> None:
        """End a drawing under way because the panes change; the rest of the drag does nothing."""
        if self._drawn_in is not None and isinstance(self._tool, Rooted):
            # Let go first: what ends it changes the state, and that comes back here.
            drawing = self._tool
            self._let_go()
            drawing.interrupt(self._view)

    def _check_ground(self) -> None:
        """End a drawing when its pane shows something else; follow a zoom about the hand."""
        if self._drawn_in is None or self._ground is None:
            return
        now, ratio = self._ground_now(self._drawn_in), self._drawn_in.devicePixelRatioF()
        column, row = self._last.x() * ratio - 0.5, self._last.y() * ratio - 0.5
        if now is None or not self._ground.carries(now, column, row):
            self.interrupt()
        else:
            self._ground = now

    def _ground_now(self, pane: Surface) -> Ground | None:
        scene = pane.scene_shown
        return (
            None if scene is None else ground_of(self._view, pane.pane, scene.plane.width, scene.plane.height)
        )

    def _click(self, pane: Surface, event: QMouseEvent, action: str) -> None:
        chosen = self._named(action)
        pointer = self._pointer(pane, event.position())
        if pointer is None:
            return
        if self._plain and pane.pane.kind is not PlaneKind.CURVED:
            candidate = self._grabbing(pointer) or tool(self._view.tool)
            if isinstance(candidate, Clicking):
                candidate.click(self._view, pointer)
                return
        if chosen is not None:
            chosen.press(self._view, pointer)

    def _hover(self, pane: Surface, event: QMouseEvent) -> None:
        self._last = event.position()
        self._modifier = _modifier(event.modifiers())
        pointer = self._pointer(pane, event.position())
        if pointer is None:
            return
        chosen = self._grabbing(pointer) or tool(self._view.tool)
        shape = ""
        if isinstance(chosen, Hovering) and pane.pane.kind is not PlaneKind.CURVED:
            shape = chosen.hover(self._view, pointer)
        if shape != self._shape:
            self._shape = shape
            pane.setCursor(CURSORS[shape])

    @property
    def _plain(self) -> bool:
        """Whether this is the left button without keys: the press that handles take."""
        return self._button == "left" and not self._modifier

    def _grabbing(self, pointer: Pointer | None) -> Tool | None:
        """The tool of which a handle lies under the mouse."""
        if pointer is None or pointer.pane.kind is PlaneKind.CURVED:
            return None
        for candidate in tools():
            if isinstance(candidate, Grabbing) and candidate.grabs(self._view, pointer):
                return candidate
        return None

    def _named(self, action: str) -> Tool | None:
        if not action or action == "menu":
            return None
        return tool(self._view.tool if action == "tool" else action)

    def _pointer(self, pane: Surface, position: QPointF) -> Pointer | None:
        scene, point = pane.scene_shown, point_at(pane, position)
        if scene is None or point is None:
            return None
        step = position - self._last
        return Pointer(
            pane.pane,
            scene,
            point,
            position.x(),
            position.y(),
            step.x(),
            step.y(),
            self._press_mm,
            pane.devicePixelRatioF(),
            frozenset(self._modifier.split("+")) - {""},
        )


def point_at(pane: Surface, position: QPointF) -> FloatArray | None:
    """LPS point under a position in logical pixels."""
    scene = pane.scene_shown
    if scene is None:
        return None
    ratio = pane.devicePixelRatioF()
    return scene.at(position.x() * ratio - 0.5, position.y() * ratio - 0.5)


def _modifier(modifiers: Qt.KeyboardModifier) -> str:
    names: tuple[tuple[Qt.KeyboardModifier, str], ...] = (
        (Qt.KeyboardModifier.ControlModifier, "ctrl+"),
        (Qt.KeyboardModifier.ShiftModifier, "shift+"),
        (Qt.KeyboardModifier.AltModifier, "alt+"),
    )
    return "".join(name for flag, name in names if modifiers & flag)
