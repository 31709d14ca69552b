"""Volumes of an archive in the viewer: the series itself could not stand in the catalogue in another way."""

from __future__ import annotations

import gc
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.archive.hospital import archive_of, copy_of, write_hospital
from tests.archive.test_convert import assert_same_volume
from tests.dicom.reading import filled
from tests.formats.volumes import catalogue_of, events_of, failure_of, opened
from tests.needs import library
from tests.phantoms import uid_of, write_pet, write_ramp
from viewer.dicom.choice import DefaultChoice
from viewer.dicom.model import Catalogue, Stack
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Failed, GeometryReady, ProblemFound, ThumbnailReady
from viewer.loading.pipeline import load

zarr = library("zarr")
library("pyarrow")

from viewer.archive.reader import ArchiveVolume, volumes_below  # noqa: E402


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_hospital(tmp_path_factory.mktemp("source"))


@pytest.fixture(scope="module")
def archive(source: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_of(source, tmp_path_factory.mktemp("zarr"))[0]


def stacks(catalogue: Catalogue) -> dict[str, Stack]:
    return {
        stack.uid: stack for study in catalogue.studies for series in study.series for stack in series.stacks
    }


@pytest.mark.parametrize("store", ["shard", "dir", "zip", "sqlite"])
def test_that_every_volume_loads_as_its_series_does(store: str, source: Path, tmp_path: Path) -> None:
    archive, _ = archive_of(source, tmp_path, store=store)
    expected = stacks(catalogue_of(source))
    catalogue = catalogue_of(archive)
    found = stacks(catalogue)
    assert len(found) == 7
    for uid, stack in found.items():
        volume, problems = opened(stack, catalogue)
        assert not problems
        assert_same_volume(volume, filled(expected[uid]))
        assert stack.report == expected[uid].report
        assert stack.suv == expected[uid].suv
    # The stores are closed with their stacks.
    del found, catalogue, stack, volume, expected
    gc.collect()


def test_that_the_catalogue_of_an_archive_names_the_same_patients_studies_and_series(
    source: Path, archive: Path
) -> None:
    def described(catalogue: Catalogue) -> set[object]:
        return {
            (
                study.patient,
                study.uid,
                study.date,
                series.uid,
                series.modality,
                series.description,
                series.number,
            )
            for study in catalogue.studies
            for series in study.series
            if series.uid not in (uid_of("scout"), uid_of("dose"))
        }

    assert described(catalogue_of(archive)) == described(catalogue_of(source))


def test_that_two_stacks_of_a_series_are_one_series_again(archive: Path) -> None:
    echoes = catalogue_of(archive).find_series(uid_of("echoes"))
    assert echoes is not None
    assert [stack.label for stack in echoes.stacks] == ["TE 10 ms", "TE 20 ms"]
    assert [stack.uid for stack in echoes.stacks] == [uid_of("echoes"), f"{uid_of('echoes')}#2"]


def test_that_a_ct_and_its_pet_open_by_themselves_in_one_frame_of_reference(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data" / "ct")
    write_pet(tmp_path / "data" / "pet", SeriesInstanceUID=uid_of("pet"))
    archive, _ = archive_of(tmp_path / "data", tmp_path)
    ready = [event for event in events_of([archive]) if isinstance(event, GeometryReady)]
    assert [event.volume.modality for event in ready] == ["CT", "PT"]
    assert len({event.volume.geometry.frame_of_reference_uid for event in ready}) == 1
    assert ready[1].volume.suv_factor is not None


@pytest.mark.parametrize("store", ["dir", "sqlite"])
def test_that_thumbnails_keep_no_volume_open(
    store: str, source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_now: set[int] = set()

    class Counted(ArchiveVolume):
        def __init__(self, *given: Any, **options: Any) -> None:
            super().__init__(*given, **options)
            open_now.add(id(self))

        def close(self) -> None:
            super().close()
            open_now.discard(id(self))

    monkeypatch.setattr("viewer.formats.zarr_volume.ArchiveVolume", Counted)
    archive, _ = archive_of(source, tmp_path, store=store)
    most = pictures = 0
    for event in load([archive], cancel=CancelToken(), choose=lambda _: DefaultChoice(None, None)):
        pictures += isinstance(event, ThumbnailReady)
        most = max(most, len(open_now))
    assert pictures > 3
    assert most <= 1


def test_that_a_series_that_is_there_as_dicom_is_not_listed_twice(source: Path, archive: Path) -> None:
    both = catalogue_of(source, archive)
    uids = [series.uid for study in both.studies for series in study.series]
    assert len(uids) == len(set(uids)) == 8
    ct = both.find_series(uid_of("ramp", "series", "G1"))
    assert ct is not None
    assert ct.stacks[0].source is None, "the original counts"


def test_that_a_volume_joins_the_study_that_is_open(tmp_path: Path) -> None:
    write_ramp(tmp_path / "ct")
    write_pet(tmp_path / "pet", SeriesInstanceUID=uid_of("pet"))
    archive, _ = archive_of(tmp_path / "pet", tmp_path)
    known = catalogue_of(tmp_path / "ct")
    both = catalogue_of(archive, known=known)
    (study,) = both.studies
    assert [series.modality for series in study.series] == ["CT", "PT"]
    again = catalogue_of(tmp_path / "ct", known=both)
    assert len(again.studies) == 1
    assert len(again.studies[0].series) == 2


def test_that_a_single_volume_of_any_layout_can_be_dropped(source: Path, tmp_path: Path) -> None:
    for store in ("shard", "zip", "sqlite"):
        archive, _ = archive_of(source / "ct", tmp_path / store, store=store)
        (path,) = volumes_below(archive)
        (stack,) = stacks(catalogue_of(path)).values()
        assert stack.geometry.shape == (5, 6, 8)


def test_that_J06_slices_without_values_are_told_and_keep_their_places(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data")
    broken = tmp_path / "data" / "im0003.dcm"
    broken.write_bytes(broken.read_bytes()[:-30])
    archive, _ = archive_of(tmp_path / "data", tmp_path)
    catalogue = catalogue_of(archive)
    volume, problems = opened(next(iter(stacks(catalogue).values())), catalogue)
    assert np.flatnonzero(volume.corrupt).tolist() == [2]
    assert "ends early" in problems[0].reason


def test_that_a_damaged_volume_among_others_is_a_problem_of_its_own(source: Path, tmp_path: Path) -> None:
    archive, _ = archive_of(source, tmp_path)
    path = next(volumes_below(archive))
    (path / "zarr.json").write_text("{", encoding="utf-8")
    events = events_of([archive], thumbnails=False)
    problems = [event.problem for event in events if isinstance(event, ProblemFound)]
    assert [problem.reason for problem in problems] == ["It is no Zarr group, or damaged."]
    assert not any(isinstance(event, Failed) for event in events)


def test_that_a_zarr_group_of_another_program_is_one_sentence(tmp_path: Path) -> None:
    zarr.create_group(tmp_path / "other.zarr", attributes={"ome": {"version": "0.5"}})
    assert "was not written by this program" in failure_of(tmp_path / "other.zarr")


def test_that_a_folder_that_is_only_named_like_a_volume_is_searched(tmp_path: Path) -> None:
    write_ramp(tmp_path / "data" / "study.zarr")
    assert len(stacks(catalogue_of(tmp_path / "data"))) == 1
    assert len(stacks(catalogue_of(tmp_path / "data" / "study.zarr"))) == 1


def test_that_a_volume_of_the_future_is_one_sentence(source: Path, tmp_path: Path) -> None:
    archive, _ = archive_of(source / "ct", tmp_path)
    (path,) = volumes_below(archive)
    group = zarr.open_group(path, mode="r+")
    group.attrs["triptych"] = {**group.attrs["triptych"], "version": 99}
    assert "newer version" in failure_of(path)


def test_that_without_the_extra_one_sentence_names_it(
    source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive, _ = archive_of(copy_of(source / "ct", tmp_path / "data"), tmp_path)
    monkeypatch.setitem(sys.modules, "zarr", None)
    assert 'pip install "triptych-viewer[archive]"' in failure_of(archive)
