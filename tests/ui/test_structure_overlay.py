"""Structures drawn over images of every direction lie on the same patient points."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt
import pytest
from PySide6.QtGui import QColor, QFont, QImage, QPainter

from tests.phantoms import ramp_affine
from tests.ui.sidebar import builders
from viewer.imaging.contours import ContourSet
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.labelmap import Mask
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Projection, Slab
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window
from viewer.state import silhouettes
from viewer.state.annotations import corners
from viewer.state.curve import CurvedMode, CurvedPath
from viewer.state.layers import ImageLayer
from viewer.state.library import Library, OpenVolume
from viewer.state.panes import Density, Pane, PlaneKind
from viewer.state.resolve import PaneScene, resolve
from viewer.state.silhouettes import PROJECTED, projection_of
from viewer.state.structures import Structure, StructureStore
from viewer.state.view import ViewState
from viewer.ui.overlays import OverlayInput
from viewer.ui.overlays.structures import paint

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

FRAME = "2.25.1"
RADIUS_MM = 9.0
SIZE = 240


def grid(case: str) -> VolumeGeometry:
    """A cube of about 60 mm around the origin in the direction of a ramp phantom."""
    affine = ramp_affine(case)
    affine[:3, :3] /= np.linalg.norm(affine[:3, :3], axis=0)
    affine[:3, :3] *= [1.5, 1.0, 1.0]
    geometry = VolumeGeometry((41, 61, 61), affine, FRAME)
    affine = affine.copy()
    affine[:3, 3] -= geometry.centre_mm
    return VolumeGeometry(geometry.shape, affine, FRAME)


def ball(kind: str) -> Mask | ContourSet:
    """A ball around (4, -3, 2) as voxels of an axial grid or as axial contours."""
    centre = np.array([4.0, -3.0, 2.0])
    if kind == "contours":
        heights = np.arange(-8.5, 9, 1.0)
        angle = np.linspace(0, 2 * np.pi, 180, endpoint=False)
        rings = [np.sqrt(RADIUS_MM**2 - z**2) for z in heights]
        return ContourSet.of(
            [
                centre + np.column_stack([r * np.cos(angle), r * np.sin(angle), np.full(180, z)])
                for r, z in zip(rings, heights, strict=True)
            ]
        )
    affine = np.eye(4)[[2, 1, 0, 3]]
    affine[:3, 3] = -15
    geometry = VolumeGeometry((40, 40, 40), affine, FRAME)
    places = geometry.to_patient(np.moveaxis(np.indices(geometry.shape), 0, -1))
    return Mask.of(np.linalg.norm(places - centre, axis=-1) <= RADIUS_MM, geometry)


def shown(case: str) -> ViewState:
    """A view of an empty cube in the direction of a ramp phantom."""
    geometry = grid(case)
    catalogue = builders.petct()
    item = builders.opened(catalogue, "ct")
    library = Library()
    library.set_catalogue(catalogue)
    volume = Volume("ct", np.zeros(geometry.shape, np.int16), geometry, Quantity("HU"), "CT")
    library.add(OpenVolume(volume, item.stack, item.series, item.study))
    view = ViewState(library)
    view.show(ImageLayer("ct", Window(40, 400)))
    return view


def drawn(view: ViewState, scene: PaneScene) -> npt.NDArray[np.uint8]:
    """(rows, columns, RGB) of the overlay alone."""
    image = QImage(SIZE, SIZE, QImage.Format.Format_RGB32)
    image.fill(QColor(0, 0, 0))
    painter = QPainter(image)
    paint(painter, OverlayInput(scene, view, SIZE, SIZE, 1.0, QFont(), Density.FULL, identity=False))
    painter.end()
    pixels = np.frombuffer(image.constBits(), np.uint8).reshape(SIZE, SIZE, 4)
    return pixels[..., 2::-1].copy()


def scenes(view: ViewState) -> Iterator[PaneScene]:
    """The scenes of the three planes."""
    for pane in view.layout.panes:
        if pane.kind is not PlaneKind.MIP:
            scene = resolve(view, pane, SIZE, SIZE)
            assert scene is not None
            yield scene


def points(plane: Plane) -> npt.NDArray[np.float64]:
    """LPS position of every pixel centre."""
    column, row = np.meshgrid(np.arange(SIZE), np.arange(SIZE))
    return plane.origin_mm + column[..., None] * plane.u_mm + row[..., None] * plane.v_mm


@pytest.mark.parametrize("kind", ["voxels", "contours"])
@pytest.mark.parametrize("case", ["G1", "G2", "G4", "G5", "G6"])
def test_that_I05_I12_a_structure_lies_on_the_same_patient_points_on_axial_oblique_and_tilted_series(
    qtbot: QtBot, case: str, kind: str
) -> None:
    view = shown(case)
    store = view.work.of(StructureStore)
    structure = store.make("ball", ball(kind), FRAME, (0, 200, 255))
    store.put([structure])
    view.set_cursor([4.0, -3.0, 2.0])
    for scene in scenes(view):
        seen = drawn(view, scene).max(axis=-1) > 0
        offset = points(scene.plane) - [4.0, -3.0, 2.0]
        distance: npt.NDArray[np.float64] = np.sqrt((offset**2).sum(axis=-1))
        assert seen[distance < RADIUS_MM - 1.3].all()
        assert not seen[distance > RADIUS_MM + 1.3].any()
        assert np.count_nonzero(seen) > 500


@pytest.mark.parametrize("mode", CurvedMode)
@pytest.mark.parametrize("kind", ["voxels", "contours"])
@pytest.mark.parametrize("flipped", [False, True])
def test_that_I05_a_structure_on_a_curved_picture_lies_on_the_points_that_the_picture_shows(
    qtbot: QtBot, kind: str, mode: CurvedMode, flipped: bool
) -> None:
    view = shown("G1")
    store = view.work.of(StructureStore)
    store.put([store.make("ball", ball(kind), FRAME, (0, 200, 255))])
    path = view.work.of(CurvedPath)
    for point in ((-14.0, -20.0, -16.0), (2.0, -3.0, 0.0), (6.0, 6.0, 12.0), (20.0, 16.0, 22.0)):
        path.add(point)
    path.show_as(mode=mode, angle_deg=25.0, width_mm=40.0)
    view.update_framing(PlaneKind.CURVED, flip_horizontal=flipped)
    scene = resolve(view, Pane("curved", PlaneKind.CURVED), SIZE, SIZE)
    assert scene is not None
    assert scene.surface is not None
    seen = drawn(view, scene).max(axis=-1) > 0
    # What the pane says of its own pixels, one by one.
    places = [(r, c) for r in range(3, SIZE, 9) for c in range(3, SIZE, 9)]
    shown_mm = np.array([scene.at(c, r) for r, c in places])
    distance: npt.NDArray[np.float64] = np.linalg.norm(shown_mm - [4.0, -3.0, 2.0], axis=1)
    picture = np.array([scene.plane.at(c, r) for r, c in places])
    within = (picture[:, 1] > 0.5) & (picture[:, 1] < scene.surface.height_mm - 0.5)
    within &= np.abs(picture[:, 0]) < scene.surface.high_mm - 0.5
    found = np.array([seen[r, c] for r, c in places])
    assert found[within & (distance < RADIUS_MM - 1.3)].all()
    assert not found[distance > RADIUS_MM + 1.3].any()
    assert found.sum() > 10


def legend(view: ViewState, scene: PaneScene) -> str:
    """The lower left corner."""
    return " ".join(corners(view, scene, Density.MINIMAL, identity=False).bottom_left)


def _disc_of(scene: PaneScene, seen: npt.NDArray[np.bool_]) -> None:
    """The drawn line is the rim of a disc of the ball's radius around its centre, and nothing is filled."""
    offset = points(scene.plane) - [4.0, -3.0, 2.0]
    offset -= (offset @ scene.plane.normal)[..., None] * scene.plane.normal
    distance: npt.NDArray[np.float64] = np.linalg.norm(offset, axis=-1)
    slack = 1.8 + 2 * scene.plane.mm_per_pixel
    assert not seen[distance < RADIUS_MM - slack].any()
    assert not seen[distance > RADIUS_MM + slack].any()
    assert np.count_nonzero(seen) * scene.plane.mm_per_pixel > 2 * np.pi * (RADIUS_MM - slack)


@pytest.mark.parametrize("kind", ["voxels", "contours"])
@pytest.mark.parametrize("angle", [0, 37, 90])
def test_that_a_MIP_shows_the_outline_of_the_projected_structure_and_says_so(
    qtbot: QtBot, kind: str, angle: float
) -> None:
    view = shown("G4")
    store = view.work.of(StructureStore)
    structure = store.make("ball", ball(kind), FRAME)
    view.set_mip_angle(angle)
    scene = resolve(view, Pane("mip", PlaneKind.MIP), SIZE, SIZE)
    assert scene is not None

    def said() -> bool:
        return PROJECTED in legend(view, scene)

    assert not said()
    store.put([structure])
    assert said()
    _disc_of(scene, drawn(view, scene).max(axis=-1) > 0)
    store.update(structure.id, visible=False)
    assert not said()
    assert not drawn(view, scene).any()


@pytest.mark.parametrize("kind", ["voxels", "contours"])
def test_that_a_slab_shows_the_outline_of_what_lies_in_it(qtbot: QtBot, kind: str) -> None:
    view = shown("G5")
    store = view.work.of(StructureStore)
    store.put([store.make("ball", ball(kind), FRAME)])
    for away_mm in (0.0, 6.0):
        view.set_cursor(np.array([4.0, -3.0, 2.0]) + away_mm)
        view.set_slab(Slab(20 + 4 * away_mm, Projection.MEAN))
        for scene in scenes(view):
            _disc_of(scene, drawn(view, scene).max(axis=-1) > 0)
            assert PROJECTED in legend(view, scene)
    view.set_slab(None)
    scene = next(scenes(view))
    assert PROJECTED not in legend(view, scene)


def test_that_a_silhouette_is_kept_for_the_next_repaint(
    qtbot: QtBot, monkeypatch: pytest.MonkeyPatch
) -> None:
    view = shown("G1")
    store = view.work.of(StructureStore)
    structure = store.make("ball", ball("voxels"), FRAME)
    store.put([structure])
    scene = resolve(view, Pane("mip", PlaneKind.MIP), SIZE, SIZE)
    assert scene is not None
    first = projection_of(structure, scene)
    made: list[object] = []
    monkeypatch.setattr(silhouettes, "shadow", lambda *given: made.append(given))
    assert projection_of(structure, scene) is first
    view.update_framing(PlaneKind.MIP, zoom=2.0)
    closer = resolve(view, Pane("mip", PlaneKind.MIP), SIZE, SIZE)
    assert closer is not None
    assert np.count_nonzero(projection_of(structure, closer).mask) > 3 * np.count_nonzero(first.mask)
    assert not made


def test_that_I12_outline_fill_opacity_and_visibility_are_those_of_the_structure(qtbot: QtBot) -> None:
    view = shown("G1")
    store = view.work.of(StructureStore)
    structure = store.make("ball", ball("voxels"), FRAME, (255, 0, 0))
    store.put([structure])
    view.set_cursor([4.0, -3.0, 2.0])
    scene = next(scenes(view))
    column, row, _ = scene.plane.project([4.0, -3.0, 2.0])
    middle = (round(row), round(column))

    def reds(**changes: object) -> tuple[int, int]:
        store.update(structure.id, **changes)
        picture = drawn(view, scene)[..., 0]
        return int(picture[middle]), int(picture.max())

    assert reds(opacity=0.4) == (102, 255)
    assert reds(opacity=0.8) == (204, 255)
    assert reds(filled=False) == (0, 255)
    assert reds(visible=False) == (0, 0)


def test_that_I05_J47_nothing_is_drawn_on_images_of_another_frame_of_reference(qtbot: QtBot) -> None:
    view = shown("G1")
    store = view.work.of(StructureStore)
    store.put([store.make("ball", ball("contours"), "2.25.2"), store.make("ball", ball("voxels"), "")])
    view.set_cursor([4.0, -3.0, 2.0])
    assert not drawn(view, next(scenes(view))).any()


def test_that_I05_on_the_planes_they_were_drawn_in_contours_are_shown_themselves(qtbot: QtBot) -> None:
    view = shown("G1")
    store = view.work.of(StructureStore)
    contours = ball("contours")
    structure: Structure = store.make("ball", contours, FRAME, (255, 255, 255))
    store.put([structure])
    store.update(structure.id, filled=False)
    view.set_cursor([4.0, -3.0, 2.4])
    scene = next(scenes(view))
    line = drawn(view, scene)[..., 0] > 120
    offset = points(scene.plane)[line] - [4.0, -3.0, 2.0]
    # The contour 0.5 mm beside the middle is the nearest one, so its radius is drawn, to a pixel.
    radius = np.hypot(offset[:, 0], offset[:, 1])
    assert np.abs(radius - np.sqrt(RADIUS_MM**2 - 0.5**2)).max() < 1.5 * scene.plane.mm_per_pixel
