"""Live cine: the slices of the active pane, or the times of a series, pass by in the window."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QObject, Qt, QTimer, Signal

from viewer.imaging.geometry import FloatArray
from viewer.state.panes import PlaneKind
from viewer.state.time_points import time_role
from viewer.state.view import ViewState
from viewer.ui.binding import bind
from viewer.ui.export.frames import FPS_RANGE, nearest_point, stack_points

MIP_STEP_DEG = 5.0


class CinePlayer(QObject):
    """Plays and pauses.

    The user can scroll, drag and change panes meanwhile; the player goes on from where the linked point then is.

    Parameters
    ----------
    view
        What is played.
    fps
        Frames a second to begin with.

    Signals
    -------
    playing_changed
        Started or stopped.
    time_wanted
        The next time of the series should be shown (rule A27): loading it is not the player's business.
    """

    playing_changed = Signal(bool)
    time_wanted = Signal()

    def __init__(self, view: ViewState, fps: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._view = view
        self._fps = fps
        self._over_time = False
        self._points: FloatArray = np.zeros((0, 3))
        self._key: tuple[object, ...] = ()
        self._timer = QTimer(self)
        self._timer.setTimerType(Qt.TimerType.PreciseTimer)
        self._timer.timeout.connect(self._step)
        bind(self, view.layers_changed, self._stop_when_empty)

    @property
    def playing(self) -> bool:
        """Whether slices pass by now."""
        return self._timer.isActive()

    @property
    def fps(self) -> int:
        """Frames a second."""
        return self._fps

    def set_fps(self, fps: int) -> None:
        """Frames a second, clipped to `FPS_RANGE`; takes effect at once."""
        self._fps = min(FPS_RANGE[1], max(FPS_RANGE[0], fps))
        self._timer.setInterval(round(1000 / self._fps))

    @property
    def over_time(self) -> bool:
        """Whether times pass by instead of slices."""
        return self._over_time

    def toggle(self, *, over_time: bool = False) -> None:
        """Play or pause; asking for times while slices play, or the other way round, changes over."""
        going_on = self.playing and over_time != self._over_time
        self._over_time = over_time
        if going_on:
            self.playing_changed.emit(True)
        elif self.playing:
            self.stop()
        elif self._view.base_volume is not None:
            self._timer.start(round(1000 / self._fps))
            self.playing_changed.emit(True)

    def stop(self) -> None:
        """Pause."""
        if self.playing:
            self._timer.stop()
            self.playing_changed.emit(False)

    def _stop_when_empty(self) -> None:
        if self._view.base_volume is None:
            self.stop()

    def _step(self) -> None:
        if self._over_time:
            self._step_time()
            return
        view, kind = self._view, self._view.active.kind
        if kind is PlaneKind.MIP:
            view.set_mip_angle(view.mip_angle_deg + MIP_STEP_DEG)
            return
        if self._key != self._track(kind):
            self._points = stack_points(view, kind)
        if not len(self._points):
            self.stop()
            return
        number = (nearest_point(self._points, view.cursor_mm) + 1) % len(self._points)
        view.set_cursor(self._points[number])
        self._key = self._track(kind)

    def _step_time(self) -> None:
        """Ask for the next time once this one is all there: a film of half-loaded volumes shows nothing."""
        role = time_role(self._view)
        item = None if role is None else self._view.volume(role)
        if item is None:
            self.stop()
        elif bool((item.volume.ready | item.volume.corrupt).all()):
            self.time_wanted.emit()

    def _track(self, kind: PlaneKind) -> tuple[object, ...]:
        """What the positions depend on; another linked point than the one set last means the user moved it."""
        view = self._view
        uid = view.base.volume_uid if view.base is not None else ""
        return (uid, kind, view.frame.tobytes(), view.cursor_mm.tobytes())
