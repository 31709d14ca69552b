"""Two pictures as one, pixel by pixel."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from viewer.imaging.combine import Combination, combine


def pictures(seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    base, overlay = (rng.integers(0, 1 << 24, (7, 9), np.uint32) | np.uint32(0xFF000000) for _ in range(2))
    return base, overlay


def test_that_squares_alternate_and_the_first_is_the_base() -> None:
    base, overlay = pictures()
    found = base.copy()
    combine(found, overlay, Combination.CHECKERBOARD, tile=3, edge=0)
    for y in range(7):
        for x in range(9):
            expected = overlay if (y // 3 + x // 3) % 2 else base
            assert found[y, x] == expected[y, x]


@pytest.mark.parametrize("edge", [-2, 0, 4, 9, 20])
def test_that_the_overlay_begins_at_the_border(edge: int) -> None:
    base, overlay = pictures()
    found = base.copy()
    combine(found, overlay, Combination.SWIPE, tile=1, edge=edge)
    for x in range(9):
        np.testing.assert_array_equal(found[:, x], (overlay if x >= edge else base)[:, x])


def test_that_the_difference_is_half_of_that_of_the_luminances_of_pillow() -> None:
    base, overlay = pictures()
    found = base.copy()
    combine(found, overlay, Combination.DIFFERENCE, tile=1, edge=0)
    grey = []
    for picture in (base, overlay):
        rgb = np.stack([(picture >> shift & 0xFF).astype(np.uint8) for shift in (16, 8, 0)], axis=-1)
        grey.append(np.asarray(Image.fromarray(rgb).convert("L")).astype(int))
    channels = [(found >> shift & 0xFF).astype(int) for shift in (16, 8, 0)]
    assert np.array_equal(channels[0], channels[1])
    assert np.array_equal(channels[0], channels[2])
    assert np.abs(channels[0] - (128 + (grey[0] - grey[1]) / 2)).max() <= 1.5
    assert (found >> 24 == 0xFF).all()
    same = base.copy()
    combine(same, base, Combination.DIFFERENCE, tile=1, edge=0)
    assert (same == 0xFF808080).all()


def test_that_blending_leaves_the_picture_to_the_layers() -> None:
    base, overlay = pictures()
    found = base.copy()
    combine(found, overlay, Combination.BLEND, tile=1, edge=0)
    np.testing.assert_array_equal(found, base)
