"""Commands of the dialogs: they act on the session, and settings count at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar, cast

import pytest
from PySide6.QtCore import QObject
from PySide6.QtGui import QPalette
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QMessageBox
from pytestqt.qtbot import QtBot

from tests.ui.export.conftest import open_volume
from viewer.imaging.sample import Interpolation
from viewer.imaging.window import Window
from viewer.settings import Settings, Value
from viewer.state.layers import ImageLayer, Role
from viewer.state.library import Library
from viewer.state.panes import Density
from viewer.state.view import ViewState
from viewer.ui.commands import CommandTable, Shortcuts
from viewer.ui.context import UiContext
from viewer.ui.dialogs.about_dialog import AboutDialog
from viewer.ui.dialogs.actions import commands
from viewer.ui.dialogs.display_test import DisplayTestDialog
from viewer.ui.dialogs.preset_editor import PresetEditor
from viewer.ui.dialogs.presets_dialog import PresetsDialog
from viewer.ui.dialogs.settings_dialog import SettingsDialog
from viewer.ui.dialogs.shortcuts_dialog import ShortcutsDialog
from viewer.ui.dialogs.window_dialog import WindowDialog
from viewer.ui.loader_thread import Loader
from viewer.ui.presets import PresetBook
from viewer.ui.theme import THEMES, apply_theme

_Dialog = TypeVar("_Dialog", bound=QObject)

_BEFORE = Window(150, 300)


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(tmp_path / "settings.json")


@pytest.fixture
def context(qtbot: QtBot, settings: Settings, tmp_path: Path) -> UiContext:
    window = QMainWindow()
    qtbot.addWidget(window)
    library = Library()
    library.add(open_volume("1.1", "CT", "HU"))
    library.add(open_volume("1.2", "PT", "SUV"))
    view = ViewState(library)
    view.show(ImageLayer("1.1", _BEFORE, window_name="before"), ImageLayer("1.2", Window.from_bounds(0, 7)))
    table = CommandTable(Shortcuts(tmp_path / "shortcuts.toml"), window)
    made = UiContext(
        library, view, settings, PresetBook(tmp_path / "presets.json"), cast("Loader", None), table, window
    )
    table.register(commands(made))
    return made


def _open(context: UiContext, command: str, kind: type[_Dialog]) -> _Dialog:
    """Run a command and give the dialog it opened."""
    context.commands.run(command)
    found = context.window.findChild(kind)
    assert isinstance(found, kind)
    return found


@pytest.mark.parametrize(
    "command, kind",
    [
        ("help.shortcuts", ShortcutsDialog),
        ("help.about", AboutDialog),
        ("help.display-test", DisplayTestDialog),
        ("settings.open", SettingsDialog),
        ("presets.manage", PresetsDialog),
    ],
)
def test_that_a_command_opens_its_dialog_and_nothing_waits_for_it(
    context: UiContext, command: str, kind: type[QDialog]
) -> None:
    _open(context, command, kind).close()


def test_that_the_sheet_has_its_two_keys(context: UiContext) -> None:
    assert context.commands.keys("help.shortcuts") == ("F1", "?")


# --- exact window -----------------------------------------------------------------------------------------------


def test_that_C05_panes_follow_while_the_window_is_typed(context: UiContext) -> None:
    dialog = _open(context, "window.exact", WindowDialog)
    dialog.fields.width_box.setValue(80)
    assert context.view.base is not None
    assert context.view.base.window == Window(150, 80)
    dialog.accept()
    assert context.view.base.window == Window(150, 80)


def test_that_cancel_brings_the_old_window_and_its_name_back(context: UiContext) -> None:
    dialog = _open(context, "window.exact", WindowDialog)
    dialog.fields.width_box.setValue(80)
    dialog.reject()
    assert context.view.base is not None
    assert (context.view.base.window, context.view.base.window_name) == (_BEFORE, "before")


def test_that_the_window_typed_is_that_of_the_active_layer(context: UiContext) -> None:
    context.view.set_active_role(Role.OVERLAY)
    dialog = _open(context, "window.exact", WindowDialog)
    assert dialog.fields.upper_box.suffix() == " SUV"
    dialog.fields.upper_box.setValue(10)
    dialog.accept()
    assert context.view.overlay is not None
    assert context.view.overlay.window == Window.from_bounds(0, 10)
    assert context.view.base is not None
    assert context.view.base.window == _BEFORE


def test_that_another_study_opened_meanwhile_keeps_its_own_window(context: UiContext) -> None:
    dialog = _open(context, "window.exact", WindowDialog)
    context.library.add(open_volume("1.3", "CT", "HU"))
    context.view.show(ImageLayer("1.3", Window(0, 10)))
    dialog.fields.width_box.setValue(80)
    dialog.reject()
    assert context.view.base is not None
    assert context.view.base.window == Window(0, 10)


def test_that_nothing_open_has_no_window_to_type(context: UiContext) -> None:
    context.library.clear()
    context.commands.refresh()
    assert not context.commands.action("window.exact").isEnabled()
    assert not context.commands.action("presets.save").isEnabled()


# --- presets ----------------------------------------------------------------------------------------------------


def test_that_the_current_window_can_be_kept_under_a_name(context: UiContext) -> None:
    editor = _open(context, "presets.save", PresetEditor)
    editor.name.setText("Plates and screws")
    editor.accept()
    (kept,) = PresetBook(context.presets.user_file).own
    assert (kept.id, kept.name, kept.quantity, kept.modality) == (
        "own-plates-and-screws",
        "Plates and screws",
        "HU",
        "CT",
    )
    assert (kept.window.center, kept.window.width) == (150, 300)
    assert context.presets.get(kept.id) == kept


def test_that_a_key_of_a_command_cannot_be_given_to_a_preset(context: UiContext) -> None:
    editor = _open(context, "presets.save", PresetEditor)
    editor.key.setKeySequence("F1")
    assert "Keys and mouse" in editor.note.text()
    editor.accept()
    assert context.presets.own == ()
    editor.close()


def test_that_the_manager_keeps_presets_only_when_it_is_accepted(context: UiContext) -> None:
    for end, count in (("reject", 0), ("accept", 1)):
        dialog = _open(context, "presets.manage", PresetsDialog)
        brain = next(preset for preset in dialog.presets if preset.name == "Brain")
        editor = dialog.editor(brain, "Edit preset")
        editor.fields.width_box.setValue(100)
        editor.accept()
        getattr(dialog, end)()
        assert len(context.presets.own) == count
        dialog.setParent(None)
        dialog.deleteLater()


def test_that_presets_that_cannot_be_saved_are_reported(context: UiContext, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    context.presets.user_file = tmp_path / "file" / "presets.json"
    _open(context, "presets.save", PresetEditor).accept()
    (box,) = context.window.findChildren(QMessageBox)
    assert "could not be saved" in box.text()
    box.close()


# --- settings ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "key, value, read",
    [
        ("annotations.density", "minimal", lambda context: context.view.density is Density.MINIMAL),
        ("annotations.identity", False, lambda context: not context.view.identity_visible),
        ("annotations.letters", "S/I", lambda context: context.view.superior_inferior),
        ("mouse.invert-window-drag", True, lambda context: context.view.window_drag_inverted),
        (
            "display.interpolation",
            "nearest",
            lambda context: context.view.interpolation is Interpolation.NEAREST,
        ),
        (
            "mouse.profile",
            "crosshair-first",
            lambda context: (
                [context.commands.shortcuts.mouse[name] for name in ("left.drag", "right.drag")]
                == ["crosshair", "window"]
            ),
        ),
    ],
)
def test_that_a_setting_counts_at_once_and_after_a_restart(
    context: UiContext, key: str, value: Value, read: Callable[[UiContext], bool]
) -> None:
    assert not read(context)
    dialog = SettingsDialog(context.settings, context.window)
    dialog.choose(key, value)
    dialog.accept()
    assert read(context)
    # A new session with the same file:
    library = Library()
    again = UiContext(
        library,
        ViewState(library),
        Settings(context.settings.path),
        context.presets,
        context.loader,
        CommandTable(Shortcuts(), context.window),
        context.window,
    )
    list(commands(again))
    assert read(again)


@pytest.fixture
def dark_again() -> Iterator[None]:
    yield
    application = QApplication.instance()
    assert isinstance(application, QApplication)
    apply_theme(application, "dark")


def test_that_the_theme_changes_at_once(context: UiContext, dark_again: None) -> None:
    context.settings.set("ui.theme", "light")
    assert QApplication.palette().color(QPalette.ColorRole.Window).name() == THEMES["light"].window


def test_that_going_back_to_the_first_mouse_profile_brings_its_gestures_back(context: UiContext) -> None:
    mouse = context.commands.shortcuts.mouse
    before = dict(mouse)
    context.settings.set("mouse.profile", "crosshair-first")
    context.commands.rebind("help.about", ["Ctrl+F1"])  # writes the file while the other profile is on
    context.settings.set("mouse.profile", "window-first")
    assert mouse == before
    again = Shortcuts(context.commands.shortcuts.user_file)
    library = Library()
    list(
        commands(
            UiContext(
                library,
                ViewState(library),
                context.settings,
                context.presets,
                context.loader,
                CommandTable(again, context.window),
                context.window,
            )
        )
    )
    assert again.mouse == before


def test_that_a_users_own_gesture_stays(context: UiContext, tmp_path: Path) -> None:
    (tmp_path / "own.toml").write_text('[mouse]\n"left.drag" = "pan"\n')
    own = Shortcuts(tmp_path / "own.toml")
    library = Library()
    list(
        commands(
            UiContext(
                library,
                ViewState(library),
                context.settings,
                context.presets,
                context.loader,
                CommandTable(own, context.window),
                context.window,
            )
        )
    )
    assert own.mouse["left.drag"] == "pan"
