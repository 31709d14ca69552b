"""A small three-dimensional view of the structures that are drawn, and their surface as a file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PySide6.QtCore import QPointF, Qt
from PySide6.QtGui import QCloseEvent, QColor, QImage, QMouseEvent, QPainter, QPaintEvent, QWheelEvent
from PySide6.QtWidgets import QDialog, QFileDialog, QHBoxLayout, QPushButton, QWidget

from viewer.errors import ViewerError
from viewer.imaging.geometry import FloatArray, VolumeGeometry
from viewer.imaging.labelmap import Mask
from viewer.imaging.orientation import letters
from viewer.state.structures import Structure
from viewer.ui.background import Work
from viewer.ui.dialogs._parts import Hint, column, prepare
from viewer.ui.theme import GRID_PX, icon

if TYPE_CHECKING:
    from viewer.formats.surface import Surface, SurfaceView

FRONT = (np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.0, -1.0]))
SIDES = {
    "Front": FRONT,
    "Left": (np.array([0.0, 1.0, 0.0]), np.array([0.0, 0.0, -1.0])),
    "Head": (np.array([-1.0, 0.0, 0.0]), np.array([0.0, 1.0, 0.0])),
}
"""(right, down) of the picture: what one sees from there."""
_TURN_PER_PX = 0.008
_ZOOM_PER_NOTCH = 1.15
_FILTERS = "STL (*.stl);;OBJ (*.obj)"


class SurfacePicture(QWidget):
    """The picture: a drag turns it, the wheel zooms."""

    def __init__(self) -> None:
        super().__init__()
        self.setObjectName("surface-picture")
        self.setAccessibleName("Surface of the structures")
        self.setMinimumSize(GRID_PX * 56, GRID_PX * 48)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.view: SurfaceView | None = None
        self.right, self.down = FRONT
        self.zoom = 1.0
        self._last = QPointF()

    def look_from(self, right: FloatArray, down: FloatArray) -> None:
        """Turn to a side."""
        self.right, self.down = right, down
        self.update()

    def turn(self, dx: float, dy: float) -> None:
        """Turn the structures like a ball under the hand, by pixels."""
        into = np.cross(self.right, self.down)
        a, b = dx * _TURN_PER_PX, dy * _TURN_PER_PX
        right = self.right * np.cos(a) + into * np.sin(a)
        into = np.cross(right, self.down)
        down = self.down * np.cos(b) + into * np.sin(b)
        self.right = right / np.linalg.norm(right)
        down = down - self.right * (down @ self.right)
        self.down = down / np.linalg.norm(down)
        self.update()

    def paintEvent(self, _event: QPaintEvent) -> None:
        painter = QPainter(self)
        painter.fillRect(self.rect(), QColor(5, 5, 5))
        if self.view is None:
            return
        ratio = self.devicePixelRatioF()
        width, height = round(self.width() * ratio), round(self.height() * ratio)
        pixels = self.view.picture(width, height, self.right, self.down, self.zoom)
        image = QImage(pixels.data, width, height, 3 * width, QImage.Format.Format_RGB888)
        image.setDevicePixelRatio(ratio)
        painter.drawImage(0, 0, image)
        painter.setPen(QColor("#E6E6E6"))
        room = self.rect().adjusted(GRID_PX, GRID_PX, -GRID_PX, -GRID_PX)
        middle, centre = Qt.AlignmentFlag.AlignVCenter, Qt.AlignmentFlag.AlignHCenter
        for vector, place in (
            (self.right, Qt.AlignmentFlag.AlignRight | middle),
            (-self.right, Qt.AlignmentFlag.AlignLeft | middle),
            (self.down, Qt.AlignmentFlag.AlignBottom | centre),
            (-self.down, Qt.AlignmentFlag.AlignTop | centre),
        ):
            painter.drawText(room, int(place), letters(vector))

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self._last = event.position()

    def mouseMoveEvent(self, event: QMouseEvent) -> None:
        step = event.position() - self._last
        self._last = event.position()
        self.turn(step.x(), step.y())

    def wheelEvent(self, event: QWheelEvent) -> None:
        self.zoom = min(max(self.zoom * _ZOOM_PER_NOTCH ** (event.angleDelta().y() / 120), 0.2), 20.0)
        self.update()


class SurfaceDialog(QDialog):
    """See the module text.

    Parameters
    ----------
    structures
        Drawn on the images.
    geometry
        Of the images: the grid on which contours become voxels.
    """

    def __init__(
        self, structures: Sequence[Structure], geometry: VolumeGeometry, parent: QWidget | None = None
    ) -> None:
        super().__init__(parent)
        prepare(self, "surface-dialog", "Surface of the structures")
        self.surfaces: list[Surface] = []
        self._structures, self._geometry = tuple(structures), geometry
        self.picture = SurfacePicture()
        self.hint = Hint("Finding the surface…")
        self.save = QPushButton(icon("save"), "Save as STL or OBJ…")
        self.save.setObjectName("surface-save")
        self.save.setEnabled(False)
        close = QPushButton("Close")
        foot = QHBoxLayout()
        foot.addWidget(self.save)
        for name, (right, down) in SIDES.items():
            button = QPushButton(name)
            button.setObjectName(f"surface-{name.lower()}")
            button.clicked.connect(lambda _on=False, r=right, d=down: self.picture.look_from(r, d))
            foot.addWidget(button)
        foot.addStretch(1)
        foot.addWidget(close)
        outer = column(self)
        outer.addWidget(self.picture, 1)
        outer.addWidget(self.hint)
        outer.addLayout(foot)
        self.save.clicked.connect(self._ask_file)
        close.clicked.connect(self.close)
        self._work = Work(self._find, self)
        self._work.succeeded.connect(self._show)
        self._work.failed.connect(self.hint.setText)
        self._work.start()

    def _find(self) -> None:
        """In the background."""
        from viewer.formats.surface import surface_of

        bodies = [
            (s, s.body if isinstance(s.body, Mask) else s.mask(self._geometry)) for s in self._structures
        ]
        self.surfaces = [surface_of(body, s.name, s.colour) for s, body in bodies if body.voxels]
        if not self.surfaces:
            raise ViewerError("The structures have no voxel, so there is no surface.")

    def _show(self) -> None:
        from viewer.formats.surface import SurfaceView

        try:
            self.picture.view = SurfaceView(self.surfaces)
        except ViewerError as error:
            self.hint.setText(error.user_message)
        else:
            self.hint.setText("Drag to turn, wheel to zoom. Smoothed for the eye.")
        self.picture.update()
        self.save.setEnabled(True)

    def _ask_file(self) -> None:
        name, chosen = QFileDialog.getSaveFileName(self, "Save surface", "structures.stl", _FILTERS)
        if name:
            ending = ".obj" if "obj" in chosen else ".stl"
            self.write(Path(name if name.lower().endswith((".stl", ".obj")) else name + ending))

    def write(self, target: Path) -> None:
        """Write all surfaces into a file, and say how it went."""
        from viewer.formats.surface import write_surface

        try:
            write_surface(target, self.surfaces)
        except ViewerError as error:
            self.hint.setText(error.user_message)
        else:
            self.hint.setText(f"Saved as {target.name}, in LPS millimetres.")

    def closeEvent(self, event: QCloseEvent) -> None:
        self._work.wait()
        view, self.picture.view = self.picture.view, None
        if view is not None:
            view.close()
        super().closeEvent(event)
