"""Rows a plane is made of: with all others spoilt, the plane is still the same."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.needed_rows import needed_rows
from viewer.imaging.plane import Plane
from viewer.imaging.sample import Interpolation, SampleRequest, Slab, sample_job, sample_plane
from viewer.imaging.volume import Volume

SHAPE = (24, 40, 30)


def volume(*, uneven: bool = False, missing: bool = False) -> Volume:
    affine = np.array([[0.2, 0, 0.7, -20], [0.1, 0.6, 0, 5], [3.0, 0, 0, 11], [0, 0, 0, 1.0]])
    offsets = None
    if uneven:
        offsets = np.arange(SHAPE[0]) + 0.3 * np.sin(np.arange(SHAPE[0]))
        offsets[0], offsets[-1] = 0, SHAPE[0] - 1
    ready = np.ones(SHAPE[0], bool)
    if missing:
        ready[[2, 3, 9, 10, 11, 20]] = False
    array = np.random.default_rng(4).integers(1, 1000, SHAPE).astype(np.int16)
    return Volume("v", array, VolumeGeometry(SHAPE, affine, "1.9", offsets), ready=ready)


numbers = st.floats(-1, 1)
DIRECTIONS = st.tuples(numbers, numbers, numbers).filter(lambda v: np.linalg.norm(v) > 0.1)


@given(
    DIRECTIONS,
    DIRECTIONS,
    st.tuples(st.floats(-3, 27), st.floats(-3, 43), st.floats(-3, 33)),
    st.sampled_from(list(Interpolation)),
    st.sampled_from([None, Slab(4.0)]),
    st.booleans(),
    st.booleans(),
)
def test_that_no_row_that_is_needed_is_left_out(
    one: tuple[float, float, float],
    other: tuple[float, float, float],
    index: tuple[float, float, float],
    interpolation: Interpolation,
    slab: Slab | None,
    uneven: bool,
    missing: bool,
) -> None:
    right = np.array(one) / np.linalg.norm(one)
    down = np.array(other) - right * (right @ np.array(other))
    if np.linalg.norm(down) < 0.05:
        return
    down /= np.linalg.norm(down)
    whole = volume(uneven=uneven, missing=missing)
    plane = Plane.centred(whole.geometry.to_patient(index), right, down, 0.8, 25, 21)
    rows = needed_rows(sample_job(SampleRequest(whole, plane, None, interpolation, slab)))
    spoilt = np.zeros_like(whole.array)
    for k, first, last in zip(rows.slices, rows.first, rows.last, strict=True):
        spoilt[k, first : last + 1] = whole.array[k, first : last + 1]
    np.testing.assert_array_equal(
        sample_plane(replace(whole, array=spoilt), plane, interpolation=interpolation, slab=slab),
        sample_plane(whole, plane, interpolation=interpolation, slab=slab),
    )


@pytest.mark.parametrize(
    "right, down, most",
    [
        ((1, 0, 0), (0, 1, 0), 6 * SHAPE[1]),  # axial: a few slices
        ((1, 0, 0), (0, 0, -1), 8 * SHAPE[0]),  # coronal: a few rows of each
        ((1, 0, 0), (0, 0.7, -0.7), 20 * SHAPE[0]),
    ],
)
def test_that_little_more_than_what_is_needed_is_read(
    right: tuple[float, float, float], down: tuple[float, float, float], most: int
) -> None:
    straight = Volume(
        "v", volume().array, VolumeGeometry(SHAPE, np.diag([1.0, 1.0, 1.0, 1.0])[[2, 1, 0, 3]], "1.9")
    )
    plane = Plane.centred(
        straight.geometry.centre_mm, np.array(right, float), np.array(down, float), 0.5, 80, 80
    )
    rows = needed_rows(sample_job(SampleRequest(straight, plane)))
    assert 0 < rows.count <= most


def test_that_a_plane_beside_the_volume_needs_nothing() -> None:
    whole = volume()
    plane = Plane.centred(
        whole.geometry.to_patient((5, 400, 5)), np.array([1.0, 0, 0]), np.array([0, 0, 1.0]), 0.5, 9, 9
    )
    assert needed_rows(sample_job(SampleRequest(whole, plane))).count == 0
