"""Settings: every entry of the schema can be changed, acts at once and survives a restart."""

from __future__ import annotations

from pathlib import Path

import pytest
from PySide6.QtWidgets import QCheckBox, QWidget
from pytestqt.qtbot import QtBot

from viewer.settings import Settings, Value, load_schema
from viewer.ui.dialogs.recent import recent_paths, remember
from viewer.ui.dialogs.settings_dialog import KEPT_BY_THE_PROGRAM, SettingsDialog


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.json")


def _dialog(qtbot: QtBot, settings: Settings) -> SettingsDialog:
    dialog = SettingsDialog(settings)
    qtbot.addWidget(dialog)
    return dialog


def test_that_every_setting_of_the_schema_is_offered_or_kept_by_the_program(
    qtbot: QtBot, settings: Settings
) -> None:
    schema = load_schema()
    dialog = _dialog(qtbot, settings)
    assert set(dialog.values) | KEPT_BY_THE_PROGRAM == set(schema)
    assert not set(dialog.values) & KEPT_BY_THE_PROGRAM
    assert dialog.values == {key: schema[key].default for key in dialog.values}


def test_that_every_control_has_a_name_for_screen_readers(qtbot: QtBot, settings: Settings) -> None:
    dialog = _dialog(qtbot, settings)
    for key in dialog.values:
        widget = dialog.findChild(QWidget, key)
        assert isinstance(widget, QWidget)
        assert widget.accessibleName()


@pytest.mark.parametrize(
    "key, value",
    [
        ("ui.theme", "light"),
        ("annotations.letters", "S/I"),
        ("mouse.profile", "crosshair-first"),
        ("mouse.invert-window-drag", True),
        ("annotations.density", "minimal"),
        ("annotations.identity", False),
        ("memory.budget-percent", 30),
        ("pet.opacity", 0.35),
        ("pet.fused-colormap", "pet"),
        ("cine.fps", 24),
    ],
)
def test_that_a_changed_setting_survives_a_restart(
    qtbot: QtBot, settings: Settings, key: str, value: Value
) -> None:
    dialog = _dialog(qtbot, settings)
    dialog.choose(key, value)
    dialog.accept()
    assert Settings(settings.path).get(key) == value


def test_that_cancel_changes_nothing(qtbot: QtBot, settings: Settings) -> None:
    dialog = _dialog(qtbot, settings)
    dialog.choose("ui.theme", "light")
    dialog.reject()
    assert settings.get("ui.theme") == "dark"
    assert not settings.path.exists()


def test_that_the_built_in_settings_come_back(qtbot: QtBot, settings: Settings) -> None:
    settings.set("ui.theme", "light")
    dialog = _dialog(qtbot, settings)
    check = dialog.findChild(QCheckBox, "annotations.identity")
    assert isinstance(check, QCheckBox)
    check.setChecked(False)
    dialog.show_defaults()
    dialog.accept()
    assert settings.get("ui.theme") == "dark"
    assert settings.get("annotations.identity") is True


def test_that_recent_studies_can_be_forgotten(qtbot: QtBot, settings: Settings, tmp_path: Path) -> None:
    remember(settings, [tmp_path / "a"])
    dialog = _dialog(qtbot, settings)
    dialog.forget.click()
    assert recent_paths(settings) == ()
    assert not dialog.forget.isEnabled()


def test_that_a_settings_file_that_cannot_be_written_is_reported_and_the_dialog_stays(
    qtbot: QtBot, tmp_path: Path
) -> None:
    (tmp_path / "file").touch()
    dialog = _dialog(qtbot, Settings(tmp_path / "file" / "settings.json"))
    dialog.choose("ui.theme", "light")
    dialog.accept()
    assert "cannot be saved" in dialog.note.text()
    assert not dialog.note.isHidden()
    assert dialog.result() != SettingsDialog.DialogCode.Accepted.value
