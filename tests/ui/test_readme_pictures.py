"""The pictures of the README are the demo study in the real window, made here and nowhere else.

`TRIPTYCH_UPDATE_PICTURES=1 pytest tests/ui/test_readme_pictures.py` makes them anew; otherwise the window must still
look like them, but for fonts.
"""

from __future__ import annotations

import os
import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image
from PySide6.QtGui import QImage
from PySide6.QtWidgets import QLabel, QTabWidget

from viewer.imaging.labelmap import Mask
from viewer.imaging.rigid import shift
from viewer.imaging.window import Window
from viewer.state.layers import Role
from viewer.state.lesions import Lesions
from viewer.state.measurement import FACTS, Kind, Measurement, as_points, new_uid, placed_points
from viewer.state.measurements import Measurements
from viewer.state.oblique import set_angles
from viewer.state.panes import PlaneKind
from viewer.state.structures import StructureStore
from viewer.state.view import ViewState

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

    from viewer.ui.main_window import MainWindow

FOLDER = Path(__file__).resolve().parents[2] / "resources" / "help" / "pictures"
LAYOUTS = {"three-large": "window-planes.jpg", "rows": "window-rows.jpg", "three-mip": "window-mip.jpg"}


@pytest.fixture(scope="session")
def demo(pytestconfig: pytest.Config) -> Path:
    """The demo study, written once for all runs."""
    from viewer.dicom.demo import demo_folder

    assert pytestconfig.cache is not None
    return demo_folder(pytestconfig.cache.mkdir("demo-study"))


def test_that_the_pictures_of_the_readme_show_the_program(
    qtbot: QtBot, window: MainWindow, demo: Path
) -> None:
    """CT and PET of the demo fused on three planes, crosshair on the hot tonsil; then the work."""
    from viewer.dicom.demo import LESIONS

    view, commands = window.context.view, window.context.commands
    open_demo(qtbot, window, demo)
    for layout, name in LAYOUTS.items():
        view.set_layout(layout)
        compare(qtbot, window, name)

    view.set_layout("three-mip")
    lesions = view.work.of(Lesions)
    for lesion in LESIONS:
        lesions.grow(None, np.array(lesion.centre_mm))
    lesions.jump(lesions.shown()[1].uid)
    section(window, "Lesions")
    compare(qtbot, window, "work-lesions.jpg")
    commands.run("edit.undo")
    while lesions.shown():
        commands.run("edit.undo")

    view.set_layout("three-large")
    view.set_cursor(LESIONS[1].centre_mm)
    view.set_window(view.active_role, Window(40, 400))
    set_angles(view, 30, 45, 0)
    draw(view)
    section(window, "Measure")
    compare(qtbot, window, "work-oblique.jpg")


def test_that_the_pictures_of_comparison_and_structures_show_the_program(
    qtbot: QtBot, window: MainWindow, demo: Path
) -> None:
    """Bone and tumour as structures; then a prior CT, made of the same voxels some mm away, below that of today."""
    from viewer.dicom.demo import LESIONS

    view, library = window.context.view, window.context.library
    open_demo(qtbot, window, demo)
    view.set_overlay(None)
    today = view.volume(Role.BASE)
    assert today is not None
    assert view.base is not None
    store = view.work.of(StructureStore)
    geometry = today.volume.geometry
    bone = today.volume.physical(today.volume.array) >= 300
    nodes = np.zeros(geometry.shape, bool)
    for lesion in LESIONS[:3]:
        middle = geometry.to_index(np.array(lesion.centre_mm))
        box = tuple(slice(int(c) - 24, int(c) + 25) for c in middle)
        places = geometry.to_patient(np.moveaxis(np.mgrid[box], 0, -1).astype(float))
        nodes[box] |= np.linalg.norm(places - lesion.centre_mm, axis=-1) <= lesion.diameter_mm / 2
    for name, voxels in (("Bone", bone & ~nodes), ("Tumour", nodes)):
        made = store.make(name, Mask.of(voxels, geometry), geometry.frame_of_reference_uid)
        store.put([made])
    store.select(made.id)
    view.set_layout("three-large")
    view.set_cursor(LESIONS[0].centre_mm)
    section(window, "Structures")
    qtbot.waitUntil(lambda: not any("counting" in words.text() for words in window.findChildren(QLabel)))
    compare(qtbot, window, "work-structures.jpg")
    store.remove([structure.id for structure in store])

    moved = replace(geometry, patient_from_index=shift((3.0, -2.0, 4.0)) @ geometry.patient_from_index)
    study = replace(today.study, uid="2.25.9", date="20241120")
    library.add(replace(today, volume=replace(today.volume, uid="prior", geometry=moved), study=study))
    view.set_overlay(replace(view.base, volume_uid="prior"))
    view.set_layout("compare")
    section(window, "Layers")
    compare(qtbot, window, "work-comparison.jpg")


def open_demo(qtbot: QtBot, window: MainWindow, demo: Path) -> None:
    """CT and PET of the demo, without the name, crosshair on the first lesion."""
    from viewer.dicom.demo import LESIONS

    window.resize(1280, 800)
    window.open([demo])
    view = window.context.view
    qtbot.waitUntil(lambda: view.overlay is not None and not window.context.loader.busy, timeout=90_000)
    view.set_cursor(LESIONS[0].centre_mm)
    view.set_display(identity_visible=False)


def section(window: MainWindow, text: str) -> None:
    """Bring a section of the sidebar to the front."""
    for tabs in window.findChildren(QTabWidget):
        for number in range(tabs.count()):
            if tabs.tabText(number) == text:
                tabs.setCurrentIndex(number)


def draw(view: ViewState) -> None:
    """A length and an ellipse in the turned axial plane, about the linked point."""
    right, down = view.axes(PlaneKind.AXIAL)
    uid, study = view.base_volume.volume.uid, view.base_volume.study.uid  # type: ignore[union-attr]
    frame = view.base_volume.volume.geometry.frame_of_reference_uid  # type: ignore[union-attr]
    normal = as_points([view.normal(PlaneKind.AXIAL)])[0]
    placed = {
        Kind.LENGTH: ((-60.0, -38.0), (10.0, -52.0)),
        Kind.ELLIPSE: ((-12.0, -10.0), (12.0, 10.0)),
    }
    made = []
    for kind, places in placed.items():
        ends = np.array([view.cursor_mm + x * right + y * down for x, y in places])
        points = as_points(placed_points(kind, ends, right, down))
        made.append(
            Measurement(new_uid(), kind, points, normal, study, frame, uid, name=f"{FACTS[kind].text} 1")
        )
    view.work.of(Measurements).add(made)


def compare(qtbot: QtBot, window: MainWindow, name: str) -> None:
    """Hold the window against its picture, or make the picture anew."""
    from viewer.ui.export.picture import pixels

    qtbot.wait(50)
    qtbot.waitUntil(lambda: all(shown.scene_shown and not shown.stale for shown in window.grid.panes()))
    qtbot.wait(50)
    made = np.asarray(pixels(window.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)))
    path = FOLDER / name
    if os.environ.get("TRIPTYCH_UPDATE_PICTURES"):
        FOLDER.mkdir(parents=True, exist_ok=True)
        Image.fromarray(made).save(path, quality=86, optimize=True)
    kept = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert kept.shape == made.shape
    if sys.platform == "linux":
        assert (np.abs(kept - made.astype(int)).max(axis=2) > 60).mean() < 0.06, name
