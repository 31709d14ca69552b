"""Work that must not hold up the window, one thread a job."""

from __future__ import annotations

import logging
from collections.abc import Callable

from PySide6.QtCore import QEvent, QObject, QThread, Signal
from PySide6.QtWidgets import QWidget

from viewer.errors import Cancelled, ViewerError

logger = logging.getLogger(__name__)


class Work(QThread):
    """Call a function in a thread of its own and say how it went.

    Parameters
    ----------
    function
        Runs in the thread; must not touch widgets or the view.

    Signals
    -------
    succeeded
        The function returned.
    failed
        A sentence for the user.
    cancelled
        The function raised `Cancelled`.
    """

    succeeded = Signal()
    failed = Signal(str)
    cancelled = Signal()

    def __init__(self, function: Callable[[], object], parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._function = function

    def run(self) -> None:
        """Qt's entry point of the thread."""
        try:
            self._function()
        except Cancelled:
            self.cancelled.emit()
        except ViewerError as error:
            self.failed.emit(error.user_message)
        except Exception:  # the worker boundary: whatever happens reaches the user once
            logger.exception("a job failed")
            self.failed.emit("It failed for an unexpected reason; the log has the details.")
        else:
            self.succeeded.emit()


class Jobs(QObject):
    """The works of one window; closing it waits for them.

    Parameters
    ----------
    window
        Their owner.
    """

    def __init__(self, window: QWidget) -> None:
        super().__init__(window)
        self.setObjectName("jobs")
        self._running: set[Work] = set()
        window.installEventFilter(self)

    @staticmethod
    def of(window: QWidget) -> Jobs:
        """The jobs of a window, made at the first call."""
        found = window.findChild(Jobs)
        return found if isinstance(found, Jobs) else Jobs(window)

    @property
    def busy(self) -> bool:
        """Whether any of them runs."""
        return bool(self._running)

    def run(
        self, function: Callable[[], object], succeeded: Callable[[], None], failed: Callable[[str], None]
    ) -> None:
        """Call a function in a thread of its own, then one of the others in this one.

        Parameters
        ----------
        function
            Must not touch widgets or the view.
        succeeded, failed
            What follows; the second one gets a sentence for the user.
        """
        work = Work(function, self)
        work.succeeded.connect(succeeded)
        work.failed.connect(failed)
        work.finished.connect(lambda: self._ended(work))
        self._running.add(work)
        work.start()

    def _ended(self, work: Work) -> None:
        self._running.discard(work)
        work.deleteLater()

    def eventFilter(self, watched: QObject, event: QEvent) -> bool:
        if event.type() == QEvent.Type.Close:
            for work in tuple(self._running):
                work.wait()
        return super().eventFilter(watched, event)
