"""Study browser: what it lists, how it opens, that it keeps its place and hides who the patient is."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PySide6.QtCore import Qt
from PySide6.QtGui import QFontMetrics
from PySide6.QtWidgets import QApplication, QMenu
from pytestqt.qtbot import QtBot

from tests.ui.sidebar import builders
from viewer.dicom.model import Catalogue, Patient, SeriesKind
from viewer.loading.events import ThumbnailReady
from viewer.state.layers import Role
from viewer.state.navigation import swap_layers
from viewer.ui.context import UiContext
from viewer.ui.sidebar._browser_delegate import ROW_ROLE, SHOWN_ROLE, THUMBNAIL_ROLE, broken_title
from viewer.ui.sidebar._browser_rows import Row, RowKind, browser_rows, clock, image_count, iso_date
from viewer.ui.sidebar._section import SidebarHub
from viewer.ui.sidebar.browser import StudyBrowser


def rows_of(catalogue: Catalogue, *, identity: bool = True) -> list[Row]:
    return [row for top in browser_rows(catalogue, identity=identity) for row in top.walk()]


@pytest.fixture
def wishes(context: UiContext) -> list[tuple[str, str]]:
    made: list[tuple[str, str]] = []
    context.loader.handle(lambda _paths, _add: None, lambda uid, role: made.append((uid, role)))
    return made


@pytest.fixture
def browser(qtbot: QtBot, fused: UiContext, wishes: list[tuple[str, str]]) -> StudyBrowser:
    made = StudyBrowser(fused)
    qtbot.addWidget(made)
    made.resize(264, 600)
    return made


def select(browser: StudyBrowser, key: str) -> Row:
    item = browser._items[key]
    browser.tree.setCurrentItem(item)
    row: Row = item.data(0, ROW_ROLE)
    return row


def actions(menu: QMenu) -> dict[str, bool]:
    return {action.text(): action.isEnabled() for action in menu.actions() if action.text()}


# --- rows -------------------------------------------------------------------------------------------------------


def test_that_volumes_stand_first_and_everything_else_in_groups_of_its_own() -> None:
    (patient,) = browser_rows(builders.petct(), identity=True)
    (study,) = patient.children
    assert [(row.kind, row.title) for row in study.children] == [
        (RowKind.SERIES, "3  ct description"),
        (RowKind.SERIES, "3  pt description"),
        (RowKind.SERIES, "3  mr description"),
        (RowKind.GROUP, "Localizers (1)"),
        (RowKind.GROUP, "Captures (1)"),
        (RowKind.GROUP, "Objects (1)"),
    ]
    assert study.title == "Whole body"
    assert (study.detail, study.date) == ("6 series", "2025-01-31 09:15")


def test_that_a_series_shows_counts_spacing_date_and_modality() -> None:
    row = next(row for row in rows_of(builders.petct()) if row.key == "series:ct")
    assert (row.modality, row.detail, row.date) == ("CT", "5 images, 3 mm", "2025-01-31 09:30")


def test_that_stacks_of_one_series_are_rows_below_it() -> None:
    row = next(row for row in rows_of(builders.petct()) if row.key == "series:mr")
    assert row.detail == "2 × 5 images, 3 mm"
    assert [(child.title, child.stack_uid) for child in row.children] == [
        ("echo 1", "mr"),
        ("Stack 2", "mr#2"),
    ]


def test_that_an_object_without_images_cannot_open_but_has_tags() -> None:
    row = next(row for row in rows_of(builders.petct()) if row.key == "series:seg")
    assert (row.stack_uid, row.detail, row.icon) == ("", "1 file", "series-segmentation")
    assert row.path == Path("study/seg.dcm")


def test_that_identity_is_hidden_on_request() -> None:
    shown = "\n".join(f"{row.title} {row.detail} {row.tooltip}" for row in rows_of(builders.petct()))
    hidden = "\n".join(
        f"{row.title} {row.detail} {row.tooltip}" for row in rows_of(builders.petct(), identity=False)
    )
    for secret in (builders.PATIENT.name, builders.PATIENT.patient_id, "1950"):
        assert secret in shown
        assert secret not in hidden
    assert "Patient 1" in hidden


def test_that_A01_patients_are_told_apart_by_their_key_not_by_their_name() -> None:
    twin = replace(builders.PATIENT, key="other-key")
    catalogue = Catalogue(
        (builders.study(), builders.study(patient=twin, uid="study-2"), builders.study(uid="study-3"))
    )
    assert [len(row.children) for row in browser_rows(catalogue, identity=True)] == [2, 1]


@pytest.mark.parametrize(
    "date, shown",
    [("20250131", "2025-01-31"), ("2025-01-31", "2025-01-31"), ("", ""), ("unknown", "unknown")],
)
def test_that_E26_dates_are_written_as_iso(date: str, shown: str) -> None:
    assert iso_date(date) == shown


@pytest.mark.parametrize(
    "time, shown", [("093000.5", "09:30"), ("0930", "09:30"), ("", ""), ("9 am", "9 am")]
)
def test_that_times_lose_their_fractions(time: str, shown: str) -> None:
    assert clock(time) == shown


def test_that_counts_say_how_images_are_divided() -> None:
    one, two = builders.stack("a"), builders.stack("b")
    short = replace(two, frames=two.frames[:1])
    volume = SeriesKind.VOLUME
    assert image_count(builders.series("x", "CT", volume, one)) == "5 images"
    assert image_count(builders.series("x", "CT", volume, one, two)) == "2 × 5 images"
    assert image_count(builders.series("x", "CT", volume, one, short)) == "6 images, 2 stacks"
    assert image_count(builders.series("x", "CT", volume, short)) == "1 image"


# --- opening ----------------------------------------------------------------------------------------------------


def test_that_enter_opens_the_selected_series(
    browser: StudyBrowser, wishes: list[tuple[str, str]], qtbot: QtBot
) -> None:
    select(browser, "series:ct")
    qtbot.keyClick(browser.tree, Qt.Key.Key_Return)
    assert wishes == [("ct", Role.BASE)]


def test_that_a_double_click_opens_a_pet_over_the_ct_of_its_frame_of_reference(
    browser: StudyBrowser, wishes: list[tuple[str, str]]
) -> None:
    browser.tree.itemDoubleClicked.emit(browser._items["series:pt"], 0)
    assert wishes == [("pt", Role.OVERLAY)]


def test_that_D30_a_pet_of_another_frame_of_reference_does_not_become_overlay_by_itself(
    browser: StudyBrowser, fused: UiContext, wishes: list[tuple[str, str]]
) -> None:
    stray = builders.series("pt2", "PT", SeriesKind.VOLUME, builders.stack("pt2", "PT", "2.25.77"))
    fused.library.set_catalogue(Catalogue((builders.study(*builders.petct().studies[0].series, stray),)))
    browser.rebuild()
    browser.tree.itemDoubleClicked.emit(browser._items["series:pt2"], 0)
    assert wishes == [("pt2", Role.BASE)]


def test_that_every_stack_opens_by_itself(browser: StudyBrowser, wishes: list[tuple[str, str]]) -> None:
    browser.tree.itemDoubleClicked.emit(browser._items["stack:mr#2"], 0)
    assert wishes == [("mr#2", Role.BASE)]


def test_that_enter_on_a_group_unfolds_it(
    browser: StudyBrowser, qtbot: QtBot, wishes: list[tuple[str, str]]
) -> None:
    select(browser, "group:study-1:localizers")
    group = browser._items["group:study-1:localizers"]
    assert not group.isExpanded()
    qtbot.keyClick(browser.tree, Qt.Key.Key_Enter)
    assert group.isExpanded()
    assert wishes == []


def test_that_the_context_menu_offers_only_what_is_possible(browser: StudyBrowser) -> None:
    overlay = "Open as overlay"
    menus = {
        key: actions(browser.menu_for(select(browser, key)))
        for key in ("series:pt", "series:ct", "series:seg")
    }
    assert menus["series:pt"] == {"Open": True, overlay: True, "Show tags": True}
    assert menus["series:ct"][overlay] is False, "a volume does not lie on itself"
    assert menus["series:seg"] == {"Open": True, overlay: False, "Show tags": True}


def test_that_show_tags_asks_for_the_tags_of_a_file_of_the_series(
    browser: StudyBrowser, fused: UiContext, qtbot: QtBot
) -> None:
    hub = SidebarHub.of(fused.window)
    asked: list[object] = []
    hub.tags_requested.connect(asked.append)
    menu = browser.menu_for(select(browser, "series:seg"))
    next(action for action in menu.actions() if action.text() == "Show tags").trigger()
    assert asked == [Path("study/seg.dcm")]


# --- following --------------------------------------------------------------------------------------------------


def test_that_the_shown_series_carry_the_name_of_their_role(browser: StudyBrowser, fused: UiContext) -> None:
    def shown(key: str) -> object:
        return browser._items[key].data(0, SHOWN_ROLE) or ()

    assert (shown("series:ct"), shown("series:pt")) == ((Role.BASE,), (Role.OVERLAY,))
    spoken = browser._items["series:pt"].data(0, Qt.ItemDataRole.AccessibleTextRole)
    assert "shown as overlay" in spoken
    swap_layers(fused.view)
    assert (shown("series:ct"), shown("series:pt")) == ((Role.OVERLAY,), (Role.BASE,))
    fused.view.show(None, None)
    assert (shown("series:ct"), shown("series:pt")) == ((), ())


def test_that_a_newer_catalogue_keeps_selection_and_folding(
    browser: StudyBrowser, fused: UiContext, qtbot: QtBot
) -> None:
    select(browser, "series:pt")
    browser._items["group:study-1:objects"].setExpanded(True)
    more = builders.series("late", "CT", SeriesKind.VOLUME, builders.stack("late"))
    fused.library.set_catalogue(Catalogue((builders.study(more, *builders.petct().studies[0].series),)))
    qtbot.waitUntil(lambda: "series:late" in browser._items)
    row = browser.current_row()
    assert row is not None
    assert row.key == "series:pt"
    assert browser._items["group:study-1:objects"].isExpanded()
    assert not browser._items["group:study-1:captures"].isExpanded()


def test_that_hiding_identity_empties_the_names_at_once(browser: StudyBrowser, fused: UiContext) -> None:
    fused.view.set_display(identity_visible=False)
    assert not any(builders.PATIENT.name in row.title for row in browser.visible_rows())
    fused.view.set_display(identity_visible=True)
    assert any(builders.PATIENT.name in row.title for row in browser.visible_rows())


def test_that_a_thumbnail_from_the_loader_appears_and_survives_a_new_catalogue(
    browser: StudyBrowser, fused: UiContext
) -> None:
    image = np.zeros((40, 64), np.uint8)
    fused.loader.arrived.emit(ThumbnailReady("ct", image))
    assert browser._items["series:ct"].data(0, THUMBNAIL_ROLE).width() == 64
    fused.library.set_catalogue(Catalogue((builders.study(*builders.petct().studies[0].series[:1]),)))
    browser.rebuild()
    assert browser._items["series:ct"].data(0, THUMBNAIL_ROLE).height() == 40


def test_that_five_hundred_series_are_listed_and_painted(qtbot: QtBot, context: UiContext) -> None:
    many = [builders.series(f"s{n}", "CT", SeriesKind.VOLUME, builders.stack(f"s{n}")) for n in range(500)]
    patient = Patient("k", "A name so long that it cannot possibly fit into the width of the study browser")
    context.library.set_catalogue(Catalogue((builders.study(*many, patient=patient),)))
    browser = StudyBrowser(context)
    qtbot.addWidget(browser)
    browser.resize(264, 600)
    assert len(browser.visible_rows()) == 502
    assert not browser.grab().isNull()
    assert browser.tree.horizontalScrollBar().maximum() == 0


def test_that_an_empty_catalogue_lists_nothing(qtbot: QtBot, context: UiContext) -> None:
    browser = StudyBrowser(context)
    qtbot.addWidget(browser)
    assert browser.visible_rows() == []
    assert browser.current_row() is None


def test_that_the_shown_series_is_selected_until_the_user_selects_another(
    browser: StudyBrowser, fused: UiContext
) -> None:
    row = browser.current_row()
    assert row is not None
    assert row.key == "series:ct"
    select(browser, "series:mr")
    swap_layers(fused.view)
    row = browser.current_row()
    assert row is not None
    assert row.key == "series:mr"


def test_that_the_selection_follows_a_series_that_replaces_the_one_shown(
    browser: StudyBrowser, fused: UiContext
) -> None:
    select(browser, "series:ct")
    swap_layers(fused.view)
    row = browser.current_row()
    assert row is not None
    assert row.key == "series:pt"


def test_that_a_long_title_breaks_after_the_last_word_that_fits(qapp: QApplication) -> None:
    metrics = QFontMetrics(qapp.font())
    text = "202 STD BRAIN 1MM iDose"
    assert broken_title(metrics, text, metrics.horizontalAdvance(text)) == (text, "")
    room = metrics.horizontalAdvance("202 STD BRAIN")
    assert broken_title(metrics, text, room) == ("202 STD BRAIN", "1MM iDose")
    assert broken_title(metrics, "unbreakable", 5) == ("unbreakable", "")
