"""The composition root: makes the application, the window and what they share."""

from __future__ import annotations

import gc
import logging
import os
import signal
import sys
import threading
from collections.abc import Callable, Sequence
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtGui import QGuiApplication
from PySide6.QtWidgets import QApplication

import viewer
from viewer.archive.address import Place
from viewer.errors import SettingsError
from viewer.settings import Settings, config_dir
from viewer.ui.lean_imports import lean_numpy
from viewer.ui.main_window import MainWindow
from viewer.ui.theme import apply_theme

log = logging.getLogger(__name__)

UNPAINTED_MS = 100
"""A frame that the system has not let paint by then is furnished all the same."""

SWITCH_S = 0.0005
"""How long a thread may keep the interpreter when another one asks for it; Python's own value is 5 ms."""


def application() -> QApplication:
    """The one QApplication, made when there is none."""
    existing = QApplication.instance()
    if isinstance(existing, QApplication):
        return existing
    app = QApplication(["triptych"])
    app.setApplicationName("Triptych")
    app.setApplicationVersion(viewer.__version__)
    QGuiApplication.setDesktopFileName("triptych")
    return app


def make_window(settings: Settings) -> MainWindow:
    """A main window, furnished; see `furnish`."""
    window = MainWindow(settings)
    furnish(window)
    return window


def furnish(window: MainWindow) -> None:
    """Fill the frame, with the user's keys and presets; broken user files are reported, not obeyed."""
    lean_numpy()
    # Imported here: the frame is on the screen before numpy and most of the program have been read.
    from viewer.dicom.model import Problem
    from viewer.ui.commands import Shortcuts
    from viewer.ui.presets import PresetBook

    problems: list[Problem] = []
    try:
        shortcuts = Shortcuts(config_dir() / "shortcuts.toml")
    except SettingsError as error:
        problems.append(Problem("shortcuts.toml", f"{error.user_message} The built-in keys are used."))
        shortcuts = Shortcuts()
    try:
        presets = PresetBook(config_dir() / "presets.json")
    except SettingsError as error:
        problems.append(Problem("presets.json", f"{error.user_message} The built-in presets are used."))
        presets = PresetBook(config_dir() / "presets-new.json")
    window.furnish(shortcuts, presets)
    for problem in problems:
        window.context.library.add_problem(problem)


def make_ready(window: MainWindow) -> None:
    """What a window that is shown needs to open studies without a stall."""
    from viewer.ui.warm_up import WarmUp

    # What the window is made of stays: without this the first collection would look through it before it is painted.
    gc.freeze()
    gc.enable()
    # While a study loads, other threads hold the interpreter: the window must not wait for it at every call.
    sys.setswitchinterval(SWITCH_S)
    WarmUp(window.sections.build_next, window.grid.panes, window)


def run(paths: Sequence[Place] = (), *, demo: bool = False) -> int:
    """Show the window, open what is asked for, and stay until it is closed.

    Parameters
    ----------
    paths
        Folders, files, archives or addresses to open.
    demo
        Open the built-in study.

    Returns
    -------
    int
        Exit code of the program.
    """
    settings = Settings.load()
    # Qt reads the factor once, when the application is made.
    os.environ.setdefault("QT_SCALE_FACTOR", f"{float(str(settings.get('ui.scale'))):g}")
    app = application()
    apply_theme(app, str(settings.get("ui.theme")))
    window = MainWindow(settings)
    failure: list[BaseException] = []

    def complete() -> None:
        try:
            furnish(window)
            _install_hooks(window)
            make_ready(window)
        except BaseException as error:  # noqa: BLE001 - raised again below, outside Qt's event loop
            failure.append(error)
            app.quit()
            return
        if demo:
            from viewer.ui.opening import open_demo

            QTimer.singleShot(0, lambda: open_demo(window.context))
        elif paths:
            QTimer.singleShot(0, lambda: window.open(paths))

    after_first_paint(window, complete)
    window.show()
    code = app.exec()
    if failure:
        raise failure[0]
    return code


def after_first_paint(window: MainWindow, then: Callable[[], None]) -> None:
    """Call once when the frame is on the screen, or when that takes too long."""
    timer = QTimer(window)
    timer.setSingleShot(True)
    timer.timeout.connect(then)
    timer.start(UNPAINTED_MS)
    # Not within the paint event: what is painted is handed to the system when it has ended.
    window.first_painted.connect(lambda: timer.start(0) if timer.isActive() else None)


def _install_hooks(window: MainWindow) -> None:
    """The second door: whatever escapes a slot becomes one line in the problems panel."""

    def report(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        if issubclass(kind, KeyboardInterrupt):
            sys.__excepthook__(kind, error, trace)
            return
        from viewer.dicom.model import Problem

        log.error("unexpected error", exc_info=(kind, error, trace))
        window.context.library.add_problem(
            Problem(
                "",
                f"An internal error occurred ({kind.__name__}); the program goes on. Details are in the log.",
            )
        )

    sys.excepthook = report
    threading.excepthook = lambda args: log.error("error in a thread: %s", args.exc_type.__name__)
    signal.signal(signal.SIGINT, signal.SIG_DFL)
