"""What every test stands on: a home of its own, real data on demand, and no Qt object left behind.

Environment
-----------
TRIPTYCH_TEST_DATA
    Folder with real studies: either already unpacked (`<set>/...`) or packed (`sets/<set>.tar.xz`), with expected
    values in `reference/<name>.json`. Without it a folder `shared/data` beside the checkout is used when it exists.
CI
    When set to anything but 0 or false, missing real data is a failure instead of a skip.
"""

from __future__ import annotations

import functools
import gc
import hashlib
import json
import os
import shutil
import tarfile
import tempfile
import weakref
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

import hypothesis
import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

CHECKOUT = Path(__file__).resolve().parent.parent
NEIGHBOUR_DATA = CHECKOUT.parent / "shared" / "data"


class RealData(Protocol):
    """Type of the fixture `real_data`: the name of a set to the folder that holds it."""

    def __call__(self, name: str) -> Path: ...


class Reference(Protocol):
    """Type of the fixture `reference`: a name to the parsed JSON of its expected values."""

    def __call__(self, name: str) -> Any: ...


def _in_ci() -> bool:
    return os.environ.get("CI", "").lower() not in {"", "0", "false"}


# --- A home of its own ------------------------------------------------------------------------------------------


def _own_home() -> Path:
    """Point every place where a program keeps a user's files at an empty folder, before anything is imported."""
    home = Path(tempfile.mkdtemp(prefix="triptych-home-"))
    for variable, name in {
        "HOME": ".",
        "USERPROFILE": ".",
        "APPDATA": "AppData/Roaming",
        "LOCALAPPDATA": "AppData/Local",
        "XDG_CACHE_HOME": ".cache",
        "XDG_CONFIG_HOME": ".config",
        "XDG_DATA_HOME": ".local/share",
        "XDG_STATE_HOME": ".local/state",
        "XDG_RUNTIME_DIR": "run",
    }.items():
        folder = home / name
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        os.environ[variable] = str(folder)
    return home


os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")
_HOME = _own_home()


def pytest_unconfigure() -> None:
    """Remove the home of this run."""
    shutil.rmtree(_HOME, ignore_errors=True)


# A shared machine may be slow for a moment; a property that fails in CI must fail the same way for everyone.
hypothesis.settings.register_profile(
    "triptych",
    deadline=None,
    derandomize=_in_ci(),
    print_blob=True,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("triptych")


# --- Real data --------------------------------------------------------------------------------------------------


def _no_data(reason: str) -> NoReturn:
    if _in_ci():
        pytest.fail(reason, pytrace=False)
    pytest.skip(reason)


def _data_root() -> Path:
    named = os.environ.get("TRIPTYCH_TEST_DATA")
    root = Path(named) if named else NEIGHBOUR_DATA
    if not root.is_dir():
        _no_data("no real data here: set TRIPTYCH_TEST_DATA to a folder that holds it")
    return root


def _unpack(archive: Path, name: str, cache: Path) -> Path:
    """Unpack `archive` once into `cache` and return the folder of the set.

    Several test processes may come here at once: each unpacks aside and renames, and the first one wins.
    """
    status = archive.stat()
    key = hashlib.sha256(f"{archive}:{status.st_size}:{status.st_mtime_ns}".encode()).hexdigest()[:12]
    done = cache / f"{name}-{key}"
    if not done.is_dir():
        aside = Path(tempfile.mkdtemp(prefix=f"{name}-", dir=cache))
        try:
            with tarfile.open(archive) as tar:
                members = tar.getmembers()
                for member in members:
                    target = (aside / member.name).resolve()
                    if not (member.isfile() or member.isdir()) or not target.is_relative_to(aside.resolve()):
                        pytest.fail(f"{archive.name} holds an entry that does not belong in a data set")
                if hasattr(tarfile, "data_filter"):
                    tar.extractall(aside, members, filter="data")
                else:  # Python 3.11.2 of Debian 12 has no filters yet; the loop above is what guards there
                    tar.extractall(aside, members)
            try:
                aside.rename(done)
            except OSError:
                if not done.is_dir():
                    raise
        finally:
            shutil.rmtree(aside, ignore_errors=True)
    return done / name


@pytest.fixture(scope="session")
def real_data(pytestconfig: pytest.Config) -> RealData:
    """Give the folder of a real data set; unpacks it at first use. The folder is for reading only."""

    @functools.cache
    def find(name: str) -> Path:
        root = _data_root()
        archive = root / "sets" / f"{name}.tar.xz"
        if archive.is_file():
            assert pytestconfig.cache is not None
            return _unpack(archive, name, pytestconfig.cache.mkdir("real-data"))
        if not (root / name).is_dir():
            _no_data(f"the real data here have no set {name}")
        return root / name

    return find


@pytest.fixture(scope="session")
def reference() -> Reference:
    """Give the expected values of a real data set, computed by other programs."""

    @functools.cache
    def find(name: str) -> Any:
        for root in (_data_root(), NEIGHBOUR_DATA):
            path = root / "reference" / f"{name}.json"
            if path.is_file():
                return json.loads(path.read_text(encoding="utf-8"))
        return _no_data(f"no reference values for {name} here")

    return find


# --- Qt leaves nothing behind -----------------------------------------------------------------------------------


@pytest.fixture(autouse=True)
def no_qt_object_outlives_its_test(
    request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """Fail the test that leaves a running thread, an active timer or a top-level widget behind.

    Only tests that use `qapp` or `qtbot` pay for it. Qt warnings are failures through `qt_log_level_fail`.
    """
    if not {"qapp", "qtbot"} & set(request.fixturenames):
        yield
        return

    request.getfixturevalue("qapp")
    from PySide6.QtCore import QCoreApplication, QEvent, QObject, QThread, QTimer
    from PySide6.QtWidgets import QApplication
    from shiboken6 import isValid

    started: list[weakref.ref[QObject]] = []

    def remember(kind: type[QObject]) -> None:
        original: Callable[..., Any] = kind.start  # type: ignore[attr-defined]

        def start(self: QObject, *args: object) -> Any:
            started.append(weakref.ref(self))
            return original(self, *args)

        monkeypatch.setattr(kind, "start", start)

    remember(QThread)
    remember(QTimer)
    before = set(QApplication.topLevelWidgets())

    def left_behind() -> list[str]:
        QCoreApplication.sendPostedEvents(None, QEvent.Type.DeferredDelete)
        alive = [thing for ref in started if (thing := ref()) is not None and isValid(thing)]
        widgets = [w for w in QApplication.topLevelWidgets() if w not in before and w.parent() is None]
        return [
            *(f"running thread {t!r}" for t in alive if isinstance(t, QThread) and t.isRunning()),
            *(f"active timer {t!r}" for t in alive if isinstance(t, QTimer) and t.isActive()),
            *(f"top-level widget {w!r}" for w in widgets),
        ]

    yield
    if left_behind():
        gc.collect()  # what only a cycle keeps alive is not left behind
        if left := left_behind():
            pytest.fail("left behind: " + "; ".join(left), pytrace=False)
