"""Milliseconds from a gesture to painted panes, beside painting three ready pictures of the same size.

Run: python -m tests.perf.bench_gestures [--slices 600] [--pane 800] [--events 200] [--rounds 3] [--no-pet] [--json]

Prints median and 95th percentile, CPU time of an event, and the ratio of that to painting ready images, which survives
a busy machine. Nothing is asserted.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6.QtGui import QImage, QPainter
from PySide6.QtWidgets import QApplication, QWidget

from tests.perf.report import Row, emit
from viewer.dicom.model import Patient, PixelFormat, Series, SeriesKind, Stack, Study
from viewer.imaging import kernel
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window, dragged
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.navigation import scroll
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


GOALS = {
    "wheel axial": 4.0,
    "wheel sagittal": 6.0,
    "crosshair drag": 8.0,
    "window drag": 5.0,
    "oblique rotation": 16.6,
}


def gestures(view: ViewState) -> dict[str, Callable[[int], None]]:
    """Name and event number n of each gesture."""
    item = view.base_volume
    assert item is not None
    centre = item.volume.geometry.centre_mm

    def crosshair(n: int) -> None:
        view.set_cursor(centre + np.array([40 * np.sin(n / 9), 30 * np.cos(n / 7), 50 * np.sin(n / 11)]))

    def window(n: int) -> None:
        layer = view.base
        assert layer is not None
        assert isinstance(layer.window, Window)
        view.set_window(Role.BASE, dragged(layer.window, 3 if n % 40 < 20 else -3, 0))

    def rotate(n: int) -> None:
        a, b = 0.4 + n / 60, 0.3
        about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
        about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
        view.set_frame(about_z @ about_x)

    def wheel(kind: PlaneKind) -> Callable[[int], None]:
        return lambda n: scroll(view, kind, 1 if n % 100 < 50 else -1)

    return {
        "wheel axial": wheel(PlaneKind.AXIAL),
        "wheel sagittal": wheel(PlaneKind.SAGITTAL),
        "crosshair drag": crosshair,
        "window drag": window,
        "oblique rotation": rotate,
    }


def quietest(
    app: QApplication, event: Callable[[int], None], count: int, rounds: int
) -> tuple[float, float, float]:
    """The round with the lowest 95th percentile: other programs disturb some rounds, nothing makes one faster."""
    return min((measure(app, event, count) for _ in range(rounds)), key=lambda figures: figures[1])


def rows(slices: int, pane: int, events: int, rounds: int, *, pet: bool) -> Iterator[Row]:
    """Measure every gesture on three panes."""
    app = QApplication.instance() or QApplication([])
    assert isinstance(app, QApplication)
    view = make_view(slices, pet=pet)
    view.set_layout("three")
    grid = PaneGrid(view, {})
    grid.resize(3 * pane + 4, pane)
    grid.show()
    app.processEvents()
    ready = ReadyImages(pane)
    ready.show()
    median, _, limit = quietest(app, lambda _n: ready.update(), events, rounds)
    yield Row("paint three ready images", median, cpu_ms=limit)
    source, target = (np.zeros((pane, pane), np.float32) for _ in range(2))
    median, _, cpu = measure(app, lambda _n: np.copyto(target, source), events)
    yield Row("copy one float32 pane", median, cpu_ms=cpu)
    full = (slices, pane, pet) == (600, 800, True)
    for name, event in gestures(view).items():
        median, late, cpu = quietest(app, event, events, rounds)
        goal = GOALS[name] if full else None
        yield Row(f"{name} p95", late, "ms", goal, cpu, cpu / limit, "painting (CPU)")
        yield Row(f"{name} p50", median, "ms")
    grid.disconnect_state()


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--slices", type=int, default=600)
    parser.add_argument("--pane", type=int, default=800)
    parser.add_argument("--events", type=int, default=200)
    parser.add_argument("--rounds", type=int, default=3, help="the quietest one counts")
    parser.add_argument("--no-pet", action="store_true")
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    if not given.json:
        fused = "no PET" if given.no_pet else "PET fused"
        sys.stdout.write(
            f"{kernel.reason()}; CT 512x512x{given.slices}, {fused}, panes {given.pane}x{given.pane}\n\n"
        )
    emit(rows(given.slices, given.pane, given.events, given.rounds, pet=not given.no_pet), as_json=given.json)


if __name__ == "__main__":
    main()
