"""State signals reach living widgets only, and never keep one alive."""

from __future__ import annotations

import gc
import weakref

import shiboken6
from psygnal import Signal
from PySide6.QtWidgets import QApplication, QCheckBox, QWidget

from viewer.ui.binding import bind, quiet


class Source:
    changed = Signal(int)


class Listener(QWidget):
    def __init__(self) -> None:
        super().__init__()
        self.heard: list[int] = []

    def hear(self, value: int) -> None:
        self.heard.append(value)
        self.setObjectName(str(value))  # fails when the C++ half is gone


def test_that_a_bound_widget_hears_the_state(qapp: QApplication) -> None:
    source, listener = Source(), Listener()
    bind(listener, source.changed, listener.hear)
    source.changed.emit(1)
    assert listener.heard == [1]


def test_that_a_widget_destroyed_by_qt_is_called_no_more(qapp: QApplication) -> None:
    source, listener = Source(), Listener()
    bind(listener, source.changed, listener.hear)
    shiboken6.delete(listener)
    source.changed.emit(1)
    assert listener.heard == []
    assert len(source.changed) == 0


def test_that_the_state_does_not_keep_a_widget_alive(qapp: QApplication) -> None:
    source, listener = Source(), Listener()
    bind(listener, source.changed, listener.hear)
    gone = weakref.ref(listener)
    del listener
    gc.collect()
    assert gone() is None
    source.changed.emit(1)


def test_that_a_quiet_change_raises_no_signal_and_signals_come_back_after_it(qapp: QApplication) -> None:
    box = QCheckBox()
    seen: list[bool] = []
    box.toggled.connect(seen.append)
    with quiet(box):
        box.setChecked(True)
    assert seen == []
    box.setChecked(False)
    assert seen == [False]
