from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.segmentation.models import CARD
from viewer.errors import FormatError
from viewer.segmentation.card import read_card, write_card


def written(folder: Path, more: str = "", text: str = CARD) -> Path:
    path = folder / "bright.toml"
    path.write_text(text.format(more=more), encoding="utf-8")
    return path


def test_that_a_card_says_what_the_model_expects(tmp_path: Path) -> None:
    card = read_card(written(tmp_path))
    assert (card.axis, card.rows, card.columns, card.slices) == ("coronal", "F", "L", "P")
    assert card.size == (64, 48)
    assert card.model == tmp_path / "bright.onnx"
    assert card.labels == {1: "bright"}
    assert read_card(tmp_path / "bright.onnx") == card


def test_that_values_are_clipped_to_the_window_and_nothing_is_its_lower_end(tmp_path: Path) -> None:
    card = read_card(written(tmp_path, "scale = [-1.0, 1.0]"))
    values = np.array([-500, -100, 0, 50, 100, 900, np.nan, np.inf], np.float32)
    assert card.seen(values).tolist() == [-1, -1, 0, 0.5, 1, 1, -1, -1]


def test_that_a_card_comes_back_as_it_was_written(tmp_path: Path) -> None:
    more = 'spacing_mm = [2.0, 1.5]\nrows = "H"\ncolumns = "R"\noutput = "probabilities"\nthreshold = 0.4'
    card = read_card(written(tmp_path, more, CARD.replace("Bright things", r"A \"name\" with \\ in it")))
    write_card(tmp_path / "again.toml", card)
    assert read_card(tmp_path / "again.toml") == card


@pytest.mark.parametrize(
    "change,sentence",
    [
        (("axis = ", "plane = "), "is not an entry of a card"),
        (('"coronal"', '"oblique"'), "must be one of axial, coronal, sagittal"),
        (("[64, 48]", "[64]"), '"size" must be 2 numbers'),
        (("[64, 48]", "[64, 99999]"), '"size" must be between 1 and 4096'),
        (("[-100.0, 100.0]", "[100.0, -100.0]"), "a lower and a higher number"),
        (("[-100.0, 100.0]", "[nan, 100.0]"), "must be numbers"),
        (("1 = ", "0 = "), "numbers from 1"),
        (("{more}", 'rows = "A"'), "two directions of coronal slices"),
        (("{more}", 'rows = "L"'), "two directions of coronal slices"),
        (("{more}", 'fit = "stretch"\nspacing_mm = [1, 1]'), "cannot be stretch"),
        (("{more}", "threshold = 1.0"), "between 0 and 1"),
        (("{more}", "this is no toml"), "is not valid TOML"),
        (('"slices"', '"patches"'), "of patches is axial"),
    ],
)
def test_that_a_wrong_card_is_named_with_the_entry(
    tmp_path: Path, change: tuple[str, str], sentence: str
) -> None:
    with pytest.raises(FormatError, match=sentence) as caught:
        read_card(written(tmp_path, text=CARD.replace(*change)))
    assert caught.value.user_message.startswith("bright.toml")


def test_that_a_missing_card_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"spleen\.toml is not there"):
        read_card(tmp_path / "spleen.onnx")
