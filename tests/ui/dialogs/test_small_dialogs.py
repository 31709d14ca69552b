"""Recent studies, the second drop, the notice, About and the display test."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest
from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QLabel, QMessageBox, QPlainTextEdit, QPushButton
from pytestqt.qtbot import QtBot

import viewer
from viewer.settings import Settings
from viewer.ui.dialogs.about_dialog import AboutDialog, components, facts
from viewer.ui.dialogs.display_test import FAINT, STEPS, DisplayTestDialog, GreyPattern
from viewer.ui.dialogs.intended_use import INTENDED_USE
from viewer.ui.dialogs.notice import first_start_notice
from viewer.ui.dialogs.recent import MOST, forget_all, recent_paths, remember
from viewer.ui.dialogs.second_drop import ask_second_drop


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.json")


# --- recent -----------------------------------------------------------------------------------------------------


def test_that_the_latest_study_comes_first_and_once(settings: Settings, tmp_path: Path) -> None:
    for name in ("a", "b", "a"):
        remember(settings, [tmp_path / name])
    assert recent_paths(settings) == (tmp_path / "a", tmp_path / "b")


def test_that_recent_studies_survive_a_restart(settings: Settings, tmp_path: Path) -> None:
    remember(settings, [tmp_path / "a"])
    settings.save()
    assert recent_paths(Settings(settings.path)) == (tmp_path / "a",)


def test_that_only_so_many_are_kept(settings: Settings, tmp_path: Path) -> None:
    for number in range(MOST + 5):
        remember(settings, [tmp_path / str(number)])
    assert len(recent_paths(settings)) == MOST
    assert recent_paths(settings)[0] == tmp_path / str(MOST + 4)


def test_that_nothing_is_kept_when_it_is_switched_off(settings: Settings, tmp_path: Path) -> None:
    settings.set("recent.enabled", False)
    remember(settings, [tmp_path / "a"])
    settings.save()
    assert recent_paths(settings) == ()
    assert "recent.paths" not in settings.path.read_text()


def test_that_the_list_can_be_cleared(settings: Settings, tmp_path: Path) -> None:
    remember(settings, [tmp_path / "a"])
    forget_all(settings)
    assert recent_paths(settings) == ()


# --- second drop ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("answer", ["replace", "add", "cancel"])
def test_that_a_second_drop_asks_what_to_do(qtbot: QtBot, answer: str) -> None:
    def press() -> None:
        box = QApplication.activeModalWidget()
        assert isinstance(box, QMessageBox)
        button = box.findChild(QPushButton, answer)
        assert isinstance(button, QPushButton)
        button.click()

    QTimer.singleShot(0, press)
    assert ask_second_drop(None) == answer


def test_that_closing_the_question_opens_nothing(qtbot: QtBot) -> None:
    def close() -> None:
        box = QApplication.activeModalWidget()
        assert box is not None
        box.close()

    QTimer.singleShot(0, close)
    assert ask_second_drop(None) == "cancel"


# --- notice -----------------------------------------------------------------------------------------------------


def test_that_E23_the_notice_is_shown_at_the_first_start_and_not_again(
    qtbot: QtBot, settings: Settings
) -> None:
    notice = first_start_notice(settings)
    assert notice is not None
    qtbot.addWidget(notice)
    notice.show()
    with qtbot.waitSignal(notice.understood):
        notice.button.click()
    assert notice.isHidden()
    settings.save()
    assert first_start_notice(Settings(settings.path)) is None


# --- about ------------------------------------------------------------------------------------------------------


def test_that_E23_about_names_version_and_intended_use(qtbot: QtBot) -> None:
    dialog = AboutDialog()
    qtbot.addWidget(dialog)
    texts = " ".join(label.text() for label in dialog.findChildren(QLabel))
    assert viewer.__version__ in texts
    assert INTENDED_USE in texts
    about = dialog.findChild(QPlainTextEdit, "about-text")
    assert isinstance(about, QPlainTextEdit)
    assert "no network connection" in about.toPlainText()


def test_that_about_lists_every_library_of_the_project_file_with_its_licence() -> None:
    project = tomllib.loads((Path(viewer.__file__).parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    needed = {text.split(">")[0].split("=")[0].strip().lower() for text in project["project"]["dependencies"]}
    names = [component.name.lower() for component in components()]
    listed = {component.name.lower(): component for component in components()}
    assert sorted(names) == sorted(needed)
    assert all(component.licence and component.version for component in listed.values())
    assert not any(component.licence.startswith("GPL") for component in listed.values())


def test_that_the_system_details_can_be_copied_and_hold_no_name(qtbot: QtBot) -> None:
    dialog = AboutDialog()
    qtbot.addWidget(dialog)
    button = dialog.findChild(QPushButton, "about-copy")
    assert isinstance(button, QPushButton)
    button.click()
    copied = QGuiApplication.clipboard().text()
    assert "Python" in copied
    assert "kernel" in copied
    assert str(Path.home()) not in copied
    assert copied.splitlines() == list(facts())


# --- display test -----------------------------------------------------------------------------------------------


def test_that_E11_every_field_and_its_faint_square_are_painted(qtbot: QtBot) -> None:
    pattern = GreyPattern()
    qtbot.addWidget(pattern)
    pattern.resize(STEPS * 40, 300)
    image = pattern.grab().toImage()
    for number in range(STEPS):
        ground = image.pixelColor(number * 40 + 3, 5).red()
        faint = image.pixelColor(number * 40 + 20, 100).red()
        assert ground == round(255 * number / (STEPS - 1))
        assert abs(faint - ground) == FAINT


def test_that_E11_the_site_is_named_as_responsible_for_calibration(qtbot: QtBot) -> None:
    dialog = DisplayTestDialog()
    qtbot.addWidget(dialog)
    assert any("duty of the site" in label.text() for label in dialog.findChildren(QLabel))
