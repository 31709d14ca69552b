"""Histogram and range against plain numpy over every voxel."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from viewer.imaging.histogram import histogram, value_range

ARRAYS = hnp.arrays(
    st.sampled_from([np.int16, np.uint16, np.uint8]),
    hnp.array_shapes(min_dims=1, max_dims=3, max_side=6),
)


@given(ARRAYS, st.sampled_from([1.0, 0.5, -2.0]), st.sampled_from([0.0, -1024.0]))
def test_that_a_histogram_of_everything_equals_numpy(
    array: npt.NDArray[Any], slope: float, intercept: float
) -> None:
    found = histogram(array, slope, intercept, bins=16)
    values = array.astype(np.float64) * slope + intercept
    assert (found.min, found.max, found.count) == (values.min(), values.max(), values.size)
    top = values.max() if values.max() > values.min() else values.min() + 1
    counts, edges = np.histogram(values, bins=16, range=(values.min(), top))
    assert np.array_equal(found.edges, edges)
    # np.histogram puts values on an inner edge by rounding; the totals left of each edge agree within those values
    assert np.abs(np.cumsum(found.counts) - np.cumsum(counts)).max() <= np.isin(values, edges).sum()
    assert found.counts.sum() == values.size


@given(ARRAYS, st.integers(-1500, 300), st.integers(0, 300))
def test_that_B07_padding_never_enters_range_or_histogram(
    array: npt.NDArray[Any], low: int, span: int
) -> None:
    padding = (float(low), float(low + span))
    valid = array[(array.astype(np.int64) < low) | (array.astype(np.int64) > low + span)]
    found = histogram(array, padding=padding)
    assert found.count == valid.size
    assert value_range(array, padding) == (
        None if valid.size == 0 else (float(valid.min()), float(valid.max()))
    )
    if valid.size:
        assert (found.min, found.max) == (valid.min(), valid.max())


def test_that_B07_ct_padding_of_minus_2000_does_not_pull_the_range_down() -> None:
    array = np.full((3, 8, 8), -2000, np.int16)
    array[:, 2:6, 2:6] = np.arange(16).reshape(4, 4)
    assert value_range(array, (-2000.0, -1025.0)) == (0.0, 15.0)
    assert histogram(array, padding=(-2000.0, -1025.0)).percentile(0) == 0.0


def test_that_nan_and_infinity_are_no_values() -> None:
    array = np.array([[[np.nan, 1.0, np.inf], [2.0, -np.inf, 3.0]]], np.float32)
    assert value_range(array) == (1.0, 3.0)
    assert histogram(array).count == 3
    assert value_range(np.full((2, 2, 2), np.nan, np.float32)) is None


def test_that_no_values_at_all_give_an_empty_histogram() -> None:
    found = histogram(np.full((2, 3, 3), 7, np.int16), padding=(7.0, 7.0))
    assert found.count == 0
    assert found.counts.sum() == 0
    assert found.percentile(50) == 0.0


def test_that_a_sample_of_a_large_volume_tells_the_same_story() -> None:
    rng = np.random.default_rng(3)
    array = rng.normal(100, 25, (40, 160, 160)).astype(np.float32)
    found = histogram(array)
    assert 1 << 16 <= found.count <= 1 << 20
    for percent in (1.0, 50.0, 99.0, 99.5):
        assert found.percentile(percent) == pytest.approx(np.percentile(array, percent), abs=1.0)


@pytest.mark.parametrize("shape", [(1, 2000, 2000), (3000, 40, 40), (700, 8, 900), (5, 5, 5)])
def test_that_the_sample_stays_near_its_size_whatever_the_shape(shape: tuple[int, int, int]) -> None:
    count = histogram(np.zeros(shape, np.uint8), samples=10_000).count
    assert min(4_000, int(np.prod(shape))) <= count <= 30_000


def test_that_percentiles_are_numpys_own_where_every_voxel_counts() -> None:
    values = np.random.default_rng(5).integers(0, 30_000, 997).astype(np.uint16)
    found = histogram(values)
    for percent in (0.0, 0.1, 2.5, 50.0, 99.9, 100.0):
        assert found.percentile(percent) == pytest.approx(np.percentile(values, percent), abs=60)
    with pytest.raises(ValueError, match="percentile"):
        found.percentile(101)
    with pytest.raises(ValueError, match="bins"):
        histogram(values, bins=0)
