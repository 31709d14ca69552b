"""Small pictures of series: shape, aspect, grey levels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.phantoms import write_pet, write_ramp, write_series
from viewer.dicom.model import Stack
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Volume
from viewer.imaging.window import Window
from viewer.loading.cancel import CancelToken
from viewer.loading.events import GeometryReady
from viewer.loading.pipeline import load
from viewer.loading.thumbnails import SIZE, stack_thumbnail, volume_thumbnail


def stack_of(folder: Path) -> tuple[Stack, Volume]:
    (opened,) = [
        e for e in load([folder], cancel=CancelToken(), thumbnails=False) if isinstance(e, GeometryReady)
    ]
    return opened.stack, opened.volume


def volume(array: np.ndarray[tuple[int, ...], np.dtype[np.generic]], **options: object) -> Volume:
    geometry = VolumeGeometry((array.shape[-3], array.shape[-2], array.shape[-1]), np.eye(4))
    return Volume("v", array, geometry, **options)  # type: ignore[arg-type]


def test_that_the_pixel_aspect_is_true_and_the_longest_side_is_full(tmp_path: Path) -> None:
    stack, loaded = stack_of(write_ramp(tmp_path))
    # 6 rows of 2 mm and 8 columns of 1 mm: 12 mm high, 8 mm wide.
    image = stack_thumbnail(stack)
    assert image.dtype == np.uint8
    assert image.shape == (SIZE, round(SIZE * 8 / 12))
    np.testing.assert_array_equal(image, volume_thumbnail(loaded))


def test_that_a_header_window_is_used_and_monochrome1_is_inverted() -> None:
    array = np.repeat(np.arange(4, dtype=np.int16) * 100, 4).reshape(1, 4, 4)
    window = Window.from_bounds(0.0, 300.0)
    image = volume_thumbnail(volume(array, windows=(window,)))
    assert list(image[::32, 0]) == [0, 85, 170, 255]
    inverted = volume_thumbnail(volume(array, windows=(window,), inverted=True))
    np.testing.assert_array_equal(inverted, 255 - image)


def test_that_padding_is_black_and_does_not_widen_the_window() -> None:
    array = np.full((1, 8, 8), -3024, np.int16)
    array[0, 2:6, 2:6] = np.arange(16).reshape(4, 4)
    image = volume_thumbnail(volume(array, padding=(-3024, -3024)))
    assert image[0, 0] == 0
    assert image.max() == 255
    assert image[64, 40] not in (0, 255)


def test_that_D36_a_pet_is_shown_with_high_values_black(tmp_path: Path) -> None:
    _, loaded = stack_of(write_pet(tmp_path))
    image = volume_thumbnail(loaded)
    brightest = np.unravel_index(np.argmax(loaded.array[3]), loaded.array[3].shape)
    j, i = ((np.array(brightest) + 0.5) * np.array(image.shape) / loaded.array[3].shape).astype(int)
    assert image[j, i] == image.min() == 0


def test_that_colour_stays_colour(tmp_path: Path) -> None:
    array = np.zeros((1, 4, 4, 3), np.uint8)
    array[0, :, :2] = (255, 0, 0)
    array[0, :, 2:] = (0, 0, 255)
    write_series(tmp_path, array, np.diag([1.0, 1, 1, 1])[[2, 1, 0, 3]])
    stack, _ = stack_of(tmp_path)
    image = stack_thumbnail(stack)
    assert image.shape == (SIZE, SIZE, 3)
    np.testing.assert_array_equal(image[0, 0], [255, 0, 0])
    np.testing.assert_array_equal(image[-1, -1], [0, 0, 255])


@pytest.mark.parametrize("value", [0, 7])
def test_that_a_flat_picture_is_no_error(value: int) -> None:
    assert volume_thumbnail(volume(np.full((3, 4, 4), value, np.int16))).shape == (SIZE, SIZE)
    assert volume_thumbnail(volume(np.full((1, 4, 4), np.nan, np.float32))).max() == 0
