"""Reads the tags of a file off the GUI thread; only the newest wish is answered."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from viewer.errors import ViewerError

if TYPE_CHECKING:
    from pathlib import Path

    from viewer.dicom.tags import TagRow

log = logging.getLogger(__name__)


class _Mailbox(QObject):
    """Carries an answer from the pool's thread to the GUI thread."""

    answered = Signal(int, object)


class _Read(QRunnable):
    """One file; answers rows, or a sentence that says why there are none."""

    def __init__(self, number: int, path: Path, mailbox: _Mailbox) -> None:
        super().__init__()
        self._number = number
        self._path = path
        self._mailbox = mailbox

    def run(self) -> None:
        answer: tuple[TagRow, ...] | str
        try:
            from viewer.dicom.tags import tag_rows

            answer = tag_rows(self._path)
        except ViewerError as error:
            answer = error.user_message
        except OSError as error:
            answer = f"The file cannot be read: {error.strerror}."
        except Exception as error:  # noqa: BLE001 - the worker boundary: one of the two doors
            log.error("reading tags failed: %s", type(error).__name__)  # noqa: TRY400 - values may stand in the trace
            answer = f"The tags cannot be shown ({type(error).__name__})."
        self._mailbox.answered.emit(self._number, answer)


class TagReader(QObject):
    """One reading and one waiting at most.

    Signals
    -------
    finished
        (path, rows or sentence) of the newest wish.
    """

    finished = Signal(object, object)

    def __init__(self, parent: QObject) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._mailbox = _Mailbox()
        self._mailbox.answered.connect(self._answered)
        self._number = 0
        self._wanted: Path | None = None
        self._reading: Path | None = None

    def read(self, path: Path) -> None:
        """Ask for a file; a wish that was waiting is forgotten."""
        self._wanted = path
        if self._reading is None:
            self._start()

    def forget(self) -> None:
        """Answer nothing any more of what was asked before."""
        self._wanted = None
        self._number += 1
        self._reading = None

    def _start(self) -> None:
        if self._wanted is None:
            return
        self._number += 1
        self._reading, self._wanted = self._wanted, None
        self._pool.start(_Read(self._number, self._reading, self._mailbox))

    def _answered(self, number: int, answer: object) -> None:
        if number != self._number:
            return
        path, self._reading = self._reading, None
        if self._wanted is None:
            self.finished.emit(path, answer)
        else:
            self._start()
