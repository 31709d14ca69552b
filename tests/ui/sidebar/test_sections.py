"""The registry finds what lies in the folder, and no section keeps a window alive."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Iterator

import pytest
import shiboken6
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication

from tests.ui.sidebar import builders
from viewer.imaging.window import Window
from viewer.state.navigation import swap_layers
from viewer.ui.context import UiContext
from viewer.ui.sidebar import Section, sections
from viewer.ui.sidebar._section import SidebarHub
from viewer.ui.theme import THEMES, apply_theme, icon

SECTIONS = sections()


@pytest.fixture(autouse=True)
def undressed(qapp: QApplication) -> Iterator[None]:
    """Leave the application as it was found."""
    yield
    qapp.setStyleSheet("")
    qapp.setPalette(QPalette())


def test_that_every_section_is_found_once_and_in_order() -> None:
    assert [(item.side, item.id) for item in SECTIONS] == [
        ("bottom", "problems"),
        ("left", "browser"),
        ("right", "layers"),
        ("right", "lesions"),
        ("right", "measurements"),
        ("right", "structures"),
        ("right", "study"),
        ("right", "tags"),
    ]


def test_that_every_section_has_a_title_and_an_icon(qapp: QApplication) -> None:
    assert all(item.text for item in SECTIONS)
    assert not any(icon(item.icon).isNull() for item in SECTIONS)


def test_that_a_window_has_one_hub(context: UiContext) -> None:
    assert SidebarHub.of(context.window) is SidebarHub.of(context.window)


@pytest.mark.parametrize("section", SECTIONS, ids=lambda item: item.id)
def test_that_a_destroyed_section_hears_nothing_more(section: Section, fused: UiContext) -> None:
    widget = section.build(fused)
    gone = weakref.ref(widget)
    shiboken6.delete(widget)
    change_everything(fused)
    del widget
    gc.collect()
    assert gone() is None


@pytest.mark.parametrize("section", SECTIONS, ids=lambda item: item.id)
def test_that_a_section_lets_go_of_its_signals(section: Section, fused: UiContext) -> None:
    view, library = fused.view, fused.library
    signals = [view.layers_changed, view.display_changed, view.cursor_changed, library.catalogue_changed]
    signals += [library.slices_changed, library.problems_changed, library.volume_added, fused.presets.changed]
    # The stores of what it shows are made with the first one and live as long as the view.
    shiboken6.delete(section.build(fused))
    before = [len(signal) for signal in signals]
    widget = section.build(fused)
    assert [len(signal) for signal in signals] != before
    shiboken6.delete(widget)
    assert [len(signal) for signal in signals] == before


@pytest.mark.parametrize("theme", THEMES)
@pytest.mark.parametrize("section", SECTIONS, ids=lambda item: item.id)
def test_that_every_section_paints_in_every_theme_empty_and_full(
    section: Section, theme: str, context: UiContext, qapp: QApplication
) -> None:
    apply_theme(qapp, theme)
    widget = section.build(context)
    widget.resize(300, 700)
    assert not widget.grab().isNull()
    catalogue = builders.petct()
    context.library.set_catalogue(catalogue)
    for uid in ("ct", "pt"):
        context.library.add(builders.opened(catalogue, uid))
    context.view.show(builders.layer("ct"), builders.layer("pt", Window.from_bounds(0, 7)))
    assert not widget.grab().isNull()
    shiboken6.delete(widget)


def change_everything(context: UiContext) -> None:
    """Fire every signal a section may listen to."""
    context.view.set_display(identity_visible=False)
    swap_layers(context.view)
    context.view.set_cursor((0.0, 0.0, 0.0))
    context.library.touch("ct")
    context.library.set_catalogue(builders.petct())
    context.presets.changed.emit()
