"""Parts of a mask by runs, against SciPy's labels."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.needs import library
from viewer.imaging.parts import joined, without_small_parts


@settings(max_examples=40, deadline=None)
@given(
    st.integers(0, 10_000),
    st.tuples(st.integers(1, 6), st.integers(1, 7), st.integers(1, 9)),
    st.floats(0.1, 0.9),
    st.floats(1, 40),
)
def test_that_parts_are_those_of_scipy_whatever_the_mask(
    seed: int, shape: tuple[int, int, int], share: float, smallest: float
) -> None:
    ndimage = library("scipy.ndimage")
    generator = np.random.default_rng(seed)
    mask = generator.random(shape) < share
    weights = generator.random(shape[0]) + 0.5
    labels, _ = ndimage.label(mask)
    sizes = np.bincount(labels.ravel(), (weights[:, None, None] * mask).ravel())
    expected = mask & (sizes[labels] >= smallest)
    np.testing.assert_array_equal(without_small_parts(mask, weights, smallest), expected)


def test_that_a_long_winding_part_is_one() -> None:
    """A snake through every second row and slice, joined at alternating ends."""
    mask = np.zeros((9, 9, 30), bool)
    mask[::2, ::2] = True
    for k in range(0, 9, 2):
        mask[k, 1::4, -1] = mask[k, 3::4, 0] = True
    mask[1::4, -1, -1] = mask[3::4, 0, 0] = True
    count = float(mask.sum())
    assert without_small_parts(mask, np.ones(9), count).sum() == count
    assert not without_small_parts(mask, np.ones(9), count + 1).any()
    apart = mask.copy()
    apart[4, 4, 15] = False
    assert without_small_parts(apart, np.ones(9), count / 2 - 20).sum() == count - 1
    assert not without_small_parts(apart, np.ones(9), count - 1).any()


@pytest.mark.parametrize("shape", [(3, 4, 5), (1, 1, 1)])
def test_that_nothing_and_everything_stay_what_they_are(shape: tuple[int, int, int]) -> None:
    for mask in (np.zeros(shape, bool), np.ones(shape, bool)):
        found = without_small_parts(mask, np.ones(shape[0]), 1.0)
        np.testing.assert_array_equal(found, mask)
        assert found is not mask


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 30), st.data())
def test_that_what_is_linked_gets_one_number(count: int, data: st.DataObject) -> None:
    links = data.draw(st.lists(st.tuples(st.integers(0, count - 1), st.integers(0, count - 1)), max_size=40))
    one, other = (np.array([link[n] for link in links], np.int64) for n in (0, 1))
    numbers = joined(count, one, other)
    groups = [{n} for n in range(count)]
    for a, b in links:
        first, second = (next(group for group in groups if n in group) for n in (a, b))
        if first is not second:
            groups.remove(second)
            first |= second
    groups.sort(key=min)
    expected = [next(n for n, group in enumerate(groups) if thing in group) for thing in range(count)]
    assert numbers.tolist() == expected
