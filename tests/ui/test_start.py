"""The window is shown before everything in it is built; nobody sees that."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PySide6.QtWidgets import QApplication, QDockWidget, QTabWidget, QWidget

from tests.phantoms import write_ramp
from viewer.app import UNPAINTED_MS, after_first_paint, furnish
from viewer.settings import Settings
from viewer.ui.discovery import modules
from viewer.ui.main_window import MainWindow

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

LATER = ("study", "tags", "problems")
LATER_MODULES = (
    "SimpleITK",
    "dask",
    "highdicom",
    "numcodecs",
    "onnxruntime",
    "openpyxl",
    "pydicom",
    "torch",
    "viewer.dicom.decode",
    "viewer.dicom.pet_stack",
    "viewer.dicom.presentation_state",
    "viewer.dicom.seg",
    "viewer.dicom.seg_writer",
    "viewer.dicom.structured_report",
    "viewer.loading.volume_copies",
    "viewer.state.lesion_report",
    "viewer.state.lesion_sheet",
    "viewer.state.measurement_report",
    "viewer.ui.export.table_file",
    "vtk",
    "xlsxwriter",
    "zarr",
)


def built(window: MainWindow) -> list[str]:
    return [name for name in LATER if window.findChild(QWidget, name) is not None]


def test_that_what_is_built_after_the_first_picture_of_the_window_changes_no_pixel(
    qtbot: QtBot, window: MainWindow
) -> None:
    assert built(window) == []
    before = window.grab().toImage()
    window.sections.complete()
    assert window.findChildren(QWidget, "base-card") == []
    qtbot.waitUntil(lambda: window.findChild(QWidget, "base-card") is not None)
    assert built(window) == list(LATER)
    assert window.grab().toImage() == before


def test_that_a_tab_and_a_dock_are_built_when_they_are_opened_first(qtbot: QtBot, window: MainWindow) -> None:
    tabs = window.findChild(QTabWidget)
    assert isinstance(tabs, QTabWidget)
    texts = [tabs.tabText(n) for n in range(tabs.count())]
    tabs.setCurrentIndex(texts.index("Tags"))
    assert [tabs.tabText(n) for n in range(tabs.count())] == texts
    assert tabs.currentWidget().objectName() == "tags"
    assert tabs.currentWidget().isVisible()
    window.sections.complete()
    assert len(window.findChildren(QWidget, "tags")) == 1


def test_that_a_hidden_dock_is_filled_when_it_is_shown(qtbot: QtBot, window: MainWindow) -> None:
    dock = window.findChild(QDockWidget, "dock-bottom")
    assert isinstance(dock, QDockWidget)
    window.context.commands.run("view.problems")
    qtbot.waitUntil(lambda: dock.widget() is not None and dock.widget().isVisible())
    assert dock.widget().objectName() == "problems"


def test_that_a_study_opened_at_once_finds_every_section_and_no_part_becomes_a_window(
    qtbot: QtBot, window: MainWindow, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "ct")
    window.open([tmp_path / "ct"])
    qtbot.waitUntil(lambda: not window.context.loader.busy and window.context.view.base is not None)
    assert built(window) == list(LATER)
    card = window.findChild(QWidget, "base-card")
    assert isinstance(card, QWidget)
    assert card.isVisibleTo(window)
    assert [widget for widget in QApplication.topLevelWidgets() if widget.isVisible()] == [window]


def test_that_only_modules_that_define_a_name_are_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = tmp_path / "family"
    family.mkdir()
    (family / "__init__.py").write_text("", encoding="utf-8")
    (family / "first.py").write_text("def commands():\n    return ()\n", encoding="utf-8")
    (family / "heavy.py").write_text("raise AssertionError('imported')\n", encoding="utf-8")
    (family / "_own.py").write_text("commands = None\n", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    assert [module.__name__ for module in modules("family", "commands")] == ["family.first"]
    with pytest.raises(AssertionError, match="imported"):
        list(modules("family"))


def test_that_after_lean_imports_no_import_reads_source_text_and_the_environment_is_as_before() -> None:
    script = (
        "import os\n"
        "from viewer.ui.lean_imports import lean_numpy, lean_qt; lean_qt(); lean_numpy()\n"
        "import linecache, email.policy, PySide6.QtCore, numpy\n"
        "assert 'OPENBLAS_NUM_THREADS' not in os.environ\n"
        "assert not any('policy' in name for name in linecache.cache)\n"
        "print('lean')"
    )
    environment = {name: value for name, value in os.environ.items() if name != "OPENBLAS_NUM_THREADS"}
    answer = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False
    )
    assert answer.stdout.strip() == "lean", answer.stderr


def test_that_a_window_is_made_without_what_writes_files_and_without_optional_packages(
    tmp_path: Path,
) -> None:
    script = (
        "import sys\n"
        "from viewer.app import application, make_window\n"
        "from viewer.settings import Settings\n"
        "app = application()\n"
        "window = make_window(Settings.load())\n"
        "window.show()\n"
        "app.processEvents()\n"
        f"print(*sorted(set({LATER_MODULES!r}) & set(sys.modules)))"
    )
    places = {name: str(tmp_path) for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.split() == []


def test_that_the_frame_is_painted_before_most_of_the_program_is_read() -> None:
    script = (
        "import sys\n"
        "from viewer.app import application\n"
        "from viewer.settings import Settings\n"
        "from viewer.ui.main_window import MainWindow\n"
        "from viewer.ui.theme import apply_theme\n"
        "app = application()\n"
        "apply_theme(app, 'dark')\n"
        "window = MainWindow(Settings.load())\n"
        "seen = []\n"
        "window.first_painted.connect(lambda: seen.append(set(sys.modules)))\n"
        "window.show()\n"
        "app.processEvents()\n"
        "print(*sorted(seen[0] & {'numpy', 'psygnal', 'viewer.state.view', 'viewer.imaging.volume'}), len(seen))"
    )
    answer = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert answer.stdout.split() == ["1"], answer.stderr


def test_that_what_is_dropped_on_the_empty_frame_opens_when_the_rest_is_there(
    qtbot: QtBot, tmp_path: Path
) -> None:
    write_ramp(tmp_path / "ct")
    frame = MainWindow(Settings.load())
    qtbot.addWidget(frame)
    frame.show()
    frame.open([tmp_path / "ct"])
    furnish(frame)
    qtbot.waitUntil(lambda: frame.context.view.base is not None)
    frame.close()


def test_that_an_empty_frame_can_be_closed_and_keeps_its_place_and_the_docks_of_before(qtbot: QtBot) -> None:
    settings = Settings.load()
    settings.set("window.docks", "abc")
    frame = MainWindow(settings)
    qtbot.addWidget(frame)
    frame.show()
    frame.resize(700, 600)
    frame.close()
    assert settings.get("window.docks") == "abc"
    again = MainWindow(Settings.load())
    qtbot.addWidget(again)
    assert (again.width(), again.height()) == (700, 600)


@pytest.mark.parametrize("painted", [True, False])
def test_that_a_frame_is_furnished_once_painted_or_not(qtbot: QtBot, painted: bool) -> None:
    frame = MainWindow(Settings.load())
    qtbot.addWidget(frame)
    calls: list[bool] = []
    after_first_paint(frame, lambda: calls.append(frame.isVisible()))
    if painted:
        frame.show()
    qtbot.waitUntil(lambda: bool(calls))
    frame.show()
    frame.repaint()
    qtbot.wait(UNPAINTED_MS + 50)
    assert calls == [painted]


def test_that_a_program_that_cannot_be_furnished_ends_with_its_reason(tmp_path: Path) -> None:
    script = (
        "import viewer.app as app\n"
        "def broken(window): raise OSError('the disk is gone')\n"
        "app.furnish = broken\n"
        "app.run()\n"
    )
    places = {name: str(tmp_path) for name in ("XDG_CONFIG_HOME", "XDG_CACHE_HOME", "XDG_DATA_HOME")}
    answer = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, **places},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert answer.returncode == 1
    assert answer.stderr.strip().endswith("OSError: the disk is gone")
