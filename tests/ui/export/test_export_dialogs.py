"""From the question to the file: dialogs, the answer about identity, and the commands."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from PIL import Image, ImageSequence
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication, QDialog, QMainWindow, QMessageBox, QProgressDialog
from pytestqt.qtbot import QtBot

from viewer.dicom.model import SeriesKind
from viewer.settings import Settings
from viewer.state.library import Library
from viewer.state.view import ViewState
from viewer.ui.commands import CommandTable, Shortcuts
from viewer.ui.context import UiContext
from viewer.ui.export.actions import Exports, commands
from viewer.ui.export.cine_dialog import CineChoice, CineDialog
from viewer.ui.export.consent import IdentityConsent
from viewer.ui.export.export_dialog import ExportDialog, PictureChoice
from viewer.ui.export.frames import CineRequest, Motion, Order
from viewer.ui.export.movie import FilmFormat
from viewer.ui.export.options import Mode, PictureFormat, PictureRequest, Target
from viewer.ui.export.picture import pixels, render
from viewer.ui.loader_thread import Loader
from viewer.ui.presets import PresetBook

_SIZES = {Target.PANE: (300, 280), Target.LAYOUT: (900, 300)}


def _dialog(
    qtbot: QtBot,
    view: ViewState,
    folder: Path,
    consent: IdentityConsent | None = None,
    target: Target = Target.PANE,
) -> ExportDialog:
    dialog = ExportDialog(view, consent or IdentityConsent(), _SIZES, folder, target)
    qtbot.addWidget(dialog)
    return dialog


# --- the picture dialog -----------------------------------------------------------------------------------------


def test_that_F01_the_dialog_begins_without_identity_at_screen_size_as_png(
    qtbot: QtBot, view: ViewState, tmp_path: Path
) -> None:
    choice = _dialog(qtbot, view, tmp_path).choice
    assert choice is not None
    assert choice.request == PictureRequest(Target.PANE, 300, 280, 1, Mode.ANONYMOUS, footer=True)
    assert choice.picture_format is PictureFormat.PNG
    assert choice.path.parent == tmp_path
    assert choice.path.name.startswith("triptych-axial-")
    assert choice.path.name.endswith("-1.png")


def test_that_everything_chosen_is_in_the_answer(qtbot: QtBot, view: ViewState, tmp_path: Path) -> None:
    dialog = _dialog(qtbot, view, tmp_path)
    dialog.layout_radio.setChecked(True)
    dialog.modes.choose(Mode.IMAGE)
    dialog.scale.setCurrentIndex(dialog.scale.findData(4))
    dialog.formats.setCurrentIndex(dialog.formats.findData(PictureFormat.JPEG))
    dialog.footer.setChecked(False)
    choice = dialog.choice
    assert choice is not None
    assert choice.request == PictureRequest(Target.LAYOUT, 900, 300, 4, Mode.IMAGE, footer=False)
    assert choice.path.name.startswith("triptych-layout-")
    assert choice.path.suffix == ".jpg"


def test_that_a_typed_name_stays_and_gets_the_extension_of_the_type(
    qtbot: QtBot, view: ViewState, tmp_path: Path
) -> None:
    dialog = _dialog(qtbot, view, tmp_path)
    dialog.file.name.clear()
    qtbot.keyClicks(dialog.file.name, "lesion.png")
    dialog.formats.setCurrentIndex(dialog.formats.findData(PictureFormat.TIFF))
    dialog.layout_radio.setChecked(True)
    assert dialog.choice is not None
    assert dialog.choice.path == tmp_path / "lesion.tif"


@pytest.mark.parametrize("name", ["", "../up", "a/b", "a\\b", "..", " "])
def test_that_a_name_that_leads_elsewhere_is_refused(
    qtbot: QtBot, view: ViewState, tmp_path: Path, name: str
) -> None:
    dialog = _dialog(qtbot, view, tmp_path)
    dialog.file.name.setText(name)
    dialog.file.name.textEdited.emit(name)
    assert dialog.choice is None
    assert not dialog.save.isEnabled()
    dialog.accept()
    assert dialog.result() == QDialog.DialogCode.Rejected.value


def test_that_a_missing_folder_and_a_file_in_the_way_are_said(
    qtbot: QtBot, view: ViewState, tmp_path: Path
) -> None:
    dialog = _dialog(qtbot, view, tmp_path)
    dialog.file.folder.setText(str(tmp_path / "gone"))
    assert "does not exist" in dialog.file.note.text()
    assert not dialog.save.isEnabled()
    dialog.file.folder.setText(str(tmp_path))
    (tmp_path / "a.png").touch()
    dialog.file.name.setText("a.png")
    dialog.file.name.textEdited.emit("a.png")
    assert "will be replaced" in dialog.file.note.text()
    assert dialog.save.isEnabled()


def test_that_the_preview_shows_the_picture(qtbot: QtBot, view: ViewState, tmp_path: Path) -> None:
    dialog = _dialog(qtbot, view, tmp_path)
    dialog.update_preview()
    assert dialog.preview.pixmap().width() > 100
    shown = pixels(dialog.preview.pixmap().toImage())
    assert len(np.unique(shown[..., 0])) > 20


def _saved_mode(dialog: ExportDialog) -> Mode | None:
    """Mode of the picture that Save would write; None when it would write nothing."""
    return None if dialog.choice is None else dialog.choice.request.mode


# --- identity ---------------------------------------------------------------------------------------------------


def test_that_F08_identity_is_asked_for_and_nothing_is_saved_before_the_answer(
    qtbot: QtBot, view: ViewState, tmp_path: Path
) -> None:
    consent = IdentityConsent()
    dialog = _dialog(qtbot, view, tmp_path, consent)
    assert dialog.modes.question.isHidden()
    dialog.modes.choose(Mode.IDENTIFIED)
    assert not dialog.modes.question.isHidden()
    assert _saved_mode(dialog) is None
    assert not dialog.save.isEnabled()
    assert dialog.request.mode is Mode.ANONYMOUS  # the preview does not show it either
    dialog.modes.allow.click()
    assert dialog.modes.question.isHidden()
    assert _saved_mode(dialog) is Mode.IDENTIFIED
    assert "allowed" in dialog.modes.answer.text()


def test_that_F08_the_answer_holds_for_the_session_and_can_be_changed(
    qtbot: QtBot, view: ViewState, tmp_path: Path
) -> None:
    consent = IdentityConsent()
    first = _dialog(qtbot, view, tmp_path, consent)
    first.modes.choose(Mode.IDENTIFIED)
    first.modes.allow.click()
    second = _dialog(qtbot, view, tmp_path, consent)
    assert _saved_mode(second) is Mode.ANONYMOUS  # never the first choice
    second.modes.choose(Mode.IDENTIFIED)
    assert second.modes.question.isHidden()
    assert _saved_mode(second) is Mode.IDENTIFIED
    second.modes.forget.click()
    assert _saved_mode(second) is None
    assert not second.modes.question.isHidden()


def test_that_a_setting_may_begin_with_identity_and_is_asked_all_the_same(
    qtbot: QtBot, view: ViewState, tmp_path: Path
) -> None:
    dialog = ExportDialog(view, IdentityConsent(), _SIZES, tmp_path, mode=Mode.IDENTIFIED)
    qtbot.addWidget(dialog)
    assert not dialog.modes.question.isHidden()
    assert _saved_mode(dialog) is None


def test_that_F08_no_keeps_identity_out_and_says_so(qtbot: QtBot, view: ViewState, tmp_path: Path) -> None:
    consent = IdentityConsent()
    dialog = _dialog(qtbot, view, tmp_path, consent)
    dialog.modes.choose(Mode.IDENTIFIED)
    dialog.modes.keep_out.click()
    assert dialog.modes.wanted is Mode.ANONYMOUS
    assert dialog.choice is not None
    assert "kept out" in dialog.modes.answer.text()
    dialog.modes.choose(Mode.IDENTIFIED)  # choosing it again asks again
    assert not dialog.modes.question.isHidden()


def test_that_a_capture_warns_of_names_in_its_pixels(
    qtbot: QtBot, view: ViewState, library: Library, tmp_path: Path
) -> None:
    def texts(dialog: ExportDialog) -> str:
        from PySide6.QtWidgets import QLabel

        return " ".join(label.text() for label in dialog.findChildren(QLabel))

    assert "part of its pixels" not in texts(_dialog(qtbot, view, tmp_path))
    item = library.get("1.1")
    assert item is not None
    library._volumes["1.1"] = replace(item, series=replace(item.series, kind=SeriesKind.CAPTURE))
    assert "part of its pixels" in texts(_dialog(qtbot, view, tmp_path))


# --- the film dialog --------------------------------------------------------------------------------------------


def _cine(qtbot: QtBot, view: ViewState, folder: Path) -> CineDialog:
    dialog = CineDialog(view, IdentityConsent(), (300, 280), folder, 15)
    qtbot.addWidget(dialog)
    return dialog


def test_that_a_film_begins_with_the_whole_stack_without_identity(
    qtbot: QtBot, view: ViewState, tmp_path: Path
) -> None:
    choice = _cine(qtbot, view, tmp_path).choice
    assert choice is not None
    assert choice.request == CineRequest(Motion.STACK, 300, 280, 0, 11, fps=15)
    assert choice.film_format is FilmFormat.GIF
    assert choice.path.name.startswith("triptych-axial-cine-")


def test_that_a_film_can_be_chosen_in_all_its_parts(qtbot: QtBot, view: ViewState, tmp_path: Path) -> None:
    dialog = _cine(qtbot, view, tmp_path)
    dialog.first.setValue(3)
    dialog.last.setValue(7)
    dialog.fps.setValue(5)
    dialog.order.setCurrentIndex(dialog.order.findData(Order.BOUNCE))
    dialog.size_box.setCurrentIndex(2)
    dialog.formats.setCurrentIndex(dialog.formats.findData(FilmFormat.PNG_SEQUENCE))
    choice = dialog.choice
    assert choice is not None
    request = choice.request
    assert (request.first, request.last, request.fps, request.order) == (2, 6, 5, Order.BOUNCE)
    assert (request.width, request.height) == (512, 478)
    assert "8 pictures, 1.6 s at 5 frames/s" in dialog.summary.text()
    assert choice.path.suffix == ""


def test_that_a_rotation_asks_for_angles(qtbot: QtBot, view: ViewState, tmp_path: Path) -> None:
    dialog = _cine(qtbot, view, tmp_path)
    dialog.rotation.setChecked(True)
    dialog.angles.setValue(24)
    assert dialog.first.isHidden() or dialog._range.isHidden()
    assert dialog.choice is not None
    assert dialog.choice.request.motion is Motion.ROTATION
    assert len(dialog.choice.request.sequence) == 24
    assert dialog.choice.path.name.startswith("triptych-mip-cine-")


def test_that_an_empty_range_cannot_be_filmed(qtbot: QtBot, view: ViewState, tmp_path: Path) -> None:
    dialog = _cine(qtbot, view, tmp_path)
    dialog.first.setValue(9)
    dialog.last.setValue(4)
    assert dialog.choice is None
    assert not dialog.make.isEnabled()
    assert "empty" in dialog.summary.text()


# --- commands ---------------------------------------------------------------------------------------------------


@pytest.fixture
def context(qtbot: QtBot, view: ViewState, library: Library, tmp_path: Path) -> Iterator[UiContext]:
    (tmp_path / "config").mkdir()
    (tmp_path / "out").mkdir()
    window = QMainWindow()
    qtbot.addWidget(window)
    window.statusBar()
    settings = Settings(tmp_path / "config" / "settings.json")
    settings.set("export.folder", str(tmp_path / "out"))
    yield UiContext(
        library,
        view,
        settings,
        PresetBook(tmp_path / "config" / "presets.json"),
        cast("Loader", None),
        CommandTable(Shortcuts(), window),
        window,
    )
    for exports in window.findChildren(Exports):
        exports.wait()


@pytest.fixture
def exports(context: UiContext) -> Exports:
    context.commands.register(commands(context))
    found = context.window.findChild(Exports)
    assert isinstance(found, Exports)
    return found


def test_that_the_commands_have_their_keys(exports: Exports, context: UiContext) -> None:
    assert context.commands.keys("export.pane") == ("Ctrl+S",)
    assert context.commands.keys("export.layout") == ("Ctrl+Shift+S",)
    assert context.commands.keys("export.copy") == ("Ctrl+C",)
    assert context.commands.keys("export.cine") == ("Ctrl+E",)
    assert context.commands.keys("cine.toggle") == ("K",)


def test_that_nothing_can_be_exported_while_nothing_is_open(
    exports: Exports, context: UiContext, library: Library
) -> None:
    library.clear()
    context.commands.refresh()
    assert not context.commands.action("export.pane").isEnabled()
    context.commands.run("export.pane")
    assert context.window.findChild(ExportDialog) is None


def test_that_the_dialog_saves_what_it_shows(
    qtbot: QtBot, exports: Exports, context: UiContext, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    context.commands.run("export.layout")
    dialog = context.window.findChild(ExportDialog)
    assert isinstance(dialog, ExportDialog)
    choice = dialog.choice
    assert choice is not None
    assert choice.request.target is Target.LAYOUT
    expected = pixels(render(context.view, choice.request))
    dialog.accept()
    qtbot.waitUntil(choice.path.exists)
    qtbot.waitUntil(lambda: not exports._running)
    with Image.open(choice.path) as saved:
        assert np.array_equal(np.asarray(saved), expected)
        text = saved.text  # type: ignore[attr-defined]
    assert text["Intended Use"]
    assert "MUSTERFRAU" not in " ".join(text.values())
    assert [entry.name for entry in (tmp_path / "out").iterdir()] == [choice.path.name]
    # F08: what was written and what it holds, in the local log.
    assert any(choice.path.name in r.message and "without identity" in r.message for r in caplog.records)
    assert not any("MUSTERFRAU" in r.message for r in caplog.records)


def test_that_J50_a_failed_export_is_said_once(
    qtbot: QtBot, exports: Exports, context: UiContext, tmp_path: Path
) -> None:
    request = PictureRequest(Target.PANE, 100, 100)
    exports.save(PictureChoice(request, PictureFormat.PNG, tmp_path / "gone" / "a.png"))
    qtbot.waitUntil(lambda: context.window.findChild(QMessageBox) is not None)
    boxes = context.window.findChildren(QMessageBox)
    assert len(boxes) == 1
    assert "folder is no longer there" in boxes[0].text()
    boxes[0].close()


def test_that_F03_copying_puts_a_picture_without_identity_on_the_clipboard(
    exports: Exports, context: UiContext
) -> None:
    exports.consent.answer = True  # even then
    context.commands.run("export.copy")
    request = PictureRequest(Target.PANE, *exports.sizes()[Target.PANE], 1, Mode.ANONYMOUS)
    assert np.array_equal(pixels(QGuiApplication.clipboard().image()), pixels(render(context.view, request)))


def test_that_a_film_is_made_with_progress_and_its_frames_are_there(
    qtbot: QtBot, exports: Exports, context: UiContext, tmp_path: Path
) -> None:
    target = tmp_path / "out" / "film.gif"
    job = exports.film(CineChoice(CineRequest(Motion.STACK, 96, 80, 0, 7), FilmFormat.GIF, target))
    assert isinstance(context.window.findChild(QProgressDialog), QProgressDialog)
    with qtbot.waitSignal(job.succeeded, timeout=20_000):
        pass
    with Image.open(target) as film:
        assert sum(1 for _ in ImageSequence.Iterator(film)) == 8
    assert exports._running == set()
    QApplication.processEvents()


def test_that_cancel_in_the_progress_stops_the_film(
    qtbot: QtBot, exports: Exports, context: UiContext, tmp_path: Path
) -> None:
    choice = CineChoice(
        CineRequest(Motion.STACK, 96, 80, 0, 11), FilmFormat.GIF, tmp_path / "out" / "film.gif"
    )
    job = exports.film(choice)
    progress = context.window.findChild(QProgressDialog)
    assert isinstance(progress, QProgressDialog)
    with qtbot.waitSignal(job.cancelled, timeout=20_000):
        progress.canceled.emit()
    assert list((tmp_path / "out").iterdir()) == []


def test_that_the_end_of_the_program_waits_for_a_running_film(
    qtbot: QtBot, exports: Exports, tmp_path: Path
) -> None:
    choice = CineChoice(
        CineRequest(Motion.STACK, 96, 80, 0, 11), FilmFormat.GIF, tmp_path / "out" / "film.gif"
    )
    job = exports.film(choice)
    exports.wait()
    assert not job.running
    assert list((tmp_path / "out").iterdir()) == []


def test_that_playing_is_a_command_with_a_mark_and_a_speed(exports: Exports, context: UiContext) -> None:
    context.commands.run("cine.toggle")
    assert context.commands.action("cine.toggle").isChecked()
    context.commands.run("cine.faster")
    assert exports.player.fps == 19
    context.commands.run("cine.slower")
    assert exports.player.fps == 15
    assert context.settings.get("cine.fps") == 15
    context.commands.run("cine.toggle")
    assert not context.commands.action("cine.toggle").isChecked()


def test_that_speed_changes_even_where_a_step_rounds_to_nothing(exports: Exports, context: UiContext) -> None:
    exports.player.set_fps(1)
    context.commands.run("cine.faster")
    assert exports.player.fps == 2
    context.commands.run("cine.slower")
    context.commands.run("cine.slower")
    assert exports.player.fps == 1
