"""Exact window entry (rule C05)."""

from __future__ import annotations

import pytest
from pytestqt.qtbot import QtBot

from viewer.imaging.window import VoiFunction, Window
from viewer.ui.dialogs.window_dialog import WindowDialog


def _dialog(qtbot: QtBot, window: Window, unit: str) -> WindowDialog:
    dialog = WindowDialog(window, unit, "CT")
    qtbot.addWidget(dialog)
    return dialog


def test_that_C05_typed_width_and_level_are_the_window(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, Window(40, 80), "HU")
    dialog.fields.width_box.setValue(2500)
    dialog.fields.level_box.setValue(480)
    assert dialog.window_value == Window(480, 2500)


def test_that_the_ends_follow_the_linear_definition_of_dicom(qtbot: QtBot) -> None:
    """PS3.3 C.11.2.1.2.1: for w = 80, c = 40 black ends at 40 - 0.5 - 79 / 2 = 0 and white begins at 79."""
    dialog = _dialog(qtbot, Window(40, 80), "HU")
    assert (dialog.fields.lower_box.value(), dialog.fields.upper_box.value()) == (0, 79)


def test_that_typed_ends_give_the_width(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, Window(40, 80), "HU")
    dialog.fields.lower_box.setValue(-150)
    dialog.fields.upper_box.setValue(249)
    assert dialog.window_value == Window(50, 400)
    assert dialog.fields.width_box.value() == 400
    assert dialog.fields.level_box.value() == 50


def test_that_suv_ends_are_exact(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, Window.from_bounds(0, 7), "SUV")
    dialog.fields.upper_box.setValue(12.5)
    window = dialog.window_value
    assert window.function is VoiFunction.LINEAR_EXACT
    assert (window.lower, window.upper) == (0, 12.5)


def test_that_an_impossible_window_is_refused_and_the_last_good_one_stays(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, Window.from_bounds(0, 7), "SUV")
    dialog.fields.lower_box.setValue(9)
    assert not dialog._accept.isEnabled()
    assert "no window" in dialog.fields.note.text()
    assert dialog.window_value == Window.from_bounds(0, 7)
    dialog.fields.upper_box.setValue(12)
    assert dialog._accept.isEnabled()
    assert dialog.window_value == Window.from_bounds(9, 12)


@pytest.mark.parametrize("function", list(VoiFunction))
def test_that_the_function_can_be_chosen_and_is_kept(qtbot: QtBot, function: VoiFunction) -> None:
    dialog = _dialog(qtbot, Window(40, 80), "HU")
    dialog.fields.function_box.setCurrentIndex(dialog.fields.function_box.findData(function))
    assert dialog.window_value == Window(40, 80, function)


def test_that_a_live_picture_can_follow(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, Window(40, 80), "HU")
    with qtbot.waitSignal(dialog.changed) as blocker:
        dialog.fields.level_box.setValue(60)
    assert blocker.args == [Window(60, 80)]


def test_that_a_window_with_fractions_is_not_rounded(qtbot: QtBot) -> None:
    dialog = _dialog(qtbot, Window(40.25, 80.5), "HU")
    dialog.fields.width_box.setValue(90)
    assert dialog.window_value == Window(40.25, 90)
