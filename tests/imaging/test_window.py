"""VOI windows against table B.1 of the clinical rules and the formulas of PS3.3 C.11.2.1, written out again."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from viewer.imaging.histogram import histogram
from viewer.imaging.window import VoiFunction, VoiTable, Window, default_window, dragged, header_windows

EXACT, SIGMOID = VoiFunction.LINEAR_EXACT, VoiFunction.SIGMOID


@pytest.mark.parametrize(
    "window,x,expected",
    [
        *[(Window(40, 80), x, y) for x, y in {
            -1: 0, 0: 0, 1: 0.012658, 20: 0.253165, 39: 0.493671, 40: 0.506329, 41: 0.518987, 79: 1, 80: 1, 81: 1,
        }.items()],
        *[(Window(40, 80, EXACT), x, y) for x, y in {
            -1: 0, 0: 0, 1: 0.0125, 20: 0.25, 39: 0.4875, 40: 0.5, 41: 0.5125, 79: 0.9875, 80: 1, 81: 1,
        }.items()],
        *[(Window(40, 80, SIGMOID), x, y) for x, y in {
            0: 0.119203, 20: 0.268941, 39: 0.487503, 40: 0.5, 41: 0.512497, 80: 0.880797,
        }.items()],
        *[(Window(40, 400), x, y) for x, y in {
            -160: 0, -159: 0.002506, 0: 0.401003, 40: 0.501253, 239: 1, 240: 1, 3000: 1,
        }.items()],
        *[(Window(0.5, 1), x, y) for x, y in {-1: 0, 0: 0, 1: 1, 2: 1}.items()],
        *[(Window(0, 1), x, y) for x, y in {-2: 0, -1: 0, 0: 1, 1: 1}.items()],
    ],
)  # fmt: skip
def test_that_B09_B10_B11_windows_give_the_values_of_table_B1(
    window: Window, x: float, expected: float
) -> None:
    assert window.apply(x) == pytest.approx(expected, abs=5e-7)


def test_that_B09_B10_B11_every_value_follows_the_formulas_of_the_standard() -> None:
    for x in np.linspace(-200, 300, 977):
        c, w = 37.0, 91.0
        linear = 0.0 if x <= c - 0.5 - (w - 1) / 2 else 1.0 if x > c - 0.5 + (w - 1) / 2 else (
            (x - (c - 0.5)) / (w - 1) + 0.5
        )  # fmt: skip
        exact = 0.0 if x <= c - w / 2 else 1.0 if x > c + w / 2 else (x - c) / w + 0.5
        assert Window(c, w).apply(x) == pytest.approx(linear, abs=1e-15)
        assert Window(c, w, EXACT).apply(x) == pytest.approx(exact, abs=1e-15)
        assert Window(c, w, SIGMOID).apply(x) == pytest.approx(
            1 / (1 + math.exp(-4 * (x - c) / w)), abs=1e-15
        )


def test_that_B11_a_sigmoid_far_away_from_its_centre_does_not_overflow() -> None:
    assert Window(0, 1e-3, SIGMOID).apply([-1e9, 1e9]).tolist() == [0.0, 1.0]


def test_that_B12_an_suv_window_saturates_at_its_upper_bound_and_a_linear_one_would_not() -> None:
    assert (Window.from_bounds(0, 5).lower, Window.from_bounds(0, 5).upper) == (0.0, 5.0)
    assert (Window(2.5, 5).lower, Window(2.5, 5).upper) == (0.0, 4.0)
    assert Window(5, 10).upper == 9.0
    narrow = Window(0.25, 0.5, EXACT)
    assert (narrow.lower, narrow.upper) == (0.0, 0.5)
    with pytest.raises(ValueError, match="at least 1"):
        Window(0.25, 0.5)


@pytest.mark.parametrize(
    "center,width,function",
    [
        (0, 0, EXACT), (0, -1, EXACT), (0, math.nan, EXACT), (math.nan, 1, EXACT), (math.inf, 1, EXACT),
        (0, math.inf, SIGMOID), (0, 0.99, VoiFunction.LINEAR), (0, 0, SIGMOID),
    ],
)  # fmt: skip
def test_that_a_window_that_makes_no_sense_cannot_exist(
    center: float, width: float, function: VoiFunction
) -> None:
    with pytest.raises(ValueError, match="window"):
        Window(center, width, function)


@given(
    st.floats(-1e4, 1e4),
    st.floats(1e-3, 1e4),
    st.sampled_from([EXACT, VoiFunction.LINEAR]),
    st.lists(st.floats(-1e5, 1e5)),
)
def test_that_bounds_make_the_window_they_came_from_and_windows_never_fall(
    lower: float, width: float, function: VoiFunction, values: list[float]
) -> None:
    window = Window.from_bounds(lower, lower + width, "w", function)
    assert window.lower == pytest.approx(lower, abs=1e-7)
    assert window.upper == pytest.approx(lower + width, abs=1e-7)
    shown = window.apply(sorted(values))
    assert bool(np.all(np.diff(shown) >= 0))
    assert shown.size == 0 or (shown.min() >= 0 and shown.max() <= 1)


def test_that_nan_stays_nan_so_that_it_can_be_left_out_of_the_picture() -> None:
    for window in (Window(40, 80), Window(40, 80, EXACT), Window(40, 80, SIGMOID), Window(0.5, 1)):
        assert math.isnan(float(window.apply(math.nan)))
    assert math.isnan(float(VoiTable(0, np.array([0, 65535], np.uint16)).apply(math.nan)))


def test_that_B14_a_lookup_table_clamps_outside_its_range() -> None:
    table = VoiTable(0, np.array([0, 10, 100, 255], np.uint16), 8)
    shown = table.apply([-5, 0, 1, 2, 3, 9]) * 255
    assert shown.round(9).tolist() == [0, 0, 10, 100, 255, 255]
    assert (table.lower, table.upper) == (0.0, 3.0)


def test_that_B13_centres_and_widths_pair_by_index_with_their_explanations() -> None:
    windows, notes = header_windows((40, 600), (80, 2800), ("BRAIN", "BONE"), "LINEAR")
    assert windows == (Window(40, 80, name="BRAIN"), Window(600, 2800, name="BONE"))
    assert notes == ()


def test_that_B13_unequal_counts_use_the_common_pairs_and_say_so() -> None:
    windows, notes = header_windows((40, 600, 1), (80, 2800), ("BRAIN",))
    assert [window.name for window in windows] == ["BRAIN", ""]
    assert len(notes) == 1


@pytest.mark.parametrize(
    "center,width", [(0.0, 0.0), (40.0, 0.0), (40.0, -3.0), (math.nan, 80.0), (40.0, math.inf)]
)
def test_that_B15_degenerate_header_windows_are_left_out_and_reported(center: float, width: float) -> None:
    windows, notes = header_windows((center, 40.0), (width, 80.0))
    assert windows == (Window(40, 80),)
    assert len(notes) == 1


def test_that_B15_a_centre_far_outside_the_data_is_not_believed() -> None:
    windows, notes = header_windows((500_000.0, 40.0), (80.0, 80.0), data_range=(-1000.0, 3000.0))
    assert windows == (Window(40, 80),)
    assert len(notes) == 1
    assert header_windows((300_000.0,), (80.0,), data_range=(-1000.0, 3000.0))[1] == ()


def test_that_header_functions_are_kept_and_a_width_below_one_becomes_exact() -> None:
    assert header_windows((1.0,), (2.0,), (), "sigmoid ")[0] == (Window(1, 2, SIGMOID),)
    windows, notes = header_windows((0.25,), (0.5,), (), "LINEAR")
    assert windows == (Window(0.25, 0.5, EXACT),)
    assert len(notes) == 1
    assert header_windows((1.0,), (2.0,), (), "CURVED") == (
        (Window(1, 2),),
        ("The VOI LUT function of the header is unknown; LINEAR is used.",),
    )


def test_that_B15_the_fallback_window_follows_modality_and_data() -> None:
    assert default_window("HU", "CT", None) == Window(40, 400)
    assert default_window("SUV", "PT", None) == Window.from_bounds(0, 7)
    values = np.arange(10_001, dtype=np.int16)
    stats = histogram(values)
    pet = default_window("Bq/mL", "PT", stats)
    assert (pet.lower, pet.upper) == pytest.approx((0.0, 9950.0))
    other = default_window("", "MR", stats)
    assert (other.lower, other.upper) == pytest.approx((100.0, 9900.0))
    assert default_window("", "MR", histogram(np.full(9, 5, np.int16))).center == 5
    assert default_window("", "MR", histogram(np.zeros(0, np.int16))) == Window(128, 256)
    rare = np.zeros(10_000, np.float32)
    rare[7] = 3.0
    sparse = default_window("", "MR", histogram(rare))
    assert (sparse.lower, sparse.upper) == (0.0, 3.0)


def test_that_dragging_right_widens_and_dragging_up_lowers_the_level() -> None:
    start = Window(40, 80, name="Brain")
    assert dragged(start, 10, 0).width > 80
    assert dragged(start, -10, 0).width < 80
    assert dragged(start, 0, -10).center < 40
    assert dragged(start, 0, 250).center == pytest.approx(120)
    assert dragged(start, 1, 1).name == ""
    assert dragged(start, 0, 0).function is start.function


def test_that_the_speed_of_a_drag_follows_the_width() -> None:
    narrow, wide = dragged(Window(0, 80), 10, 10), dragged(Window(0, 8000), 10, 10)
    assert wide.width == pytest.approx(100 * narrow.width)
    assert wide.center == pytest.approx(100 * narrow.center)


@given(st.floats(-2e4, 2e4), st.floats(-2e4, 2e4), st.sampled_from(list(VoiFunction)))
def test_that_no_drag_leads_to_an_impossible_window(dx: float, dy: float, function: VoiFunction) -> None:
    window = Window(40, 80, function)
    for _ in range(5):
        window = dragged(window, dx, dy)
    assert window.width >= (1 if function is VoiFunction.LINEAR else 0)


def test_that_dragging_there_and_back_ends_where_it_began() -> None:
    assert dragged(dragged(Window(40, 80), 37, 0), -37, 0).width == pytest.approx(80)
