"""One frame for all panes: events only mark panes; the first paint of a cycle renders every stale pane in one call.

Qt merges repaints by itself, so any rate of mouse events costs at most one frame and nothing queues up. A frame that
would come too late while the hand moves is drawn at half resolution and in full as soon as it rests.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from psygnal import SignalInstance
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from viewer.state.resolve import PictureScale, resolve
from viewer.state.view import ViewState
from viewer.ui.panes.disk_reader import DiskReader
from viewer.ui.panes.renderer import frame_work, render

if TYPE_CHECKING:
    from viewer.ui.panes.plane_pane import PlanePane

FRAME_BUDGET_S = 0.016
REST_MS = 120
"""Without a new frame for so long the hand rests."""
_LEAST_MEASURED_S = 0.001


class FrameCoordinator(QObject):
    """Keeps the pictures of the panes in step with the state.

    Parameters
    ----------
    view
        The state.
    moving
        Whether the hand is dragging or turning the wheel.
    """

    _plane_arrived = Signal()

    def __init__(self, view: ViewState, moving: Callable[[], bool], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._moving = moving
        self._panes: Sequence[PlanePane] = ()
        self._cost_s = 0.0
        """Of one value taken from a volume; differs between planes, so the latest frames count."""
        self._resting = False
        self.frames = 0
        self._rest = QTimer(self)
        self._rest.setSingleShot(True)
        self._rest.setInterval(REST_MS)
        self._rest.timeout.connect(self._refine)
        self._disk = DiskReader(self._plane_arrived.emit)
        self._plane_arrived.connect(self.invalidate, Qt.ConnectionType.QueuedConnection)
        for signal in self._signals():
            signal.connect(self.invalidate)
        view.library.slices_changed.connect(self._slices_changed)
        view.library.volume_removed.connect(self._volume_removed)

    def disconnect_state(self) -> None:
        """Stop listening; called when the window closes."""
        for signal in self._signals():
            signal.disconnect(self.invalidate)
        self._view.library.slices_changed.disconnect(self._slices_changed)
        self._view.library.volume_removed.disconnect(self._volume_removed)
        self._rest.stop()
        self._disk.stop()

    def _signals(self) -> tuple[SignalInstance, ...]:
        """Whatever changes pictures or what is painted over them."""
        view = self._view
        return (
            view.cursor_changed,
            view.layers_changed,
            view.framing_changed,
            view.display_changed,
            view.work.changed,
        )

    def set_panes(self, panes: Sequence[PlanePane]) -> None:
        """Take over the panes on screen."""
        self._panes = panes
        self.invalidate()

    def invalidate(self) -> None:
        """Mark every pane; what is really stale is decided by keys when it is painted."""
        for pane in self._panes:
            pane.invalidate()

    def _refine(self) -> None:
        """Draw what is shown at half resolution in full, though the button may still be held."""
        self._resting = True
        self.invalidate()

    def _slices_changed(self, uid: str) -> None:
        shown = {layer.volume_uid for layer in (self._view.base, self._view.overlay) if layer is not None}
        if uid in shown:
            self.invalidate()

    def _volume_removed(self, uid: str) -> None:
        for pane in self._panes:
            pane.drop_volume(uid)

    def prepare(self) -> None:
        """Render all stale panes; called by the first of them that paints."""
        stale = [pane for pane in self._panes if pane.stale and pane.isVisible()]
        if not stale:
            return
        scenes = [(pane, resolve(self._view, pane.pane, *pane.device_size())) for pane in stale]
        jobs = [(scene, pane.picture) for pane, scene in scenes if scene is not None]
        late = self._moving() and not self._resting and frame_work(jobs) * self._cost_s > FRAME_BUDGET_S
        self._resting = False
        scale = PictureScale.HALF if late else PictureScale.FULL
        work = frame_work(jobs, scale)
        begin = time.perf_counter()
        render(jobs, scale, self._disk)
        seconds = time.perf_counter() - begin
        if work and seconds > _LEAST_MEASURED_S:
            self._cost_s = 0.5 * (self._cost_s + seconds / work)
        for pane, scene in scenes:
            pane.show_scene(scene)
        self.frames += 1
        if late:
            self._rest.start()
        else:
            self._rest.stop()
