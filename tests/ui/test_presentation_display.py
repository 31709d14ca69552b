"""What a presentation state shows of an image: area, shutter and overlays, on the planes of the acquisition only."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtGui import QColor, QFont, QImage, QPainter
from pytestqt.qtbot import QtBot

from tests.dicom.reading import catalogue_of, filled
from tests.needs import library
from tests.phantoms import write_ramp, write_series
from viewer.dicom.model import Tile
from viewer.dicom.overlay_planes import OverlayPlane
from viewer.dicom.presentation_display import Area
from viewer.dicom.presentation_state import (
    PresentationState,
    read_presentation_state,
    write_presentation_state,
)
from viewer.dicom.structured_report import ImageReference
from viewer.imaging.presentation import GreyChain
from viewer.imaging.sample import Slab
from viewer.imaging.shutter import Shutter
from viewer.imaging.window import VoiFunction, Window
from viewer.state.annotations import corners
from viewer.state.layers import ImageLayer
from viewer.state.library import Library, OpenVolume
from viewer.state.overlay_graphics import OverlayGraphics
from viewer.state.panes import Density, PlaneKind
from viewer.state.presentations import SHUTTERED, Presentations, look_of
from viewer.state.resolve import PaneScene, resolve
from viewer.state.view import ViewState
from viewer.ui.overlays import OverlayInput
from viewer.ui.overlays.shutter import paint

SIZE = (240, 200)
SHAPE = (6, 40, 60)
ROW_MM, COLUMN_MM = 1.5, 1.0
SHAPES = {
    "rectangle": Shutter(rectangle=(11, 6, 40, 30)),
    "circle": Shutter(circle=(31, 21, 12)),
    "polygon": Shutter(polygon=((11, 5), (50, 8), (30, 35))),
    "all of them": Shutter((11, 6, 40, 30), (31, 21, 15), ((5, 5), (50, 8), (30, 38)), 0.6),
}


@pytest.fixture
def view(tmp_path: Path) -> ViewState:
    """A series of six images of 40 x 60 pixels of 1.5 x 1 mm, the third one shown."""
    affine = np.eye(4)[[2, 1, 0, 3]] * [3.0, ROW_MM, COLUMN_MM, 1]
    affine[:3, 3] = (-30, -20, 100)
    write_series(tmp_path, np.zeros(SHAPE, np.int16), affine)
    catalogue = catalogue_of(tmp_path)
    study = catalogue.studies[0]
    (stack,) = study.series[0].stacks
    opened = Library()
    opened.set_catalogue(catalogue)
    opened.add(OpenVolume(filled(stack), stack, study.series[0], study))
    found = ViewState(opened)
    found.show(ImageLayer(stack.uid, Window(40, 400)))
    found.set_layout("three")
    found.set_cursor(stack.geometry.to_patient([2, 20, 30]))
    return found


def state_for(view: ViewState, slices: tuple[int, ...] = (2,), **fields: object) -> PresentationState:
    """A presentation state for some images."""
    item = view.base_volume
    assert item is not None
    images = tuple(ImageReference("1.2", item.stack.frames[k].sop_instance_uid) for k in slices)
    return PresentationState("9.9", "LOOK", "", images, GreyChain(voi=Window(40, 400)), **fields)  # type: ignore[arg-type]


def applied(view: ViewState, **fields: object) -> Presentations:
    """The store with one presentation state that is applied."""
    store = view.work.of(Presentations)
    store.bring([state_for(view, **fields)])  # type: ignore[arg-type]
    store.apply_next({pane.id: SIZE for pane in view.layout.panes})
    return store


def scene_of(view: ViewState, kind: PlaneKind = PlaneKind.AXIAL) -> PaneScene:
    pane = next(pane for pane in view.layout.panes if pane.kind is kind)
    scene = resolve(view, pane, *SIZE)
    assert scene is not None
    return scene


def drawn(view: ViewState, scene: PaneScene) -> npt.NDArray[np.uint8]:
    """(rows, columns) of the overlay alone on white."""
    image = QImage(*SIZE, QImage.Format.Format_RGB32)
    image.fill(QColor(255, 255, 255))
    painter = QPainter(image)
    paint(painter, OverlayInput(scene, view, *SIZE, 1.0, QFont(), Density.FULL, identity=False))
    painter.end()
    return np.frombuffer(image.constBits(), np.uint8).reshape(SIZE[1], SIZE[0], 4)[..., 1].copy()


def index_of(view: ViewState, scene: PaneScene) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """(row, column) of the image under each pixel of a pane, pixels counted from 1."""
    item = view.base_volume
    assert item is not None
    column, row = np.meshgrid(np.arange(SIZE[0]), np.arange(SIZE[1]))
    points = scene.plane.origin_mm + column[..., None] * scene.plane.u_mm + row[..., None] * scene.plane.v_mm
    index = item.volume.geometry.to_index(points)
    return index[..., 1] + 1, index[..., 2] + 1


def seen_by_formula(
    shutter: Shutter, row: npt.NDArray[np.float64], column: npt.NDArray[np.float64]
) -> npt.NDArray[np.bool_]:
    """What all shapes leave open."""
    seen = np.ones(row.shape, bool)
    if shutter.rectangle is not None:
        left, top, right, bottom = shutter.rectangle
        seen &= (column > left - 0.5) & (column < right + 0.5) & (row > top - 0.5) & (row < bottom + 0.5)
    if shutter.circle is not None:
        middle, middle_row, radius = shutter.circle
        seen &= np.hypot((column - middle) * COLUMN_MM, (row - middle_row) * ROW_MM) < radius * COLUMN_MM
    corners = shutter.polygon
    for (x, y), (after_x, after_y) in zip(corners, (*corners[1:], *corners[:1]), strict=True):
        seen &= (after_x - x) * (row - y) - (after_y - y) * (column - x) > 0
    return seen


@pytest.mark.parametrize("shutter", SHAPES.values(), ids=SHAPES)
def test_that_G10_a_shutter_covers_the_image_outside_all_its_shapes(
    qtbot: QtBot, view: ViewState, shutter: Shutter
) -> None:
    applied(view, shutter=shutter)
    scene = scene_of(view)
    row, column = index_of(view, scene)
    inside = (row > 0.5) & (row < SHAPE[1] + 0.5) & (column > 0.5) & (column < SHAPE[2] + 0.5)
    expected = inside & ~seen_by_formula(shutter, row, column)
    covered = drawn(view, scene) < 250
    assert np.count_nonzero(covered ^ expected) < 0.02 * np.count_nonzero(inside)
    assert np.count_nonzero(expected) > 0.3 * np.count_nonzero(inside)
    assert drawn(view, scene)[covered].min() == pytest.approx(shutter.grey * 255, abs=1)


def test_that_G10_a_shutter_is_named_can_be_lifted_and_ends_with_a_reset(
    qtbot: QtBot, view: ViewState
) -> None:
    store = applied(view, shutter=SHAPES["circle"])

    def said() -> bool:
        return SHUTTERED in corners(view, scene_of(view), Density.OFF, identity=False).warnings

    assert said()
    store.lift()
    assert not said()
    assert (drawn(view, scene_of(view)) == 255).all()
    store.lift()
    assert said()
    store.take_off()
    assert not said()
    assert not store.has_shutter


def test_that_G10_a_shutter_is_of_its_images_and_their_own_plane_only(qtbot: QtBot, view: ViewState) -> None:
    store = applied(view, shutter=SHAPES["circle"])
    item = view.base_volume
    assert item is not None
    assert store.cover(scene_of(view)) is not None
    assert store.cover(scene_of(view, PlaneKind.CORONAL)) is None
    assert store.cover(scene_of(view, PlaneKind.SAGITTAL)) is None
    view.set_slab(Slab(10.0))
    assert store.cover(scene_of(view)) is None
    view.set_slab(None)
    view.set_cursor(item.volume.geometry.to_patient([3, 20, 30]))
    assert store.cover(scene_of(view)) is None


def test_that_applying_goes_to_the_image_it_is_for(qtbot: QtBot, view: ViewState) -> None:
    applied(view, slices=(0, 4), shutter=SHAPES["circle"])
    item = view.base_volume
    assert item is not None
    assert item.volume.geometry.to_index(view.cursor_mm).tolist() == pytest.approx([0, 20, 30])


@pytest.mark.parametrize("flipped", [False, True])
@pytest.mark.parametrize("area", [(11, 6, 40, 30), (1, 1, 60, 40), (21, 3, 30, 38), (-5, -5, 20, 10)])
def test_that_G10_the_displayed_area_fills_the_pane_of_the_images(
    qtbot: QtBot, view: ViewState, area: tuple[int, int, int, int], flipped: bool
) -> None:
    view.update_framing(PlaneKind.AXIAL, flip_horizontal=flipped)
    applied(view, areas=(Area(area),))
    row, column = index_of(view, scene_of(view))
    left, top, right, bottom = area
    assert (column.mean(), row.mean()) == pytest.approx(((left + right) / 2, (top + bottom) / 2), abs=0.02)
    shown = np.ptp(column) * COLUMN_MM, np.ptp(row) * ROW_MM
    wanted = (right - left + 1) * COLUMN_MM, (bottom - top + 1) * ROW_MM
    spare = [have / need for have, need in zip(shown, wanted, strict=True)]
    assert min(spare) == pytest.approx(1, abs=0.02)
    assert scene_of(view, PlaneKind.CORONAL).plane.mm_per_pixel == pytest.approx(
        max(60 / SIZE[0], 18 / SIZE[1]), rel=0.01
    )


def test_that_G10_a_magnified_area_has_so_many_pixels_of_the_screen_for_one_of_the_image(
    qtbot: QtBot, view: ViewState
) -> None:
    applied(view, areas=(Area((11, 6, 40, 30), magnification=5.0),))
    assert scene_of(view).plane.mm_per_pixel == pytest.approx(COLUMN_MM / 5)


def test_that_G10_overlays_of_the_presentation_state_are_drawn_on_its_images(
    qtbot: QtBot, view: ViewState
) -> None:
    mask = np.zeros((1, 4, 5), bool)
    mask[0, 1:3, 1:4] = True
    store = applied(view, overlays=(OverlayPlane(0x6000, "", (10, 20), mask),))
    graphics = view.work.of(OverlayGraphics)
    item = view.base_volume
    assert item is not None
    uid, scene = item.volume.uid, scene_of(view)
    found = graphics.on_plane(uid, scene.plane)
    assert found is not None
    row, column = index_of(view, scene)
    expected = (row > 11.5) & (row < 13.5) & (column > 21.5) & (column < 24.5)
    np.testing.assert_array_equal(found, expected)
    view.set_cursor(item.volume.geometry.to_patient([4, 20, 30]))
    assert graphics.on_plane(uid, scene_of(view).plane) is None
    store.take_off()
    assert not graphics.has(uid)


def test_that_G10_a_presentation_state_over_rescales_of_their_own_comes_back_as_one_window(
    tmp_path: Path,
) -> None:
    library("highdicom")
    write_ramp(tmp_path / "ramp", RescaleSlope=lambda k: 1 + k / 2, RescaleIntercept=lambda k: 10 * k)
    files = sorted((tmp_path / "ramp").iterdir())
    write_presentation_state(tmp_path / "pr.dcm", files, label="X", window=Window.from_bounds(40, 4000))
    state = read_presentation_state(tmp_path / "pr.dcm")
    assert state is not None
    catalogue = catalogue_of(tmp_path / "ramp")
    series = catalogue.studies[0].series[0]
    (stack,) = series.stacks
    item = OpenVolume(filled(stack), stack, series, catalogue.studies[0])
    for k in range(stack.geometry.shape[0]):
        window, inverse = look_of(state, item, k)
        assert isinstance(window, Window)
        assert (window.lower, window.upper) == pytest.approx((40, 4000))
        assert not inverse


def test_that_a_look_on_stored_values_is_shown_on_the_values_of_the_image(
    view: ViewState, tmp_path: Path
) -> None:
    """Without a rescale in the presentation state its window counts stored values, here 1024 above HU."""
    write_ramp(tmp_path / "ct", RescaleIntercept=-1024)
    catalogue = catalogue_of(tmp_path / "ct")
    series = catalogue.studies[0].series[0]
    (stack,) = series.stacks
    item = OpenVolume(filled(stack), stack, series, catalogue.studies[0])
    state = PresentationState(
        "9.9",
        "LOOK",
        "",
        (ImageReference("1.2", stack.frames[0].sop_instance_uid),),
        GreyChain(voi=Window(1064, 400)),
    )
    window, _ = look_of(state, item, 0)
    assert isinstance(window, Window)
    stored = np.arange(600, 1500)
    np.testing.assert_allclose(window.apply(stored - 1024), Window(1064, 400).apply(stored), atol=1e-9)


def with_frames(view: ViewState, **fields: object) -> OpenVolume:
    """The base as if all of its slices came from one object, "1.1"."""
    item = view.base_volume
    assert item is not None
    frames = tuple(
        replace(frame, sop_instance_uid="1.1", frame=k, **fields)  # type: ignore[arg-type]
        for k, frame in enumerate(item.stack.frames)
    )
    changed = replace(item, stack=replace(item.stack, frames=frames))
    view.library.replace(changed)
    return changed


def plain(*images: ImageReference, label: str = "LOOK", **fields: object) -> PresentationState:
    """A presentation state for images named one by one."""
    return PresentationState(label, label, "", images, GreyChain(voi=Window(40, 400)), **fields)  # type: ignore[arg-type]


EVERYWHERE = OverlayPlane(0x6000, "", (0, 0), np.ones((1, *SHAPE[1:]), bool))


@pytest.mark.parametrize("leave", ["exchanged", "closed", "another series"])
def test_that_G10_a_presentation_state_ends_whole_when_its_volume_is_no_longer_the_base(
    qtbot: QtBot, view: ViewState, leave: str
) -> None:
    store = applied(view, shutter=SHAPES["circle"], overlays=(EVERYWHERE,))
    item, layer = view.base_volume, view.base
    assert item is not None
    uid = item.volume.uid
    other = replace(item, volume=replace(item.volume, uid="other"))
    view.library.add(other)
    if leave == "closed":
        view.library.remove(uid)
        view.library.add(item)
    elif leave == "exchanged":
        view.set_overlay(ImageLayer("other", Window(40, 400)))
        view.exchange()
    else:
        view.show(ImageLayer("other", Window(40, 400)))
    assert not view.work.of(OverlayGraphics).has(uid)
    view.show(layer)
    assert store.applied is None
    assert store.cover(scene_of(view)) is None


def test_that_each_series_begins_with_its_first_presentation_state(qtbot: QtBot, view: ViewState) -> None:
    item, layer = with_frames(view), view.base
    second = replace(
        item,
        volume=replace(item.volume, uid="other"),
        stack=replace(
            item.stack,
            frames=tuple(replace(frame, sop_instance_uid="2.1") for frame in item.stack.frames),
        ),
    )
    view.library.add(second)
    store = view.work.of(Presentations)
    store.bring(
        plain(ImageReference("", uid), label=f"{uid} {n}")
        for uid in ("1.1", "2.1")
        for n in ("first", "second")
    )
    shown = []
    for what in (layer, ImageLayer("other", Window(40, 400)), layer):
        view.show(what)
        store.apply_next({})
        assert store.applied is not None
        shown.append(store.applied.label)
    store.apply_next({})
    assert store.applied is not None
    shown.append(store.applied.label)
    assert shown == ["1.1 first", "2.1 first", "1.1 first", "1.1 second"]


def test_that_no_presentation_state_is_for_the_tiles_of_a_mosaic(qtbot: QtBot, view: ViewState) -> None:
    with_frames(view, tile=Tile(0, (240, 240), (0, 0)))
    store = view.work.of(Presentations)
    store.bring([plain(ImageReference("", "1.1"))])
    assert store.fitting() == ()
    store.apply_next({})
    assert store.applied is None


def test_that_G10_a_presentation_state_for_one_frame_is_for_that_one_only(
    qtbot: QtBot, view: ViewState
) -> None:
    item = with_frames(view)
    store = view.work.of(Presentations)
    store.bring([plain(ImageReference("", "1.1", 5), shutter=SHAPES["circle"], overlays=(EVERYWHERE,))])
    store.apply_next({})
    geometry = item.volume.geometry
    covered = []
    for k in range(SHAPE[0]):
        view.set_cursor(geometry.to_patient([k, 20, 30]))
        graphics = view.work.of(OverlayGraphics).on_plane(item.volume.uid, scene_of(view).plane)
        assert (store.cover(scene_of(view)) is None) == (graphics is None)
        covered += [k] if graphics is not None else []
    assert covered == [4]


def test_that_G10_overlays_of_the_presentation_state_are_not_drawn_on_planes_across_its_images(
    qtbot: QtBot, view: ViewState
) -> None:
    applied(view, slices=(0, 1, 2, 3, 4, 5), overlays=(EVERYWHERE,))
    graphics, item = view.work.of(OverlayGraphics), view.base_volume
    assert item is not None
    drawn_on = {
        kind: graphics.on_plane(item.volume.uid, scene_of(view, kind).plane) is not None
        for kind in (PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL)
    }
    assert drawn_on == {PlaneKind.AXIAL: True, PlaneKind.CORONAL: False, PlaneKind.SAGITTAL: False}


@pytest.mark.parametrize("function", VoiFunction)
@pytest.mark.parametrize("slope", [2.0, -1.0])
@pytest.mark.parametrize("suv_factor", [None, 0.001])
@pytest.mark.parametrize("width", [400.0, 1.0])
def test_that_G10_a_look_is_the_same_whatever_the_rescale_of_the_image(
    view: ViewState, function: VoiFunction, slope: float, suv_factor: float | None, width: float
) -> None:
    """The greys are those of the standard's chain: stored values, rescale of the presentation state, its window."""
    item = view.base_volume
    assert item is not None
    stored = np.arange(0, 4096, 7.0)
    frames = tuple(replace(frame, slope=slope, intercept=-24.0) for frame in item.stack.frames)
    volume = replace(item.volume, slope=slope, intercept=-24.0, suv_factor=suv_factor)
    item = replace(item, volume=volume, stack=replace(item.stack, frames=frames))
    chain = GreyChain(slope=1.0, intercept=100.0, voi=Window(1064, width, function))
    window, inverse = look_of(PresentationState("9.9", "LOOK", "", (), chain), item, 0)
    seen = window.apply((stored * slope - 24) * (suv_factor or 1.0))
    np.testing.assert_allclose(1 - seen if inverse else seen, chain.apply(stored), atol=1e-6)


def test_that_B18_a_table_of_a_look_spans_the_values_that_are_there(tmp_path: Path) -> None:
    """Slices of a volume that come and go leave zeros where they are not."""
    write_ramp(tmp_path / "ct", RescaleSlope=1, RescaleIntercept=5000)
    catalogue = catalogue_of(tmp_path / "ct")
    series = catalogue.studies[0].series[0]
    (stack,) = series.stacks
    volume = filled(stack)
    volume.array[...] = 700
    volume.array[2, 0, 0] = 900
    volume.array[0] = 0
    volume.ready[0] = False
    state = PresentationState(
        "9.9",
        "LOOK",
        "",
        (ImageReference("1.2", stack.frames[0].sop_instance_uid),),
        GreyChain(presentation=np.linspace(0, 1, 5) ** 2),
    )
    table, _ = look_of(state, OpenVolume(volume, stack, series, catalogue.studies[0]), 2)
    assert (table.lower, table.upper) == pytest.approx((5700, 5900), abs=1)
