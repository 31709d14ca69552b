"""Which window a volume opens with."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from viewer.imaging.volume import Quantity
from viewer.imaging.window import Window
from viewer.state.first_window import AUTOMATIC, first_window, header_windows
from viewer.state.library import OpenVolume

MakeVolume = Callable[..., OpenVolume]


def test_that_B13_the_first_header_window_opens_with_its_explanation(make_volume: MakeVolume) -> None:
    windows = (Window(40, 80, name="BRAIN"), Window(600, 2800, name="BONE"))
    assert first_window(make_volume(windows=windows).volume) == (windows[0], "BRAIN")


def test_that_C02_a_header_window_in_becquerel_is_never_used_for_suv(make_volume: MakeVolume) -> None:
    pet = make_volume(
        modality="PT", quantity=Quantity("Bq/mL"), suv_factor=1e-4, windows=(Window(16000, 32000),)
    ).volume
    window, name = first_window(pet)
    assert (window.lower, window.upper, name) == (0.0, 7.0, "SUV 0-7")
    assert header_windows(pet) == ()


def test_that_B15_a_ct_without_window_opens_at_40_400_and_others_by_their_values(
    make_volume: MakeVolume,
) -> None:
    window, name = first_window(make_volume().volume)
    assert (window, name) == (Window(40, 400), AUTOMATIC)
    other, _ = first_window(make_volume(modality="MR", quantity=Quantity("")).volume)
    values = np.sort(make_volume().volume.array.reshape(-1))
    assert other.lower == pytest.approx(np.percentile(values, 1), abs=200)
    assert other.upper == pytest.approx(np.percentile(values, 99), abs=200)
