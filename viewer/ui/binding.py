"""Connect state signals to widgets without keeping the widgets alive and without calling into dead ones."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from psygnal import SignalInstance
from PySide6.QtCore import QObject, QSignalBlocker


def bind(owner: QObject, signal: SignalInstance, slot: Callable[..., Any]) -> None:
    """Call a bound method of a Qt object whenever a state signal fires, until the object is destroyed.

    The signal holds the object weakly; when Qt destroys it (a parent was deleted while Python still holds a
    reference) the connection is cut, so that no call reaches an object whose C++ half is gone.

    Parameters
    ----------
    owner
        The object whose life the connection shares.
    signal
        A psygnal signal instance.
    slot
        A bound method, normally of `owner`.
    """
    signal.connect(slot)
    weak = weakref.WeakMethod(slot)

    def release() -> None:
        method = weak()
        if method is not None:
            signal.disconnect(method, missing_ok=True)

    owner.destroyed.connect(release)


@contextmanager
def quiet(*objects: QObject) -> Iterator[None]:
    """Set widgets without their signals coming back as if the user had done it."""
    blockers = [QSignalBlocker(item) for item in objects]
    try:
        yield
    finally:
        for blocker in blockers:
            blocker.unblock()
