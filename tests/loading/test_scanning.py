"""A folder of many files (J34): progress, growing catalogues, and a cancel, while headers are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.phantoms import write_ramp
from viewer.loading import search
from viewer.loading.cancel import CancelToken
from viewer.loading.events import Finished, Indexed, Scanning
from viewer.loading.pipeline import load

FOLDERS = 12


@pytest.fixture
def many(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Twelve series, and a loader that speaks after every file."""
    for n in range(FOLDERS):
        write_ramp(tmp_path / f"{n:02}", uid_seed=f"series {n}")
    for name in ("_SCANNING_S", "_SNAPSHOT_S", "_WALK_AHEAD_S"):
        monkeypatch.setattr(search, name, 0.0)
    # Time enough for one file.
    monkeypatch.setattr(search, "_INDEX_S", 1e-4)
    monkeypatch.setattr(search, "_SNAPSHOT_SHARE", 1e9)
    return tmp_path


def test_that_J34_the_list_of_studies_grows_while_headers_are_read(many: Path) -> None:
    events = list(load([many], cancel=CancelToken()))
    scanning = [event for event in events if isinstance(event, Scanning)]
    assert len(scanning) > FOLDERS
    assert [event.files for event in scanning] == sorted(event.files for event in scanning)
    assert scanning[-1].files == scanning[-1].total == 5 * FOLDERS
    indexed = [event for event in events if isinstance(event, Indexed)]
    assert [event.complete for event in indexed] == [False] * (len(indexed) - 1) + [True]
    assert len({len(event.catalogue.studies) for event in indexed}) > FOLDERS / 2


def test_that_J34_reading_headers_can_be_cancelled_after_any_file(many: Path) -> None:
    token = CancelToken()
    job = load([many], cancel=token)
    seen = next(event for event in job if isinstance(event, Scanning) and event.files >= 3)
    token.cancel()
    rest = list(job)
    assert seen.files < 5 * FOLDERS
    assert not any(isinstance(event, Indexed) and event.complete for event in rest)
    assert isinstance(rest[-1], Finished)
    assert rest[-1].cancelled
