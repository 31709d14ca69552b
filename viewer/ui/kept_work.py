"""Keeps measurements: written aside a moment after each change, brought back when their study is opened again.

They lie in the user's data folder, readable by this user only, never beside the images.
"""

from __future__ import annotations

import os
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QUndoStack

from viewer.atomic import written_aside
from viewer.dicom.model import Problem
from viewer.errors import ExportError, FormatError
from viewer.settings import data_dir
from viewer.state.measurement_file import HASH, Kept, from_json, known_uids, study_key, to_json
from viewer.state.measurements import Measurements
from viewer.ui.binding import bind
from viewer.ui.context import UiContext

PAUSE_MS = 800
"""A burst of changes is written once."""


class KeptWork(QObject):
    """See the module text.

    Parameters
    ----------
    context
        The session; its window's closing writes what is left.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self.setObjectName("kept-work")
        self._context = context
        self._store = context.view.work.of(Measurements)
        self._folder = data_dir() / "measurements"
        self._open: set[str] = set()
        self._written: dict[str, str] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="kept-work")
        self._writing: Future[None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self.save)
        bind(self, self._store.edited, self._edited)
        bind(self, context.library.catalogue_changed, self._follow_catalogue)
        context.window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close:
            self.save()
            self._timer.stop()
            self._wait()
        return super().eventFilter(watched, event)

    # --- saving ------------------------------------------------------------------------------------------------

    def _edited(self) -> None:
        if self._open:
            self._timer.start()

    def save(self) -> None:
        """Write what changed, one file a study, in a thread of its own."""
        for uid in sorted(self._open):
            items = [
                Kept(item, self._store.result(item))
                for item in self._store.items
                if item.study_uid == uid and not item.origin
            ]
            text = to_json(items, private=True) if items else ""
            if text != self._written.get(uid, ""):
                self._written[uid] = text
                self._wait()
                self._writing = self._writer.submit(write_private, self._path(uid), text)

    def _wait(self) -> None:
        """See the last writing through; what went wrong is said once."""
        writing, self._writing = self._writing, None
        if writing is None:
            return
        try:
            writing.result()
        except ExportError as error:
            self._context.library.add_problem(
                Problem("", f"The measurements could not be kept. {error.user_message}")
            )

    def _path(self, study_uid: str) -> Path:
        return self._folder / f"{study_key(study_uid)}.json"

    # --- bringing back -----------------------------------------------------------------------------------------

    def _follow_catalogue(self) -> None:
        catalogue = self._context.library.catalogue
        present = {study.uid for study in catalogue.studies}
        gone = self._open - present
        if gone:
            self.save()
            self._timer.stop()
            self._open -= gone
            for uid in gone:
                self._written.pop(uid, None)
            self._store.drop(gone)
            stack = self._context.window.findChild(QUndoStack)
            if isinstance(stack, QUndoStack):
                stack.clear()  # a step back would bring measurements into a study that is closed
        new = present - self._open
        if new:
            self._open |= new
            self._wait()
            for uid in sorted(new):
                self._bring(uid)
        elif any(item.frame_of_reference_uid.startswith(HASH) for item in self._store.items):
            self._recognise()

    def _bring(self, study_uid: str) -> None:
        """Take over what was kept of a study."""
        path = self._path(study_uid)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError) as error:
            self._set_aside(path, type(error).__name__)
            return
        try:
            kept = from_json(text, known_uids(self._context.library.catalogue))
        except FormatError as error:
            self._set_aside(path, error.user_message)
            return
        self._written[study_uid] = text.removesuffix("\n")
        for item in kept:
            self._store.remember(item.measurement, item.result)
        self._store.bring(item.measurement for item in kept)

    def _set_aside(self, path: Path, reason: str) -> None:
        """A file that cannot be read is not lost: it gets another name before a new one is begun."""
        with suppress(OSError):
            path.replace(path.with_suffix(".unread"))
        self._context.library.add_problem(
            Problem("", f"The kept measurements of this study were set aside. {reason}".strip())
        )

    def _recognise(self) -> None:
        """The list of files has grown: UIDs that were only hashes may be known by now."""
        self._store.recognise(known_uids(self._context.library.catalogue))


def write_private(path: Path, text: str) -> None:
    """Write a file that only this user can read; without text there is none."""
    try:
        if not text:
            path.unlink(missing_ok=True)
            return
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with written_aside(path) as aside:
            handle = os.open(aside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text + "\n")
    except OSError as error:
        raise ExportError(error.strerror or "The disk refused.") from error
