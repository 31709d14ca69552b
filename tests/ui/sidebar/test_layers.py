"""Layers section: presets, exact entry, histogram and overlay controls change the state, and follow it."""

from __future__ import annotations

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtWidgets import QComboBox, QWidget
from pytestqt.qtbot import QtBot

from tests.ui.sidebar import builders
from viewer.dicom.model import Catalogue, SeriesKind
from viewer.imaging.presets import Preset
from viewer.imaging.volume import Quantity
from viewer.imaging.window import VoiFunction, Window, as_window
from viewer.state.layers import Role
from viewer.state.navigation import set_opacity
from viewer.ui.context import UiContext
from viewer.ui.sidebar._layer_data import acquisition_gap_text, entry_for, user_function, volume_histogram
from viewer.ui.sidebar._window_block import WindowBlock
from viewer.ui.sidebar.layers import LayersPanel


@pytest.fixture
def panel(qtbot: QtBot, fused: UiContext) -> LayersPanel:
    made = LayersPanel(fused)
    qtbot.addWidget(made)
    made.resize(312, 760)
    made.show()
    return made


def block(panel: LayersPanel, role: Role) -> WindowBlock:
    return panel.cards[role].window_block


def choose(combo: QComboBox, text: str) -> None:
    index = next(n for n in range(combo.count()) if combo.itemText(n).startswith(text))
    combo.setCurrentIndex(index)
    combo.activated.emit(index)


def names(combo: QComboBox) -> list[str]:
    return [combo.itemText(n) for n in range(combo.count()) if combo.itemText(n)]


def window_of(context: UiContext, role: Role) -> Window:
    layer = context.view.layer(role)
    assert layer is not None
    assert isinstance(layer.window, Window)
    return layer.window


# --- presets ----------------------------------------------------------------------------------------------------


def test_that_choosing_a_preset_sets_the_window_of_its_layer_only(
    panel: LayersPanel, fused: UiContext
) -> None:
    before = window_of(fused, Role.OVERLAY)
    choose(block(panel, Role.BASE).preset, "Brain")
    assert fused.view.base is not None
    chosen = as_window(fused.view.base.window)
    assert (chosen.center, chosen.width) == (40, 80)
    assert fused.view.base.window_name == "Brain"
    assert window_of(fused, Role.OVERLAY) == before


def test_that_C01_C02_each_layer_offers_only_presets_of_its_quantity_with_their_keys(
    panel: LayersPanel,
) -> None:
    ct, pet = names(block(panel, Role.BASE).preset), names(block(panel, Role.OVERLAY).preset)
    assert "Brain   [1]" in ct
    assert any(name.startswith("SUV 0-7") and "[Shift+2]" in name for name in pet)
    assert not any("SUV" in name for name in ct)
    assert not any("Brain" in name for name in pet)


def test_that_C02_a_pet_without_suv_gets_no_suv_preset_and_its_own_unit(
    panel: LayersPanel, fused: UiContext
) -> None:
    raw = builders.opened(builders.petct(), "pt", uid="raw", suv_factor=None)
    fused.library.add(raw)
    fused.view.set_overlay(builders.layer("raw", Window.from_bounds(0, 5000)))
    pet = block(panel, Role.OVERLAY)
    assert names(pet.preset) == []
    assert pet.unit.text() == "Bq/mL"


def test_that_header_windows_come_first_under_key_0(panel: LayersPanel, fused: UiContext) -> None:
    windows = (Window(40, 80, name="BRAIN"), Window(600, 2800, name="BONE"))
    fused.library.add(builders.opened(builders.petct(), "ct", uid="with", windows=windows))
    fused.view.show(builders.layer("with"), fused.view.overlay)
    listed = names(block(panel, Role.BASE).preset)
    assert listed[:2] == ["BRAIN   [0]", "BONE"]
    choose(block(panel, Role.BASE).preset, "BONE")
    assert window_of(fused, Role.BASE) == windows[1]


def test_that_C02_header_windows_of_becquerels_are_not_offered_for_an_suv(
    panel: LayersPanel, fused: UiContext
) -> None:
    windows = (Window(16000, 32000, name="header"),)
    fused.library.add(builders.opened(builders.petct(), "pt", uid="with", windows=windows))
    fused.view.set_overlay(builders.layer("with", Window.from_bounds(0, 7)))
    assert not any("header" in name for name in names(block(panel, Role.OVERLAY).preset))


def test_that_the_preset_in_force_is_named_and_a_changed_window_is_called_own(
    panel: LayersPanel, fused: UiContext
) -> None:
    combo = block(panel, Role.BASE).preset
    fused.view.set_window(Role.BASE, Window(40, 80), "Brain")
    assert combo.shown_text() == "Brain"
    fused.view.set_window(Role.BASE, Window(41, 83))
    assert combo.shown_text() == "own window"
    fused.view.set_window(Role.BASE, Window(480, 2500))
    assert combo.shown_text() == "Bone", "the same values are the same window"


def test_that_a_preset_of_the_user_appears_at_once(panel: LayersPanel, fused: UiContext) -> None:
    fused.presets.save_own([Preset("own-1", "My stroke", Window(35, 30), "HU")])
    assert "My stroke" in names(block(panel, Role.BASE).preset)


# --- exact entry ------------------------------------------------------------------------------------------------


def test_that_C05_width_and_level_of_a_ct_are_typed_as_whole_numbers(
    panel: LayersPanel, fused: UiContext, qtbot: QtBot
) -> None:
    field = block(panel, Role.BASE).first
    assert (field.text(), block(panel, Role.BASE).second.text()) == ("400", "40")
    field.setFocus()
    field.selectAll()
    qtbot.keyClicks(field, "81")
    assert window_of(fused, Role.BASE).width == 400, "nothing changes while it is being typed"
    qtbot.keyClick(field, Qt.Key.Key_Return)
    assert window_of(fused, Role.BASE) == Window(40, 81, VoiFunction.LINEAR)


def test_that_C03_B12_limits_of_an_suv_window_are_typed_and_exact(
    panel: LayersPanel, fused: UiContext
) -> None:
    pet = block(panel, Role.OVERLAY)
    assert (pet.first.value(), pet.second.value(), pet.unit.text()) == (0.0, 7.0, "SUV")
    pet.second.setValue(0.5)
    window = window_of(fused, Role.OVERLAY)
    assert (window.lower, window.upper, window.function) == (0.0, 0.5, VoiFunction.LINEAR_EXACT)


def test_that_limits_in_the_wrong_order_are_refused_and_the_old_ones_come_back(
    panel: LayersPanel, fused: UiContext
) -> None:
    pet = block(panel, Role.OVERLAY)
    pet.first.setValue(9.0)
    assert window_of(fused, Role.OVERLAY).lower == 0.0
    assert pet.first.value() == 0.0


def test_that_showing_a_fractional_header_window_does_not_round_it_in_the_state(
    panel: LayersPanel, fused: UiContext
) -> None:
    window = Window(40.4, 350.25)
    fused.view.set_window(Role.BASE, window, "header 1")
    assert window_of(fused, Role.BASE) == window
    assert block(panel, Role.BASE).first.text() == "350"


def test_that_a_sigmoid_of_the_header_is_offered_and_kept_when_the_user_edits(
    panel: LayersPanel, fused: UiContext
) -> None:
    base = block(panel, Role.BASE)
    assert base.function.isHidden()
    fused.view.set_window(Role.BASE, Window(40, 80, VoiFunction.SIGMOID))
    assert not base.function.isHidden()
    base.first.setValue(120)
    assert window_of(fused, Role.BASE) == Window(40, 120, VoiFunction.SIGMOID)
    choose(base.function, "Linear exact")
    assert window_of(fused, Role.BASE).function is VoiFunction.LINEAR_EXACT


FINE = Window(0.5, 0.8, VoiFunction.LINEAR_EXACT)


@pytest.mark.parametrize(
    "changes, window, style, digits, function",
    [
        ({}, Window(40, 80), "width-level", 0, VoiFunction.LINEAR),
        ({"quantity": Quantity("")}, Window(600, 1200), "width-level", 0, VoiFunction.LINEAR),
        (
            {"quantity": Quantity(""), "slope": 0.0004},
            FINE,
            "width-level",
            3,
            VoiFunction.LINEAR_EXACT,
        ),
        (
            {"quantity": Quantity("um2/s"), "slope": 0.5},
            Window(0, 900),
            "width-level",
            0,
            VoiFunction.LINEAR_EXACT,
        ),
    ],
    ids=["CT", "MR", "a fine map", "half steps"],
)
def test_that_B12_entry_fits_the_quantity(
    changes: dict[str, object], window: Window, style: str, digits: int, function: VoiFunction
) -> None:
    entry = entry_for(builders.opened(builders.petct(), "ct", **changes).volume, window)
    assert (entry.style, entry.digits, entry.function) == (style, digits, function)


def test_that_B12_a_linear_window_of_a_pet_becomes_exact_when_it_is_edited() -> None:
    linear = Window(2.5, 5)
    entry = entry_for(builders.opened(builders.petct(), "pt").volume, linear)
    assert (entry.style, entry.digits) == ("bounds", 2)
    assert user_function(entry, linear) is VoiFunction.LINEAR_EXACT
    raw = builders.opened(builders.petct(), "pt", suv_factor=None).volume
    assert (
        user_function(entry_for(raw, Window(16000, 32000)), Window(16000, 32000)) is VoiFunction.LINEAR_EXACT
    )


def test_that_only_special_functions_outlive_an_edit() -> None:
    ct = entry_for(builders.opened(builders.petct(), "ct").volume, Window(40, 80))
    assert user_function(ct, Window(40, 80)) is VoiFunction.LINEAR
    assert user_function(ct, Window(40, 80, VoiFunction.SIGMOID)) is VoiFunction.SIGMOID


# --- histogram --------------------------------------------------------------------------------------------------


def test_that_dragging_a_limit_of_the_histogram_changes_the_window(
    panel: LayersPanel, fused: UiContext
) -> None:
    histogram = block(panel, Role.BASE).histogram
    # LINEAR 400/40 reaches from -160 to 239 (table B.1).
    assert histogram.limits == (-160.0, 239.0)
    histogram.limits_dragged.emit(-160.0, 339.4)
    window = window_of(fused, Role.BASE)
    assert (window.lower, window.upper, window.function) == (-160, 339, VoiFunction.LINEAR)
    assert (window.width, window.center) == (500, 90)
    assert histogram.limits == (-160.0, 339.0)
    assert fused.view.base is not None
    assert fused.view.base.window_name == ""


def test_that_the_histogram_counts_displayed_values_of_loaded_slices_only() -> None:
    item = builders.opened(builders.petct(), "pt")
    item.volume.ready[:] = [True, True, False, False, False]
    found = volume_histogram(item.volume)
    assert found is not None
    # 1000 k + 100 j + 10 i for k in 0, 1: up to 1570 Bq/mL, times 0.001.
    assert (found.min, found.max) == pytest.approx((0.0, 1.57))
    assert found.counts.sum() == 2 * 6 * 8
    item.volume.ready[:] = False
    assert volume_histogram(item.volume) is None


def test_that_B07_padding_is_not_counted() -> None:
    item = builders.opened(builders.petct(), "ct", padding=(0.0, 999.0))
    found = volume_histogram(item.volume)
    assert found is not None
    assert (found.min, found.counts.sum()) == (1000.0, 4 * 6 * 8)


def test_that_every_bin_of_whole_numbers_holds_as_many_values() -> None:
    volume = builders.opened(builders.petct(), "ct").volume
    flat = np.arange(5 * 6 * 8, dtype=np.int16).reshape(5, 6, 8)
    volume.array[:] = flat
    found = volume_histogram(volume)
    assert found is not None
    assert set(found.counts[:-1]) == {1}


def test_that_the_histogram_follows_slices_as_they_arrive(
    panel: LayersPanel, fused: UiContext, qtbot: QtBot
) -> None:
    item = fused.library.get("ct")
    assert item is not None
    histogram = block(panel, Role.BASE).histogram
    assert histogram._edges[-1] == pytest.approx(4570, abs=1)
    item.volume.array[:] = 77
    fused.library.touch("ct")
    qtbot.waitUntil(lambda: bool(histogram._edges[0] == 77))


# --- layers -----------------------------------------------------------------------------------------------------


def test_that_D34_opacity_moves_both_ways(panel: LayersPanel, fused: UiContext) -> None:
    slider = panel.cards[Role.OVERLAY].opacity
    assert slider.value() == 50
    slider.setValue(80)
    assert fused.view.overlay is not None
    assert fused.view.overlay.opacity == 0.8
    set_opacity(fused.view, 0.25)
    assert slider.value() == 25


def test_that_colours_threshold_invert_and_fusion_reach_the_state(
    panel: LayersPanel, fused: UiContext
) -> None:
    card = panel.cards[Role.OVERLAY]
    choose(card.fused_colormap, "Rainbow")
    choose(card.colormap, "Hot Iron")
    card.threshold.click()
    card.invert.click()
    card.fused.click()
    overlay = fused.view.overlay
    assert overlay is not None
    assert (overlay.fused_colormap, overlay.colormap) == ("rainbow", "hot-iron")
    assert (overlay.transparent_below, overlay.invert, fused.view.fused) == (False, True, False)
    fused.view.toggle_fused()
    assert card.fused.isChecked()


def test_that_following_the_state_never_changes_it(panel: LayersPanel, fused: UiContext) -> None:
    changes: list[int] = []
    fused.view.layers_changed.connect(lambda: changes.append(1))
    fused.view.update_layer(Role.OVERLAY, opacity=0.333, window=Window.from_bounds(0.001, 6.987))
    assert len(changes) == 1
    assert fused.view.overlay is not None
    assert fused.view.overlay.opacity == 0.333


def test_that_D38_the_active_layer_is_marked_and_chosen(panel: LayersPanel, fused: UiContext) -> None:
    base, overlay = (panel.cards[role].active for role in Role)
    assert (base.isChecked(), overlay.isChecked()) == (True, False)
    overlay.click()
    assert fused.view.active_role is Role.OVERLAY
    assert (base.isChecked(), overlay.isChecked()) == (False, True)
    overlay.click()
    assert overlay.isChecked(), "one layer is always active"


def test_that_swap_exchanges_the_cards(panel: LayersPanel) -> None:
    panel.swap.click()
    assert panel.cards[Role.BASE].modality.text() == "PT"
    assert block(panel, Role.BASE).unit.text() == "SUV"
    assert block(panel, Role.OVERLAY).unit.text() == "HU"


def test_that_D31_another_frame_of_reference_warns_until_and_after_it_is_confirmed(
    panel: LayersPanel, fused: UiContext
) -> None:
    assert panel.warning.isHidden()
    stray = builders.series("pt2", "PT", SeriesKind.VOLUME, builders.stack("pt2", "PT", "2.25.77"))
    catalogue = Catalogue((builders.study(stray),))
    fused.library.add(builders.opened(catalogue, "pt2"))
    fused.view.set_overlay(builders.layer("pt2", Window.from_bounds(0, 7)))
    assert panel.warning.text.startswith("NOT REGISTERED: different frame of reference")
    assert not panel.warning.isHidden()
    panel.confirm.click()
    assert fused.view.registration_confirmed
    assert panel.confirm.isHidden()
    assert not panel.warning.isHidden(), "the warning is permanent"


@pytest.mark.parametrize(
    "date, time, apart",
    [
        ("20250131", "093000", "0 s"),
        ("20250131", "093042.5", "42 s"),
        ("2025-01-31", "09:32:30", "2 min"),
        ("20250131", "1200", "2.5 h"),
        ("20250202", "0930", "2 d"),
    ],
)
def test_that_D32_the_time_between_the_acquisitions_is_said(date: str, time: str, apart: str) -> None:
    ct = builders.series("ct", "CT", SeriesKind.VOLUME)
    other = builders.series("pt", "PT", SeriesKind.VOLUME, date=date, time=time)
    assert acquisition_gap_text(ct, other).startswith(f"Acquired {apart} apart")
    assert acquisition_gap_text(other, ct) == acquisition_gap_text(ct, other)


def test_that_D32_unknown_times_are_said_too() -> None:
    ct = builders.series("ct", "CT", SeriesKind.VOLUME)
    assert "not known" in acquisition_gap_text(
        ct, builders.series("x", "PT", SeriesKind.VOLUME, date="", time="")
    )


def test_that_a_colour_image_has_no_window(panel: LayersPanel, fused: UiContext) -> None:
    rgb = np.zeros((3, *builders.SHAPE), np.uint8)
    fused.library.add(builders.opened(builders.petct(), "mr", uid="rgb", array=rgb))
    fused.view.show(builders.layer("rgb"))
    assert block(panel, Role.BASE).isHidden()
    assert panel.cards[Role.BASE].colormap.isHidden()
    assert panel.cards[Role.OVERLAY].isHidden()


def test_that_nothing_open_says_so(qtbot: QtBot, context: UiContext) -> None:
    panel = LayersPanel(context)
    qtbot.addWidget(panel)
    assert not panel._empty.isHidden()
    assert all(card.isHidden() for card in panel.cards.values())
    assert panel.swap.isHidden()


def test_that_E24_every_control_can_be_reached_by_keyboard_and_has_a_name(panel: LayersPanel) -> None:
    for kind in (QComboBox, type(block(panel, Role.BASE).first), type(block(panel, Role.BASE).histogram)):
        for control in panel.findChildren(kind):
            assert isinstance(control, QWidget)
            assert control.focusPolicy() & Qt.FocusPolicy.TabFocus
            assert control.accessibleName(), control.objectName()
            assert control.objectName()


def test_that_nothing_is_clipped_at_the_smallest_width(panel: LayersPanel, qtbot: QtBot) -> None:
    panel.resize(panel.minimumWidth(), 700)
    qtbot.wait(10)
    content = panel.widget()
    assert content is not None
    assert content.minimumSizeHint().width() <= panel.viewport().width()
