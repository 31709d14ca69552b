from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import SimpleITK as sitk  # noqa: N813
from hypothesis import given
from hypothesis import strategies as st

from tests.segmentation.models import CARD, ball, volume_of
from viewer.errors import FormatError, GeometryError
from viewer.imaging.geometry import VolumeGeometry
from viewer.segmentation.card import ModelCard, read_card
from viewer.segmentation.grid import model_grid, model_slice, onto
from viewer.segmentation.inference import find_labels, patch_corners
from viewer.segmentation.labels import Labels, volumes_mm3

PATCHES = (
    CARD.replace('"slices"', '"patches"').replace('"coronal"', '"axial"').replace("[64, 48]", "[8, 16, 16]")
)


def card_of(folder: Path, more: str = "", text: str = CARD) -> ModelCard:
    (folder / "bright.toml").write_text(text.format(more=more), encoding="utf-8")
    return read_card(folder / "bright.toml")


def threshold(batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
    return 50 * (batch - 0.75)


def nothing(done: int, total: int) -> None:
    pass


AXES = [(0, 1, 2), (1, 2, 0), (2, 0, 1), (0, 2, 1), (1, 0, 2), (2, 1, 0)]


@pytest.mark.parametrize("order", AXES)
@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (1, -1, -1)])
@pytest.mark.parametrize("axis", ["axial", "coronal", "sagittal"])
def test_that_the_model_sees_the_same_slices_whatever_the_order_of_the_axes(
    tmp_path: Path, order: tuple[int, int, int], signs: tuple[int, int, int], axis: str
) -> None:
    """A ramp over x, y, z: the value says where a pixel lies, so turned slices would show."""
    card = card_of(tmp_path, text=CARD.replace('"coronal"', f'"{axis}"'))
    spacing = np.array([1.0, 2.0, 3.0])[list(order)]
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(order)] * (spacing * signs)
    affine[:3, 3] = (-4, 11, 30)
    shape = tuple(np.array([12, 10, 8])[list(order)])
    geometry = VolumeGeometry((int(shape[0]), int(shape[1]), int(shape[2])), affine)
    ramp = (geometry.to_patient(np.indices(shape).transpose(1, 2, 3, 0)) @ [1, 100, 10000]).astype(np.int32)
    volume = volume_of(ramp, geometry=geometry)

    grid = model_grid(geometry, card)
    k = grid.shape[0] // 2
    values = model_slice(volume, grid, k)
    found = np.argwhere(np.isfinite(values))
    expected = grid.to_patient(np.column_stack([np.full(len(found), k), found])) @ [1, 100, 10000]
    assert len(found) == {"axial": 12 * 10, "coronal": 12 * 8, "sagittal": 10 * 8}[axis]
    assert np.array_equal(values[tuple(found.T)], expected)
    step = grid.patient_from_index[:3, :3]
    assert np.array_equal(np.sign(step[:, 2]), [1, 0, 0] if axis != "sagittal" else [0, 1, 0])  # L, or P
    assert np.array_equal(np.sign(step[:, 1]), [0, 0, -1] if axis != "axial" else [0, 1, 0])  # F, or P


@pytest.mark.parametrize("order", AXES)
@pytest.mark.parametrize("more", ["", "size = [5, 7]", "size = [33, 20]"])
def test_that_G07_labels_come_back_to_exactly_the_voxels_that_made_them(
    tmp_path: Path, order: tuple[int, int, int], more: str
) -> None:
    text = CARD.replace("size = [64, 48]", "") if more else CARD
    card = card_of(tmp_path, more, text)
    bright = ball((9, 11, 13), (4, 5, 6), 1.9)
    affine = np.eye(4)
    affine[:3, :3] = np.eye(3)[:, list(order)] * np.array([3.0, -2.0, 1.0])
    volume = volume_of(np.where(bright, 100, -100).astype(np.int16), affine)
    labels = find_labels(volume, card, threshold, nothing)
    assert np.array_equal(labels.array.astype(bool), bright)
    ((voxels, mm3),) = volumes_mm3(labels, volume.geometry).values()
    assert voxels == int(bright.sum())
    assert mm3 == pytest.approx(bright.sum() * 6.0)


def test_that_A15_a_tilted_series_is_seen_upright_and_labelled_where_it_is_bright(tmp_path: Path) -> None:
    affine = np.diag([3.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]]
    affine[1, 0] = 0.9  # each slice starts further back
    shape = (24, 40, 30)
    geometry = VolumeGeometry(shape, affine)
    points = geometry.to_patient(np.indices(shape).transpose(1, 2, 3, 0))
    centre = geometry.to_patient([12, 20, 15])
    distance = np.linalg.norm(points - centre, axis=-1)
    volume = volume_of(np.clip(100 - 20 * (distance - 8), -100, 100).astype(np.float32), geometry=geometry)
    labels = find_labels(volume, card_of(tmp_path), threshold, nothing)
    inside = distance < 8 + 100 / 40
    wrong = labels.array.astype(bool) != inside
    # Only voxels within half a slice of the surface may differ: they were seen between two slices.
    assert np.abs(distance[wrong] - 10.5).max(initial=0) < 1.5
    (_, found), expected = volumes_mm3(labels, geometry)[1], 4 / 3 * np.pi * 10.5**3
    assert found == pytest.approx(expected, rel=0.03)


def test_that_A12_an_uneven_series_is_resampled_by_position_and_summed_by_its_own_slices(
    tmp_path: Path,
) -> None:
    positions = np.concatenate([np.arange(0, 30, 1.5), np.arange(30, 60.1, 3.0)])
    n = len(positions)
    mean = positions[-1] / (n - 1)
    geometry = VolumeGeometry(
        (n, 30, 30), np.diag([mean, 1.0, 1.0, 1.0])[[2, 1, 0, 3]], slice_offsets=positions / mean
    )
    points = geometry.to_patient(np.indices((n, 30, 30)).transpose(1, 2, 3, 0))
    distance = np.linalg.norm(points - [15, 15, 30], axis=-1)
    volume = volume_of(np.where(distance < 10, 100, -100).astype(np.int16), geometry=geometry)
    labels = find_labels(volume, card_of(tmp_path), threshold, nothing)
    ((_, found),) = volumes_mm3(labels, geometry).values()
    assert found == pytest.approx(4 / 3 * np.pi * 1000, rel=0.06)


@pytest.mark.parametrize("more", ["spacing_mm = [2.0, 1.5]", 'fit = "stretch"'])
def test_that_a_resampled_ball_keeps_its_volume(tmp_path: Path, more: str) -> None:
    distance = np.linalg.norm((np.indices((40, 50, 60)).T - [20, 25, 30]) * [2, 1, 1], axis=-1).T
    values = np.clip(100 - 30 * (distance - 12), -100, 100).astype(np.float32)
    volume = volume_of(values, np.diag([2.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]])
    labels = find_labels(volume, card_of(tmp_path, more), threshold, nothing)
    ((_, found),) = volumes_mm3(labels, volume.geometry).values()
    assert found == pytest.approx(4 / 3 * np.pi * (12 + 50 / 30) ** 3, rel=0.04)


@given(
    st.tuples(*[st.integers(4, 9)] * 3),
    st.tuples(*[st.floats(-0.6, 0.6)] * 3),
    st.tuples(*[st.floats(0.6, 2.5)] * 3),
)
def test_that_I12_labels_on_another_grid_are_those_of_simpleitks_nearest_neighbour(
    shape: tuple[int, int, int], angles: tuple[float, float, float], spacing: tuple[float, float, float]
) -> None:
    labels = np.random.default_rng(3).integers(0, 4, (6, 7, 8)).astype(np.uint8)
    source = VolumeGeometry((6, 7, 8), np.diag([1.7, 1.1, 0.9, 1.0])[[2, 1, 0, 3]])
    a, b, c = angles
    rotation = (
        np.array([[1, 0, 0], [0, np.cos(a), -np.sin(a)], [0, np.sin(a), np.cos(a)]])
        @ np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
        @ np.array([[np.cos(c), -np.sin(c), 0], [np.sin(c), np.cos(c), 0], [0, 0, 1]])
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation[:, ::-1] * spacing
    affine[:3, 3] = (0.31, 0.27, 0.19)
    target = VolumeGeometry(shape, affine)
    found = onto(labels, source, target)

    image = sitk.GetImageFromArray(labels)
    image.SetSpacing((0.9, 1.1, 1.7))
    reference = sitk.Image(shape[2], shape[1], shape[0], sitk.sitkUInt8)
    reference.SetOrigin(affine[:3, 3].tolist())
    reference.SetSpacing(spacing[::-1])
    reference.SetDirection(rotation.ravel().tolist())
    theirs = sitk.GetArrayFromImage(
        sitk.Resample(image, reference, sitk.Transform(), sitk.sitkNearestNeighbor, 0)
    )
    index = source.to_index(target.to_patient(np.indices(shape).transpose(1, 2, 3, 0)))
    clear = np.all(np.abs(index - np.floor(index) - 0.5) > 1e-4, axis=-1)  # not halfway between two voxels
    assert np.array_equal(found[clear], theirs[clear])


def test_that_several_labels_go_to_the_channel_that_wins(tmp_path: Path) -> None:
    card = card_of(tmp_path, text=CARD + '5 = "very bright"\n')

    def three(batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        return np.concatenate([batch * 0, batch - 0.4, 3 * (batch - 0.4 - 0.2)], axis=1)

    values = np.array([-100, 20, 100], np.int16)[np.random.default_rng(0).integers(0, 3, (6, 7, 8))]
    labels = find_labels(volume_of(values), card, three, nothing)
    assert np.array_equal(labels.array, np.array([0, 1, 5])[np.searchsorted([-100, 20, 100], values)])


def test_that_J06_a_slice_that_could_not_be_decoded_has_no_labels(tmp_path: Path) -> None:
    corrupt = np.zeros(9, bool)
    corrupt[4] = True
    volume = volume_of(np.full((9, 11, 13), 100, np.int16), corrupt=corrupt)
    labels = find_labels(volume, card_of(tmp_path), threshold, nothing)
    assert not labels.array[4].any()
    assert labels.array[2].all()


def test_that_B07_padding_is_the_lower_end_of_the_window_for_the_model(tmp_path: Path) -> None:
    values = np.full((5, 6, 7), 100, np.int16)
    values[:, :2] = 2000
    volume = volume_of(values, padding=(2000.0, 2000.0))
    labels = find_labels(volume, card_of(tmp_path), threshold, nothing)
    assert not labels.array[:, :2].any()
    assert labels.array[:, 2:].all()


# --- Patches -----------------------------------------------------------------------------------------------------


@given(st.tuples(*[st.integers(8, 40)] * 3), st.floats(0, 0.9))
def test_that_patches_cover_everything_and_overlap_as_asked(
    shape: tuple[int, int, int], overlap: float
) -> None:
    size = (8, 5, 7)
    corners = np.array(list(patch_corners(shape, size, overlap)))
    for axis in range(3):
        starts = np.unique(corners[:, axis])
        assert starts[0] == 0
        assert starts[-1] + size[axis] == shape[axis]
        assert np.all(np.diff(starts) <= max(1, int(size[axis] * (1 - overlap))))


def test_that_patches_give_the_labels_of_the_whole(tmp_path: Path) -> None:
    card = card_of(tmp_path, text=PATCHES)
    bright = ball((20, 25, 30), (9, 12, 15), 8)
    volume = volume_of(np.where(bright, 100, -100).astype(np.int16))
    seen: list[tuple[int, ...]] = []

    def predict(batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        seen.append(batch.shape)
        return threshold(batch)

    labels = find_labels(volume, card, predict, nothing)
    assert np.array_equal(labels.array.astype(bool), bright)
    assert set(seen) == {(1, 1, 8, 16, 16)}


def test_that_a_volume_smaller_than_a_patch_is_padded(tmp_path: Path) -> None:
    bright = ball((5, 9, 30), (2, 4, 15), 3)
    volume = volume_of(np.where(bright, 100, -100).astype(np.int16))
    labels = find_labels(volume, card_of(tmp_path, text=PATCHES), threshold, nothing)
    assert np.array_equal(labels.array.astype(bool), bright)


def test_that_the_middle_of_a_patch_counts_more_than_its_edge(tmp_path: Path) -> None:
    """A model that is wrong within three pixels of its edge: only the outer rim of the volume can show it."""

    def wrong_at_the_edge(batch: npt.NDArray[np.float32]) -> npt.NDArray[np.float32]:
        scores = np.full_like(batch, 1.0)
        scores[..., 2:-2, 3:-3, 3:-3] = -1.0
        return scores

    volume = volume_of(np.zeros((20, 40, 40), np.int16))
    labels = find_labels(volume, card_of(tmp_path, text=PATCHES), wrong_at_the_edge, nothing)
    assert labels.array[0].all()
    assert not labels.array[3:-3, 5:-5, 5:-5].any()


# --- What is refused ---------------------------------------------------------------------------------------------


def refused(message: str, **changes: Any) -> Any:
    return pytest.raises(FormatError, match=message)


def test_that_a_series_of_another_unit_is_refused(tmp_path: Path) -> None:
    with refused('"Bright things" was trained on HU, but this series is in SUV'):
        find_labels(volume_of(np.zeros((3, 3, 3)), unit="SUV"), card_of(tmp_path), threshold, nothing)
    with refused("has no unit"):
        find_labels(volume_of(np.zeros((3, 3, 3)), unit=""), card_of(tmp_path), threshold, nothing)


def test_that_E03_a_series_of_unknown_orientation_is_refused(tmp_path: Path) -> None:
    geometry = VolumeGeometry((3, 3, 3), np.eye(4), oriented=False)
    with pytest.raises(GeometryError, match="place or the size"):
        find_labels(volume_of(np.zeros((3, 3, 3)), geometry=geometry), card_of(tmp_path), threshold, nothing)


def test_that_an_answer_of_another_size_is_refused(tmp_path: Path) -> None:
    with refused("answered with an array 2 x 4 x 64 x 48"):
        find_labels(
            volume_of(np.zeros((4, 4, 4))),
            card_of(tmp_path),
            lambda batch: np.repeat(batch, 4, axis=1),
            nothing,
        )


def test_that_an_answer_of_no_numbers_is_refused(tmp_path: Path) -> None:
    with refused("no numbers"):
        find_labels(volume_of(np.zeros((4, 4, 4))), card_of(tmp_path), lambda batch: batch * np.nan, nothing)


def test_that_labels_without_a_voxel_are_reported_as_empty() -> None:
    labels = Labels(np.zeros((2, 3, 4), np.uint8), {1: "spleen"})
    assert volumes_mm3(labels, VolumeGeometry((2, 3, 4), np.eye(4))) == {1: (0, 0.0)}
