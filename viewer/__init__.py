"""Triptych: a desktop viewer for DICOM studies in three linked planes.

Importing the package imports nothing heavy; `viewer.open_study` and `viewer.render` (see `viewer.api`) are loaded when
they are first asked for.
"""

from __future__ import annotations

import importlib
from typing import Any

__version__ = "0.1.0"
__all__ = ["__version__", "open_study", "render"]


def __getattr__(name: str) -> Any:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module("viewer.api"), name)
