"""From a file to a grey level, the whole way: padding, windows and hints that must not count (B08, B16, B17, B18)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from tests.phantoms import write_series
from viewer.api import open_study, render

SIDE = 40
AFFINE = np.array([[0.0, 0, 1, 0], [0, 1, 0, 0], [1, 0, 0, 0], [0, 0, 0, 1]])
"""One millimetre each way; rows go to the back, columns to the left."""


def _halves(left: int, right: int, kind: str = "i2") -> npt.NDArray[Any]:
    """Five slices whose halves each hold one value."""
    array = np.full((5, SIDE, SIDE), left, kind)
    array[:, :, SIDE // 2 :] = right
    return array


def _greys(folder: Path, **options: Any) -> tuple[int, int]:
    """Grey level in the middle of the left and of the right half; a coloured pixel fails."""
    pixels = render(folder, size=(200, 200), **options)
    levels = []
    for place in (60, 140):
        red, green, blue = ((int(pixels[100, place]) >> shift) & 255 for shift in (16, 8, 0))
        assert red == green == blue
        levels.append(red)
    return levels[0], levels[1]


@pytest.mark.parametrize("intercept", [0.0, -1024.0])
@pytest.mark.parametrize("photometric", ["MONOCHROME2", "MONOCHROME1"])
def test_that_B08_B16_padding_is_background_and_stays_what_was_stored(
    intercept: float, photometric: str, tmp_path: Path
) -> None:
    stored = _halves(-2000, 1024 if intercept else 0)
    write_series(
        tmp_path,
        stored,
        AFFINE,
        PixelPaddingValue=-2000,
        RescaleIntercept=intercept,
        PhotometricInterpretation=photometric,
    )
    # As a value -2000 or -3024 would be at 0.3 or 0.17 of this window, and water in its middle.
    padding, water = _greys(tmp_path, window=(9000.0, 0.0))
    assert padding == 0
    assert water == pytest.approx(127, abs=2)
    (volume,) = open_study(tmp_path).volumes
    np.testing.assert_array_equal(volume.array, stored)
    assert volume.is_padding(volume.array)[:, :, : SIDE // 2].all()


def test_that_B08_unsigned_padding_is_not_white(tmp_path: Path) -> None:
    stored = _halves(63536, 1064, "u2")
    write_series(tmp_path, stored, AFFINE, PixelPaddingValue=63536, RescaleIntercept=-1024.0)
    padding, tissue = _greys(tmp_path, window=(400.0, 40.0))
    assert padding == 0
    assert tissue == 128
    (volume,) = open_study(tmp_path).volumes
    np.testing.assert_array_equal(volume.array, stored)


@pytest.mark.parametrize(
    "kind, slope, intercept",
    [("i2", 1.0, 0.0), ("u2", 1.0, -1024.0), ("i2", 0.5, -1024.0), ("i2", -1.0, 0.0), ("i2", 0.25, 100.0)],
)
@pytest.mark.parametrize("value, share", [(-160, 0.0), (0, 0.401003), (40, 0.501253), (239, 1.0), (240, 1.0)])
def test_that_B17_a_window_gives_the_same_grey_whatever_type_and_rescale_the_file_has(
    value: int, share: float, kind: str, slope: float, intercept: float, tmp_path: Path
) -> None:
    # Expected shares are the LINEAR column of the table of windows, for centre 40 and width 400.
    stored = round((value - intercept) / slope)
    write_series(
        tmp_path, _halves(stored, stored, kind), AFFINE, RescaleSlope=slope, RescaleIntercept=intercept
    )
    assert list(_greys(tmp_path, window=(400.0, 40.0))) == pytest.approx([255 * share] * 2, abs=1)


def test_that_B18_smallest_and_largest_pixel_value_change_nothing(tmp_path: Path) -> None:
    stored = np.broadcast_to(np.linspace(0, 4000, SIDE).astype(np.int16), (5, SIDE, SIDE))
    with_hints: dict[str, Any] = {"SmallestImagePixelValue": 5, "LargestImagePixelValue": 10}
    write_series(tmp_path / "plain", np.ascontiguousarray(stored), AFFINE, modality="MR")
    write_series(tmp_path / "hints", np.ascontiguousarray(stored), AFFINE, modality="MR", **with_hints)
    plain, hints = (render(tmp_path / name, size=(200, 200)) for name in ("plain", "hints"))
    np.testing.assert_array_equal(plain, hints)
    left, right = _greys(tmp_path / "hints")
    assert 40 < left < 110
    assert 150 < right < 220
    (volume,) = open_study(tmp_path / "hints").volumes
    assert volume.array.max() == 4000
