"""One frame for all panes: events only mark panes; the first paint of a cycle renders every stale pane in one call.

Qt merges repaints by itself, so any rate of mouse events costs at most one frame and nothing queues up. A frame that
would come too late while the hand moves is drawn at half resolution and in full as soon as it rests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from PySide6.QtCore import QObject, QTimer

from viewer.state.resolve import PictureScale, resolve
from viewer.state.view import ViewState
from viewer.ui.panes.plane_pane import PlanePane
from viewer.ui.panes.renderer import render

FRAME_BUDGET_S = 0.016
REST_MS = 120


class FrameCoordinator(QObject):
    """Keeps the pictures of the panes in step with the state.

    Parameters
    ----------
    view
        The state.
    moving
        Whether the hand is dragging.
    """

    def __init__(self, view: ViewState, moving: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._moving = moving
        self._panes: Sequence[PlanePane] = ()
        self._cost_s_per_pixel = 0.0
        self.frames = 0
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self.invalidate)
        for signal in (view.cursor_changed, view.layers_changed, view.framing_changed, view.display_changed):
            signal.connect(self.invalidate)
        view.library.slices_changed.connect(self._slices_changed)

    def disconnect_state(self) -> None:
        """Stop listening; called when the window closes."""
        view = self._view
        for signal in (view.cursor_changed, view.layers_changed, view.framing_changed, view.display_changed):
            signal.disconnect(self.invalidate)
        view.library.slices_changed.disconnect(self._slices_changed)
        self._rest.stop()

    def set_panes(self, panes: Sequence[PlanePane]) -> None:
        """Take over the panes on screen."""
        self._panes = panes
        self.invalidate()

    def invalidate(self) -> None:
        """Mark every pane; what is really stale is decided by keys when it is painted."""
        for pane in self._panes:
            pane.invalidate()

    def _slices_changed(self, uid: str) -> None:
        shown = {layer.volume_uid for layer in (self._view.base, self._view.overlay) if layer is not None}
        if uid in shown:
            self.invalidate()

    def prepare(self) -> None:
        """Render all stale panes; called by the first of them that paints."""
        stale = [pane for pane in self._panes if pane.stale and pane.isVisible()]
        if not stale:
            return
        scenes = [(pane, resolve(self._view, pane.pane, *pane.device_size())) for pane in stale]
        jobs = [(scene, pane.picture) for pane, scene in scenes if scene is not None]
        pixels = sum(scene.plane.width * scene.plane.height for scene, _ in jobs)
        late = self._moving() and pixels * self._cost_s_per_pixel > FRAME_BUDGET_S
        scale = PictureScale.HALF if late else PictureScale.FULL
        begin = time.perf_counter()
        render(jobs, scale)
        seconds = time.perf_counter() - begin
        if pixels and seconds > 0.001:
            cost = seconds / pixels * scale.value**2
            self._cost_s_per_pixel = 0.7 * self._cost_s_per_pixel + 0.3 * cost
        for pane, scene in scenes:
            pane.show_scene(scene)
        self.frames += 1
        if late:
            self._rest.start()
