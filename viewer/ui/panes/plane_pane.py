"""One pane: a pyqtgraph view that blits the ready picture 1:1 and paints the overlays above it.

The view box is locked at 1:1 and spans the pane in millimetres of the patient plane, so items that live in patient
space (regions, contours) can be added to it; the picture itself is never scaled by Qt.
"""

from __future__ import annotations

from collections.abc import Callable

import pyqtgraph as pg
from PySide6.QtCore import QRectF, Qt
from PySide6.QtGui import QMouseEvent, QPainter, QPaintEvent, QResizeEvent, QWheelEvent
from PySide6.QtWidgets import QFrame, QGraphicsItem, QStyleOptionGraphicsItem, QWidget

from viewer.state.panes import Pane
from viewer.state.resolve import PaneScene
from viewer.state.view import ViewState
from viewer.ui.overlays import OverlayInput
from viewer.ui.panes.gestures import Gestures
from viewer.ui.panes.picture import annotation_font, paint_scene
from viewer.ui.panes.renderer import Picture


class _PictureItem(pg.GraphicsObject):
    """Draws the pane's picture and overlays in pixels of the view."""

    def __init__(self, owner: PlanePane) -> None:
        super().__init__()
        self._owner = owner
        self.setFlag(QGraphicsItem.GraphicsItemFlag.ItemUsesExtendedStyleOption, enabled=False)

    def boundingRect(self) -> QRectF:
        return QRectF(self._owner.viewport().rect())

    def paint(
        self, painter: QPainter, _option: QStyleOptionGraphicsItem, _widget: QWidget | None = None
    ) -> None:
        self._owner.paint_picture(painter)


class PlanePane(pg.GraphicsView):
    """A pane on screen.

    Parameters
    ----------
    view
        The state.
    pane
        What it shows.
    gestures
        Turns mouse events into actions.
    prepare
        Called before painting; renders all stale panes at once.
    """

    def __init__(self, view: ViewState, pane: Pane, gestures: Gestures, prepare: Callable[[], None]) -> None:
        super().__init__(background=None)
        self.view_state = view
        self.pane = pane
        self.picture = Picture()
        self.scene_shown: PaneScene | None = None
        self.stale = True
        self._gestures = gestures
        self._prepare = prepare
        self._font = annotation_font()
        self.setObjectName(f"pane-{pane.id}")
        self.setAccessibleName(f"{pane.kind.value} pane")
        self.setFrameShape(QFrame.Shape.NoFrame)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setMouseTracking(True)
        self.setAcceptDrops(False)
        self.setOptimizationFlags(
            self.OptimizationFlag.DontAdjustForAntialiasing | self.OptimizationFlag.DontSavePainterState
        )
        self.viewport().setAttribute(Qt.WidgetAttribute.WA_OpaquePaintEvent, on=True)
        self.view_box = pg.ViewBox(enableMouse=False, enableMenu=False, defaultPadding=0.0)
        self.view_box.setAspectLocked(True)
        self.view_box.invertY(True)
        self.setCentralItem(self.view_box)
        self._item = _PictureItem(self)
        self._item.setZValue(-1000)
        self.scene().addItem(self._item)

    # --- painting ----------------------------------------------------------------------------------------------

    def device_size(self) -> tuple[int, int]:
        """(width, height) in device pixels."""
        ratio = self.devicePixelRatioF()
        return round(self.viewport().width() * ratio), round(self.viewport().height() * ratio)

    def invalidate(self) -> None:
        """Ask for a new picture in the next paint cycle."""
        self.stale = True
        self.viewport().update()

    def drop_volume(self, uid: str) -> None:
        """Let go of a volume that was closed; the pane itself may never be painted again."""
        scene = self.scene_shown
        if scene is not None and any(layer.volume.uid == uid for layer in scene.layers):
            self.scene_shown = None
            self.picture.forget()
            self.invalidate()

    def show_scene(self, scene: PaneScene | None) -> None:
        """Take over a rendered scene; the view box follows its millimetres when the framing changed."""
        before = self.scene_shown
        self.scene_shown = scene
        self.stale = False
        if scene is None:
            return
        plane = scene.plane
        left = float(plane.origin_mm @ plane.right)
        top = float(plane.origin_mm @ plane.down)
        extent = QRectF(left, top, plane.width * plane.mm_per_pixel, plane.height * plane.mm_per_pixel)
        if before is None or extent != getattr(self, "_extent", None):
            self._extent = extent
            self.view_box.setRange(extent, padding=0, update=True, disableAutoRange=True)

    def paintEvent(self, event: QPaintEvent) -> None:
        self._prepare()
        if self.view_box.addedItems:
            super().paintEvent(event)
            return
        # Nothing lies in patient space: walking through Qt's scene would cost more than drawing the picture.
        painter = QPainter(self.viewport())
        self.paint_picture(painter)
        painter.end()

    def paint_picture(self, painter: QPainter) -> None:
        """Draw picture and overlays, or black when nothing is open."""
        scene = self.scene_shown
        if scene is None or self.picture.image.isNull():
            painter.fillRect(self.viewport().rect(), Qt.GlobalColor.black)
            return
        view = self.view_state
        given = OverlayInput(
            scene,
            view,
            self.viewport().width(),
            self.viewport().height(),
            self.devicePixelRatioF(),
            self._font,
            view.density,
            view.identity_visible,
        )
        paint_scene(painter, scene, self.picture, given, annotated=True)

    def resizeEvent(self, event: QResizeEvent | None) -> None:
        super().resizeEvent(event)
        if hasattr(self, "_item"):
            self._item.prepareGeometryChange()
            self.invalidate()

    # --- mouse -------------------------------------------------------------------------------------------------

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._gestures.press(self, event)

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        self._gestures.move(self, event)

    def mouseReleaseEvent(self, event: QMouseEvent) -> None:
        self._gestures.release(self, event)

    def mouseDoubleClickEvent(self, event: QMouseEvent) -> None:
        self._gestures.double_click(self, event)

    def wheelEvent(self, event: QWheelEvent) -> None:
        self._gestures.wheel(self, event)

    def leaveEvent(self, event: object) -> None:
        self._gestures.leave(self)
        super().leaveEvent(event)
