"""The thread that keeps volumes on the disk: while nothing is loaded, at low priority, given up when it must be.

A load that begins while a volume is written ends the writing; it begins anew when nothing is loaded any more, if the
volume is still there then.
"""

from __future__ import annotations

import threading
import time
from collections import deque

from viewer.errors import Cancelled
from viewer.loading.priority import give_way
from viewer.loading.volume_copies import VolumeCopies, Wish

MOST_WAITING = 4
"""Wishes beyond these are forgotten, the oldest first."""
PAUSE_S = 0.001
"""Between two slices, so that the window's thread never waits long for a processor."""
_STOP_S = 2.0


class CopyWriter:
    """Writes what is wished, one volume at a time.

    Parameters
    ----------
    copies
        Where to.
    """

    def __init__(self, copies: VolumeCopies) -> None:
        self._copies = copies
        self._change = threading.Condition()
        self._wishes: deque[Wish] = deque(maxlen=MOST_WAITING)
        self._idle = False
        self._stopped = False
        self._give_up = False
        self._writing = False
        self._thread: threading.Thread | None = None

    @property
    def busy(self) -> bool:
        """Whether something is being written or waits for it."""
        with self._change:
            return self._writing or bool(self._wishes)

    def wish(self, wish: Wish) -> None:
        """Ask for a volume to be kept; from any thread."""
        with self._change:
            if self._stopped:
                return
            self._wishes.append(wish)
            if self._thread is None:
                self._thread = threading.Thread(target=self._serve, name="copy-writer", daemon=True)
                self._thread.start()
            self._change.notify_all()

    def set_idle(self, idle: bool) -> None:
        """Say whether nothing is loaded, so that it may write."""
        with self._change:
            self._idle = idle
            self._change.notify_all()

    def forget(self) -> None:
        """Give up what is being written and all wishes; returns when nothing is written any more."""
        with self._change:
            self._wishes.clear()
            self._give_up = True
            self._change.wait_for(lambda: not self._writing, _STOP_S)
            self._give_up = False

    def stop(self) -> None:
        """Give up what is written, and end the thread."""
        with self._change:
            self._stopped = True
            self._wishes.clear()
            self._change.notify_all()
        if self._thread is not None:
            self._thread.join(_STOP_S)

    def _serve(self) -> None:
        give_way()
        while True:
            with self._change:
                self._change.wait_for(lambda: self._stopped or (self._idle and self._wishes))
                if self._stopped:
                    return
                wish = self._wishes.popleft()
                self._writing = True
            try:
                self._copies.write(wish, self._check)
            except Cancelled:
                with self._change:
                    if self._may_go_on():
                        self._wishes.appendleft(wish)
            finally:
                with self._change:
                    self._writing = False
                    self._change.notify_all()

    def _check(self) -> None:
        if not (self._idle and self._may_go_on()):
            raise Cancelled
        time.sleep(PAUSE_S)

    def _may_go_on(self) -> bool:
        return not (self._stopped or self._give_up)
