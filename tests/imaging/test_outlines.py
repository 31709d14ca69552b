"""From voxels to contours along their edges."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from viewer.imaging.contours import even_odd_area, fill_polygons
from viewer.imaging.outlines import outlines


def test_that_I06_a_contour_runs_along_the_edges_of_the_voxels() -> None:
    mask = np.zeros((6, 6), bool)
    mask[1:5, 1:5] = True
    (outline,) = outlines(mask)
    assert sorted(map(tuple, outline.tolist())) == [(0.5, 0.5), (0.5, 4.5), (4.5, 0.5), (4.5, 4.5)]
    assert even_odd_area([outline]) == 16


@given(arrays.arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
def test_that_I06_the_contours_of_any_mask_cover_exactly_the_mask(mask: np.ndarray) -> None:
    found = [outline[:, ::-1] for outline in outlines(mask)]
    assert even_odd_area(found) == np.count_nonzero(mask) or abs(even_odd_area(found) - mask.sum()) < 1e-9
    assert np.array_equal(fill_polygons(found, mask.shape), mask)


def test_that_voxels_that_touch_in_a_corner_have_contours_of_their_own() -> None:
    assert len(outlines(np.array([[True, False], [False, True]]))) == 2
