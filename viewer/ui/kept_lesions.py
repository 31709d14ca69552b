"""Keeps lesions: written a moment after each change, brought back when their study is opened again.

Like measurements they lie in the user's data folder, readable by this user only, never beside the images.
"""

from __future__ import annotations

from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from PySide6.QtCore import QEvent, QObject, QTimer
from PySide6.QtGui import QUndoStack

from viewer.dicom.model import Problem, Study
from viewer.errors import ExportError, FormatError
from viewer.settings import data_dir
from viewer.state.lesion_file import from_json, is_unknown, to_json
from viewer.state.lesions import Lesion, Lesions
from viewer.state.measurement_file import hashed, study_key
from viewer.ui.binding import bind
from viewer.ui.context import UiContext
from viewer.ui.kept_work import PAUSE_MS, write_private


class KeptLesions(QObject):
    """See the module text.

    Parameters
    ----------
    context
        The session; its window's closing writes what is left.
    """

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self.setObjectName("kept-lesions")
        self._context = context
        self._store = context.view.work.of(Lesions)
        self._folder = data_dir() / "lesions"
        self._open: dict[str, Study] = {}
        self._written: dict[str, str] = {}
        self._unknown: dict[str, tuple[Lesion, ...]] = {}
        self._writer = ThreadPoolExecutor(1, thread_name_prefix="kept-lesions")
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

    def _edited(self, _uid: str) -> None:
        self._timer.start()

    def save(self) -> None:
        """Write what changed, one file a study, in a thread of its own."""
        for uid, study in sorted(self._open.items()):
            lesions = [lesion for stack in _stacks(study) for lesion in self._store.of(stack)]
            kept = (*lesions, *self._unknown.get(uid, ()))
            text = to_json(kept) if kept else ""
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
            self._say(f"The lesions could not be kept. {error.user_message}")

    def _path(self, study_uid: str) -> Path:
        return self._folder / f"{study_key(study_uid)}.json"

    def _say(self, sentence: str) -> None:
        self._context.library.add_problem(Problem("", sentence))

    # --- bringing back -----------------------------------------------------------------------------------------

    def _follow_catalogue(self) -> None:
        present = {study.uid: study for study in self._context.library.catalogue.studies}
        gone = self._open.keys() - present.keys()
        if gone:
            self.save()
            self._timer.stop()
            for uid in gone:
                self._store.drop(_stacks(self._open[uid]))
                self._written.pop(uid, None)
                self._unknown.pop(uid, None)
            stack = self._context.window.findChild(QUndoStack)
            if isinstance(stack, QUndoStack):
                stack.clear()  # a step back would bring lesions into a study that is closed
        new = present.keys() - self._open.keys()
        self._open = present
        for uid in sorted(new):
            self._wait()
            self._read(uid)
        for uid, waiting in tuple(self._unknown.items()):
            self._recognise(uid, waiting)

    def _read(self, study_uid: str) -> None:
        """Take over what was kept of a study; its series may come later."""
        path = self._path(study_uid)
        try:
            text = path.read_text(encoding="utf-8")
            self._unknown[study_uid] = from_json(text, {})
        except FileNotFoundError:
            return
        except (OSError, UnicodeDecodeError, FormatError) as error:
            reason = error.user_message if isinstance(error, FormatError) else "It cannot be read."
            with suppress(OSError):  # not lost: it gets another name before a new one is begun
                path.replace(path.with_suffix(".unread"))
            self._say(f"The kept lesions of this study were set aside. {reason}")
            return
        self._written[study_uid] = text.removesuffix("\n")

    def _recognise(self, study_uid: str, waiting: tuple[Lesion, ...]) -> None:
        """Give lesions to the series of the study that are there by now."""
        known = {hashed(uid): uid for uid in _stacks(self._open[study_uid])}
        found = from_json(to_json(waiting), known)
        self._store.restore(lesion for lesion in found if not is_unknown(lesion))
        left = tuple(lesion for lesion in found if is_unknown(lesion))
        if left:
            self._unknown[study_uid] = left
        else:
            self._unknown.pop(study_uid, None)


def _stacks(study: Study) -> tuple[str, ...]:
    return tuple(stack.uid for series in study.series for stack in series.stacks)
