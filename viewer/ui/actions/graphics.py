"""Overlay planes of files on and off; read in the background when a series that has some is shown."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QRunnable, QThreadPool, Signal

from viewer.dicom.model import Problem
from viewer.errors import ViewerError
from viewer.state.layers import Role
from viewer.state.overlay_graphics import OverlayGraphics
from viewer.ui.binding import bind
from viewer.ui.commands import Command

if TYPE_CHECKING:
    from viewer.dicom.model import Stack
    from viewer.ui.context import UiContext

log = logging.getLogger(__name__)


class _Mailbox(QObject):
    """Carries masks from the pool's thread to the GUI thread."""

    answered = Signal(object, object)


class _Read(QRunnable):
    """The overlays of one stack; answers a mask, None, or a sentence."""

    def __init__(self, stack: Stack, mailbox: _Mailbox) -> None:
        super().__init__()
        self._stack = stack
        self._mailbox = mailbox

    def run(self) -> None:
        answer: object
        try:
            from viewer.dicom.overlay_planes import overlay_mask

            answer = overlay_mask(self._stack)
        except ViewerError as error:
            answer = error.user_message
        except OSError as error:
            answer = f"The overlays cannot be read ({error.strerror})."
        except Exception as error:  # noqa: BLE001 - the worker boundary: one of the two doors
            log.error("reading overlays failed: %s", type(error).__name__)  # noqa: TRY400 - values may stand in the trace
            answer = f"The overlays cannot be shown ({type(error).__name__})."
        self._mailbox.answered.emit(self._stack, answer)


class _Reader(QObject):
    """Reads the overlays of what is shown, one stack after the other."""

    def __init__(self, context: UiContext) -> None:
        super().__init__(context.window)
        self._view, self._library = context.view, context.library
        self._graphics = context.view.work.of(OverlayGraphics)
        self._asked: set[str] = set()
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(1)
        self._mailbox = _Mailbox()
        self._mailbox.answered.connect(self._answered)
        bind(self, self._view.layers_changed, self._read)

    def _read(self) -> None:
        for item in map(self._view.volume, Role):
            if item is not None and self._graphics.wanted(item.stack) and item.stack.uid not in self._asked:
                self._asked.add(item.stack.uid)
                self._pool.start(_Read(item.stack, self._mailbox))

    def _answered(self, stack: Stack, answer: object) -> None:
        self._asked.discard(stack.uid)
        if isinstance(answer, str):
            self._library.add_problem(Problem("", answer))
            answer = None
        if self._library.get(stack.uid) is not None:
            self._graphics.put(stack.uid, stack.geometry, answer)  # type: ignore[arg-type]


def commands(context: UiContext) -> Iterable[Command]:
    """The switch of the View menu."""
    view = context.view
    _Reader(context)

    def graphics() -> OverlayGraphics:
        return view.work.of(OverlayGraphics)

    yield Command(
        "view.graphics",
        "Graphics of the files (overlay planes)",
        lambda: graphics().toggle(),
        "View",
        enabled=lambda: any(
            graphics().has(item.volume.uid) for item in map(view.volume, Role) if item is not None
        ),
        checked=lambda: graphics().visible,
    )
