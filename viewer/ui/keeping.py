"""What keeps people's work has in common: one private file a study, written a moment after each change.

The files lie in the user's data folder, readable by this user only, never beside the images.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QUndoStack

from viewer.atomic import written_aside
from viewer.dicom.model import Problem
from viewer.errors import ExportError
from viewer.settings import data_dir
from viewer.state.measurement_file import study_key
from viewer.ui.context import UiContext

PAUSE_MS = 800
"""A burst of changes is written once."""


class Keeper(QObject):
    """Writes and finds the files of one kind of work.

    Parameters
    ----------
    context
        The session; its window's closing writes what is left.
    kind
        What is kept, in the plural: name of the folder and word in sentences.
    texts
        Gives what should be kept of each open study, "" for nothing.
    """

    def __init__(self, context: UiContext, kind: str, texts: Callable[[], Mapping[str, str]]) -> None:
        super().__init__(context.window)
        self.setObjectName(f"kept-{kind}")
        self._context = context
        self._kind = kind
        self._texts = texts
        self._folder = data_dir() / kind
        self._written: dict[str, str] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix=f"kept-{kind}")
        self._writing: Future[None] | None = None
        self._timer = QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(PAUSE_MS)
        self._timer.timeout.connect(self.save)
        context.window.installEventFilter(self)

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close:
            self.save()
            self._timer.stop()
            self._wait()
        return super().eventFilter(watched, event)

    def save(self) -> None:
        """Write what changed, one file a study, in a thread of its own."""
        for uid, text in sorted(self._texts().items()):
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
            self._say(f"The {self._kind} could not be kept. {error.user_message}")

    def _path(self, study_uid: str) -> Path:
        return self._folder / f"{study_key(study_uid)}.json"

    def _say(self, sentence: str) -> None:
        self._context.library.add_problem(Problem("", sentence))

    def _text(self, study_uid: str) -> str | None:
        """What was kept of a study, None for nothing."""
        path = self._path(study_uid)
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            self._set_aside(path, "It cannot be read.")
            return None

    def _set_aside(self, path: Path, reason: str) -> None:
        """A file that cannot be read is not lost: it gets another name before a new one is begun."""
        with suppress(OSError):
            path.replace(path.with_suffix(".unread"))
        self._say(f"The kept {self._kind} of this study were set aside. {reason}")

    def _forget_steps(self) -> None:
        """A step back would bring work into a study that is closed."""
        stack = self._context.window.findChild(QUndoStack)
        if isinstance(stack, QUndoStack):
            stack.clear()


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
