"""Work that must not hold up the window, one thread a job."""

from __future__ import annotations

import logging
from collections.abc import Callable

from PySide6.QtCore import QObject, QThread, Signal

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

    def __init__(self, function: Callable[[], None], parent: QObject | None = None) -> None:
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
            logger.exception("an export failed")
            self.failed.emit("The export failed for an unexpected reason; the log has the details.")
        else:
            self.succeeded.emit()
