"""The first picture of a large folder (J34): before all headers are read, marked, never instead of the right one."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.phantoms import uid_of, write_pet, write_series
from viewer.loading import early, search
from viewer.loading.cancel import CancelToken
from viewer.loading.events import (
    Finished,
    GeometryReady,
    Indexed,
    LoadEvent,
    Scanning,
    SlicesReady,
    Withdrawn,
)
from viewer.loading.pipeline import load

SLICES = 20
AFFINE = np.diag([3.0, 2.0, 1.0, 1.0])[[2, 1, 0, 3]]


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A loader that speaks after every file, as if each took long."""
    for name in ("_SCANNING_S", "_SNAPSHOT_S", "_WALK_AHEAD_S"):
        monkeypatch.setattr(search, name, 0.0)
    monkeypatch.setattr(search, "_INDEX_S", 1e-4)
    monkeypatch.setattr(early, "AFTER_S", 0.0)
    monkeypatch.setattr(early, "QUIET_FILES", 4)


def values(slices: int) -> np.ndarray:
    array: np.ndarray = (np.arange(slices)[:, None, None] * 10 + np.arange(16)[None, :, None]) + np.arange(16)
    return array.astype(np.int16)


def write(folder: Path, seed: str, slices: int = SLICES, spacing: float = 3.0, **tags: object) -> Path:
    affine = AFFINE.copy()
    affine[2, 0] = spacing
    given: dict[str, Any] = {"SeriesInstanceUID": uid_of("early", seed), "SliceThickness": spacing} | tags
    return write_series(folder, values(slices), affine, uid_seed=seed, **given)


def events_of(folder: Path) -> list[LoadEvent]:
    return list(load([folder], cancel=CancelToken(), early=True, thumbnails=False))


def split(events: list[LoadEvent]) -> tuple[list[LoadEvent], list[LoadEvent]]:
    """Events before and after the complete catalogue."""
    place = next(n for n, event in enumerate(events) if isinstance(event, Indexed) and event.complete)
    return events[:place], events[place:]


def ready(events: list[LoadEvent]) -> list[GeometryReady]:
    return [event for event in events if isinstance(event, GeometryReady)]


def test_that_J34_the_first_picture_comes_while_headers_are_still_read(tmp_path: Path) -> None:
    write(tmp_path / "00", "first")
    for n in range(1, 6):
        write(tmp_path / f"{n:02}", f"other {n}", slices=5)
    before, after = split(events_of(tmp_path))
    (shown,) = ready(before)
    assert shown.stack.preliminary
    assert shown.series.files == SLICES
    pictures = [event for event in before if isinstance(event, SlicesReady)]
    assert SLICES // 2 in pictures[0].slices
    read = [event.files for event in before if isinstance(event, Scanning)]
    assert min(read) < SLICES
    behind = before[before.index(pictures[0]) :]
    assert any(isinstance(event, Scanning) for event in behind)
    (final,) = ready(after)
    assert not final.stack.preliminary
    assert final.volume.uid == shown.volume.uid
    np.testing.assert_array_equal(final.volume.array, values(SLICES))
    for k in np.flatnonzero(shown.volume.ready):
        np.testing.assert_array_equal(shown.volume.array[k], values(SLICES)[k])
    assert not any(isinstance(event, Withdrawn) for event in after)


def test_that_J34_what_opens_in_the_end_is_decided_by_the_whole_folder(tmp_path: Path) -> None:
    write(tmp_path / "00", "thick", slices=12, spacing=10.0)
    write(tmp_path / "01", "thin", slices=60, spacing=1.0)
    before, after = split(events_of(tmp_path))
    (shown,) = ready(before)
    (final,) = ready(after)
    assert shown.stack.uid == uid_of("early", "thick")
    assert final.stack.uid == uid_of("early", "thin")
    withdrawn = [n for n, event in enumerate(after) if isinstance(event, Withdrawn)]
    assert [after[n].volume_uid for n in withdrawn] == [shown.volume.uid]  # type: ignore[union-attr]
    assert withdrawn[0] < after.index(final)
    late = list(load([tmp_path], cancel=CancelToken(), thumbnails=False))
    assert [event.stack.uid for event in ready(late)] == [final.stack.uid]


def test_that_J34_a_series_in_two_folders_is_whole_in_the_end(tmp_path: Path) -> None:
    write(tmp_path / "all", "spread", slices=30)
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    for n, path in enumerate(sorted((tmp_path / "all").iterdir())):
        path.rename(tmp_path / ("a" if n < 15 else "b") / path.name)
    (tmp_path / "all").rmdir()
    write(tmp_path / "aa", "between", slices=5)
    before, after = split(events_of(tmp_path))
    (shown,) = ready(before)
    assert (shown.volume.geometry.shape[0], shown.stack.preliminary) == (15, True)
    (final,) = ready(after)
    np.testing.assert_array_equal(final.volume.array, values(30))


@pytest.mark.parametrize("kind", ["pet", "few slices", "gap", "last"])
def test_that_J34_nothing_uncertain_is_shown_early(kind: str, tmp_path: Path) -> None:
    if kind == "pet":
        write_pet(tmp_path / "00", suv=np.ones((SLICES, 4, 4)))
    elif kind == "few slices":
        write(tmp_path / "00", "few", slices=5)
    else:
        write(tmp_path / "00", "first")
    if kind == "gap":
        sorted((tmp_path / "00").iterdir())[8].unlink()
    if kind != "last":
        write(tmp_path / "01", "behind", slices=5)
    before, after = split(events_of(tmp_path))
    assert ready(before) == []
    assert len(ready(after)) >= 1


def test_that_J34_a_folder_without_folders_has_a_first_picture_too(tmp_path: Path) -> None:
    write(tmp_path / "one", "first")
    write(tmp_path / "two", "second", slices=6)
    flat = tmp_path / "flat"
    flat.mkdir()
    for folder in ("one", "two"):
        for path in sorted((tmp_path / folder).iterdir()):
            path.rename(flat / f"{folder}-{path.name}")
    before, after = split(events_of(flat))
    (shown,) = ready(before)
    assert shown.stack.uid == ready(after)[0].stack.uid == uid_of("early", "first")


def test_that_J34_a_cancel_while_the_first_picture_is_there_ends_the_job(tmp_path: Path) -> None:
    write(tmp_path / "00", "first")
    write(tmp_path / "01", "behind")
    token = CancelToken()
    job = load([tmp_path], cancel=token, early=True)
    next(event for event in job if isinstance(event, GeometryReady))
    token.cancel()
    rest = list(job)
    assert isinstance(rest[-1], Finished)
    assert rest[-1].cancelled
