"""Histogram: pixels and values agree, limits follow the mouse, counts of a ramp are flat."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import QPoint, Qt
from pytestqt.qtbot import QtBot

from viewer.ui.sidebar._histogram_view import HistogramView


@pytest.fixture
def view(qtbot: QtBot) -> HistogramView:
    made = HistogramView("test")
    qtbot.addWidget(made)
    made.resize(412, 120)
    made.show()
    made.set_data(np.linspace(-1000, 1000, 201), np.full(200, 50))
    made.set_limits(-200, 300, narrowest=1, digits=0)
    made.fit()
    return made


@pytest.fixture
def dragged(view: HistogramView) -> list[tuple[float, float]]:
    seen: list[tuple[float, float]] = []
    view.limits_dragged.connect(lambda low, high: seen.append((low, high)))
    return seen


def drag(view: HistogramView, qtbot: QtBot, start: float, end: float) -> None:
    def at(value: float) -> QPoint:
        return QPoint(round(view.x_of(value)), 40)

    qtbot.mousePress(view, Qt.MouseButton.LeftButton, pos=at(start))
    qtbot.mouseMove(view, at(end))
    qtbot.mouseRelease(view, Qt.MouseButton.LeftButton, pos=at(end))


def test_that_pixels_map_to_values_and_back(view: HistogramView) -> None:
    assert view.axis == (-1000.0, 1000.0)
    # 400 pixels of plot between margins of 6 for 2000 units: 5 units a pixel.
    assert view.x_of(-1000) == pytest.approx(6)
    assert view.x_of(0) == pytest.approx(206)
    assert view.value_at(view.x_of(123.0)) == pytest.approx(123)


@pytest.mark.parametrize(
    "start, end, lower, upper",
    [(-200, -400, -400, 300), (300, 500, -200, 500), (0, 100, -100, 400)],
    ids=["lower limit", "upper limit", "whole window"],
)
def test_that_the_limit_that_was_caught_moves(
    view: HistogramView,
    dragged: list[tuple[float, float]],
    qtbot: QtBot,
    start: float,
    end: float,
    lower: float,
    upper: float,
) -> None:
    drag(view, qtbot, start, end)
    assert dragged[-1] == pytest.approx((lower, upper), abs=5)


def test_that_limits_never_cross(
    view: HistogramView, dragged: list[tuple[float, float]], qtbot: QtBot
) -> None:
    drag(view, qtbot, -200, 900)
    assert dragged[-1] == (299, 300)


def test_that_a_press_outside_the_window_moves_nothing(
    view: HistogramView, dragged: list[tuple[float, float]], qtbot: QtBot
) -> None:
    drag(view, qtbot, 800, 900)
    assert dragged == []


def test_that_drawing_limits_from_outside_is_not_a_drag(
    view: HistogramView, dragged: list[tuple[float, float]]
) -> None:
    view.set_limits(0, 80, narrowest=1, digits=0)
    assert view.limits == (0.0, 80.0)
    assert dragged == []


def test_that_the_axis_follows_a_window_too_narrow_to_grip_and_comes_back(view: HistogramView) -> None:
    view.set_limits(0, 80, narrowest=1, digits=0)
    assert view.axis == (-120.0, 200.0)
    view.set_limits(-500, 700, narrowest=1, digits=0)
    assert view.axis == (-1000.0, 1000.0)


def test_that_the_axis_stays_where_it_is_for_a_window_that_can_be_gripped(view: HistogramView) -> None:
    view.set_limits(-100, 300, narrowest=1, digits=0)
    assert view.axis == (-1000.0, 1000.0)


def test_that_arrow_keys_move_and_widen_the_window(
    view: HistogramView, dragged: list[tuple[float, float]], qtbot: QtBot
) -> None:
    for key in (Qt.Key.Key_Right, Qt.Key.Key_Left, Qt.Key.Key_Up, Qt.Key.Key_Down):
        qtbot.keyClick(view, key)
    # Steps are 2 % of the width of 500.
    assert dragged == [(-190, 310), (-210, 290), (-205, 305), (-195, 295)]


def test_that_counts_of_a_ramp_are_flat_inside_and_zero_outside(view: HistogramView) -> None:
    assert set(view.column_counts(400)) == {50.0}
    view.set_limits(2000, 2100, narrowest=1, digits=0)
    assert view.column_counts(100).max() == 0.0


def test_that_the_tallest_bin_survives_when_many_share_a_pixel(view: HistogramView) -> None:
    counts = np.ones(1000)
    counts[537] = 9
    view.set_data(np.linspace(-1000, 1000, 1001), counts)
    columns = view.column_counts(10)
    assert columns[5] == 9
    assert set(np.delete(columns, 5)) == {1.0}


def test_that_the_strip_shows_the_colours_between_the_limits(view: HistogramView) -> None:
    view.set_colours(np.array([[255, 0, 0], [0, 0, 255]], np.uint8))
    image = view.grab().toImage()
    plot = view._plot()
    y = int(plot.bottom()) + 5
    assert image.pixelColor(round(view.x_of(-900)), y).name() == "#ff0000"
    assert image.pixelColor(round(view.x_of(900)), y).name() == "#0000ff"
    assert image.pixelColor(round(view.x_of(-100)), y).name() == "#ff0000"
    assert image.pixelColor(round(view.x_of(200)), y).name() == "#0000ff"


def test_that_the_wheel_zooms_about_the_mouse(view: HistogramView) -> None:
    before = view.value_at(206)
    view._set_axis(-500, 500)
    assert view.value_at(206) == pytest.approx(before)


def test_that_an_empty_histogram_draws(qtbot: QtBot) -> None:
    view = HistogramView("empty")
    qtbot.addWidget(view)
    assert not view.grab().isNull()
