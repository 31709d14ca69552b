"""What a gesture makes the panes do: sample, colour or only draw lines; half resolution while it would be late."""

from __future__ import annotations

import gc
import subprocess
import sys
import weakref
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np
import pyqtgraph as pg
import pytest

from viewer.dicom.model import Patient, PixelFormat, Series, SeriesKind, Stack, Study
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.near_columns import NearColumns
from viewer.imaging.picture import PictureRequest, make_pictures
from viewer.imaging.sample import Slab
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library, OpenVolume
from viewer.state.navigation import scroll
from viewer.state.panes import PlaneKind
from viewer.state.view import ViewState
from viewer.ui.panes import renderer
from viewer.ui.panes.grid import PaneGrid
from viewer.ui.panes.renderer import Picture

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

SIZE = 200


def open_volume(uid: str, modality: str, pitch_mm: float, frame: str = "1.9") -> OpenVolume:
    """A ramp of 20 x 24 x 28 voxels, centred on the origin."""
    shape = (20, 24, 28)
    affine = np.diag([pitch_mm, pitch_mm, pitch_mm, 1.0])[[2, 1, 0, 3]]
    affine[:3, 3] = [-(n - 1) / 2 * pitch_mm for n in reversed(shape)]
    geometry = VolumeGeometry(shape, affine, frame)
    array = np.indices(shape).sum(axis=0).astype(np.int16)
    volume = Volume(uid, array, geometry, Quantity("HU" if modality == "CT" else "Bq/mL"), modality)
    report = GeometryReport(shape[0], geometry.spacing_mm)
    stack = Stack(uid, (), PixelFormat(*shape[1:]), geometry, report, modality=modality)
    series = Series(uid, "1.5", modality, "", SeriesKind.VOLUME, shape[0], stacks=(stack,))
    return OpenVolume(volume, stack, series, Study("1.5", Patient("p"), series=(series,)))


class Frames:
    """A grid of three panes over CT and PET, and what was asked of the kernel since the last look."""

    def __init__(self, qtbot: QtBot) -> None:
        library = Library()
        library.add(open_volume("ct", "CT", 1.0))
        library.add(open_volume("pt", "PT", 2.0))
        self.view = ViewState(library)
        self.view.show(ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 7)))
        self.grid = PaneGrid(self.view, {"wheel": "scroll"})
        qtbot.addWidget(self.grid)
        self.grid.resize(3 * SIZE + 4, SIZE)
        self.grid.show()
        self.asked: list[PictureRequest] = []
        self._qtbot = qtbot

    def painted(self) -> tuple[int, int]:
        """(planes sampled, pictures coloured) by the frames since the last call."""
        self._qtbot.wait(0)
        pg.QtWidgets.QApplication.processEvents()
        asked, self.asked = self.asked, []
        return sum(len(request.samples) for request in asked), len(asked)


@pytest.fixture
def frames(qtbot: QtBot, monkeypatch: pytest.MonkeyPatch) -> Iterator[Frames]:
    made = Frames(qtbot)

    def remembered(requests: Sequence[PictureRequest], near: NearColumns) -> None:
        made.asked += requests
        make_pictures(requests, near)

    monkeypatch.setattr(renderer, "make_pictures", remembered)
    made.painted()
    yield made
    made.grid.disconnect_state()


def test_that_scrolling_samples_the_scrolled_plane_alone(frames: Frames) -> None:
    scroll(frames.view, PlaneKind.AXIAL, 1)
    assert frames.painted() == (2, 1)


def test_that_moving_the_point_within_a_plane_makes_no_new_picture_of_it(frames: Frames) -> None:
    view = frames.view
    cosine, sine = np.cos(0.3), np.sin(0.3)
    view.set_frame(np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]))
    frames.painted()
    right, down = view.axes(PlaneKind.CORONAL)
    centre = view.cursor_mm
    for along in np.linspace(-1.7, 1.9, 25):
        view.set_cursor(centre + along * (right - 0.7 * down))
        assert frames.painted() == (4, 2)  # axial and sagittal, two layers each


def test_that_a_window_is_changed_without_sampling(frames: Frames) -> None:
    frames.view.set_window(Role.BASE, Window(50, 300))
    assert frames.painted() == (0, 3)


def test_that_another_annotation_density_makes_no_picture(frames: Frames) -> None:
    frames.view.activate(frames.grid.panes()[1].pane.id)
    assert frames.painted() == (0, 0)


def test_that_a_frame_that_would_come_late_is_coarse_until_the_hand_rests(frames: Frames) -> None:
    grid, view = frames.grid, frames.view
    full = [pane.picture.image.width() for pane in grid.panes()]
    grid.gestures.dragging = True
    grid.coordinator._cost_s = 1.0  # a machine that needs a second for each value
    view.set_slab(Slab(5.0))
    frames.painted()
    assert [pane.picture.image.width() for pane in grid.panes()] == [-(-width // 2) for width in full]
    assert grid.coordinator._rest.isActive()

    grid.coordinator._rest.timeout.emit()
    frames.painted()
    assert [pane.picture.image.width() for pane in grid.panes()] == full
    assert not grid.coordinator._rest.isActive()


def test_that_a_frame_that_comes_in_time_is_drawn_in_full_while_dragging(frames: Frames) -> None:
    grid = frames.grid
    full = [pane.picture.image.width() for pane in grid.panes()]
    grid.gestures.dragging = True
    grid.coordinator._cost_s = 1e-12
    scroll(frames.view, PlaneKind.SAGITTAL, 1)
    frames.painted()
    assert [pane.picture.image.width() for pane in grid.panes()] == full


def test_that_a_picture_that_could_not_be_made_is_made_anew(
    frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    pane = frames.grid.panes()[0]
    scene = pane.scene_shown
    assert scene is not None

    def refused(_requests: Sequence[PictureRequest], _near: NearColumns) -> None:
        raise MemoryError

    pane.picture.forget()
    with monkeypatch.context() as patch:
        patch.setattr(renderer, "make_pictures", refused)
        with pytest.raises(MemoryError):
            renderer.render([(scene, pane.picture)])
    renderer.render([(scene, pane.picture)])
    assert len(frames.asked) == 1
    assert len(frames.asked[0].samples) == 2


def test_that_items_in_patient_space_are_painted_above_the_picture(frames: Frames) -> None:
    pane = frames.grid.panes()[0]
    before = pane.grab().toImage()
    rectangle = pane.view_box.viewRect()
    item = pg.PlotDataItem(
        [rectangle.left(), rectangle.right()],
        [rectangle.center().y() + 9] * 2,
        pen=pg.mkPen("#00FF00", width=5),
    )
    pane.view_box.addItem(item)
    after = pane.grab().toImage()
    pane.view_box.removeItem(item)
    again = pane.grab().toImage()
    middle = after.width() // 2 + 9
    assert "#00ff00" in {after.pixelColor(middle, y).name() for y in range(after.height())}
    assert before == again


def test_that_frames_follow_the_last_event_and_not_each_of_many(frames: Frames) -> None:
    before = frames.grid.coordinator.frames
    for angle in np.linspace(0, 0.5, 200):
        cosine, sine = np.cos(angle), np.sin(angle)
        frames.view.set_frame(np.array([[cosine, -sine, 0], [sine, cosine, 0], [0, 0, 1]]))
    frames.painted()
    assert frames.grid.coordinator.frames == before + 1


def test_that_a_window_without_a_study_has_not_imported_what_panes_stand_on() -> None:
    # A process of its own: here everything is imported already.
    code = (
        "import sys; from viewer.app import application, make_window; from viewer.settings import Settings;"
        "app = application(); window = make_window(Settings.load()); window.show(); app.processEvents();"
        "heavy = {'pyqtgraph', 'pydicom', 'imagecodecs', 'PIL', 'scipy', 'numba'} & set(sys.modules);"
        "window.close(); sys.exit(f'imported: {sorted(heavy)}' if heavy else 0)"
    )
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr


def test_that_copied_columns_follow_values_that_change(
    frames: Frames, monkeypatch: pytest.MonkeyPatch
) -> None:
    def picture() -> np.ndarray:
        pane = next(p for p in frames.grid.panes() if p.pane.kind is PlaneKind.SAGITTAL)
        assert pane.scene_shown is not None
        fresh = Picture()
        renderer.render([(pane.scene_shown, fresh)])
        return fresh.pixels.copy()

    monkeypatch.setattr("viewer.imaging.near_columns.LEAST_LINES", 1)
    near = NearColumns()
    monkeypatch.setattr(renderer, "_NEAR", near)
    array = frames.view.library.get("ct").volume.array  # type: ignore[union-attr]
    scroll(frames.view, PlaneKind.SAGITTAL, 1)
    frames.painted()
    near.wait()
    before = picture()
    near.wait()
    assert near._blocks
    assert (picture() == before).all()
    array += 90
    frames.view.library.touch("ct")
    frames.painted()
    after = picture()
    assert (after != before).any()
    monkeypatch.setattr(renderer, "_NEAR", NearColumns())
    assert (picture() == after).all()


def test_that_a_closed_volume_is_let_go_of_though_nothing_is_painted_any_more(frames: Frames) -> None:
    item = frames.view.library.get("ct")
    assert item is not None
    volume = weakref.ref(item.volume)
    del item
    assert any(pane.scene_shown is not None for pane in frames.grid.panes())
    frames.grid.hide()
    frames.view.show(None, None)
    frames.view.library.remove("ct")
    gc.collect()
    assert volume() is None
