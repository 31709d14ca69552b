"""What somebody typed against the texts of commands."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.state.matching import distance


def test_that_a_beginning_comes_before_a_word_a_part_and_scattered_letters() -> None:
    texts = ("Pane maximised", "Maximise pane", "Show the pane", "Companeon", "Plan a new eye")
    far = {text: distance("pane", text) for text in texts}
    assert far["Pane maximised"] == 0
    assert far["Maximise pane"] == far["Show the pane"] == 1
    assert far["Companeon"] == 2
    letters = far["Plan a new eye"]
    assert letters is not None
    assert 3 < letters < 4


def test_that_letters_close_together_come_before_letters_far_apart() -> None:
    near, wide = distance("fh", "Flip horizontally"), distance("fh", "Fit all of the image to this")
    assert near is not None
    assert wide is not None
    assert near < 4
    assert distance("fl", "Flap") == 0


@pytest.mark.parametrize("typed", ["zoom in x", "inz q", "zzz"])
def test_that_a_text_without_one_of_the_words_does_not_fit(typed: str) -> None:
    assert distance(typed, "Zoom in") is None


def test_that_words_fit_in_any_order_and_case() -> None:
    assert distance("IN zOOm", "Zoom in") == distance("zoom in", "Zoom in")


@given(st.text(alphabet="abcdef ghij", max_size=20), st.data())
def test_that_letters_taken_out_of_a_text_in_order_always_fit(text: str, data: st.DataObject) -> None:
    kept = data.draw(st.lists(st.booleans(), min_size=len(text), max_size=len(text)))
    typed = "".join(letter for letter, keep in zip(text, kept, strict=True) if keep and letter != " ")
    far = distance(typed, text)
    assert far is not None
    assert 0 <= far < 4
