"""Work in the background gives way to the window: it is the window the user waits for."""

from __future__ import annotations

import logging
import os
import sys
import threading

NICENESS = 10
"""A tenth of the processor time of the window's thread when both want it, all of it when only the work does."""

_log = logging.getLogger(__name__)


def give_way() -> None:
    """Lower the priority of the calling thread, for good; only Linux has such a thing for a single thread here."""
    if sys.platform != "linux":
        return
    try:
        os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICENESS)
    except OSError:  # a sandbox may forbid it; the work is done all the same
        _log.debug("the priority of a thread could not be lowered")
