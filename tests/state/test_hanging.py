"""Which layout something is shown in: what suits, and what the user chose for its kind before (rule E21)."""

from __future__ import annotations

import pytest

from tests.state.test_comparison import dated
from tests.ui.panes.test_frames import open_volume
from viewer.imaging.window import Window
from viewer.state.comparison import Comparison
from viewer.state.hanging import Hanging, kind_shown
from viewer.state.layers import ImageLayer
from viewer.state.library import Library
from viewer.state.panes import LAYOUTS, Content, PlaneKind, layout
from viewer.state.view import ViewState
from viewer.ui.panes.picture import pane_rectangles

LARGE, SMALL = (1344, 960), (864, 740)


def shown(*modalities: str, area: tuple[int, int] = SMALL, hanging: Hanging | None = None) -> ViewState:
    """A view of one or two series of one study."""
    view = ViewState(Library())
    view.area = area
    view.hanging = hanging or view.hanging
    for modality in modalities:
        view.library.add(open_volume(modality, modality, 2.0))
    view.show(*(ImageLayer(modality, Window(40, 400)) for modality in modalities))
    return view


def test_that_E21_a_CT_alone_is_hung_in_three_planes() -> None:
    for area in (LARGE, SMALL):
        kinds = [pane.kind for pane in shown("CT", area=area).layout.panes]
        assert sorted(kinds) == [PlaneKind.AXIAL, PlaneKind.CORONAL, PlaneKind.SAGITTAL]


@pytest.mark.parametrize("below", ["CT", "MR"])
def test_that_E21_a_PET_is_hung_in_rows_with_its_MIP_where_there_is_room(below: str) -> None:
    hung = shown(below, "PT", area=LARGE).layout
    assert [{pane.content for pane in row} for row in hung.rows] == [
        {Content.BASE},
        {Content.OVERLAY},
        {Content.FUSED},
    ]
    assert hung.beside is not None
    assert (hung.beside.kind, hung.beside.content) == (PlaneKind.MIP, Content.OVERLAY)
    assert shown(below, "PT", area=SMALL).layout.id in ("three", "three-large")


def test_that_a_label_above_a_CT_is_not_hung_like_a_PET() -> None:
    assert shown("CT", "SEG", area=LARGE).layout.id in ("three", "three-large")


def test_that_a_chosen_layout_comes_back_for_the_same_kind_only() -> None:
    hanging = Hanging()
    shown("CT", "PT", hanging=hanging).set_layout("rows")
    shown("MR", hanging=hanging).set_layout("three-mip")
    assert shown("CT", "PT", hanging=hanging).layout.id == "rows"
    assert shown("MR", hanging=hanging).layout.id == "three-mip"
    assert shown("CT", hanging=hanging).layout.id == shown("CT").layout.id
    assert shown("MR", "PT", hanging=hanging).layout.id == shown("MR", "PT").layout.id


def test_that_what_a_tool_opened_lasts_until_the_next_volume() -> None:
    hanging = Hanging()
    view = shown("CT", hanging=hanging)
    view.set_layout("three-curved", remember=False)
    view.set_overlay(None)
    assert view.layout.id == "three-curved"
    view.library.add(open_volume("next", "CT", 2.0))
    view.show(ImageLayer("next", Window(40, 400)))
    assert view.layout.id != "three-curved"
    assert hanging.texts == ()


def test_that_remembered_layouts_survive_as_texts_and_are_forgotten_on_demand() -> None:
    hanging, told = Hanging(), []
    hanging.changed.connect(lambda: told.append(hanging.texts))
    hanging.choose("PT over CT", "rows")
    hanging.choose("PT over CT", "rows")
    hanging.choose("CT", "three")
    assert told == [("PT over CT=rows",), ("CT=three", "PT over CT=rows")]
    later = Hanging()
    later.restore((*hanging.texts, "MR=no-such-layout", "=three", "nonsense"))
    assert later.texts == hanging.texts
    later.forget()
    assert later.texts == ()
    assert later.chosen("CT") == ""


def test_that_two_studies_of_one_modality_are_a_comparison_and_keep_their_layout() -> None:
    now, then = dated(open_volume("now", "CT", 2.0), "a", ""), dated(open_volume("then", "CT", 2.0), "b", "")
    assert kind_shown(now, then) == "comparison"
    assert kind_shown(now, dated(open_volume("pet", "PT", 2.0), "b", "")) == "PT over CT"
    assert kind_shown(None, now) == "CT"
    assert kind_shown(None, None) == ""

    def compared(hanging: Hanging) -> ViewState:
        view = ViewState(Library())
        view.hanging = hanging
        for item in (now, then):
            view.library.add(item)
        view.show(ImageLayer("now", Window(40, 400)))
        view.work.of(Comparison).show_beside(ImageLayer("then", Window(40, 400)))
        return view

    hanging = Hanging()
    view = compared(hanging)
    assert (view.layout.id, hanging.texts) == ("compare", ())
    view.set_layout("three")
    assert compared(hanging).layout.id == "three"


def test_that_a_pane_has_one_identifier_in_all_layouts() -> None:
    panes = {pane for found in LAYOUTS for pane in found.panes}
    assert len({pane.id for pane in panes}) == len(panes)


def test_that_the_pane_beside_the_rows_is_as_high_as_they_are_and_nothing_overlaps() -> None:
    view = shown("CT", "PT", area=LARGE)
    assert view.layout == layout("rows-mip")
    taken = pane_rectangles(view, 1000, 700)
    (mip,) = [place for place in taken if place[0].kind is PlaneKind.MIP]
    assert mip[2:] == (0, 1000 - mip[1], 700)
    widths = {place[3] for place in taken}
    assert max(widths) - min(widths) <= 1
    assert max(place[1] + place[3] for place in taken if place is not mip) < mip[1]
    view.maximise("mip")
    assert pane_rectangles(view, 1000, 700) == [(mip[0], 0, 0, 1000, 700)]
