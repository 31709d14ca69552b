"""The Qt binding under the program is one that does not lose references.

PySide6 6.12.0 drops a reference of True at every `Signal.emit()` and of None at every virtual method written in
Python, which aborts a Python without immortal singletons (3.11) after some hundred signals. Short tests pass on it,
so this one counts. From Python 3.12 on the count is constant and the test proves only that nothing aborts.
"""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Signal
from PySide6.QtGui import QPainter, QPaintEvent
from PySide6.QtWidgets import QWidget

if TYPE_CHECKING:
    from pytestqt.qtbot import QtBot

EMITS = 20_000
REPAINTS = 200
# Caches fill and empty; a fault of one reference per call would show as thousands.
TOLERANCE = 100


class _Sender(QObject):
    flag = Signal(bool)
    nothing = Signal()


class _Canvas(QWidget):
    painted = 0

    def paintEvent(self, event: QPaintEvent) -> None:
        with QPainter(self) as painter:
            painter.drawLine(0, 0, 10, 10)
        self.painted += 1


def _references() -> dict[str, int]:
    return {repr(single): sys.getrefcount(single) for single in (True, False, None)}


def _assert_steady(before: dict[str, int]) -> None:
    after = _references()
    drift = {name: after[name] - before[name] for name in before}
    assert all(abs(change) < TOLERANCE for change in drift.values()), drift


def test_that_20000_signals_keep_the_references_of_the_singletons(qtbot: QtBot) -> None:
    sender = _Sender()
    received = [0]

    def count(*_: object) -> None:
        received[0] += 1

    sender.flag.connect(count)
    sender.nothing.connect(count)
    before = _references()
    for number in range(EMITS // 2):
        sender.flag.emit(bool(number % 2))
        sender.nothing.emit()
    _assert_steady(before)
    assert received == [EMITS]


def test_that_200_repaints_keep_the_references_of_the_singletons(qtbot: QtBot) -> None:
    canvas = _Canvas()
    qtbot.addWidget(canvas)
    canvas.resize(50, 50)
    with qtbot.waitExposed(canvas):
        canvas.show()
    first, before = canvas.painted, _references()
    for _ in range(REPAINTS):
        canvas.repaint()
    _assert_steady(before)
    assert canvas.painted - first == REPAINTS
