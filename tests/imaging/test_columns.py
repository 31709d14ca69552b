"""Blocks of columns: sampled from one, a plane has the values it has from the whole volume."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.imaging.columns import REACH, WIDTH, Columns, column_starts, columns_shape
from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, Projection, SampleRequest, Slab, sample_job, sample_plane
from viewer.imaging.volume import Volume

PADDING = -2000


def volume(shape: tuple[int, int, int] = (9, 20, 75), *, uneven: bool = False) -> Volume:
    rng = np.random.default_rng(5)
    array = rng.integers(-1000, 1000, shape).astype(np.int16)
    array[rng.random(shape) < 0.05] = PADDING
    affine = np.array([[0.2, 0, 0.7, -20], [0.1, 0.6, 0, 5], [3.0, 0, 0, 11], [0, 0, 0, 1.0]])
    offsets = None
    if uneven:
        offsets = np.array([0, *(np.arange(1, shape[0] - 1) + 0.2), shape[0] - 1.0])
    made = Volume("v", array, VolumeGeometry(shape, affine, "1.9", offsets), padding=(PADDING, PADDING))
    columns = Columns(np.zeros(columns_shape(shape), array.dtype), column_starts(shape[2]))
    for k in range(shape[0]):
        for block, part in zip(columns.array, columns.blocks_of(array[k]), strict=True):
            block[k] = part
    return replace(made, columns=columns)


@given(st.integers(1, 2000))
def test_that_every_column_has_a_block_with_its_neighbours(columns: int) -> None:
    starts = column_starts(columns)
    blocks = Columns(np.zeros(columns_shape((1, 1, columns)), np.uint8), starts)
    assert starts[0] == 0
    assert starts[-1] + blocks.array.shape[-1] == columns
    for at in np.linspace(-0.5, columns - 0.5, 300):
        found = blocks.holding(at, at)
        assert found is not None
        _, first = found
        needed = np.clip([np.floor(at) - 1, np.floor(at) + 2], 0, columns - 1)
        assert first <= needed[0]
        assert needed[1] < first + blocks.array.shape[-1]


def test_that_the_blocks_take_little_more_than_the_volume() -> None:
    k, j, i = 100, 512, 512
    blocks = np.prod(columns_shape((k, j, i)))
    assert blocks < 1.25 * k * j * i
    assert WIDTH > 4 * REACH


@pytest.mark.parametrize("uneven", [False, True])
@pytest.mark.parametrize("interpolation", list(Interpolation))
@pytest.mark.parametrize("slab", [None, Slab(4.0), Slab(4.0, Projection.MEAN)])
def test_that_planes_from_a_block_equal_planes_from_the_volume(
    slab: Slab | None, interpolation: Interpolation, uneven: bool
) -> None:
    given_columns = volume(uneven=uneven)
    alone = replace(given_columns, columns=None)
    rng = np.random.default_rng(8)
    from_blocks = 0
    for column in (0, 0.4, 1, 2.5, 28.9, 29, 30.2, 36, 55.5, 73.2, 74, 74.4, 80):
        for turn in (0.0, 0.02, 0.3):
            centre = given_columns.geometry.to_patient((4.0, 9.5, column))
            right = np.array([np.sin(turn), np.cos(turn), 0.0])
            plane = Plane.centred(centre, right, np.array([0.0, 0.0, 1.0]), 0.45 + 0.1 * rng.random(), 40, 44)
            request = SampleRequest(given_columns, plane, None, interpolation, slab)
            from_blocks += sample_job(request).data.shape[-1] == WIDTH
            np.testing.assert_allclose(
                sample_plane(given_columns, plane, interpolation=interpolation, slab=slab),
                sample_plane(alone, plane, interpolation=interpolation, slab=slab),
                rtol=1e-5,
                atol=1e-2,
            )
    assert from_blocks >= 13  # or nothing would have been proved


def test_that_planes_across_the_columns_come_from_the_volume() -> None:
    made = volume()
    centre = made.geometry.centre_mm
    plane = Plane.centred(centre, np.array([1.0, 0, 0]), np.array([0.0, 1, 0]), 0.5, 60, 60)
    assert sample_job(SampleRequest(made, plane)).data is made.array


def test_that_a_narrow_volume_is_one_block() -> None:
    made = volume((3, 4, 7))
    assert made.columns is not None
    np.testing.assert_array_equal(made.columns.array[0], made.array)
