"""Keys of encrypted archives into the folder where they are looked for."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from PySide6.QtGui import QStatusTipEvent
from PySide6.QtWidgets import QApplication, QFileDialog

from viewer.dicom.model import Problem
from viewer.errors import ViewerError
from viewer.ui.commands import Command
from viewer.ui.context import UiContext


def commands(context: UiContext) -> Iterable[Command]:
    """A command of the File menu."""

    def ask() -> None:
        chosen, _ = QFileDialog.getOpenFileName(
            context.window, "Add an archive key", "", "Archive keys (*.key);;All files (*)"
        )
        if chosen:
            add(context, Path(chosen))

    yield Command("file.archive-key", "Add an archive key…", ask, "File")


def add(context: UiContext, path: Path) -> None:
    """Copy a key file to the user's keys and read again what could not be read; a failure is a line of the problems."""
    from viewer.archive.keys import add_key

    try:
        key = add_key(path)
    except ViewerError as error:
        context.library.add_problem(Problem("", f"The key was not added. {error.user_message}"))
        return
    QApplication.sendEvent(context.window, QStatusTipEvent(f"The key {key.id} was added."))
    context.commands.run("load.retry")
