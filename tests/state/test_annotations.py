"""Corner texts: three densities, identity, and warnings that stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from viewer.dicom.model import Patient
from viewer.imaging.sample import Projection, Slab
from viewer.imaging.window import Window
from viewer.state.annotations import Corners, corners, without_name
from viewer.state.layers import ImageLayer
from viewer.state.library import OpenVolume
from viewer.state.panes import Density, Pane, PlaneKind
from viewer.state.resolve import resolve
from viewer.state.view import ViewState
from viewer.state.wording import age_text, date_text, time_text

MakeVolume = Callable[..., OpenVolume]
IDENTITY = ("DOE", "ID-77", "1970", "ACC-5", "Clinic")


def texts(view: ViewState, density: Density, *, identity: bool) -> Corners:
    scene = resolve(view, Pane("p", PlaneKind.AXIAL), 200, 200)
    assert scene is not None
    return corners(view, scene, density, identity=identity)


def everything(found: Corners) -> str:
    return "\n".join(
        (*found.top_left, *found.top_right, *found.bottom_left, *found.bottom_right, *found.warnings)
    )


def test_that_identity_is_complete_or_absent(view: ViewState, make_volume: MakeVolume) -> None:
    item = make_volume()
    view.library.add(item)
    view.show(ImageLayer("1.2.3", Window(40, 80), window_name="Brain"))
    shown = everything(texts(view, Density.FULL, identity=True))
    hidden = everything(texts(view, Density.FULL, identity=False))
    assert all(word in shown for word in IDENTITY)
    assert not any(word in hidden for word in IDENTITY)
    assert "W 80 L 40" in hidden
    assert "Brain" in hidden


def test_that_J29_a_guessed_name_is_marked_in_the_corner(view: ViewState, make_volume: MakeVolume) -> None:
    item = make_volume()
    patient = replace(item.study.patient, name_guessed=True)
    view.library.add(replace(item, study=replace(item.study, patient=patient)))
    view.show(ImageLayer("1.2.3", Window(40, 80)))
    assert texts(view, Density.FULL, identity=True).top_left[1] == "character set guessed"
    assert "guessed" not in everything(texts(view, Density.FULL, identity=False))


@pytest.mark.parametrize("density", list(Density))
def test_that_warnings_are_never_switched_off(
    view: ViewState, make_volume: MakeVolume, density: Density
) -> None:
    view.library.add(make_volume())
    view.show(ImageLayer("1.2.3", Window(40, 80)))
    view.library.add(make_volume("2", modality="PT", frame_of_reference="other"))
    view.set_overlay(ImageLayer("2", Window(40, 80)))
    view.update_framing(PlaneKind.AXIAL, flip_vertical=True)
    found = texts(view, density, identity=True)
    assert "NOT REGISTERED: different frame of reference" in found.warnings
    assert "flipped" in found.warnings


def test_that_off_says_nothing_else(view: ViewState, make_volume: MakeVolume) -> None:
    view.library.add(make_volume())
    view.show(ImageLayer("1.2.3", Window(40, 80)))
    assert everything(texts(view, Density.OFF, identity=True)) == ""


def test_that_E26_dates_times_and_ages_are_readable() -> None:
    assert (date_text("19600116"), date_text("1960.01.16"), date_text("odd")) == (
        "1960-01-16",
        "1960-01-16",
        "odd",
    )
    assert (time_text("095640.25"), time_text("09:56:40"), time_text("")) == ("09:56", "09:56", "")
    assert (age_text("069Y"), age_text("003M"), age_text("x")) == ("69 y", "3 m", "x")


def test_that_narrow_panes_get_short_texts(view: ViewState, make_volume: MakeVolume) -> None:
    view.library.add(make_volume())
    view.show(ImageLayer("1.2.3", Window(40, 80)))
    scene = resolve(view, Pane("p", PlaneKind.AXIAL), 200, 200)
    assert scene is not None
    full = corners(view, scene, Density.FULL, identity=True)
    compact = corners(view, scene, Density.FULL, identity=True, compact=True)
    assert len(compact.bottom_right) < len(full.bottom_right)
    assert max(map(len, compact.bottom_left)) < max(map(len, full.bottom_left))
    assert compact.warnings == full.warnings


@pytest.mark.parametrize(
    "text, kept",
    [("CT HEAD", True), ("Head of Jane", False), ("doe follow-up", False), ("for ID-77", True), ("", True)],
)
def test_that_F01_free_text_with_the_name_in_it_is_not_exported(text: str, kept: bool) -> None:
    patient = Patient("p", "DOE, Jane", "ID-77")
    assert without_name(text, patient) == (text if kept else "")


def test_that_E12_a_slab_is_named_in_every_density_with_text(
    view: ViewState, make_volume: MakeVolume
) -> None:
    view.library.add(make_volume())
    view.show(ImageLayer("1.2.3", Window(40, 80)))
    view.set_slab(Slab(10.0, Projection.MEAN))
    for density in (Density.FULL, Density.MINIMAL):
        assert "mean 10 mm" in everything(texts(view, density, identity=False))
