"""One line at the bottom: value under the mouse, position, active layer, loading with cancel, problems."""

from __future__ import annotations

import numpy as np
from PySide6.QtCore import QTimer
from PySide6.QtGui import QPainter, QPaintEvent, QPalette
from PySide6.QtWidgets import QLabel, QPushButton, QStatusBar, QWidget

from viewer.imaging.geometry import FloatArray
from viewer.imaging.sample import Interpolation
from viewer.loading.events import (
    Failed,
    Finished,
    GeometryReady,
    Indexed,
    LoadEvent,
    Preparing,
    Scanning,
    SlicesReady,
)
from viewer.state.contents import window_role
from viewer.state.layers import Role
from viewer.state.probe import read_point
from viewer.ui.context import UiContext
from viewer.ui.narrow import YieldingLabel
from viewer.ui.sidebar.problems import badge_text

SAID_FOR_MS = 6000
"""A sentence about what was done hides value and position for so long."""


class ProgressLine(QWidget):
    """A thin line. QProgressBar repaints the whole window at once with every value, which stalls a loading window."""

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setFixedSize(160, 6)
        self.setAccessibleName("loading progress")
        self._share = 0.0

    def show_share(self, share: float) -> None:
        """Show a share of 0..1 with the next paint."""
        self._share = min(1.0, max(0.0, share))
        self.setAccessibleDescription(f"{self._share:.0%}")
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), self.palette().color(QPalette.ColorRole.Base))
        done = self.rect()
        done.setWidth(round(done.width() * self._share))
        painter.fillRect(done, self.palette().color(QPalette.ColorRole.Highlight))
        painter.end()


class StatusLine(QStatusBar):
    """See the module text."""

    def __init__(self, context: UiContext, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._context = context
        self.setSizeGripEnabled(False)
        self.value = self._label("status-value", 300)
        self.position = self._label("status-position", 330)
        self.layer = self._label("status-layer", 120)
        self.message = self._label("status-message", 40, stretch=1)
        self.progress = ProgressLine()
        self.cancel = QPushButton("Cancel")
        self.cancel.setObjectName("status-cancel")
        self.cancel.clicked.connect(context.loader.cancel)
        self.problems = QPushButton()
        self.problems.setObjectName("status-problems")
        for widget in (self.progress, self.cancel, self.problems):
            self.addPermanentWidget(widget)
        self._point: FloatArray | None = None
        self._slices: dict[str, tuple[int, int]] = {}
        self._busy(busy=False)
        self.show_layer()
        self.show_problems()
        said = QTimer(self)
        said.setObjectName("said")
        said.setSingleShot(True)
        said.setInterval(SAID_FOR_MS)
        said.timeout.connect(self.clearMessage)
        self.messageChanged.connect(lambda text: said.start() if text else said.stop())
        context.loader.busy_changed.connect(lambda busy: self._busy(busy=busy))
        context.view.layers_changed.connect(self.show_layer)
        context.view.display_changed.connect(self.show_layer)
        context.library.problems_changed.connect(self.show_problems)
        context.library.catalogue_changed.connect(self.show_problems)
        context.library.slices_changed.connect(self._refresh)

    def disconnect_state(self) -> None:
        """Stop listening to the state; called when the window closes."""
        self._context.view.layers_changed.disconnect(self.show_layer)
        self._context.view.display_changed.disconnect(self.show_layer)
        self._context.library.problems_changed.disconnect(self.show_problems)
        self._context.library.catalogue_changed.disconnect(self.show_problems)
        self._context.library.slices_changed.disconnect(self._refresh)

    def _label(self, name: str, width: int, stretch: int = 0) -> QLabel:
        label = YieldingLabel(width)
        label.setObjectName(name)
        self.addWidget(label, stretch)
        return label

    def show_point(self, point_mm: FloatArray | None) -> None:
        """Value and position under the mouse, or at the linked point when the mouse is elsewhere."""
        self._point = point_mm
        view = self._context.view
        item = view.base_volume
        if item is None:
            self.value.clear()
            self.position.clear()
            return
        point = view.cursor_mm if point_mm is None else np.asarray(point_mm)
        readings = read_point(view, point)
        blended = "" if view.interpolation is Interpolation.NEAREST else " (pane interpolates)"
        self.value.setText("   ".join(reading.text for reading in readings) or "outside")
        self.value.setToolTip(f"Value of the nearest voxel{blended}")
        voxel = next((f"voxel {r.index[0]},{r.index[1]},{r.index[2]}" for r in readings if r.index), "")
        geometry = item.volume.geometry
        where = (
            "L {:.1f}  P {:.1f}  H {:.1f} mm".format(*point)
            if geometry.oriented and geometry.calibrated
            else ""
        )
        self.position.setText("   ".join(filter(None, (where, voxel))))

    def _refresh(self, _uid: str) -> None:
        """New slices arrived under the mouse."""
        self.show_point(self._point)

    def show_layer(self) -> None:
        """Name the layer that window drags and keys act on (rule D38)."""
        view = self._context.view
        item = view.volume(window_role(view, view.active))
        text = "" if item is None else f"Window: {item.series.modality}"
        if view.base is not None and view.overlay is not None:
            text += " (below)" if window_role(view, view.active) is Role.BASE else " (overlay)"
        self.layer.setText(text)
        if item is None:
            self.show_point(None)

    def show_problems(self) -> None:
        """Counted badge of the problems panel."""
        text = badge_text(self._context.library)
        self.problems.setText(text)
        self.problems.setVisible(bool(text))

    def show_event(self, event: LoadEvent) -> None:
        """Progress with counts and rate."""
        if isinstance(event, Preparing):
            self.progress.show_share(event.done / max(event.total, 1))
            self.message.setText(f"{event.text}: {event.done} of {event.total}")
        elif isinstance(event, Scanning):
            self.progress.show_share(event.files / max(event.total, 1))
            rate = f", {event.rate_per_s:.0f}/s" if event.rate_per_s else ""
            self.message.setText(f"Reading headers: {event.files} of {event.total} files{rate}")
        elif isinstance(event, Indexed) and event.complete:
            count = sum(len(study.series) for study in event.catalogue.studies)
            files = event.catalogue.files_seen
            self.message.setText(f"{count} series in {files} file{'' if files == 1 else 's'}")
        elif isinstance(event, GeometryReady):
            self._slices[event.volume.uid] = (0, event.volume.geometry.shape[0])
        elif isinstance(event, SlicesReady):
            self._slices[event.volume_uid] = (event.done, event.total)
            done, total = (sum(pair[n] for pair in self._slices.values()) for n in (0, 1))
            self.progress.show_share(done / max(total, 1))
            self.message.setText(f"Loading {done} of {total} slices, {event.rate_per_s:.0f}/s")
        elif isinstance(event, Finished):
            self._slices.clear()
            self.message.setText("Cancelled" if event.cancelled else "")
        elif isinstance(event, Failed):
            self._slices.clear()
            self.message.setText(event.message)

    def _busy(self, *, busy: bool) -> None:
        self.progress.setVisible(busy)
        self.cancel.setVisible(busy)
