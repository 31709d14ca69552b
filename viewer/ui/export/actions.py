"""Commands of the Export menu, and what happens between a dialog's answer and the file."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QCoreApplication, QObject, QStandardPaths, Qt, QTimer
from PySide6.QtGui import QStatusTipEvent
from PySide6.QtWidgets import QApplication, QMessageBox, QProgressDialog, QWidget

from viewer.atomic import write_bytes
from viewer.errors import ExportError
from viewer.state.time_points import time_role
from viewer.ui.commands import Command
from viewer.ui.context import UiContext
from viewer.ui.dialogs._parts import show
from viewer.ui.export.consent import IdentityConsent
from viewer.ui.export.frames import FPS_DEFAULT, CineFrames
from viewer.ui.export.options import Mode, PictureRequest, Target
from viewer.ui.export.picture import copy_to_clipboard, pixels, render
from viewer.ui.export.player import CinePlayer
from viewer.ui.time_steps import step_time

if TYPE_CHECKING:
    # Imported where they are used: the window does not wait for its dialogs.
    from viewer.ui.background import Work
    from viewer.ui.export.cine_dialog import CineChoice, CineDialog
    from viewer.ui.export.cine_job import CineJob
    from viewer.ui.export.export_dialog import ExportDialog, PictureChoice

logger = logging.getLogger(__name__)

_UNSEEN = {Target.PANE: (800, 800), Target.LAYOUT: (1440, 800)}
"""Sizes while no pane is on screen."""


def commands(context: UiContext) -> Iterable[Command]:
    """Commands of the Export menu."""
    exports = Exports(context)

    def opened() -> bool:
        return context.view.base_volume is not None

    menu = "Export"
    yield Command(
        "export.pane",
        "Picture of the pane…",
        lambda: exports.ask(Target.PANE),
        menu,
        opened,
        icon="screenshot",
    )
    yield Command("export.layout", "Picture of all panes…", lambda: exports.ask(Target.LAYOUT), menu, opened)
    yield Command("export.copy", "Copy pane without identity", exports.copy, menu, opened)
    yield Command("export.cine", "Film…", exports.ask_cine, menu, opened)
    yield Command(
        "cine.toggle",
        "Play slices",
        exports.player.toggle,
        menu,
        opened,
        checked=lambda: exports.player.playing and not exports.player.over_time,
        icon="cine",
    )
    yield Command(
        "cine.time",
        "Play times",
        lambda: exports.player.toggle(over_time=True),
        menu,
        lambda: time_role(context.view) is not None,
        checked=lambda: exports.player.playing and exports.player.over_time,
    )
    yield Command("cine.faster", "Play faster", lambda: exports.change_speed(1.25), menu, opened)
    yield Command("cine.slower", "Play slower", lambda: exports.change_speed(0.8), menu, opened)


class Exports(QObject):
    """Everything that leaves the program in one session.

    Parameters
    ----------
    context
        The session; its window is the parent.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self._context = context
        self.consent = IdentityConsent()
        fps = context.settings.get("cine.fps")
        self.player = CinePlayer(context.view, fps if isinstance(fps, int) else FPS_DEFAULT, self)
        self.player.playing_changed.connect(lambda _playing: context.commands.refresh())
        self.player.time_wanted.connect(lambda: step_time(context, 1, wrap=True))
        self._running: set[Work | CineJob] = set()
        application = QCoreApplication.instance()
        if application is not None:
            application.aboutToQuit.connect(self.wait)

    # --- pictures ----------------------------------------------------------------------------------------------

    def ask(self, target: Target) -> None:
        """Open the export dialog."""
        from viewer.ui.export.export_dialog import ExportDialog

        dialog = ExportDialog(
            self._context.view,
            self.consent,
            self.sizes(),
            self.folder(),
            target,
            self.mode(),
            self._context.window,
        )
        dialog.accepted.connect(lambda: self._accepted(dialog))
        show(dialog)

    def _accepted(self, dialog: ExportDialog) -> None:
        if dialog.choice is not None:
            self.save(dialog.choice)

    def save(self, choice: PictureChoice) -> None:
        """Paint now, encode and write in the background."""
        from viewer.ui.background import Work
        from viewer.ui.export.encode import encode
        from viewer.ui.export.facts import technical_facts
        from viewer.ui.export.names import today

        view, request = self._context.view, choice.request
        pane = view.active if request.target is Target.PANE else None
        facts = technical_facts(view, pane, today())
        try:
            image = render(view, request)
        except ExportError as error:
            self.fail(error.user_message)
            return
        work = Work(
            lambda: write_bytes(choice.path, encode(pixels(image), choice.picture_format, facts)), self
        )
        work.succeeded.connect(lambda: self._saved(choice.path, request.mode))
        work.failed.connect(self.fail)
        work.finished.connect(lambda: self._ended(work))
        self._running.add(work)
        work.start()

    def copy(self) -> None:
        """The active pane on the clipboard, never with identity (rule F03)."""
        width, height = self.sizes()[Target.PANE]
        request = PictureRequest(Target.PANE, width, height, 1, Mode.ANONYMOUS)
        try:
            copy_to_clipboard(render(self._context.view, request))
        except ExportError as error:
            self.fail(error.user_message)
            return
        logger.info("copied a pane to the clipboard (%s)", request.mode.included)
        self.tell("Copied without identity.")

    # --- films -------------------------------------------------------------------------------------------------

    def ask_cine(self) -> None:
        """Open the film dialog."""
        from viewer.ui.export.cine_dialog import CineDialog

        dialog = CineDialog(
            self._context.view,
            self.consent,
            self.sizes()[Target.PANE],
            self.folder(),
            self.player.fps,
            self.mode(),
            self._context.window,
        )
        dialog.accepted.connect(lambda: self._cine_accepted(dialog))
        show(dialog)

    def _cine_accepted(self, dialog: CineDialog) -> None:
        if dialog.choice is not None:
            self.film(dialog.choice)

    def film(self, choice: CineChoice) -> CineJob:
        """Make a film with progress and cancel; the window stays usable."""
        from viewer.ui.export.cine_job import CineJob

        self.player.stop()
        request = choice.request
        frames = CineFrames(self._context.view, request)
        job = CineJob(frames, choice.path, choice.film_format, request.fps, self)
        progress = QProgressDialog("Making the film", "Cancel", 0, len(frames), self._context.window)
        progress.setObjectName("film-progress")
        progress.setWindowTitle("Film")
        progress.setWindowModality(Qt.WindowModality.NonModal)
        progress.setAutoReset(False)
        progress.setMinimumDuration(400)
        progress.canceled.connect(job.cancel)
        job.progressed.connect(lambda done, total: _show_progress(progress, done, total))
        job.succeeded.connect(lambda: self._saved(choice.path, request.mode))
        job.failed.connect(self.fail)
        job.cancelled.connect(lambda: self.tell("Film cancelled; nothing was left."))
        for end in (job.succeeded, job.failed, job.cancelled):
            end.connect(lambda *_: self._film_ended(job, progress))
        self._running.add(job)
        job.start()
        return job

    def _film_ended(self, job: CineJob, progress: QProgressDialog) -> None:
        progress.canceled.disconnect()
        progress.close()
        progress.deleteLater()
        self._ended(job)

    def change_speed(self, factor: float) -> None:
        """Play faster or slower and keep the speed."""
        faster = 1 if factor > 1 else -1
        wanted = round(self.player.fps * factor)
        self.player.set_fps(wanted if wanted != self.player.fps else wanted + faster)
        self._context.settings.set("cine.fps", self.player.fps)
        self.tell(f"{self.player.fps} frames/s")

    # --- around ------------------------------------------------------------------------------------------------

    def sizes(self) -> dict[Target, tuple[int, int]]:
        """Sizes on screen of the active pane and the layout, in logical pixels."""
        window, result = self._context.window, dict(_UNSEEN)
        for target, name in (
            (Target.PANE, f"pane-{self._context.view.active.id}"),
            (Target.LAYOUT, "pane-grid"),
        ):
            widget = window.findChild(QWidget, name)
            if isinstance(widget, QWidget) and widget.width() > 1 and widget.height() > 1:
                result[target] = (widget.width(), widget.height())
        return result

    def mode(self) -> Mode:
        """What the dialogs begin with: no identity, unless a setting asks for it; the question comes all the same."""
        return Mode.IDENTIFIED if self._context.settings.get("export.identity") else Mode.ANONYMOUS

    def folder(self) -> Path:
        """The folder of the last export, else the user's pictures, else the home."""
        kept = str(self._context.settings.get("export.folder") or "")
        if kept and Path(kept).is_dir():
            return Path(kept)
        pictures = Path(QStandardPaths.writableLocation(QStandardPaths.StandardLocation.PicturesLocation))
        return pictures if pictures.is_dir() else Path.home()

    def tell(self, text: str) -> None:
        """A word in the window's status line for a few seconds."""
        window = self._context.window
        QApplication.sendEvent(window, QStatusTipEvent(text))
        QTimer.singleShot(6000, window, lambda: QApplication.sendEvent(window, QStatusTipEvent("")))

    def fail(self, message: str) -> None:
        """Say once what went wrong; nothing waits for the answer."""
        box = QMessageBox(
            QMessageBox.Icon.Warning, "Export", message, QMessageBox.StandardButton.Ok, self._context.window
        )
        box.setObjectName("export-failed")
        box.setTextFormat(Qt.TextFormat.PlainText)
        show(box)

    def wait(self) -> None:
        """Stop what runs; for the end of the program."""
        self.player.stop()
        for running in tuple(self._running):
            running.wait()

    def _saved(self, path: Path, mode: Mode) -> None:
        logger.info("exported %s (%s)", path, mode.included)
        self._context.settings.set("export.folder", str(path.parent))
        self.tell(f"Saved {path.name} ({mode.included}).")

    def _ended(self, finished: Work | CineJob) -> None:
        self._running.discard(finished)
        finished.deleteLater()


def _show_progress(progress: QProgressDialog, done: int, total: int) -> None:
    progress.setValue(done)
    progress.setLabelText(f"Picture {done} of {total}" if done < total else "Finishing the file")
