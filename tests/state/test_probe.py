"""Value under the mouse: nearest voxel of each layer, with unit."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from viewer.imaging.volume import Quantity
from viewer.imaging.window import Window
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import OpenVolume
from viewer.state.probe import format_value, read_point
from viewer.state.view import ViewState

MakeVolume = Callable[..., OpenVolume]


def opened(view: ViewState, item: OpenVolume) -> OpenVolume:
    view.library.add(item)
    view.show(ImageLayer(item.volume.uid, Window(2000, 4000)))
    return item


def test_that_B23_the_reading_is_the_nearest_voxel_in_the_displayed_quantity(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume(slope=2.0, intercept=-1024.0))
    (reading,) = read_point(view, (-7.2, -15.6, -23.9))
    assert reading.index == (2, 2, 3)
    assert reading.value == pytest.approx(2 * 2230 - 1024)
    assert reading.text == "HU 3436"


def test_that_the_suv_reading_is_the_factor_times_the_activity(
    view: ViewState, make_volume: MakeVolume
) -> None:
    opened(view, make_volume(quantity=Quantity("Bq/mL"), modality="PT", suv_factor=4.2111e-4))
    (reading,) = read_point(view, (-7, -16, -24))
    assert reading.value == pytest.approx(2230 * 4.2111e-4)
    assert reading.text == "SUV 0.94"


def test_that_B07_padding_is_called_padding(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume(padding=(2230.0, 2230.0)))
    assert [reading.text for reading in read_point(view, (-7, -16, -24))] == ["padding"]


def test_that_nothing_is_read_outside(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    assert read_point(view, (50, 0, 0)) == ()


def test_that_slices_still_loading_have_no_value(view: ViewState, make_volume: MakeVolume) -> None:
    item = make_volume(ready=np.array([True, True, False, True, True]))
    opened(view, item)
    (reading,) = read_point(view, (-7, -16, -24))
    assert (reading.text, reading.value) == ("loading", None)


def test_that_both_layers_are_read_at_the_same_point(view: ViewState, make_volume: MakeVolume) -> None:
    opened(view, make_volume())
    affine = np.diag([5.0, 5, 5, 1])[[2, 1, 0, 3]]
    affine[:3, 3] = (-17, -26, -34)
    pet = make_volume("2", affine=affine, modality="PT", quantity=Quantity("Bq/mL"))
    view.library.add(pet)
    view.set_overlay(ImageLayer("2", Window(2000, 4000)))
    base, overlay = read_point(view, (-7, -16, -24))
    assert (base.role, base.value) == (Role.BASE, 2230)
    assert (overlay.role, overlay.value) == (Role.OVERLAY, 2220)


@pytest.mark.parametrize(
    "value, unit, text",
    [
        (37.4, "HU", "HU 37"),
        (4.206, "SUV", "SUV 4.21"),
        (121329.97, "Bq/mL", "121330 Bq/mL"),
        (12.0, "", "12"),
        (0.31, "Gy", "0.31 Gy"),
    ],
)
def test_that_E25_values_carry_their_unit(value: float, unit: str, text: str) -> None:
    assert format_value(value, unit) == text
