"""Overlay planes (B19): bits counted by hand, and a real file against pydicom."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest

from tests.conftest import RealData
from tests.dicom.reading import only_stack, stored
from tests.phantoms import ramp_affine, ramp_array, write_ramp, write_series
from viewer.dicom.overlay_planes import overlay_mask


def _add(folder: Path, group: int = 0x6000, **values: Any) -> None:
    """Put an overlay of 2 x 2 at 1\\1 into every file of a folder; values of None leave an element out."""
    given: dict[str, Any] = {
        "rows": 2,
        "columns": 2,
        "origin": [1, 1],
        # Pixels 1, 0 / 0, 1: lowest bit first, padded to a word.
        "data": b"\x09\x00",
        "frames": None,
        "first": None,
        "bits": 1,
        "bit": 0,
    } | values
    elements = {
        "rows": (0x0010, "US"),
        "columns": (0x0011, "US"),
        "frames": (0x0015, "IS"),
        "origin": (0x0050, "SS"),
        "first": (0x0051, "US"),
        "bits": (0x0100, "US"),
        "bit": (0x0102, "US"),
        "data": (0x3000, "OW"),
    }
    for path in folder.iterdir():
        dataset = pydicom.dcmread(path)
        for name, (element, vr) in elements.items():
            if given[name] is not None:
                dataset.add_new((group, element), vr, given[name])
        dataset.save_as(path)


def _drawn(folder: Path) -> list[list[int]]:
    """[k, j, i] of every pixel that is drawn on."""
    mask = overlay_mask(only_stack(folder))
    assert mask is not None
    assert mask.shape == only_stack(folder).geometry.shape
    found: list[list[int]] = np.argwhere(mask).tolist()
    return found


@pytest.mark.parametrize(
    "origin, pixels",
    [
        ([1, 1], [[0, 0], [1, 1]]),
        ([3, 6], [[2, 5], [3, 6]]),
        ([0, 0], [[0, 0]]),
        ([6, 8], [[5, 7]]),
        ([-5, 1], []),
        ([100, 100], []),
        (None, [[0, 0], [1, 1]]),
    ],
    ids=str,
)
def test_that_B19_an_overlay_lies_at_its_origin_which_counts_from_one(
    origin: list[int] | None, pixels: list[list[int]], tmp_path: Path
) -> None:
    _add(write_ramp(tmp_path), origin=origin)
    assert _drawn(tmp_path) == [[k, *pixel] for k in range(5) for pixel in pixels]


def test_that_B19_overlays_of_several_groups_lie_over_each_other(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    _add(tmp_path)
    _add(tmp_path, group=0x601E, origin=[1, 2], data=b"\x01\x00")
    assert _drawn(tmp_path)[:3] == [[0, 0, 0], [0, 0, 1], [0, 1, 1]]


def test_that_B19_an_overlay_embedded_in_an_unused_bit_is_found_and_not_taken_for_value(
    tmp_path: Path,
) -> None:
    words = ramp_array(1).astype(np.uint16)
    words[0, 2, 3] |= 1 << 12
    words[0, 5, 7] |= 1 << 12
    words[0, 1, 1] |= 1 << 13
    write_series(tmp_path, words, ramp_affine(), BitsStored=12, HighBit=11)
    _add(tmp_path, rows=6, columns=8, data=None, bits=16, bit=12)
    assert _drawn(tmp_path) == [[0, 2, 3], [0, 5, 7]]
    assert stored(only_stack(tmp_path))[0, 2, 3] == 230


def test_that_B19_frames_of_an_overlay_belong_to_frames_of_the_image(tmp_path: Path) -> None:
    write_ramp(tmp_path, "E1")
    # Three frames of 2 x 2: pixel 0, pixel 1, pixel 2. They belong to stored frames 2 to 4, which are slices 0, 4, 1.
    _add(tmp_path, frames=3, first=2, data=b"\x21\x04")
    assert _drawn(tmp_path) == [[0, 0, 0], [1, 1, 0], [4, 0, 1]]


def test_that_B19_one_overlay_without_frame_numbers_belongs_to_every_frame(tmp_path: Path) -> None:
    _add(write_ramp(tmp_path, "E1"))
    assert _drawn(tmp_path) == [[k, n, n] for k in range(5) for n in range(2)]


@pytest.mark.parametrize(
    "values",
    [
        {"data": b"\x09\x00", "rows": 60},
        {"rows": 0},
        {"frames": "-1"},
        {"frames": "100000"},
        {"data": None, "bits": 16, "bit": 12},
        {"data": None, "bits": 16, "bit": 3, "rows": 6, "columns": 8},
        {"data": None, "bits": 16, "bit": 99, "rows": 6, "columns": 8},
    ],
    ids=str,
)
def test_that_B19_an_overlay_that_makes_no_sense_is_left_out(values: dict[str, Any], tmp_path: Path) -> None:
    _add(write_ramp(tmp_path), **values)
    assert overlay_mask(only_stack(tmp_path)) is None


def test_that_B19_images_without_overlays_have_no_mask(tmp_path: Path) -> None:
    assert overlay_mask(only_stack(write_ramp(tmp_path))) is None


def test_that_B19_a_real_overlay_equals_that_of_pydicom(real_data: RealData, tmp_path: Path) -> None:
    source = real_data("zoo-a") / "pydicom-data" / "MR-SIEMENS-DICOM-WithOverlays.dcm"
    (tmp_path / "image.dcm").symlink_to(source)
    expected = pydicom.dcmread(source).overlay_array(0x6000)
    mask = overlay_mask(only_stack(tmp_path))
    assert mask is not None
    assert expected.any()
    np.testing.assert_array_equal(mask[0], expected.astype(bool))
