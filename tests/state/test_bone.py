"""The rotating CT projection without bone, and the voxel that made a pixel: both against plain numpy."""

from __future__ import annotations

import weakref

import numpy as np
import pytest

from tests.state.conftest import MakeVolume
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.plane import Plane
from viewer.imaging.projection import voxel_of_ray
from viewer.imaging.sample import Interpolation, Projection, Slab, sample_plane
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window
from viewer.state.annotations import corners
from viewer.state.bone import BoneRemoval, find
from viewer.state.layers import ImageLayer
from viewer.state.panes import Content, Density, Pane, PlaneKind
from viewer.state.resolve import PaneScene, resolve
from viewer.state.view import ViewState

SHAPE = (14, 17, 19)
PANE = Pane("mip", PlaneKind.MIP, Content.BASE)


def noise(seed: int = 3) -> np.ndarray:
    """Values without equals, so that each ray has one highest voxel."""
    count = int(np.prod(SHAPE))
    values = np.random.default_rng(seed).permutation(count).reshape(SHAPE) - 1000
    return np.ascontiguousarray(values, dtype=np.int16)


def cube(array: np.ndarray, **fields: object) -> Volume:
    """1 mm voxels, centre of voxel (0, 0, 0) at the origin; x = i, y = j, z = k."""
    affine = np.eye(4)[[2, 1, 0, 3]]
    return Volume("v", array, VolumeGeometry(array.shape, affine), Quantity("HU"), "CT", **fields)  # type: ignore[arg-type]


def front(angle_deg: float = 0.0) -> Plane:
    """A picture that looks along (-sin, cos, 0), as the projection does at this angle."""
    a = np.radians(angle_deg)
    right, down = np.array([np.cos(a), np.sin(a), 0]), np.array([0, 0, -1.0])
    return Plane.centred((9, 8, 6.5), right, down, 1.0, 60, 40)


DEEP = Slab(80.0, Projection.MAX)


@pytest.mark.parametrize("interpolation", Interpolation)
def test_that_the_voxel_of_a_ray_along_the_rows_is_the_argmax(interpolation: Interpolation) -> None:
    array = noise()
    volume = cube(array)
    for k, i in np.ndindex(SHAPE[0], SHAPE[2]):
        found = voxel_of_ray(volume, front(), (i, -50.0, k), DEEP, interpolation)
        assert found is not None
        assert found.tolist() == [i, int(np.argmax(array[k, :, i])), k]


def test_that_a_lowest_projection_gives_the_argmin() -> None:
    array = noise()
    for k, i in ((0, 0), (5, 9), (13, 18)):
        found = voxel_of_ray(
            cube(array), front(), (i, 0, k), Slab(80.0, Projection.MIN), Interpolation.LINEAR
        )
        assert found is not None
        assert found.tolist() == [i, int(np.argmin(array[k, :, i])), k]


@pytest.mark.parametrize("angle_deg", [17.0, 45.0, 200.0])
def test_that_on_a_turned_ray_it_is_the_voxel_of_the_highest_sample(angle_deg: float) -> None:
    """Samples by the picture's own positions; nearest values read by numpy."""
    array, plane = noise(), front(angle_deg)
    picture = sample_plane(cube(array), plane, slab=DEEP, interpolation=Interpolation.NEAREST)
    turn = np.radians(angle_deg)
    into = np.array([-np.sin(turn), np.cos(turn), 0])
    pitch = 1 / np.abs(into).max()
    depth = np.arange(-int(40 / pitch + 1e-6), int(40 / pitch + 1e-6) + 1) * pitch
    checked = 0
    for row, column in np.argwhere(np.isfinite(picture))[::7]:
        point = plane.at(float(column), float(row))
        line = point + depth[:, None] * into
        index = np.floor(line[:, ::-1] + 0.5 + 1e-6).astype(int)
        inside = np.all((line[:, ::-1] >= -0.5) & (line[:, ::-1] <= np.array(SHAPE) - 0.5), axis=1)
        index = np.clip(index, 0, np.array(SHAPE) - 1)
        values = np.where(inside, array[tuple(index.T)].astype(float), -np.inf)
        best = index[int(np.argmax(values))]
        found = voxel_of_ray(cube(array), plane, point, DEEP, Interpolation.NEAREST)
        assert found is not None
        assert found[::-1] == pytest.approx(best)
        assert array[tuple(best)] == picture[row, column]
        checked += 1
    assert checked > 20


def test_that_there_is_no_voxel_beside_the_volume_or_in_padding() -> None:
    array = noise()
    assert voxel_of_ray(cube(array), front(), (-3, 0, 5), DEEP, Interpolation.LINEAR) is None
    everything = cube(array, padding=(-2000.0, 32000.0))
    assert voxel_of_ray(everything, front(), (5, 0, 5), DEEP, Interpolation.LINEAR) is None
    assert (
        voxel_of_ray(cube(array), front(), (5, 0, 5), Slab(80.0, Projection.MEAN), Interpolation.LINEAR)
        is None
    )


def opened(view: ViewState, make_volume: MakeVolume, **fields: object) -> Volume:
    item = make_volume(**fields)
    view.library.add(item)
    view.show(ImageLayer("1.2.3", Window(40, 400)))
    return item.volume


def projected(view: ViewState) -> tuple[PaneScene, np.ndarray]:
    scene = resolve(view, PANE, 60, 60)
    assert scene is not None
    layer = scene.layers[0]
    return scene, sample_plane(
        layer.volume, scene.plane, slab=layer.slab, interpolation=Interpolation.NEAREST
    )


def test_that_bone_stays_out_of_the_projection_but_not_out_of_the_slices(
    view: ViewState, make_volume: MakeVolume
) -> None:
    """Each pixel is the highest value of its voxels of 900 HU or less (slope 2, intercept -1000)."""
    volume = opened(view, make_volume, slope=2.0, intercept=-1000.0)
    view.work.of(BoneRemoval).set(on=True, threshold_hu=900.0)
    scene, picture = projected(view)
    values = np.where(volume.physical(volume.array) <= 900, volume.array.astype(float), np.nan)
    expected = np.where(np.isnan(values), -np.inf, values).max(axis=1)
    seen = 0
    for row, column in np.argwhere(np.isfinite(picture)):
        k, _, i = np.round(volume.geometry.to_index(scene.plane.at(float(column), float(row)))).astype(int)
        assert picture[row, column] == expected[k, i]
        seen += 1
    assert seen > 100
    assert volume.padding is None
    axial = resolve(view, Pane("a", PlaneKind.AXIAL), 60, 60)
    assert axial is not None
    assert axial.layers[0].volume.padding is None


def test_that_the_threshold_is_written_and_makes_another_picture(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume)
    bone = view.work.of(BoneRemoval)
    keys = []
    for on, hu in ((False, 300.0), (True, 300.0), (True, 450.0)):
        bone.set(on=on, threshold_hu=hu)
        scene, _ = projected(view)
        keys.append(scene.layers[0].sample_key)
        text = " ".join(corners(view, scene, Density.MINIMAL, identity=False).bottom_left)
        assert (f"without > {hu:g} HU" in text) == on
    assert len(set(keys)) == 3


def test_that_only_hounsfield_units_know_bone(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume, quantity=Quantity("Bq/mL"), modality="PT")
    view.work.of(BoneRemoval).set(on=True)
    scene, _ = projected(view)
    assert scene.layers[0].volume.padding is None
    assert "without" not in " ".join(corners(view, scene, Density.FULL, identity=False).bottom_left)


def test_that_a_projection_shows_the_highest_value_itself_not_a_mean_of_two(
    view: ViewState, make_volume: MakeVolume
) -> None:
    """With an even number of rows the middle of the volume lies between two of them."""
    volume = opened(view, make_volume)
    volume.array[2, 3, 4] = 20000
    scene = resolve(view, PANE, 90, 90)
    assert scene is not None
    layer = scene.layers[0]
    assert layer.interpolation is Interpolation.LINEAR
    spot = volume.geometry.to_patient((2, 3, 4))
    on_plane = spot - scene.plane.normal * scene.plane.project(spot)[2]
    pixel = Plane(on_plane, scene.plane.u_mm, scene.plane.v_mm, 1, 1)
    assert sample_plane(volume, pixel, slab=layer.slab)[0, 0] == 20000


def dense_box(view: ViewState, make_volume: MakeVolume) -> Volume:
    """A volume with a dense part of 168 voxels and one of 8."""
    volume = opened(view, make_volume, shape=(8, 12, 24))
    volume.array[...] = 40
    volume.array[2:6, 2:8, 2:9] = 900
    volume.array[2:4, 2:4, -3:-1] = 700
    return volume


def test_that_bone_is_wanted_once_and_then_left_out_by_parts(
    view: ViewState, make_volume: MakeVolume, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("viewer.imaging.bone.NEAR_MM", 0.0)
    monkeypatch.setattr("viewer.imaging.bone.SMALLEST_MM3", 50.0)
    volume = dense_box(view, make_volume)
    bone = view.work.of(BoneRemoval)
    assert bone.wish(volume) is None
    bone.set(on=True)
    wish = bone.wish(volume)
    assert wish is not None
    before, _ = projected(view)
    bone.put(wish, find(wish))
    assert bone.wish(volume) is None
    scene, picture = projected(view)
    assert scene.layers[0].sample_key != before.layers[0].sample_key
    assert scene.layers[0].volume.padding is None
    legend = " ".join(corners(view, scene, Density.MINIMAL, identity=False).bottom_left)
    assert "no bone > 250 HU" in legend
    assert set(np.unique(picture[np.isfinite(picture)])) <= {40.0, 700.0}
    assert (picture == 700).any()
    assert volume.array.max() == 900


def test_that_what_was_found_ends_with_threshold_values_and_switch(
    view: ViewState, make_volume: MakeVolume
) -> None:
    volume = dense_box(view, make_volume)
    bone = view.work.of(BoneRemoval)
    bone.set(on=True)
    wish = bone.wish(volume)
    assert wish is not None
    found = find(wish)
    bone.put(wish, found)
    bone.set(threshold_hu=300)
    assert "without > 300" in bone.text(volume)
    bone.put(wish, found)  # of another threshold, come too late
    assert "without > 300" in bone.text(volume)
    bone.set(threshold_hu=250)
    assert "no bone" in bone.text(volume)
    view.library.touch(volume.uid)
    assert "no bone" not in bone.text(volume)
    wish = bone.wish(volume)
    assert wish is not None
    bone.put(wish, found)
    assert "no bone" in bone.text(volume)
    bone.set(on=False)
    bone.set(on=True)
    assert "no bone" not in bone.text(volume)


def test_that_bone_is_not_looked_for_while_slices_are_missing(
    view: ViewState, make_volume: MakeVolume
) -> None:
    volume = dense_box(view, make_volume)
    bone = view.work.of(BoneRemoval)
    bone.set(on=True)
    volume.ready[1] = False
    assert bone.wish(volume) is None
    volume.ready[1] = True
    assert bone.wish(volume) is not None


def test_that_the_bone_of_two_volumes_is_kept_side_by_side(view: ViewState, make_volume: MakeVolume) -> None:
    other = make_volume("4.5.6")
    view.library.add(other)
    both = [dense_box(view, make_volume), other.volume]
    bone = view.work.of(BoneRemoval)
    bone.set(on=True)
    for volume in both:
        wish = bone.wish(volume)
        assert wish is not None
        bone.put(wish, find(wish))
    assert [bone.wish(volume) for volume in both] == [None, None]
    view.library.remove("4.5.6")
    assert "no bone" in bone.text(both[0])
    assert "no bone" not in bone.text(both[1])


def test_that_bone_found_too_late_of_a_closed_volume_is_let_go(
    view: ViewState, make_volume: MakeVolume
) -> None:
    volume = dense_box(view, make_volume)
    bone = view.work.of(BoneRemoval)
    bone.set(on=True)
    wish = bone.wish(volume)
    assert wish is not None
    found = weakref.ref(array := find(wish))
    view.library.remove(volume.uid)
    bone.put(wish, array)
    del array
    assert found() is None
