"""The order in which slices are loaded."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from viewer.loading.order import COARSE_STRIDE, interleave, load_order, load_passes


@given(n=st.integers(1, 700), focus=st.none() | st.integers(-5, 900))
def test_that_every_slice_comes_exactly_once_and_the_focus_first(n: int, focus: int | None) -> None:
    order = load_order(n, focus)
    assert sorted(order) == list(range(n))
    assert order[0] == (n // 2 if focus is None else min(max(focus, 0), n - 1))


@given(n=st.integers(2, 700), focus=st.integers(0, 699))
def test_that_each_pass_halves_the_largest_distance_to_a_slice_in_place(n: int, focus: int) -> None:
    there: set[int] = set()
    stride = COARSE_STRIDE
    passes = load_passes(n, focus)
    there.update(passes[0])
    for one_pass in passes[1:]:
        there.update(one_pass)
        placed = sorted(there)
        assert placed[0] == 0
        assert placed[-1] == n - 1
        assert max(b - a for a, b in pairwise(placed)) <= stride
        assert list(one_pass) == sorted(one_pass, key=lambda k: (abs(k - min(focus, n - 1)), k))
        stride //= 2


def test_that_the_first_coarse_pass_of_600_slices_is_a_sixteenth() -> None:
    passes = load_passes(600)
    assert passes[0] == (300,)
    assert len(passes[1]) == 600 // 16 - 1 + 2  # without the focus, with both ends
    assert len(passes) == 6


def test_that_nothing_is_loaded_of_nothing() -> None:
    assert load_passes(0) == []
    assert load_order(0) == ()
    assert load_order(1) == (0,)


def test_that_sequences_take_turns_until_all_are_used_up() -> None:
    assert list(interleave("ab", "12345", "")) == ["a", "1", "b", "2", "3", "4", "5"]
    assert list(interleave([None, 0], [False])) == [None, False, 0]
