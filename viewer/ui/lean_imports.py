"""Imports without what slows them down; called before the window's modules are imported."""

from __future__ import annotations

import builtins
import os
from typing import Final

_BLAS_THREADS: Final = "OPENBLAS_NUM_THREADS"


def lean_qt() -> None:
    """Import Qt so that no later import does work nobody needs.

    PySide6 replaces Python's import by one that reads the source text of every imported module and keeps it, to find
    out whether it wants snake_case names (`__feature__`). Nothing here does, so the one before it, which PySide6 keeps,
    is put back: worth a tenth of the start, and the text of a thousand modules in memory.
    """
    import PySide6.QtWidgets  # noqa: F401

    original = getattr(builtins, "__orig_import__", None)
    if original is not None:
        builtins.__import__ = original


def lean_numpy() -> None:
    """Import numpy without threads.

    Its linear algebra starts a thread per core that spins for work. The window's process multiplies 4x4 matrices;
    processes started from here decide for themselves.
    """
    wanted = os.environ.get(_BLAS_THREADS)
    os.environ.setdefault(_BLAS_THREADS, "1")
    try:
        import numpy as np  # noqa: F401
    finally:
        if wanted is None:
            del os.environ[_BLAS_THREADS]
