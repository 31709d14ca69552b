"""The heavy libraries of this package, imported before the first file needs them."""

from __future__ import annotations

import importlib
import logging

LIBRARIES = ("imagecodecs", "pydicom", "numpy.ma")
"""numpy imports its masked arrays at the first percentile."""

_log = logging.getLogger(__name__)


def import_libraries() -> None:
    """Import them one after the other; what is missing is said where it is needed, with what the user can do."""
    for name in LIBRARIES:
        try:
            importlib.import_module(name)
        except ImportError:
            _log.info("%s cannot be imported", name)
