"""Edited SUV inputs: the factor follows by the closed form, refusals change nothing, the header can be had back."""

from __future__ import annotations

import datetime as dt
from dataclasses import replace

import pytest

from tests.ui.sidebar import builders
from viewer.dicom.model import Catalogue
from viewer.errors import SuvUnavailable
from viewer.imaging.suv import Given, SuvFrame, SuvInputs, suv_factor
from viewer.state.library import Library, OpenVolume
from viewer.state.suv_edit import can_edit_suv, edit_suv, reset_suv

START = dt.datetime(2025, 1, 31, 11, 0)  # noqa: DTZ001 - local time of one scanner


def p1() -> SuvInputs:
    """Case P1 of the clinical rules: 70 kg, 370 MBq F-18, 60 minutes, START."""
    return SuvInputs(
        (SuvFrame(START, 0.0, 120.0),) * 5,
        modality="PT",
        units="BQML",
        decay_correction="START",
        corrections=frozenset({"ATTN", "DECY"}),
        weight_kg=Given(70.0, "(0010,1030)"),
        dose_bq=Given(370e6, "(0018,1074)"),
        half_life_s=Given(6586.2, "(0018,1075)"),
        injection=Given(START - dt.timedelta(hours=1), "(0018,1078)"),
        series_start=Given(START, "(0008,0031)"),
    )


@pytest.fixture
def library() -> Library:
    made = Library()
    made.set_catalogue(with_suv(builders.petct()))
    item = builders.opened(made.catalogue, "pt", suv_factor=suv_factor(p1()).factor)
    made.add(item)
    return made


def with_suv(catalogue: Catalogue) -> Catalogue:
    (study,) = catalogue.studies
    members = tuple(
        replace(s, stacks=(replace(s.stacks[0], suv=suv_factor(p1()), warnings=("Lossy.",)),))
        if s.uid == "pt"
        else s
        for s in study.series
    )
    return Catalogue((replace(study, series=members),))


def pet(library: Library) -> OpenVolume:
    item = library.get("pt")
    assert item is not None
    return item


def test_that_D02_P1_is_where_the_edits_begin(library: Library) -> None:
    assert pet(library).volume.suv_factor == pytest.approx(2.7633668e-4, rel=1e-7)
    assert can_edit_suv(pet(library))


def test_that_D15_another_weight_scales_the_suv_and_marks_it(library: Library) -> None:
    edit_suv(library, "pt", weight_kg=77.0)
    item = pet(library)
    assert item.volume.suv_factor == pytest.approx(2.7633668e-4 * 1.1, rel=1e-7)
    assert item.stack.suv is not None
    assert item.stack.suv.edited
    assert item.volume.display_slope == item.volume.suv_factor


def test_that_edits_add_up(library: Library) -> None:
    edit_suv(library, "pt", weight_kg=77.0)
    edit_suv(library, "pt", dose_bq=185e6)
    assert pet(library).volume.suv_factor == pytest.approx(2.7633668e-4 * 2.2, rel=1e-7)


def test_that_an_earlier_injection_means_more_decay(library: Library) -> None:
    edit_suv(library, "pt", injection=START - dt.timedelta(seconds=3600 + 6586.2))
    assert pet(library).volume.suv_factor == pytest.approx(2 * 2.7633668e-4, rel=1e-7)


def test_that_the_voxels_and_what_is_known_of_them_stay(library: Library) -> None:
    before = pet(library).volume
    edit_suv(library, "pt", weight_kg=77.0)
    after = pet(library).volume
    assert after.array is before.array
    assert after.ready is before.ready
    assert after.corrupt is before.corrupt
    assert pet(library).stack.warnings[0] == "Lossy."


def test_that_pictures_become_stale_and_listeners_are_told(library: Library) -> None:
    told: list[str] = []
    library.volume_replaced.connect(told.append)
    version = library.version("pt")
    edit_suv(library, "pt", weight_kg=77.0)
    assert told == ["pt"]
    assert library.version("pt") == version + 1


def test_that_an_impossible_value_changes_nothing(library: Library) -> None:
    before = pet(library)
    with pytest.raises(SuvUnavailable):
        edit_suv(library, "pt", weight_kg=0.0)
    assert pet(library) is before


def test_that_the_header_can_be_had_back(library: Library) -> None:
    edit_suv(library, "pt", weight_kg=77.0)
    reset_suv(library, "pt")
    assert pet(library).volume.suv_factor == pytest.approx(2.7633668e-4, rel=1e-7)
    suv = pet(library).stack.suv
    assert suv is not None
    assert not suv.edited


def test_that_a_series_without_suv_cannot_be_edited(library: Library) -> None:
    library.add(builders.opened(library.catalogue, "ct"))
    assert not can_edit_suv(builders.opened(library.catalogue, "ct"))
    with pytest.raises(SuvUnavailable):
        edit_suv(library, "ct", weight_kg=77.0)
