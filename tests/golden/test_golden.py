"""Pictures a person has looked at. A change of a picture is a change of the product: look before renewing it.

`TRIPTYCH_UPDATE_PICTURES=1 pytest tests/golden` writes the pictures anew. Two levels: the blended pixels themselves
(exact to two grey levels), and the pane with its annotations (a tolerance for fonts).
"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from viewer.dicom.model import FrameSource, Patient, PixelFormat, Series, SeriesKind, Stack, Study
from viewer.dicom.presentation_display import Area
from viewer.dicom.presentation_state import PresentationState
from viewer.dicom.structured_report import ImageReference
from viewer.imaging.combine import Combination
from viewer.imaging.contours import ContourSet
from viewer.imaging.curved import path_through
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.geometry_report import GeometryReport
from viewer.imaging.labelmap import Mask
from viewer.imaging.presentation import GreyChain
from viewer.imaging.rigid import about, rotation, shift
from viewer.imaging.sample import Projection, Slab
from viewer.imaging.shutter import Shutter
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window
from viewer.state.alignment import Alignment, How, Placement
from viewer.state.bone import BoneRemoval, find
from viewer.state.combining import Combining
from viewer.state.curve import CurvedMode, CurvedPath
from viewer.state.layers import ImageLayer
from viewer.state.lesions import Lesions
from viewer.state.library import Library, OpenVolume
from viewer.state.oblique import set_angles
from viewer.state.panes import Content, Density, Pane, PlaneKind
from viewer.state.presentations import Presentations
from viewer.state.structures import StructureStore
from viewer.state.view import ViewState

if TYPE_CHECKING:
    from PySide6.QtWidgets import QApplication

FOLDER = Path(__file__).parent
SIZE = 220


def head(shape: tuple[int, int, int] = (40, 64, 64)) -> np.ndarray:
    """A head that no flip leaves unchanged: nose in front, a bright ball on the left, a dark one at the top right."""
    k, j, i = np.indices(shape).astype(np.float64)
    x, y, z = (i - 31.5) / 24, (j - 33) / 28, (k - 19.5) / 18
    radius = np.sqrt(x**2 + y**2 + z**2)
    values = np.where(radius < 1, 40.0, -1000.0)
    values[(radius > 0.88) & (radius < 1)] = 900
    values[(np.abs(x) < 0.12) & (y < -0.9) & (y > -1.12) & (np.abs(z) < 0.2)] = 300
    values[np.sqrt((x - 0.45) ** 2 + y**2 + z**2) < 0.22] = 160
    values[np.sqrt((x + 0.4) ** 2 + (y - 0.2) ** 2 + (z - 0.45) ** 2) < 0.2] = -60
    return values.astype(np.int16)


def uptake(shape: tuple[int, int, int] = (30, 40, 40)) -> np.ndarray:
    """Activity with one hot spot on the left."""
    k, j, i = np.indices(shape).astype(np.float64)
    hot = 9000 * np.exp(-((k - 15) ** 2 + (j - 20) ** 2 + (i - 24) ** 2) / 8)
    values: np.ndarray = (
        hot + 600 * (np.sqrt((k - 15) ** 2 / 80 + (j - 20) ** 2 / 90 + (i - 20) ** 2 / 70) < 1)
    ).astype(np.float32)
    return values


def grid(step: tuple[float, float, float], shape: tuple[int, int, int]) -> np.ndarray:
    """Axial affine centred on the origin."""
    matrix = np.zeros((4, 4))
    matrix[2, 0], matrix[1, 1], matrix[0, 2] = step
    centre = [(n - 1) / 2 * s for n, s in zip(shape, step, strict=True)]
    matrix[:, 3] = (-centre[2], -centre[1], -centre[0], 1)
    return matrix


def open_volume(
    uid: str, array: np.ndarray, affine: np.ndarray, modality: str, **fields: object
) -> OpenVolume:
    """Catalogue entries around an array."""
    offsets, gaps = fields.pop("slice_offsets", None), fields.pop("gaps", ())
    geometry = VolumeGeometry(array.shape, affine, "1.9", offsets, gaps)  # type: ignore[arg-type]
    volume = Volume(uid, array, geometry, modality=modality, **fields)  # type: ignore[arg-type]
    report = GeometryReport(array.shape[0], geometry.spacing_mm, uniform=offsets is None, gaps_mm=(3.0, 6.0))
    stack = Stack(uid, (), PixelFormat(*array.shape[1:]), geometry, report, modality=modality)
    series = Series(
        uid, "1.5", modality, "golden", SeriesKind.VOLUME, array.shape[0], stacks=(stack,), number=1
    )
    return OpenVolume(volume, stack, series, Study("1.5", Patient("p", "NAME, Never"), series=(series,)))


def fused_view() -> ViewState:
    """CT and PET on their own grids, crosshair on the hot spot."""
    view = ViewState(Library())
    ct = open_volume("ct", head(), grid((3, 2, 2), (40, 64, 64)), "CT", quantity=Quantity("HU"))
    pet = open_volume(
        "pt", uptake(), grid((4, 4, 4), (30, 40, 40)), "PT", quantity=Quantity("Bq/mL"), suv_factor=1e-3
    )
    view.library.add(ct)
    view.library.add(pet)
    view.show(
        ImageLayer("ct", Window(40, 400)), ImageLayer("pt", Window.from_bounds(0, 7), colormap="inverse-grey")
    )
    view.set_cursor((18, 2, 2))
    return view


BENDS = np.array([(-24, 10, -40), (-8, -14, -22), (14, -8, -2), (10, 16, 18), (-10, 14, 40)], dtype=float)
"""Control points of the vessel."""


def vessel_view() -> ViewState:
    """A bright vessel of 5 mm radius that bends through grey tissue, half as wide in the middle of its length."""
    shape = (60, 50, 50)
    affine = grid((1.6, 1.6, 1.6), shape)
    path = path_through(BENDS, 0.5)
    k, j, i = np.indices(shape)
    centres = np.stack([i, j, k], axis=-1) * 1.6 - (np.array(shape)[::-1] - 1) * 0.8
    values = np.full(shape, -80, np.int16)
    for number in range(0, len(path.points), 2):
        s = number * path.step_mm
        radius = 5.0 - 2.5 * np.exp(-(((s - path.length_mm / 2) / 5) ** 2))
        values[np.linalg.norm(centres - path.points[number], axis=-1) < radius] = 300
    view = ViewState(Library())
    view.library.add(open_volume("ct", values, affine, "CT", quantity=Quantity("HU")))
    view.show(ImageLayer("ct", Window(100, 600)))
    drawn = view.work.of(CurvedPath)
    for point in BENDS:
        drawn.add(point)
    view.set_cursor(path.points[len(path.points) // 2])
    return view


def tilted_view() -> ViewState:
    """A gantry tilt of 20 degrees and a gap without data after the 25th slice."""
    affine = grid((3, 2, 2), (40, 64, 64))
    c, s = np.cos(np.radians(20)), np.sin(np.radians(20))
    affine[:3, 1] = (0, 2 * c, -2 * s)
    positions = np.arange(40.0) + 4 * (np.arange(40) > 24)
    offsets = positions / positions[-1] * 39
    affine[2, 0] = 3 * positions[-1] / 39
    view = ViewState(Library())
    item = open_volume("ct", head(), affine, "CT", quantity=Quantity("HU"), slice_offsets=offsets, gaps=(24,))
    view.library.add(item)
    view.show(ImageLayer("ct", Window(40, 400)))
    return view


@dataclass(frozen=True)
class Golden:
    """One picture and what a person should see in it."""

    name: str
    see: str
    kind: PlaneKind
    content: Content = Content.FUSED
    annotated: bool = False


PICTURES = (
    Golden(
        "axial-fused",
        "Nose up, the hot spot right of the middle, on the patient's left.",
        PlaneKind.AXIAL,
    ),
    Golden("sagittal-base", "Nose to the left, the crown at the top.", PlaneKind.SAGITTAL, Content.BASE),
    Golden("coronal-fused", "The hot spot right of the middle, dark ball upper left.", PlaneKind.CORONAL),
    Golden(
        "axial-pet", "White background, one black spot right of the middle.", PlaneKind.AXIAL, Content.OVERLAY
    ),
    Golden("mip", "The black spot over a pale body, seen from the front.", PlaneKind.MIP, Content.OVERLAY),
    Golden(
        "axial-annotated",
        "R and L at the sides, A above, P below; crosshair open in the middle; scale bar at the right; no name.",
        PlaneKind.AXIAL,
        annotated=True,
    ),
)


def check(name: str, pixels: np.ndarray, *, tolerant: bool) -> None:
    """Compare with the kept picture, or keep this one."""
    path = FOLDER / f"{name}.png"
    if os.environ.get("TRIPTYCH_UPDATE_PICTURES"):
        Image.fromarray(pixels).save(path, optimize=True)
    kept = np.asarray(Image.open(path).convert("RGB")).astype(int)
    assert kept.shape == pixels.shape
    difference = np.abs(kept - pixels.astype(int)).max(axis=2)
    if tolerant:
        assert (difference > 40).mean() < 0.04
    else:
        assert difference.max() <= 2


def drawn(view: ViewState, golden: Golden, size: int = SIZE) -> np.ndarray:
    """RGB of one pane."""
    from viewer.ui.export.picture import pixels
    from viewer.ui.panes.picture import pane_image

    pane = Pane(golden.name, golden.kind, golden.content)
    image = pane_image(view, pane, size, size, density=Density.MINIMAL, overlays=golden.annotated)
    return np.asarray(pixels(image))


@pytest.mark.parametrize("golden", PICTURES, ids=lambda golden: golden.name)
def test_that_the_picture_is_the_one_a_person_has_looked_at(qapp: QApplication, golden: Golden) -> None:
    view = fused_view()
    if golden.kind is PlaneKind.SAGITTAL:
        view.set_cursor((0, 2, 2))
    check(golden.name, drawn(view, golden), tolerant=golden.annotated)


def test_that_a_tilted_stack_with_a_gap_is_sheared_with_a_hatched_band(qapp: QApplication) -> None:
    """The drawn head leans as its slices do; a hatched band runs along the slices where some are missing."""
    check(
        "sagittal-tilted",
        drawn(tilted_view(), Golden("sagittal-tilted", "", PlaneKind.SAGITTAL)),
        tolerant=False,
    )


@pytest.mark.parametrize("kind", [PlaneKind.AXIAL, PlaneKind.MIP], ids=str)
def test_that_D22_a_lesion_is_outlined_as_the_kept_picture_has_it(
    qapp: QApplication, kind: PlaneKind
) -> None:
    """The hot spot within a blue outline of whole voxels, "L1" beside it; a grey circle, "Liver", to its left.

    On the MIP the outline is the silhouette of the lesion, on the black spot right of the middle.
    """
    view = fused_view()
    store = view.work.of(Lesions)
    pet = store.series()
    assert pet is not None
    assert store.grow(None, pet.volume.geometry.to_patient([15.0, 20.0, 24.0])) is not None
    assert store.set_liver(pet.volume.geometry.to_patient([15.0, 24.0, 14.0])) is not None
    golden = Golden(
        f"lesion-{kind.value}",
        "",
        kind,
        Content.OVERLAY if kind is PlaneKind.MIP else Content.FUSED,
        annotated=True,
    )
    check(golden.name, drawn(view, golden), tolerant=True)


@pytest.mark.parametrize("kind", [PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.MIP], ids=str)
def test_that_I05_I12_structures_are_drawn_as_the_kept_picture_has_them(
    qapp: QApplication, kind: PlaneKind
) -> None:
    """A filled green disc with an outline of whole voxels on the bright ball, a yellow line in the grey on the right.

    The yellow one is made of axial contours: a smooth circle on the axial plane, steps of 3 mm on the coronal one. On
    the MIP, seen from 30 degrees, both are outlines without a filled area, and the corner calls them projected.
    """
    view = fused_view()
    store = view.work.of(StructureStore)
    ct = view.library.get("ct")
    assert ct is not None
    places = ct.volume.geometry.to_patient(np.moveaxis(np.indices(ct.volume.geometry.shape), 0, -1))
    ball = Mask.of(np.linalg.norm(places - [21, 2, 2], axis=-1) < 11, ct.volume.geometry)
    angle = np.linspace(0, 2 * np.pi, 90, endpoint=False)
    rings = [
        np.column_stack([r * np.cos(angle) - 20, r * np.sin(angle) + 10, np.full(90, z)])
        for z, r in ((z, np.sqrt(400 - (z - 10) ** 2)) for z in np.arange(-7.5, 28, 3.0))
    ]
    store.put(
        [
            store.make("ball", ball, "1.9", (60, 220, 120)),
            replace(store.make("dark", ContourSet.of(rings), "1.9", (255, 220, 60)), filled=False),
        ]
    )
    view.set_mip_angle(30)
    golden = Golden(f"structures-{kind.value}", "", kind, Content.BASE, annotated=True)
    check(golden.name, drawn(view, golden, 320), tolerant=True)


def test_that_a_double_oblique_slab_is_the_kept_one(qapp: QApplication) -> None:
    """A 12 mm MIP on planes turned by 30 and 20 degrees: the nose points up and left, the hot spot lies right."""
    view = fused_view()
    a, b = np.radians(30), np.radians(20)
    about_z = np.array([[np.cos(a), -np.sin(a), 0], [np.sin(a), np.cos(a), 0], [0, 0, 1]])
    about_x = np.array([[1, 0, 0], [0, np.cos(b), -np.sin(b)], [0, np.sin(b), np.cos(b)]])
    view.set_frame(about_z @ about_x)
    view.set_slab(Slab(12.0, Projection.MAX))
    check("oblique-slab", drawn(view, Golden("oblique-slab", "", PlaneKind.AXIAL)), tolerant=False)


@pytest.mark.parametrize("kind", [PlaneKind.AXIAL, PlaneKind.CORONAL], ids=str)
def test_that_E02_a_fused_double_oblique_is_the_kept_one(qapp: QApplication, kind: PlaneKind) -> None:
    """Planes turned by 30 and 45 degrees about the hot spot, with a 10 mm mean slab.

    Axial: the lines cross slanting on the hot spot, RF and LH at the sides, AH above, PF below, "turned 45.0°".
    Coronal: straight lines, RA and LP at the sides, HPR above, FAL below, "turned 52.2°". Both with "mean 10 mm", the
    dashed borders of the slab on both sides of each line, and the hot spot of the PET on the ball of the CT.
    """
    view = fused_view()
    set_angles(view, 30, 45, 0)
    view.set_slab(Slab(10.0, Projection.MEAN))
    check(f"oblique-{kind}", drawn(view, Golden("", "", kind, annotated=True), 400), tolerant=True)


def test_that_a_ct_projection_without_bone_is_the_kept_one(qapp: QApplication) -> None:
    """The skull is gone: the bright ball on the patient's left in a grey head; "no bone > 250 HU" is written."""
    view = fused_view()
    bone = view.work.of(BoneRemoval)
    bone.set(on=True)
    item = view.library.get("ct")
    assert item is not None
    wish = bone.wish(item.volume)
    assert wish is not None
    bone.put(wish, find(wish))
    golden = Golden("mip-without-bone", "", PlaneKind.MIP, Content.BASE, annotated=True)
    check(golden.name, drawn(view, golden, 320), tolerant=True)


@pytest.mark.parametrize("mode", CurvedMode)
def test_that_a_curved_picture_is_the_kept_one(qapp: QApplication, mode: CurvedMode) -> None:
    """The vessel from "start" above to "end" below, narrow halfway where the crosshair lies.

    Straightened: it runs straight down the middle. Stretched: it swings to both sides, as wide as it is; R and L at the
    sides.
    """
    view = vessel_view()
    view.work.of(CurvedPath).show_as(mode=mode, width_mm=60.0)
    golden = Golden(f"curved-{mode.value}", "", PlaneKind.CURVED, annotated=True)
    check(golden.name, drawn(view, golden, 360), tolerant=True)


def test_that_G10_a_shutter_and_its_displayed_area_are_the_kept_ones(qapp: QApplication) -> None:
    """The head fills the pane, seen through a circle cut straight on the right; dark grey covers the rest.

    The amber line names the shutter.
    """
    view = fused_view()
    item = view.library.get("ct")
    assert item is not None
    frames = tuple(FrameSource(FOLDER, sop_instance_uid=f"1.{k}") for k in range(40))
    view.library.replace(replace(item, stack=replace(item.stack, frames=frames)))
    state = PresentationState(
        "9.9",
        "KEY IMAGE",
        "",
        (ImageReference("1.2", "1.20"),),
        GreyChain(slope=1.0, voi=Window(40, 300)),
        areas=(Area((3, 1, 62, 64)),),
        shutter=Shutter(rectangle=(1, 1, 48, 64), circle=(32, 33, 22), grey=0.25),
    )
    store = view.work.of(Presentations)
    store.bring([state])
    store.apply_next({pane.id: (360, 320) for pane in view.layout.panes})
    golden = Golden("shutter", "", PlaneKind.AXIAL, Content.BASE, annotated=True)
    check(golden.name, drawn(view, golden, 320), tolerant=True)


def test_that_D22_a_lesion_on_a_curved_picture_is_the_kept_one(qapp: QApplication) -> None:
    """The path leads down through the hot spot: steps around it with "L1" beside, and a circle, "Liver", below."""
    view = fused_view()
    store = view.work.of(Lesions)
    pet = store.series()
    assert pet is not None
    assert store.grow(None, pet.volume.geometry.to_patient([15.0, 20.0, 24.0])) is not None
    assert store.set_liver(pet.volume.geometry.to_patient([8.0, 22.0, 21.0])) is not None
    drawn_path = view.work.of(CurvedPath)
    for point in ((0.0, 4.0, 50.0), (18.0, 2.0, 2.0), (6.0, 9.0, -28.0), (-8.0, 2.0, -50.0)):
        drawn_path.add(point)
    drawn_path.show_as(mode=CurvedMode.STRAIGHTENED, width_mm=90.0)
    golden = Golden("curved-lesion", "", PlaneKind.CURVED, Content.FUSED, annotated=True)
    check(golden.name, drawn(view, golden, 360), tolerant=True)


@pytest.mark.parametrize("how", [Combination.CHECKERBOARD, Combination.SWIPE, Combination.DIFFERENCE])
def test_that_a_comparison_is_the_kept_one(qapp: QApplication, how: Combination) -> None:
    """The head against itself, moved 12 mm to its left and turned by 8 degrees; how far is written.

    Checkerboard: the skull breaks at the borders of squares. Swipe: the right half is the moved head. Difference: grey,
    with a bright and a dark rim where the skulls do not meet.
    """
    view = fused_view()
    view.library.add(
        open_volume("other", head(), grid((3, 2, 2), (40, 64, 64)), "CT", quantity=Quantity("HU"))
    )
    view.set_overlay(ImageLayer("other", Window(40, 400)))
    matrix = shift((12, 0, 0)) @ about((0, 0, 0), rotation((0, 0, 1), 8))
    view.work.of(Alignment).place("other", Placement(matrix, How.HAND))
    view.work.of(Combining).choose(how)
    golden = Golden(f"compare-{how}", "", PlaneKind.AXIAL, annotated=True)
    check(golden.name, drawn(view, golden, 360), tolerant=True)
