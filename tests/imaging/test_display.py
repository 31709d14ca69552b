"""The colour table of a layer, looked up exactly as the render kernel does, against the window functions."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from viewer.imaging.colormap import colormap
from viewer.imaging.display import layer_table
from viewer.imaging.window import VoiFunction, VoiTable, Window

GREY, HOT = colormap("grey"), colormap("hot-iron")
EXACT = VoiFunction.LINEAR_EXACT


def look_up(
    found: tuple[npt.NDArray[np.uint8], float, float], stored: npt.ArrayLike, dtype: type = np.float32
) -> npt.NDArray[np.uint8]:
    """The contract with the kernel, in its single precision."""
    table, lower, upper = found
    v: npt.NDArray[Any] = np.asarray(stored, dtype)
    lo, hi = dtype(lower), dtype(upper)
    last = len(table) - 1
    if lo == hi:
        index = np.where(v <= lo, 0, last)
    else:
        index = np.floor(np.clip((v - lo) / (hi - lo), 0, 1) * dtype(last) + dtype(0.5)).astype(int)
    return table[index]


def expected(window: Window | VoiTable, x: npt.ArrayLike) -> npt.NDArray[np.int64]:
    return np.floor(window.apply(x) * 255 + 0.5).astype(np.int64)


@pytest.mark.parametrize("slope,intercept", [(1.0, -1024.0), (0.5, 10.0), (-1.0, 300.0), (2.0, 0.0)])
@pytest.mark.parametrize(
    "window",
    [
        Window(40, 80), Window(40, 80, EXACT), Window(40, 80, VoiFunction.SIGMOID), Window(-600, 1500),
        Window(480, 2500), Window(40, 1), Window(0, 0.5, EXACT),
    ],
)  # fmt: skip
def test_that_every_window_shows_the_grey_its_function_says_within_one_level(
    window: Window, slope: float, intercept: float
) -> None:
    x = np.arange(-1500, 2500, dtype=np.float64)
    shown = look_up(layer_table(window, GREY, slope=slope, intercept=intercept), (x - intercept) / slope)
    assert np.abs(shown[:, 0].astype(int) - expected(window, x)).max() <= 1
    assert bool((shown[:, 3] == 255).all())


def test_that_the_brain_window_is_exact_and_saturates_at_both_ends() -> None:
    x = np.arange(-5, 90)
    shown = look_up(layer_table(Window(40, 80), GREY), x)[:, 0]
    assert shown.tolist() == expected(Window(40, 80), x).tolist()
    assert shown[x == 0] == 0
    assert shown[x == 79] == 255


def test_that_B16_monochrome1_inverts_after_the_window() -> None:
    table = layer_table(Window(40, 80), GREY, invert=True)
    shown = look_up(table, [-10, 0, 1, 39, 40, 79, 80])[:, 0].astype(int)
    # dcmtk truncates where this rounds: one level
    assert np.abs(shown - [255, 255, 251, 129, 125, 0, 0]).max() <= 1


def test_that_C06_header_windows_reproduce_an_independent_renderer_within_one_level() -> None:
    from pydicom import Dataset
    from pydicom.pixels.processing import apply_voi_lut

    dataset = Dataset()
    dataset.WindowCenter, dataset.WindowWidth, dataset.PhotometricInterpretation = 40, 400, "MONOCHROME2"
    dataset.BitsStored, dataset.PixelRepresentation, dataset.RescaleSlope, dataset.RescaleIntercept = (
        16,
        1,
        1,
        0,
    )
    x = np.arange(-1000, 1000, dtype=np.int16)
    theirs = apply_voi_lut(x, dataset)
    scaled = (theirs - theirs.min()) / (theirs.max() - theirs.min()) * 255
    shown = look_up(layer_table(Window(40, 400), GREY), x)[:, 0]
    assert np.abs(shown - scaled).max() <= 1


def test_that_B14_each_entry_of_a_lookup_table_gives_its_own_grey() -> None:
    lut = VoiTable(-2, np.array([0, 10, 100, 255], np.uint16), 8)
    table, lower, upper = layer_table(lut, GREY)
    assert (len(table), lower, upper) == (4, -2.0, 1.0)
    shown = look_up((table, lower, upper), [-9, -2, -1, 0, 1, 9])[:, 0]
    assert shown.tolist() == [0, 0, 10, 100, 255, 255]
    single = layer_table(VoiTable(5, np.array([128], np.uint16), 8), GREY)
    assert look_up(single, [0, 5, 9])[:, 0].tolist() == [128, 128, 128]


@pytest.mark.parametrize("invert", [False, True])
@pytest.mark.parametrize("slope", [1.0, 4.2111e-4, -0.25])
@pytest.mark.parametrize("lower,upper", [(0.0, 7.0), (1.0, 5.0), (-1000.0, -950.0), (0.0, 120_000.0)])
def test_that_D35_values_at_or_below_the_lower_bound_are_transparent_and_the_next_is_visible(
    lower: float, upper: float, slope: float, invert: bool
) -> None:
    found = layer_table(
        Window.from_bounds(lower, upper), HOT, invert=invert, opacity=0.5, transparent_below=True, slope=slope
    )
    step = (upper - lower) / 255
    x = np.array(
        [lower - 10 * step, lower - step, lower, lower + 0.02 * step, lower + step, upper, upper + step]
    )
    assert look_up(found, x / slope, np.float64)[:, 3].tolist() == [0, 0, 0, 128, 128, 128, 128]
    assert look_up(found, x / slope)[:3, 3].tolist() == [0, 0, 0]
    assert look_up(found, x / slope)[4:, 3].tolist() == [128, 128, 128]


@pytest.mark.parametrize("stored_lower", [0, 100, -1000])
def test_that_D35_the_next_stored_number_above_the_bound_shows(stored_lower: int) -> None:
    found = layer_table(Window.from_bounds(stored_lower, stored_lower + 200), HOT, transparent_below=True)
    assert look_up(found, [stored_lower, stored_lower + 1])[:, 3].tolist() == [0, 255]


def test_that_transparency_leaves_the_colours_of_visible_values_as_they_are() -> None:
    x = np.linspace(0.03, 7.5, 4001)
    window = Window.from_bounds(0, 7)
    plain = look_up(layer_table(window, GREY), x)[:, 0].astype(int)
    fused = look_up(layer_table(window, GREY, transparent_below=True), x)[:, 0].astype(int)
    assert np.abs(plain - fused).max() <= 1
    assert (plain != fused).mean() < 0.02


@pytest.mark.parametrize("slope", [1.0, -1.0])
def test_that_a_window_of_width_one_is_a_step_at_the_right_value(slope: float) -> None:
    # table B.1: c 0, w 1: x <= -1 black, x >= 0 white; the step lies at -0.5
    found = layer_table(Window(0, 1), GREY, slope=slope)
    assert look_up(found, np.array([-2.0, -1.0, -0.5, 0.0, 1.0]) / slope)[:, 0].tolist() == [
        0,
        0,
        0,
        255,
        255,
    ]
    hidden = layer_table(Window(0, 1), GREY, transparent_below=True, slope=slope)
    assert look_up(hidden, np.array([-1.0, -0.5, 0.0]) / slope)[:, 3].tolist() == [0, 0, 255]


def test_that_a_sigmoid_hides_below_its_lower_bound_only() -> None:
    found = layer_table(Window(10, 4, VoiFunction.SIGMOID), GREY, transparent_below=True)
    assert look_up(found, [2.0, 7.9, 8.1, 12.0])[:, 3].tolist() == [0, 0, 255, 255]


def test_that_opacity_becomes_alpha_and_nothing_else() -> None:
    half, full = layer_table(Window(0, 10), HOT, opacity=0.5)[0], layer_table(Window(0, 10), HOT)[0]
    assert set(half[:, 3]) == {128}
    assert np.array_equal(half[:, :3], full[:, :3])
    assert set(layer_table(Window(0, 10), HOT, opacity=0.0)[0][:, 3]) == {0}


@pytest.mark.parametrize(
    "slope,intercept,opacity", [(0.0, 0.0, 1.0), (math.nan, 0, 1), (1, math.inf, 1), (1, 0, 1.1)]
)
def test_that_numbers_that_make_no_sense_are_refused(slope: float, intercept: float, opacity: float) -> None:
    with pytest.raises(ValueError, match=r"slope|opacity"):
        layer_table(Window(40, 80), GREY, slope=slope, intercept=intercept, opacity=opacity)


def test_that_dragging_a_linear_window_reuses_the_same_read_only_table() -> None:
    first, second = layer_table(Window(40, 80), HOT)[0], layer_table(Window(41, 90), HOT)[0]
    assert first is second
    assert not first.flags.writeable
    assert first.flags.c_contiguous


@settings(max_examples=60)
@given(
    st.floats(-1e3, 1e3), st.floats(1.0, 5e3), st.sampled_from(list(VoiFunction)), st.sampled_from([1.0, -1.0, 0.37]),
    st.booleans(),
)  # fmt: skip
def test_that_B17_any_window_and_slope_agree_with_the_exact_function(
    center: float, width: float, function: VoiFunction, slope: float, invert: bool
) -> None:
    window = Window(center, width, function)
    x = np.linspace(center - 1.5 * width - 2, center + 1.5 * width + 2, 301)
    shown = look_up(layer_table(window, GREY, invert=invert, slope=slope), x / slope, np.float64)[
        :, 0
    ].astype(int)
    wanted = expected(window, x)
    near_step = np.abs(x - window.lower) < 1e-6 if width < 1.01 else np.zeros(x.shape, bool)
    assert np.abs(shown - (255 - wanted if invert else wanted))[~near_step].max() <= 1
