"""Which window a volume opens with."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from viewer.imaging.geometry import VolumeGeometry
from viewer.imaging.volume import Quantity, Volume
from viewer.imaging.window import Window
from viewer.state.first_window import AUTOMATIC, first_window, header_windows, window_slices
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


@pytest.mark.parametrize("count", [1, 15, 16, 17, 31, 32, 47, 48, 200])
def test_that_the_slices_a_window_depends_on_give_it_alone(count: int) -> None:
    values = np.random.default_rng(count).normal(500, 200, (count, 6, 8)).astype(np.int16)
    values[1::2] *= 3
    whole = Volume("mr", values, VolumeGeometry((count, 6, 8), np.eye(4)), modality="MR")
    whole.corrupt[3::9] = True
    needed = window_slices(whole, np.flatnonzero(~whole.corrupt))
    assert len(needed) < 32
    part = Volume("mr", values[needed], VolumeGeometry((len(needed), 6, 8), np.eye(4)), modality="MR")
    assert first_window(part) == first_window(whole)


def test_that_a_window_that_the_header_or_the_quantity_decides_needs_no_slice() -> None:
    volume = Volume("ct", np.zeros((4, 6, 8), np.int16), VolumeGeometry((4, 6, 8), np.eye(4)))
    every = np.arange(4)
    for known in (
        {"quantity": Quantity("HU")},
        {"windows": (Window(1, 2),)},
        {"suv_factor": 1.0},
        {"array": np.zeros((3, 4, 6, 8), np.uint8)},
    ):
        assert not window_slices(replace(volume, **known), every).size
    for all_needed in ({"modality": "RTDOSE"}, {"quantity": Quantity("label")}):
        assert window_slices(replace(volume, **all_needed), every).size == 4
