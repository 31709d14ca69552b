"""Contrast by the formula of WCAG 2.2, icons that follow the theme, a style sheet Qt accepts."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from pathlib import Path

import pytest
from PySide6.QtGui import QColor, QIcon, QPalette
from PySide6.QtWidgets import QApplication, QDoubleSpinBox
from pytestqt.qtbot import QtBot

from viewer.assets import asset_path
from viewer.dicom.model import SeriesKind
from viewer.state.panes import LAYOUTS
from viewer.ui.theme import CONTRAST_PAIRS, THEMES, apply_theme, contrast_ratio, current_theme, icon


@pytest.fixture(autouse=True)
def undressed(qapp: QApplication) -> Iterator[None]:
    """Leave the application as it was found."""
    yield
    qapp.setStyleSheet("")
    qapp.setPalette(QPalette())


ICONS = sorted(path.stem for path in Path(asset_path("icons")).glob("*.svg"))


@pytest.mark.parametrize(
    "ink, paper, ratio",
    [
        ("#000000", "#ffffff", 21.0),
        ("#ffffff", "#ffffff", 1.0),
        ("#777777", "#ffffff", 4.48),  # the well-known grey that just fails
        ("#767676", "#ffffff", 4.54),
        ("#ff0000", "#ffffff", 4.00),
        ("#0000ff", "#ffffff", 8.59),
    ],
)
def test_that_the_contrast_formula_gives_published_ratios(ink: str, paper: str, ratio: float) -> None:
    assert contrast_ratio(ink, paper) == pytest.approx(ratio, abs=0.005)
    assert contrast_ratio(paper, ink) == contrast_ratio(ink, paper)


@pytest.mark.parametrize("name", THEMES)
@pytest.mark.parametrize("ink, paper, least", CONTRAST_PAIRS)
def test_that_E24_text_and_controls_stand_out(name: str, ink: str, paper: str, least: float) -> None:
    theme = THEMES[name]
    assert contrast_ratio(getattr(theme, ink), getattr(theme, paper)) >= least


@pytest.mark.parametrize("name", THEMES)
def test_that_chrome_surfaces_are_neutral_grey_and_panes_black(name: str) -> None:
    theme = THEMES[name]
    for surface in (theme.window, theme.base, theme.alternate, theme.button, theme.hover):
        assert surface[1:3] == surface[3:5] == surface[5:7]
    assert theme.pane == "#000000"


def test_that_a_theme_dresses_the_application(qapp: QApplication) -> None:
    for name in ("light", "dark"):
        theme = apply_theme(qapp, name)
        assert qapp.palette().color(QPalette.ColorRole.Window) == QColor(theme.window)
        assert qapp.palette().color(QPalette.ColorRole.Highlight) == QColor(theme.selection)
        assert "$" not in qapp.styleSheet()
        assert current_theme() is theme


def test_that_an_unknown_theme_is_dark(qapp: QApplication) -> None:
    assert apply_theme(qapp, "sepia").id == "dark"


def test_that_number_fields_show_their_number_in_the_theme(qapp: QApplication, qtbot: QtBot) -> None:
    apply_theme(qapp, "dark")
    field = QDoubleSpinBox()
    qtbot.addWidget(field)
    field.resize(80, 28)
    field.show()
    assert field.lineEdit().width() > 40


@pytest.mark.parametrize("name", ICONS)
def test_that_every_icon_draws_something_within_its_square(qapp: QApplication, name: str) -> None:
    image = icon(name).pixmap(64, 64).toImage()
    inked = sum(image.pixelColor(x, y).alpha() > 0 for x in range(64) for y in range(64))
    assert inked > 40
    border = [(n, m) for n in range(64) for m in (0, 63)] + [(m, n) for n in range(64) for m in (0, 63)]
    assert not any(image.pixelColor(x, y).alpha() > 200 for x, y in border)


def test_that_there_is_an_icon_for_every_layout_and_kind_of_series() -> None:
    assert {f"layout-{layout.id}" for layout in LAYOUTS} <= set(ICONS)
    assert {f"series-{kind.value.replace(' ', '-')}" for kind in SeriesKind} <= set(ICONS)


def test_that_an_unknown_icon_is_an_error_not_an_empty_square(qapp: QApplication) -> None:
    with pytest.raises(FileNotFoundError):
        icon("no-such-icon")


def test_that_icons_change_colour_with_the_theme_without_being_made_again(qapp: QApplication) -> None:
    made_once = icon("layout-single")
    colours = {}
    for name in ("light", "dark"):
        apply_theme(qapp, name)
        image = made_once.pixmap(48, 48).toImage()
        colours[name] = image.pixelColor(24, 8).name()
    assert colours == {name: THEMES[name].text for name in ("light", "dark")}


def test_that_a_disabled_icon_is_paler(qapp: QApplication) -> None:
    apply_theme(qapp, "dark")
    image = icon("layout-single").pixmap(48, 48, QIcon.Mode.Disabled).toImage()
    assert image.pixelColor(24, 8).name() == THEMES["dark"].disabled


def test_that_copies_of_icons_outlive_the_original(qapp: QApplication) -> None:
    copies = [QIcon(icon("open")) for _ in range(200)]
    gc.collect()
    assert all(not copy.pixmap(16, 16).isNull() for copy in copies)
