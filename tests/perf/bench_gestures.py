"""Milliseconds from a gesture to painted panes, beside painting three ready pictures of the same size.

Run: python tests/perf/bench_gestures.py [--slices 600] [--pane 800] [--events 200] [--no-pet]

Prints a table: median, 95th percentile and CPU milliseconds per event, and the ratio of the CPU time to painting
ready images, which survives a busy machine. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable

import numpy as np

from viewer.state.navigation import scroll

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication, QWidget

from viewer.dicom.model import Patient, PixelFormat, Series, SeriesKind, Stack, Study
from viewer.imaging import kernel
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.sample import Interpolation
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window, as_window, dragged
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.panes.grid import PaneGrid


def grid_affine(step: tuple[float, float, float], origin: tuple[float, float, float]) -> np.ndarray:
    """Axial affine with (k, j, i) steps."""
    matrix = np.zeros((4, 4))
    matrix[2, 0], matrix[1, 1], matrix[0, 2] = step
    matrix[:, 3] = (*origin, 1)
    return matrix


def open_volume(uid: str, array: np.ndarray, affine: np.ndarray, modality: str, unit: str) -> OpenVolume:
    """Catalogue entries around an array."""
    geometry = VolumeGeometry(array.shape, affine, "1.9")
    factor = 1e-3 if modality == "PT" else None
    volume = Volume(uid, array, geometry, Quantity(unit), modality, suv_factor=factor)
    report = GeometryReport(array.shape[0], geometry.spacing_mm)
    stack = Stack(uid, (), PixelFormat(*array.shape[1:]), geometry, report, modality=modality)
    series = Series(uid, "1.5", modality, "bench", SeriesKind.VOLUME, array.shape[0], stacks=(stack,))
    return OpenVolume(volume, stack, series, Study("1.5", Patient("p"), series=(series,)))


def make_view(slices: int, *, pet: bool) -> ViewState:
    """A CT of smooth noise and a PET on its own grid."""
    rng = np.random.default_rng(1)
    base = rng.integers(-1000, 1500, (1, 512, 512), dtype=np.int16)
    ct = np.ascontiguousarray(np.concatenate([np.roll(base, 3 * k, axis=1) for k in range(slices)]))
    view = ViewState(Library())
    view.library.add(open_volume("ct", ct, grid_affine((1, 0.7, 0.7), (-179, -179, 0)), "CT", "HU"))
    overlay = None
    if pet:
        activity = rng.random((max(2, slices // 2), 200, 200), dtype=np.float32) * 9000
        view.library.add(open_volume("pt", activity, grid_affine((2, 2, 2), (-200, -200, 0)), "PT", "Bq/mL"))
        overlay = ImageLayer("pt", Window.from_bounds(0, 7))
    view.show(ImageLayer("ct", Window(40, 400)), overlay)
    return view


class ReadyImages(QWidget):
    """The limit: three pictures that only need to be drawn."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.resize(3 * size, size)
        self._image = QImage(size, size, QImage.Format.Format_RGB32)
        self._image.fill(0xFF203040)

    def paintEvent(self, _event: object) -> None:
        painter = QPainter(self)
        for n in range(3):
            painter.drawImage(n * self._image.width(), 0, self._image)
        painter.end()


def measure(app: QApplication, event: Callable[[int], None], count: int) -> tuple[float, float, float]:
    """(median, 95th percentile, CPU) milliseconds of an event with all painting it causes."""
    wall = []
    for n in range(10):
        event(n)
        app.processEvents()
    cpu = time.process_time()
    for n in range(count):
        begin = time.perf_counter()
        event(n)
        app.processEvents()
        wall.append(1000 * (time.perf_counter() - begin))
    cpu = 1000 * (time.process_time() - cpu) / count
    return float(np.median(wall)), float(np.percentile(wall, 95)), cpu


def main() -> int:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--pane", type=int, default=800)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--no-pet", action="store_true")
    given = parser.parse_args()
    app = QApplication([])
    view = make_view(given.slices, pet=not given.no_pet)
    grid = PaneGrid(view, {})
    grid.resize(3 * given.pane + 4, given.pane)
    grid.show()
    app.processEvents()
    ready = ReadyImages(given.pane)
    ready.show()

    def crosshair(n: int) -> None:
        centre = view.base_volume.volume.geometry.centre_mm  # type: ignore[union-attr]
        view.set_cursor(centre + np.array([40 * np.sin(n / 9), 30 * np.cos(n / 7), 50 * np.sin(n / 11)]))

    def window(n: int) -> None:
        view.set_window(Role.BASE, dragged(as_window(view.base.window), 3 if n % 40 < 20 else -3, 0))  # type: ignore[union-attr]

    def rotate(n: int) -> None:
        a, b = 0.4 + n / 60, 0.3
        about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        view.set_frame(about_z @ about_x)

    def wheel(kind: PlaneKind) -> Callable[[int], None]:
        return lambda n: scroll(view, kind, 1 if n % 100 < 50 else -1)

    rows = {
        "paint three ready images": lambda _n: ready.update(),
        "wheel axial": wheel(PlaneKind.AXIAL),
        "wheel sagittal": wheel(PlaneKind.SAGITTAL),
        "crosshair drag": crosshair,
        "window drag": window,
        "oblique rotation": rotate,
    }
    goals = {
        "wheel axial": 4,
        "wheel sagittal": 6,
        "crosshair drag": 8,
        "window drag": 5,
        "oblique rotation": 16.6,
    }
    out = sys.stdout
    out.write(
        f"kernel: {'compiled' if kernel.available() else kernel.reason()}, {Interpolation.LINEAR.value}\n"
    )
    pet = "no PET" if given.no_pet else "PET fused"
    out.write(f"CT 512x512x{given.slices}, {pet}, panes {given.pane}x{given.pane}\n")
    out.write(f"{'event':28}{'p50 ms':>9}{'p95 ms':>9}{'CPU ms':>9}{'goal':>7}{'x limit':>9}\n")
    limit = 0.0
    for name, event in rows.items():
        median, late, cpu = measure(app, event, given.events)
        limit = limit or cpu
        goal = f"{goals[name]:g}" if name in goals else ""
        out.write(f"{name:28}{median:9.2f}{late:9.2f}{cpu:9.2f}{goal:>7}{cpu / limit:9.1f}\n")
    grid.disconnect_state()
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
