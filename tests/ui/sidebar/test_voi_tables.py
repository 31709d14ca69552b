"""VOI lookup tables of a file in the window: in the list, by key 0, in the corner, under the dragging hand (B14)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.dataset import Dataset
from pydicom.sequence import Sequence
from pytestqt.qtbot import QtBot

from tests import phantoms
from tests.dicom.reading import catalogue_of, filled
from viewer.imaging.compose import LayerPicture, compose
from viewer.imaging.presets import format_window
from viewer.imaging.window import VoiFunction, VoiTable, Window, as_window, dragged
from viewer.state.annotations import corners
from viewer.state.first_window import first_window, header_windows
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import OpenVolume
from viewer.state.panes import Density
from viewer.state.resolve import resolve
from viewer.ui.actions import windows
from viewer.ui.context import UiContext
from viewer.ui.export.facts import technical_facts
from viewer.ui.export.names import today
from viewer.ui.sidebar._window_block import WindowBlock

VALUES = (-5, 0, 1, 2, 3, 9)
GREYS = (0, 0, 10, 100, 255, 255)
"""The example of rule B14: descriptor 4, 0; data 0, 10, 100, 255."""


def lut(first: int, data: tuple[int, ...], name: str = "") -> Dataset:
    item = Dataset()
    item.add_new(0x00283002, "SS", [len(data), first, 8])
    item.add_new(0x00283006, "OW", np.array(data, "<u2").tobytes())
    if name:
        item.LUTExplanation = name
    return item


def write(folder: Path, *tables: Dataset, **tags: Any) -> OpenVolume:
    array = np.tile(np.array(VALUES, np.int16), (3, 4, 1))
    affine = np.array([[0, 0, 1.0, 0], [0, 1, 0, 0], [3, 0, 0, 0], [0, 0, 0, 1]])
    phantoms.write_series(folder, array, affine, modality="MR", VOILUTSequence=Sequence(tables), **tags)
    catalogue = catalogue_of(folder)
    (study,) = catalogue.studies
    (series,) = study.series
    (stack,) = series.stacks
    return OpenVolume(filled(stack), stack, series, study)


@pytest.fixture
def session(context: UiContext, tmp_path: Path) -> UiContext:
    """A file with one window and two tables, the second without a name."""
    item = write(
        tmp_path / "mr",
        lut(0, (0, 10, 100, 255), "HARDER"),
        lut(-5, (255, 0)),
        WindowCenter=2,
        WindowWidth=5,
        WindowCenterWidthExplanation="PLAIN",
    )
    context.library.add(item)
    window, name = first_window(item.volume)
    context.view.show(ImageLayer(item.volume.uid, window, window_name=name))
    context.commands.register(windows.commands(context))
    return context


def layer(session: UiContext) -> ImageLayer:
    found = session.view.layer(Role.BASE)
    assert found is not None
    return found


def greys(session: UiContext) -> list[int]:
    """What the picture shows for the file's values."""
    scene = resolve(session.view, session.view.layout.panes[0], 64, 48)
    assert scene is not None
    (request,) = scene.layers
    values = np.array([VALUES], np.float32)
    picture = compose([LayerPicture(values, request.table, request.lower, request.upper)])
    return [int(pixel) & 0xFF for pixel in np.asarray(picture).reshape(-1).view(np.uint32)]


def press_0(session: UiContext) -> str:
    session.commands.run("window.header")
    return layer(session).window_name


def test_that_B14_key_0_goes_through_windows_then_tables_and_the_picture_follows(session: UiContext) -> None:
    assert layer(session).window_name == "PLAIN"
    assert press_0(session) == "HARDER"
    assert tuple(greys(session)) == GREYS
    assert press_0(session) == "header table 2"
    assert greys(session) == [255, 0, 0, 0, 0, 0]
    assert press_0(session) == "PLAIN"


def test_that_B14_a_file_with_a_table_alone_opens_with_it(tmp_path: Path) -> None:
    item = write(tmp_path / "one", lut(0, (0, 10, 100, 255), "ONLY"))
    voi, name = first_window(item.volume)
    assert isinstance(voi, VoiTable)
    assert name == "ONLY"
    np.testing.assert_allclose(voi.apply(VALUES) * 255, GREYS)


def test_that_B16_monochrome1_inverts_after_the_table(context: UiContext, tmp_path: Path) -> None:
    item = write(tmp_path / "m1", lut(0, (0, 10, 100, 255), "ONLY"), PhotometricInterpretation="MONOCHROME1")
    context.library.add(item)
    context.view.show(ImageLayer(item.volume.uid, *first_window(item.volume)[:1]))
    assert greys(context) == [255 - grey for grey in GREYS]


def test_that_B13_windows_of_the_same_name_can_all_be_reached(tmp_path: Path) -> None:
    item = write(
        tmp_path / "same",
        lut(0, (0, 255), "WINDOW1"),
        WindowCenter=[2, 4],
        WindowWidth=[5, 9],
        WindowCenterWidthExplanation=["WINDOW1", "WINDOW1"],
    )
    assert [entry.name for entry in header_windows(item.volume)] == ["WINDOW1", "WINDOW1 (2)", "WINDOW1 (3)"]


def test_that_B14_the_list_of_presets_offers_the_tables(qtbot: QtBot, session: UiContext) -> None:
    block = WindowBlock(session, Role.BASE)
    qtbot.addWidget(block)
    block.refresh()
    texts = [block.preset.itemText(n) for n in range(3)]
    assert texts == ["PLAIN   [0]", "HARDER", "header table 2"]
    block.preset.setCurrentIndex(1)
    block.preset.activated.emit(1)
    block.refresh()
    assert tuple(greys(session)) == GREYS
    assert block.preset.shown_text() == "HARDER"
    assert (block.first.value(), block.second.value()) == (0.0, 3.0)
    assert block.function.isHidden()
    block.second.setValue(5.0)
    typed = layer(session).window
    assert isinstance(typed, Window)
    assert (typed.lower, typed.upper, typed.function) == (0.0, 5.0, VoiFunction.LINEAR)


def test_that_a_table_has_a_name_in_the_corner_and_no_width_and_level(session: UiContext) -> None:
    press_0(session)
    pane = session.view.layout.panes[0]
    scene = resolve(session.view, pane, 640, 480)
    assert scene is not None
    text = corners(session.view, scene, Density.FULL, identity=True).bottom_left[0]
    assert text == "VOI LUT  HARDER"
    # Exports never carry a word of the header.
    assert technical_facts(session.view, pane, today())["Window"] == "VOI LUT"
    assert format_window(layer(session).window, "HU") == "VOI LUT"


def test_that_dragging_a_table_begins_with_the_window_of_its_range(session: UiContext) -> None:
    press_0(session)
    start = as_window(layer(session).window)
    assert (start.lower, start.upper) == (0.0, 3.0)
    moved = dragged(start, 0.0, 250.0)
    assert moved.center == start.center + start.width


def test_that_C02_tables_in_becquerel_are_never_used_for_suv(tmp_path: Path) -> None:
    folder = phantoms.write_pet(tmp_path / "pet", VOILUTSequence=Sequence([lut(0, (0, 255), "BQ")]))
    stack = catalogue_of(folder).studies[0].series[0].stacks[0]
    volume = filled(stack)
    assert volume.voi_tables
    assert header_windows(volume) == ()
    assert first_window(volume)[1] == "SUV 0-7"
