"""The loading pipeline from paths to values, on synthetic studies and on real ones."""

from __future__ import annotations

import logging
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import numpy as np
import pytest
from pydicom.uid import JPEGLSLossless

from tests.conftest import RealData, Reference
from tests.phantoms import RAMP_SHAPE, ramp_affine, ramp_array, uid_of, write_pet, write_ramp, write_series
from viewer.dicom import build
from viewer.dicom.choice import DefaultChoice
from viewer.dicom.model import Catalogue, SeriesKind
from viewer.loading import filling, voxel_file
from viewer.loading.cache import VolumeCache
from viewer.loading.cancel import CancelToken
from viewer.loading.events import (
    Failed,
    Finished,
    GeometryReady,
    Indexed,
    LoadEvent,
    ProblemFound,
    Scanning,
    SlicesReady,
    ThumbnailReady,
    VolumeFinished,
)
from viewer.loading.order import load_order
from viewer.loading.pipeline import load, load_stack

Event = TypeVar("Event")


def events_of(*paths: Path, **options: object) -> list[LoadEvent]:
    return list(load(paths, cancel=CancelToken(), **options))  # type: ignore[arg-type]


def only(events: list[LoadEvent], kind: type[Event]) -> list[Event]:
    return [event for event in events if isinstance(event, kind)]


def catalogue_of(events: list[LoadEvent]) -> Catalogue:
    (complete,) = [event for event in only(events, Indexed) if event.complete]
    return complete.catalogue


def long_ramp(folder: Path, slices: int, syntax: str = "1.2.840.10008.1.2.1") -> Path:
    array = (np.arange(slices)[:, None, None] + np.zeros((1, 16, 16))).astype(np.int16)
    affine = np.diag([3.0, 2.0, 1.0, 1.0])[[2, 1, 0, 3]]
    return write_series(folder, array, affine, transfer_syntax=syntax)


# --- What is said, and in which order ----------------------------------------------------------------------------


def test_that_events_come_in_the_order_of_the_user_s_need(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    write_pet(tmp_path / "pet")
    events = events_of(tmp_path)
    kinds = [type(event) for event in events]
    first = kinds.index
    assert (
        first(Scanning)
        <= first(Indexed)
        < first(GeometryReady)
        < first(SlicesReady)
        < first(VolumeFinished)
        < first(ThumbnailReady)
        < first(Finished)
    )
    assert kinds[-1] is Finished
    assert not only(events, Failed)
    assert not only(events, ProblemFound)
    opened = only(events, GeometryReady)
    assert [event.series.modality for event in opened] == ["CT", "PT"]
    assert opened[0].study.uid == opened[1].study.uid == uid_of("ramp", "study")
    assert [event.series_uid for event in only(events, ThumbnailReady)] == [
        series.uid for study in catalogue_of(events).studies for series in study.series
    ]


def test_that_A07_values_stand_at_their_place_when_all_is_loaded(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    (opened,) = only(events_of(tmp_path), GeometryReady)
    np.testing.assert_array_equal(opened.volume.array, ramp_array())
    np.testing.assert_allclose(opened.volume.geometry.patient_from_index, ramp_affine(), atol=1e-6)
    assert opened.volume.ready.all()
    assert not opened.volume.corrupt.any()


def test_that_slices_arrive_coarse_to_fine_from_the_slice_under_the_cursor(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ramp(tmp_path, 100)
    filled: list[int] = []
    fill = build.fill_slice

    def remember(volume: object, stack: object, k: int) -> None:
        filled.append(k)
        fill(volume, stack, k)  # type: ignore[arg-type]

    monkeypatch.setattr(filling, "fill_slice", remember)
    events = events_of(tmp_path, focus_mm=(4.0, 4.0, 3.0 * 20 + 1))
    assert tuple(filled) == load_order(100, 20)
    told = [k for event in only(events, SlicesReady) for k in event.slices]
    assert sorted(told) == list(range(100))
    assert 20 in only(events, SlicesReady)[0].slices
    assert [event.done for event in only(events, SlicesReady)][-1] == 100


def test_that_ct_and_pet_are_filled_in_turn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ramp(tmp_path / "ct")
    write_pet(tmp_path / "pet")
    filled: list[str] = []
    fill = build.fill_slice

    def remember(volume: object, stack: object, k: int) -> None:
        filled.append(stack.modality)  # type: ignore[attr-defined]
        fill(volume, stack, k)  # type: ignore[arg-type]

    monkeypatch.setattr(filling, "fill_slice", remember)
    events_of(tmp_path)
    assert filled[:4] == ["CT", "PT", "CT", "PT"]
    assert (filled.count("CT"), filled.count("PT")) == (5, 7)


def test_that_a_compressed_series_is_decoded_by_several_threads(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long_ramp(tmp_path, 40, JPEGLSLossless)
    monkeypatch.setattr(filling, "decode_threads", lambda: 3)
    meeting = threading.Barrier(3, timeout=10)
    fill = build.fill_slice
    seen = threading.local()

    def once(volume: object, stack: object, k: int) -> None:
        if not getattr(seen, "met", False):
            seen.met = True
            meeting.wait()
        fill(volume, stack, k)  # type: ignore[arg-type]

    monkeypatch.setattr(filling, "fill_slice", once)
    (opened,) = only(events_of(tmp_path), GeometryReady)
    np.testing.assert_array_equal(opened.volume.array[:, 0, 0], np.arange(40))


# --- What is found -----------------------------------------------------------------------------------------------


def test_that_several_paths_become_one_catalogue_and_no_file_is_read_twice(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a", "G1")
    write_ramp(tmp_path / "b", "G4")
    one_file = next((tmp_path / "a").iterdir())
    catalogue = catalogue_of(events_of(tmp_path / "a", tmp_path / "b", one_file, tmp_path))
    assert catalogue.files_seen == 10
    assert sorted(series.files for study in catalogue.studies for series in study.series) == [5, 5]


def test_that_J38_a_zip_opens_like_a_folder(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    with zipfile.ZipFile(tmp_path / "study.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        for path in (tmp_path / "ct").iterdir():
            archive.write(path, f"some/where/{path.name}")
    events = events_of(tmp_path / "study.zip")
    (opened,) = only(events, GeometryReady)
    np.testing.assert_array_equal(opened.volume.array, ramp_array())
    names = only(events, Indexed)[-1].names
    assert set(names.values()) == {f"study.zip/some/where/im{n:04d}.dcm" for n in range(1, 6)}


def test_that_adding_a_folder_completes_a_series_and_opens_only_what_is_new(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a")
    (tmp_path / "b").mkdir()
    for path in sorted((tmp_path / "a").iterdir())[:2]:
        path.rename(tmp_path / "b" / path.name)
    write_ramp(tmp_path / "c", "G4")
    known = catalogue_of(events_of(tmp_path / "a"))
    added = events_of(tmp_path / "b", tmp_path / "c", known=known)
    series = {series.description: series for series in catalogue_of(added).studies[0].series}
    assert series["Ramp G1"].files == 5
    assert [event.series.description for event in only(added, GeometryReady)] == ["Ramp G4"]


def test_that_an_own_choice_is_obeyed(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    write_pet(tmp_path / "pet")

    def pet_only(catalogue: Catalogue) -> DefaultChoice:
        (pet,) = [s for study in catalogue.studies for s in study.series if s.modality == "PT"]
        return DefaultChoice(None, pet.stacks[0])

    assert [event.series.modality for event in only(events_of(tmp_path, choose=pet_only), GeometryReady)] == [
        "PT"
    ]


def test_that_nothing_to_open_is_said_once_and_in_words(tmp_path: Path) -> None:
    empty = events_of(tmp_path)
    assert isinstance(empty[-1], Failed)
    assert empty[-1].message == "There are no files here."
    (tmp_path / "notes.txt").write_text("hello")
    other = events_of(tmp_path)
    assert isinstance(other[-1], Failed)
    assert other[-1].message == "The one file here is not DICOM."
    missing = events_of(tmp_path / "gone")
    assert isinstance(missing[-1], Failed)
    assert [event.problem.reason for event in only(missing, ProblemFound)] == [
        "gone: there is no such file or folder."
    ]


# --- What goes wrong ---------------------------------------------------------------------------------------------


def test_that_J06_a_damaged_slice_is_one_problem_and_keeps_its_place(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    damaged = tmp_path / "im0003.dcm"  # k = 2: the numbers run against k
    damaged.write_bytes(damaged.read_bytes()[:-10])
    events = events_of(tmp_path)
    (opened,) = only(events, GeometryReady)
    assert list(np.flatnonzero(opened.volume.corrupt)) == [2]
    assert list(np.flatnonzero(~opened.volume.ready)) == [2]
    others = [0, 1, 3, 4]
    np.testing.assert_array_equal(opened.volume.array[others], ramp_array()[others])
    reasons = [event.problem for event in only(events, ProblemFound)]
    assert any("im0003.dcm" in problem.file for problem in reasons)
    assert isinstance(events[-1], Finished)


def test_that_J35_a_file_that_vanishes_while_loading_costs_one_slice(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    events: list[LoadEvent] = []
    for event in load([tmp_path], cancel=CancelToken()):
        events.append(event)
        if isinstance(event, Indexed) and event.complete:
            (tmp_path / "im0001.dcm").unlink()
    (opened,) = only(events, GeometryReady)
    assert list(np.flatnonzero(opened.volume.corrupt)) == [4]
    assert any("im0001.dcm" in event.problem.file for event in only(events, ProblemFound))


def test_that_a_decoder_that_hangs_costs_one_slice(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_ramp(tmp_path)
    release = threading.Event()
    fill = build.fill_slice

    def hang(volume: object, stack: object, k: int) -> None:
        if k == 1:
            release.wait(30)
        else:
            fill(volume, stack, k)  # type: ignore[arg-type]

    monkeypatch.setattr(filling, "fill_slice", hang)
    monkeypatch.setattr(filling, "GIVE_UP_S", 0.1)
    try:
        events = events_of(tmp_path)
    finally:
        release.set()
    (opened,) = only(events, GeometryReady)
    assert list(np.flatnonzero(opened.volume.corrupt)) == [1]
    assert "reasonable time" in only(events, ProblemFound)[0].problem.reason
    assert isinstance(events[-1], Finished)


def test_that_a_series_over_the_budget_opens_from_the_disk_beside_one_in_memory(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    write_pet(tmp_path / "pet", SeriesNumber=7)
    in_memory = [event.volume for event in only(events_of(tmp_path), GeometryReady)]
    assert [volume.on_disk for volume in in_memory] == [False, False]
    ct_bytes = int(np.prod(RAMP_SHAPE)) * 2
    events = events_of(tmp_path, budget_bytes=ct_bytes)
    ct, pet = [event.volume for event in only(events, GeometryReady)]
    assert (ct.on_disk, pet.on_disk) == (False, True)
    assert not only(events, ProblemFound)
    for there, here in zip((ct, pet), in_memory, strict=True):
        np.testing.assert_array_equal(there.array, here.array)
        assert there.ready.all()
    assert isinstance(events[-1], Finished)


def test_that_no_log_line_and_no_message_names_the_patient(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    caplog.set_level(logging.DEBUG)
    write_ramp(
        tmp_path / "ct", PatientName="Secret^Name", PatientID="SECRET-ID", SeriesDescription="Secret scan"
    )
    damaged = tmp_path / "ct" / "im0003.dcm"
    damaged.write_bytes(damaged.read_bytes()[:-10])
    events = events_of(tmp_path, budget_bytes=10)
    monkeypatch.setattr(voxel_file, "SPARE_BYTES", 1 << 60)
    events += events_of(tmp_path, budget_bytes=10)
    events += events_of(tmp_path)
    said = [event.problem.file + event.problem.reason for event in only(events, ProblemFound)]
    said += [event.message for event in only(events, Failed)]
    assert said
    assert not [text for text in (*said, caplog.text) if "secret" in text.casefold()]


# --- Cancel and cache --------------------------------------------------------------------------------------------


def drained(events: Iterator[LoadEvent]) -> list[LoadEvent]:
    return list(events)


@pytest.mark.parametrize("at", [Scanning, Indexed, GeometryReady, SlicesReady])
def test_that_cancelling_ends_the_job_with_one_word_and_no_thread(
    tmp_path: Path, at: type, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill = build.fill_slice

    def slowly(volume: object, stack: object, k: int) -> None:
        time.sleep(0.003)
        fill(volume, stack, k)  # type: ignore[arg-type]

    monkeypatch.setattr(filling, "fill_slice", slowly)
    long_ramp(tmp_path, 60)
    before = set(threading.enumerate())
    token = CancelToken()
    running = load([tmp_path], cancel=token)
    for event in running:
        if isinstance(event, at):
            break
    token.cancel()
    rest = drained(running)
    assert isinstance(rest[-1], Finished)
    assert rest[-1].cancelled
    assert not only(rest, VolumeFinished)
    assert not set(threading.enumerate()) - before


def test_that_a_slow_disk_does_not_delay_a_cancel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long_ramp(tmp_path, 30)
    release = threading.Event()
    monkeypatch.setattr(filling, "fill_slice", lambda *_: release.wait(30))
    token = CancelToken()
    running = load([tmp_path], cancel=token)
    for event in running:
        if isinstance(event, GeometryReady):
            break
    threading.Timer(0.05, token.cancel).start()
    started = time.monotonic()
    rest = drained(running)
    release.set()
    assert isinstance(rest[-1], Finished)
    assert rest[-1].cancelled
    assert time.monotonic() - started < 5  # far below the 30 s of the disk; the figure is in tests/perf


def test_that_a_second_job_starts_while_the_first_is_being_cancelled(tmp_path: Path) -> None:
    long_ramp(tmp_path / "first", 60)
    write_ramp(tmp_path / "second")
    token = CancelToken()
    first = load([tmp_path / "first"], cancel=token)
    next(first)
    token.cancel()
    (opened,) = only(events_of(tmp_path / "second"), GeometryReady)
    np.testing.assert_array_equal(opened.volume.array, ramp_array())
    last = drained(first)[-1]
    assert isinstance(last, Finished)
    assert last.cancelled


def test_that_another_series_opens_later_from_the_catalogue_and_then_from_the_cache(tmp_path: Path) -> None:
    write_ramp(tmp_path / "a", "G1")
    write_ramp(tmp_path / "b", "G4")
    cache = VolumeCache(1 << 20)
    catalogue = catalogue_of(events_of(tmp_path, cache=cache))
    study = catalogue.studies[0]
    (series,) = [series for series in study.series if series.description == "Ramp G4"]
    cache.clear()
    for _ in range(2):
        events = list(load_stack(series.stacks[0], series, study, cancel=CancelToken(), cache=cache))
        (opened,) = only(events, GeometryReady)
        np.testing.assert_array_equal(opened.volume.array, ramp_array())
        assert only(events, SlicesReady)[-1].done == 5
        assert [type(event) for event in events[-2:]] == [VolumeFinished, Finished]
    assert cache.get(series.stacks[0]) is opened.volume


def test_that_a_folder_opened_again_is_read_again(tmp_path: Path) -> None:
    write_ramp(tmp_path)
    cache = VolumeCache(1 << 20)
    (first,) = only(events_of(tmp_path, cache=cache), GeometryReady)
    write_series(tmp_path, ramp_array() + 1, ramp_affine(), SeriesInstanceUID=uid_of("ramp", "series", "G1"))
    (second,) = only(events_of(tmp_path, cache=cache), GeometryReady)
    np.testing.assert_array_equal(second.volume.array, ramp_array() + 1)
    assert cache.get(second.stack) is second.volume
    assert first.volume is not second.volume


# --- Real studies ------------------------------------------------------------------------------------------------


def test_that_a_real_pet_ct_opens_fused_with_the_scout_apart(
    real_data: RealData, reference: Reference
) -> None:
    events = events_of(real_data("petct-acrin"))
    opened = only(events, GeometryReady)
    assert [(event.series.modality, event.volume.geometry.shape) for event in opened] == [
        ("CT", (135, 512, 512)),
        ("PT", (135, 128, 128)),
    ]
    expected = reference("petct-acrin")["series"]
    for event in opened:
        rescaled = expected[event.series.uid]["pydicom_rescaled"]
        assert event.volume.ready.all()
        physical = event.volume.physical([event.volume.array.min(), event.volume.array.max()])
        np.testing.assert_allclose(physical, [rescaled["min"], rescaled["max"]], rtol=1e-6)
    kinds = {s.description: s.kind for study in catalogue_of(events).studies for s in study.series}
    assert kinds["SCOUT"] is SeriesKind.LOCALIZER
    assert not only(events, ProblemFound)
    pictures = {event.series_uid: event.image for event in only(events, ThumbnailReady)}
    assert len(pictures) == 4
    assert all(max(image.shape) == 128 and image.dtype == np.uint8 for image in pictures.values())


def test_that_a_real_head_opens_its_thin_series_despite_a_broken_dicomdir(real_data: RealData) -> None:
    events = events_of(real_data("head-philips"))
    (opened,) = only(events, GeometryReady)
    assert opened.volume.geometry.shape == (140, 512, 512)
    (problem,) = [event.problem for event in only(events, ProblemFound)]
    assert problem.file == "head-philips/DICOMDIR"


def test_that_one_good_series_opens_among_every_broken_file(real_data: RealData, tmp_path: Path) -> None:
    write_ramp(tmp_path / "good")
    events = events_of(real_data("broken-a"), tmp_path / "good")
    assert isinstance(events[-1], Finished)
    catalogue = catalogue_of(events)
    good = catalogue.find_series(str(uid_of("ramp", "series", "G1")))
    assert good is not None
    job = list(load_stack(good.stacks[0], good, catalogue.studies[0], cancel=CancelToken()))
    (opened,) = only(job, GeometryReady)
    np.testing.assert_array_equal(opened.volume.array, ramp_array())
    assert all(event.problem.reason.endswith((".", ")")) for event in only(events, ProblemFound))


def test_that_a_stack_that_is_left_out_of_the_catalogue_is_an_error_in_words(tmp_path: Path) -> None:
    write_ramp(tmp_path)

    def stale(catalogue: Catalogue) -> DefaultChoice:
        return DefaultChoice(replace(catalogue.studies[0].series[0].stacks[0]), None)

    last = events_of(tmp_path, choose=stale)[-1]
    assert isinstance(last, Failed)
    assert "no longer in the catalogue" in last.message
