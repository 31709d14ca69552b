"""Open, recent studies, close."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtWidgets import QFileDialog

from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.opening import add_study, open_demo, open_with_question
from viewer.ui.sidebar.problems import all_problems
from viewer.ui.unsaved import leave_structures


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the File menu."""

    def open_folder() -> None:
        chosen = QFileDialog.getExistingDirectory(context.window, "Open a study folder")
        if chosen:
            open_with_question(context, [Path(chosen)])

    def open_files() -> None:
        chosen, _ = QFileDialog.getOpenFileNames(
            context.window,
            "Open DICOM files, DICOMDIR, NIfTI or archives",
            "",
            "All files (*);;Archives (*.zip)",
        )
        if chosen:
            open_with_question(context, [Path(name) for name in chosen])

    def add_folder() -> None:
        chosen = QFileDialog.getExistingDirectory(context.window, "Add a study to compare with")
        if chosen:
            add_study(context, [Path(chosen)])

    def close() -> None:
        leave_structures(context, close_now)

    def close_now() -> None:
        context.loader.cancel()
        context.view.show(None, None)
        context.library.clear()

    yield Command("file.open", "Open study folder…", open_folder, "File", icon="open")
    yield Command("file.open-files", "Open files or archive…", open_files, "File")
    yield Command(
        "file.add",
        "Add a study to compare…",
        add_folder,
        "File",
        enabled=lambda: bool(context.library.catalogue.studies),
    )
    yield Command("file.demo", "Open the demo study", lambda: open_demo(context), "File")
    yield Command(
        "file.close", "Close study", close, "File", enabled=lambda: bool(context.library.catalogue.studies)
    )
    yield Command(
        "load.cancel", "Cancel loading", context.loader.cancel, "File", enabled=lambda: context.loader.busy
    )
    yield Command(
        "load.retry",
        "Try again what could not be read",
        context.loader.retry,
        "File",
        enabled=lambda: bool(all_problems(context.library)) and not context.loader.busy,
    )
    yield Command("file.quit", "Quit", lambda: _close(context), "File")


def _close(context: UiContext) -> None:
    context.window.window().close()
